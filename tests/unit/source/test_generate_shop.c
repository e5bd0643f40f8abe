/* unit/source/generate_shop: the made-up shop is consistent, and a function of its options.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

#include "generate/generate_shop.h"
#include "weir/arena.h"
#include "weir/hash.h"

static const generate_shop shop = {
    .seed = 5, .partitions = 3, .customers = 20, .start_us = 1767225600000000, .step_us = 5000,
    .updates = 3500, .deletes = 400, .key_changes = 100, .late = 100, .duplicates = 300,
    .bad = 50, .unpaid = 3000,
};

static const generate_record *record_at(const generate_page *page, uint32_t partition,
                                        uint32_t number)
{
    return &page->record[page->index[partition * GENERATE_PAGE + number]];
}

static void a_page_is_full_and_keys_stay_in_their_partition(void **state)
{
    (void)state;
    generate_page page = {.number = -1};
    generate_page_make(&page, &shop, 2);
    CHECK_INT(page.records, 3 * GENERATE_PAGE);
    for (uint32_t i = 0; i < page.records; i++) {
        const generate_record *record = &page.record[i];
        CHECK_INT(generate_partition(generate_key_of(&page, record), 3), record->partition);
    }
    generate_page_done(&page);
}

static uint64_t hash_of(const generate_page *page)
{
    return weir_hash64(weir_buf_view(&page->text));
}

static void the_same_seed_gives_the_same_page_in_any_order(void **state)
{
    (void)state;
    generate_page one = {.number = -1}, two = {.number = -1};
    generate_page_make(&one, &shop, 0);
    generate_page_make(&one, &shop, 7);
    generate_page_make(&two, &shop, 7);
    CHECK_U64(hash_of(&one), hash_of(&two));
    generate_page_make(&one, &shop, 8);
    CHECK(hash_of(&one) != hash_of(&two));
    generate_shop other = shop;
    other.seed++;
    generate_page_make(&one, &other, 7);
    CHECK(hash_of(&one) != hash_of(&two));
    generate_page_done(&one);
    generate_page_done(&two);
}

/* The object behind "name": as text; empty when it is null. */
static weir_str image(weir_str value, const char *name)
{
    const char *at = memmem(value.at, value.len, name, strlen(name));
    CHECK(at != NULL);
    at += strlen(name);
    if (*at != '{')
        return (weir_str){0};
    const char *close = memchr(at, '}', (size_t)(value.at + value.len - at));
    return (weir_str){at, (size_t)(close + 1 - at)};
}

typedef struct rows { /* the last image of each key, in order of their first event */
    weir_str key[GENERATE_PAGE], after[GENERATE_PAGE];
    uint32_t count;
} rows;

static weir_str *row_of(rows *all, weir_str key)
{
    for (uint32_t i = 0; i < all->count; i++)
        if (weir_str_eq(all->key[i], key))
            return &all->after[i];
    all->key[all->count] = key;
    all->after[all->count] = (weir_str){0};
    return &all->after[all->count++];
}

static void the_before_is_the_last_after(void **state)
{
    (void)state;
    generate_page page = {.number = -1};
    generate_shop once = shop;
    uint32_t      updates = 0, deletes = 0, tombstones = 0;
    once.duplicates = 0;
    once.bad = 0;
    generate_page_make(&page, &once, 3);
    rows *all = weir_heap_new(1, sizeof *all);
    for (uint32_t p = 0; p < once.partitions; p++) {
        all->count = 0;
        for (uint32_t i = 0; i < GENERATE_PAGE; i++) {
            const generate_record *record = record_at(&page, p, i);
            weir_str               value = generate_value_of(&page, record);
            weir_str              *row = row_of(all, generate_key_of(&page, record));
            tombstones += !value.at;
            if (!value.at)
                continue;
            weir_str before = image(value, "\"before\":"), after = image(value, "\"after\":");
            CHECK_SAME(before, *row);
            updates += before.at && after.at;
            deletes += !after.at;
            *row = after;
        }
    }
    CHECK(updates > 800 && deletes > 90);
    CHECK_INT(deletes, tombstones);
    weir_heap_free(all);
    generate_page_done(&page);
}

static void stretches_come_again_byte_for_byte(void **state)
{
    (void)state;
    generate_page page = {.number = -1};
    generate_page_make(&page, &shop, 0);
    uint32_t repeats = 0;
    for (uint32_t i = GENERATE_REPEAT; i < page.records; i++) {
        bool again = page.record[i].value_len != UINT32_MAX;
        for (uint32_t k = 0; again && k < GENERATE_REPEAT && i + k < page.records; k++)
            again = page.record[i + k].key_at == page.record[i - GENERATE_REPEAT + k].key_at;
        repeats += again;
    }
    CHECK(repeats > 0);
    generate_page_done(&page);
}

static void partitions_are_those_of_the_java_producer(void **state)
{
    (void)state;
    /* murmur2 of Kafka's own tests: "21" is -973932308, "foobar" -790332482 */
    CHECK_INT(generate_partition(WEIR_STR("21"), 1000000),
              (uint32_t)(-973932308 & 0x7fffffff) % 1000000);
    CHECK_INT(generate_partition(WEIR_STR("foobar"), 1000000),
              (uint32_t)(-790332482 & 0x7fffffff) % 1000000);
}

static void wide_rows_are_filled_up_to_their_size(void **state)
{
    (void)state;
    generate_page page = {.number = -1};
    generate_shop wide = {.seed = 1, .partitions = 1, .customers = 10, .step_us = 1000,
                          .value_bytes = 863};
    generate_page_make(&page, &wide, 0);
    for (uint32_t i = 0; i < page.records; i++)
        CHECK_INT(generate_value_of(&page, &page.record[i]).len, 863);
    generate_page_done(&page);
}

static void events_are_shared_out_over_partitions(void **state)
{
    (void)state;
    generate_shop some = shop;
    some.events = 100;
    CHECK_INT(generate_records_of(&some, 0), 34);
    CHECK_INT(generate_records_of(&some, 1), 33);
    CHECK_INT(generate_records_of(&some, 2), 33);
    some.events = 0;
    CHECK_INT(generate_records_of(&some, 2), INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_page_is_full_and_keys_stay_in_their_partition),
        TEST(the_same_seed_gives_the_same_page_in_any_order),
        TEST(the_before_is_the_last_after),
        TEST(stretches_come_again_byte_for_byte),
        TEST(partitions_are_those_of_the_java_producer),
        TEST(wide_rows_are_filled_up_to_their_size),
        TEST(events_are_shared_out_over_partitions),
    };
    return RUN_TESTS(tests);
}
