/* sql/options: the options that do not depend on a connector, as data.
 *
 * Gives      weir_source_options, weir_sink_options, weir_job_options.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/plan.h"

#define DAY_SECONDS 86400LL
#define SECOND_US 1000000LL

const weir_option weir_source_options[] = {
    {.name = "event_time",
     .type = WEIR_OPT_TEXT,
     .help = "The timestamp or timestamptz column that windows and the watermark go by."},
    {.name = "watermark",
     .type = WEIR_OPT_DURATION,
     .fallback = "0",
     .most = 400 * DAY_SECONDS * SECOND_US,
     .help = "How far behind the highest event time a row may be before it is late."},
    {.name = "idle_timeout",
     .type = WEIR_OPT_DURATION,
     .fallback = "1 minute",
     .most = 400 * DAY_SECONDS * SECOND_US,
     .help = "A partition that is read to its end and silent for so long does not hold the "
             "watermark back; 0 is off."},
    {.name = "late",
     .type = WEIR_OPT_CHOICE,
     .fallback = "drop",
     .choices = "drop",
     .help = "What becomes of a row whose window is closed: it is dropped and counted."},
    {.name = "on_error",
     .type = WEIR_OPT_CHOICE,
     .fallback = "fail",
     .choices = "fail|skip|dead_letter",
     .help = "What a record does that cannot be decoded or violates a constraint."},
    {.name = "dead_letter",
     .type = WEIR_OPT_TEXT,
     .help = "Under which name dead letters are kept, for on_error = 'dead_letter'."},
    {.name = "error_limit",
     .type = WEIR_OPT_TEXT,
     .help = "Above how many bad records the job stops, as in '1000 per 100000'."},
    {.name = "old_row",
     .type = WEIR_OPT_CHOICE,
     .fallback = "before",
     .choices = "before|state",
     .help = "Where a change event's old row comes from: its before image, or a table of "
             "last values that the job keeps."},
    {.name = "snapshot_rows",
     .type = WEIR_OPT_CHOICE,
     .fallback = "count",
     .choices = "count|ignore",
     .help = "Whether rows of a snapshot count as inserts."},
    {.name = "duplicates",
     .type = WEIR_OPT_CHOICE,
     .fallback = "drop",
     .choices = "drop|keep",
     .help = "Whether change events that a connector sends again are dropped."},
    {.name = "start_partial",
     .type = WEIR_OPT_BOOL,
     .fallback = "false",
     .help = "Accepts a start behind a changelog's first event."},
    {.name = "field.*",
     .type = WEIR_OPT_TEXT,
     .help = "\"field.COLUMN\" = 'path.to.field' names the field that a column reads."},
    {.name = "encoding.*",
     .type = WEIR_OPT_TEXT,
     .help = "\"encoding.COLUMN\" pins how a column's decimals or times are encoded."},
    {0},
};

const weir_option weir_sink_options[] = {
    {.name = "emit",
     .type = WEIR_OPT_CHOICE,
     .choices = "changes|final",
     .help = "'changes' writes groups whenever they changed (the default with a key), "
             "'final' writes a window's rows once, when it closes (the default without)."},
    {0},
};

const weir_option weir_job_options[] = {
    {.name = "job.name",
     .type = WEIR_OPT_TEXT,
     .help = "Names the checkpoint lineage: 1 to 64 of a-z, 0-9, _ and -."},
    {.name = "checkpoint.location",
     .type = WEIR_OPT_TEXT,
     .help = "Where checkpoints are kept: s3://bucket/prefix, or a folder."},
    {.name = "epoch.interval",
     .type = WEIR_OPT_DURATION,
     .fallback = "5 seconds",
     .least = 10000,
     .most = 3600 * SECOND_US,
     .help = "How often results become visible and a checkpoint is written."},
    {.name = "memory.limit",
     .type = WEIR_OPT_BYTES,
     .fallback = "256 MiB",
     .least = 16LL << 20,
     .most = 1LL << 44,
     .help = "Bytes for queues, batches, open files and state."},
    {.name = "lanes",
     .type = WEIR_OPT_INT,
     .fallback = "0",
     .most = WEIR_LANES_MAX,
     .help = "Worker threads; 0 is one per core."},
    {.name = "http.listen",
     .type = WEIR_OPT_TEXT,
     .fallback = "127.0.0.1:8080",
     .help = "Address for metrics, health and the dashboard; '' is off."},
    {.name = "timezone",
     .type = WEIR_OPT_CHOICE,
     .fallback = "UTC",
     .choices = "UTC",
     .help = "The zone in which dates and times without a zone are read: UTC."},
#define S3_OPTION(n, t, f, c, h)                                                           \
    {.name = n, .type = t, .fallback = f, .choices = c, .help = h},
#include "weir/s3_options.def"
#undef S3_OPTION
    {0},
};
