/* weir/plan: what a job is, after its SQL was read: tables, a graph of nodes, settings.
 *
 * Made by weir_sql_plan in one arena, never changed afterwards. Nodes are in an order in
 * which every input comes before its reader; a node that two flows share is there once.
 * `sql` knows no kinds: weir.c hands it a catalog of what can be named in WITH (…).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_PLAN_H
#define WEIR_PLAN_H

#include "weir/expr.h"
#include "weir/option.h"

#define WEIR_NONE UINT32_MAX

/* What WITH (connector = …) and format = … can name; weir.c builds it from registries. */
typedef struct weir_catalog_kind {
    const char        *name;
    const char        *summary;
    const weir_option *options; /* ends with a zeroed entry; may be NULL */
    bool               source;  /* connector: can be read */
    bool               sink;    /* connector: can be written */
    bool               keyed;   /* sink: upserts by PRIMARY KEY (required); else appends */
    bool               changelog; /* format: rows are inserts, updates and deletes */
    const char        *formats; /* connector: allowed formats "a|b", NULL: takes none */
    const char        *promise; /* sink: one sentence for `weir connectors` */
} weir_catalog_kind;

typedef struct weir_catalog {
    const weir_catalog_kind *connector; /* connectors of these names */
    size_t                   connectors;
    const weir_catalog_kind *format;
    size_t                   formats;
} weir_catalog;

/* Where a column's value comes from, for source tables. */
typedef enum weir_column_from {
    WEIR_FROM_FIELD,     /* the record's field named by `path` */
    WEIR_FROM_TOPIC,     /* _topic text */
    WEIR_FROM_PARTITION, /* _partition integer */
    WEIR_FROM_OFFSET,    /* _offset bigint */
    WEIR_FROM_TIMESTAMP, /* _timestamp timestamptz: the record's */
    WEIR_FROM_KEY,       /* _key text or bytea */
    WEIR_FROM_HEADERS,   /* _headers jsonb */
    WEIR_FROM_OP,        /* _op text: r c u d */
    WEIR_FROM_SOURCE_TS, /* _source_ts timestamptz: commit time of the change */
    WEIR_FROM_PATH,      /* _path text: file */
    WEIR_FROM_ROW        /* _row bigint: row in the file */
} weir_column_from;

typedef struct weir_check { /* CHECK (…): a row for which it is false is bad */
    const weir_expr *expr;  /* over the table's schema */
    weir_str         name;  /* constraint's name or "orders_check" */
    weir_str         text;  /* as written */
} weir_check;

typedef struct weir_table {
    weir_str    name;
    int32_t     sql_at;
    bool        source; /* else a sink */
    weir_schema schema;
    weir_str   *path;   /* source: per column, the dotted path of its field */
    weir_column_from *from; /* source: per column */
    int32_t    *column_at;  /* per column: place in the SQL */
    bool       *needed;     /* source: per column, does any flow, check or key read it */
    uint32_t    keys;   /* PRIMARY KEY columns, in order; 0: none */
    uint32_t   *key;
    weir_check *check;
    uint32_t    checks;
    const weir_catalog_kind *connector;
    const weir_catalog_kind *format; /* NULL: none */
    const weir_opts *opts;       /* of common table, connector and format together */
    uint32_t    event_time;      /* source: column, or WEIR_NONE */
    int64_t     watermark_us;    /* source: the bound; 0 without event_time */
    bool        final;           /* sink: emit = 'final' */
    weir_str    like;            /* keyed sink: the table in its database whose form it gets
                                    when it is made; empty: the job's columns say it */
} weir_table;

/* Options that every source has (on_error, dead_letter, error_limit, event_time,
   watermark, idle_timeout, late, field.*), and every sink (emit). Defined in sql/. */
extern const weir_option weir_source_options[];
extern const weir_option weir_sink_options[];

typedef enum weir_node_kind {
    WEIR_NODE_SCAN,      /* rows of a source table: all its columns, op */
    WEIR_NODE_FILTER,    /* keeps rows for which `predicate` is true */
    WEIR_NODE_PROJECT,   /* one output column per expression */
    WEIR_NODE_WINDOW,    /* input columns, then window_start and window_end */
    WEIR_NODE_AGGREGATE, /* group columns, then aggregates */
    WEIR_NODE_SINK       /* writes its input to a sink table; no reader */
} weir_node_kind;

typedef enum weir_aggregate_fn {
    WEIR_AGG_COUNT_STAR,
    WEIR_AGG_COUNT,
    WEIR_AGG_SUM, /* int16, int32 -> int64; int64 -> numeric(38,0); float32 -> float32 … */
    WEIR_AGG_AVG, /* integers, numeric -> numeric any scale; floats -> float64 */
    WEIR_AGG_MIN,
    WEIR_AGG_MAX
} weir_aggregate_fn;

typedef struct weir_aggregate {
    weir_aggregate_fn fn;
    const weir_expr  *arg;    /* over the input; NULL for count(*) */
    const weir_expr  *filter; /* FILTER (WHERE …) or NULL */
    bool              distinct;
    weir_type         type;   /* of the result */
} weir_aggregate;

typedef enum weir_window_shape { WEIR_WINDOW_TUMBLE } weir_window_shape;

typedef struct weir_node {
    weir_node_kind kind;
    weir_str       name;   /* stable: keys the state; from view or sink names */
    int32_t        sql_at;
    uint32_t       input;  /* node, WEIR_NONE for SCAN */
    weir_schema    schema; /* of its output */
    uint32_t       table;  /* SCAN, SINK: in plan->table */
    const weir_expr  *predicate;  /* FILTER */
    const weir_expr **column;     /* PROJECT: schema.count; AGGREGATE: `groups` group keys */
    uint32_t          groups;     /* AGGREGATE: group keys; outputs come in this order */
    weir_aggregate   *aggregate;  /* AGGREGATE: `aggregates` */
    uint32_t          aggregates;
    uint32_t          window_end; /* AGGREGATE: column of its input that holds the window's
                                     end, WEIR_NONE: not windowed. window_start or
                                     window_end is then among the group keys. */
    weir_window_shape shape;      /* WINDOW */
    const weir_expr  *time;       /* WINDOW: timestamp or timestamptz over the input */
    int64_t           size_us, slide_us, offset_us, gap_us;
} weir_node;

typedef struct weir_job_settings {
    weir_str job_name;            /* [a-z0-9_-]{1,64} */
    weir_str checkpoint_location; /* s3://bucket/prefix or a folder */
    int64_t  epoch_interval_us;   /* 'epoch.interval', 5 seconds */
    int64_t  retain_us;           /* 'checkpoint.retain', 7 days */
    int64_t  collect_interval_us; /* 'gc.interval', 10 minutes; 0: never */
    int64_t  collect_age_us;      /* 'gc.min_age', 24 hours */
    int64_t  collect_rate;        /* 'gc.rate', 100 objects a second */
    int64_t  memory_limit;        /* bytes, 256 MiB */
    int64_t  lanes;               /* 0: one per core */
    weir_str http_listen;         /* "127.0.0.1:8080"; '' is off */
    bool     http_listen_given;
    const weir_opts *opts;        /* of all SETs: weir_job_options */
} weir_job_settings;
extern const weir_option weir_job_options[]; /* names of SET, also s3.* and mysql.* */

typedef struct weir_plan {
    weir_job_settings settings;
    weir_table *table;
    uint32_t    tables;
    weir_node  *node;
    uint32_t    nodes;
    uint64_t    fingerprint; /* of nodes and schemas: a changed plan has another */
} weir_plan;

typedef struct weir_sql_param { /* --param NAME=VALUE */
    weir_str name, value;
} weir_sql_param;

typedef struct weir_sql_input {
    const char           *file; /* name for messages */
    weir_str              text;
    const weir_catalog   *catalog;
    const weir_sql_param *param; /* before the environment */
    size_t                params;
    bool                  lenient_variables; /* --embedded: an unset ${NAME} is '' */
    bool                  bounded; /* --until end: a bare SELECT prints groups once */
    bool                  terminal_select;   /* bare SELECT allowed: adds a print sink */
} weir_sql_input;

typedef struct weir_sql_error {
    int32_t line, column; /* from 1; column counts characters, not bytes */
    char    msg[384];
    char    hint[192];
} weir_sql_error;

typedef struct weir_sql_errors {
    uint32_t       count; /* at most WEIR_SQL_ERRORS_MAX, sorted by place */
    weir_sql_error error[20];
} weir_sql_errors;

/* Reads, binds and plans a job. Errors are collected; code is that of the first. */
weir_code weir_sql_plan(const weir_sql_input *input, weir_arena *arena, weir_plan **out,
                        weir_sql_errors *errors) WEIR_MUST_CHECK;
/* "file:line:col: message; hint" per line, appended. */
void weir_sql_errors_print(weir_buf *out, const char *file, const weir_sql_errors *errors);
/* `weir explain`: the nodes as an indented tree, state kept, windows, sinks; appended. */
void weir_plan_print(weir_buf *out, const weir_plan *plan);

#endif
