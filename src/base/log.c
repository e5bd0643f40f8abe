/* base/log: one event, one line, one write(2) to stderr.
 *
 * Always     1. a line is written whole, however many threads log.
 *            2. no byte below 0x20 and none that is not UTF-8 reaches it.
 * Threads    any; weir_log_start before there is a second one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/log.h"

#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <unistd.h>

#include "weir/buf.h"
#include "weir/clock.h"
#include "weir/error.h"

static _Atomic bool as_json = false;
static _Atomic int  least_level = WEIR_LOG_INFO;

void weir_log_start(bool json, weir_log_level least)
{
    atomic_store(&as_json, json);
    atomic_store(&least_level, (int)least);
}

/* Every line went out when it was made. */
void weir_log_flush(void)
{
}

static const char *level_name(weir_log_level level)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    weir_assert((size_t)level < sizeof names / sizeof names[0]);
    return names[level];
}

static bool is_bare(weir_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c <= ' ' || c >= 0x7F || c == '"' || c == '=' || c == '\\')
            return false;
    }
    return text.len > 0;
}

static void put_text(weir_buf *line, bool json, weir_str text)
{
    if (json && text.at == NULL)
        weir_buf_text(line, "null");
    else if (!json && is_bare(text))
        weir_buf_str(line, text);
    else
        weir_buf_json_text(line, text);
}

static void put_name(weir_buf *line, bool json, const char *name)
{
    if (json) {
        weir_buf_byte(line, ',');
        weir_buf_json_text(line, weir_str_of(name));
        weir_buf_byte(line, ':');
        return;
    }
    weir_buf_byte(line, ' ');
    weir_buf_text(line, name);
    weir_buf_byte(line, '=');
}

static void put_field(weir_buf *line, bool json, const weir_log_field *field)
{
    put_name(line, json, field->name);
    switch (field->kind) {
    case WEIR_LOG_TEXT:
        put_text(line, json, field->text);
        break;
    case WEIR_LOG_I64:
        weir_buf_format(line, "%" PRId64, field->i64);
        break;
    case WEIR_LOG_U64:
        weir_buf_format(line, "%" PRIu64, field->u64);
        break;
    case WEIR_LOG_F64:
        if (isfinite(field->f64))
            weir_buf_format(line, "%.3f", field->f64);
        else
            weir_buf_text(line, "null");
        break;
    }
}

static void write_line(const weir_buf *line)
{
    size_t done = 0;
    while (done < line->len) {
        ssize_t put = write(STDERR_FILENO, line->at + done, line->len - done);
        if (put <= 0)
            return; /* nobody to tell */
        done += (size_t)put;
    }
}

void weir_log_fields(weir_log_level level, const char *message,
                     const weir_log_field *fields, size_t count)
{
    if ((int)level < atomic_load_explicit(&least_level, memory_order_relaxed))
        return;
    bool        json = atomic_load_explicit(&as_json, memory_order_relaxed);
    weir_clock *clock = weir_clock_system();
    weir_buf    line = {0};
    char        now[40];
    (void)weir_us_print_iso(clock->wall_us(clock), now); /* the length is not needed */
    weir_buf_format(&line, json ? "{\"time\":\"%s\",\"level\":\"%s\"" : "time=%s level=%s",
                    now, level_name(level));
    put_name(&line, json, "msg");
    put_text(&line, json, weir_str_of(message));
    for (size_t i = 0; i < count; i++)
        put_field(&line, json, &fields[i]);
    weir_buf_text(&line, json ? "}\n" : "\n");
    write_line(&line); /* 1 */
    weir_buf_done(&line);
}
