/* sql/type: the types that a column or a cast may name.
 *
 * Gives      sql_type_of, sql_type_text, sql_numeric.
 * Never      accepts a modifier that would have no effect.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_bind.h"

#include <string.h>

typedef struct type_name {
    const char  *name;
    weir_type_id id;
    const char  *instead; /* not supported: what to write; NULL: supported */
} type_name;

static const type_name names[] = {
    {"bool", WEIR_T_BOOL, NULL},
    {"boolean", WEIR_T_BOOL, NULL},
    {"int2", WEIR_T_INT16, NULL},
    {"smallint", WEIR_T_INT16, NULL},
    {"int4", WEIR_T_INT32, NULL},
    {"integer", WEIR_T_INT32, NULL},
    {"int8", WEIR_T_INT64, NULL},
    {"bigint", WEIR_T_INT64, NULL},
    {"float4", WEIR_T_FLOAT32, NULL},
    {"real", WEIR_T_FLOAT32, NULL},
    {"float8", WEIR_T_FLOAT64, NULL},
    {"double precision", WEIR_T_FLOAT64, NULL},
    {"numeric", WEIR_T_NUMERIC, NULL},
    {"decimal", WEIR_T_NUMERIC, NULL},
    {"text", WEIR_T_TEXT, NULL},
    {"varchar", WEIR_T_TEXT, NULL},
    {"bpchar", WEIR_T_TEXT, NULL},
    {"char", WEIR_T_TEXT, NULL},
    {"bytea", WEIR_T_BYTEA, NULL},
    {"jsonb", WEIR_T_JSONB, NULL},
    {"date", WEIR_T_DATE, NULL},
    {"time", WEIR_T_TIME, NULL},
    {"timestamp", WEIR_T_TIMESTAMP, NULL},
    {"timestamptz", WEIR_T_TIMESTAMPTZ, NULL},
    {"interval", WEIR_T_INTERVAL, NULL},
    {"json", WEIR_T_UNKNOWN, "use jsonb"},
    {"uuid", WEIR_T_UNKNOWN, "use text"},
    {"timetz", WEIR_T_UNKNOWN, "use time"},
    {"money", WEIR_T_UNKNOWN, "use numeric(19,2)"},
    {"bit", WEIR_T_UNKNOWN, "use bytea or text"},
    {"varbit", WEIR_T_UNKNOWN, "use bytea or text"},
    {"serial", WEIR_T_UNKNOWN, "use integer"},
    {"bigserial", WEIR_T_UNKNOWN, "use bigint"},
    {"smallserial", WEIR_T_UNKNOWN, "use smallint"},
    {"inet", WEIR_T_UNKNOWN, "use text"},
    {"cidr", WEIR_T_UNKNOWN, "use text"},
    {"xml", WEIR_T_UNKNOWN, "use text"},
    /* names of other databases */
    {"string", WEIR_T_UNKNOWN, "use text"},
    {"varbinary", WEIR_T_UNKNOWN, "use bytea"},
    {"binary", WEIR_T_UNKNOWN, "use bytea"},
    {"blob", WEIR_T_UNKNOWN, "use bytea"},
    {"tinyint", WEIR_T_UNKNOWN, "use smallint"},
    {"mediumint", WEIR_T_UNKNOWN, "use integer"},
    {"datetime", WEIR_T_UNKNOWN, "use timestamp"},
    {"double", WEIR_T_UNKNOWN, "use double precision"},
    {"uint64", WEIR_T_UNKNOWN, "use numeric(20,0)"},
    {"timestamp_ltz", WEIR_T_UNKNOWN, "use timestamptz"},
};
#define NAMES (sizeof names / sizeof names[0])

weir_type sql_numeric(uint8_t scale)
{
    weir_type type = weir_type_of(WEIR_T_NUMERIC);
    if (scale == WEIR_SCALE_ANY)
        return type;
    type.precision = WEIR_NUMERIC_DIGITS;
    type.scale = scale;
    return type;
}

const char *sql_type_text(sql_job *job, weir_type type)
{
    if (type.id == WEIR_T_UNKNOWN)
        return "unknown";
    weir_buf buf = {0};
    weir_type_print(&buf, type);
    const char *text = weir_str_copy(job->arena, weir_buf_view(&buf)).at;
    weir_buf_done(&buf);
    return text;
}

static const type_name *find(sql_job *job, const char *name, int32_t at)
{
    const char *known[NAMES];
    size_t      count = 0;
    for (size_t i = 0; i < NAMES; i++) {
        if (strcmp(names[i].name, name) == 0)
            return &names[i];
        if (names[i].instead == NULL)
            known[count++] = names[i].name;
    }
    sql_error(job, at, "type '%s' does not exist", name);
    (void)sql_hint_nearest(job, weir_str_of(name), known, count);
    return NULL;
}

/* The modifier as a whole number; false when it is not one. */
static bool modifier(const sql_node *node, int64_t *out)
{
    if (!SQL_IS(node, A_CONST) || node->a_const->val_case != PG_QUERY__A__CONST__VAL_IVAL)
        return false;
    *out = node->a_const->ival->ival;
    return true;
}

static bool numeric_modifiers(sql_job *job, const PgQuery__TypeName *name, weir_type *out)
{
    int64_t precision = 0;
    int64_t scale = 0;
    int32_t at = sql_node_at(name->typmods[0], name->location);
    if (name->n_typmods > 2 || !modifier(name->typmods[0], &precision) ||
        (name->n_typmods == 2 && !modifier(name->typmods[1], &scale))) {
        sql_error(job, at, "numeric takes a precision and a scale, as in numeric(12,2)");
        return false;
    }
    if (precision < 1 || precision > WEIR_NUMERIC_DIGITS) {
        sql_error(job, at, "numeric precision %lld must be between 1 and %d",
                  (long long)precision, WEIR_NUMERIC_DIGITS);
        return false;
    }
    if (scale < 0 || scale > precision) {
        sql_error(job, sql_node_at(name->typmods[1], at),
                  "numeric scale %lld must be between 0 and precision %lld",
                  (long long)scale, (long long)precision);
        return false;
    }
    out->precision = (uint8_t)precision;
    out->scale = (uint8_t)scale;
    return true;
}

static bool length_modifier(sql_job *job, const PgQuery__TypeName *name, weir_type *out)
{
    int64_t length = 0;
    if (name->n_typmods > 1 || !modifier(name->typmods[0], &length) || length < 1 ||
        length > (int64_t)WEIR_TEXT_BYTES_MAX) {
        sql_error(job, sql_node_at(name->typmods[0], name->location),
                  "a length must be between 1 and %u", WEIR_TEXT_BYTES_MAX);
        return false;
    }
    out->length = (uint32_t)length;
    return true;
}

static bool modifiers(sql_job *job, const PgQuery__TypeName *name, weir_type *out)
{
    const char *word = sql_last_name(name->names, name->n_names);
    int64_t     digits = 0;
    if (name->n_typmods == 0)
        return true;
    if (out->id == WEIR_T_NUMERIC)
        return numeric_modifiers(job, name, out);
    if (strcmp(word, "varchar") == 0 || strcmp(word, "bpchar") == 0)
        return length_modifier(job, name, out);
    bool timed = out->id == WEIR_T_TIME || out->id == WEIR_T_TIMESTAMP ||
                 out->id == WEIR_T_TIMESTAMPTZ;
    if (timed && modifier(name->typmods[0], &digits) && digits == 6)
        return true;
    sql_error(job, name->location, "type %s takes no modifier here", word);
    if (timed)
        sql_hint(job, "values have microseconds; leave it out, or cut with date_trunc");
    else if (out->id == WEIR_T_INTERVAL)
        sql_hint(job, "write the unit inside: interval '1 minute'");
    return false;
}

bool sql_type_of(sql_job *job, const PgQuery__TypeName *name, weir_type *out)
{
    const char *word = sql_last_name(name->names, name->n_names);
    if (name->n_names > 2 ||
        (name->n_names == 2 && strcmp(sql_node_text(name->names[0]), "pg_catalog") != 0)) {
        sql_error(job, name->location, "a type in a schema is not supported");
        return false;
    }
    const type_name *known = find(job, word, name->location);
    if (known == NULL)
        return false;
    if (known->instead != NULL) {
        sql_error(job, name->location, "type %s is not supported", word);
        sql_hint(job, "%s", known->instead);
        return false;
    }
    if (name->n_array_bounds > 0 || name->setof || name->pct_type) {
        sql_error(job, name->location, "%s is not supported",
                  name->n_array_bounds > 0 ? "an array type" : "a set or %TYPE");
        if (name->n_array_bounds > 0)
            sql_hint(job, "use jsonb and -> to take an element");
        return false;
    }
    *out = weir_type_of(known->id);
    return modifiers(job, name, out);
}
