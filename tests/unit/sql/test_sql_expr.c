/* unit/sql/sql_expr: what an expression is bound to, and its type, against PostgreSQL 15.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plan_of.h"

typedef struct bound {
    const char *sql;
    const char *type; /* as weir_type_print has it */
    const char *text; /* as weir_expr_print has it; NULL: the same as sql */
} bound;

/* The one column of SELECT x FROM orders, through its projection. */
static void check_one(const bound *one)
{
    char sql[2048];
    (void)snprintf(sql, sizeof sql, ORDERS "SELECT %s AS result FROM orders;", one->sql);
    planned job = plan_of(sql);
    if (job.plan == NULL)
        fail_msg("%s: %s", one->sql, job.text.at);
    const weir_node *project = &job.plan->node[1];
    weir_buf         text = {0};
    weir_buf         type = {0};
    weir_expr_print(&text, project->column[0], &job.plan->node[0].schema);
    weir_type_print(&type, project->column[0]->type);
    weir_buf_byte(&text, 0);
    weir_buf_byte(&type, 0);
    if (strcmp(text.at, one->text != NULL ? one->text : one->sql) != 0)
        fail_msg("%s gives %s", one->sql, text.at);
    if (strcmp(type.at, one->type) != 0)
        fail_msg("%s is %s, not %s", one->sql, type.at, one->type);
    weir_buf_done(&text);
    weir_buf_done(&type);
    plan_done(&job);
}

#define CHECK_ALL(list)                                                                    \
    for (size_t at = 0; at < sizeof list / sizeof *list; at++)                             \
    check_one(&list[at])

static void literals_have_postgresql_s_types(void **state)
{
    (void)state;
    static const bound list[] = {
        {"2147483647", "integer", NULL},
        {"-1", "integer", NULL},
        {"2147483648", "bigint", NULL},
        {"-9223372036854775808", "bigint", NULL},
        {"9223372036854775808", "numeric(38,0)", NULL},
        {"1.50", "numeric(38,2)", NULL},
        {"'x'", "text", NULL},
        {"NULL", "text", NULL},
        {"true", "boolean", NULL},
        {"date '2026-01-31'", "date", NULL},
        {"'2026-01-31 10:00'::timestamp", "timestamp", "timestamp '2026-01-31 10:00:00'"},
        {"'5'::bigint", "bigint", "5"},
        {"'abc'::varchar(2)", "varchar(2)", "'ab'"},
        {"'1.005'::numeric(10,2)", "numeric(10,2)", "1.01"},
    };
    CHECK_ALL(list);
}

static void arithmetic_widens_as_postgresql_does(void **state)
{
    (void)state;
    static const bound list[] = {
        {"small + n", "integer", "CAST(small AS integer) + n"},
        {"small + small", "smallint", NULL},
        {"n * id", "bigint", "CAST(n AS bigint) * id"},
        {"n / 2", "integer", NULL},
        {"amount + n", "numeric(38,2)", "amount + CAST(n AS numeric(38,0))"},
        {"amount * amount", "numeric(38,4)", NULL},
        {"amount / 3", "numeric", NULL},
        {"amount % 2", "numeric(38,2)", NULL},
        {"plain + amount", "numeric", NULL},
        {"real4 + real4", "real", NULL},
        {"real4 + n", "double precision",
         "CAST(real4 AS double precision) + CAST(n AS double precision)"},
        {"real8 * amount", "double precision", "real8 * CAST(amount AS double precision)"},
        {"-amount", "numeric(12,2)", NULL},
        {"n + '1'", "integer", "n + 1"},
        {"1 + 2 * 3", "integer", "7"},
        {"+n", "integer", "n"},
    };
    CHECK_ALL(list);
}

static void dates_and_times_add_up(void **state)
{
    (void)state;
    static const bound list[] = {
        {"day + 1", "date", NULL},
        {"day - n", "date", "day + (-n)"},
        {"day - day", "integer", NULL},
        {"day - '2026-01-01'", "integer", "day - date '2026-01-01'"},
        {"paid_at + interval '1 day'", "timestamptz", NULL},
        {"created - interval '90 minutes'", "timestamp", "created + interval '-01:30:00'"},
        {"day + interval '1 hour'", "timestamp",
         "CAST(day AS timestamp) + interval '01:00:00'"},
        {"paid_at + '5 minutes'", "timestamptz", "paid_at + interval '00:05:00'"},
        {"clock + interval '1 hour'", "time", "clock + interval '01:00:00'"},
        {"paid_at AT TIME ZONE 'UTC'", "timestamp", "CAST(paid_at AS timestamp)"},
    };
    CHECK_ALL(list);
}

static void comparisons_meet_in_one_type(void **state)
{
    (void)state;
    static const bound list[] = {
        {"id = 5", "boolean", "id = 5"},
        {"id = '5'", "boolean", "id = 5"},
        {"n <> id", "boolean", "CAST(n AS bigint) <> id"},
        {"amount > 1.5", "boolean", NULL},
        {"amount >= 0", "boolean", NULL},
        {"real8 < amount", "boolean", "real8 < CAST(amount AS double precision)"},
        {"day < created", "boolean", "CAST(day AS timestamp) < created"},
        {"paid_at > created", "boolean", "paid_at > CAST(created AS timestamptz)"},
        {"paid_at > '2026-01-01'", "boolean",
         "paid_at > timestamptz '2026-01-01 00:00:00+00'"},
        {"customer = 'x'", "boolean", NULL},
        {"code = customer", "boolean", NULL},
        {"customer IS DISTINCT FROM status", "boolean", NULL},
        {"n IS NOT DISTINCT FROM NULL", "boolean", NULL},
        {"NULLIF(n, 0)", "integer", NULL},
        {"'a' < 'b'", "boolean", "true"},
    };
    CHECK_ALL(list);
}

static void logic_has_three_values(void **state)
{
    (void)state;
    static const bound list[] = {
        {"paid AND n > 1 AND true", "boolean", "paid AND (n > 1) AND true"},
        {"NOT paid OR NULL", "boolean", "(NOT paid) OR NULL"},
        {"paid IS UNKNOWN", "boolean", "paid IS NULL"},
        {"paid IS NOT TRUE", "boolean", NULL},
        {"n IS NOT NULL", "boolean", NULL},
        {"n BETWEEN 1 AND 5", "boolean", "(n >= 1) AND (n <= 5)"},
        {"n NOT BETWEEN 1 AND 5", "boolean", "(n < 1) OR (n > 5)"},
        {"n BETWEEN SYMMETRIC 5 AND 1", "boolean",
         "((n >= 5) AND (n <= 1)) OR ((n >= 1) AND (n <= 5))"},
        {"n IN (1, 2, 3)", "boolean", NULL},
        {"customer NOT IN ('a', 'b')", "boolean", "NOT (customer IN ('a', 'b'))"},
        {"id IN (1, small)", "boolean", "id IN (CAST(1 AS bigint), CAST(small AS bigint))"},
    };
    bound fixed = list[10];
    fixed.text = "id IN (1, CAST(small AS bigint))"; /* the constant is cast at once */
    for (size_t at = 0; at < 10; at++)
        check_one(&list[at]);
    check_one(&fixed);
}

static void choices_have_a_common_type(void **state)
{
    (void)state;
    static const bound list[] = {
        {"CASE WHEN paid THEN 1 ELSE 2.5 END", "numeric", NULL},
        {"CASE WHEN paid THEN amount END", "numeric(12,2)",
         "CASE WHEN paid THEN amount ELSE NULL END"},
        {"CASE status WHEN 'a' THEN n WHEN 'b' THEN id ELSE 0 END", "bigint",
         "CASE WHEN status = 'a' THEN CAST(n AS bigint) WHEN status = 'b' THEN id ELSE 0 "
         "END"},
        {"COALESCE(amount, 0)", "numeric", NULL},
        {"COALESCE(amount, 0.00)", "numeric(38,2)", NULL},
        {"COALESCE(customer, 'none')", "text", NULL},
        {"COALESCE(day, created)", "timestamp",
         "COALESCE(CAST(day AS timestamp), created)"},
        {"GREATEST(n, id, 5)", "bigint", "GREATEST(CAST(n AS bigint), id, 5)"},
        {"COALESCE(real4, n)", "real", "COALESCE(real4, CAST(n AS real))"},
        {"COALESCE(NULL, 'x')", "text", "'x'"},
    };
    CHECK_ALL(list);
}

static void text_functions_resolve(void **state)
{
    (void)state;
    static const bound list[] = {
        {"customer LIKE 'a%'", "boolean", NULL},
        {"customer NOT LIKE 'a#%' ESCAPE '#'", "boolean",
         "NOT (customer LIKE 'a#%' ESCAPE '#')"},
        {"customer ILIKE '%x%'", "boolean", NULL},
        {"customer || '-' || status", "text", "(customer || '-') || status"},
        {"customer || n", "text", "customer || CAST(n AS text)"},
        {"bytes || '\\x00ff'", "bytea", "bytes || bytea '\\x00ff'"},
        {"lower(code)", "text", NULL},
        {"trim(customer)", "text", "btrim(customer, ' ')"},
        {"trim(leading '0' from customer)", "text", "ltrim(customer, '0')"},
        {"length(bytes)", "integer", NULL},
        {"substring(customer from 2 for 3)", "text", "substring(customer, 2, 3)"},
        {"substr(bytes, 1)", "bytea", "substring(bytes, 1)"},
        {"position('a' in customer)", "integer", "position(customer, 'a')"},
        {"replace(customer, 'a', 'b')", "text", NULL},
        {"starts_with(customer, 'x')", "boolean", NULL},
        {"extra -> 'a' -> 0 ->> 'b'", "text", "((extra -> 'a') -> 0) ->> 'b'"},
        {"(extra ->> 'price')::numeric(10,2)", "numeric(10,2)",
         "CAST(extra ->> 'price' AS numeric(10,2))"},
        {"upper('ab')", "text", "'AB'"},
    };
    CHECK_ALL(list);
}

static void number_and_time_functions_resolve(void **state)
{
    (void)state;
    static const bound list[] = {
        {"abs(n)", "integer", NULL},
        {"round(n)", "double precision", "round(CAST(n AS double precision))"},
        {"round(amount)", "numeric(38,0)", NULL},
        {"round(plain, 2)", "numeric(38,2)", NULL},
        {"round(amount, -1)", "numeric(38,0)", NULL},
        {"floor(real8)", "double precision", NULL},
        {"ceiling(amount)", "numeric(38,0)", "ceil(amount)"},
        {"mod(id, 7)", "bigint", "id % 7"},
        {"extract(epoch from paid_at)", "numeric", "extract('epoch', paid_at)"},
        {"extract(year from day)", "numeric", "extract('year', day)"},
        {"date_trunc('HOUR', created)", "timestamp", "date_trunc('hour', created)"},
        {"date_trunc('month', day)", "timestamptz",
         "date_trunc('month', CAST(day AS timestamptz))"},
    };
    CHECK_ALL(list);
}

static void aggregates_have_postgresql_s_types(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *type;
    } list[] = {
        {"count(*)", "bigint"},
        {"count(DISTINCT customer)", "bigint"},
        {"sum(small)", "bigint"},
        {"sum(n)", "bigint"},
        {"sum(id)", "numeric(38,0)"},
        {"sum(amount)", "numeric(38,2)"},
        {"sum(plain)", "numeric"},
        {"sum(real4)", "real"},
        {"sum(real8)", "double precision"},
        {"avg(n)", "numeric"},
        {"avg(amount)", "numeric"},
        {"avg(real4)", "double precision"},
        {"min(customer)", "text"},
        {"max(paid_at)", "timestamptz"},
        {"max(code)", "varchar(8)"},
        {"sum(amount) FILTER (WHERE paid)", "numeric(38,2)"},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        char sql[2048];
        char line[128];
        (void)snprintf(sql, sizeof sql, ORDERS "SELECT %s FROM orders;", list[i].sql);
        (void)snprintf(line, sizeof line, "computes    %s %s\n", list[i].sql, list[i].type);
        expect_part(sql, line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(literals_have_postgresql_s_types),
        TEST(arithmetic_widens_as_postgresql_does),
        TEST(dates_and_times_add_up),
        TEST(comparisons_meet_in_one_type),
        TEST(logic_has_three_values),
        TEST(choices_have_a_common_type),
        TEST(text_functions_resolve),
        TEST(number_and_time_functions_resolve),
        TEST(aggregates_have_postgresql_s_types),
    };
    return RUN_TESTS(tests);
}
