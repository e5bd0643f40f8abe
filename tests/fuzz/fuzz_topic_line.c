/* tests/fuzz_topic_line: any bytes as a line of an embedded topic: told what is wrong with it,
 * or a record whose bytes lie in the line, and which comes back when it is written and parsed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "source/topic_folder/topic_line.h"
#include "weir/arena.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool is)
{
    if (!is)
        __builtin_trap();
}

typedef struct parsed {
    char             *at;
    topic_headers     pool;
    weir_buf          scratch;
    topic_line_parser parser;
    topic_line        line;
    const char       *problem;
} parsed;

static void parse(parsed *to, const void *data, size_t size)
{
    to->at = weir_heap_new(1, size + 8); /* not one byte more than is promised */
    memcpy(to->at, data, size);
    to->parser = (topic_line_parser){true, &to->pool, &to->scratch};
    to->problem = topic_line_parse(&to->parser, to->at, size, &to->line);
}

static void done(parsed *to)
{
    weir_heap_free(to->at);
    weir_heap_free(to->pool.at);
    weir_buf_done(&to->scratch);
}

static void check_inside(const parsed *in, weir_str text, size_t size)
{
    require(!text.at || (text.at >= in->at && text.at + text.len <= in->at + size));
}

static void put(weir_buf *out, const char *name, weir_str value)
{
    weir_buf_format(out, ",\"%s\":", name);
    if (!value.at)
        weir_buf_text(out, "null");
    else
        weir_buf_json_text(out, value);
}

/* The key as text when it is UTF-8, the value as base64. */
static void comes_back(const parsed *first)
{
    weir_buf text = {0};
    parsed   again = {0};
    weir_buf_format(&text, "{\"offset\":%lld", (long long)first->line.offset);
    bool text_key = !first->line.key.at || weir_str_utf8(first->line.key);
    if (text_key)
        put(&text, "key", first->line.key);
    weir_buf_text(&text, ",\"value_b64\":\"");
    weir_buf_base64(&text, first->line.value.at ? first->line.value.at : "",
                    first->line.value.len);
    weir_buf_text(&text, "\"}");
    parse(&again, text.at, text.len);
    require(again.problem == NULL);
    require(again.line.offset == first->line.offset);
    require(!text_key || weir_str_eq(again.line.key, first->line.key));
    require(again.line.value.len == first->line.value.len);
    require(!first->line.value.at || weir_str_eq(again.line.value, first->line.value));
    done(&again);
    weir_buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    parsed to = {0};
    if (memchr(data, '\n', size)) /* then it is two lines */
        return 0;
    int64_t offset = topic_line_offset((const char *)data, size);
    parse(&to, data, size);
    if (!to.problem) {
        check_inside(&to, to.line.key, size);
        check_inside(&to, to.line.value, size);
        for (uint32_t i = 0; i < to.line.headers; i++) {
            check_inside(&to, to.pool.at[to.line.first_header + i].name, size);
            check_inside(&to, to.pool.at[to.line.first_header + i].value, size);
        }
        require(offset == TOPIC_LINE_NO_OFFSET || offset >= 0 || to.line.offset < 0);
        comes_back(&to);
    }
    done(&to);
    return 0;
}
