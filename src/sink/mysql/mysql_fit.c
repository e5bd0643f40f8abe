/* sink/mysql_fit: does a column of the server hold what a column of the job gives?
 *
 * Gives      mysql_type_unfit, mysql_collation_exact.
 * Always     1. a column that would change values in silence does not fit. One that refuses
 *               some values loudly (too long, out of range) does: such rows are refused.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "mysql/mysql_sink.h"

#include <inttypes.h>
#include <string.h>

/* The index of `name` among NULL-terminated `names`, or -1. */
static int among(weir_str name, const char *const *names)
{
    for (int i = 0; names[i] != NULL; i++)
        if (weir_str_is(name, names[i]))
            return i;
    return -1;
}

static const char *const integers[] = {"tinyint", "smallint", "mediumint",
                                       "int",     "bigint",   NULL};
static const char *const texts[] = {
    "char",      "varchar",  "tinytext", "text",       "mediumtext", "longtext", "binary",
    "varbinary", "tinyblob", "blob",     "mediumblob", "longblob",   NULL};

static const char *wanted(weir_arena *arena, const mysql_column *column, const char *what)
{
    return weir_arena_text(arena, "is %.*s, and must be %s",
                           WEIR_STR_FMT(column->full_type), what);
}

static const char *integer_unfit(weir_type type, const mysql_column *column,
                                 weir_arena *arena)
{
    static const int rank_of[WEIR_T_COUNT] = {
        [WEIR_T_BOOL] = 0, [WEIR_T_INT16] = 1, [WEIR_T_INT32] = 3, [WEIR_T_INT64] = 4};
    static const char *const names[WEIR_T_COUNT] = {[WEIR_T_BOOL] = "tinyint",
                                                    [WEIR_T_INT16] = "smallint",
                                                    [WEIR_T_INT32] = "int",
                                                    [WEIR_T_INT64] = "bigint"};
    static const int         digits_of[WEIR_T_COUNT] = {
                [WEIR_T_BOOL] = 1, [WEIR_T_INT16] = 5, [WEIR_T_INT32] = 10, [WEIR_T_INT64] = 19};
    if (weir_str_is(column->type, "decimal") &&
        column->precision - column->scale >= digits_of[type.id])
        return NULL;
    if (among(column->type, integers) >= rank_of[type.id])
        return NULL;
    return wanted(arena, column, names[type.id]);
}

static const char *numeric_unfit(weir_type type, const mysql_column *column,
                                 weir_arena *arena)
{
    int precision = type.precision > 0 ? type.precision : WEIR_NUMERIC_DIGITS;
    if (type.scale == WEIR_SCALE_ANY) {
        if (weir_str_is(column->type, "decimal") && column->scale >= 16)
            return NULL; /* finer values leave a note, and a note refuses the row */
        return wanted(arena, column, "decimal(65,30), or the job's column numeric(p,s)");
    }
    if (weir_str_is(column->type, "decimal") && column->scale >= type.scale &&
        column->precision - column->scale >= precision - type.scale)
        return NULL;
    return weir_arena_text(arena, "is %.*s, and must be decimal(%d,%d) or wider",
                           WEIR_STR_FMT(column->full_type), precision, type.scale);
}

static const char *text_unfit(weir_type type, const mysql_column *column, weir_arena *arena)
{
    if (type.id == WEIR_T_BYTEA)
        return among(column->type, texts) >= 7
                   ? NULL
                   : wanted(arena, column, "varbinary or a blob");
    if (type.id == WEIR_T_JSONB && weir_str_is(column->type, "json"))
        return NULL;
    int place = among(column->type, texts);
    if (place < 0 || weir_str_is(column->type, "binary")) /* binary pads with zeros */
        return wanted(arena, column, "varchar, text or varbinary");
    if (place <= 1 && type.length > 0 && column->characters < (int64_t)type.length)
        return weir_arena_text(arena, "is %.*s, and must hold %" PRIu32 " characters",
                               WEIR_STR_FMT(column->full_type), type.length);
    return NULL;
}

const char *mysql_type_unfit(weir_type type, const mysql_column *column, weir_arena *arena)
{
    bool is_double = weir_str_is(column->type, "double");
    switch (type.id) {
    case WEIR_T_BOOL:
    case WEIR_T_INT16:
    case WEIR_T_INT32:
    case WEIR_T_INT64:
        return integer_unfit(type, column, arena);
    case WEIR_T_FLOAT32:
        return is_double || weir_str_is(column->type, "float")
                   ? NULL
                   : wanted(arena, column, "float");
    case WEIR_T_FLOAT64:
        return is_double ? NULL : wanted(arena, column, "double");
    case WEIR_T_NUMERIC:
        return numeric_unfit(type, column, arena);
    case WEIR_T_DATE:
        if (weir_str_is(column->type, "date") || weir_str_is(column->type, "datetime"))
            return NULL;
        return wanted(arena, column, "date");
    case WEIR_T_TIME:
        return weir_str_is(column->type, "time") && column->fraction == 6
                   ? NULL
                   : wanted(arena, column, "time(6)");
    case WEIR_T_TIMESTAMP:
    case WEIR_T_TIMESTAMPTZ:
        if (column->fraction == 6 && (weir_str_is(column->type, "datetime") ||
                                      weir_str_is(column->type, "timestamp")))
            return NULL;
        return wanted(arena, column, "datetime(6): fractions would be rounded in silence");
    default:
        return text_unfit(type, column, arena);
    }
}

bool mysql_collation_exact(weir_str collation, bool *out_blank)
{
    static const char *const exact[] = {"binary", "utf8mb4_0900_bin", NULL};
    *out_blank = false;
    if (collation.len == 0 || among(collation, exact) >= 0)
        return true;
    if (collation.len > 10 &&
        memcmp(collation.at + collation.len - 10, "_nopad_bin", 10) == 0)
        return true;
    *out_blank = weir_str_is(collation, "utf8mb4_bin");
    return *out_blank;
}
