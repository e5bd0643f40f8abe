/* tests of base/error
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

static weir_err err;

static void a_failure_carries_code_fate_message_and_place(void **state)
{
    (void)state;
    CHECK_INT(weir_fail(&err, WEIR_E_IO, "could not read '%s'", "f"), WEIR_E_IO);
    CHECK_INT(err.code, WEIR_E_IO);
    CHECK_INT(err.fate, WEIR_FATE_HALT);
    CHECK_INT(err.exit, WEIR_EXIT_JOB);
    CHECK_INT(err.sql_at, -1);
    CHECK_INT(err.row, -1);
    CHECK_TEXT(err.msg, "could not read 'f'");
    CHECK_TEXT(err.hint, "");
    CHECK_HOLDS(err.where, "test_error.c:");
}

static void the_place_is_relative_to_the_tree(void **state)
{
    (void)state;
    (void)weir_fail(&err, WEIR_E_IO, "x");
    CHECK(err.where[0] != '/');
}

static void usage_errors_exit_with_two(void **state)
{
    (void)state;
    (void)weir_fail(&err, WEIR_E_CONFIG, "x");
    CHECK_INT(err.exit, WEIR_EXIT_USAGE);
    (void)weir_fail(&err, WEIR_E_SQL, "x");
    CHECK_INT(err.exit, WEIR_EXIT_USAGE);
    (void)weir_halt(&err, WEIR_EXIT_FENCED, WEIR_E_CONFLICT, "x");
    CHECK_INT(err.exit, WEIR_EXIT_FENCED);
    CHECK_INT(err.fate, WEIR_FATE_HALT);
}

static void retry_and_skip_set_the_fate(void **state)
{
    (void)state;
    (void)weir_retry(&err, WEIR_E_REMOTE, "x");
    CHECK_INT(err.fate, WEIR_FATE_RETRY);
    (void)weir_skip(&err, WEIR_E_DECODE, "x");
    CHECK_INT(err.fate, WEIR_FATE_SKIP_RECORD);
}

static void notes_come_in_front(void **state)
{
    (void)state;
    (void)weir_fail(&err, WEIR_E_REMOTE, "connection refused");
    (void)weir_err_hint(&err, "is '%s' up?", "db");
    (void)weir_err_note(&err, "could not reach '%s'", "db:3306");
    CHECK_INT(weir_err_note(&err, "opening sink 'orders'"), WEIR_E_REMOTE);
    CHECK_TEXT(err.msg,
               "opening sink 'orders': could not reach 'db:3306': connection refused");
    CHECK_TEXT(err.hint, "is 'db' up?");
}

static void texts_that_are_too_long_are_cut_and_terminated(void **state)
{
    (void)state;
    char many[1000];
    memset(many, 'x', sizeof many - 1);
    many[sizeof many - 1] = '\0';
    (void)weir_fail(&err, WEIR_E_IO, "%s", many);
    CHECK_U64(strlen(err.msg), sizeof err.msg - 1);
    (void)weir_err_note(&err, "front");
    CHECK_U64(strlen(err.msg), sizeof err.msg - 1);
    CHECK(strncmp(err.msg, "front: xxx", 10) == 0);
    (void)weir_err_note(&err, "%s", many);
    CHECK_U64(strlen(err.msg), sizeof err.msg - 1);
    (void)weir_err_hint(&err, "%s", many);
    CHECK_U64(strlen(err.hint), sizeof err.hint - 1);
}

static void a_place_in_the_sql_is_kept(void **state)
{
    (void)state;
    (void)weir_fail(&err, WEIR_E_SQL, "x");
    CHECK_INT(weir_err_at(&err, 17), WEIR_E_SQL);
    CHECK_INT(err.sql_at, 17);
    weir_err_clear(&err);
    CHECK_INT(err.code, WEIR_OK);
    CHECK_INT(err.sql_at, -1);
}

static void every_code_and_exit_has_a_name(void **state)
{
    (void)state;
    for (int code = WEIR_OK; code <= WEIR_E_STOPPED; code++)
        CHECK(strcmp(weir_code_name((weir_code)code), "?") != 0);
    CHECK_TEXT(weir_code_name(WEIR_E_REMOTE), "REMOTE");
    CHECK_TEXT(weir_code_name((weir_code)99), "?");
    for (int code = WEIR_EXIT_FENCED; code <= WEIR_EXIT_SINK_PATH; code++)
        CHECK(strcmp(weir_exit_name((weir_exit)code), "?") != 0);
    CHECK_TEXT(weir_exit_name(WEIR_EXIT_FENCED), "FENCED");
    CHECK_TEXT(weir_exit_name((weir_exit)5), "?");
    CHECK_TEXT(weir_exit_name((weir_exit)21), "?");
}

static void a_failed_assert_aborts(void **state)
{
    (void)state;
    weir_assert(1 + 1 == 2);
    CHECK_ABORTS(weir_assert(1 + 1 == 3));
    CHECK_ABORTS((void)weir_fail(NULL, WEIR_E_IO, "x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_failure_carries_code_fate_message_and_place),
        TEST(the_place_is_relative_to_the_tree),
        TEST(usage_errors_exit_with_two),
        TEST(retry_and_skip_set_the_fate),
        TEST(notes_come_in_front),
        TEST(texts_that_are_too_long_are_cut_and_terminated),
        TEST(a_place_in_the_sql_is_kept),
        TEST(every_code_and_exit_has_a_name),
        TEST(a_failed_assert_aborts),
    };
    return RUN_TESTS(tests);
}
