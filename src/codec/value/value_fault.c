/* codec/value: what is said of a value that does not fit, and NULL.
 *
 * Gives      value_fail, value_mismatch, value_overflow, value_unsaid, value_put_null,
 *            value_put_unescaped, value_rule_done.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "value/value.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SHOWN_MAX 48  /* bytes of a value in a message */
#define PLAIN_MAX 512 /* bytes of a number or a time written with escapes */

bool value_fail(value_fault *fault, const char *code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fault->code = code;
    vsnprintf(fault->msg, sizeof fault->msg, format, args);
    va_end(args);
    return false;
}

/* The first bytes of a token, cut before a character that would be split. */
static weir_str shown(const scan_token *token)
{
    weir_str text = {token->at, token->len};
    if (text.len <= SHOWN_MAX)
        return text;
    text.len = SHOWN_MAX;
    while (text.len > 0 && (text.at[text.len] & 0xc0) == 0x80)
        text.len--;
    return text;
}

static void type_name(const value_rule *rule, char out[64])
{
    weir_buf buf = {0};
    weir_type_print(&buf, rule->type);
    snprintf(out, 64, "%.*s", (int)buf.len, buf.at);
    weir_buf_done(&buf);
}

bool value_mismatch(value_fault *fault, const value_rule *rule, const scan_token *token)
{
    char name[64];
    type_name(rule, name);
    weir_str text = shown(token);
    return value_fail(fault, "DECODE", "invalid input syntax for type %s: \"%.*s\"%s", name,
                      WEIR_STR_FMT(text), text.len < token->len ? "…" : "");
}

bool value_overflow(value_fault *fault, const value_rule *rule, const scan_token *token)
{
    char name[64];
    type_name(rule, name);
    weir_str text = shown(token);
    return value_fail(fault, "RANGE", "value \"%.*s\"%s is out of range for type %s",
                      WEIR_STR_FMT(text), text.len < token->len ? "…" : "", name);
}

bool value_unsaid(value_fault *fault, const value_rule *rule, const char *option)
{
    return value_fail(fault, "ENCODING",
                      "the message does not say what the value is: set %s or "
                      "\"encoding.%.*s\"",
                      option, WEIR_STR_FMT(rule->name));
}

bool value_put_null(weir_builder *builder, const value_rule *rule, value_fault *fault)
{
    if (rule->not_null)
        return value_fail(fault, "NOT_NULL", "null value violates the not-null constraint");
    value_mark(builder, false);
    weir_builder_null(builder);
    return true;
}

bool value_put_unescaped(weir_builder *builder, const value_rule *rule,
                         const scan_token *token, value_fault *fault)
{
    char       text[PLAIN_MAX];
    scan_token plain = *token;
    plain.escaped = false;
    if (memchr(token->at, '\\', token->len)) {
        int64_t len = token->len <= PLAIN_MAX ? scan_unescape(token, text) : -1;
        if (len < 0)
            return value_mismatch(fault, rule, token);
        plain.at = text;
        plain.len = (uint32_t)len;
    }
    return rule->put(builder, rule, &plain, fault);
}

bool value_rule_done(value_rule *rule)
{
    static value_put_fn *const put[WEIR_T_COUNT] = {
        [WEIR_T_BOOL] = value_put_bool,
        [WEIR_T_INT16] = value_put_integer,
        [WEIR_T_INT32] = value_put_integer,
        [WEIR_T_INT64] = value_put_integer,
        [WEIR_T_FLOAT32] = value_put_float,
        [WEIR_T_FLOAT64] = value_put_float,
        [WEIR_T_NUMERIC] = value_put_numeric,
        [WEIR_T_TEXT] = value_put_text,
        [WEIR_T_BYTEA] = value_put_bytea,
        [WEIR_T_JSONB] = value_put_jsonb,
        [WEIR_T_DATE] = value_put_date,
        [WEIR_T_TIME] = value_put_time,
        [WEIR_T_TIMESTAMP] = value_put_timestamp,
        [WEIR_T_TIMESTAMPTZ] = value_put_timestamp,
    };
    rule->put = rule->type.id < WEIR_T_COUNT ? put[rule->type.id] : NULL;
    rule->plain = !weir_type_is_text(rule->type);
    return rule->put != NULL;
}
