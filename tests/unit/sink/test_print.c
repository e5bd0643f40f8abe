/* Printed tables, JSON lines and CSV; and the same rows in a file.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <fcntl.h>
#include <unistd.h>

#include "capture.h"
#include "check.h"
#include "sink_bench.h"

static char *folder;
static int   kept_stdout;

static void stdout_to_file(void)
{
    char path[512];
    fflush(stdout);
    (void)snprintf(path, sizeof path, "%s/out", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    kept_stdout = dup(1);
    dup2(fd, 1);
    close(fd);
}

static weir_buf stdout_back(void)
{
    fflush(stdout);
    dup2(kept_stdout, 1);
    close(kept_stdout);
    return capture_read(folder, "out");
}

#define SOME_ROWS                                                                          \
    "+I|1|ada|2.50|2024-01-01 00:00:00|hi\n-U|2|bö\tb|||\n"                               \
    "+U|2|say \"x\", y|-12345678.90|1969-12-31 23:59:59.5|''"

static weir_buf printed(const char *output, bool changelog)
{
    sink_bench bench;
    bench_start(&bench, "print", "");
    bench.setup.output = weir_str_of(output);
    bench.table.changelog = changelog;
    stdout_to_file();
    bench_take_over(&bench);
    bench_epoch(&bench, SOME_ROWS);
    bench_epoch(&bench, "");
    bench_epoch(&bench, "+I|1000000000000|c|||");
    bench_stop(&bench);
    return stdout_back();
}

static void check_printed(const char *output, bool changelog, const char *want)
{
    weir_buf text = printed(output, changelog);
    CHECK_TEXT(text.at, want);
    weir_buf_done(&text);
}

static void tables_are_aligned_and_counted(void **state)
{
    (void)state;
    check_printed(
        "table", true,
        " id | name       |       amount | at                       | note | op\n"
        "----+------------+--------------+--------------------------+------+----\n"
        "  1 | ada        |         2.50 | 2024-01-01 00:00:00+00   | hi   | +I\n"
        "  2 | bö b       |         NULL | NULL                     | NULL | -U\n"
        "  2 | say \"x\", y | -12345678.90 | 1969-12-31 23:59:59.5+00 |      | +U\n"
        "            id | name       |       amount | at                       | note | "
        "op\n"
        "---------------+------------+--------------+--------------------------+------+----"
        "\n"
        " 1000000000000 | c          |         NULL | NULL                     | NULL | "
        "+I\n"
        "(4 rows)\n");
}

static void json_numbers_are_exact(void **state)
{
    (void)state;
    check_printed(
        "json", false,
        "{\"id\":1,\"name\":\"ada\",\"amount\":2.50,\"at\":\"2024-01-01 "
        "00:00:00+00\",\"note\":\"hi\"}\n"
        "{\"id\":2,\"name\":\"bö\\tb\",\"amount\":null,\"at\":null,\"note\":null}\n"
        "{\"id\":2,\"name\":\"say \\\"x\\\", y\",\"amount\":-12345678.90,\"at\":"
        "\"1969-12-31 23:59:59.5+00\",\"note\":\"\"}\n"
        "{\"id\":1000000000000,\"name\":\"c\",\"amount\":null,\"at\":null,\"note\":null}"
        "\n");
}

static void csv_tells_null_from_empty(void **state)
{
    (void)state;
    check_printed("csv", true,
                  "id,name,amount,at,note,op\n1,ada,2.50,2024-01-01 00:00:00+00,hi,+I\n"
                  "2,bö\tb,,,,-U\n2,\"say \"\"x\"\", y\",-12345678.90,1969-12-31 "
                  "23:59:59.5+00,\"\",+U\n1000000000000,c,,,,+I\n");
}

static void nothing_is_printed_for_nothing(void **state)
{
    (void)state;
    sink_bench bench;
    bench_start(&bench, "print", "");
    stdout_to_file();
    bench_take_over(&bench);
    bench_epoch(&bench, "");
    bench_stop(&bench);
    weir_buf text = stdout_back();
    CHECK_TEXT(text.at, "");
    weir_buf_done(&text);
}

static void rows_are_printed_when_the_epoch_is_final(void **state)
{
    (void)state;
    sink_bench bench;
    bench_start(&bench, "print", "");
    bench.setup.output = WEIR_STR("csv");
    bench.table.changelog = false;
    stdout_to_file();
    bench_take_over(&bench);
    weir_arena *arena = weir_arena_new("rows", 64 << 10);
    weir_batch *rows = bench_rows(&bench, arena, "+I|1|a|||");
    CHECK_OK(bench_try_epoch(&bench, rows, BENCH_EXECUTED), &bench.err);
    CHECK_OK(bench_try_epoch(&bench, rows, BENCH_COMMITTED), &bench.err); /* staged again */
    bench_crash(&bench);
    bench_take_over(&bench); /* prints what was committed */
    weir_arena_free(arena);
    bench_epoch(&bench, "+I|2|b|||");
    bench_stop(&bench);
    weir_buf text = stdout_back();
    CHECK_TEXT(text.at, "id,name,amount,at,note\n1,a,,,\n2,b,,,\n");
    weir_buf_done(&text);
}

static void check_file(const char *name, const char *format, const char *want)
{
    sink_bench bench;
    char       options[512];
    (void)snprintf(options, sizeof options, "path=%s/%s", folder, name);
    for (int run = 0; run < 2; run++) { /* the second appends */
        bench_start(&bench, "file", options);
        bench.table.changelog = false;
        bench.table.format = weir_str_of(format);
        bench_take_over(&bench);
        bench_epoch(&bench, run == 0 ? "+I|1|a|||" : "+I|2|b|||");
        bench_stop(&bench);
    }
    weir_buf text = capture_read(folder, name);
    CHECK_TEXT(text.at, want);
    weir_buf_done(&text);
}

static void files_are_appended_to(void **state)
{
    (void)state;
    static const char csv[] = "id,name,amount,at,note\n1,a,,,\n2,b,,,\n";
    static const char json[] =
        "{\"id\":1,\"name\":\"a\",\"amount\":null,\"at\":null,\"note\":null}\n"
        "{\"id\":2,\"name\":\"b\",\"amount\":null,\"at\":null,\"note\":null}\n";
    check_file("x.csv", NULL, csv);
    check_file("y", "csv", csv);
    check_file("x.json", NULL, json);
    check_file("y.csv", "json", json);
}

static void a_file_that_cannot_be_opened_is_an_error(void **state)
{
    (void)state;
    sink_bench bench;
    bench_start(&bench, "file", "path=/nowhere/at/all");
    bench_take_over(&bench);
    weir_arena *arena = weir_arena_new("rows", 64 << 10);
    CHECK(bench_try_epoch(&bench, bench_rows(&bench, arena, "+I|1|a|||"),
                          BENCH_FINALISED) == WEIR_E_IO);
    CHECK_SAYS(&bench.err, "/nowhere/at/all");
    weir_arena_free(arena);
    bench_stop(&bench);
}

int main(void)
{
    folder = capture_folder();
    const struct CMUnitTest tests[] = {
        TEST(tables_are_aligned_and_counted),
        TEST(json_numbers_are_exact),
        TEST(csv_tells_null_from_empty),
        TEST(nothing_is_printed_for_nothing),
        TEST(rows_are_printed_when_the_epoch_is_final),
        TEST(files_are_appended_to),
        TEST(a_file_that_cannot_be_opened_is_an_error),
    };
    int failed = RUN_TESTS(tests);
    capture_folder_gone(folder);
    return failed;
}
