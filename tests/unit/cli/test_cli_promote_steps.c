/* tests/cli_promote_steps: a promotion that dies behind any of its steps, and is gone on with:
 * every step is done in order, names are swapped once, and what cannot be is void.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "cli_promote.h"

typedef struct world { /* what stays when a process dies */
    weir_promotion record[4]; /* by step; step 0: it is not there */
    bool     marked, begun, ended, settled, pointed;
    bool     renamed;
    uint32_t renames;
    bool     committed;  /* a run with --fresh has epochs in the lineage */
    bool     swapped_before_settled;
    uint32_t calls, die_at; /* at that call; 0: never */
    bool     die_behind;    /* it is done, and its answer is lost */
    bool     overtaken;     /* behind the swap it sleeps until another one is done with it */
} world;

/* Dies before the call or behind it. */
static bool dies(world *w, bool behind)
{
    if (!behind)
        w->calls++;
    return w->die_at > 0 && w->calls == w->die_at && w->die_behind == behind;
}

static weir_code died(weir_err *err)
{
    return weir_fail(err, WEIR_E_IO, "died");
}

static weir_code step_read(void *self, uint32_t lineage, weir_promotion_step step,
                           weir_promotion **out, weir_err *err)
{
    world *w = self;
    (void)err;
    CHECK_INT(lineage, 2);
    *out = w->record[step].step == step ? &w->record[step] : NULL;
    return WEIR_OK;
}

static weir_code step_put(void *self, const weir_promotion *promotion, weir_promotion **out,
                          weir_err *err)
{
    world *w = self;
    if (dies(w, false))
        return died(err);
    weir_promotion *slot = &w->record[promotion->step];
    if (slot->step != promotion->step)
        *slot = *promotion;
    *out = slot;
    return dies(w, true) ? died(err) : WEIR_OK;
}

static weir_code do_it(world *w, bool *what, bool may, weir_err *err)
{
    if (dies(w, false))
        return died(err);
    CHECK(w->record[WEIR_PROMOTION_BEGUN].step == WEIR_PROMOTION_BEGUN);
    CHECK(may);
    *what = true;
    return dies(w, true) ? died(err) : WEIR_OK;
}

static weir_code step_mark(void *self, const weir_promotion *promotion, weir_err *err)
{
    world *w = self;
    CHECK(!promotion->undo);
    return do_it(w, &w->marked, true, err);
}

static weir_code step_begin(void *self, const weir_promotion *promotion, bool *out_empty,
                            weir_err *err)
{
    world *w = self;
    *out_empty = !w->committed;
    return do_it(w, &w->begun, w->marked || promotion->undo, err);
}

static weir_code step_end(void *self, const weir_promotion *promotion, weir_err *err)
{
    world *w = self;
    CHECK(!promotion->undo);
    return do_it(w, &w->ended, w->begun, err);
}

static weir_code step_settle(void *self, weir_promotion *promotion, weir_err *err)
{
    world *w = self;
    CHECK(!w->renamed); /* the replay's tables have their names still */
    promotion->last.epoch = 7;
    if (!promotion->undo)
        promotion->origin.epoch = 9;
    return do_it(w, &w->settled, w->begun && (w->ended || promotion->undo), err);
}

static weir_code step_rename(void *self, const weir_promotion *promotion, weir_err *err)
{
    world *w = self;
    CHECK_U64(promotion->last.epoch, 7);
    CHECK_INT(w->record[WEIR_PROMOTION_SETTLED].step, WEIR_PROMOTION_SETTLED);
    bool before = w->renamed;
    weir_code rc = do_it(w, &w->renamed, w->settled, err);
    w->renames += !before && w->renamed;
    if (w->overtaken) {
        w->record[WEIR_PROMOTION_DONE] = *promotion;
        w->record[WEIR_PROMOTION_DONE].step = WEIR_PROMOTION_DONE;
    }
    return rc;
}

static weir_code step_point(void *self, const weir_promotion *promotion, weir_err *err)
{
    world *w = self;
    CHECK_U64(promotion->last.epoch, 7);
    return do_it(w, &w->pointed, w->renamed, err);
}

static weir_code go(world *w, bool undo, weir_promotion **out, weir_err *err)
{
    const cli_promoter promoter = {.self = w, .read = step_read, .put = step_put,
                                   .mark = step_mark, .begin = step_begin, .end = step_end,
                                   .settle = step_settle, .rename = step_rename,
                                   .point = step_point};
    const weir_promotion promotion = {.step = WEIR_PROMOTION_BEGUN, .undo = undo,
                                      .name = WEIR_STR("fix"), .lineage = 2,
                                      .origin = {.epoch = undo ? 5 : 0}};
    weir_err_clear(err);
    w->calls = 0;
    return cli_promote_go(&promoter, &promotion, out, err);
}

static void check_done(const world *w, bool undo, const weir_promotion *done)
{
    CHECK_INT(done->step, WEIR_PROMOTION_DONE);
    CHECK(!done->voided);
    CHECK_U64(done->last.epoch, 7);
    CHECK_U64(done->origin.epoch, undo ? 5 : 9);
    CHECK_INT(w->renames, 1);
    CHECK(w->pointed);
    CHECK(w->marked == !undo);
}

static void it_goes_on_from_every_death(void **state)
{
    (void)state;
    for (int undo = 0; undo < 2; undo++) {
        world          whole = {.die_at = 0};
        weir_promotion *done = NULL;
        weir_err       err;
        CHECK_OK(go(&whole, undo, &done, &err), &err);
        check_done(&whole, undo, done);
        uint32_t calls = whole.calls;
        CHECK_INT(calls, undo ? 7 : 9);
        for (uint32_t first = 1; first <= 2 * calls; first++)
            for (uint32_t second = 1; second <= 2 * calls; second++) {
                world w = {.die_at = (first + 1) / 2, .die_behind = first % 2 == 0};
                CHECK_FAILS(go(&w, undo, &done, &err), WEIR_E_IO, &err);
                w.die_at = (second + 1) / 2;
                w.die_behind = second % 2 == 0;
                weir_code rc = go(&w, undo, &done, &err); /* may have less left to do */
                CHECK(rc == WEIR_OK || rc == WEIR_E_IO);
                w.die_at = 0;
                CHECK_OK(go(&w, undo, &done, &err), &err);
                check_done(&w, undo, done);
            }
    }
}

static void lineage_with_epochs_makes_it_void(void **state)
{
    (void)state;
    world          w = {.committed = true};
    weir_promotion *done = NULL;
    weir_err       err;
    for (int again = 0; again < 2; again++) {
        CHECK_OK(go(&w, false, &done, &err), &err);
        CHECK(done->voided);
        CHECK(!w.renamed);
        CHECK(!w.ended);
    }
}

static void what_is_done_by_another_is_not_done_again(void **state)
{
    (void)state;
    world          w = {.die_at = 0};
    weir_promotion *done = NULL;
    weir_err       err;
    CHECK_OK(go(&w, false, &done, &err), &err);
    w.renamed = false; /* undone meanwhile */
    CHECK_OK(go(&w, false, &done, &err), &err);
    CHECK(!w.renamed);
    CHECK_INT(w.renames, 1);
}

/* The one that readers are pointed to may be a later one's by then. */
static void what_is_done_by_another_is_not_pointed_to(void **state)
{
    (void)state;
    world          w = {.overtaken = true};
    weir_promotion *done = NULL;
    weir_err       err;
    CHECK_OK(go(&w, false, &done, &err), &err);
    CHECK_INT(done->step, WEIR_PROMOTION_DONE);
    CHECK(w.renamed);
    CHECK(!w.pointed);
}

enum { TABLES = 4 };

typedef struct database { /* its tables: a name, or NULL */
    const char *name[TABLES];
} database;

static const char **table_named(database *base, const char *name)
{
    for (int i = 0; i < TABLES; i++)
        if (base->name[i] != NULL && strcmp(base->name[i], name) == 0)
            return &base->name[i];
    return NULL;
}

/* One statement: all of it or nothing. */
static bool swap(database *base, weir_arena *arena, weir_str given, weir_str incoming,
                 weir_str outgoing)
{
    const char **live = table_named(base, weir_str_copy(arena, given).at);
    const char **next = table_named(base, weir_str_copy(arena, incoming).at);
    const char  *aside = weir_str_copy(arena, outgoing).at;
    if (live == NULL || next == NULL || table_named(base, aside) != NULL)
        return false;
    *next = *live;
    *live = aside;
    return true;
}

/* A promotion looked at the tables, and slept until it was done by another process, and undone:
   its statement must find other names than those it looked at. */
static void swap_that_slept_behind_the_undo_changes_nothing(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new("names", 4096);
    database    base = {.name = {"t", "t__fix"}};
    weir_str    live = WEIR_STR("t"), replay = WEIR_STR("t__fix"), name = WEIR_STR("fix");
    weir_str    before = cli_promote_aside(arena, live, name, false);
    weir_str    undone = cli_promote_aside(arena, live, name, true);
    CHECK(swap(&base, arena, live, replay, before));
    CHECK(!swap(&base, arena, live, replay, before));
    CHECK(swap(&base, arena, live, before, undone));
    CHECK(!swap(&base, arena, live, replay, before)); /* it slept until here */
    CHECK(!swap(&base, arena, live, before, undone));
    weir_arena_free(arena);
}

static void another_promotion_of_the_lineage_is_told(void **state)
{
    (void)state;
    world w = {.record[WEIR_PROMOTION_BEGUN] = {.step = WEIR_PROMOTION_BEGUN, .lineage = 2,
                                                .name = WEIR_STR("other"), .undo = true}};
    weir_promotion *done = NULL;
    weir_err       err;
    CHECK_FAILS(go(&w, false, &done, &err), WEIR_E_CONFLICT, &err);
    CHECK(strstr(err.hint, "--into other --undo") != NULL);
    CHECK(!w.marked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_goes_on_from_every_death),
        TEST(lineage_with_epochs_makes_it_void),
        TEST(what_is_done_by_another_is_not_done_again),
        TEST(what_is_done_by_another_is_not_pointed_to),
        TEST(swap_that_slept_behind_the_undo_changes_nothing),
        TEST(another_promotion_of_the_lineage_is_told),
    };
    return RUN_TESTS(tests);
}
