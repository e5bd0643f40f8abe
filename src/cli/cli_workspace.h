/* cli/workspace: a folder of this process for a while: bounded, private, gone at its end.
 *
 * Below $TMPDIR or /tmp. A killed process leaves it; the next one that opens a workspace
 * removes it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLI_WORKSPACE_H
#define CLI_WORKSPACE_H

#include "cli.h"

#define CLI_SPOOL_DEFAULT (16ull << 30) /* bytes */
#define CLI_SPOOL_LEAST (64ull << 10)

typedef struct cli_workspace {
    const char *path; /* NULL: none */
    int         lock; /* its file, held */
    uint64_t    bytes_max;
    int64_t     looked_us; /* monotonic: when its bytes were counted */
} cli_workspace;

/* `arena` gets its path. IO when it cannot be made. */
weir_code cli_workspace_open(cli_workspace *space, uint64_t bytes_max, weir_arena *arena,
                             weir_err *err) WEIR_MUST_CHECK;
/* LIMIT when there is more in it than bytes_max. Counts once a second, and when it is `due`. */
weir_code cli_workspace_check(cli_workspace *space, bool due,
                              weir_err *err) WEIR_MUST_CHECK;
void      cli_workspace_close(const cli_workspace *space); /* removes it */

#endif
