/* tests/checkpoint_month: thirty days of epochs by a clock that is moved, with starts, crashes
 * and the collector, on a store in memory. What lies under the prefix stays as much as one
 * week asks for, whatever the month was like; so does what a start reads.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "checkpoint_bed.h"
#include "checkpoint_parts.h"
#include "weir/retain.h"

#define MINUTE_US (60LL * 1000000)
#define HOUR_US (60 * MINUTE_US)
#define DAY_US (24 * HOUR_US)

enum {
    DAYS = 30,
    RETAIN_DAYS = 7,
    EPOCHS_A_DAY = 24 * 12,
    DATA_EVERY = 10, /* epochs: one of them has a data object */
    CARRIED = 40,    /* blobs that each epoch names, as a state in slices does */
    /* what is retained, a generation that is not old enough, a round of the collector */
    KEPT_EPOCHS = (RETAIN_DAYS + 1) * EPOCHS_A_DAY + EPOCHS_A_DAY / 12,
    /* manifests and data objects; hint, mark, pins; what the last epochs name beside them */
    CONSTANT = KEPT_EPOCHS + KEPT_EPOCHS / DATA_EVERY + 8 + CARRIED,
    START_READS_MAX = 60 /* whatever the age: seals and the tail by bisection */
};

typedef struct month {
    bed              b;
    weir_checkpoint *checkpoint;
    weir_checkpoint *tool;
    uint64_t         random, epoch;
    weir_blob_ref    carried[CARRIED];
    uint64_t         starts, crashes, taken, orphans, reads_most;
} month;

static uint64_t draw(month *m, uint64_t below)
{
    m->random ^= m->random << 13, m->random ^= m->random >> 7, m->random ^= m->random << 17;
    return m->random % below;
}

static uint64_t reads_of(const month *m)
{
    return m->b.store.gets + m->b.store.heads;
}

static void begin_process(month *m)
{
    uint64_t before = reads_of(m);
    if (m->starts % 3 == 2)
        bed_remove(&m->b, BED_BASE "hint"); /* which may be lost */
    m->checkpoint = bed_checkpoint(&m->b);
    (void)bed_take_over(&m->b, m->checkpoint, NULL);
    m->starts++;
    if (reads_of(m) - before > m->reads_most)
        m->reads_most = reads_of(m) - before;
    weir_arena_reset(m->b.arena);
}

static void end_process(month *m, bool clean)
{
    if (clean)
        CHECK_OK(weir_checkpoint_seal(m->checkpoint, &m->b.err), &m->b.err);
    m->crashes += !clean;
    weir_checkpoint_close(m->checkpoint);
    m->checkpoint = NULL;
}

/* Each epoch replaces one of the blobs that are carried, so each stays for CARRIED epochs. */
static void run_epoch(month *m, bool dies)
{
    weir_sha256   sha;
    weir_buf      section = {0};
    uint64_t      number = m->epoch + 1;
    uint32_t      slot = (uint32_t)(number % CARRIED);
    char          bytes[40] = {(char)number};
    weir_blob_ref fresh;
    weir_stage   *stage = weir_checkpoint_stage(m->checkpoint, number);
    weir_stage_blob(stage, (weir_str){bytes, sizeof bytes}, false, &fresh);
    if (number % DATA_EVERY == 0) /* the second does not fit into the manifest */
        weir_stage_blob(stage, (weir_str){bytes, sizeof bytes}, false, &fresh);
    for (uint32_t i = 0; i < CARRIED; i++)
        if (i == slot || m->carried[i].idx > 0)
            weir_stage_refer(stage, i == slot ? &fresh : &m->carried[i], &section);
    weir_stage_section(stage, "state", weir_buf_view(&section));
    weir_buf_done(&section);
    CHECK_OK(weir_stage_build(stage, &sha, &m->b.err), &m->b.err);
    if (!dies) {
        CHECK_OK(weir_stage_publish(stage, &m->b.err), &m->b.err);
        m->carried[slot] = fresh;
        m->epoch = number;
    }
    m->orphans += dies;
    weir_stage_free(stage);
    if (!dies)
        CHECK_OK(weir_checkpoint_finalised(m->checkpoint, &m->b.err), &m->b.err);
}

static void collect(month *m)
{
    weir_collected     out;
    weir_collect_setup setup = {.retain_us = RETAIN_DAYS * DAY_US, .min_age_us = DAY_US};
    CHECK_OK(weir_checkpoint_collect(m->tool, &setup, &out, &m->b.err), &m->b.err);
    assert_null(out.stopped);
    m->taken += out.manifests + out.data;
}

static uint64_t objects(month *m)
{
    weir_listed *listed = NULL;
    uint32_t     count = 0;
    CHECK_OK(m->b.memory->kind->list(m->b.memory, WEIR_STR(BED_BASE), WEIR_STR(""), 1000000,
                                     m->b.arena, &listed, &count, &m->b.err),
             &m->b.err);
    weir_arena_reset(m->b.arena);
    return count;
}

static void check_day(month *m, int day)
{
    weir_span span;
    uint64_t  there = objects(m);
    CHECK_OK(weir_checkpoint_span(m->tool, &span, &m->b.err), &m->b.err);
    assert_int_equal(span.last, m->epoch);
    if (there > CONSTANT + 2 * span.generations)
        fail_msg("day %d: %" PRIu64 " objects, %" PRIu64 " generations", day, there,
                 span.generations);
    if (day > RETAIN_DAYS + 2) /* and a week is what can be gone back to */
        CHECK(span.last - span.first >= RETAIN_DAYS * EPOCHS_A_DAY * 9 / 10);
}

static void report(void *self, weir_str key, const char *what)
{
    (void)self;
    print_error("%.*s: %s\n", WEIR_STR_FMT(key), what);
}

static void objects_stay_as_many_as_a_week_of_epochs_and_two_a_generation(void **state)
{
    month        *m = calloc(1, sizeof *m);
    weir_verified verified;
    (void)state;
    bed_open(&m->b);
    m->b.inline_bytes = 64;
    m->random = 88172645463325252u;
    for (int i = 0; i < DAYS * EPOCHS_A_DAY; i++) {
        if (m->checkpoint == NULL)
            begin_process(m);
        if (m->tool == NULL)
            m->tool = bed_checkpoint(&m->b);
        fake_clock_move(&m->b.clock, 5 * MINUTE_US);
        bool dies = draw(m, 120) == 0, ends = draw(m, 300) == 0;
        run_epoch(m, dies);
        if (dies || ends)
            end_process(m, !dies);
        if (i % 12 == 11)
            collect(m);
        if (i % EPOCHS_A_DAY == EPOCHS_A_DAY - 1)
            check_day(m, i / EPOCHS_A_DAY);
    }
    print_message("%" PRIu64 " epochs, %" PRIu64 " starts, %" PRIu64 " crashes, %" PRIu64
                  " objects taken, %" PRIu64 " left; a start read at most %" PRIu64 "\n",
                  m->epoch, m->starts, m->crashes, m->taken, objects(m), m->reads_most);
    CHECK(m->starts > 50); /* it is not vacuous */
    CHECK(m->taken > 20 * EPOCHS_A_DAY);
    CHECK(m->reads_most <= START_READS_MAX);
    CHECK(m->orphans > 30);
    if (m->checkpoint != NULL)
        end_process(m, true);
    CHECK_OK(weir_checkpoint_verify(m->tool, report, NULL, &verified, &m->b.err), &m->b.err);
    CHECK(verified.manifests >= RETAIN_DAYS * EPOCHS_A_DAY * 9 / 10);
    assert_int_equal(verified.faults, 0);
    weir_checkpoint_close(m->tool);
    bed_close(&m->b);
    free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(objects_stay_as_many_as_a_week_of_epochs_and_two_a_generation)};
    return RUN_TESTS(tests);
}
