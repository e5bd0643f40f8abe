/* cli/namespace: a job's outputs and checkpoints once more, under a namespace: where a
 * replay writes.
 *
 *     what                  live                    in namespace fix
 *     table                 revenue_per_minute      revenue_per_minute__fix
 *     files                 s3://lake/revenue/      s3://lake/revenue__fix/
 *     file                  out/rows.jsonl          out/rows__fix.jsonl
 *     job                   revenue                 revenue.fix
 *     checkpoints           LOCATION/revenue/l1/    LOCATION/revenue/replays/revenue.fix/l1/
 *
 * The job's name is in the commit rows, in the names and tokens of files, in consumer groups
 * and locks: no live job can have one with a dot. Pure: nothing is opened.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLI_NAMESPACE_H
#define CLI_NAMESPACE_H

#include "cli.h"

#define CLI_NAMESPACE_MAX 32u

typedef enum cli_output_kind {
    CLI_OUTPUT_TABLE, /* of a database */
    CLI_OUTPUT_FILES, /* below a prefix or a folder */
    CLI_OUTPUT_FILE,  /* one that is appended to */
    CLI_OUTPUT_PRINT  /* nothing that stays: live and other are empty */
} cli_output_kind;

typedef struct cli_output { /* of a sink table, in both */
    cli_output_kind kind;
    uint32_t        table; /* in plan->table */
    weir_str        live, other; /* locations of files are without '/' at their end */
} cli_output;

/* 1 to 32 of a-z, 0-9 and '_', but no '_' at its ends and no two: so that T__NAMESPACE is of
   one table and one namespace. CONFIG otherwise. */
weir_code cli_namespace_check(weir_str name, weir_err *err) WEIR_MUST_CHECK;

/* Of a command that wants --into: false, and said on stderr, when it is missing or no namespace. */
bool cli_into_check(const char *command, const cli_flags *flags);
/* CONFIG when a database could not have a table of that name: more than 64 characters. */
weir_code cli_table_name_check(weir_str name, weir_err *err) WEIR_MUST_CHECK;
/* The path of files as promotions and namespaces write it: without '/' at its end. A view. */
weir_str cli_path_trim(weir_str path);

/* The outputs of all sink tables, in the order of the plan. CONFIG when a name would be too
   long, or something of the live job or lie inside it. */
weir_code cli_namespace_outputs(const weir_plan *live, weir_str name, weir_arena *arena,
                                cli_output **out, uint32_t *out_count, weir_err *err)
    WEIR_MUST_CHECK;

/* The name and location of its checkpoints; job.name and checkpoint.location are settled. */
weir_code cli_namespace_lineage(const weir_job_settings *live, weir_str name,
                                weir_arena *arena, weir_str *out_job, weir_str *out_location,
                                weir_err *err) WEIR_MUST_CHECK;

/* Consumer groups of the plan's sources, whose tables are the plan's own copies. */
void cli_namespace_sources(weir_plan *plan, weir_str name, weir_arena *arena);

/* The plan that writes there: steps, schemas and fingerprint are the live plan's. */
weir_code cli_namespace_plan(const weir_plan *live, weir_str name, weir_arena *arena,
                             weir_plan **out, weir_err *err) WEIR_MUST_CHECK;

#endif
