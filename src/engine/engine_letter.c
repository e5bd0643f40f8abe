/* engine/letter: what becomes of bad records: fail, skip, or a dead letter of the epoch.
 *
 * Gives      engine_bad_record, engine_error_limit, engine_letter_add, _of_row, _schema
 *            and _batch.
 * Owns       copies of the records' bytes, in the lane's letters arena of the epoch.
 * Always     1. a dead letter commits with the epoch that read its record.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine_parts.h"

static weir_str position_text(const engine_partition *partition, int64_t offset,
                              weir_arena *arena)
{
    return weir_str_of(weir_arena_text(arena, "table '%.*s', partition %.*s, offset %lld",
                                       WEIR_STR_FMT(partition->source->table->name),
                                       WEIR_STR_FMT(partition->name), (long long)offset));
}

static weir_str copy_or_null(weir_arena *arena, weir_str text)
{
    return text.at ? weir_str_copy(arena, text) : text;
}

static weir_str headers_json(const weir_record *record, weir_arena *arena)
{
    if (record->headers == 0)
        return (weir_str){NULL, 0};
    weir_buf json = {0};
    weir_buf_text(&json, "[");
    for (uint32_t i = 0; i < record->headers; i++) {
        weir_buf_text(&json, i ? ",{\"key\":" : "{\"key\":");
        weir_buf_json_text(&json, record->header[i].name);
        weir_buf_text(&json, ",\"value\":");
        if (record->header[i].value.at)
            weir_buf_json_text(&json, record->header[i].value);
        else
            weir_buf_text(&json, "null");
        weir_buf_text(&json, "}");
    }
    weir_buf_text(&json, "]");
    weir_str text = weir_str_copy(arena, weir_buf_view(&json));
    weir_buf_done(&json);
    return text;
}

void engine_letter_add(engine_letters *letters, uint32_t sink,
                       const engine_dead_letter *letter)
{
    if (letters->count == letters->room) {
        uint32_t room = letters->room ? letters->room * 2 : 64;
        engine_dead_letter *more = WEIR_ARRAY(letters->arena, engine_dead_letter, room);
        uint32_t *sinks = WEIR_ARRAY(letters->arena, uint32_t, room);
        for (uint32_t i = 0; i < letters->count; i++) {
            more[i] = letters->letter[i];
            sinks[i] = letters->sink[i];
        }
        letters->letter = more;
        letters->sink = sinks;
        letters->room = room;
    }
    letters->letter[letters->count] = *letter;
    letters->sink[letters->count] = sink;
    letters->count++;
}

static weir_code over_error_limit(const engine_source *source, weir_err *err)
{
    (void)weir_fail(err, WEIR_E_LIMIT,
                    "table '%.*s': more than %llu bad records in %llu",
                    WEIR_STR_FMT(source->table->name),
                    (unsigned long long)source->error_most,
                    (unsigned long long)source->error_per);
    return weir_err_hint(err, "look at the dead letters, or raise error_limit");
}

/* Records of all partitions count together, in stretches of error_per: the bad ones of a
   stretch are at most error_most. */
weir_code engine_error_limit(engine_source *source, const bool *bad, uint32_t count,
                             weir_err *err)
{
    if (source->error_per == 0)
        return WEIR_OK;
    bool over = false;
    pthread_mutex_lock(&source->lock);
    for (uint32_t i = 0; bad != NULL && i < count && !over; i++) {
        source->error_bad += bad[i];
        over = source->error_bad > source->error_most;
        if (++source->error_records >= source->error_per)
            source->error_records = source->error_bad = 0;
    }
    if (bad == NULL) {
        source->error_records += count;
        if (source->error_records >= source->error_per) {
            source->error_records %= source->error_per;
            source->error_bad = 0;
        }
    }
    pthread_mutex_unlock(&source->lock);
    return over ? over_error_limit(source, err) : WEIR_OK;
}

weir_code engine_bad_record(engine_lane *lane, engine_partition *partition,
                            const weir_record *record, const engine_reason *reason,
                            weir_err *err)
{
    const engine_source *source = partition->source;
    if (source->on_error == ON_ERROR_FAIL) {
        weir_str place = position_text(partition, record->offset, lane->scratch);
        (void)weir_fail(err, WEIR_E_DECODE, "%.*s: bad record: %s", WEIR_STR_FMT(place),
                        reason->message);
        return weir_err_hint(err, "set on_error = 'dead_letter' or 'skip' on table '%.*s'",
                             WEIR_STR_FMT(source->table->name));
    }
    if (source->on_error == ON_ERROR_DEAD_LETTER) {
        weir_arena *arena = lane->letters.arena;
        engine_dead_letter letter = {
            .partition = partition,
            .table = source->table->name,
            .topic = source->topic,
            .key = copy_or_null(arena, record->key),
            .value = copy_or_null(arena, record->value),
            .headers = headers_json(record, arena),
            .column = copy_or_null(arena, reason->column),
            .message = weir_str_copy(arena, weir_str_of(reason->message)),
            .code = reason->code,
            .offset = record->offset,
            .timestamp_us = record->timestamp_us,
        };
        engine_letter_add(&lane->letters, source->dead_sink, &letter);
        lane->passed_bytes += sizeof letter + letter.key.len + letter.value.len +
                              letter.headers.len; /* they count for the epoch's size */
    }
    return WEIR_OK;
}

static void json_value(weir_buf *out, weir_type type, const weir_datum *value)
{
    if (value->null) {
        weir_buf_text(out, "null");
        return;
    }
    weir_buf text = {0};
    weir_datum_print(&text, type, value);
    if (type.id == WEIR_T_JSONB)
        weir_buf_str(out, weir_buf_view(&text));
    else
        weir_buf_json_text(out, weir_buf_view(&text));
    weir_buf_done(&text);
}

static weir_str row_json(const weir_schema *schema, const weir_batch *batch, uint32_t row,
                         weir_arena *arena)
{
    weir_buf json = {0};
    for (uint32_t c = 0; c < schema->count && c < batch->columns; c++) {
        weir_datum value = weir_column_get(&batch->column[c], row);
        weir_buf_byte(&json, c == 0 ? '{' : ',');
        weir_buf_json_text(&json, schema->field[c].name);
        weir_buf_byte(&json, ':');
        json_value(&json, batch->column[c].type, &value);
    }
    weir_buf_byte(&json, '}');
    weir_str text = weir_str_copy(arena, weir_buf_view(&json));
    weir_buf_done(&json);
    return text;
}

engine_dead_letter engine_letter_of_row(const weir_sink_table *table,
                                        const weir_batch *batch, const weir_refused *row,
                                        weir_arena *arena)
{
    weir_assert(row->row < batch->rows);
    return (engine_dead_letter){
        .table = table->name,
        .value = row_json(table->schema, batch, row->row, arena),
        .code = weir_str_copy(arena, weir_str_of(row->code)).at,
        .message = weir_str_copy(arena, weir_str_of(row->msg)),
    };
}

enum {
    LETTER_JOB, LETTER_EPOCH, LETTER_SOURCE, LETTER_TOPIC, LETTER_PARTITION, LETTER_OFFSET,
    LETTER_TIMESTAMP, LETTER_KEY, LETTER_VALUE, LETTER_HEADERS, LETTER_CODE, LETTER_COLUMN,
    LETTER_MESSAGE, LETTER_COLUMNS
};

const weir_schema *engine_letter_schema(void)
{
    static weir_field field[LETTER_COLUMNS] = {
        [LETTER_JOB] = {{"job", 3}, {.id = WEIR_T_TEXT}, true},
        [LETTER_EPOCH] = {{"epoch", 5}, {.id = WEIR_T_INT64}, true},
        [LETTER_SOURCE] = {{"source", 6}, {.id = WEIR_T_TEXT}, true},
        [LETTER_TOPIC] = {{"topic", 5}, {.id = WEIR_T_TEXT}, false},
        [LETTER_PARTITION] = {{"partition", 9}, {.id = WEIR_T_TEXT}, false},
        [LETTER_OFFSET] = {{"offset", 6}, {.id = WEIR_T_INT64}, false},
        [LETTER_TIMESTAMP] = {{"timestamp", 9}, {.id = WEIR_T_TIMESTAMPTZ}, false},
        [LETTER_KEY] = {{"key", 3}, {.id = WEIR_T_BYTEA}, false},
        [LETTER_VALUE] = {{"value", 5}, {.id = WEIR_T_BYTEA}, false},
        [LETTER_HEADERS] = {{"headers", 7}, {.id = WEIR_T_TEXT}, false},
        [LETTER_CODE] = {{"code", 4}, {.id = WEIR_T_TEXT}, true},
        [LETTER_COLUMN] = {{"column", 6}, {.id = WEIR_T_TEXT}, false},
        [LETTER_MESSAGE] = {{"message", 7}, {.id = WEIR_T_TEXT}, true},
    };
    static const weir_schema schema = {LETTER_COLUMNS, field};
    return &schema;
}

static void put_text(weir_builder *builder, weir_str text)
{
    if (text.at)
        weir_builder_text(builder, text);
    else
        weir_builder_null(builder);
}

static void put_number(weir_builder *builder, bool there, int64_t value)
{
    if (there)
        weir_builder_i64(builder, value);
    else
        weir_builder_null(builder);
}

static void put_letter(weir_builder *builder, const engine_job *engine, uint64_t epoch,
                       const engine_dead_letter *letter)
{
    const engine_partition *partition = letter->partition;
    weir_str name = partition ? partition->name : (weir_str){NULL, 0};
    put_text(&builder[LETTER_JOB], engine->plan->settings.job_name);
    weir_builder_i64(&builder[LETTER_EPOCH], (int64_t)epoch);
    put_text(&builder[LETTER_SOURCE], letter->table);
    put_text(&builder[LETTER_TOPIC], letter->topic);
    put_text(&builder[LETTER_PARTITION], name);
    put_number(&builder[LETTER_OFFSET], partition != NULL, letter->offset);
    put_number(&builder[LETTER_TIMESTAMP],
               partition != NULL && letter->timestamp_us != INT64_MIN, letter->timestamp_us);
    put_text(&builder[LETTER_KEY], letter->key);
    put_text(&builder[LETTER_VALUE], letter->value);
    put_text(&builder[LETTER_HEADERS], letter->headers);
    put_text(&builder[LETTER_CODE], weir_str_of(letter->code));
    put_text(&builder[LETTER_COLUMN], letter->column);
    put_text(&builder[LETTER_MESSAGE], letter->message);
}

static uint32_t count_letters(const engine_epoch *epoch, uint32_t sink)
{
    uint32_t count = 0;
    for (uint32_t set = 0; set < epoch->letter_sets; set++)
        for (uint32_t i = 0; i < epoch->letters[set].count; i++)
            count += epoch->letters[set].sink[i] == sink;
    return count;
}

weir_batch *engine_letter_batch(const engine_job *engine, const engine_epoch *epoch,
                                uint32_t sink, weir_arena *arena)
{
    uint32_t rows = count_letters(epoch, sink);
    if (rows == 0)
        return NULL;
    const weir_schema *schema = engine_letter_schema();
    weir_builder *builder = WEIR_ARRAY(arena, weir_builder, schema->count);
    for (uint32_t i = 0; i < schema->count; i++)
        weir_builder_start(&builder[i], arena, schema->field[i].type, rows);
    for (uint32_t set = 0; set < epoch->letter_sets; set++)
        for (uint32_t i = 0; i < epoch->letters[set].count; i++)
            if (epoch->letters[set].sink[i] == sink)
                put_letter(builder, engine, epoch->number, &epoch->letters[set].letter[i]);
    weir_column *column = WEIR_ARRAY(arena, weir_column, schema->count);
    for (uint32_t i = 0; i < schema->count; i++)
        column[i] = weir_builder_end(&builder[i]);
    weir_batch *batch = WEIR_NEW(arena, weir_batch);
    *batch = (weir_batch){.rows = rows, .columns = schema->count, .column = column,
                          .selected = rows};
    return batch;
}
