/* Cells, rows, and multisets of them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "weir/arena.h"
#include "weir/compare.h"

static const weir_str null = {0};

static void null_is_null_s_equal_only(void **state)
{
    (void)state;
    CHECK(weir_cell_same(null, null));
    CHECK(!weir_cell_same(null, WEIR_STR("")));
    CHECK(!weir_cell_same(WEIR_STR(""), null));
    CHECK(weir_cell_same(WEIR_STR("a"), WEIR_STR("a")));
    CHECK(!weir_cell_same(WEIR_STR("a"), WEIR_STR("a ")));
    CHECK(!weir_cell_same(WEIR_STR("1.0"), WEIR_STR("1.00")));
}

static void deltas_are_exact_for_every_type_of_number(void **state)
{
    (void)state;
    static const struct {
        weir_type_id id;
        const char  *from, *to, *delta; /* NULL: none */
    } cases[] = {
        {WEIR_T_INT16, "-32768", "32767", "+65535"},
        {WEIR_T_INT32, "5", "5", "+0"},
        {WEIR_T_INT64, "9223372036854775807", "-9223372036854775808", "-18446744073709551615"},
        {WEIR_T_NUMERIC, "12.50", "25.00", "+12.50"},
        {WEIR_T_NUMERIC, "25.00", "12.49", "-12.51"},
        {WEIR_T_NUMERIC, "0.001", "1", "+0.999"},
        {WEIR_T_NUMERIC, "-99999999999999999999999999999999999999",
         "99999999999999999999999999999999999999", NULL},
        {WEIR_T_FLOAT64, "0.5", "-0.25", "-0.75"},
        {WEIR_T_FLOAT32, "1.5", "1.75", "+0.25"},
        {WEIR_T_TEXT, "1", "2", NULL},
        {WEIR_T_BOOL, "f", "t", NULL},
        {WEIR_T_TIMESTAMPTZ, "2026-01-01 00:00:00+00", "2026-01-02 00:00:00+00", NULL},
        {WEIR_T_INT64, NULL, "1", NULL},
        {WEIR_T_INT64, "1", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        weir_buf text = {0};
        bool any = weir_cell_delta(weir_type_of(cases[i].id), weir_str_of(cases[i].from),
                                   weir_str_of(cases[i].to), &text);
        CHECK(any == (cases[i].delta != NULL));
        if (any)
            CHECK_STR(weir_buf_view(&text), cases[i].delta);
        CHECK(any || text.len == 0);
        weir_buf_done(&text);
    }
}

static void packed_rows_are_equal_when_the_rows_are(void **state)
{
    (void)state;
    const weir_str row[] = {WEIR_STR("ab"), null, WEIR_STR(""), WEIR_STR("c")};
    const weir_str moved[] = {WEIR_STR("a"), WEIR_STR("b"), null, WEIR_STR("c")};
    const uint32_t some[] = {3, 0};
    weir_str       out[5];
    weir_buf       bytes = {0}, others = {0};
    weir_row_pack(&bytes, row, NULL, 4);
    weir_row_pack(&others, moved, NULL, 4);
    CHECK(!weir_str_eq(weir_buf_view(&bytes), weir_buf_view(&others)));
    CHECK(weir_row_unpack(weir_buf_view(&bytes), 4, out));
    CHECK(weir_row_same(4, row, out));
    CHECK(!weir_row_same(4, moved, out));
    CHECK(!weir_row_unpack(weir_buf_view(&bytes), 3, out));
    CHECK(!weir_row_unpack(weir_buf_view(&bytes), 5, out));
    weir_buf_clear(&bytes);
    weir_row_pack(&bytes, row, some, 2);
    CHECK(weir_row_unpack(weir_buf_view(&bytes), 2, out));
    CHECK_STR(out[0], "c");
    CHECK_STR(out[1], "ab");
    weir_buf_done(&bytes);
    weir_buf_done(&others);
}

static void add(weir_bag *bag, const char *row, bool other, int count)
{
    weir_bag_add(bag, weir_str_of(row), other, count);
}

static void order_and_parts_of_a_multiset_do_not_matter(void **state)
{
    (void)state;
    weir_bag *bag = weir_bag_new();
    CHECK(weir_bag_equal(bag));
    add(bag, "a", false, 1);
    CHECK(!weir_bag_equal(bag));
    add(bag, "b", false, 1);
    add(bag, "a", false, 1);
    add(bag, "b", true, 1);
    CHECK(!weir_bag_equal(bag));
    add(bag, "a", true, 1);
    CHECK(!weir_bag_equal(bag)); /* once is not twice */
    CHECK(weir_bag_differs(bag, weir_bag_bucket(WEIR_STR("a"))));
    CHECK(!weir_bag_differs(bag, weir_bag_bucket(WEIR_STR("b"))));
    CHECK_INT(weir_bag_rows(bag, weir_bag_bucket(WEIR_STR("a"))), 3);
    add(bag, "a", true, 1);
    CHECK(weir_bag_equal(bag));
    add(bag, "c", false, -1); /* what was there before */
    CHECK(!weir_bag_equal(bag));
    add(bag, "c", false, 1);
    CHECK(weir_bag_equal(bag));
    weir_bag_free(bag);
}

static void a_tally_counts_and_keeps(void **state)
{
    (void)state;
    weir_tally *tally = weir_tally_new(64 << 20);
    char        name[16];
    for (int i = 0; i < 30000; i++) {
        snprintf(name, sizeof name, "%d", i % 10000);
        weir_tally_entry *entry = weir_tally_find(tally, weir_str_of(name), true);
        CHECK(entry != NULL);
        entry->live++;
        if (i < 10000)
            entry->value = weir_tally_keep(tally, weir_str_of(name));
    }
    CHECK_INT(weir_tally_count(tally), 10000);
    for (size_t i = 0; i < 10000; i++) {
        weir_tally_entry *entry = weir_tally_at(tally, i);
        snprintf(name, sizeof name, "%zu", i);
        CHECK_STR(entry->key, name);
        CHECK_STR(entry->value, name);
        CHECK_INT(entry->live, 3);
        CHECK(weir_tally_find(tally, entry->key, false) == entry);
    }
    CHECK(weir_tally_at(tally, 10000) == NULL);
    CHECK(weir_tally_find(tally, WEIR_STR("10000"), false) == NULL);
    weir_tally_free(tally);
}

static void a_full_tally_says_so(void **state)
{
    (void)state;
    weir_tally *tally = weir_tally_new(4096);
    char        name[16];
    int         count = 0;
    while (snprintf(name, sizeof name, "%d", count) > 0 &&
           weir_tally_find(tally, weir_str_of(name), true) != NULL)
        count++;
    CHECK(count > 10);
    CHECK(count < 4096 / 50);
    CHECK(weir_tally_find(tally, WEIR_STR("0"), true) != NULL);
    static const char big[8192];
    CHECK(weir_tally_keep(tally, (weir_str){big, sizeof big}).at == NULL);
    weir_tally_free(tally);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(null_is_null_s_equal_only),
        TEST(deltas_are_exact_for_every_type_of_number),
        TEST(packed_rows_are_equal_when_the_rows_are),
        TEST(order_and_parts_of_a_multiset_do_not_matter),
        TEST(a_tally_counts_and_keeps),
        TEST(a_full_tally_says_so),
    };
    return RUN_TESTS(tests);
}
