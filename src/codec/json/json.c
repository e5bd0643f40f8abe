/* codec/json: one JSON object per record is one inserted row.
 *
 * Fields are found by name, or by the dotted path that "field.COLUMN" gives; a missing
 * field is NULL. Of a name that occurs twice the last one counts. A record without a value
 * is skipped; a record that is no object is bad.
 *
 * Gives      the decoder kind `json`.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "image/image.h"

typedef struct json_decoder {
    weir_decoder base;
    weir_arena  *arena; /* ours: what lives as long as the decoder */
    image_plan   plan;
    scan_tree    tree;
    scan_reader *reader;
    uint32_t    *slot_of; /* per column of the plan */
    scan_token  *slot;
} json_decoder;

static weir_decoder_open_fn   open_decoder;
static weir_decoder_decode_fn decode_records;
static weir_decoder_text_fn   text_of;
static weir_decoder_close_fn  close_decoder;

static const weir_option options[] = {
    {.name = "time_encoding",
     .type = WEIR_OPT_CHOICE,
     .choices = "iso|seconds|millis|micros|nanos",
     .help = "What a bare number means in a date, time or timestamp column; text is ISO "
             "8601. \"encoding.COLUMN\" says it for one column, also 'days'."},
    {.name = "binary_encoding",
     .type = WEIR_OPT_CHOICE,
     .fallback = "base64",
     .choices = "base64|hex",
     .help = "How bytea columns are written."},
    {.name = "validate",
     .type = WEIR_OPT_CHOICE,
     .fallback = "needed",
     .choices = "needed|full",
     .help = "Validate only what the columns need, or all of each record."},
    {0},
};

const weir_decoder_kind weir_decoder_json = {
    .name = "json",
    .summary = "one JSON object per record, as an inserted row",
    .options = options,
    .changelog = false,
    .size = sizeof(json_decoder),
    .open = open_decoder,
    .decode = decode_records,
    .text = text_of,
    .close = close_decoder,
};

static json_decoder *self_of(weir_decoder *decoder) /* the only cast in the file */
{
    weir_assert(decoder != NULL);
    weir_assert(decoder->kind == &weir_decoder_json);
    return (json_decoder *)decoder;
}

/* The words of time_encoding, binary_encoding and "encoding.COLUMN". */
static uint8_t encoding_of(weir_type type, weir_str word)
{
    static const struct {
        const char *word;
        uint8_t     encoding;
    } words[] = {
        {"string", VALUE_TEXT},     {"numeric", VALUE_TEXT},      {"double", VALUE_TEXT},
        {"precise", VALUE_PRECISE}, {"unsigned", VALUE_UNSIGNED}, {"bits", VALUE_BITS},
        {"days", VALUE_DAYS},       {"seconds", VALUE_SECONDS},   {"millis", VALUE_MILLIS},
        {"micros", VALUE_MICROS},   {"nanos", VALUE_NANOS},       {"iso", VALUE_ISO},
        {"base64", VALUE_BASE64},   {"hex", VALUE_HEX},
    };
    (void)type;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (weir_str_is(word, words[i].word))
            return words[i].encoding;
    }
    return VALUE_UNSAID;
}

static weir_code open_decoder(weir_decoder *decoder, const weir_decoder_setup *setup,
                              weir_err *err)
{
    static const image_format format = {.encoding = encoding_of, .text_number = true};
    json_decoder             *self = self_of(decoder);
    self->arena = weir_arena_new("json decoder", 4096);
    weir_code rc = image_plan_init(&self->plan, &format, setup, self->arena, err);
    if (rc != WEIR_OK)
        return rc;
    scan_tree_init(&self->tree, self->arena);
    self->slot_of = WEIR_ARRAY(self->arena, uint32_t, self->plan.columns + 1);
    image_plan_want(&self->plan, &self->tree, 0, self->slot_of);
    scan_tree_done(&self->tree);
    self->slot = WEIR_ARRAY(self->arena, scan_token, self->tree.slots + 1);
    self->reader = scan_reader_new(&self->tree);
    if (weir_str_is(weir_opts_text(setup->opts, "validate"), "full"))
        scan_reader_validate(self->reader);
    return WEIR_OK;
}

static weir_event decode_one(json_decoder *self, const weir_block *block, uint32_t index,
                             image_rows *rows)
{
    weir_event event = {.kind = WEIR_EVENT_ROW,
                        .op = 'i',
                        .before = WEIR_NO_ROW,
                        .after = WEIR_NO_ROW,
                        .problem = WEIR_NO_ROW};
    weir_str   value = block->record[index].value;
    if (!value.at) {
        event.kind = WEIR_EVENT_SKIP;
        return event;
    }
    const char *wrong = scan_read(self->reader, value, self->slot);
    if (wrong) {
        event.kind = WEIR_EVENT_BAD;
        event.problem =
            image_problem(rows, index, "DECODE", "not a JSON object: %s", wrong);
        return event;
    }
    image_tokens tokens = {
        .slot = self->slot, .at = self->slot_of, .rule = self->plan.rule};
    image_source source = {.block = block, .record = index, .event_op = 'i'};
    event.after = image_put(rows, &self->plan, &tokens, &source, WEIR_ROW_INSERT);
    if (event.after == WEIR_NO_ROW) {
        event.kind = WEIR_EVENT_BAD;
        event.problem = rows->problems - 1;
    }
    return event;
}

static void decode_records(weir_decoder *decoder, const weir_block *block, uint32_t first,
                           uint32_t count, weir_arena *arena, weir_decoded *out)
{
    json_decoder *self = self_of(decoder);
    weir_assert(count <= WEIR_DECODE_RECORDS);
    weir_assert(first + count <= block->records);
    image_rows rows;
    image_rows_start(&rows, &self->plan, arena, count);
    weir_event *event = weir_arena_take(arena, (count + 1) * sizeof *event);
    for (uint32_t i = 0; i < count; i++) {
        if (i + 1 < count)
            scan_ahead(block->record[first + i + 1].value);
        event[i] = decode_one(self, block, first + i, &rows);
    }
    *out = (weir_decoded){.rows = image_rows_end(&rows, &self->plan),
                          .events = count,
                          .event = event,
                          .problems = rows.problems,
                          .problem = rows.problem};
}

static weir_str text_of(weir_decoder *decoder, uint32_t number)
{
    (void)self_of(decoder);
    (void)number;
    return WEIR_STR(""); /* inserts have no origin and no source table */
}

static void close_decoder(weir_decoder *decoder)
{
    json_decoder *self = self_of(decoder);
    scan_reader_free(self->reader);
    image_plan_done(&self->plan);
    weir_arena_free(self->arena);
}
