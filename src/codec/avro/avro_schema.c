/* codec/avro_schema: a table's columns as an Avro record schema.
 *
 * Gives      avro_schema_write.
 * Always     1. a column that may be NULL is the union ["null", T].
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "avro/avro_writer.h"

#include <ctype.h>

static bool is_avro_name(weir_str name)
{
    if (name.len == 0 || isdigit((unsigned char)name.at[0]))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.at[i];
        if (c >= 0x80 || (!isalnum(c) && c != '_'))
            return false;
    }
    return true;
}

static weir_code check_name(weir_str name, const char *what, weir_err *err)
{
    if (is_avro_name(name))
        return WEIR_OK;
    (void)weir_fail(err, WEIR_E_CONFIG, "the %s '%.*s' cannot be a name in Avro", what,
                    WEIR_STR_FMT(name));
    return weir_err_hint(
        err, "Avro's names have letters, digits and _, and begin with no digit");
}

static void write_type(weir_buf *out, weir_type type, bool millis)
{
    const char *unit = millis ? "millis" : "micros";
    switch (type.id) {
    case WEIR_T_BOOL:
        weir_buf_text(out, "\"boolean\"");
        return;
    case WEIR_T_INT16:
    case WEIR_T_INT32:
        weir_buf_text(out, "\"int\"");
        return;
    case WEIR_T_INT64:
        weir_buf_text(out, "\"long\"");
        return;
    case WEIR_T_FLOAT32:
        weir_buf_text(out, "\"float\"");
        return;
    case WEIR_T_FLOAT64:
        weir_buf_text(out, "\"double\"");
        return;
    case WEIR_T_BYTEA:
        weir_buf_text(out, "\"bytes\"");
        return;
    case WEIR_T_DATE:
        weir_buf_text(out, "{\"type\":\"int\",\"logicalType\":\"date\"}");
        return;
    case WEIR_T_TIME:
        weir_buf_text(out, "{\"type\":\"long\",\"logicalType\":\"time-micros\"}");
        return;
    case WEIR_T_TIMESTAMP:
        weir_buf_format(out, "{\"type\":\"long\",\"logicalType\":\"local-timestamp-%s\"}",
                        unit);
        return;
    case WEIR_T_TIMESTAMPTZ:
        weir_buf_format(out, "{\"type\":\"long\",\"logicalType\":\"timestamp-%s\"}", unit);
        return;
    case WEIR_T_NUMERIC:
        if (type.scale == WEIR_SCALE_ANY)
            break;
        weir_buf_format(out,
                        "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":%u,"
                        "\"scale\":%u}",
                        type.precision > 0 ? type.precision : WEIR_NUMERIC_DIGITS,
                        type.scale);
        return;
    default:
        break;
    }
    weir_buf_text(out, "\"string\"");
}

static void write_field(weir_buf *out, const weir_field *field, bool millis)
{
    weir_buf_text(out, "{\"name\":");
    weir_buf_json_text(out, field->name);
    weir_buf_text(out, ",\"type\":");
    if (!field->not_null)
        weir_buf_text(out, "[\"null\",");
    write_type(out, field->type, millis);
    weir_buf_text(out, field->not_null ? "}" : "],\"default\":null}");
}

weir_code avro_schema_write(weir_buf *out, const weir_avro_setup *setup, weir_err *err)
{
    weir_code rc = check_name(setup->record, "table", err);
    if (rc != WEIR_OK)
        return rc;
    weir_buf_text(out, "{\"type\":\"record\",\"name\":");
    weir_buf_json_text(out, setup->record);
    weir_buf_text(out, ",\"fields\":[");
    bool any = false;
    for (uint32_t c = 0; c < setup->schema->count; c++) {
        const weir_field *field = &setup->schema->field[c];
        if (setup->leave_out != NULL && setup->leave_out[c])
            continue;
        rc = check_name(field->name, "column", err);
        if (rc == WEIR_OK && setup->with_op && weir_str_is(field->name, "op"))
            rc = weir_fail(err, WEIR_E_CONFIG,
                           "a column 'op' is added for the changes; rename the other one");
        if (rc != WEIR_OK)
            return rc;
        if (any)
            weir_buf_byte(out, ',');
        write_field(out, field, setup->millis);
        any = true;
    }
    if (setup->with_op)
        weir_buf_format(out, "%s{\"name\":\"op\",\"type\":\"string\"}", any ? "," : "");
    weir_buf_text(out, "]}");
    return WEIR_OK;
}
