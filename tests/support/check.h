/* tests/check: what every cmocka test includes: cmocka's headers, and checks for our types.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "weir/error.h"
#include "weir/str.h"

/* A test's name is its function's name: a sentence. */
#define TEST(name) cmocka_unit_test(name)
#define RUN_TESTS(tests) cmocka_run_group_tests((tests), NULL, NULL)

#define CHECK(x) check_true((x), #x, __FILE__, __LINE__)
#define CHECK_INT(a, b) check_int((int64_t)(a), (int64_t)(b), #a, __FILE__, __LINE__)
#define CHECK_U64(a, b) check_u64((uint64_t)(a), (uint64_t)(b), #a, __FILE__, __LINE__)
#define CHECK_TEXT(a, b) check_str(weir_str_of(a), weir_str_of(b), #a, __FILE__, __LINE__)
#define CHECK_STR(a, text) check_str((a), weir_str_of(text), #a, __FILE__, __LINE__)
#define CHECK_SAME(a, b) check_str((a), (b), #a, __FILE__, __LINE__)
/* The call gives WEIR_OK; else the error's text is shown. */
#define CHECK_OK(call, err) check_code((call), WEIR_OK, (err), #call, __FILE__, __LINE__)
#define CHECK_FAILS(call, code, err)                                                       \
    check_code((call), (code), (err), #call, __FILE__, __LINE__)
/* The error's message, or hint, holds the text. */
#define CHECK_SAYS(err, text) check_holds((err)->msg, (text), __FILE__, __LINE__)
#define CHECK_HINTS(err, text) check_holds((err)->hint, (text), __FILE__, __LINE__)
#define CHECK_HOLDS(text, part) check_holds((text), (part), __FILE__, __LINE__)
/* The statement makes the process abort (a weir_assert). Not under a debugger. */
#define CHECK_ABORTS(statement)                                                            \
    do {                                                                                   \
        if (check_in_child(__FILE__, __LINE__)) {                                          \
            statement;                                                                     \
            check_child_lived();                                                           \
        }                                                                                  \
    } while (0)

void check_true(bool is, const char *what, const char *file, int line);
void check_int(int64_t a, int64_t b, const char *what, const char *file, int line);
void check_u64(uint64_t a, uint64_t b, const char *what, const char *file, int line);
void check_str(weir_str a, weir_str b, const char *what, const char *file, int line);
void check_code(weir_code is, weir_code want, const weir_err *err, const char *what,
                const char *file, int line);
void check_holds(const char *text, const char *part, const char *file, int line);
bool check_in_child(const char *file, int line);
_Noreturn void check_child_lived(void);

#endif
