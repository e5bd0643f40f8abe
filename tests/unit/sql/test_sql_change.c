/* unit/sql/sql_change: what a plan keeps, written down and read back, and what becomes of it
 * under another plan.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plan_of.h"
#include <stdlib.h>

#include "weir/hash.h"
#include "weir/kept.h"

#define TABLES                                                                             \
    "CREATE TABLE revenue (window_start timestamptz, customer text, orders bigint,"        \
    " revenue numeric(18,2), PRIMARY KEY (window_start, customer))"                        \
    " WITH (connector = 'mysql', url = '${URL}', table = 'revenue');\n"                    \
    "CREATE TABLE lake (LIKE revenue) WITH (connector = 's3', path = 's3://lake/r/',"      \
    " format = 'avro');\n"
#define VIEW(name, list, rest)                                                             \
    "CREATE VIEW " name " AS SELECT window_start, customer, " list                         \
    " FROM tumble(orders, paid_at, interval '1 minute') " rest                             \
    " GROUP BY window_start, customer;\n"
#define BASE_LIST "count(*) AS orders, sum(amount) AS revenue"
#define BASE_VIEW VIEW("v", BASE_LIST, "WHERE status = 'PAID' AND n > 1")
#define INTO_REVENUE "INSERT INTO revenue SELECT * FROM v;\n"
#define INTO_LAKE "INSERT INTO lake SELECT * FROM v;\n"
#define BASE ORDERS TABLES BASE_VIEW INTO_REVENUE INTO_LAKE

/* The same source, with its old rows in state. */
#define WITH_STATE                                                                         \
    "CREATE TABLE orders (id bigint PRIMARY KEY, customer text, status text,"              \
    " amount numeric(12,2), n integer, paid_at timestamptz) WITH (connector = 'kafka',"    \
    " brokers = 'k', topic = 't', format = 'debezium-json', event_time = 'paid_at',"       \
    " watermark = '10 minutes', old_row = 'state');\n"
#define STATE_BASE WITH_STATE TABLES BASE_VIEW INTO_REVENUE INTO_LAKE

typedef struct compared {
    planned      old, now;
    weir_kept   *was, *is;
    weir_change *change;
} compared;

static weir_kept *kept_of(planned *job, weir_arena *arena)
{
    if (job->plan == NULL)
        fail_msg("%s", job->text.at);
    return weir_kept_of(job->plan, arena);
}

static compared compare_with(const char *old, const char *now, const weir_allow *allow)
{
    compared out = {.old = plan_of(old), .now = plan_of(now)};
    out.was = kept_of(&out.old, out.old.arena);
    out.is = kept_of(&out.now, out.now.arena);
    out.change = weir_change_of(out.was, out.is, allow, out.now.arena);
    return out;
}

static void compared_done(compared *c)
{
    plan_done(&c->old);
    plan_done(&c->now);
}

/* "source orders kept; step v.aggregate kept; sink revenue kept;" with "!" and what is needed. */
static void tell(const weir_change *change, weir_buf *out)
{
    static const char *const needs[] = {"", " !partial", " !reset"};
    for (uint32_t i = 0; i < change->sources; i++) {
        const weir_source_change *s = &change->source[i];
        weir_buf_format(out, "source %.*s %s%s;", WEIR_STR_FMT((s->now ? s->now : s->old)->name),
                        weir_verdict_name(s->verdict), needs[s->needs]);
    }
    for (uint32_t i = 0; i < change->steps; i++) {
        const weir_step_change *s = &change->step[i];
        weir_buf_format(out, " step %.*s %s%s%s;", WEIR_STR_FMT((s->now ? s->now : s->old)->name),
                        weir_verdict_name(s->verdict), s->whole ? " whole" : "",
                        needs[s->needs]);
    }
    for (uint32_t i = 0; i < change->flows; i++) {
        const weir_flow_change *f = &change->flow[i];
        weir_buf_format(out, " sink %.*s %s%s%s;", WEIR_STR_FMT((f->now ? f->now : f->old)->table),
                        weir_verdict_name(f->verdict), f->again ? " again" : "",
                        needs[f->needs]);
    }
    weir_buf_byte(out, 0);
}

static void expect(const char *old, const char *now, const char *wanted)
{
    compared c = compare_with(old, now, NULL);
    weir_buf text = {0};
    tell(c.change, &text);
    if (strcmp(text.at, wanted) != 0)
        fail_msg("\nbecomes %s\nwanted  %s\nof %s", text.at, wanted, now);
    weir_buf_done(&text);
    compared_done(&c);
}

#define SINKS_KEPT " sink revenue kept; sink lake kept;"
#define ALL_KEPT "source orders kept; step v.aggregate kept;" SINKS_KEPT

static void what_asks_for_the_same_is_kept(void **state)
{
    (void)state;
    expect(BASE, BASE, ALL_KEPT);
    expect(BASE, ORDERS TABLES VIEW("v", "count(*) AS orders, (sum(amount)) AS revenue",
                                    "WHERE n > 1 AND (status = 'PAID')") INTO_REVENUE INTO_LAKE,
           ALL_KEPT);
    /* names, and which of two sinks comes first */
    expect(BASE, ORDERS TABLES VIEW("w", BASE_LIST, "WHERE status = 'PAID' AND n > 1")
               "INSERT INTO lake SELECT * FROM w; INSERT INTO revenue SELECT * FROM w;",
           "source orders kept; step w.aggregate kept; sink lake kept; sink revenue kept;");
    /* a projection below the aggregate */
    expect(BASE, ORDERS TABLES
               "CREATE VIEW paid AS SELECT customer AS c, amount AS a, paid_at FROM orders"
               " WHERE status = 'PAID' AND n > 1;"
               "CREATE VIEW v AS SELECT window_start, c AS customer, count(*) AS orders,"
               " sum(a) AS revenue FROM tumble(paid, paid_at, interval '1 minute')"
               " GROUP BY window_start, c;" INTO_REVENUE INTO_LAKE, ALL_KEPT);
    expect(STATE_BASE, STATE_BASE,
           "source orders kept; step orders kept; step v.aggregate kept;" SINKS_KEPT);
}

static void each_change_has_its_verdict(void **state)
{
    (void)state;
#define CHANGED(view, wanted)                                                              \
    expect(BASE, ORDERS TABLES view INTO_REVENUE INTO_LAKE, "source orders kept; step v." wanted)
#define PAID "WHERE status = 'PAID' AND n > 1"
    CHANGED(VIEW("v", "count(*) AS orders, sum(amount) * 2 AS revenue", PAID),
            "aggregate kept; sink revenue migrated again; sink lake migrated;");
    CHANGED(VIEW("v", "count(*) AS orders, max(amount) AS revenue", PAID),
            "aggregate migrated; sink revenue migrated again; sink lake migrated;");
    CHANGED(VIEW("v", BASE_LIST, "WHERE status = 'PAID'"),
            "aggregate mixed !partial;" SINKS_KEPT);
    CHANGED("CREATE VIEW v AS SELECT window_start, status AS customer, " BASE_LIST
            " FROM tumble(orders, paid_at, interval '1 minute') " PAID
            " GROUP BY window_start, status;",
            "aggregate reset whole !reset; sink revenue migrated; sink lake migrated;");
    CHANGED("CREATE VIEW v AS SELECT window_start, customer, " BASE_LIST
            " FROM tumble(orders, paid_at, interval '2 minutes') " PAID
            " GROUP BY window_start, customer;",
            "aggregate reset whole !reset;" SINKS_KEPT);
    expect(BASE, ORDERS TABLES BASE_VIEW INTO_REVENUE,
           "source orders kept; step v.aggregate kept; sink revenue kept; sink lake gone !reset;");
    expect(BASE, BASE "SELECT customer, count(*) FROM orders GROUP BY customer;",
           "source orders kept; step v.aggregate kept; step select.aggregate new !partial;"
           " sink revenue kept; sink lake kept; sink select new;");
    expect(BASE "SELECT customer, count(*) FROM orders GROUP BY customer;", BASE,
           "source orders kept; step v.aggregate kept; step select.aggregate gone !reset;"
           " sink revenue kept; sink lake kept; sink select gone;");
}

static char *replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    char       *out = malloc(strlen(text) + strlen(to) + 1);
    if (at == NULL)
        fail_msg("no '%s'", from);
    sprintf(out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return out;
}

static void expect_replaced(const char *old, const char *from, const char *to,
                            const char *wanted)
{
    char *now = replaced(old, from, to);
    expect(old, now, wanted);
    free(now);
}

static void a_source_is_where_it_is_read_from(void **state)
{
    (void)state;
    expect_replaced(BASE, "brokers = 'k'", "brokers = 'other'", ALL_KEPT);
    expect_replaced(BASE, "'10 minutes'", "'5 minutes'", ALL_KEPT);
    expect_replaced(BASE, "topic = 't'", "topic = 'u'",
                    "source orders reset !reset; step v.aggregate reset !reset;" SINKS_KEPT);
    expect_replaced(BASE, "status text", "status text NOT NULL",
                    "source orders kept; step v.aggregate mixed !partial;" SINKS_KEPT);
    expect_replaced(BASE, "n integer", "n bigint",
                    "source orders kept; step v.aggregate mixed !partial;" SINKS_KEPT);
    expect_replaced(BASE, "amount numeric(12,2)", "amount numeric(14,2)",
                    "source orders kept; step v.aggregate migrated;"
                    " sink revenue migrated again; sink lake migrated;");
    expect_replaced(BASE, "table = 'revenue'", "table = 'other'",
                    "source orders kept; step v.aggregate kept;"
                    " sink revenue migrated again; sink lake kept;");
}

static void last_values_decide_on_the_groups_above_them(void **state)
{
    (void)state;
    expect_replaced(STATE_BASE, "n > 1", "n IS NOT NULL",
                    "source orders kept; step orders kept;"
                    " step v.aggregate mixed !partial;" SINKS_KEPT);
    expect_replaced(STATE_BASE, "id bigint PRIMARY KEY, customer text",
                    "id bigint, customer text PRIMARY KEY",
                    "source orders kept; step orders reset !reset;"
                    " step v.aggregate reset whole !reset;" SINKS_KEPT);
    expect_replaced(STATE_BASE, ", old_row = 'state'", "",
                    "source orders kept; step v.aggregate kept; step orders gone !reset;"
                    SINKS_KEPT);
    char *before = replaced(STATE_BASE, ", old_row = 'state'", "");
    expect(before, STATE_BASE,
           "source orders kept; step orders new !partial;"
           " step v.aggregate reset whole !reset;" SINKS_KEPT);
    free(before);
    expect_replaced(STATE_BASE, "sum(amount)", "sum(id)",
                    "source orders kept; step orders migrated; step v.aggregate migrated;"
                    " sink revenue migrated again; sink lake migrated;");
}

static void values_are_matched_by_what_they_compute(void **state)
{
    (void)state;
    compared c = compare_with(
        BASE, ORDERS TABLES VIEW("v", "max(n) + min(n) AS orders, sum(amount) AS revenue", PAID)
            INTO_REVENUE INTO_LAKE, NULL);
    const weir_step_change *step = &c.change->step[0];
    CHECK_INT(step->now->values, 3);
    CHECK(step->loads);
    CHECK_U64(step->from[0], WEIR_NONE);
    CHECK_U64(step->from[1], WEIR_NONE);
    CHECK_U64(step->from[2], 1); /* behind count(*) */
    CHECK_U64(step->unknown, 3);
    compared_done(&c);
    c = compare_with(ORDERS TABLES VIEW("v", "max(n) AS orders, sum(amount) AS revenue", PAID)
                         INTO_REVENUE INTO_LAKE, BASE, NULL);
    CHECK_U64(c.change->step[0].from[0], WEIR_NONE);
    CHECK_U64(c.change->step[0].unknown, 0); /* count(*) is known of every group */
    compared_done(&c);
}

static void names_allow_what_they_name(void **state)
{
    (void)state;
    static const weir_str names[] = {WEIR_STR("v"), WEIR_STR("v.aggregate"), WEIR_STR("orders")};
    char *filtered = replaced(BASE, "n > 1", "n > 2");
    for (size_t i = 0; i < 3; i++) {
        weir_allow partial = {.partial = &names[i], .partials = 1};
        weir_allow reset = {.reset = &names[i], .resets = 1};
        compared   c = compare_with(BASE, filtered, &partial);
        CHECK(c.change->step[0].allowed);
        CHECK(c.change->step[0].loads);
        compared_done(&c);
        c = compare_with(BASE, filtered, &reset);
        CHECK(c.change->step[0].allowed);
        CHECK(!c.change->step[0].loads);
        CHECK_INT(c.change->step[0].verdict, WEIR_VERDICT_RESET);
        compared_done(&c);
    }
    static const weir_str stranger = WEIR_STR("revenue");
    weir_allow other = {.reset = &stranger, .resets = 1};
    compared   c = compare_with(BASE, filtered, &other);
    CHECK(!c.change->step[0].allowed);
    compared_done(&c);
    free(filtered);
}

/* Manifests hold these: a change of a text is a change of the format. */
static void the_words_stay(void **state)
{
    (void)state;
    planned    job = plan_of(STATE_BASE);
    weir_kept *kept = kept_of(&job, job.arena);
    CHECK_STR(kept->source[0].place.text, "kafka t, debezium-json");
    CHECK_U64(kept->source[0].place.hash, weir_hash64(WEIR_STR("kafka t, debezium-json")));
    CHECK_U64(kept->source[0].time.hash, weir_hash64(WEIR_STR("paid_at timestamptz")));
    CHECK_U64(kept->source[0].valid.hash, weir_hash64(WEIR_STR("id bigint NOT NULL ")));
    const weir_kept_step *last = &kept->step[0], *step = &kept->step[1];
    CHECK_U64(last->keys.hash, weir_hash64(WEIR_STR("id bigint")));
    CHECK_STR(step->keys.text, "window_start, customer");
    CHECK_U64(step->keys.hash, weir_hash64(WEIR_STR("window_start, customer text")));
    CHECK_STR(step->rows.text, "n > 1 AND status = 'PAID'");
    CHECK_U64(step->rows.hash,
              weir_hash64(WEIR_STR("n integer > 1 AND status text = 'PAID'")));
    CHECK_STR(step->window.text, "tumble(paid_at, 60000 ms)");
    CHECK_U64(step->window.hash,
              weir_hash64(WEIR_STR("tumble(paid_at timestamptz, 0 60000000 60000000 0 0)")));
    CHECK_STR(step->value[1].what.text, "sum(amount)");
    CHECK_U64(step->value[1].what.hash, weir_hash64(WEIR_STR("sum(amount numeric(12,2))")));
    CHECK_STR(kept->flow[0].target.text, "mysql db revenue");
    CHECK(kept->flow[0].keyed);
    CHECK(!kept->flow[0].holds);
    CHECK(kept->flow[1].holds);
    plan_done(&job);
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    planned    job = plan_of(STATE_BASE "SELECT min(n) FILTER (WHERE paid_at IS NULL),"
                                        " count(DISTINCT customer) FROM orders;");
    weir_kept *kept = kept_of(&job, job.arena), *back = NULL;
    weir_buf   bytes = {0}, again = {0};
    weir_err   err;
    weir_err_clear(&err);
    kept->step[1].whole_us = 42;
    weir_kept_write(kept, &bytes);
    CHECK_OK(weir_kept_read(weir_buf_view(&bytes), job.arena, &back, &err), &err);
    weir_kept_write(back, &again);
    CHECK(weir_str_eq(weir_buf_view(&bytes), weir_buf_view(&again)));
    CHECK(!weir_change_of(back, kept, NULL, job.arena)->any);
    for (size_t i = 0; i < bytes.len; i++) { /* a flipped byte, and each shorter text */
        weir_str cut = {bytes.at, i};
        CHECK(weir_kept_read(cut, job.arena, &back, &err) == WEIR_E_CORRUPT);
        bytes.at[i] ^= 0x10;
        CHECK(weir_kept_read(weir_buf_view(&bytes), job.arena, &back, &err) == WEIR_E_CORRUPT);
        CHECK_INT(err.exit, WEIR_EXIT_CORRUPT);
        bytes.at[i] ^= 0x10;
        /* the same with a checksum that fits: refused or read, never worse */
        bytes.at[i] = (char)(bytes.at[i] + 1);
        weir_buf sealed = {0};
        weir_buf_str(&sealed, (weir_str){bytes.at, bytes.len - 4});
        weir_buf_u32(&sealed, weir_crc32c(0, weir_buf_view(&sealed)));
        (void)!weir_kept_read(weir_buf_view(&sealed), job.arena, &back, &err);
        if (i == 0)
            CHECK_SAYS(&err, "form 2 of what it keeps");
        bytes.at[i] = (char)(bytes.at[i] - 1);
        weir_buf_done(&sealed);
    }
    weir_buf_done(&bytes);
    weir_buf_done(&again);
    plan_done(&job);
}

static void secrets_are_in_no_phrase(void **state)
{
    (void)state;
    char      *sql = replaced(BASE, "${URL}", "mysql://user:hunter2@host:3306/shop?tls=hunter2");
    planned    job = plan_of(sql);
    weir_kept *kept = kept_of(&job, job.arena);
    weir_buf   bytes = {0};
    weir_kept_write(kept, &bytes);
    CHECK(memmem(bytes.at, bytes.len, "hunter2", 7) == NULL);
    CHECK(memmem(bytes.at, bytes.len, "host", 4) == NULL);
    CHECK_STR(kept->flow[0].target.text, "mysql shop revenue");
    weir_buf_done(&bytes);
    plan_done(&job);
    free(sql);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_asks_for_the_same_is_kept),
        TEST(each_change_has_its_verdict),
        TEST(a_source_is_where_it_is_read_from),
        TEST(last_values_decide_on_the_groups_above_them),
        TEST(values_are_matched_by_what_they_compute),
        TEST(names_allow_what_they_name),
        TEST(the_words_stay),
        TEST(what_is_written_is_read_back),
        TEST(secrets_are_in_no_phrase),
    };
    return RUN_TESTS(tests);
}
