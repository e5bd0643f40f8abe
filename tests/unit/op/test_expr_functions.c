/* tests: functions give what PostgreSQL gives, as constants, over columns, and over a
 * column and constants; the cases are in expr_cases.txt.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

#include "weir/expr.h"

#define FIELDS 64
#define ROWS 9
#define ROW 5 /* the one that has the values; the others are NULL */

static const char *const function_names[] = {
#define FUNCTION(id, name) #id,
#include "weir/functions.def"
#undef FUNCTION
};

static weir_function function_of(const char *name)
{
    for (int i = 0; i < WEIR_FN_COUNT; i++)
        if (strcmp(function_names[i], name) == 0)
            return (weir_function)i;
    fail_msg("no function %s", name);
    return WEIR_FN_COUNT;
}

static weir_type type_of(const char *name)
{
    static const char *const names[] = {
        "unknown", "boolean", "int2",  "int4", "int8", "float4",    "float8",      "numeric",
        "text",    "bytea",   "jsonb", "date", "time", "timestamp", "timestamptz", "interval"};
    unsigned precision, scale;
    if (sscanf(name, "numeric(%u,%u)", &precision, &scale) == 2)
        return (weir_type){.id = WEIR_T_NUMERIC, .precision = (uint8_t)precision,
                           .scale = (uint8_t)scale};
    if (sscanf(name, "varchar(%u)", &precision) == 1)
        return (weir_type){.id = WEIR_T_TEXT, .length = precision};
    for (int i = 0; i < WEIR_T_COUNT; i++)
        if (strcmp(names[i], name) == 0)
            return weir_type_of((weir_type_id)i);
    fail_msg("no type %s", name);
    return weir_type_of(WEIR_T_UNKNOWN);
}

static weir_expr *argument(weir_arena *arena, const char *type, const char *text)
{
    weir_err   err;
    weir_expr *expr = WEIR_NEW(arena, weir_expr);
    *expr = (weir_expr){.kind = WEIR_EXPR_CONST, .type = type_of(type), .sql_at = -1};
    if (strcmp(text, "\\N") == 0)
        expr->value.null = true;
    else if (expr->type.id == WEIR_T_BYTEA)
        CHECK(weir_bytea_parse(weir_str_of(text), arena, &expr->value.text));
    else
        CHECK_OK(weir_datum_parse(expr->type, weir_str_of(text), &expr->value, &err), &err);
    return expr;
}

static weir_str printed(weir_arena *arena, weir_type type, const weir_datum *value)
{
    weir_buf text = {0};
    if (value->null)
        weir_buf_text(&text, "\\N");
    weir_datum_print(&text, type, value);
    weir_str out = weir_str_copy(arena, weir_buf_view(&text));
    weir_buf_done(&text);
    return out;
}

static weir_str as_constants(weir_arena *arena, const weir_expr *call)
{
    weir_datum value;
    weir_err   err;
    if (weir_expr_constant(call, arena, &value, &err) != WEIR_OK)
        return weir_str_of(weir_arena_text(arena, "ERROR: %s", err.msg));
    return printed(arena, call->type, &value);
}

/* The first `columns` arguments become columns. */
static weir_str as_columns(weir_arena *arena, const weir_expr *call, uint32_t columns)
{
    const weir_expr *arg[FIELDS];
    weir_column      column[FIELDS], out;
    weir_expr        over = *call;
    uint32_t         sel[] = {ROW};
    for (uint32_t i = 0; i < call->args; i++) {
        weir_builder builder;
        arg[i] = call->arg[i];
        if (i >= columns || arg[i]->type.id == WEIR_T_INTERVAL)
            continue;
        weir_builder_start(&builder, arena, arg[i]->type, ROWS);
        for (uint32_t row = 0; row < ROWS; row++)
            if (row == ROW)
                weir_builder_datum(&builder, &arg[i]->value);
            else
                weir_builder_null(&builder);
        column[i] = weir_builder_end(&builder);
        weir_expr *expr = WEIR_NEW(arena, weir_expr);
        *expr = (weir_expr){.kind = WEIR_EXPR_COLUMN, .type = arg[i]->type, .sql_at = -1,
                            .column = i};
        arg[i] = expr;
    }
    over.arg = arg;
    weir_batch      batch = {.rows = ROWS, .columns = call->args, .column = column, .sel = sel,
                             .selected = 1};
    weir_row_errors errors = {.arena = arena};
    weir_expr_eval(&over, &batch, arena, &out, &errors);
    if (errors.count > 0)
        return weir_str_of(weir_arena_text(arena, "ERROR: %s", errors.error[0].msg));
    weir_datum value = weir_column_get(&out, ROW);
    return printed(arena, call->type, &value);
}

static void check_case(weir_arena *arena, char *line, const char *shown)
{
    char    *field[FIELDS];
    uint32_t fields = 0;
    for (char *rest = line; rest != NULL && fields < FIELDS;)
        field[fields++] = strsep(&rest, "\t");
    CHECK(fields >= 4);
    const weir_expr *arg[FIELDS];
    weir_expr call = {.kind = WEIR_EXPR_CALL, .type = type_of(field[1]), .sql_at = -1,
                      .function = function_of(field[0]), .args = (fields - 4) / 2, .arg = arg};
    for (uint32_t i = 0; i < call.args; i++)
        arg[i] = argument(arena, field[2 + 2 * i], field[3 + 2 * i]);
    const char *want = field[fields - 1];
    const weir_str got[] = {as_constants(arena, &call), as_columns(arena, &call, FIELDS),
                            as_columns(arena, &call, 1)};
    for (int i = 0; i < 3; i++) {
        if (!weir_str_is(got[i], want))
            print_error("%s\n", shown);
        CHECK_STR(got[i], want);
    }
}

static void functions_give_what_postgresql_gives(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new("test", 1 << 16);
    FILE       *file = fopen(WEIR_TREE "/tests/unit/op/expr_cases.txt", "r");
    char        line[4096];
    uint32_t    cases = 0;
    CHECK(file != NULL);
    while (fgets(line, sizeof(line), file) != NULL) {
        if (line[0] == '#')
            continue;
        line[strcspn(line, "\n")] = 0;
        char *shown = weir_arena_text(arena, "%s", line);
        check_case(arena, line, shown);
        weir_arena_reset(arena);
        cases++;
    }
    CHECK(cases > 1000);
    (void)fclose(file); /* was only read */
    weir_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(functions_give_what_postgresql_gives),
    };
    return RUN_TESTS(tests);
}
