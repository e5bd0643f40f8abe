/* cli/lineage: the lineage of checkpoints that an administrator's command is about.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLI_LINEAGE_H
#define CLI_LINEAGE_H

#include "cli.h"
#include "weir/facts.h"
#include "weir/retain.h"

typedef struct cli_lineage {
    weir_arena      *arena;
    cli_job          sql;   /* when a job's file was named */
    weir_plan        plan;  /* its settings; else the defaults */
    weir_store      *store;
    weir_checkpoint *checkpoint;
    weir_str         job;
    weir_str         place; /* for people */
} cli_lineage;

/* `place`: a job's SQL file, s3://bucket/prefix, or a folder in which checkpoints lie.
   Fails when there is none, or more than one and --job does not say which. */
weir_code cli_lineage_open(const cli_flags *flags, const atomic_int *stop,
                           cli_lineage *out, weir_err *err) WEIR_MUST_CHECK;
/* The same of a job's plan that is settled: its own lineage, or that of its replay. NOTFOUND
   when it never began. */
weir_code cli_lineage_of(const cli_flags *flags, const weir_plan *plan, weir_str replay,
                         const atomic_int *stop, cli_lineage *out,
                         weir_err *err) WEIR_MUST_CHECK;
void      cli_lineage_close(cli_lineage *lineage);

/* "42", "last", a time ("2026-11-21T08:00:00Z", or without T, seconds, Z) or a pin. */
weir_code cli_lineage_epoch(cli_lineage *lineage, const char *text, weir_manifest **out,
                            weir_err *err) WEIR_MUST_CHECK;
/* What an epoch's manifest says of itself; in `arena`. */
weir_code cli_lineage_facts(const cli_lineage *lineage, uint64_t epoch, weir_arena *arena,
                            weir_facts *out, weir_err *err) WEIR_MUST_CHECK;

/* Subcommands that print: the exit code, or *err is set and it is -1. */
int cli_checkpoint_ls(cli_lineage *lineage, const cli_flags *flags, weir_err *err);
int cli_checkpoint_show(cli_lineage *lineage, const cli_flags *flags, weir_err *err);
int cli_checkpoint_diff(cli_lineage *lineage, const cli_flags *flags, weir_err *err);

/* `weir checkpoint repair`, in cli_repair.c: the same. */
int cli_repair(const cli_flags *flags, const atomic_int *stop, weir_err *err);

/* Times for people ("-" for none), and in JSON (null for none). */
void cli_time(weir_buf *out, int64_t us);
void cli_time_json(weir_buf *out, const char *name, int64_t us);
/* `,"name":` and the value; without the comma behind '{' and '['. */
void cli_json_item(weir_buf *out); /* begins the next object of a list */
void cli_json_name(weir_buf *out, const char *name);
void cli_json_text(weir_buf *out, const char *name, weir_str value);
void cli_json_u64(weir_buf *out, const char *name, uint64_t value);
void cli_json_i64(weir_buf *out, const char *name, int64_t value);
void cli_print(weir_buf *text); /* to standard output; empties it */

#endif
