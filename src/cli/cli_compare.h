/* cli/compare: what the files of `weir diff` share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLI_COMPARE_H
#define CLI_COMPARE_H

#include "cli_lineage.h"
#include "cli_namespace.h"
#include "weir/look.h"

typedef enum compare_format { COMPARE_TABLE, COMPARE_JSON, COMPARE_CSV } compare_format;

/* One output of the job and the replay's beside it; what was found of them. */
typedef struct compare_output {
    weir_str           live, other;
    const char        *what;    /* "table", "files" */
    const char        *skipped; /* why it was not compared; NULL: it was */
    const weir_schema *schema;
    uint32_t        columns; /* cells of a row: those of the schema, then perhaps an op */
    uint32_t        keys;    /* 0: rows count as a whole */
    const uint32_t *key;
    uint32_t        window;   /* column that says which window; WEIR_NONE */
    uint64_t        compared; /* keys, or rows */
    uint64_t        only_live, only_other, changed; /* keys, or rows */
    uint64_t        newer;     /* changed in the live job behind the end of the replay */
    uint64_t        untouched; /* live, and not in what was replayed */
    uint64_t        open;      /* of windows that the live job had not closed */
    uint64_t        shown;
    uint64_t        lost, strange; /* files: gone or replaced; that nobody committed */
    uint64_t        unknown;       /* files of other lineages and of epochs that are not kept */
    const char     *columns_left;  /* what is not compared of each row; NULL: nothing */
    weir_tally     *windows; /* that differ: live is the number of keys or rows */
    bool            more_windows;
} compare_output;

typedef struct compare_report {
    compare_format format;
    uint64_t       limit; /* rows shown of an output */
    weir_buf       text;
    bool           differs;
} compare_report;

typedef struct cli_compare {
    const cli_flags  *flags;
    const atomic_int *stop;
    cli_job           job;   /* the live one */
    weir_plan        *placed; /* its plan, with the files where they are */
    weir_plan        *other; /* its plan in the namespace */
    weir_str          name;
    weir_arena       *arena;
    cli_lineage       live, replay;
    weir_facts        ended;       /* of the replay's last epoch */
    weir_facts        until_facts; /* of `until` */
    uint64_t          replay_last; /* epoch */
    uint64_t          from, until; /* epochs of the live job: (from, until] was replayed */
    uint64_t          first;       /* live epoch that is kept */
    bool              exact; /* the replay ended where `until` did; else behind it, before
                                the next one */
    compare_report    report;
    bool              verify;  /* the replay is a private one: cli_verify.h */
    cli_output       *output;
    uint32_t          outputs;
} cli_compare;

/* A sink table of both plans. */
typedef struct compare_pair {
    cli_compare          *compare;
    const cli_output     *output;
    const weir_table     *live, *other;
    const weir_sink_kind *kind, *other_kind;
    weir_str              section, other_section; /* of its payloads in manifests */
    uint32_t              node;    /* of its first flow, in the plan */
    compare_output       *out;
} compare_pair;

/* The last epoch of c->replay, which has to be its end: ended, replay_last. */
weir_code compare_look_at_end(cli_compare *c, weir_err *err) WEIR_MUST_CHECK;
/* Which epochs of the live job are compared: from, until, first, exact. */
weir_code compare_find_epochs(cli_compare *c, weir_err *err) WEIR_MUST_CHECK;
/* All outputs, into the report. */
weir_code compare_outputs(cli_compare *c, weir_err *err) WEIR_MUST_CHECK;
/* --output and --limit. */
void      compare_report_of(const cli_flags *flags, compare_report *out);

/* Opens the kind for the pair's tables: both, live first, or one of them. `order`: of the
   other's key columns, or NULL; see weir_sink_setup. */
weir_code compare_open(const compare_pair *pair, bool live, bool other,
                       const weir_order *order, weir_sink **out, weir_err *err)
    WEIR_MUST_CHECK;
/* The payload of an epoch, in `arena`; empty when it has none. */
weir_code compare_payload(const compare_pair *pair, bool live, uint64_t epoch,
                          weir_arena *arena, weir_str *out, weir_err *err) WEIR_MUST_CHECK;

/* compare_plan: facts from the plan. *out_end_us is added to the column's value for the end of
   the window. False: no column says which window a row is of. */
bool compare_window(const weir_plan *plan, uint32_t node, uint32_t column,
                    int64_t *out_end_us);
/* Rows of the sink table depend on where epochs were cut. */
bool compare_depends_on_cuts(const weir_plan *plan, uint32_t node);
/* What was closed of the windows over the flow's source, by these facts. */
int64_t compare_closed(const weir_plan *plan, uint32_t node, const weir_facts *facts);

/* Each compares one output into pair->out and tells the report. */
weir_code compare_tables(const compare_pair *pair, weir_err *err) WEIR_MUST_CHECK;
weir_code compare_files(const compare_pair *pair, weir_err *err) WEIR_MUST_CHECK;

/* compare_tell */
void compare_tell_start(cli_compare *compare);
void compare_tell_end(cli_compare *compare);
void compare_output_start(compare_report *report, const compare_output *out);
/* A key that differs; NULL: the side has it not. */
void compare_tell_key(compare_report *report, compare_output *out, const weir_str *live,
                      const weir_str *other);
/* A row that one side has more often. */
void compare_tell_row(compare_report *report, compare_output *out, const weir_str *row,
                      int64_t live, int64_t other);
/* A file of the live job: "missing", "replaced", "not committed". */
void compare_tell_file(compare_report *report, compare_output *out, weir_str key,
                       const char *what);
void compare_output_end(compare_report *report, compare_output *out);

#endif
