/* weir/type: SQL types and single values, as they lie in memory.
 *
 * numeric is a 128-bit integer of 10^-scale units, at most 38 digits. A numeric with a
 * declared or derivable scale keeps it in the type; an unconstrained one (a quotient, an
 * average, `numeric` without (p,s)) has WEIR_SCALE_ANY and carries a scale per value.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_TYPE_H
#define WEIR_TYPE_H

#include "weir/arena.h"
#include "weir/buf.h"
#include "weir/error.h"
#include "weir/str.h"

typedef enum weir_type_id {
    WEIR_T_UNKNOWN,     /* the NULL literal before it met a type */
    WEIR_T_BOOL,        /* uint8_t 0 or 1 */
    WEIR_T_INT16,       /* int16_t */
    WEIR_T_INT32,       /* int32_t */
    WEIR_T_INT64,       /* int64_t */
    WEIR_T_FLOAT32,     /* float */
    WEIR_T_FLOAT64,     /* double */
    WEIR_T_NUMERIC,     /* weir_i128 */
    WEIR_T_TEXT,        /* UTF-8 bytes */
    WEIR_T_BYTEA,       /* bytes */
    WEIR_T_JSONB,       /* JSON text, as it came */
    WEIR_T_DATE,        /* int32_t days since 1970-01-01 */
    WEIR_T_TIME,        /* int64_t microseconds since midnight */
    WEIR_T_TIMESTAMP,   /* int64_t microseconds since 1970-01-01 00:00, no zone */
    WEIR_T_TIMESTAMPTZ, /* int64_t microseconds since 1970-01-01 00:00 UTC */
    WEIR_T_INTERVAL,    /* weir_interval; constants only */
    WEIR_T_COUNT
} weir_type_id;

typedef __int128 weir_i128;

#define WEIR_NUMERIC_DIGITS 38
#define WEIR_SCALE_ANY 255

typedef struct weir_type {
    uint8_t  id;        /* weir_type_id */
    uint8_t  precision; /* NUMERIC: 1..38; 0 when unconstrained */
    uint8_t  scale;     /* NUMERIC: 0..38, or WEIR_SCALE_ANY */
    uint32_t length;    /* varchar(n), char(n): characters; 0: no limit */
} weir_type;

typedef struct weir_interval {
    int32_t months;
    int32_t days;
    int64_t us;
} weir_interval;

/* One value. `null` first; the member that fits the type otherwise. */
typedef struct weir_datum {
    bool    null;
    uint8_t scale; /* NUMERIC: of this value */
    union {
        bool          boolean;
        int64_t       i64; /* INT16..INT64, DATE, TIME, TIMESTAMP, TIMESTAMPTZ */
        double        f64; /* FLOAT32, FLOAT64 */
        weir_i128     i128;
        weir_interval interval;
    };
    weir_str text; /* TEXT, BYTEA, JSONB; not owned */
} weir_datum;

weir_type weir_type_of(weir_type_id id); /* precision 0; numeric: WEIR_SCALE_ANY */
bool      weir_type_same(weir_type a, weir_type b);
/* Bytes of a fixed-width value in a column; 0 for TEXT, BYTEA, JSONB. */
size_t weir_type_width(weir_type type);
bool   weir_type_is_text(weir_type type); /* TEXT, BYTEA or JSONB: variable width */
bool   weir_type_is_number(weir_type type);
/* "numeric(12,2)", "timestamptz", as PostgreSQL writes it; appended. */
void weir_type_print(weir_buf *out, weir_type type);

/* PostgreSQL's text of a value (UTC, ISO dates, shortest doubles, bytea as \x…);
   NULL prints nothing. Intervals as PostgreSQL's default style. */
void weir_datum_print(weir_buf *out, weir_type type, const weir_datum *value);

/* Parses PostgreSQL input text of the type, rounding numerics half away from zero to the
   type's scale. WEIR_E_DECODE with fate SKIP_RECORD when it does not fit, in PostgreSQL's
   words: "invalid input syntax for type bigint: \"x\"", "numeric field overflow".
   out->text views `text`; so BYTEA, which has to be decoded, is WEIR_E_CONFIG here: use
   weir_bytea_parse. */
weir_code weir_datum_parse(weir_type type, weir_str text, weir_datum *out, weir_err *err)
    WEIR_MUST_CHECK;

/* Interval text ('1 minute', '2 days 03:00') as PostgreSQL reads it. */
bool weir_interval_parse(weir_str text, weir_interval *out);

/* Hex (\x…) or escape text of a bytea, into `arena`; false when it is neither. */
bool weir_bytea_parse(weir_str text, weir_arena *arena, weir_str *out);

/* True from 0001-01-01 00:00 to 9999-12-31 23:59:59.999999: what timestamps can hold. */
bool weir_us_in_range(int64_t us);

/* Behind the JSON value that starts at `at` (blanks around it are skipped), or NULL when
   there is none before `end` or it nests deeper than WEIR_JSON_DEPTH_MAX. */
const char *weir_json_skip(const char *at, const char *end);
bool        weir_json_valid(weir_str text); /* exactly one value */

/* numeric helpers: false when 38 digits do not do. */
bool weir_i128_rescale(weir_i128 value, int from_scale, int to_scale, weir_i128 *out);
bool weir_i128_fits(weir_i128 value, int precision); /* |value| < 10^precision */
weir_i128 weir_i128_power10(int exponent);           /* 0..38 */
void      weir_numeric_print(weir_buf *out, weir_i128 value, int scale);
/* Text such as "-12.340", "1e5", ".5"; gives the value and its own scale. */
bool weir_numeric_parse(weir_str text, weir_i128 *out, int *out_scale);
/* Nearest double, ties to even. */
double weir_numeric_to_double(weir_i128 value, int scale);

/* A named, typed column of a table or of a stage of a plan. */
typedef struct weir_field {
    weir_str  name;
    weir_type type;
    bool      not_null;
} weir_field;

typedef struct weir_schema {
    uint32_t    count;
    weir_field *field;
} weir_schema;

#endif
