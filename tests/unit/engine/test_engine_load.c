/* Slices are loaded by threads: few bytes are held, each slice in its order, and of several
 * that fail the first is told.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "engine_load.h"
#include "weir/clock.h"

#define MIB ((1u << 20) - 1000) /* and what a part is beside its bytes */
#define PARTS 40u

typedef struct world {
    engine_load load;
    bool        open;      /* who loads need not wait */
    size_t      part_bytes;
    uint32_t    added, loaded;
    uint32_t    held_most; /* parts that were added and not loaded */
    uint64_t    bad[2];    /* parts that cannot be loaded; by their number */
    uint32_t    next[8];   /* of each slice: the number that has to come next */
    pthread_t   adder;
    pthread_mutex_t lock;
    pthread_cond_t  changed;
} world;

static void init(world *w, uint32_t loaders, engine_load_fn *fn)
{
    memset(w, 0, sizeof *w);
    w->bad[0] = w->bad[1] = UINT64_MAX;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
    engine_load_start(&w->load, loaders, fn, w);
}

static weir_code end(world *w, weir_err *err)
{
    weir_err_clear(err);
    weir_code rc = engine_load_end(&w->load, err);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->changed);
    return rc;
}

static weir_code load_when_open(void *self, const engine_load_part *part, weir_err *err)
{
    world *w = self;
    (void)part;
    (void)err;
    pthread_mutex_lock(&w->lock);
    while (!w->open)
        pthread_cond_wait(&w->changed, &w->lock);
    w->loaded++;
    pthread_mutex_unlock(&w->lock);
    return WEIR_OK;
}

static void *add_all(void *self)
{
    world *w = self;
    for (uint32_t i = 0; i < PARTS; i++) {
        engine_load_part part = {.slice = i % 8};
        (void)weir_buf_more(&part.bytes, w->part_bytes);
        part.bytes.len = w->part_bytes;
        CHECK(engine_load_add(&w->load, &part));
        CHECK(part.bytes.at == NULL); /* it is the loader's */
        pthread_mutex_lock(&w->lock);
        w->added++;
        pthread_mutex_unlock(&w->lock);
    }
    return NULL;
}

/* Until who adds waits for room, or has added all; how many parts it was rid of then. */
static uint32_t added_until_it_waits(world *w)
{
    weir_clock *clock = weir_clock_system();
    bool        over = false;
    uint32_t    added = 0;
    for (uint32_t turns = 0; !over; turns++) {
        CHECK(turns < 600000); /* a minute */
        pthread_mutex_lock(&w->load.lock);
        over = w->load.waits;
        pthread_mutex_unlock(&w->load.lock);
        pthread_mutex_lock(&w->lock);
        added = w->added;
        over |= added == PARTS;
        pthread_mutex_unlock(&w->lock);
        clock->pause_us(clock, 100);
    }
    return added;
}

static uint32_t held_when_full(uint32_t loaders, size_t part_bytes)
{
    world    w;
    weir_err err;
    init(&w, loaders, load_when_open);
    w.part_bytes = part_bytes;
    pthread_create(&w.adder, NULL, add_all, &w);
    uint32_t held = added_until_it_waits(&w);
    pthread_mutex_lock(&w.lock);
    CHECK_INT(w.loaded, 0);
    w.open = true;
    pthread_cond_broadcast(&w.changed);
    pthread_mutex_unlock(&w.lock);
    pthread_join(w.adder, NULL);
    CHECK_OK(end(&w, &err), &err);
    CHECK_INT(w.loaded, PARTS);
    return held;
}

static void adding_waits_when_enough_is_held(void **state)
{
    (void)state;
    CHECK_INT(held_when_full(1, MIB), 2);
    CHECK_INT(held_when_full(2, MIB), 4);
    CHECK_INT(held_when_full(3, MIB / 2), 12);
}

/* Each thread may have one, however large, or nothing would ever be loaded. */
static void large_parts_come_through(void **state)
{
    (void)state;
    CHECK_INT(held_when_full(1, 5 * MIB), 1);
    CHECK_INT(held_when_full(2, 5 * MIB), 2);
}

static weir_code load_in_order(void *self, const engine_load_part *part, weir_err *err)
{
    world   *w = self;
    uint32_t number;
    CHECK_INT(part->bytes.len, sizeof number);
    memcpy(&number, part->bytes.at, sizeof number);
    CHECK_INT(number % 8, part->slice);
    CHECK_INT(number, w->next[part->slice]); /* slices share nothing: no lock */
    w->next[part->slice] = number + 8;
    if (number == w->bad[0] || number == w->bad[1])
        return weir_fail(err, WEIR_E_CORRUPT, "part %u", number);
    return WEIR_OK;
}

static bool add_number(world *w, uint32_t number)
{
    engine_load_part part = {.slice = number % 8};
    weir_buf_add(&part.bytes, &number, sizeof number);
    return engine_load_add(&w->load, &part);
}

static void parts_of_a_slice_are_loaded_in_their_order(void **state)
{
    (void)state;
    for (uint32_t loaders = 1; loaders <= 4; loaders++) {
        world    w;
        weir_err err;
        init(&w, loaders, load_in_order);
        for (uint32_t i = 0; i < 8; i++)
            w.next[i] = i;
        for (uint32_t i = 0; i < 4000; i++)
            CHECK(add_number(&w, i));
        CHECK_OK(end(&w, &err), &err);
        for (uint32_t i = 0; i < 8; i++)
            CHECK_INT(w.next[i], 4000 + i);
    }
}

static void first_of_several_that_fail_is_told(void **state)
{
    (void)state;
    for (uint32_t loaders = 1; loaders <= 4; loaders++) {
        for (uint32_t other = 1; other < 8; other++) {
            world    w;
            weir_err err;
            init(&w, loaders, load_in_order);
            for (uint32_t i = 0; i < 8; i++)
                w.next[i] = i;
            w.bad[0] = 80;
            w.bad[1] = 80 + other;
            for (uint32_t i = 0; i < 4000; i++)
                (void)add_number(&w, i); /* the end tells */
            CHECK_FAILS(end(&w, &err), WEIR_E_CORRUPT, &err);
            CHECK_SAYS(&err, "part 80");
        }
    }
}

static void adding_tells_that_one_has_failed(void **state)
{
    (void)state;
    world    w;
    weir_err err;
    init(&w, 2, load_in_order);
    for (uint32_t i = 0; i < 8; i++)
        w.next[i] = i;
    w.bad[0] = 0;
    bool     good = true;
    uint32_t number = 0;
    for (; good && number < 8000000; number += 8) /* its thread may be late, not for ever */
        good = add_number(&w, number);
    CHECK(!good);
    CHECK_FAILS(end(&w, &err), WEIR_E_CORRUPT, &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(adding_waits_when_enough_is_held),
        TEST(large_parts_come_through),
        TEST(parts_of_a_slice_are_loaded_in_their_order),
        TEST(first_of_several_that_fail_is_told),
        TEST(adding_tells_that_one_has_failed),
    };
    return RUN_TESTS(tests);
}
