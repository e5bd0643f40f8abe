/* unit/source/source_start: where a new job begins.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

#include "source_start.h"
#include "weir/arena.h"

static weir_code read_start(const char *text, source_start *out, weir_err *err)
{
    static const weir_option options[] = {
        {.name = "start", .type = WEIR_OPT_TEXT, .fallback = "earliest", .help = "Where."}, {0}};
    const weir_option *const tables[3] = {options};
    weir_setting             setting = {WEIR_STR("start"), weir_str_of(text), 5, 15};
    weir_arena              *arena = weir_arena_new("test", 1024);
    weir_opts               *opts = NULL;
    CHECK_OK(weir_opts_read(tables, &setting, 1, arena, &opts, err), err);
    weir_code rc = source_start_read(opts, out, err);
    weir_arena_free(arena);
    return rc;
}

static void words_and_times_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t     us;
    } times[] = {
        {"1970-01-02", 86400000000},
        {"1970-01-01 00:00:01", 1000000},
        {"1970-01-01T00:00:01Z", 1000000},
        {"1970-01-01 00:00:01.5", 1500000},
        {"1970-01-01 00:00:01.000001Z", 1000001},
        {"1970-01-01 02:00+02", 0},
        {"1970-01-01 02:30:00+02:30", 0},
        {"1969-12-31T23:00:00-0100", 0},
    };
    source_start start;
    weir_err     err;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        CHECK_OK(read_start(times[i].text, &start, &err), &err);
        CHECK_INT(start.at, SOURCE_TIME);
        CHECK_INT(start.time_us, times[i].us);
    }
    CHECK_OK(read_start("latest", &start, &err), &err);
    CHECK_INT(start.at, SOURCE_LATEST);
    CHECK_OK(read_start("earliest", &start, &err), &err);
    CHECK_INT(start.at, SOURCE_EARLIEST);
}

static void anything_else_is_an_error_that_points_at_it(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "", "now", "2026", "2026-13-01", "2026-02-30", "2026-01-01 24:00", "2026-01-01 1:00",
        "2026-01-01x", "2026-01-01 10:00:00.", "2026-01-01 10:00:00.1234567", "2026-01-01 10:00+20",
        "2026-01-01 10:00Zx", "1767225600000"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        source_start start;
        weir_err     err;
        if (read_start(wrong[i], &start, &err) != WEIR_E_CONFIG)
            fail_msg("'%s' was taken", wrong[i]);
        CHECK_INT(err.sql_at, 15);
        CHECK_HINTS(&err, "2026-01-01");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(words_and_times_are_read),
        TEST(anything_else_is_an_error_that_points_at_it),
    };
    return RUN_TESTS(tests);
}
