/* unit/sql/plan_of: plans a text with the small catalog, for tests.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLAN_OF_H
#define PLAN_OF_H

#include "check.h"
#include "fake_catalog.h"

typedef struct planned {
    weir_arena     *arena;
    weir_plan      *plan; /* NULL after errors */
    weir_code       code;
    weir_sql_errors errors;
    weir_buf        text; /* errors, or what explain prints */
} planned;

static inline planned plan_of(const char *sql)
{
    static const weir_sql_param params[] = {
        {{"SECRET", 6}, {"hunter2", 7}},
        {{"QUOTE", 5}, {"it's", 4}},
        {{"URL", 3}, {"mysql://h/db", 12}},
    };
    planned        out = {.arena = weir_arena_new("plan", 1 << 16)};
    weir_sql_input input = {.file = "job.sql",
                            .text = weir_str_of(sql),
                            .catalog = &fake_catalog,
                            .param = params,
                            .params = sizeof params / sizeof *params,
                            .terminal_select = true};
    out.code = weir_sql_plan(&input, out.arena, &out.plan, &out.errors);
    if (out.code == WEIR_OK)
        weir_plan_print(&out.text, out.plan);
    else
        weir_sql_errors_print(&out.text, "job.sql", &out.errors);
    weir_buf_byte(&out.text, 0);
    return out;
}

static inline void plan_done(planned *job)
{
    weir_buf_done(&job->text);
    weir_arena_free(job->arena);
}

/* The text is planned, and explain (or the errors) hold `part`. */
static inline void expect_part(const char *sql, const char *part)
{
    planned job = plan_of(sql);
    if (strstr(job.text.at, part) == NULL)
        fail_msg("expected: %s\nin: %s", part, job.text.at);
    plan_done(&job);
}

#define ORDERS                                                                             \
    "CREATE TABLE orders (id bigint PRIMARY KEY, customer text, status text,"              \
    " amount numeric(12,2), small smallint, n integer, real4 real, real8 double "          \
    "precision,"                                                                           \
    " plain numeric, paid boolean, paid_at timestamptz, created timestamp, day date,"      \
    " clock time, bytes bytea, extra jsonb, code varchar(8)) WITH (connector = 'kafka',"   \
    " brokers = 'k', topic = 't', format = 'debezium-json', event_time = 'paid_at',"       \
    " watermark = '10 minutes');\n"

#endif
