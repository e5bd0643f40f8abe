/* Two sides in the order of one key, against a slow twin.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "weir/arena.h"
#include "weir/compare.h"

#define COLUMNS 3
typedef const char *text_row[COLUMNS]; /* two key columns, one other; NULL: NULL */

typedef struct list {
    weir_ordered       base;
    const text_row *row;
    size_t          rows, at, fail_at;
    weir_str        cell[COLUMNS];
    char            copy[COLUMNS][64]; /* gone at the next call, as a page is */
} list;

static weir_code next(weir_ordered *base, const weir_str **out, weir_err *err)
{
    list *l = (list *)base;
    *out = NULL;
    if (l->at + 1 == l->fail_at)
        return weir_retry(err, WEIR_E_REMOTE, "away");
    memset(l->copy, '#', sizeof l->copy);
    if (l->at == l->rows)
        return WEIR_OK;
    for (int c = 0; c < COLUMNS; c++) {
        const char *text = l->row[l->at][c];
        l->cell[c] = (weir_str){0};
        if (text == NULL)
            continue;
        snprintf(l->copy[c], sizeof l->copy[c], "%s", text);
        l->cell[c] = (weir_str){l->copy[c], strlen(text)};
    }
    l->at++;
    *out = l->cell;
    return WEIR_OK;
}

typedef struct told {
    weir_buf text;
    int      stop_at, count;
} told;

static weir_code tell(void *self, const weir_str *live, const weir_str *other, weir_err *err)
{
    told           *t = self;
    const weir_str *row = live ? live : other;
    const char     *how = !other ? "-" : !live ? "+" : weir_row_same(COLUMNS, live, other) ? "="
                                                                                           : "!";
    weir_buf_format(&t->text, "%s%.*s/%.*s ", how, WEIR_STR_FMT(row[0]), WEIR_STR_FMT(row[1]));
    return ++t->count == t->stop_at ? weir_fail(err, WEIR_E_STOPPED, "enough") : WEIR_OK;
}

static const uint32_t key[] = {0, 1};

static weir_code merge_lists(list *live, list *other, const weir_order *order, told *t,
                             weir_err *err)
{
    live->base.next = other->base.next = next;
    weir_merge merge = {.columns = COLUMNS, .keys = 2, .key = key, .order = order,
                        .live = &live->base, .other = &other->base, .tell = tell, .self = t};
    weir_err_clear(err);
    return weir_merge_rows(&merge, err);
}

#define LIST(rows_) {.row = (rows_), .rows = sizeof(rows_) / sizeof *(rows_)}

static void check_merge(list live, list other, weir_order first, const char *want)
{
    const weir_order order[] = {first, WEIR_ORDER_BYTES};
    weir_err err;
    told     t = {0};
    CHECK_OK(merge_lists(&live, &other, order, &t, &err), &err);
    weir_buf_byte(&t.text, '\0');
    CHECK_TEXT(t.text.at, want);
    weir_buf_done(&t.text);
}

static void every_key_is_told_once(void **state)
{
    (void)state;
    static const text_row live[] = {{"1", "a", "x"}, {"2", "a", "x"}, {"2", "b", NULL},
                                    {"10", "", "x"}, {"11", "a", "x"}};
    static const text_row other[] = {{"-3", "a", "x"}, {"2", "a", "y"}, {"2", "b", NULL},
                                     {"10", "", NULL}, {"12", "z", "x"}};
    check_merge((list)LIST(live), (list)LIST(other), WEIR_ORDER_NUMBER,
                "+-3/a -1/a !2/a =2/b !10/ -11/a +12/z ");
    check_merge((list)LIST(live), (list){0}, WEIR_ORDER_NUMBER, "-1/a -2/a -2/b -10/ -11/a ");
    check_merge((list){0}, (list)LIST(live), WEIR_ORDER_NUMBER, "+1/a +2/a +2/b +10/ +11/a ");
    check_merge((list){0}, (list){0}, WEIR_ORDER_NUMBER, "");
}

/* Bytes above 0x7f are greater than all others; nothing is, in signed chars. */
static void text_is_in_the_order_of_its_bytes(void **state)
{
    (void)state;
    static const text_row live[] = {{"Z", "", "1"}, {"a", "", "1"}, {"a ", "", "1"},
                                    {"z", "", "1"}, {"\xc3\xa4", "", "1"},
                                    {"\xf0\x9f\x90\x9f", "", "1"}};
    static const text_row other[] = {{"a", "", "1"}, {"\xc3\xa4", "", "2"},
                                     {"\xef\xbf\xbd", "", "1"}};
    check_merge((list)LIST(live), (list)LIST(other), WEIR_ORDER_BYTES,
                "-Z/ =a/ -a / -z/ !\xc3\xa4/ +\xef\xbf\xbd/ -\xf0\x9f\x90\x9f/ ");
}

/* A control character comes before the end of the text: 'a' is 'a   '. */
static void padded_text_is_filled_up_with_spaces(void **state)
{
    (void)state;
    static const text_row live[] = {{"a\t", "", "1"}, {"a", "", "1"}, {"a!", "", "1"}};
    static const text_row other[] = {{"a", "", "1"}, {"a!", "", "1"}};
    check_merge((list)LIST(live), (list)LIST(other), WEIR_ORDER_PADDED, "-a\t/ =a/ =a!/ ");
}

static void numbers_are_in_the_order_of_their_values(void **state)
{
    (void)state;
    static const text_row live[] = {{"-99999999999999999999999999999999999999", "", "1"},
                                    {"-1.50", "", "1"}, {"-0.01", "", "1"}, {"0.00", "", "1"},
                                    {"9.99", "", "1"}, {"10.00", "", "1"},
                                    {"99999999999999999999999999999999999999", "", "1"}};
    check_merge((list)LIST(live), (list)LIST(live), WEIR_ORDER_NUMBER,
                "=-99999999999999999999999999999999999999/ =-1.50/ =-0.01/ =0.00/ =9.99/ =10.00/ "
                "=99999999999999999999999999999999999999/ ");
}

static void rows_out_of_order_and_twice_are_an_error(void **state)
{
    (void)state;
    static const text_row good[] = {{"1", "a", "x"}}, back[] = {{"2", "a", "x"}, {"1", "a", "x"}},
                          twice[] = {{"1", "a", "x"}, {"1", "a", "y"}};
    const weir_order order[] = {WEIR_ORDER_NUMBER, WEIR_ORDER_BYTES};
    for (int i = 0; i < 4; i++) {
        list     wrong = i % 2 ? (list)LIST(back) : (list)LIST(twice), right = LIST(good);
        told     t = {0};
        weir_err err;
        CHECK_FAILS(i < 2 ? merge_lists(&wrong, &right, order, &t, &err)
                          : merge_lists(&right, &wrong, order, &t, &err),
                    WEIR_E_CORRUPT, &err);
        CHECK_SAYS(&err, i < 2 ? "live table" : "other table");
        weir_buf_done(&t.text);
    }
}

static void errors_of_all_three_end_it(void **state)
{
    (void)state;
    static const text_row some[] = {{"1", "a", "x"}, {"2", "a", "x"}, {"3", "a", "x"}};
    const weir_order order[] = {WEIR_ORDER_NUMBER, WEIR_ORDER_BYTES};
    for (size_t at = 1; at <= 4; at++)
        for (int i = 0; i < 2; i++) {
            list     live = LIST(some), other = LIST(some);
            told     t = {0};
            weir_err err;
            (i ? &live : &other)->fail_at = at;
            CHECK_FAILS(merge_lists(&live, &other, order, &t, &err), WEIR_E_REMOTE, &err);
            CHECK_INT(t.count, at - 1);
            weir_buf_done(&t.text);
        }
    list     live = LIST(some), other = LIST(some);
    told     t = {.stop_at = 2};
    weir_err err;
    CHECK_FAILS(merge_lists(&live, &other, order, &t, &err), WEIR_E_STOPPED, &err);
    weir_buf_done(&t.text);
}

static uint64_t random_state = 88172645463325252u;
static uint32_t random_below(uint32_t most)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state % most);
}

/* Keys are 0 to 39, in number's order; a side has a key, or not. */
static void random_sides_are_as_the_slow_twin_says(void **state)
{
    (void)state;
    static char names[40][8];
    for (int i = 0; i < 40; i++)
        snprintf(names[i], sizeof names[i], "%d", i);
    for (int round = 0; round < 2000; round++) {
        text_row live[40], other[40];
        list     one = {.row = live}, two = {.row = other};
        weir_buf want = {0};
        for (int i = 0; i < 40; i++) {
            uint32_t how = random_below(8);
            const char *same = random_below(2) ? "s" : NULL;
            if (how & 1)
                memcpy(live[one.rows++], (text_row){names[i], "k", same}, sizeof(text_row));
            if (how & 2)
                memcpy(other[two.rows++], (text_row){names[i], "k", how & 4 ? "d" : same},
                       sizeof(text_row));
            if (how & 3)
                weir_buf_format(&want, "%s%d/k ", (how & 3) == 1 ? "-" : (how & 3) == 2 ? "+"
                                                : how & 4                               ? "!"
                                                                                        : "=",
                                i);
        }
        weir_buf_byte(&want, '\0');
        check_merge(one, two, WEIR_ORDER_NUMBER, want.at);
        weir_buf_done(&want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_key_is_told_once),
        TEST(text_is_in_the_order_of_its_bytes),
        TEST(padded_text_is_filled_up_with_spaces),
        TEST(numbers_are_in_the_order_of_their_values),
        TEST(rows_out_of_order_and_twice_are_an_error),
        TEST(errors_of_all_three_end_it),
        TEST(random_sides_are_as_the_slow_twin_says),
    };
    return RUN_TESTS(tests);
}
