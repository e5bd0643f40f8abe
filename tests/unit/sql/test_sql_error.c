/* unit/sql/sql_error: the wrong files of tests/sql/errors, with the small catalog.
 *
 * The places and sentences are compared; hints, which may list what a build has, are the
 * business of tests/sql/errors_test and the real binary.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dirent.h>

#include "plan_of.h"

static weir_buf read_whole(const char *path)
{
    weir_buf bytes = {0};
    FILE    *file = fopen(path, "rb");
    char     part[4096];
    if (file == NULL)
        fail_msg("no %s", path);
    for (size_t got; (got = fread(part, 1, sizeof part, file)) > 0;)
        weir_buf_add(&bytes, part, got);
    (void)fclose(file); /* it was only read */
    return bytes;
}

/* Cuts each line behind its sentence. */
static void cut_hints(weir_buf *text)
{
    size_t len = 0;
    bool   hint = false;
    for (size_t i = 0; i < text->len; i++) {
        if (text->at[i] == '\n')
            hint = false;
        else if (text->at[i] == ';' && i + 1 < text->len && text->at[i + 1] == ' ')
            hint = true;
        if (!hint)
            text->at[len++] = text->at[i];
    }
    text->len = len;
}

static void check_file(const char *name)
{
    char                   path[512];
    weir_plan             *plan = NULL;
    weir_sql_param         secret = {WEIR_STR("SECRET"), WEIR_STR("hunter2")};
    static weir_sql_errors errors;
    (void)snprintf(path, sizeof path, WEIR_TREE "/tests/sql/errors/%s", name);
    weir_buf       sql = read_whole(path);
    weir_arena    *arena = weir_arena_new("plan", 1 << 16);
    weir_sql_input input = {.file = name,
                            .text = {sql.len > 0 ? sql.at : "", sql.len},
                            .catalog = &fake_catalog,
                            .param = &secret,
                            .params = 1,
                            .terminal_select = true};
    CHECK(weir_sql_plan(&input, arena, &plan, &errors) != WEIR_OK);
    weir_buf got = {0};
    weir_sql_errors_print(&got, name, &errors);
    (void)snprintf(path, sizeof path, WEIR_TREE "/tests/sql/errors/%.*s.out",
                   (int)strlen(name) - 4, name);
    weir_buf want = read_whole(path);
    cut_hints(&got);
    cut_hints(&want);
    CHECK_SAME(weir_buf_view(&got), weir_buf_view(&want));
    weir_buf_done(&got);
    weir_buf_done(&want);
    weir_buf_done(&sql);
    weir_arena_free(arena);
}

static void every_wrong_file_is_told_what_it_should_be(void **state)
{
    (void)state;
    DIR     *folder = opendir(WEIR_TREE "/tests/sql/errors");
    uint32_t count = 0;
    CHECK(folder != NULL);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        size_t len = strlen(entry->d_name);
        if (len < 5 || strcmp(entry->d_name + len - 4, ".sql") != 0)
            continue;
        check_file(entry->d_name);
        count++;
    }
    (void)closedir(folder); /* it was only read */
    CHECK(count >= 60);
}

static void errors_are_sorted_and_limited(void **state)
{
    (void)state;
    weir_buf sql = {0};
    weir_buf_text(&sql, ORDERS);
    for (int i = 0; i < 30; i++)
        weir_buf_text(&sql, "SELECT a, b FROM orders;\n");
    weir_buf_byte(&sql, 0);
    planned job = plan_of(sql.at);
    CHECK_INT(job.errors.count, WEIR_SQL_ERRORS_MAX);
    for (uint32_t i = 1; i < job.errors.count; i++) {
        const weir_sql_error *a = &job.errors.error[i - 1];
        const weir_sql_error *b = &job.errors.error[i];
        CHECK(a->line < b->line || (a->line == b->line && a->column < b->column));
    }
    plan_done(&job);
    weir_buf_done(&sql);
}

static void too_large_a_file_is_refused(void **state)
{
    (void)state;
    size_t bytes = WEIR_SQL_BYTES_MAX + 1;
    char  *text = weir_heap_new(bytes + 1, 1);
    memset(text, ' ', bytes);
    planned job = plan_of(text);
    CHECK_INT(job.errors.count, 1);
    CHECK(strstr(job.errors.error[0].msg, "at most 1048576 are read") != NULL);
    plan_done(&job);
    weir_heap_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_wrong_file_is_told_what_it_should_be),
        TEST(errors_are_sorted_and_limited),
        TEST(too_large_a_file_is_refused),
    };
    return RUN_TESTS(tests);
}
