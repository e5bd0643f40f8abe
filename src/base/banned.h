/* base/banned: calls that nobody in src/ makes. CMake includes this in front of every .c file.
 *
 * Redeclared with an error attribute, so that a call breaks the build while a member or a
 * variable of the same name, in our code or in a library's header, does not. Clang takes that
 * attribute on first declarations only; there the test tidy is the guard.
 * In base/, which implements the replacements, memory and time are allowed; the test tidy
 * narrows that to the files concerned.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#ifndef __clang__

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BANNED(why) __attribute__((error(why)))

extern char *strcpy(char *, const char *) BANNED("use weir_buf or weir_str_copy");
extern char *strcat(char *, const char *) BANNED("use weir_buf");
extern char *strtok(char *, const char *) BANNED("use weir_str");
extern int   sprintf(char *, const char *, ...) BANNED("use snprintf or weir_buf_format");
extern int   atoi(const char *) BANNED("use weir_str_to_i64");
extern struct tm *gmtime(const time_t *) BANNED("use weir_civil_from_us");
extern struct tm *localtime(const time_t *) BANNED("use weir_civil_from_us");
extern int        rand(void) BANNED("use weir_random_nonce");

#ifndef WEIR_ROOM_IS_BASE
extern void *malloc(size_t) BANNED("use an arena or weir_heap_new");
extern void *calloc(size_t, size_t) BANNED("use an arena or weir_heap_new");
extern void *realloc(void *, size_t) BANNED("use weir_heap_grow");
extern void  free(void *) BANNED("use weir_heap_free");
extern char *strdup(const char *) BANNED("use weir_str_copy or weir_arena_text");
extern time_t time(time_t *) BANNED("use the weir_clock that was given");
extern int clock_gettime(clockid_t, struct timespec *) BANNED("use the weir_clock that was given");
#endif

#endif

#endif
