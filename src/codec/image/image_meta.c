/* codec/image: columns that show facts about the record: _topic, _offset, _op and the like.
 *
 * _headers is an object of names and texts; bytes that are not UTF-8 become U+FFFD, of two
 * headers of one name the last counts. _key as text must be UTF-8.
 *
 * Gives      image_put_meta.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "image/image.h"

#include <string.h>

static bool put_i64(weir_builder *builder, int64_t value)
{
    value_mark(builder, true);
    weir_builder_i64(builder, value);
    return true;
}

static bool put_text(weir_builder *builder, weir_str text)
{
    char *at = value_text_room(builder, text.len);
    if (text.len)
        memcpy(at, text.at, text.len);
    weir_builder_text_end(builder, (uint32_t)text.len);
    return true;
}

static weir_str headers_of(image_plan *plan, const weir_record *record)
{
    weir_buf *buf = &plan->scratch;
    weir_buf_clear(buf);
    weir_buf_byte(buf, '{');
    for (uint32_t i = 0; i < record->headers; i++) {
        const weir_header *header = &record->header[i];
        if (i > 0)
            weir_buf_byte(buf, ',');
        weir_buf_json_text(buf, header->name);
        weir_buf_byte(buf, ':');
        if (header->value.at)
            weir_buf_json_text(buf, header->value);
        else
            weir_buf_text(buf, "null");
    }
    weir_buf_byte(buf, '}');
    return weir_buf_view(buf);
}

static bool put_key(weir_builder *builder, const value_rule *rule, weir_str key,
                    value_fault *fault)
{
    if (!key.at)
        return value_put_null(builder, rule, fault);
    if (rule->type.id == WEIR_T_TEXT && !weir_str_utf8(key))
        return value_fail(fault, "DECODE", "the record's key is not UTF-8");
    return put_text(builder, key);
}

bool image_put_meta(weir_builder *builder, image_plan *plan, uint32_t column,
                    const image_source *source, value_fault *fault)
{
    const weir_block         *block = source->block;
    const weir_record        *record = &block->record[source->record];
    const weir_decoder_setup *setup = plan->setup;
    const value_rule         *rule = &plan->rule[column];
    switch (plan->column[column].from) {
    case WEIR_FROM_TOPIC:
        return put_text(builder, setup->topic);
    case WEIR_FROM_PARTITION:
        return put_i64(builder, setup->partition_number
                                    ? setup->partition_number[block->partition]
                                    : (int64_t)block->partition);
    case WEIR_FROM_OFFSET:
    case WEIR_FROM_ROW:
        return put_i64(builder, record->offset);
    case WEIR_FROM_TIMESTAMP:
        return record->timestamp_us == INT64_MIN ? value_put_null(builder, rule, fault)
                                                 : put_i64(builder, record->timestamp_us);
    case WEIR_FROM_SOURCE_TS:
        return source->timed ? put_i64(builder, source->commit_us)
                             : value_put_null(builder, rule, fault);
    case WEIR_FROM_KEY:
        return put_key(builder, rule, record->key, fault);
    case WEIR_FROM_HEADERS:
        return put_text(builder, headers_of(plan, record));
    case WEIR_FROM_OP:
        return put_text(builder, (weir_str){(const char *)&source->event_op, 1});
    default: /* WEIR_FROM_PATH */
        return put_text(builder, setup->partition_name
                                     ? setup->partition_name[block->partition]
                                     : WEIR_STR(""));
    }
}
