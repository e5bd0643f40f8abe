/* batch/type: facts about SQL types, and their names.
 *
 * Gives      weir_type_of, weir_type_same, weir_type_width, weir_type_print,
 *            batch_type_name.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/type.h"

#include "batch_type.h"

typedef struct type_fact {
    const char *name;  /* short, as people write it */
    const char *words; /* as PostgreSQL's messages write it */
    uint8_t     width; /* bytes in a column; 0: text */
    bool        number;
} type_fact;

static const type_fact facts[WEIR_T_COUNT] = {
    [WEIR_T_UNKNOWN] = {"unknown", "unknown", 1, false},
    [WEIR_T_BOOL] = {"boolean", "boolean", 1, false},
    [WEIR_T_INT16] = {"smallint", "smallint", 2, true},
    [WEIR_T_INT32] = {"integer", "integer", 4, true},
    [WEIR_T_INT64] = {"bigint", "bigint", 8, true},
    [WEIR_T_FLOAT32] = {"real", "real", 4, true},
    [WEIR_T_FLOAT64] = {"double precision", "double precision", 8, true},
    [WEIR_T_NUMERIC] = {"numeric", "numeric", 16, true},
    [WEIR_T_TEXT] = {"text", "text", 0, false},
    [WEIR_T_BYTEA] = {"bytea", "bytea", 0, false},
    [WEIR_T_JSONB] = {"jsonb", "json", 0, false},
    [WEIR_T_DATE] = {"date", "date", 4, false},
    [WEIR_T_TIME] = {"time", "time", 8, false},
    [WEIR_T_TIMESTAMP] = {"timestamp", "timestamp", 8, false},
    [WEIR_T_TIMESTAMPTZ] = {"timestamptz", "timestamp with time zone", 8, false},
    [WEIR_T_INTERVAL] = {"interval", "interval", sizeof(weir_interval), false},
};

_Static_assert(sizeof(weir_interval) == 16, "width of an interval");
_Static_assert(sizeof(weir_i128) == 16, "width of a numeric");

weir_type weir_type_of(weir_type_id id)
{
    weir_assert(id < WEIR_T_COUNT);
    weir_type type = {.id = (uint8_t)id};
    if (id == WEIR_T_NUMERIC)
        type.scale = WEIR_SCALE_ANY;
    return type;
}

bool weir_type_same(weir_type a, weir_type b)
{
    if (a.id != b.id)
        return false;
    if (a.id == WEIR_T_NUMERIC)
        return a.precision == b.precision && a.scale == b.scale;
    return a.length == b.length;
}

size_t weir_type_width(weir_type type)
{
    weir_assert(type.id < WEIR_T_COUNT);
    return facts[type.id].width;
}

bool weir_type_is_text(weir_type type)
{
    return weir_type_width(type) == 0;
}

bool weir_type_is_number(weir_type type)
{
    weir_assert(type.id < WEIR_T_COUNT);
    return facts[type.id].number;
}

const char *batch_type_name(weir_type type)
{
    weir_assert(type.id < WEIR_T_COUNT);
    return facts[type.id].words;
}

void weir_type_print(weir_buf *out, weir_type type)
{
    weir_assert(type.id < WEIR_T_COUNT);
    if (type.id == WEIR_T_TEXT && type.length > 0) {
        weir_buf_format(out, "varchar(%u)", type.length);
        return;
    }
    weir_buf_text(out, facts[type.id].name);
    if (type.id == WEIR_T_NUMERIC && type.precision > 0)
        weir_buf_format(out, "(%u,%u)", type.precision, type.scale);
}
