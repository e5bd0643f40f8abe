/* unit/client/mysql_link: one connection against a server that a test makes up.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "fake_mysql.h"
#include "weir/mysql_client.h"

typedef struct bed {
    fake_mysql     server;
    const char    *spoil; /* statements that begin so get this answer */
    fake_mysql_way way;
    uint32_t       met; /* statements that began so */
    weir_mysql    *mysql;
    weir_err       err;
} bed;

static void answer(void *self, uint64_t id, fake_mysql_event event, weir_str sql,
                   fake_mysql_answer *out)
{
    bed *b = self;
    (void)id;
    if (event != FAKE_MYSQL_QUERY || b->spoil == NULL || !weir_str_starts(sql, b->spoil))
        return;
    b->met++;
    out->way = b->way;
    out->number = 1146;
    out->state = "42S02";
}

/* `host` NULL: none is given. */
static void set_up(bed *b, fake_mysql_kind kind, const char *host)
{
    memset(b, 0, sizeof *b);
    weir_err_clear(&b->err);
    fake_mysql_start(&b->server, kind, answer, b);
    weir_mysql_setup setup = {.host = host,
                              .user = "weir",
                              .password = "secret",
                              .database = "shop",
                              .port = b->server.port,
                              .connect_timeout_us = 5000000};
    CHECK_OK(weir_mysql_open(&setup, &b->mysql, &b->err), &b->err);
}

static void tear_down(bed *b)
{
    weir_mysql_close(b->mysql);
    fake_mysql_stop(&b->server);
}

static void without_a_host_it_is_this_machine(void **state)
{
    bed b;
    (void)state;
    set_up(&b, FAKE_MYSQL_8, NULL);
    CHECK_OK(weir_mysql_run(b.mysql, WEIR_STR("COMMIT"), NULL, &b.err), &b.err);
    CHECK_U64(b.server.connections, 1);
    tear_down(&b);
}

static void a_server_is_told_apart_by_its_version(void **state)
{
    (void)state;
    for (fake_mysql_kind kind = FAKE_MYSQL_8; kind <= FAKE_MYSQL_OLD_MARIA; kind++) {
        bed b;
        set_up(&b, kind, "127.0.0.1");
        CHECK_INT(weir_mysql_is_mariadb(b.mysql), kind != FAKE_MYSQL_8);
        tear_down(&b);
    }
}

/* A message shows where a statement begins: never its values, which may be anybody's. */
static void a_message_names_the_first_words_of_a_statement(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *says, *hides;
    } cases[] = {
        {"DO this\nand that", "DO this: made up (1146)", "that"},
        {"DO (secret)", "DO : made up", "secret"},
        {"DO what takes many more words than a message has room for",
         "DO what takes many more words than a me: made up", "message"},
        {"DO", "DO: made up", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bed b;
        set_up(&b, FAKE_MYSQL_8, "127.0.0.1");
        b.spoil = "DO";
        b.way = FAKE_MYSQL_FAIL;
        CHECK_FAILS(weir_mysql_run(b.mysql, weir_str_of(cases[i].sql), NULL, &b.err),
                    WEIR_E_REMOTE, &b.err);
        CHECK_INT(b.err.exit, WEIR_EXIT_SINK_SCHEMA);
        CHECK_SAYS(&b.err, cases[i].says);
        CHECK(cases[i].hides == NULL || strstr(b.err.msg, cases[i].hides) == NULL);
        tear_down(&b);
    }
}

#define UPSERT "INSERT INTO t VALUES (?)"

static weir_code write_rows(bed *b, bool *out_known)
{
    static const int32_t values[3] = {1, 2, 3};
    weir_mysql_array     array = {.kind = WEIR_MYSQL_I32, .values = values};
    weir_mysql_rows      rows = {.array = &array, .arrays = 1, .count = 3};
    return weir_mysql_bulk(b->mysql, WEIR_STR(UPSERT), &rows, out_known, &b->err);
}

/* Nothing is sent to a server that knows no arrays: the caller writes in another way. */
static void a_server_without_arrays_is_not_asked(void **state)
{
    (void)state;
    static const fake_mysql_kind kinds[] = {FAKE_MYSQL_8, FAKE_MYSQL_OLD_MARIA,
                                            FAKE_MYSQL_MARIADB};
    for (size_t i = 0; i < 3; i++) {
        bed  b;
        bool known = false;
        set_up(&b, kinds[i], "127.0.0.1");
        b.spoil = "INSERT";
        b.way = FAKE_MYSQL_OK;
        CHECK_OK(write_rows(&b, &known), &b.err);
        CHECK_INT(known, kinds[i] == FAKE_MYSQL_MARIADB);
        pthread_mutex_lock(&b.server.lock);
        CHECK_INT(b.met, kinds[i] == FAKE_MYSQL_MARIADB);
        pthread_mutex_unlock(&b.server.lock);
        tear_down(&b);
    }
}

/* A prepared statement does not outlive its connection: that is a lost connection, too. */
static void rows_behind_a_lost_connection_are_not_written(void **state)
{
    bed  b;
    bool known = false;
    (void)state;
    set_up(&b, FAKE_MYSQL_MARIADB, "127.0.0.1");
    CHECK_OK(write_rows(&b, &known), &b.err);
    b.spoil = "COMMIT";
    b.way = FAKE_MYSQL_DROP;
    CHECK_FAILS(weir_mysql_run(b.mysql, WEIR_STR("COMMIT"), NULL, &b.err), WEIR_E_REMOTE,
                &b.err);
    for (int times = 0; times < 2; times++) {
        CHECK_FAILS(write_rows(&b, &known), WEIR_E_REMOTE, &b.err);
        CHECK_INT(b.err.fate, WEIR_FATE_RETRY);
        CHECK_INT(weir_mysql_last(b.mysql).kind, WEIR_MYSQL_LOST);
    }
    tear_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_a_host_it_is_this_machine),
        TEST(a_server_is_told_apart_by_its_version),
        TEST(a_message_names_the_first_words_of_a_statement),
        TEST(a_server_without_arrays_is_not_asked),
        TEST(rows_behind_a_lost_connection_are_not_written),
    };
    return RUN_TESTS(tests);
}
