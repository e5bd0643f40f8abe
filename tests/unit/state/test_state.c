/* tests: the budget, slabs, keyed tables and the list of unsaved entries.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

#include "weir/hash.h"
#include "weir/state.h"

static uint64_t random_state = 88172645463325252u;
static uint32_t below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 11) % limit);
}

static void the_budget_gives_no_more_than_its_limit(void **state)
{
    (void)state;
    weir_budget budget = {.limit = 100};
    CHECK(weir_budget_take(&budget, 60));
    CHECK(!weir_budget_take(&budget, 41));
    CHECK(weir_budget_take(&budget, 40));
    weir_budget_give(&budget, 30);
    CHECK_INT(budget.used, 70);
    weir_budget_force(&budget, 1000);
    CHECK(!weir_budget_take(&budget, 1));
    CHECK(!weir_budget_take(&budget, 0));
    weir_budget_give(&budget, 1070);
    CHECK(weir_budget_take(&budget, 100));
    CHECK_ABORTS(weir_budget_give(&budget, 101));
}

#define PIECES 400

static void pieces_of_a_slab_do_not_overlap(void **state)
{
    (void)state;
    weir_budget budget = {.limit = SIZE_MAX};
    weir_slab   slab;
    struct {
        unsigned char *at;
        size_t         bytes;
        unsigned char  fill;
    } piece[PIECES] = {{NULL, 0, 0}};
    weir_slab_init(&slab, &budget, 128);
    for (int i = 0; i < 20000; i++) {
        uint32_t p = below(PIECES);
        if (piece[p].at != NULL) {
            for (size_t b = 0; b < piece[p].bytes; b++)
                CHECK_INT(piece[p].at[b], piece[p].fill);
            weir_slab_give(&slab, piece[p].at, piece[p].bytes);
            piece[p].at = NULL;
            continue;
        }
        piece[p].bytes = below(10) == 0 ? below(5000) : below(200);
        piece[p].at = weir_slab_take(&slab, piece[p].bytes);
        piece[p].fill = (unsigned char)below(256);
        CHECK_INT((uintptr_t)piece[p].at % 16, 0);
        memset(piece[p].at, piece[p].fill, piece[p].bytes);
        CHECK_INT(budget.used, slab.held);
    }
    weir_slab_done(&slab);
    CHECK_INT(budget.used, 0);
}

static void a_slab_reuses_what_comes_back(void **state)
{
    (void)state;
    weir_budget budget = {.limit = SIZE_MAX};
    weir_slab   slab;
    weir_slab_init(&slab, &budget, 4096);
    void *first = weir_slab_take(&slab, 100);
    weir_slab_give(&slab, first, 100);
    CHECK(weir_slab_take(&slab, 101) == first);
    size_t held = slab.held;
    void  *large = weir_slab_take(&slab, 1u << 20);
    CHECK(slab.held > held + (1u << 20));
    weir_slab_give(&slab, large, 1u << 20);
    CHECK_INT(slab.held, held);
    weir_slab_done(&slab);
}

typedef struct thing {
    weir_entry entry;
    uint32_t   number;
    char       key[16];
} thing;

#define THINGS 300

static weir_str key_of(uint32_t number, char *room)
{
    return (weir_str){room, (size_t)snprintf(room, 16, "key-%u", number)};
}

static void entries_are_found_by_key_and_gone_when_removed(void **state)
{
    (void)state;
    weir_budget budget = {.limit = SIZE_MAX};
    weir_keyed  keyed;
    thing      *there[THINGS] = {NULL};
    uint32_t    count = 0;
    weir_keyed_init(&keyed, &budget, offsetof(thing, key));
    for (int i = 0; i < 50000; i++) {
        uint32_t number = below(THINGS);
        char     room[16];
        weir_str key = key_of(number, room);
        /* hashes that collide: few bits of them differ, of those that choose the slot and of
           those that a slot keeps */
        uint64_t hash = weir_hash64(key) & (UINT64_C(1) << 47 | UINT64_C(1) << 32 | 0x1f);
        CHECK(weir_keyed_find(&keyed, hash, key) == (weir_entry *)there[number]);
        if (there[number] == NULL) {
            thing *fresh = calloc(1, sizeof(thing));
            fresh->entry = (weir_entry){hash, (uint32_t)key.len, WEIR_SAVED};
            memcpy(fresh->key, key.at, key.len);
            weir_keyed_add(&keyed, &fresh->entry);
            there[number] = fresh;
            count++;
        } else if (below(2)) {
            weir_keyed_remove(&keyed, &there[number]->entry);
            free(there[number]);
            there[number] = NULL;
            count--;
        }
        CHECK_INT(keyed.count, count);
    }
    for (uint32_t at = 0; at < keyed.room; at++) {
        const weir_entry *entry = weir_keyed_at(&keyed, at);
        count -= entry != NULL;
        CHECK(entry == NULL || keyed.slot[at].bits >> 48 == (entry->hash >> 32 & 0xffff));
    }
    CHECK_INT(count, 0);
    for (uint32_t i = 0; i < THINGS; i++)
        free(there[i]);
    weir_keyed_done(&keyed);
    CHECK_INT(budget.used, 0);
}

static void room_that_was_reserved_is_enough(void **state)
{
    (void)state;
    for (uint32_t before = 0; before < 40; before += 13) {
        weir_budget budget = {.limit = SIZE_MAX};
        weir_keyed  keyed;
        thing       all[100] = {0};
        weir_keyed_init(&keyed, &budget, offsetof(thing, key));
        for (uint32_t i = 0; i < 100; i++) {
            char     text[16];
            weir_str key = key_of(i, text);
            all[i].entry = (weir_entry){weir_hash64(key), (uint32_t)key.len, WEIR_SAVED};
            memcpy(all[i].key, key.at, key.len);
            if (i == before)
                weir_keyed_reserve(&keyed, 100);
            weir_keyed_add(&keyed, &all[i].entry);
            CHECK(i < before || keyed.room == 256);
        }
        weir_keyed_reserve(&keyed, 10); /* never less */
        CHECK_INT(keyed.room, 256);
        for (uint32_t i = 0; i < 100; i++) {
            char     text[16];
            weir_str key = key_of(i, text);
            CHECK(weir_keyed_find(&keyed, weir_hash64(key), key) == &all[i].entry);
        }
        weir_keyed_done(&keyed);
        CHECK_INT(budget.used, 0);
    }
}

static void unsaved_entries_know_their_place(void **state)
{
    (void)state;
    thing        all[THINGS];
    bool         listed[THINGS] = {false};
    weir_unsaved list = {NULL, 0, 0};
    for (uint32_t i = 0; i < THINGS; i++)
        all[i] = (thing){.entry = {.unsaved = WEIR_SAVED}, .number = i};
    for (int i = 0; i < 20000; i++) {
        uint32_t number = below(THINGS), count = 0;
        bool     add = below(2);
        if (add)
            weir_unsaved_add(&list, &all[number].entry);
        else
            weir_unsaved_remove(&list, &all[number].entry);
        listed[number] = add;
        if (i % 500 != 0)
            continue;
        for (uint32_t n = 0; n < THINGS; n++) {
            CHECK_INT(all[n].entry.unsaved != WEIR_SAVED, listed[n]);
            count += listed[n];
            if (listed[n])
                CHECK(list.entry[all[n].entry.unsaved] == &all[n].entry);
        }
        CHECK_INT(list.count, count);
    }
    weir_unsaved_clear(&list);
    for (uint32_t n = 0; n < THINGS; n++)
        CHECK_INT(all[n].entry.unsaved, WEIR_SAVED);
    weir_unsaved_done(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_budget_gives_no_more_than_its_limit),
        TEST(pieces_of_a_slab_do_not_overlap),
        TEST(a_slab_reuses_what_comes_back),
        TEST(entries_are_found_by_key_and_gone_when_removed),
        TEST(room_that_was_reserved_is_enough),
        TEST(unsaved_entries_know_their_place),
    };
    return RUN_TESTS(tests);
}
