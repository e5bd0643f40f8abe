/* unit/source/topic_line: lines of an embedded topic.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

#include "topic_folder/topic_line.h"
#include "weir/arena.h"

typedef struct parsed {
    char              text[4096]; /* the line, parsed in place */
    weir_buf          scratch;
    topic_headers     pool;
    topic_line_parser parser;
    topic_line        line;
    const char       *problem;
} parsed;

static void done(parsed *to)
{
    weir_buf_done(&to->scratch);
    weir_heap_free(to->pool.at);
}

static void parse(parsed *to, const char *line)
{
    memset(to, 0, sizeof *to);
    memset(to->text, '"', sizeof to->text); /* what lies behind must not matter */
    memcpy(to->text, line, strlen(line));
    to->text[strlen(line)] = '\n';
    to->parser = (topic_line_parser){true, &to->pool, &to->scratch};
    to->problem = topic_line_parse(&to->parser, to->text, strlen(line), &to->line);
}

#define PARSE(to, line)                                                                      \
    parsed to;                                                                               \
    parse(&to, line)

static void all_fields_are_read(void **state)
{
    (void)state;
    PARSE(to, "{\"offset\": 7, \"timestamp\":1767225600123,\"key\":\"k\",\"value\":\"v\","
              "\"headers\":[{\"key\":\"a\",\"value\":\"1\"},{\"key\":\"b\",\"value\":null}]}");
    CHECK(to.problem == NULL);
    CHECK_INT(to.line.offset, 7);
    CHECK_INT(to.line.timestamp_us, 1767225600123000);
    CHECK_STR(to.line.key, "k");
    CHECK_STR(to.line.value, "v");
    CHECK_INT(to.line.headers, 2);
    CHECK_STR(to.pool.at[0].name, "a");
    CHECK_STR(to.pool.at[0].value, "1");
    CHECK(to.pool.at[1].value.at == NULL);
    done(&to);
}

static void what_is_absent_is_null(void **state)
{
    (void)state;
    PARSE(to, "{}");
    CHECK(to.problem == NULL);
    CHECK_INT(to.line.offset, TOPIC_LINE_NO_OFFSET);
    CHECK_INT(to.line.timestamp_us, INT64_MIN);
    CHECK(to.line.key.at == NULL);
    CHECK(to.line.value.at == NULL);
    done(&to);
}

static void null_and_empty_are_two_things(void **state)
{
    (void)state;
    PARSE(to, "{\"key\":null,\"value\":\"\"}");
    CHECK(to.problem == NULL);
    CHECK(to.line.key.at == NULL);
    CHECK(to.line.value.at != NULL);
    CHECK_INT(to.line.value.len, 0);
    done(&to);
}

static void escapes_are_resolved(void **state)
{
    (void)state;
    PARSE(to, "{\"value\":\"a\\\"b\\\\c\\/d"
              "\\n\\t\\r\\b\\f\\u00e9\\uD83D\\uDE00\\ud83d.\\u0000z\"}");
    CHECK(to.problem == NULL);
    const char want[] = "a\"b\\c/d\n\t\r\b\f\xc3\xa9\xf0\x9f\x98\x80\xef\xbf\xbd.\0z";
    CHECK_SAME(to.line.value, ((weir_str){want, sizeof want - 1}));
    done(&to);
}

static void base64_wins_over_text_in_any_order(void **state)
{
    (void)state;
    PARSE(one, "{\"value\":\"text\",\"value_b64\":\"AAH/\",\"key_b64\":\"aGk=\",\"key\":\"x\"}");
    CHECK(one.problem == NULL);
    CHECK_SAME(one.line.value, ((weir_str){"\0\1\xff", 3}));
    CHECK_STR(one.line.key, "hi");
    done(&one);
    PARSE(two, "{\"headers\":[{\"value_b64\":\"aGk=\",\"key\":\"h\"}],\"value_b64\":\"\"}");
    CHECK(two.problem == NULL);
    CHECK_STR(two.pool.at[0].value, "hi");
    CHECK(two.line.value.at != NULL && two.line.value.len == 0);
    done(&two);
}

static void a_bare_value_is_its_own_text(void **state)
{
    (void)state;
    PARSE(to, "{\"key\": {\"id\" : 1} , \"value\":[1, \"]\", {\"a\":\"}\\\"\"}]}");
    CHECK(to.problem == NULL);
    CHECK_STR(to.line.key, "{\"id\" : 1}");
    CHECK_STR(to.line.value, "[1, \"]\", {\"a\":\"}\\\"\"}]");
    done(&to);
}

static void unknown_fields_are_passed_over(void **state)
{
    (void)state;
    PARSE(to, "{\"topic\":\"t\",\"partition\":0,\"x\":{\"value\":[1,{}]},"
              "\"value\":\"v\",\"y\":-1.5e3}");
    CHECK(to.problem == NULL);
    CHECK_STR(to.line.value, "v");
    done(&to);
}

static void broken_lines_are_told(void **state)
{
    static const char *const broken[] = {
        "",
        "x",
        "[]",
        "{\"value\":\"",
        "{\"value\":\"abc\\",
        "{\"value\":\"\\x\"}",
        "{\"value\":\"\\u12\"}",
        "{\"value\":}",
        "{\"value\" \"v\"}",
        "{\"value\":\"v\"",
        "{\"value\":\"v\"}}",
        "{\"value\":\"v\" \"key\":\"k\"}",
        "{\"offset\":\"7\"}",
        "{\"offset\":1.5}",
        "{\"offset\":-7}",
        "{\"offset\":99999999999999999999}",
        "{\"timestamp\":9223372036854775807}",
        "{\"value_b64\":\"!\"}",
        "{\"headers\":{}}",
        "{\"headers\":[1]}",
        "{\"headers\":[{\"key\":\"a\"}",
        "{\"x\":[[1]}",
        "{\"value\":{\"a\":1}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        PARSE(to, broken[i]);
        if (!to.problem)
            fail_msg("'%s' was taken", broken[i]);
        done(&to);
    }
}

static void nesting_has_a_limit(void **state)
{
    (void)state;
    char line[600] = "{\"value\":";
    memset(line + 9, '[', 200);
    memset(line + 209, ']', 200);
    line[409] = '}';
    PARSE(to, line);
    CHECK_HOLDS(to.problem, "deep");
    done(&to);
}

/* A string of len + 1 characters, of which number `at` is an escape; in line and as text. */
static void string_with_escape(size_t len, size_t at, char line[256], char want[64])
{
    size_t n = (size_t)snprintf(line, 256, "{\"value\":\"");
    for (size_t i = 0; i <= len; i++) {
        const char plain[] = {(char)('a' + i % 26), '\0'};
        const char *escape = at % 3 ? "\\n" : "\\u000a";
        n += (size_t)snprintf(line + n, 256 - n, "%s", i == at ? escape : plain);
        want[i] = i == at ? '\n' : plain[0];
    }
    (void)snprintf(line + n, 256 - n, "\",\"key\":\"k\"}");
}

static void strings_of_every_length_and_escape_place_come_out_right(void **state)
{
    (void)state;
    for (size_t len = 0; len < 40; len++) {
        for (size_t at = 0; at <= len; at++) {
            char line[256], want[64];
            string_with_escape(len, at, line, want);
            PARSE(to, line);
            CHECK(to.problem == NULL);
            CHECK_SAME(to.line.value, ((weir_str){want, len + 1}));
            CHECK_STR(to.line.key, "k");
            done(&to);
        }
    }
}

static void the_offset_is_found_without_parsing(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int64_t     offset;
    } lines[] = {
        {"{\"offset\":12,\"value\":", 12},
        {"{ \"value\": \"\\\"offset\\\":3\", \"offset\" : 12 }", 12},
        {"{\"value\":{\"offset\":3}}", TOPIC_LINE_NO_OFFSET},
        {"{\"value\":\"v\"}", TOPIC_LINE_NO_OFFSET},
        {"{}", TOPIC_LINE_NO_OFFSET},
        {"", TOPIC_LINE_NO_OFFSET},
        {"{\"offset\":\"a\"}", TOPIC_LINE_NO_OFFSET},
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        CHECK_INT(topic_line_offset(lines[i].line, strlen(lines[i].line)), lines[i].offset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_fields_are_read),
        TEST(what_is_absent_is_null),
        TEST(null_and_empty_are_two_things),
        TEST(escapes_are_resolved),
        TEST(base64_wins_over_text_in_any_order),
        TEST(a_bare_value_is_its_own_text),
        TEST(unknown_fields_are_passed_over),
        TEST(broken_lines_are_told),
        TEST(nesting_has_a_limit),
        TEST(strings_of_every_length_and_escape_place_come_out_right),
        TEST(the_offset_is_found_without_parsing),
    };
    return RUN_TESTS(tests);
}
