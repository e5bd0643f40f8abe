/* tests of base/log
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

#include <math.h>

#include "weir/log.h"

#include "capture.h"

/* The line without its time. */
static void check_line(const weir_buf *text, const char *want)
{
    const char *at = strstr(text->at, "Z");
    CHECK(at != NULL);
    CHECK_TEXT(at + 1, want);
}

static void logfmt_quotes_what_needs_it(void **state)
{
    (void)state;
    weir_log_start(false, WEIR_LOG_INFO);
    capture_start();
    weir_log_info("epoch committed", WEIR_F_U64("epoch", 7), WEIR_F_I64("lag", -1),
                  WEIR_F_MS("took", 1234567), WEIR_F_TEXT("name", "a b"),
                  WEIR_F_TEXT("q", "x\"=\n"), WEIR_F_TEXT("empty", ""),
                  WEIR_F_STR("bare", WEIR_STR("a/b-c")));
    weir_buf text = capture_end();
    check_line(&text, " level=info msg=\"epoch committed\" epoch=7 lag=-1 took=1234.567 "
                      "name=\"a b\" q=\"x\\\"=\\n\" empty=\"\" bare=a/b-c\n");
    weir_buf_done(&text);
}

static void json_lines_are_json(void **state)
{
    (void)state;
    weir_log_start(true, WEIR_LOG_DEBUG);
    capture_start();
    weir_log_debug("hi", WEIR_F_TEXT("a", "x\x01\xFF"), WEIR_F_TEXT("none", NULL),
                   WEIR_F_MS("ms", 5));
    weir_log_error("bye");
    weir_buf text = capture_end();
    CHECK(text.at[0] == '{');
    CHECK_HOLDS(text.at,
                "Z\",\"level\":\"debug\",\"msg\":\"hi\",\"a\":\"x\\u0001\xEF\xBF\xBD\","
                "\"none\":null,\"ms\":0.005}\n{\"time\":\"");
    CHECK_HOLDS(text.at, "\"level\":\"error\",\"msg\":\"bye\"}\n");
    weir_buf_done(&text);
}

static void lines_below_the_level_are_not_written(void **state)
{
    (void)state;
    weir_log_start(false, WEIR_LOG_WARN);
    capture_start();
    weir_log_info("no");
    weir_log_warn("yes");
    weir_log_flush();
    weir_buf text = capture_end();
    check_line(&text, " level=warn msg=yes\n");
    weir_buf_done(&text);
}

static void numbers_that_are_none_are_null(void **state)
{
    (void)state;
    weir_log_start(false, WEIR_LOG_INFO);
    const weir_log_field field = {.name = "f", .kind = WEIR_LOG_F64, .f64 = NAN};
    capture_start();
    weir_log_fields(WEIR_LOG_INFO, "m", &field, 1);
    weir_buf text = capture_end();
    check_line(&text, " level=info msg=m f=null\n");
    weir_buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(logfmt_quotes_what_needs_it),
        TEST(json_lines_are_json),
        TEST(lines_below_the_level_are_not_written),
        TEST(numbers_that_are_none_are_null),
    };
    return RUN_TESTS(tests);
}
