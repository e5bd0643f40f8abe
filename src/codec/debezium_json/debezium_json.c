/* codec/debezium_json: Debezium's change events in JSON, with or without their schema.
 *
 * Each image is judged alone, as a pure function of its bytes: a bad one adds nothing and
 * retracts nothing. A BAD event of an update may therefore still carry its good `before`,
 * which takes back what the row gave earlier. Of a name that occurs twice in an object the
 * last one counts.
 *
 * Gives      the decoder kind `debezium-json`, debezium_reader.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "debezium_json/debezium.h"

#include <string.h>

typedef enum schema_mode { SCHEMA_AUTO, SCHEMA_NONE, SCHEMA_EMBEDDED } schema_mode;

typedef struct debezium_decoder {
    weir_decoder     base;
    weir_arena      *arena; /* ours: what lives as long as the decoder */
    bool             images_whole;
    schema_mode      mode;
    image_plan       plan;
    scan_tree        tree;
    scan_reader     *reader;
    debezium_slots   slots;
    uint32_t        *before_at, *after_at; /* per column of the plan: its slot */
    scan_token      *slot;
    debezium_source  source;
    debezium_schemas schemas;
} debezium_decoder;

static weir_decoder_open_fn   open_decoder;
static weir_decoder_decode_fn decode_records;
static weir_decoder_text_fn   text_of;
static weir_decoder_close_fn  close_decoder;

static const weir_option options[] = {
    {.name = "schema",
     .type = WEIR_OPT_CHOICE,
     .fallback = "auto",
     .choices = "auto|none|embedded",
     .help =
         "Are the messages {\"schema\":…,\"payload\":…}: seen from each, never, always."},
    {.name = "table",
     .type = WEIR_OPT_TEXT,
     .help = "The source table as 'db.table'; rows of others are bad records. By default "
             "the first one seen."},
    {.name = "decimal_encoding",
     .type = WEIR_OPT_CHOICE,
     .choices = "precise|string|double|numeric",
     .help = "How decimals are written where no schema says it: the connector's "
             "decimal.handling.mode, or the converter's decimal.format. 'precise' needs "
             "numeric(p,s). \"encoding.COLUMN\" says it for one column, also 'unsigned' "
             "(a bigint that wrapped at 2^63) and 'bits' (BIT(n))."},
    {.name = "time_encoding",
     .type = WEIR_OPT_CHOICE,
     .choices = "adaptive|connect|micros|nanos|iso",
     .help = "How DATE, TIME and DATETIME are written where no schema says it: the "
             "connector's time.precision.mode. With 'adaptive' a DATETIME column also "
             "needs \"encoding.COLUMN\" = 'millis' (up to 3 digits) or 'micros'."},
    {.name = "binary_encoding",
     .type = WEIR_OPT_CHOICE,
     .choices = "bytes|base64|base64-url-safe|hex",
     .help = "How bytea columns are written where no schema says it: the connector's "
             "binary.handling.mode."},
    {.name = "validate",
     .type = WEIR_OPT_CHOICE,
     .fallback = "needed",
     .choices = "needed|full",
     .help = "Validate only what the columns need, or all of each record."},
    {0},
};

const weir_decoder_kind weir_decoder_debezium_json = {
    .name = "debezium-json",
    .summary = "Debezium change events in JSON: inserts, updates and deletes",
    .options = options,
    .changelog = true,
    .size = sizeof(debezium_decoder),
    .open = open_decoder,
    .decode = decode_records,
    .text = text_of,
    .close = close_decoder,
};

static debezium_decoder *self_of(weir_decoder *decoder) /* the only cast in the file */
{
    weir_assert(decoder != NULL);
    weir_assert(decoder->kind == &weir_decoder_debezium_json);
    return (debezium_decoder *)decoder;
}

scan_reader *debezium_reader(weir_decoder *decoder)
{
    return self_of(decoder)->reader;
}

static void want_envelope(debezium_decoder *self)
{
    debezium_slots *s = &self->slots;
    scan_tree      *tree = &self->tree;
    const struct {
        const char *name;
        uint32_t   *slot;
    } outer[] = {{"before", &s->before},  {"after", &s->after}, {"source", &s->source},
                 {"op", &s->op},          {"ts_ms", &s->ts_ms}, {"status", &s->status},
                 {"id", &s->id},          {"ddl", &s->ddl},     {"schema", &s->schema},
                 {"payload", &s->payload}},
      inner[] = {{"name", &s->name},
                 {"db", &s->db},
                 {"table", &s->table},
                 {"gtid", &s->gtid},
                 {"server_id", &s->server_id},
                 {"file", &s->file},
                 {"pos", &s->pos},
                 {"row", &s->row},
                 {"snapshot", &s->snapshot},
                 {"ts_us", &s->ts_us},
                 {"ts_ns", &s->ts_ns},
                 {"ts_ms", &s->source_ts_ms}};
    for (size_t i = 0; i < sizeof outer / sizeof *outer; i++)
        *outer[i].slot =
            scan_tree_slot(tree, scan_tree_add(tree, 0, weir_str_of(outer[i].name)));
    uint32_t source = scan_tree_add(tree, 0, WEIR_STR("source"));
    for (size_t i = 0; i < sizeof inner / sizeof *inner; i++)
        *inner[i].slot =
            scan_tree_slot(tree, scan_tree_add(tree, source, weir_str_of(inner[i].name)));
    uint32_t before = scan_tree_add(tree, 0, WEIR_STR("before"));
    uint32_t after = scan_tree_add(tree, 0, WEIR_STR("after"));
    image_plan_want(&self->plan, tree, before, self->before_at);
    image_plan_want(&self->plan, tree, after, self->after_at);
    tree->node[source].kind_only = true;
    tree->node[before].kind_only = true;
    tree->node[after].kind_only = true;
    scan_tree_done(tree);
}

static schema_mode mode_of(weir_str word)
{
    if (weir_str_is(word, "none"))
        return SCHEMA_NONE;
    return weir_str_is(word, "embedded") ? SCHEMA_EMBEDDED : SCHEMA_AUTO;
}

/* Without a schema, some columns could never be read. */
static weir_code check_said(const debezium_decoder *self, weir_err *err)
{
    for (uint32_t i = 0; self->mode == SCHEMA_NONE && i < self->plan.columns; i++) {
        const value_rule *rule = &self->plan.rule[i];
        if (self->plan.column[i].from != WEIR_FROM_FIELD)
            continue;
        if (rule->type.id == WEIR_T_BYTEA && rule->binary == VALUE_UNSAID)
            return weir_fail(err, WEIR_E_CONFIG,
                             "column '%.*s': set binary_encoding or \"encoding.%.*s\"",
                             WEIR_STR_FMT(rule->name), WEIR_STR_FMT(rule->name));
        if (rule->type.id == WEIR_T_NUMERIC && rule->decimal == VALUE_PRECISE &&
            rule->scale == WEIR_SCALE_ANY)
            return weir_fail(err, WEIR_E_CONFIG,
                             "column '%.*s': a precise decimal needs numeric(p,s)",
                             WEIR_STR_FMT(rule->name));
    }
    return WEIR_OK;
}

static weir_code open_decoder(weir_decoder *decoder, const weir_decoder_setup *setup,
                              weir_err *err)
{
    static const image_format format = {.encoding = debezium_encoding, .json_text = true};
    debezium_decoder         *self = self_of(decoder);
    self->arena = weir_arena_new("debezium decoder", 4096);
    weir_code rc = image_plan_init(&self->plan, &format, setup, self->arena, err);
    if (rc != WEIR_OK)
        return rc;
    self->images_whole = setup->images_whole;
    self->mode = mode_of(weir_opts_text(setup->opts, "schema"));
    rc = check_said(self, err);
    if (rc != WEIR_OK)
        return rc;
    self->source.table = weir_opts_text(setup->opts, "table");
    self->schemas.plan = &self->plan;
    self->before_at = WEIR_ARRAY(self->arena, uint32_t, self->plan.columns + 1);
    self->after_at = WEIR_ARRAY(self->arena, uint32_t, self->plan.columns + 1);
    scan_tree_init(&self->tree, self->arena);
    want_envelope(self);
    self->slot = WEIR_ARRAY(self->arena, scan_token, self->tree.slots + 1);
    self->reader = scan_reader_new(&self->tree);
    if (weir_str_is(weir_opts_text(setup->opts, "validate"), "full"))
        scan_reader_validate(self->reader);
    return WEIR_OK;
}

typedef struct step { /* one record on its way */
    const weir_block *block;
    uint32_t          index;
    image_rows       *rows;
    weir_event       *event;
    const value_rule *rule; /* of the plan, or of the record's schema */
} step;

static void set_bad(step *s, const char *code, const char *why)
{
    s->event->kind = WEIR_EVENT_BAD;
    s->event->problem = image_problem(s->rows, s->index, code, "%s", why);
}

/* Opens the wrapper of a record that has one. False: bad, or nothing in it. */
static bool unwrap(debezium_decoder *self, step *s, weir_str text)
{
    scan_token schema = self->slot[self->slots.schema];
    scan_token payload = self->slot[self->slots.payload];
    if (payload.kind == SCAN_NULL) { /* a tombstone of a converter with schemas */
        s->event->kind = WEIR_EVENT_SKIP;
        return false;
    }
    if (payload.kind != SCAN_OBJECT || schema.kind != SCAN_OBJECT) {
        set_bad(s, "ENVELOPE", "no schema and payload in the message");
        return false;
    }
    const char            *why;
    const debezium_schema *known =
        debezium_schema_learn(&self->schemas, text, &schema, &payload, &why);
    if (known) {
        s->rule = known->rule;
        why = scan_read(self->reader, (weir_str){payload.at, payload.len}, self->slot);
    }
    if (why)
        set_bad(s, "DECODE", why);
    return !why;
}

/* Fills the slots from the envelope. False: the event is settled. */
static bool read_envelope(debezium_decoder *self, step *s, weir_str value)
{
    weir_str text = weir_str_trim(value);
    weir_str payload;
    if (self->mode != SCHEMA_NONE && text.len <= WEIR_RECORD_BYTES_MAX) {
        const debezium_schema *known =
            debezium_schema_known(&self->schemas, text, &payload);
        if (known && !scan_read(self->reader, payload, self->slot)) {
            s->rule = known->rule;
            return true;
        }
    }
    if (weir_str_is(text, "null")) {
        s->event->kind = WEIR_EVENT_SKIP;
        return false;
    }
    const char *wrong = scan_read(self->reader, text, self->slot);
    if (wrong) {
        s->event->kind = WEIR_EVENT_BAD;
        s->event->problem =
            image_problem(s->rows, s->index, "DECODE", "not a JSON object: %s", wrong);
        return false;
    }
    bool wrapped = self->slot[self->slots.payload].kind != SCAN_MISSING &&
                   self->slot[self->slots.schema].kind != SCAN_MISSING;
    if (self->mode == SCHEMA_EMBEDDED || (self->mode == SCHEMA_AUTO && wrapped))
        return unwrap(self, s, text);
    return true;
}

/* Messages that are no row events: they have no `op`. */
static void judge_without_op(debezium_decoder *self, step *s, weir_str value)
{
    const scan_token     *slot = self->slot;
    const debezium_slots *at = &self->slots;
    bool                  image =
        slot[at->before].kind != SCAN_MISSING || slot[at->after].kind != SCAN_MISSING;
    bool transaction =
        slot[at->id].kind == SCAN_STRING && (scan_token_is(&slot[at->status], "BEGIN") ||
                                             scan_token_is(&slot[at->status], "END"));
    bool ddl = slot[at->ddl].kind != SCAN_MISSING && slot[at->source].kind == SCAN_OBJECT;
    bool heartbeat = slot[at->ts_ms].kind == SCAN_NUMBER;
    if (heartbeat && s->rule == self->plan.rule) { /* nothing but the time */
        const char *colon = memchr(value.at, ':', value.len);
        heartbeat = !memchr(colon + 1, ':', value.len - (size_t)(colon + 1 - value.at));
    }
    if (!image && (transaction || ddl || heartbeat))
        s->event->kind = WEIR_EVENT_SKIP;
    else if (self->mode == SCHEMA_NONE && slot[at->payload].kind != SCAN_MISSING)
        set_bad(s, "ENVELOPE", "the message has a schema: set schema = 'auto'");
    else
        set_bad(s, "ENVELOPE", "not a change event: no op, before, after and source");
}

/* Writes one image. False: it is bad. */
static bool put_image(debezium_decoder *self, step *s, bool before, uint8_t row_op)
{
    image_tokens tokens = {self->slot, before ? self->before_at : self->after_at, s->rule,
                           before && !self->images_whole};
    image_source source = {.block = s->block,
                           .record = s->index,
                           .event_op = s->event->op,
                           .timed = self->source.timed,
                           .commit_us = s->event->commit_us};
    uint32_t     row = image_put(s->rows, &self->plan, &tokens, &source, row_op);
    if (row == WEIR_NO_ROW) {
        s->event->problem = s->rows->problems - 1;
        return false;
    }
    *(before ? &s->event->before : &s->event->after) = row;
    return true;
}

static void put_before(debezium_decoder *self, step *s)
{
    if (self->slot[self->slots.before].kind != SCAN_OBJECT) {
        s->event->before_bad = true;
        s->event->problem = image_problem(s->rows, s->index, "ENVELOPE",
                                          "op '%c' without before", s->event->op);
        return;
    }
    s->event->before_bad = !put_image(
        self, s, true, s->event->op == 'u' ? WEIR_ROW_UPDATE_OLD : WEIR_ROW_DELETE);
}

static void put_images(debezium_decoder *self, step *s)
{
    if (s->event->op == 'd' || (s->event->op == 'u' && self->images_whole))
        put_before(self, s);
    if (s->event->op == 'd')
        return;
    if (self->slot[self->slots.after].kind != SCAN_OBJECT) {
        s->event->kind = WEIR_EVENT_BAD;
        s->event->problem = image_problem(s->rows, s->index, "ENVELOPE",
                                          "op '%c' without after", s->event->op);
        return;
    }
    if (!put_image(self, s, false,
                   s->event->op == 'u' ? WEIR_ROW_UPDATE_NEW : WEIR_ROW_INSERT))
        s->event->kind = WEIR_EVENT_BAD;
}

static bool is_op(char c)
{
    return c == 'c' || c == 'u' || c == 'd' || c == 'r' || c == 't' || c == 'm';
}

static void judge_row_event(debezium_decoder *self, step *s)
{
    const scan_token *op = &self->slot[self->slots.op];
    if (op->kind != SCAN_STRING || op->len != 1 || !is_op(op->at[0])) {
        set_bad(s, "ENVELOPE", "op is none of c, r, u, d, t");
        return;
    }
    s->event->op = (uint8_t)op->at[0];
    if (s->event->op == 'm') { /* a message written to the log, no row */
        s->event->kind = WEIR_EVENT_SKIP;
        return;
    }
    s->event->position.half = s->event->op == 'c' || s->event->op == 'r';
    const char *wrong =
        debezium_source_read(&self->source, &self->slots, self->slot, s->event);
    if (wrong) {
        set_bad(s, "ENVELOPE", wrong);
    } else if (debezium_is_foreign(&self->source, s->event)) {
        s->event->kind = WEIR_EVENT_BAD;
        weir_str other = text_of(&self->base, s->event->source_table);
        s->event->problem =
            image_problem(s->rows, s->index, "TABLE", "a row of table '%.*s', not '%.*s'",
                          WEIR_STR_FMT(other), WEIR_STR_FMT(self->source.table));
    } else if (s->event->op == 't') {
        s->event->kind = WEIR_EVENT_TRUNCATE;
    } else {
        put_images(self, s);
    }
}

static void decode_one(debezium_decoder *self, const weir_block *block, uint32_t index,
                       image_rows *rows, weir_event *out)
{
    step s = {.block = block,
              .index = index,
              .rows = rows,
              .event = out,
              .rule = self->plan.rule};
    *out = (weir_event){.kind = WEIR_EVENT_ROW,
                        .before = WEIR_NO_ROW,
                        .after = WEIR_NO_ROW,
                        .origin = WEIR_NO_ROW,
                        .source_table = WEIR_NO_ROW,
                        .problem = WEIR_NO_ROW};
    weir_str value = block->record[index].value;
    if (!value.at) {
        out->kind = WEIR_EVENT_SKIP; /* a tombstone */
        return;
    }
    if (!read_envelope(self, &s, value))
        return;
    if (self->slot[self->slots.op].kind == SCAN_MISSING)
        judge_without_op(self, &s, value);
    else
        judge_row_event(self, &s);
}

static void decode_records(weir_decoder *decoder, const weir_block *block, uint32_t first,
                           uint32_t count, weir_arena *arena, weir_decoded *out)
{
    debezium_decoder *self = self_of(decoder);
    weir_assert(count <= WEIR_DECODE_RECORDS);
    weir_assert(first + count <= block->records);
    image_rows rows;
    image_rows_start(&rows, &self->plan, arena, 2 * count);
    weir_event *event = weir_arena_take(arena, (count + 1) * sizeof *event);
    for (uint32_t i = 0; i < count; i++) {
        if (i + 1 < count)
            scan_ahead(block->record[first + i + 1].value);
        decode_one(self, block, first + i, &rows, &event[i]);
    }
    *out = (weir_decoded){.rows = image_rows_end(&rows, &self->plan),
                          .events = count,
                          .event = event,
                          .problems = rows.problems,
                          .problem = rows.problem};
}

static weir_str text_of(weir_decoder *decoder, uint32_t number)
{
    debezium_decoder *self = self_of(decoder);
    return number < self->source.names.count ? self->source.names.text[number]
                                             : WEIR_STR("");
}

static void close_decoder(weir_decoder *decoder)
{
    debezium_decoder *self = self_of(decoder);
    scan_reader_free(self->reader);
    debezium_source_done(&self->source);
    debezium_schemas_done(&self->schemas);
    image_plan_done(&self->plan);
    weir_arena_free(self->arena);
}
