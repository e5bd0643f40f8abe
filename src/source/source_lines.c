/* source/source_lines: complete lines of a file that may still grow.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "source_lines.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "weir/arena.h"
#include "weir/limits.h"
#include "weir/record.h"

enum {
    STEP = 256 << 10 /* bytes of one read when only newlines matter */
};
static const size_t line_most = 4 * (size_t)WEIR_RECORD_BYTES_MAX; /* text, base64, escapes */

static weir_code read_at(const source_lines_file *file, int64_t at, char *into, size_t want,
                         size_t *out, weir_err *err)
{
    size_t got = 0;
    while (got < want) {
        ssize_t n = pread(file->fd, into + got, want - got, at + (int64_t)got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return weir_fail(err, WEIR_E_IO, "could not read '%s': %s", file->path,
                             strerror(errno));
        if (n == 0)
            break;
        got += (size_t)n;
    }
    *out = got;
    return WEIR_OK;
}

weir_code source_lines_size(const source_lines_file *file, int64_t *out, weir_err *err)
{
    struct stat st;
    if (fstat(file->fd, &st) != 0)
        return weir_fail(err, WEIR_E_IO, "could not look at '%s': %s", file->path,
                         strerror(errno));
    *out = st.st_size;
    return WEIR_OK;
}

/* How much of what was read is whole lines. */
static size_t whole(const source_lines_file *file, const char *text, size_t got, bool short_read)
{
    const char *last = memrchr(text, '\n', got);
    if (short_read && file->partial && got > 0)
        return got;
    return last ? (size_t)(last - text) + 1 : 0;
}

weir_code source_lines_read(const source_lines_file *file, int64_t at, size_t want,
                            source_lines *out, weir_err *err)
{
    weir_assert(want > 0);
    *out = (source_lines){.at_end = true};
    int64_t size = 0;
    weir_code rc = source_lines_size(file, &size, err);
    if (rc != WEIR_OK || size <= at)
        return rc;
    for (;; want *= 4) {
        if ((int64_t)want > size - at)
            want = (size_t)(size - at);
        char *text = weir_heap_new(1, want + 1 + WEIR_RECORD_PAD);
        size_t got = 0;
        rc = read_at(file, at, text, want, &got, err);
        bool short_read = at + (int64_t)got >= size;
        size_t len = rc == WEIR_OK ? whole(file, text, got, short_read) : 0;
        if (len > 0) {
            bool more = memchr(text + len, '\n', got - len) || !short_read;
            if (text[len - 1] != '\n')
                text[len++] = '\n';
            *out = (source_lines){text, len, want + 1 + WEIR_RECORD_PAD, !more};
            return WEIR_OK;
        }
        weir_heap_free(text);
        if (rc != WEIR_OK || short_read)
            return rc;
        if (want >= line_most)
            return weir_fail(err, WEIR_E_LIMIT, "a line of '%s' at byte %lld is longer than "
                             "%zu bytes", file->path, (long long)at, line_most);
    }
}

weir_code source_lines_pass(const source_lines_file *file, source_lines_range range,
                            source_lines_passed *out, weir_err *err)
{
    char *text = weir_heap_new(1, STEP);
    source_lines_passed passed = {.at = range.from};
    int64_t from = range.from;
    weir_code rc = WEIR_OK;
    while (from < range.to && passed.lines < range.lines) {
        size_t want = range.to - from < STEP ? (size_t)(range.to - from) : STEP;
        size_t got = 0;
        rc = read_at(file, from, text, want, &got, err);
        if (rc != WEIR_OK || got == 0)
            break;
        const char *end = text + got;
        for (const char *p = text; passed.lines < range.lines; passed.lines++) {
            p = memchr(p, '\n', (size_t)(end - p));
            if (!p)
                break;
            p++;
            passed.at = from + (p - text);
        }
        from += (int64_t)got;
    }
    weir_heap_free(text);
    *out = passed;
    return rc;
}

weir_code source_lines_next(const source_lines_file *file, int64_t at, int64_t to,
                            int64_t *out, weir_err *err)
{
    char text[4096];
    while (at < to) {
        size_t want = to - at < (int64_t)sizeof text ? (size_t)(to - at) : sizeof text;
        size_t got = 0;
        weir_code rc = read_at(file, at, text, want, &got, err);
        if (rc != WEIR_OK)
            return rc;
        const char *found = memchr(text, '\n', got);
        if (found) {
            *out = at + (found - text) + 1;
            return WEIR_OK;
        }
        if (got == 0)
            break;
        at += (int64_t)got;
    }
    *out = to;
    return WEIR_OK;
}

weir_code source_lines_last(const source_lines_file *file, int64_t from, int64_t to,
                            int64_t *out, weir_err *err)
{
    char text[4096];
    while (to > from) {
        int64_t at = to - from > (int64_t)sizeof text ? to - (int64_t)sizeof text : from;
        size_t got = 0;
        weir_code rc = read_at(file, at, text, (size_t)(to - at), &got, err);
        if (rc != WEIR_OK)
            return rc;
        const char *found = memrchr(text, '\n', got);
        if (found) {
            *out = at + (found - text) + 1;
            return WEIR_OK;
        }
        to = at;
    }
    *out = from;
    return WEIR_OK;
}
