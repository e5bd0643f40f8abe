/* Whether two sinks write one database, against servers that a test makes up.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "fake_database.h"
#include "sink_bench.h"

typedef struct bed {
    fake_database database[2];
    sink_bench    bench[2];
    weir_sink    *sink[2];
    weir_err      err;
} bed;

static void set_up(bed *b, bool one_server)
{
    weir_err_clear(&b->err);
    for (int i = 0; i < 2; i++) {
        fake_database_start(&b->database[i], FAKE_MYSQL_8);
        bench_start(&b->bench[i], "mysql", b->database[one_server ? 0 : i].options);
        CHECK_OK(weir_sink_new(b->bench[i].kind, &b->bench[i].setup, &b->sink[i], &b->err),
                 &b->err);
    }
}

static void tear_down(bed *b)
{
    for (int i = 0; i < 2; i++) {
        weir_sink_free(b->sink[i]);
        bench_stop(&b->bench[i]);
        fake_database_stop(&b->database[i]);
    }
}

static weir_code ask(bed *b, bool *out)
{
    weir_code rc = b->sink[0]->kind->same(b->sink[0], b->sink[1], out, &b->err);
    fake_database_settle(&b->database[0]);
    return rc;
}

static void one_database_is_one_and_two_are_two(void **state)
{
    (void)state;
    static const struct {
        bool        one_server;
        const char *name; /* of the second's database; NULL: the same */
        bool        same;
    } cases[] = {{true, NULL, true}, {true, "other", false}, {false, NULL, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bed  b;
        bool same = !cases[i].same;
        set_up(&b, cases[i].one_server);
        if (cases[i].name != NULL)
            b.database[0].fault[0] = (database_fault){.statement = "SELECT IF(",
                                                      .skip = 1,
                                                      .times = 1,
                                                      .way = FAKE_MYSQL_ROWS,
                                                      .cell = 1,
                                                      .value = cases[i].name};
        CHECK_OK(ask(&b, &same), &b.err);
        CHECK_INT(same, cases[i].same);
        CHECK_U64(b.database[0].holder, 0); /* the lock was given back */
        tear_down(&b);
    }
}

/* A holder that is no number, or another's: not the same, and no error. */
static void a_lock_of_others_tells_nothing(void **state)
{
    (void)state;
    static const char *const holders[] = {"nobody", "99", NULL};
    for (size_t i = 0; i < 3; i++) {
        bed  b;
        bool same = true;
        set_up(&b, true);
        b.database[0].fault[0] = (database_fault){.statement = "SELECT IS_USED_LOCK",
                                                  .times = 1,
                                                  .way = FAKE_MYSQL_ROWS,
                                                  .cell = 1,
                                                  .value = holders[i]};
        CHECK_OK(ask(&b, &same), &b.err);
        CHECK(!same);
        tear_down(&b);
    }
}

static void a_server_that_goes_away_is_asked_later(void **state)
{
    (void)state;
    static const struct {
        const char    *statement;
        int            skip;
        fake_mysql_way way;
    } cases[] = {
        {"SELECT CONNECTION_ID", 0, FAKE_MYSQL_DROP},
        {"SELECT GET_LOCK", 0, FAKE_MYSQL_DROP},
        {"SELECT GET_LOCK", 0, FAKE_MYSQL_ROWS}, /* "0": it is not given */
        {"SELECT IS_USED_LOCK", 0, FAKE_MYSQL_DROP},
        {"SELECT RELEASE_LOCK", 0, FAKE_MYSQL_DROP},
        {"SELECT IF(", 0, FAKE_MYSQL_DROP},
        {"SELECT IF(", 1, FAKE_MYSQL_DROP},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bed  b;
        bool same = true;
        set_up(&b, true);
        b.database[0].fault[0] = (database_fault){.statement = cases[i].statement,
                                                  .skip = cases[i].skip,
                                                  .times = 1,
                                                  .way = cases[i].way,
                                                  .cell = 1,
                                                  .value = "0"};
        CHECK_FAILS(ask(&b, &same), WEIR_E_REMOTE, &b.err);
        CHECK_INT(b.err.fate, WEIR_FATE_RETRY);
        CHECK(!same);
        CHECK_OK(ask(&b, &same), &b.err); /* over new connections where they are needed */
        CHECK(same);
        if (i == 0) { /* the server lets nobody in behind a connection that was lost */
            b.database[0].fault[0] = (database_fault){
                .statement = "SELECT GET_LOCK", .times = 1, .way = FAKE_MYSQL_DROP};
            CHECK_FAILS(ask(&b, &same), WEIR_E_REMOTE, &b.err);
            b.database[0].fault[0] = (database_fault){
                .statement = "", .times = 1, .way = FAKE_MYSQL_FAIL, .number = 1040};
            CHECK_FAILS(ask(&b, &same), WEIR_E_REMOTE, &b.err);
            CHECK_INT(b.err.fate, WEIR_FATE_RETRY);
        }
        tear_down(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_database_is_one_and_two_are_two),
        TEST(a_lock_of_others_tells_nothing),
        TEST(a_server_that_goes_away_is_asked_later),
    };
    return RUN_TESTS(tests);
}
