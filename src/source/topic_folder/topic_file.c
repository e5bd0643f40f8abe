/* source/topic_folder/topic_file: one partition of an embedded topic: one growing file.
 *
 * Finding an offset never parses the file. Lines that carry their offset are found by
 * bisection over bytes; in a file without offsets the line's number is the offset, and
 * newlines are counted.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "topic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "source_block.h"
#include "topic_line.h"
#include "weir/arena.h"
#include "weir/failpoint.h"
#include "weir/limits.h"

enum {
    WANT_MOST = 1 << 20,   /* bytes of one read */
    PEEK = 4096,           /* bytes read to look at one line */
    BISECT_LEAST = 1 << 16 /* bytes: below this lines are passed over instead */
};

weir_code topic_file_open(topic_file *file, const char *path, weir_err *err)
{
    file->lines = (source_lines_file){.path = path};
    file->want = WANT_MOST;
    file->lines.fd = open(path, O_RDONLY | O_CLOEXEC);
    if (file->lines.fd < 0)
        return weir_fail(err, WEIR_E_IO, "could not open '%s': %s", path, strerror(errno));
    return WEIR_OK;
}

void topic_file_close(topic_file *file)
{
    if (file->lines.path && file->lines.fd >= 0)
        (void)close(file->lines.fd); /* only read: nothing can be lost */
    file->lines.fd = -1;
}

/* The offset that the line at byte `at` carries. */
static weir_code offset_at(const topic_file *file, int64_t at, int64_t *out, weir_err *err)
{
    source_lines lines;
    weir_code rc = source_lines_read(&file->lines, at, PEEK, &lines, err);
    if (rc != WEIR_OK)
        return rc;
    *out = TOPIC_LINE_NO_OFFSET;
    if (lines.len > 0) {
        const char *end = memchr(lines.text, '\n', lines.len);
        *out = topic_line_offset(lines.text, (size_t)(end - lines.text));
    }
    weir_heap_free(lines.text);
    return WEIR_OK;
}

/* Moves *low, the start of a line whose offset is below `offset`, near the first line that is
   not; gives up (*out false) when it meets a line without an offset. */
static weir_code bisect(const topic_file *file, int64_t offset, int64_t *low, bool *out,
                        weir_err *err)
{
    int64_t high = 0;
    weir_code rc = source_lines_size(&file->lines, &high, err);
    while (rc == WEIR_OK && high - *low > BISECT_LEAST) {
        int64_t middle = *low + (high - *low) / 2, at = 0, found = 0;
        rc = source_lines_next(&file->lines, middle, high, &at, err);
        if (rc != WEIR_OK || at >= high) {
            high = middle;
            continue;
        }
        rc = offset_at(file, at, &found, err);
        if (rc != WEIR_OK)
            break;
        if (found == TOPIC_LINE_NO_OFFSET) {
            *out = false;
            return WEIR_OK;
        }
        if (found < offset)
            *low = at;
        else
            high = middle;
    }
    *out = true;
    return rc;
}

weir_code topic_file_find(topic_file *file, int64_t offset, weir_err *err)
{
    weir_assert(offset >= 0);
    int64_t first = 0, low = 0, size = 0;
    bool found = false;
    file->least = offset;
    file->next = offset;
    file->ended = false;
    file->sought = true;
    weir_code rc = offset_at(file, 0, &first, err);
    if (rc == WEIR_OK && first != TOPIC_LINE_NO_OFFSET && first < offset)
        rc = bisect(file, offset, &low, &found, err);
    if (rc == WEIR_OK)
        rc = source_lines_size(&file->lines, &size, err);
    if (rc != WEIR_OK)
        return rc;
    file->at = low;
    file->line = low == 0 ? 0 : -1;
    if (first != TOPIC_LINE_NO_OFFSET && (found || first >= offset))
        return WEIR_OK;
    /* No more lines than the offset says can lie in front of it: blank ones included. */
    source_lines_passed passed;
    source_lines_range range = {0, size, first == TOPIC_LINE_NO_OFFSET ? offset : 0};
    rc = source_lines_pass(&file->lines, range, &passed, err);
    if (rc != WEIR_OK)
        return rc;
    file->at = passed.at;
    file->line = passed.lines;
    return WEIR_OK;
}

/* The number of the line at `at`, counted only when a line without an offset needs it. */
static weir_code count_line(topic_file *file, weir_err *err)
{
    source_lines_passed passed;
    if (file->line >= 0)
        return WEIR_OK;
    source_lines_range range = {0, file->at, INT64_MAX};
    weir_code rc = source_lines_pass(&file->lines, range, &passed, err);
    if (rc == WEIR_OK)
        file->line = passed.lines;
    return rc;
}

static weir_code broken_line(const topic_file *file, const char *problem, weir_err *err)
{
    weir_code rc;
    if (file->line >= 0)
        rc = weir_fail(err, WEIR_E_DECODE, "line %lld of '%s' is not a record: %s",
                       (long long)file->line + 1, file->lines.path, problem);
    else
        rc = weir_fail(err, WEIR_E_DECODE, "the line at byte %lld of '%s' is not a record: %s",
                       (long long)file->at, file->lines.path, problem);
    (void)weir_err_hint(err, "a record is one line {\"key\": …, \"value\": …}");
    return rc;
}

/* Reading one block: what was read, and what has been made of it so far. */
typedef struct reading {
    source_lines      lines;
    topic_headers     headers;
    weir_buf          scratch;
    topic_line_parser parser;
    weir_block       *block;
    size_t            used; /* bytes of whole lines that were parsed */
} reading;

static bool only_blanks(const char *at, size_t len)
{
    while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t' || at[len - 1] == '\r'))
        len--;
    return len == 0;
}

/* Parses the next line of `in`. A broken line behind good ones is left for the next read. */
static weir_code take_line(topic_file *file, reading *in, bool *out_stop, weir_err *err)
{
    char *at = in->lines.text + in->used;
    size_t len = (size_t)((char *)memchr(at, '\n', in->lines.len - in->used) - at);
    topic_line line = {.offset = TOPIC_LINE_NO_OFFSET};
    const char *problem = NULL;
    bool blank = only_blanks(at, len);
    if (!blank)
        problem = topic_line_parse(&in->parser, at, len, &line);
    if (!problem && !blank && line.offset == TOPIC_LINE_NO_OFFSET) {
        weir_code rc = count_line(file, err);
        if (rc != WEIR_OK)
            return rc;
        line.offset = file->line;
    }
    if (!problem && !blank && line.offset < file->next && line.offset >= file->least)
        problem = "its offset is not above the one before it"; /* topic_file 1 */
    if (problem) {
        *out_stop = in->block->records > 0;
        return *out_stop ? WEIR_OK : broken_line(file, problem, err);
    }
    in->used += len + 1;
    file->at += (int64_t)len + 1;
    file->line += file->line >= 0;
    if (blank || line.offset < file->least)
        return WEIR_OK;
    file->next = line.offset + 1;
    in->block->record[in->block->records++] = (weir_record){
        .offset = line.offset,
        .timestamp_us = line.timestamp_us,
        .key = line.key,
        .value = line.value,
        .headers = line.headers,
        .header = (const weir_header *)(uintptr_t)line.first_header, /* settled at the end */
    };
    return WEIR_OK;
}

/* The pool has stopped growing: indexes into it become pointers. */
static void settle_headers(reading *in)
{
    for (uint32_t i = 0; i < in->block->records; i++) {
        weir_record *record = &in->block->record[i];
        record->header = record->headers
                             ? in->headers.at + (uintptr_t)record->header
                             : NULL;
    }
    if (in->headers.at)
        source_block_take_headers(in->block, in->headers.at, in->headers.room);
}

static uint32_t lines_in(const source_lines *lines)
{
    uint32_t count = 0;
    const char *end = lines->text + lines->len;
    const uint32_t most = WEIR_FAILPOINT_IS(src_small_block) ? 64 : WEIR_BLOCK_RECORDS;
    for (const char *p = lines->text; count < most && p < end; count++)
        p = (const char *)memchr(p, '\n', (size_t)(end - p)) + 1;
    return count;
}

static weir_code parse_lines(topic_file *file, source_lines lines, weir_block **out,
                             weir_err *err)
{
    reading in = {.lines = lines};
    in.parser = (topic_line_parser){file->headers, &in.headers, &in.scratch};
    in.block = source_block_new(file->index, lines_in(&lines), lines.text, lines.room);
    uint32_t most = in.block->records;
    in.block->records = 0;
    bool stop = false;
    weir_code rc = WEIR_OK;
    while (rc == WEIR_OK && !stop && in.used < lines.len && in.block->records < most)
        rc = take_line(file, &in, &stop, err);
    settle_headers(&in);
    weir_buf_done(&in.scratch);
    if (rc != WEIR_OK) {
        weir_block_release(in.block);
        return rc;
    }
    in.block->at_end = lines.at_end && in.used == lines.len;
    in.block->next_offset = file->next;
    size_t fits = in.used + in.used / 16 + PEEK;
    file->want = fits < WANT_MOST && in.used < lines.len ? fits : WANT_MOST;
    *out = in.block;
    return WEIR_OK;
}

weir_code topic_file_read(topic_file *file, weir_block **out, weir_err *err)
{
    source_lines lines;
    *out = NULL;
    for (;;) {
        weir_code rc = source_lines_read(&file->lines, file->at, file->want, &lines, err);
        if (rc != WEIR_OK)
            return rc;
        if (lines.len == 0)
            break;
        rc = parse_lines(file, lines, out, err);
        if (rc != WEIR_OK)
            return rc;
        if ((*out)->records > 0) {
            file->ended = (*out)->at_end;
            return WEIR_OK;
        }
        weir_block_release(*out); /* all of them in front of where reading began */
        *out = NULL;
    }
    if (file->ended)
        return WEIR_OK;
    file->ended = true;
    *out = source_block_new(file->index, 0, NULL, 0);
    (*out)->next_offset = file->next;
    (*out)->at_end = true;
    return WEIR_OK;
}

static weir_code is_blank_at(const topic_file *file, int64_t at, bool *out, weir_err *err)
{
    source_lines lines;
    weir_code rc = source_lines_read(&file->lines, at, PEEK, &lines, err);
    if (rc != WEIR_OK)
        return rc;
    *out = lines.len > 0 &&
           only_blanks(lines.text, (size_t)((char *)memchr(lines.text, '\n', lines.len) -
                                            lines.text));
    weir_heap_free(lines.text);
    return WEIR_OK;
}

/* The last line that is not blank: where it starts, and where it ends. */
static weir_code last_line(const topic_file *file, int64_t *out_at, int64_t *out_end,
                           weir_err *err)
{
    int64_t end = 0, at = 0;
    bool blank = true;
    weir_code rc = source_lines_size(&file->lines, &end, err);
    if (rc == WEIR_OK)
        rc = source_lines_last(&file->lines, 0, end, &end, err);
    while (rc == WEIR_OK && end > 0) {
        rc = source_lines_last(&file->lines, 0, end - 1, &at, err);
        if (rc == WEIR_OK)
            rc = is_blank_at(file, at, &blank, err);
        if (!blank)
            break;
        end = at;
    }
    *out_at = at;
    *out_end = end;
    return rc;
}

weir_code topic_file_ends(const topic_file *file, int64_t *out_low, int64_t *out_end,
                          weir_err *err)
{
    int64_t low = 0, last = 0, at = 0, end = 0;
    source_lines_passed passed = {0};
    weir_code rc = offset_at(file, 0, &low, err);
    if (rc == WEIR_OK)
        rc = last_line(file, &at, &end, err);
    if (rc == WEIR_OK)
        rc = offset_at(file, at, &last, err);
    if (rc == WEIR_OK && last == TOPIC_LINE_NO_OFFSET) {
        source_lines_range range = {0, end, INT64_MAX};
        rc = source_lines_pass(&file->lines, range, &passed, err);
        last = passed.lines - 1;
    }
    if (rc != WEIR_OK)
        return rc;
    *out_low = low == TOPIC_LINE_NO_OFFSET ? 0 : low;
    *out_end = last + 1 > *out_low ? last + 1 : *out_low;
    return WEIR_OK;
}

weir_code topic_file_peek(const topic_file *file, int64_t offset, weir_block **out,
                          weir_err *err)
{
    topic_file other = *file;
    other.want = PEEK;
    *out = NULL;
    weir_code rc = topic_file_find(&other, offset, err);
    if (rc == WEIR_OK)
        rc = topic_file_read(&other, out, err);
    if (rc == WEIR_OK && *out && (*out)->records == 0) {
        weir_block_release(*out);
        *out = NULL;
    }
    return rc;
}
