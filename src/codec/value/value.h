/* codec/value: a JSON token as a value of a column's type.
 *
 * A rule says how one column's values are written in the messages; it is made when a
 * decoder opens, or from an embedded schema. What a value means is never guessed: a string
 * or a bare number that could mean two things needs a rule that says which, and without one
 * it is a fault with the code ENCODING.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CODEC_VALUE_H
#define CODEC_VALUE_H

#include "weir/batch.h"
#include "scan/scan.h"

typedef enum value_encoding {
    VALUE_UNSAID,
    /* strings and numbers for integers, numerics and floats */
    VALUE_TEXT,     /* a decimal as text: "12.50", also 12.50 */
    VALUE_PRECISE,  /* base64 of the unscaled two's complement */
    VALUE_UNSIGNED, /* a number that wrapped at 2^63 */
    VALUE_BITS,     /* base64 of bits, first byte lowest */
    /* numbers for dates and times */
    VALUE_DAYS,
    VALUE_SECONDS,
    VALUE_MILLIS,
    VALUE_MICROS,
    VALUE_NANOS,
    VALUE_ISO, /* text only */
    /* strings for bytea */
    VALUE_BASE64, /* both alphabets, with or without padding */
    VALUE_HEX
} value_encoding;

typedef struct value_fault {
    const char *code;
    char        msg[160];
} value_fault;

typedef struct value_rule value_rule;

/* Appends the token's value. False: nothing was appended, and *fault says why. */
typedef bool value_put_fn(weir_builder *, const value_rule *, const scan_token *,
                          value_fault *);

struct value_rule {
    weir_type     type;
    bool          not_null;
    bool          json_text; /* jsonb: a string holds JSON text, as Debezium writes it */
    uint8_t       decimal;   /* UNSAID, TEXT, PRECISE, UNSIGNED, BITS */
    uint8_t       scale;     /* PRECISE: of the unscaled integer; WEIR_SCALE_ANY: unknown */
    uint8_t       time;      /* UNSAID, DAYS … ISO */
    uint8_t       binary;    /* UNSAID, BASE64, HEX, BITS */
    bool          plain;     /* `put` takes no escapes: value_rule_done sets it */
    weir_str      name;      /* of the column, for hints */
    value_put_fn *put;       /* of the type; value_rule_done sets it */
};

/* Sets `put`. False: no column can have that type. */
bool value_rule_done(value_rule *rule);

value_put_fn value_put_unescaped;

static inline bool value_put(weir_builder *builder, const value_rule *rule,
                             const scan_token *token, value_fault *fault)
{
    if (token->escaped && rule->plain && token->kind == SCAN_STRING)
        return value_put_unescaped(builder, rule, token, fault);
    return rule->put(builder, rule, token, fault);
}

bool value_fail(value_fault *fault, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* "invalid input syntax for type bigint: …" with the start of the token. */
bool value_mismatch(value_fault *fault, const value_rule *rule, const scan_token *token);
bool value_overflow(value_fault *fault, const value_rule *rule, const scan_token *token);
/* ENCODING: names the option that must say it. */
bool value_unsaid(value_fault *fault, const value_rule *rule, const char *option);

/* By type; each handles null tokens too. */
value_put_fn value_put_integer, value_put_numeric, value_put_float, value_put_bool;
value_put_fn value_put_text, value_put_bytea, value_put_jsonb;
value_put_fn value_put_date, value_put_time, value_put_timestamp;

/* Appends NULL, or fails with NOT_NULL. */
bool value_put_null(weir_builder *builder, const value_rule *rule, value_fault *fault);

/* Base64 of both alphabets into out[room]; the number of bytes, or -1. */
int64_t value_unbase64(weir_str text, uint8_t *out, size_t room);

/* One rule for all appends below: the validity bit is written whatever it was before, so
   that a row taken back leaves nothing behind. */
static inline void value_mark(weir_builder *builder, bool has)
{
    uint8_t  bit = (uint8_t)(1u << (builder->rows & 7));
    uint8_t *byte = &builder->valid[builder->rows >> 3];
    *byte = (uint8_t)(has ? *byte | bit : *byte & ~bit);
}

static inline void value_add_i64(weir_builder *builder, int64_t value)
{
    value_mark(builder, true);
    switch (builder->type.id) {
    case WEIR_T_INT16:
        ((int16_t *)(void *)builder->values)[builder->rows++] = (int16_t)value;
        return;
    case WEIR_T_INT32:
    case WEIR_T_DATE:
        ((int32_t *)(void *)builder->values)[builder->rows++] = (int32_t)value;
        return;
    default:
        ((int64_t *)(void *)builder->values)[builder->rows++] = value;
    }
}

/* The room of one text of at most `len` bytes; then value_end_text. */
static inline char *value_text_room(weir_builder *builder, size_t len)
{
    value_mark(builder, true);
    return weir_builder_text_room(builder, (uint32_t)len);
}

#endif
