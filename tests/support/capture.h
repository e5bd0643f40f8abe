/* tests/capture: what was written to stderr, as text; and folders that go away.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_CAPTURE_H
#define TESTS_CAPTURE_H

#include "weir/buf.h"

/* From here to capture_end stderr goes into a file; capture_end gives what is in it. */
void     capture_start(void);
weir_buf capture_end(void); /* NUL-terminated; weir_buf_done it */

/* A new empty folder; capture_folder_gone removes it with all that is in it and frees the
   name. */
char *capture_folder(void);
void  capture_folder_gone(char *folder);

/* Writes a file whole, or reads it whole (NUL-terminated); stops the test when it cannot. */
void     capture_write(const char *folder, const char *name, weir_str bytes);
weir_buf capture_read(const char *folder, const char *name);

#endif
