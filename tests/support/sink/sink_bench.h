/* tests/sink_bench: a sink, a checkpoint on a memory store, and epochs from a few words.
 *
 *     sink_bench bench;
 *     bench_start(&bench, "sqlite", "url=sqlite:/tmp/x;create=true");
 *     bench_take_over(&bench);
 *     bench_epoch(&bench, "+I|1|ada|2.50|2024-01-01 00:00:00|hi\n-D|2|bob|||");
 *     bench_stop(&bench);
 *
 * The table is: id bigint, name text, amount numeric(12,2), at timestamptz, note varchar(8);
 * PRIMARY KEY (id, name). An empty cell is NULL, '' is the empty text.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_SINK_BENCH_H
#define TESTS_SINK_BENCH_H

#include "fake_clock.h"
#include "weir/sink.h"

#define BENCH_EPOCHS 64

typedef enum bench_step { /* of an epoch, in order */
                          BENCH_STAGED,
                          BENCH_EXECUTED,
                          BENCH_BUILT, /* for sinks that execute after the data objects are put */
                          BENCH_PUT,
                          BENCH_COMMITTED,
                          BENCH_FINALISED,
                          BENCH_STEPS
} bench_step;

typedef struct bench_place {
    uint64_t gen, idx;
} bench_place;

typedef struct bench_zombie { /* a process that is thought dead, but may come back */
    weir_sink       *sink;
    weir_checkpoint *checkpoint;
    weir_stage      *stage;
    weir_arena      *epoch;
    weir_commit_id   id;
} bench_zombie;

typedef struct bench_history {
    weir_history       base;
    struct sink_bench *bench;
    weir_checkpoint   *checkpoint;
} bench_history;

typedef struct sink_bench {
    weir_arena           *arena; /* as long as the bench */
    fake_clock            clock;
    weir_store           *store; /* of the checkpoint, and of files */
    weir_store           *files; /* what the sink gets: may be a wrapper; NULL: the same */
    weir_field            field[5];
    weir_schema           schema;
    uint32_t              key[2];
    weir_sink_table       table;
    weir_sink_setup       setup;
    const weir_sink_kind *kind;
    const char           *section; /* of the sink in manifests */

    bench_zombie now;
    uint64_t     last; /* epoch */
    bench_place  place[BENCH_EPOCHS];
    weir_sha256  sha[BENCH_EPOCHS];
    bool         finalised;
    bool         left; /* what an AMEND amends is not this sink's */
    bool         end; /* the next epochs are staged with `end` */
    bool         fresh; /* the next takeover begins a lineage */
    int64_t      watermark_us;

    bench_zombie zombie[32];
    uint32_t     zombies;
    weir_err     err;
} sink_bench;

/* `options`: "name=value;…" of the table's WITH. */
void bench_start(sink_bench *bench, const char *kind, const char *options);
void bench_stop(sink_bench *bench);

/* Opens checkpoint and sink and replays; the code of the first that fails. */
weir_code bench_try_take_over(sink_bench *bench);
void      bench_take_over(sink_bench *bench); /* and stops the test when it fails */
/* The process is gone; its sink lives on as the last zombie. */
void bench_crash(sink_bench *bench);

weir_batch *bench_rows(sink_bench *bench, weir_arena *arena, const char *text);
/* One epoch up to and with `last`; refused rows are staged again. */
weir_code bench_try_epoch(sink_bench *bench, const weir_batch *rows, bench_step last);
void      bench_epoch(sink_bench *bench, const char *rows);
/* Its parts: stage and build; execute. */
weir_code     bench_stage(sink_bench *bench, const weir_batch *rows, bool again);
weir_code     bench_execute(sink_bench *bench, weir_refusals *refusals);
weir_code     bench_put(sink_bench *bench);
weir_code     bench_commit(sink_bench *bench);
weir_code     bench_finalise(sink_bench *bench);
bench_history bench_history_of(sink_bench *bench, weir_checkpoint *checkpoint);

#endif
