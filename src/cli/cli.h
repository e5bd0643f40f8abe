/* cli: what the files of this folder share: parsed flags, the catalog, one planned job.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_CLI_PARTS_H
#define WEIR_CLI_PARTS_H

#include <stdio.h>

#include "weir/cli.h"
#include "weir/engine.h"
#include "weir/log.h"

#define CLI_PARAMS_MAX 256u
#define CLI_ARGUMENTS_MAX 2u
#define CLI_NAMES_MAX 64u

typedef struct cli_names { /* of a flag that can be given again and again */
    weir_str at[CLI_NAMES_MAX];
    size_t   count;
} cli_names;

typedef struct cli_flags {
    const char    *file;
    const char    *embedded; /* NULL: none */
    const char    *output;   /* table, json, csv; NULL: by terminal */
    const char    *format;   /* connectors: text, markdown */
    const char    *server;   /* ddl: any, mysql, mariadb; NULL: any */
    const char    *job, *lineage, *limit, *retain; /* checkpoint; NULL: not given */
    const char    *replay;   /* checkpoint: of which namespace */
    bool           read_only; /* checkpoint: set by its subcommand; see weir_store_setup */
    const char    *from, *until, *into, *rate, *memory; /* replay; NULL: not given */
    const char    *argument[CLI_ARGUMENTS_MAX];    /* behind the file */
    size_t         arguments, arguments_most;      /* most: set by the caller */
    const char    *spool; /* replay --verify: bytes of its temporary folder; NULL: not given */
    bool           verify;
    bool           undo; /* promote */
    bool           dry_run;
    bool           until_end, leave_open, fresh, keep_output, take_over, connect, metrics, help;
    const char    *against; /* explain: where the checkpoints are; NULL: not given */
    cli_names      allow_reset, allow_partial;
    const weir_job_settings *settings; /* for a place that is no job's file; NULL: defaults */
    bool           log_json;
    weir_log_level log_level;
    weir_sql_param param[CLI_PARAMS_MAX];
    size_t         params;
} cli_flags;

/* False after a message on stderr: exit 2. `command` names what is parsed for; "a-b" is
   command a's subcommand b. Only arguments_most of *out is looked at. */
bool cli_flags_read(const char *command, int count, char **argument, cli_flags *out);

/* How a command begins: reads its flags, prints its page for --help, starts the log. False: it
   is over, with *out_code. */
bool cli_begin(const char *command, int count, char **argument, cli_flags *out, int *out_code);
/* Prints the page of a command, or the general one (NULL); exit code 0. */
int cli_help(const char *command);
/* Prints `weir COMMAND: …` on stderr; the exit code that the error asks for. */
int cli_fail(const char *command, const weir_err *err);

/* The catalog of this build's kinds; lives in `arena`. */
const weir_catalog *cli_catalog(weir_arena *arena);

typedef struct cli_job {
    weir_arena *arena;
    weir_buf    text; /* of the SQL file */
    weir_plan  *plan;
    const char *temporary; /* of its checkpoints, or NULL: see cli_settle */
} cli_job;

/* Reads and plans flags->file; prints its errors to `errors` (one line each) and gives
   false. */
bool cli_job_open(const cli_flags *flags, FILE *errors, cli_job *out);
void cli_job_close(cli_job *job);

/* Sets job.name and checkpoint.location where the job leaves them out: below --embedded
   DIR, or for a while when it only prints. CONFIG when they cannot be left out. */
weir_code cli_settle(const cli_flags *flags, cli_job *job, weir_err *err);
void      cli_unsettle(const cli_job *job); /* removes what is there for a while */
/* The folder and all in it, as far as it can be; links are not followed. */
void      cli_remove_folder(const char *path);

/* Kinds and stores as --embedded DIR or the real ones. */
typedef struct cli_places {
    const cli_flags *flags;
    const weir_plan *plan;
} cli_places;
const weir_source_kind *cli_source_kind(weir_str connector);
const weir_source_kind *cli_source_kind_embedded(weir_str connector);
const weir_sink_kind   *cli_sink_kind(weir_str connector);
const weir_sink_kind   *cli_sink_kind_embedded(weir_str connector);
weir_code cli_store_at(void *self, weir_str location, weir_store **out,
                       weir_str *out_prefix, weir_err *err);
/* Holds DIR/NAME while the process lives; FENCED when another one keeps it. */
weir_code cli_lock(const char *directory, const char *name, const atomic_int *stop,
                   weir_err *err);

/* What every start of an engine shares; *places lives as long as the setup. */
weir_engine_setup cli_engine_setup(const cli_flags *flags, const weir_plan *plan,
                                   const atomic_int *stop, weir_status *status,
                                   cli_places *places);
/* Runs a settled plan to its end, with metrics, readiness and a line of progress. `replay`:
   NULL for the live job. */
weir_code cli_engine_run(const cli_flags *flags, const weir_plan *plan,
                         const weir_replay *replay, const atomic_int *stop,
                         weir_status *status, weir_err *err);
/* Logs how it ended; the exit code. */
int cli_engine_tell(weir_code rc, weir_status *status, int64_t took_us, const weir_err *err);

/* Opens all that the plan names and prints a line for each; exit code 0 or 1. */
int cli_connect(const cli_flags *flags, const weir_plan *plan);

/* What becomes of the checkpoints at flags->against under this plan, printed; exit code. */
int cli_against(const cli_flags *flags, const weir_plan *plan, const atomic_int *stop);

/* A line on a terminal that shows how far a bounded run is; NULL when there is none. */
typedef struct cli_progress cli_progress;
cli_progress *cli_progress_start(weir_status *status);
void          cli_progress_stop(cli_progress *progress);

#endif
