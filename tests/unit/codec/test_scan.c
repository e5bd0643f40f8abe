/* tests/test_scan: reading by shape gives what simdjson gives; both find the fields that are there.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

#include "scan/scan_index.h"
#include "scan/scan_simdjson.h"

#include "weir/arena.h"
#include "weir/buf.h"
#include "weir/limits.h"
#include "weir/record.h"

typedef struct scan_bed { /* one tree and two readers of it */
    weir_arena  *arena;
    scan_tree    tree;
    scan_reader *shaped, *plain;
    scan_token   a[32], b[32];
    uint32_t     slot[32]; /* of the paths that were asked for */
    char        *text;     /* the last one, padded */
} scan_bed;

/* `paths`: names, dots between, blanks between paths. */
static void bed_start(scan_bed *bed, const char *paths)
{
    memset(bed, 0, sizeof *bed);
    bed->arena = weir_arena_new("bed", 4096);
    scan_tree_init(&bed->tree, bed->arena);
    uint32_t count = 0;
    weir_str rest = weir_str_copy(bed->arena, weir_str_of(paths));
    for (uint32_t node = 0; rest.len;) {
        size_t len = 0;
        while (len < rest.len && rest.at[len] != '.' && rest.at[len] != ' ')
            len++;
        node = scan_tree_add(&bed->tree, node, (weir_str){rest.at, len});
        bool last = len == rest.len || rest.at[len] == ' ';
        if (last)
            bed->slot[count++] = scan_tree_slot(&bed->tree, node);
        node = last ? 0 : node;
        rest.at += len + (len < rest.len);
        rest.len -= len + (len < rest.len);
    }
    scan_tree_done(&bed->tree);
    bed->shaped = scan_reader_new(&bed->tree);
    bed->plain = scan_reader_new(&bed->tree);
    scan_reader_plain(bed->plain);
}

static void bed_stop(scan_bed *bed)
{
    scan_reader_free(bed->shaped);
    scan_reader_free(bed->plain);
    weir_heap_free(bed->text);
    weir_arena_free(bed->arena);
}

static weir_str padded(scan_bed *bed, weir_str text)
{
    weir_heap_free(bed->text);
    bed->text = weir_heap_new(text.len + WEIR_RECORD_PAD, 1);
    memcpy(bed->text, text.at, text.len);
    memset(bed->text + text.len, '}', WEIR_RECORD_PAD);
    return (weir_str){bed->text, text.len};
}

static bool same_token(const scan_token *a, const scan_token *b)
{
    if (a->kind != b->kind || a->kind <= SCAN_NULL)
        return a->kind == b->kind;
    return a->at == b->at && a->len == b->len;
}

/* Both readers; on valid JSON both agree. True: it is an object. */
static bool bed_read(scan_bed *bed, weir_str text)
{
    text = padded(bed, text);
    const char *wrong = scan_read(bed->plain, text, bed->a);
    const char *shape_wrong = scan_read(bed->shaped, text, bed->b);
    if (scan_check(text, WEIR_JSON_DEPTH_MAX))
        return !wrong;
    bool same = !wrong == !shape_wrong;
    for (uint32_t i = 0; same && !wrong && i < bed->tree.slots; i++)
        same = same_token(&bed->a[i], &bed->b[i]);
    if (!same)
        fprintf(stderr, "%s / %s: %.*s\n", wrong, shape_wrong, WEIR_STR_FMT(text));
    CHECK(same);
    return !wrong;
}

static bool bed_text(scan_bed *bed, const char *text)
{
    return bed_read(bed, weir_str_of(text));
}

static weir_str found(const scan_bed *bed, uint32_t path)
{
    const scan_token *token = &bed->b[bed->slot[path]];
    return (weir_str){token->at, token->len};
}

static void the_second_record_of_a_shape_is_read_by_it(void **state)
{
    (void)state;
    scan_bed bed;
    bed_start(&bed, "a b.c");
    CHECK(bed_text(&bed, "{\"a\":1,\"b\":{\"c\":\"x\"},\"d\":[1,2]}"));
    CHECK(bed_text(&bed, "{\"a\":234,\"b\":{\"c\":\"yz\"},\"d\":[]}"));
    CHECK_STR(found(&bed, 0), "234");
    CHECK_STR(found(&bed, 1), "yz");
    CHECK_INT(scan_reader_counts(bed.shaped).shaped, 1);
    CHECK_INT(scan_reader_counts(bed.shaped).parsed, 1);
    bed_stop(&bed);
}

static void shapes_that_alternate_are_all_kept(void **state)
{
    (void)state;
    scan_bed bed;
    bed_start(&bed, "before.a after.a op");
    for (int i = 0; i < 10; i++) {
        CHECK(bed_text(&bed, "{\"before\":null,\"after\":{\"a\":1},\"op\":\"c\"}"));
        CHECK(bed_text(&bed, "{\"before\":{\"a\":1},\"after\":{\"a\":2},\"op\":\"u\"}"));
        CHECK(bed_text(&bed, "{\"before\":{\"a\":1},\"after\":null,\"op\":\"d\"}"));
        CHECK_STR(found(&bed, 0), "1");
        CHECK_INT(bed.b[bed.slot[1]].kind, SCAN_MISSING);
    }
    CHECK_INT(scan_reader_counts(bed.shaped).parsed, 3);
    bed_stop(&bed);
}

static void names_in_values_are_no_names(void **state)
{
    (void)state;
    scan_bed bed;
    bed_start(&bed, "a");
    CHECK(bed_text(&bed, "{\"x\":\"y\",\"a\":1}"));
    CHECK(bed_text(&bed, "{\"x\":\"\\\"a\\\":2\",\"a\":1}"));
    CHECK_STR(found(&bed, 0), "1");
    CHECK(bed_text(&bed, "{\"x\":\",\\\"a\\\":\",\"a\":3}"));
    CHECK_STR(found(&bed, 0), "3");
    CHECK(bed_text(&bed, "{\"x\":\"}{][:\",\"a\":4}"));
    CHECK_STR(found(&bed, 0), "4");
    CHECK(bed_text(&bed, "{\"x\":\"\\\\\",\"a\":5}"));
    CHECK_STR(found(&bed, 0), "5");
    bed_stop(&bed);
}

static void a_name_that_ends_like_another_is_another(void **state)
{
    (void)state;
    scan_bed bed;
    bed_start(&bed, "a");
    CHECK(bed_text(&bed, "{\"a\":1}"));
    CHECK(bed_text(&bed, "{\"x\\\"a\":2}"));
    CHECK_INT(bed.b[0].kind, SCAN_MISSING);
    CHECK(bed_text(&bed, "{\"xa\":2}"));
    CHECK_INT(bed.b[0].kind, SCAN_MISSING);
    CHECK(bed_text(&bed, "{\"\\u0061\":6}")); /* written otherwise, the same */
    CHECK_STR(found(&bed, 0), "6");
    bed_stop(&bed);
}

static void names_longer_than_a_register_are_compared_whole(void **state)
{
    (void)state;
    scan_bed bed;
    bed_start(&bed, "a_name_of_forty_characters_and_some_more1");
    CHECK(bed_text(&bed, "{\"b\":0,\"a_name_of_forty_characters_and_some_more1\":1}"));
    CHECK(bed_text(&bed, "{\"b\":0,\"x_name_of_forty_characters_and_some_more1\":2}"));
    CHECK_INT(bed.b[0].kind, SCAN_MISSING);
    CHECK(bed_text(&bed, "{\"b\":7,\"a_name_of_forty_characters_and_some_more1\":3}"));
    CHECK_STR(found(&bed, 0), "3");
    CHECK_INT(scan_reader_counts(bed.shaped).shaped, 1);
    bed_stop(&bed);
}

static void the_last_of_two_equal_names_counts(void **state)
{
    (void)state;
    scan_bed bed;
    bed_start(&bed, "a o.x");
    CHECK(bed_text(&bed, "{\"a\":1,\"b\":9,\"o\":{\"x\":1}}"));
    CHECK(bed_text(&bed, "{\"a\":1,\"a\":2,\"o\":{\"x\":1}}"));
    CHECK_STR(found(&bed, 0), "2");
    CHECK(bed_text(&bed, "{\"o\":{\"x\":1},\"o\":{\"y\":2}}"));
    CHECK_INT(bed.b[bed.slot[1]].kind, SCAN_MISSING);
    CHECK(bed_text(&bed, "{\"o\":{\"x\":1},\"o\":null}"));
    CHECK_INT(bed.b[bed.slot[1]].kind, SCAN_MISSING);
    bed_stop(&bed);
}

static void an_object_can_be_wanted_whole_and_in_parts(void **state)
{
    (void)state;
    scan_bed bed;
    bed_start(&bed, "o o.x o.y.z");
    for (int i = 0; i < 2; i++) {
        CHECK(bed_text(&bed, "{\"o\" : {\"x\": [1,{}], \"y\":{\"z\":null} } }"));
        CHECK_STR(found(&bed, 0), "{\"x\": [1,{}], \"y\":{\"z\":null} }");
        CHECK_STR(found(&bed, 1), "[1,{}]");
        CHECK_INT(bed.b[bed.slot[2]].kind, SCAN_NULL);
    }
    CHECK_INT(scan_reader_counts(bed.shaped).shaped, 1);
    bed_stop(&bed);
}

static void what_is_no_object_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        " ",
        "1",
        "null",
        "[1]",
        "\"a\"",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1}}",
        "{\"a\":1}{}",
        "{\"a\" 1}",
        "{a:1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":\"\x01\"}",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\xed\xa0\x80\"}",
        "{\"a\":1},{\"a\":1}",
        "\xef\xbb\xbf{\"a\":1}",
    };
    scan_bed bed;
    bed_start(&bed, "a b");
    CHECK(bed_text(&bed, "{\"a\":1}"));
    CHECK(bed_text(&bed, "{\"a\":\"x\"}"));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        CHECK(!bed_text(&bed, texts[i]));
        CHECK(scan_read(bed.shaped, padded(&bed, weir_str_of(texts[i])), bed.b) != NULL);
        CHECK(scan_check(weir_str_of(texts[i]), 64) || i == 2 || i == 3 || i == 4 ||
              i == 5);
    }
    bed_stop(&bed);
}

static void deep_nesting_is_refused_without_recursion(void **state)
{
    (void)state;
    weir_buf buf = {0};
    scan_bed bed;
    bed_start(&bed, "a");
    for (int depth = 60; depth < 70; depth++) {
        weir_buf_clear(&buf);
        for (int i = 0; i < depth; i++)
            weir_buf_text(&buf, "{\"a\":");
        weir_buf_text(&buf, "1");
        for (int i = 0; i < depth; i++)
            weir_buf_text(&buf, "}");
        CHECK_INT(bed_read(&bed, weir_buf_view(&buf)), depth <= 64);
        CHECK_INT(scan_check(weir_buf_view(&buf), 64) == NULL, depth <= 64);
    }
    weir_buf_clear(&buf);
    weir_buf_text(&buf, "{\"b\":");
    for (int i = 0; i < 100000; i++)
        weir_buf_text(&buf, "[");
    CHECK(!bed_read(&bed, weir_buf_view(&buf)));
    weir_buf_done(&buf);
    bed_stop(&bed);
}

static void a_text_cut_at_any_byte_is_refused(void **state)
{
    (void)state;
    const char *text =
        "{\"a\":{\"x\":[1,2.5e3,\"\\u00e9\\\"\"]},\"b\":\"\xc3\xa9\",\"c\":true}";
    scan_bed bed;
    bed_start(&bed, "a b c");
    CHECK(bed_text(&bed, text));
    for (size_t len = 0; len < strlen(text); len++) {
        CHECK(!bed_read(&bed, (weir_str){text, len}));
        CHECK(scan_check((weir_str){text, len}, 64) != NULL);
    }
    bed_stop(&bed);
}

static void escapes_are_resolved_and_broken_ones_found(void **state)
{
    (void)state;
    static const struct {
        const char *text, *means;
        int         len;
    } cases[] = {
        {"plain", "plain", 5},
        {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t", 8},
        {"\\u0041\\u00e9\\u20AC", "A\xc3\xa9\xe2\x82\xac", 6},
        {"\\uD83D\\uDE00!", "\xf0\x9f\x98\x80!", 5},
        {"a\\u0000b", "a\0b", 3},
        {"\\uD83D", NULL, -1},
        {"\\uD83Dx", NULL, -1},
        {"\\uD83D\\u0041", NULL, -1},
        {"\\uDE00", NULL, -1},
        {"\\u12g4", NULL, -1},
        {"\\u123", NULL, -1},
        {"\\x", NULL, -1},
        {"x\\", NULL, -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char       out[64];
        scan_token token = {cases[i].text, (uint32_t)strlen(cases[i].text), SCAN_STRING,
                            true};
        CHECK_INT(scan_unescape(&token, out), cases[i].len);
        if (cases[i].len >= 0)
            CHECK(memcmp(out, cases[i].means, (size_t)cases[i].len) == 0);
    }
}

static uint64_t random_next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void all_ways_to_index_agree(void **state)
{
    (void)state;
    static const char alphabet[] = "\"\"\\\\{}[]::,aA 1\n\x01\xc3\xa9";
    static scan_index a, b;
    uint64_t          seed = 0x9e3779b97f4a7c15u;
    char             *text = weir_heap_new(8192 + WEIR_RECORD_PAD, 1);
    for (int round = 0; round < 20000; round++) {
        size_t   len = random_next(&seed) % (round % 100 ? 300 : 8000);
        unsigned kinds = round % 3 ? sizeof alphabet - 1 : 4;
        for (size_t i = 0; i < len + WEIR_RECORD_PAD; i++)
            text[i] = alphabet[random_next(&seed) % kinds];
        scan_index_portable(&a, (weir_str){text, len});
        for (scan_index_fn *const *build = scan_index_all(); *build; build++) {
            (*build)(&b, (weir_str){text, len});
            CHECK_INT(a.whole, b.whole);
            if (!a.whole)
                continue;
            CHECK_INT(a.count, b.count);
            CHECK(memcmp(a.at, b.at, a.count * sizeof *a.at) == 0);
            CHECK_INT(a.escapes, b.escapes);
            CHECK_INT(a.ascii, b.ascii);
            CHECK_INT(a.control, b.control);
        }
    }
    weir_heap_free(text);
}

/* A random envelope-like object; few names, so that shapes come again. */
static void random_object(weir_buf *out, uint64_t *seed, int depth)
{
    static const char *const names[] = {"a",      "b",          "op",      "after",
                                        "before", "name of it", "\\u0061", "a\\\"b"};
    static const char *const values[] = {"1",
                                         "-2.5e3",
                                         "\"x\"",
                                         "\"\"",
                                         "null",
                                         "true",
                                         "\"a\\\"b\\\\\"",
                                         "\"{\\n:\"",
                                         "[1,2]",
                                         "[]",
                                         "{}",
                                         "\"\xc3\xa9\"",
                                         " 7 ",
                                         "\"\\ud83d\\ude00\""};
    weir_buf_text(out, random_next(seed) % 8 ? "{" : "{ ");
    uint64_t count = random_next(seed) % 5;
    for (uint64_t i = 0; i < count; i++) {
        const char *name = names[random_next(seed) % (random_next(seed) % 8 ? 6 : 8)];
        weir_buf_format(out, "%s\"%s\"%s", i ? "," : "", name,
                        random_next(seed) % 16 ? ":" : " : ");
        if (depth < 3 && random_next(seed) % 3 == 0)
            random_object(out, seed, depth + 1);
        else
            weir_buf_text(out, values[random_next(seed) % 14]);
    }
    weir_buf_text(out, "}");
}

static void random_objects_read_the_same_both_ways(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252u;
    weir_buf buf = {0};
    scan_bed bed;
    bed_start(&bed, "a b op after.a after.b before.a before.op after after.after.a");
    for (int i = 0; i < 60000; i++) {
        weir_buf_clear(&buf);
        random_object(&buf, &seed, 0);
        CHECK(bed_read(&bed, weir_buf_view(&buf)));
    }
    CHECK(scan_reader_counts(bed.shaped).shaped > 100);
    weir_buf_done(&buf);
    bed_stop(&bed);
}

static void mutated_envelopes_read_the_same_both_ways(void **state)
{
    (void)state;
    static const char envelope[] =
        "{\"before\":null,\"after\":{\"id\":1,\"name\":\"J\xc3\xbcrgen\",\"p\":{\"x\":1.5},"
        "\"note\":\"a\\\"b\"},\"source\":{\"db\":\"shop\",\"pos\":4711,\"gtid\":null},"
        "\"op\":\"c\",\"ts_ms\":1}";
    static const char junk[] = "{}[]:,\"\\ n1aeu0";
    uint64_t          seed = 4711;
    char              text[sizeof envelope + 1];
    scan_bed          bed;
    bed_start(&bed, "before.id after.id after.name after.note source.db source.pos op");
    for (int i = 0; i < 100000; i++) {
        memcpy(text, envelope, sizeof envelope);
        size_t len = sizeof envelope - 1;
        for (uint64_t k = random_next(&seed) % 4; k > 0; k--) {
            size_t at = random_next(&seed) % len;
            char   with = random_next(&seed) % 2 ? junk[random_next(&seed) % 15]
                                                 : envelope[random_next(&seed) % len];
            text[at] = with;
        }
        (void)bed_read(&bed, (weir_str){text, len});
    }
    bed_stop(&bed);
}

static void more_names_than_the_index_holds_are_still_read(void **state)
{
    (void)state;
    weir_buf buf = {0};
    scan_bed bed;
    bed_start(&bed, "n4999 n0");
    for (int i = 0; i < 5000; i++)
        weir_buf_format(&buf, "%c\"n%d\":%d", i ? ',' : '{', i, i);
    weir_buf_text(&buf, "}");
    for (int i = 0; i < 2; i++)
        CHECK(bed_read(&bed, weir_buf_view(&buf)));
    CHECK_STR(found(&bed, 0), "4999");
    weir_buf_done(&buf);
    bed_stop(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_second_record_of_a_shape_is_read_by_it),
        TEST(shapes_that_alternate_are_all_kept),
        TEST(names_in_values_are_no_names),
        TEST(a_name_that_ends_like_another_is_another),
        TEST(names_longer_than_a_register_are_compared_whole),
        TEST(the_last_of_two_equal_names_counts),
        TEST(an_object_can_be_wanted_whole_and_in_parts),
        TEST(what_is_no_object_is_refused),
        TEST(deep_nesting_is_refused_without_recursion),
        TEST(a_text_cut_at_any_byte_is_refused),
        TEST(escapes_are_resolved_and_broken_ones_found),
        TEST(all_ways_to_index_agree),
        TEST(random_objects_read_the_same_both_ways),
        TEST(mutated_envelopes_read_the_same_both_ways),
        TEST(more_names_than_the_index_holds_are_still_read),
    };
    return RUN_TESTS(tests);
}
