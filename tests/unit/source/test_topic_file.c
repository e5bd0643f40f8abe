/* unit/source/topic_file: a growing file as a partition.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

#include <unistd.h>

#include "topic_folder/topic_file.h"
#include "weir/arena.h"
#include "weir/buf.h"

typedef struct fixture {
    char       path[64];
    int        fd;
    topic_file file;
} fixture;

static void begin(fixture *to, const char *text)
{
    weir_err err;
    memset(to, 0, sizeof *to);
    (void)snprintf(to->path, sizeof to->path, "/tmp/weir-topic-XXXXXX");
    to->fd = mkstemp(to->path);
    CHECK(to->fd >= 0);
    CHECK_INT(write(to->fd, text, strlen(text)), strlen(text));
    CHECK_OK(topic_file_open(&to->file, to->path, &err), &err);
}

static void grow(fixture *to, const char *text)
{
    CHECK_INT(write(to->fd, text, strlen(text)), strlen(text));
}

static void end(fixture *to)
{
    topic_file_close(&to->file);
    CHECK_INT(close(to->fd), 0);
    CHECK_INT(unlink(to->path), 0);
}

/* Offsets of the next block, as text: "0 1 2 end" */
static void expect(fixture *to, const char *want)
{
    weir_err    err;
    weir_block *block = NULL;
    weir_buf    text = {0};
    CHECK_OK(topic_file_read(&to->file, &block, &err), &err);
    for (uint32_t i = 0; block && i < block->records; i++)
        weir_buf_format(&text, "%lld ", (long long)block->record[i].offset);
    if (block)
        weir_buf_format(&text, "next %lld%s", (long long)block->next_offset,
                        block->at_end ? " end" : "");
    CHECK_STR(weir_buf_view(&text), want);
    weir_buf_done(&text);
    weir_block_release(block);
}

static void seek(fixture *to, int64_t offset)
{
    weir_err err;
    CHECK_OK(topic_file_find(&to->file, offset, &err), &err);
}

static void ends_are(fixture *to, int64_t want_low, int64_t want_end)
{
    weir_err err;
    int64_t  low = 0, behind = 0;
    CHECK_OK(topic_file_ends(&to->file, &low, &behind, &err), &err);
    CHECK_INT(low, want_low);
    CHECK_INT(behind, want_end);
}

static void an_empty_file_reports_its_end_once(void **state)
{
    (void)state;
    fixture to;
    begin(&to, "");
    ends_are(&to, 0, 0);
    seek(&to, 0);
    expect(&to, "next 0 end");
    expect(&to, "");
    end(&to);
}

static void a_line_without_its_newline_is_not_there_yet(void **state)
{
    (void)state;
    fixture to;
    begin(&to, "{\"value\":\"a\"}\n{\"value\":");
    ends_are(&to, 0, 1);
    seek(&to, 0);
    expect(&to, "0 next 1 end");
    expect(&to, "");
    grow(&to, "\"b\"}");
    expect(&to, "");
    grow(&to, "\n");
    expect(&to, "1 next 2 end");
    ends_are(&to, 0, 2);
    end(&to);
}

static void line_numbers_are_offsets_when_there_are_none(void **state)
{
    (void)state;
    fixture to;
    begin(&to, "{}\n\n{}\n{\"value\":1}\n  \n");
    ends_are(&to, 0, 4);
    for (int64_t at = 0; at <= 4; at++) {
        static const char *const want[] = {"0 2 3 next 4 end", "2 3 next 4 end", "2 3 next 4 end",
                                           "3 next 4 end", "next 4 end"};
        seek(&to, at);
        expect(&to, want[at]);
    }
    end(&to);
}

static void offsets_may_have_gaps(void **state)
{
    (void)state;
    fixture to;
    begin(&to, "{\"offset\":5}\n{\"offset\":9}\n{\"offset\":10}\n");
    ends_are(&to, 5, 11);
    seek(&to, 6);
    expect(&to, "9 10 next 11 end");
    seek(&to, 0);
    expect(&to, "5 9 10 next 11 end");
    end(&to);
}

static void a_line_without_an_offset_among_others_takes_its_number(void **state)
{
    (void)state;
    fixture to;
    begin(&to, "{\"offset\":0}\n{}\n{\"offset\":2}\n");
    seek(&to, 1);
    expect(&to, "1 2 next 3 end");
    end(&to);
}

static void an_offset_that_goes_back_is_an_error(void **state)
{
    (void)state;
    fixture     to;
    weir_err    err;
    weir_block *block = NULL;
    begin(&to, "{\"offset\":5}\n{\"offset\":5}\n");
    seek(&to, 0);
    expect(&to, "5 next 6");
    CHECK_FAILS(topic_file_read(&to.file, &block, &err), WEIR_E_DECODE, &err);
    CHECK_SAYS(&err, "line 2");
    CHECK_SAYS(&err, "not above");
    end(&to);
}

static void records_in_front_of_a_broken_line_come_first(void **state)
{
    (void)state;
    fixture     to;
    weir_err    err;
    weir_block *block = NULL;
    begin(&to, "{}\n{}\noops\n{}\n");
    seek(&to, 0);
    expect(&to, "0 1 next 2");
    CHECK_FAILS(topic_file_read(&to.file, &block, &err), WEIR_E_DECODE, &err);
    CHECK_SAYS(&err, "line 3");
    end(&to);
}

/* Larger than what is bisected, read and looked at in one piece. */
static void any_offset_is_found_in_a_large_file(void **state)
{
    (void)state;
    fixture  to;
    weir_buf text = {0};
    char     filling[300];
    memset(filling, 'x', sizeof filling);
    filling[sizeof filling - 1] = '\0';
    for (int i = 0; i < 20000; i++)
        weir_buf_format(&text, "{\"offset\":%d,\"value\":\"%s\"}\n", 3 * i, filling + i % 299);
    weir_buf_byte(&text, 0);
    begin(&to, text.at);
    ends_are(&to, 0, 3 * 19999 + 1);
    for (int64_t at = 0; at < 60000; at += 997) {
        weir_err    err;
        weir_block *block = NULL;
        CHECK_OK(topic_file_peek(&to.file, at, &block, &err), &err);
        CHECK(block != NULL);
        CHECK_INT(block->record[0].offset, (at + 2) / 3 * 3);
        weir_block_release(block);
    }
    seek(&to, 0);
    int64_t seen = 0;
    for (bool at_end = false; !at_end;) {
        weir_err    err;
        weir_block *block = NULL;
        CHECK_OK(topic_file_read(&to.file, &block, &err), &err);
        CHECK(block != NULL);
        seen += block->records;
        at_end = block->at_end;
        weir_block_release(block);
    }
    CHECK_INT(seen, 20000);
    weir_buf_done(&text);
    end(&to);
}

static void a_line_longer_than_a_read_is_read(void **state)
{
    (void)state;
    fixture  to;
    weir_buf text = {0};
    weir_buf_text(&text, "{\"value\":\"");
    for (int i = 0; i < 3 << 20; i++)
        weir_buf_byte(&text, 'x');
    weir_buf_text(&text, "\"}\n{}\n");
    weir_buf_byte(&text, 0);
    begin(&to, text.at);
    seek(&to, 0);
    expect(&to, "0 1 next 2 end");
    weir_buf_done(&text);
    end(&to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_file_reports_its_end_once),
        TEST(a_line_without_its_newline_is_not_there_yet),
        TEST(line_numbers_are_offsets_when_there_are_none),
        TEST(offsets_may_have_gaps),
        TEST(a_line_without_an_offset_among_others_takes_its_number),
        TEST(an_offset_that_goes_back_is_an_error),
        TEST(records_in_front_of_a_broken_line_come_first),
        TEST(any_offset_is_found_in_a_large_file),
        TEST(a_line_longer_than_a_read_is_read),
    };
    return RUN_TESTS(tests);
}
