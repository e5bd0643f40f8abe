/* Which slices are saved whole: the list of deltas stays short whatever the sizes are; and
 * what a list names is loaded in its order.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dlfcn.h>
#include <errno.h>

#include "check.h"
#include "engine_bed.h"
#include "engine_parts.h"

/* So many threads cannot be had: takes the place of the library's. */
static uint32_t threads_lacking;

int pthread_create(pthread_t *out, const pthread_attr_t *attr, void *(*run)(void *), void *self)
{
    static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (threads_lacking > 0) {
        threads_lacking--;
        return EAGAIN;
    }
    if (real == NULL) {
        void *found = dlsym(RTLD_NEXT, "pthread_create");
        memcpy(&real, &found, sizeof real);
    }
    return real(out, attr, run, self);
}

#define TOTALS                                                                             \
    "CREATE TABLE events (who text, n bigint) WITH (connector = 'script', "                \
    "topic = 'events', format = 'json');\n"                                                \
    "CREATE TABLE totals (who text PRIMARY KEY, n numeric(38,0)) WITH (connector = "       \
    "'keep');\nINSERT INTO totals SELECT who, sum(n) FROM events GROUP BY who;\n"

typedef struct bench {
    engine_bed        bed;
    weir_engine_setup setup;
    engine_job        engine;
    uint64_t          random;
    weir_err          err;
} bench;

static void start(bench *b)
{
    memset(b, 0, sizeof *b);
    engine_bed_open(&b->bed);
    b->setup.clock = weir_clock_system();
    b->setup.stop = &b->bed.stop;
    b->engine.setup = &b->setup;
    b->engine.clock = b->setup.clock;
    b->engine.budget.limit = 1 << 30;
    b->random = 42;
    b->engine.plan = engine_bed_plan(&b->bed, TOTALS);
    CHECK_OK(weir_ops_new(b->engine.plan, 1, &b->engine.budget, &b->engine.ops, &b->err),
             &b->err);
}

static void stop(bench *b)
{
    weir_ops_free(b->engine.ops);
    engine_bed_close(&b->bed);
}

static uint32_t draw(bench *b, uint32_t below)
{
    b->random = b->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(b->random >> 33) % below;
}

static engine_epoch *epoch_of(uint64_t number)
{
    engine_epoch *epoch = weir_heap_new(1, sizeof *epoch);
    epoch->number = number;
    return epoch;
}

static void epoch_done(engine_epoch *epoch)
{
    for (uint32_t i = 0; i < WEIR_SLICES; i++)
        weir_buf_done(&epoch->slice_bytes[i]);
    weir_heap_free(epoch);
}

static uint32_t fulls_of(const engine_epoch *epoch)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < WEIR_SLICES; i++)
        count += epoch->slice_full[i];
    return count;
}

/* How an epoch's deltas are sized: nothing, a little, or much, by slice or by chance. */
static size_t size_of(bench *b, uint64_t epoch, uint32_t slice)
{
    switch (epoch / 500 % 5) {
    case 0:
        return draw(b, 100);
    case 1:
        return slice < 3 ? 9000 : 0;
    case 2:
        return draw(b, 4) == 0 ? draw(b, 20000) : 0;
    case 3:
        return 6000;
    default:
        return 0;
    }
}

static void stop_writes_all_slices_whole_when_deltas_weigh(void **state)
{
    bench b;
    (void)state;
    start(&b);
    engine_epoch *epoch = epoch_of(1);
    engine_slices_choose(&b.engine, epoch, true);
    CHECK_INT(fulls_of(epoch), 0);
    for (uint32_t i = 0; i < 10; i++)
        b.engine.slice[i].delta_bytes = 100;
    engine_slices_choose(&b.engine, epoch, false);
    CHECK_INT(fulls_of(epoch), 0);
    engine_slices_choose(&b.engine, epoch, true);
    CHECK_INT(fulls_of(epoch), 10);
    epoch_done(epoch);
    stop(&b);
}

#define LONG_KEY 16000u
#define LONG_KEYS 300u /* 4.6 MiB in all */

/* The next text from *number on whose group is in the given slices (op/op_group_key.h). */
static void next_key(uint32_t *number, weir_buf *key, uint32_t from, uint32_t to)
{
    char     digits[16];
    uint32_t slice;
    do {
        (void)snprintf(digits, sizeof digits, "%08u", (*number)++);
        memcpy(key->at + 1, digits, 8);
        slice = weir_slice_of(weir_hash64(weir_buf_view(key)));
    } while (slice < from || slice > to);
}

static void push_long_keys(bench *b, uint32_t from, uint32_t to)
{
    weir_arena      *arena = weir_arena_new("long keys", 8 << 20);
    weir_builder     who, n;
    weir_row_errors  errors = {.arena = arena};
    weir_push_counts counts = {.late = 0};
    weir_buf         key = {0};
    uint32_t         number = 0;
    int64_t          watermark[LONG_KEYS];
    uint32_t         partner[LONG_KEYS];
    weir_buf_reserve(&key, LONG_KEY + 3);
    key.len = LONG_KEY + 3;
    memset(key.at, 'x', key.len);
    memcpy(key.at, "\1", 1);
    memcpy(key.at + 1 + LONG_KEY, "\0\1", 2);
    weir_builder_start(&who, arena, (weir_type){.id = WEIR_T_TEXT}, LONG_KEYS);
    weir_builder_start(&n, arena, (weir_type){.id = WEIR_T_INT64}, LONG_KEYS);
    for (uint32_t i = 0; i < LONG_KEYS; i++) {
        next_key(&number, &key, from, to);
        weir_builder_text(&who, (weir_str){key.at + 1, LONG_KEY});
        weir_builder_i64(&n, 1);
        watermark[i] = INT64_MIN;
        partner[i] = WEIR_NONE;
    }
    weir_column column[] = {weir_builder_end(&who), weir_builder_end(&n)};
    weir_batch  batch = {.rows = LONG_KEYS, .columns = 2, .column = column,
                         .selected = LONG_KEYS};
    weir_rows   rows = {.batch = &batch, .watermark = watermark, .partner = partner,
                        .closed_us = INT64_MIN};
    CHECK_OK(weir_ops_push(b->engine.ops, 0, &rows, &errors, &counts, &b->err), &b->err);
    CHECK_INT(errors.count, 0);
    weir_buf_done(&key);
    weir_arena_free(arena);
}

/* As if an epoch were saved: whole slices are `times` as long as they are counted, and of the
   others a part of what is counted is changed. */
static void save(bench *b, engine_epoch *epoch, uint32_t times, uint32_t part)
{
    for (uint32_t i = 0; i < WEIR_SLICES; i++) {
        size_t whole = weir_ops_slice_bytes(b->engine.ops, i);
        weir_buf_reserve(&epoch->slice_bytes[i], whole + 1);
        epoch->slice_bytes[i].len = epoch->slice_full[i] ? whole : whole / part;
        epoch->slice_ref[i].length = whole * times;
        epoch->slice_counted[i] = whole;
        epoch->has_delta |= !epoch->slice_full[i];
    }
    engine_slices_keep(&b->engine, epoch);
}

/* The given slices hold the long keys, the others nothing; epoch 1 wrote all of them whole. */
static void start_with_long_keys(bench *b, uint32_t from, uint32_t to, uint32_t times)
{
    start(b);
    push_long_keys(b, from, to);
    for (uint32_t i = 0; i < WEIR_SLICES; i++) {
        CHECK_OK(weir_ops_merge(b->engine.ops, i, &b->err), &b->err);
        CHECK_INT(weir_ops_slice_bytes(b->engine.ops, i) > 0, i >= from && i <= to);
    }
    engine_epoch *epoch = epoch_of(1);
    b->engine.all_full = true;
    engine_slices_choose(&b->engine, epoch, false);
    CHECK_INT(fulls_of(epoch), WEIR_SLICES);
    save(b, epoch, times, 1);
    epoch_done(epoch);
}

/* The first always, so that all have their turn; another one if both are small. */
static void large_slices_are_written_one_an_epoch_the_oldest_first(void **state)
{
    (void)state;
    bench b;
    start_with_long_keys(&b, 3, 4, 1);
    b.engine.slice[3].delta_bytes = b.engine.slice[4].delta_bytes = 10u << 20;
    b.engine.slice[4].full_epoch = 0;
    for (uint64_t number = 1; number <= 3; number++) {
        engine_epoch *epoch = epoch_of(number);
        engine_slices_choose(&b.engine, epoch, false);
        CHECK_INT(fulls_of(epoch), number < 3);
        CHECK_INT(epoch->slice_full[5 - number], number < 3);
        engine_slices_keep(&b.engine, epoch);
        epoch_done(epoch);
    }
    stop(&b);
}

static void small_slices_are_written_two_an_epoch(void **state)
{
    (void)state;
    bench b;
    start_with_long_keys(&b, 0, WEIR_SLICES - 1, 1);
    for (uint64_t number = 2; number <= 3; number++) {
        for (uint32_t i = 0; i < 10; i++)
            if (number == 2 || b.engine.slice[i].full_epoch == 1)
                b.engine.slice[i].delta_bytes = 10u << 20;
        engine_epoch *epoch = epoch_of(number);
        engine_slices_choose(&b.engine, epoch, false);
        CHECK_INT(fulls_of(epoch), ENGINE_FULL_SLICES);
        CHECK(epoch->slice_full[2 * number - 4] && epoch->slice_full[2 * number - 3]);
        save(&b, epoch, 1, 1000000);
        epoch_done(epoch);
    }
    stop(&b);
}

/* What costs nothing need not take turns. */
static void empty_slices_are_written_all_at_once(void **state)
{
    (void)state;
    bench b;
    start(&b);
    engine_epoch *epoch = epoch_of(200); /* all are due */
    engine_slices_choose(&b.engine, epoch, false);
    CHECK_INT(fulls_of(epoch), WEIR_SLICES);
    epoch_done(epoch);
    stop(&b);
}

/* When all slices are so large that an epoch writes one, and all are due at once. */
static void list_stays_short_over_ten_thousand_epochs_of_any_size(void **state)
{
    (void)state;
    bench    b;
    uint32_t longest = 0;
    uint64_t oldest = 0;
    start_with_long_keys(&b, 0, WEIR_SLICES - 1, 1000);
    for (uint64_t number = 2; number <= 10000; number++) {
        engine_epoch *epoch = epoch_of(number);
        engine_slices_choose(&b.engine, epoch, false);
        CHECK(fulls_of(epoch) <= 1);
        for (uint32_t i = 0; i < WEIR_SLICES; i++) {
            size_t size = size_of(&b, number, i);
            weir_buf_reserve(&epoch->slice_bytes[i], size + 1);
            epoch->slice_bytes[i].len = size;
            epoch->slice_counted[i] = weir_ops_slice_bytes(b.engine.ops, i);
            epoch->slice_ref[i].length = 1000 * epoch->slice_counted[i];
            epoch->has_delta |= size > 0 && !epoch->slice_full[i];
        }
        engine_slices_keep(&b.engine, epoch);
        longest = b.engine.deltas > longest ? b.engine.deltas : longest;
        for (uint32_t i = 0; i < WEIR_SLICES; i++)
            if (number - b.engine.slice[i].full_epoch > oldest)
                oldest = number - b.engine.slice[i].full_epoch;
        epoch_done(epoch);
    }
    CHECK(longest <= 128); /* what a restart may read */
    CHECK(longest > 100);
    CHECK(oldest <= 128);
    stop(&b);
}

/* Of all slices, which want it, when the last epoch's deltas were a part of the state. */
static void expect_copies(uint32_t part, uint32_t least_percent, uint32_t most_percent)
{
    bench    b;
    uint64_t size = 0, copies = 0;
    start_with_long_keys(&b, 0, WEIR_SLICES - 1, 1);
    for (uint32_t i = 0; i < WEIR_SLICES; i++) {
        size += weir_ops_slice_bytes(b.engine.ops, i);
        b.engine.slice[i].delta_bytes = 10u << 20;
    }
    b.engine.last_delta_bytes = size / part;
    engine_epoch *epoch = epoch_of(1);
    engine_slices_choose(&b.engine, epoch, false);
    for (uint32_t i = 0; i < WEIR_SLICES; i++)
        copies += epoch->slice_full[i] ? weir_ops_slice_bytes(b.engine.ops, i) : 0;
    CHECK(copies > size * least_percent / 100 && copies <= size * most_percent / 100);
    epoch_done(epoch);
    stop(&b);
}

static void epoch_writes_three_times_its_deltas_whole_or_a_quarter(void **state)
{
    (void)state;
    expect_copies(20, 10, 15);
    expect_copies(2, 20, 25);
}

static weir_checkpoint *own_checkpoint(bench *b)
{
    weir_checkpoint_setup setup = {
        .store = &b->bed.store.base, .prefix = WEIR_STR("place"), .job = WEIR_STR("job"),
        .task = WEIR_STR("t0"), .take_over = true, .epoch_interval_us = 1000,
        .clock = b->engine.clock, .stop = &b->bed.stop};
    weir_checkpoint *checkpoint = NULL;
    weir_manifest   *last = NULL;
    weir_arena      *arena = weir_arena_new("takeover", 4096);
    bool             finalised;
    CHECK_OK(weir_checkpoint_open(&setup, &checkpoint, &b->err), &b->err);
    CHECK_OK(weir_checkpoint_take_over(checkpoint, arena, &last, &finalised, &b->err),
             &b->err);
    weir_arena_free(arena);
    return checkpoint;
}

static void any_damaged_byte_of_the_list_is_found(void **state)
{
    bench b;
    (void)state;
    start(&b);
    b.engine.checkpoint = own_checkpoint(&b);
    weir_stage   *stage = weir_checkpoint_stage(b.engine.checkpoint, 1);
    engine_epoch *epoch = epoch_of(1);
    weir_buf      bytes = {0};
    epoch->slice_full[3] = epoch->slice_full[60] = true;
    weir_buf_text(&epoch->slice_bytes[5], "delta");
    engine_slices_stage(&b.engine, epoch, stage, &bytes);
    for (size_t i = 0; i < bytes.len; i++) {
        bytes.at[i] ^= 32;
        CHECK_FAILS(engine_slices_restore(&b.engine, NULL, weir_buf_view(&bytes), &b.err),
                    WEIR_E_CORRUPT, &b.err);
        CHECK_FAILS(engine_slices_restore(&b.engine, NULL, (weir_str){bytes.at, i}, &b.err),
                    WEIR_E_CORRUPT, &b.err);
        bytes.at[i] ^= 32;
    }
    weir_buf_done(&bytes);
    epoch_done(epoch);
    weir_stage_free(stage);
    weir_checkpoint_close(b.engine.checkpoint);
    stop(&b);
}

/* Bytes that the store kept well, and that are no state: whoever loads what, the first of the
   list is told of. */
static void first_damaged_slice_of_several_is_told(void **state)
{
    bench b;
    (void)state;
    start(&b);
    b.engine.lanes = 3;
    b.engine.checkpoint = own_checkpoint(&b);
    weir_stage   *stage = weir_checkpoint_stage(b.engine.checkpoint, 1);
    engine_epoch *epoch = epoch_of(1);
    weir_buf      bytes = {0};
    weir_sha256   sha;
    static const uint32_t damaged[] = {60, 23, 24, 22};
    for (size_t i = 0; i < 4; i++) {
        epoch->slice_full[damaged[i]] = true;
        weir_buf_text(&epoch->slice_bytes[damaged[i]], "no state");
    }
    engine_slices_stage(&b.engine, epoch, stage, &bytes);
    weir_stage_section(stage, "state", weir_buf_view(&bytes));
    CHECK_OK(weir_stage_build(stage, &sha, &b.err), &b.err);
    CHECK_OK(weir_stage_publish(stage, &b.err), &b.err);
    CHECK_FAILS(engine_slices_restore(&b.engine, b.engine.checkpoint,
                                      weir_buf_view(&bytes), &b.err),
                WEIR_E_CORRUPT, &b.err);
    CHECK_SAYS(&b.err, "slice 22");
    weir_buf_done(&bytes);
    epoch_done(epoch);
    weir_stage_free(stage);
    weir_checkpoint_close(b.engine.checkpoint);
    stop(&b);
}

static const weir_store_kind *counted; /* what a call of its get asks for is looked at */
static uint64_t               most_asked, calls;

static weir_code count_and_get(weir_store *self, weir_object *object, size_t count,
                               weir_err *err)
{
    const weir_store_kind *here = self->kind;
    uint64_t               asked = 0;
    for (size_t i = 0; i < count; i++)
        asked += object[i].length;
    if (asked > most_asked)
        most_asked = asked;
    calls++;
    self->kind = counted;
    weir_code rc = counted->get(self, object, count, err);
    self->kind = here;
    return rc;
}

#define LARGE 12u
#define LARGE_BYTES 700000u

/* Deltas that do not compress, of a slice that has a full copy of the same epoch. */
static void stage_large_deltas(bench *b, weir_buf *out)
{
    weir_stage   *stage = weir_checkpoint_stage(b->engine.checkpoint, 1);
    engine_epoch *epoch = epoch_of(1);
    weir_buf      noise = {0}, delta = {0};
    weir_sha256   sha;
    epoch->slice_full[5] = true;
    weir_ops_save(b->engine.ops, 5, true, &epoch->slice_bytes[5]);
    for (uint32_t i = 0; i < LARGE; i++) {
        weir_buf_clear(&noise);
        weir_buf_clear(&delta);
        while (noise.len < LARGE_BYTES)
            weir_buf_u16(&noise, (uint16_t)draw(b, 1u << 16));
        weir_buf_byte(&delta, 5);
        weir_buf_blob(&delta, weir_buf_view(&noise));
        b->engine.delta[i].epoch = 1;
        weir_stage_blob(stage, weir_buf_view(&delta), true, &b->engine.delta[i].ref);
    }
    b->engine.deltas = LARGE;
    engine_slices_stage(&b->engine, epoch, stage, out);
    CHECK_OK(weir_stage_build(stage, &sha, &b->err), &b->err);
    CHECK_OK(weir_stage_publish(stage, &b->err), &b->err);
    weir_buf_done(&noise);
    weir_buf_done(&delta);
    epoch_done(epoch);
    weir_stage_free(stage);
}

/* What is fetched at once does not grow with the state: a start is to take no more memory than
   the job that goes on. */
static void start_asks_for_few_bytes_at_once(void **state)
{
    bench b;
    (void)state;
    start(&b);
    b.engine.lanes = 2;
    b.engine.checkpoint = own_checkpoint(&b);
    weir_buf bytes = {0};
    stage_large_deltas(&b, &bytes);
    counted = b.bed.store.base.kind;
    weir_store_kind kind = *counted;
    kind.get = count_and_get;
    b.bed.store.base.kind = &kind;
    CHECK_OK(engine_slices_restore(&b.engine, b.engine.checkpoint, weir_buf_view(&bytes),
                                   &b.err),
             &b.err);
    b.bed.store.base.kind = counted;
    CHECK_INT(b.engine.deltas, LARGE);
    CHECK_U64(b.engine.slice[5].delta_bytes, 0); /* they are older than its full copy */
    CHECK(most_asked > LARGE_BYTES);
    CHECK(most_asked <= 2u << 20);
    CHECK(calls >= LARGE / 2);
    weir_buf_done(&bytes);
    weir_checkpoint_close(b.engine.checkpoint);
    stop(&b);
}

static void start_knows_what_copies_were_counted(void **state)
{
    (void)state;
    bench b;
    start_with_long_keys(&b, 3, 4, 1);
    b.engine.lanes = 2;
    b.engine.checkpoint = own_checkpoint(&b);
    weir_stage   *stage = weir_checkpoint_stage(b.engine.checkpoint, 1);
    engine_epoch *epoch = epoch_of(1);
    weir_buf      bytes = {0};
    weir_sha256   sha;
    uint64_t      before = weir_ops_slice_bytes(b.engine.ops, 3);
    for (uint32_t i = 0; i < WEIR_SLICES; i++) {
        epoch->slice_full[i] = true;
        weir_ops_save(b.engine.ops, i, true, &epoch->slice_bytes[i]);
    }
    engine_slices_stage(&b.engine, epoch, stage, &bytes);
    CHECK_OK(weir_stage_build(stage, &sha, &b.err), &b.err);
    CHECK_OK(weir_stage_publish(stage, &b.err), &b.err);
    weir_ops_free(b.engine.ops);
    CHECK_OK(weir_ops_new(b.engine.plan, 1, &b.engine.budget, &b.engine.ops, &b.err), &b.err);
    memset(b.engine.slice, 0, sizeof b.engine.slice);
    CHECK_OK(engine_slices_restore(&b.engine, b.engine.checkpoint, weir_buf_view(&bytes),
                                   &b.err),
             &b.err);
    CHECK_U64(weir_ops_slice_bytes(b.engine.ops, 3), before);
    CHECK_U64(b.engine.slice[3].full_counted, before);
    CHECK_U64(b.engine.slice[5].full_counted, 0);
    weir_buf_done(&bytes);
    epoch_done(epoch);
    weir_stage_free(stage);
    weir_checkpoint_close(b.engine.checkpoint);
    stop(&b);
}

/* Deltas, and lists, of nobody's making; the checksum is right. */
typedef struct list_case {
    uint8_t     version, slices;
    uint32_t    deltas; /* as it says; UINT32_MAX: it does not */
    const char *delta;  /* bytes of the one that there is; NULL: none */
    size_t      delta_len;
    const char *tail, *says;
    bool        torn; /* within the first slice, behind `tail` */
} list_case;

static void check_list(const list_case *one)
{
    bench         b;
    weir_buf      bytes = {0};
    weir_blob_ref ref;
    weir_sha256   sha;
    start(&b);
    b.engine.lanes = 1;
    b.engine.checkpoint = own_checkpoint(&b);
    weir_stage *stage = weir_checkpoint_stage(b.engine.checkpoint, 1);
    weir_buf_byte(&bytes, one->version);
    weir_buf_byte(&bytes, one->slices);
    for (uint32_t i = 0; i < WEIR_SLICES && !one->torn; i++)
        weir_buf_byte(&bytes, 0);
    if (one->deltas < UINT32_MAX)
        weir_buf_varint(&bytes, one->deltas);
    if (one->delta != NULL) {
        weir_stage_blob(stage, (weir_str){one->delta, one->delta_len}, false, &ref);
        weir_buf_varint(&bytes, 1);
        weir_stage_refer(stage, &ref, &bytes);
    }
    weir_buf_text(&bytes, one->tail);
    weir_buf_u32(&bytes, weir_crc32c(0, weir_buf_view(&bytes)));
    weir_stage_section(stage, "state", weir_buf_view(&bytes));
    CHECK_OK(weir_stage_build(stage, &sha, &b.err), &b.err);
    CHECK_OK(weir_stage_publish(stage, &b.err), &b.err);
    weir_code rc =
        engine_slices_restore(&b.engine, b.engine.checkpoint, weir_buf_view(&bytes), &b.err);
    if (one->says == NULL) {
        CHECK_OK(rc, &b.err);
    } else {
        CHECK_FAILS(rc, WEIR_E_CORRUPT, &b.err);
        CHECK_INT(b.err.exit, WEIR_EXIT_CORRUPT);
        CHECK_SAYS(&b.err, one->says);
    }
    weir_buf_done(&bytes);
    weir_stage_free(stage);
    weir_checkpoint_close(b.engine.checkpoint);
    stop(&b);
}

static void list_that_nobody_writes_is_refused(void **state)
{
    (void)state;
    static const char damaged[] = "list of state is damaged";
    char parts[2 * WEIR_SLICES + 2] = {0}; /* slice 0, and no bytes, once too often */
    const list_case cases[] = {
        {1, WEIR_SLICES, 0, NULL, 0, "", NULL, false},
        {2, WEIR_SLICES, 0, NULL, 0, "", "form 2 of its list of state is not known", false},
        {1, WEIR_SLICES - 1, 0, NULL, 0, "", damaged, false},
        {1, WEIR_SLICES, ENGINE_DELTAS_MAX + 1, NULL, 0, "", damaged, false},
        {1, WEIR_SLICES, UINT32_MAX, NULL, 0, "", damaged, false},
        {1, WEIR_SLICES, UINT32_MAX, NULL, 0, "\xff", damaged, false},
        {1, WEIR_SLICES, 1, NULL, 0, "", damaged, false},
        {1, WEIR_SLICES, UINT32_MAX, NULL, 0, "\1\1", damaged, true},
        {1, WEIR_SLICES, 0, NULL, 0, "more", damaged, false},
        {1, WEIR_SLICES, 1, "\5", 1, "", damaged, false},
        {1, WEIR_SLICES, 1, "\x40\0", 2, "", damaged, false},
        {1, WEIR_SLICES, 1, parts, sizeof parts, "", damaged, false},
        {1, WEIR_SLICES, 1, "\5\2x", 3, "", damaged, false}, /* it ends before the part does */
        {1, WEIR_SLICES, 1, "\5\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12, "", damaged,
         false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_list(&cases[i]);
}

#define SHORT_BYTES 200000u  /* what a blob expands to */
#define SHORT_LACKS 100000u  /* and its reference says so many more */
#define SHORT_DELTAS 20u     /* more than are fetched at once */

typedef enum short_blob { SHORT_COPY, SHORT_DELTA, SHORT_OLD_DELTA } short_blob;

/* A full copy of slice 5, deltas of it that nobody needs, and of slice 6. One is too short. */
static void list_short(bench *b, short_blob which, weir_stage *stage)
{
    weir_buf      zeros = {0}, delta = {0}, whole = {0};
    weir_blob_ref ref;
    weir_buf_reserve(&zeros, SHORT_BYTES);
    memset(zeros.at, 0, SHORT_BYTES);
    zeros.len = SHORT_BYTES;
    weir_ops_save(b->engine.ops, 5, true, &whole);
    weir_stage_blob(stage, weir_buf_view(which == SHORT_COPY ? &zeros : &whole), true, &ref);
    ref.expanded += which == SHORT_COPY ? SHORT_LACKS : 0;
    b->engine.slice[5] = (engine_slice){.full = ref, .has_full = true, .full_epoch = 1};
    weir_buf_byte(&delta, which == SHORT_OLD_DELTA ? 5 : 6);
    weir_buf_varint(&delta, SHORT_BYTES + SHORT_LACKS);
    weir_buf_str(&delta, weir_buf_view(&zeros));
    b->engine.deltas = which == SHORT_COPY ? 0 : SHORT_DELTAS;
    for (uint32_t i = 0; i < b->engine.deltas; i++) {
        weir_stage_blob(stage, weir_buf_view(&delta), true, &b->engine.delta[i].ref);
        b->engine.delta[i].ref.expanded += SHORT_LACKS;
        b->engine.delta[i].epoch = 1;
    }
    weir_buf_done(&zeros);
    weir_buf_done(&delta);
    weir_buf_done(&whole);
}

/* As if the bytes had been damaged before their checksum was made. */
static void blob_that_expands_to_less_than_is_said_is_found(void **state)
{
    (void)state;
    for (short_blob which = SHORT_COPY; which <= SHORT_OLD_DELTA; which++) {
        bench       b;
        weir_buf    bytes = {0};
        weir_sha256 sha;
        start(&b);
        b.engine.lanes = 1;
        b.engine.checkpoint = own_checkpoint(&b);
        weir_stage   *stage = weir_checkpoint_stage(b.engine.checkpoint, 1);
        engine_epoch *epoch = epoch_of(1);
        list_short(&b, which, stage);
        engine_slices_stage(&b.engine, epoch, stage, &bytes);
        weir_stage_section(stage, "state", weir_buf_view(&bytes));
        CHECK_OK(weir_stage_build(stage, &sha, &b.err), &b.err);
        CHECK_OK(weir_stage_publish(stage, &b.err), &b.err);
        CHECK_FAILS(engine_slices_restore(&b.engine, b.engine.checkpoint,
                                          weir_buf_view(&bytes), &b.err),
                    WEIR_E_CORRUPT, &b.err);
        CHECK_INT(b.err.exit, WEIR_EXIT_CORRUPT);
        CHECK_SAYS(&b.err, "log/00000001/00000001' cannot be used: a blob cannot be expanded");
        weir_buf_done(&bytes);
        epoch_done(epoch);
        weir_stage_free(stage);
        weir_checkpoint_close(b.engine.checkpoint);
        stop(&b);
    }
}

/* Every slice is bad: the first is told, whatever of the rest was fetched and loaded then. What
   is listed and is not there is bad, too. */
static void restore_ends_at_the_first_slice_that_is_bad_or_gone(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        bench b;
        bool  gone = how == 2;
        start(&b);
        b.engine.lanes = 2;
        threads_lacking = how == 0 ? 2 : 0; /* who adds loads, and knows it at once */
        b.engine.checkpoint = own_checkpoint(&b);
        weir_stage   *stage = weir_checkpoint_stage(b.engine.checkpoint, 1);
        engine_epoch *epoch = epoch_of(1);
        weir_buf      bytes = {0};
        weir_sha256   sha;
        for (uint32_t i = 0; i < WEIR_SLICES; i++) {
            epoch->slice_full[i] = true;
            weir_buf_text(&epoch->slice_bytes[i], "no state");
        }
        engine_slices_stage(&b.engine, epoch, stage, &bytes);
        weir_stage_section(stage, "state", weir_buf_view(&bytes));
        CHECK_OK(weir_stage_build(stage, &sha, &b.err), &b.err);
        if (!gone)
            CHECK_OK(weir_stage_publish(stage, &b.err), &b.err);
        CHECK(engine_slices_restore(&b.engine, b.engine.checkpoint, weir_buf_view(&bytes),
                                    &b.err) != WEIR_OK);
        CHECK_INT(b.err.exit, WEIR_EXIT_CORRUPT);
        CHECK_SAYS(&b.err, gone ? "log/00000001/00000001" : "slice 0");
        weir_buf_done(&bytes);
        epoch_done(epoch);
        weir_stage_free(stage);
        weir_checkpoint_close(b.engine.checkpoint);
        stop(&b);
    }
}

/* What a start that can have no more threads does: it takes longer. */
static void state_comes_back_without_threads_to_load_it(void **state)
{
    (void)state;
    engine_bed bed;
    engine_bed_open(&bed);
    script_topic *topic = script_topic_new("events", 1);
    for (uint32_t i = 0; i < 100; i++)
        script_add(topic, 0, "{\"who\":\"w%02u\",\"n\":%u}", i % 50, i);
    CHECK_OK(engine_bed_run(&bed, "SET lanes = '3';\n" TOTALS), &bed.err);
    script_add(topic, 0, "{\"who\":\"w07\",\"n\":1000}");
    threads_lacking = 3;
    CHECK_OK(engine_bed_run(&bed, "SET lanes = '3';\n" TOTALS), &bed.err);
    CHECK_INT(threads_lacking, 0);
    weir_buf is = keep_text("main");
    CHECK_HOLDS(is.at, "w07|1064\n");
    weir_buf_done(&is);
    engine_bed_close(&bed);
}

#define RUNS 12u
#define EPOCHS_OF(run) (9 + (run) * 3)

/* A sum that goes up and down tells whether a delta was left out, doubled or misplaced. */
static void state_comes_back_from_any_list(void **state)
{
    engine_bed bed;
    (void)state;
    engine_bed_open(&bed);
    engine_bed_by_hand(&bed);
    script_topic *topic = script_topic_new("events", 1);
    int64_t       sum[40] = {0};
    weir_buf      want = {0};
    bed.until_end = false;
    for (uint32_t run = 0; run < RUNS; run++) {
        engine_bed_start(&bed, "SET lanes = '1';\n" TOTALS);
        for (uint32_t i = 0; i < EPOCHS_OF(run); i++) {
            uint64_t from = atomic_load(&bed.status.epoch);
            for (uint32_t k = 0; k < 40; k += 1 + (run + i) % 7) {
                int64_t n = (int64_t)((run * 31 + i * 7 + k) % 100) - 40;
                script_add(topic, 0, "{\"who\":\"w%02u\",\"n\":%lld}", k, (long long)n);
                sum[k] += n;
            }
            script_add(topic, 0, "{\"who\":\"e%02u-%02u\",\"n\":%u}", run, i, i);
            weir_buf_format(&want, "e%02u-%02u|%u\n", run, i, i); /* only in this epoch */
            ENGINE_BED_WAIT(&bed, atomic_load(&bed.status.epoch) > from);
        }
        CHECK_OK(engine_bed_stop(&bed), &bed.err);
    }
    for (uint32_t k = 0; k < 40; k++)
        weir_buf_format(&want, "w%02u|%lld\n", k, (long long)sum[k]);
    weir_buf_byte(&want, 0);
    for (uint32_t k = 0; k < 40; k++) /* what the state has forgotten begins anew at 0 */
        script_add(topic, 0, "{\"who\":\"w%02u\",\"n\":0}", k);
    for (uint32_t run = 0; run < RUNS; run++)
        for (uint32_t i = 0; i < EPOCHS_OF(run); i++)
            script_add(topic, 0, "{\"who\":\"e%02u-%02u\",\"n\":0}", run, i);
    bed.until_end = true;
    CHECK_OK(engine_bed_run(&bed, "SET lanes = '3';\n" TOTALS), &bed.err);
    weir_buf is = keep_text("main");
    CHECK_TEXT(is.at, want.at);
    CHECK(keep_group_of("main")->epoch > 200);
    weir_buf_done(&is);
    weir_buf_done(&want);
    engine_bed_close(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(list_stays_short_over_ten_thousand_epochs_of_any_size),
        TEST(stop_writes_all_slices_whole_when_deltas_weigh),
        TEST(large_slices_are_written_one_an_epoch_the_oldest_first),
        TEST(small_slices_are_written_two_an_epoch),
        TEST(empty_slices_are_written_all_at_once),
        TEST(epoch_writes_three_times_its_deltas_whole_or_a_quarter),
        TEST(any_damaged_byte_of_the_list_is_found),
        TEST(first_damaged_slice_of_several_is_told),
        TEST(start_asks_for_few_bytes_at_once),
        TEST(start_knows_what_copies_were_counted),
        TEST(list_that_nobody_writes_is_refused),
        TEST(blob_that_expands_to_less_than_is_said_is_found),
        TEST(restore_ends_at_the_first_slice_that_is_bad_or_gone),
        TEST(state_comes_back_without_threads_to_load_it),
        TEST(state_comes_back_from_any_list),
    };
    return RUN_TESTS(tests);
}
