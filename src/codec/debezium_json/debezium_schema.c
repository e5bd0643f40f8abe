/* codec/debezium: the embedded schema as rules for columns.
 *
 * {"schema":S,"payload":P}: S is the same for every record until the table changes, so it
 * is read once and then recognised by its bytes. In S the struct named "after" (or "before")
 * lists the columns with their types: what it says of a column is believed, what it does
 * not say (hex or base64 in a string) is left to the options.
 *
 * Gives      debezium_schema_known, debezium_schema_learn, debezium_schemas_done.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "debezium_json/debezium.h"

#include <string.h>

static const char opening[] = "{\"schema\":";

static void forget(debezium_schema *schema)
{
    weir_heap_free((char *)schema->prefix.at);
    weir_heap_free(schema->rule);
}

void debezium_schemas_done(debezium_schemas *schemas)
{
    for (uint32_t i = 0; i < schemas->count; i++)
        forget(&schemas->schema[i]);
    scan_simdjson_free(schemas->simdjson);
}

static const debezium_schema *to_front(debezium_schemas *schemas, uint32_t i)
{
    debezium_schema used = schemas->schema[i];
    memmove(schemas->schema + 1, schemas->schema, i * sizeof used);
    schemas->schema[0] = used;
    return schemas->schema;
}

const debezium_schema *debezium_schema_known(debezium_schemas *schemas, weir_str text,
                                             weir_str *out_payload)
{
    if (!schemas->count || text.len < sizeof opening || text.at[text.len - 1] != '}' ||
        memcmp(text.at, opening, sizeof opening - 1) != 0)
        return NULL;
    for (uint32_t i = 0; i < schemas->count; i++) {
        weir_str prefix = schemas->schema[i].prefix;
        if (!prefix.len || prefix.len >= text.len ||
            memcmp(prefix.at, text.at, prefix.len) != 0)
            continue;
        *out_payload = (weir_str){text.at + prefix.len, text.len - prefix.len - 1};
        return i ? to_front(schemas, i) : schemas->schema;
    }
    return NULL;
}

typedef struct views { /* elements of an array */
    weir_str *view;
    uint32_t  count, room;
} views;

static bool keep_view(void *user, weir_str element)
{
    views *list = user;
    if (list->count == list->room) {
        uint32_t room = list->room ? 2 * list->room : 32;
        list->view = weir_heap_grow(list->view, list->room, room, sizeof *list->view);
        list->room = room;
    }
    list->view[list->count++] = element;
    return list->count <= 2 * WEIR_COLUMNS_MAX;
}

typedef struct schema_reader { /* names of one field of a Connect schema */
    debezium_schemas *schemas;
    scan_tree         tree;
    scan_token        slot[8];
    uint32_t          field, type, name, fields, scale;
} schema_reader;

static void start_reader(schema_reader *reader, debezium_schemas *schemas,
                         weir_arena *arena)
{
    *reader = (schema_reader){.schemas = schemas};
    scan_tree *tree = &reader->tree;
    scan_tree_init(tree, arena);
    reader->field = scan_tree_slot(tree, scan_tree_add(tree, 0, WEIR_STR("field")));
    reader->type = scan_tree_slot(tree, scan_tree_add(tree, 0, WEIR_STR("type")));
    reader->name = scan_tree_slot(tree, scan_tree_add(tree, 0, WEIR_STR("name")));
    reader->fields = scan_tree_slot(tree, scan_tree_add(tree, 0, WEIR_STR("fields")));
    uint32_t parameters = scan_tree_add(tree, 0, WEIR_STR("parameters"));
    reader->scale =
        scan_tree_slot(tree, scan_tree_add(tree, parameters, WEIR_STR("scale")));
    weir_assert(tree->slots <= 8);
    scan_tree_done(tree);
}

static const char *read_part(schema_reader *reader, weir_str text)
{
    memset(reader->slot, 0, sizeof reader->slot);
    return scan_simdjson_pick(reader->schemas->simdjson, text, &reader->tree, 0,
                              reader->slot);
}

/* The "fields" of the part just read. */
static const char *list_fields(schema_reader *reader, views *out)
{
    scan_token fields = reader->slot[reader->fields];
    out->count = 0;
    if (fields.kind != SCAN_ARRAY)
        return "a struct without fields";
    return scan_simdjson_each(reader->schemas->simdjson, (weir_str){fields.at, fields.len},
                              keep_view, out);
}

static uint8_t time_unit(const scan_token *name)
{
    static const struct {
        const char *name;
        uint8_t     unit;
    } units[] = {
        {"io.debezium.time.Date", VALUE_DAYS},
        {"io.debezium.time.Time", VALUE_MILLIS},
        {"io.debezium.time.MicroTime", VALUE_MICROS},
        {"io.debezium.time.NanoTime", VALUE_NANOS},
        {"io.debezium.time.Timestamp", VALUE_MILLIS},
        {"io.debezium.time.MicroTimestamp", VALUE_MICROS},
        {"io.debezium.time.NanoTimestamp", VALUE_NANOS},
        {"org.apache.kafka.connect.data.Date", VALUE_DAYS},
        {"org.apache.kafka.connect.data.Time", VALUE_MILLIS},
        {"org.apache.kafka.connect.data.Timestamp", VALUE_MILLIS},
        {"io.debezium.time.ZonedTimestamp", VALUE_ISO},
        {"io.debezium.time.ZonedTime", VALUE_ISO},
        {"io.debezium.time.IsoDate", VALUE_ISO},
        {"io.debezium.time.IsoTime", VALUE_ISO},
        {"io.debezium.time.IsoTimestamp", VALUE_ISO},
    };
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (scan_token_is(name, units[i].name))
            return units[i].unit;
    }
    return VALUE_UNSAID;
}

static bool scale_of(const scan_token *token, uint8_t *out)
{
    int64_t scale = 0;
    if (token->kind != SCAN_STRING && token->kind != SCAN_NUMBER)
        return false;
    if (!weir_str_to_i64((weir_str){token->at, token->len}, &scale) || scale < 0 ||
        scale > WEIR_NUMERIC_DIGITS)
        return false;
    *out = (uint8_t)scale;
    return true;
}

/* What the schema says of the column. */
static void apply(const schema_reader *reader, value_rule *rule)
{
    const scan_token *type = &reader->slot[reader->type];
    const scan_token *name = &reader->slot[reader->name];
    uint8_t           unit = time_unit(name);
    if (unit != VALUE_UNSAID)
        rule->time = unit;
    if (scan_token_is(name, "org.apache.kafka.connect.data.Decimal")) {
        rule->decimal = VALUE_PRECISE;
        if (!scale_of(&reader->slot[reader->scale], &rule->scale))
            rule->decimal = VALUE_UNSAID;
    } else if (scan_token_is(name, "io.debezium.data.Bits")) {
        rule->decimal = VALUE_BITS;
    } else if (scan_token_is(type, "string")) {
        rule->decimal = VALUE_TEXT;
    }
    if (scan_token_is(type, "bytes"))
        rule->binary = VALUE_BASE64;
}

/* The name of a plain field: columns by path into a struct keep their rules. */
static void apply_field(schema_reader *reader, value_rule *rule)
{
    const image_plan *plan = reader->schemas->plan;
    scan_token        field = reader->slot[reader->field];
    if (field.kind != SCAN_STRING)
        return;
    char   *text = weir_arena_take(reader->tree.arena, field.len + 1);
    int64_t len = scan_unescape(&field, text);
    if (len < 0)
        return;
    for (uint32_t i = 0; i < plan->columns; i++) {
        const image_column *column = &plan->column[i];
        if (column->paths == 1 &&
            weir_str_eq(column->path[0], (weir_str){text, (size_t)len}))
            apply(reader, &rule[i]);
    }
}

/* From the envelope's schema to the columns of its row struct, then each of them. */
static const char *read_schema(schema_reader *reader, weir_str text, value_rule *rule)
{
    views       list = {0};
    const char *wrong = read_part(reader, text);
    if (!wrong)
        wrong = list_fields(reader, &list);
    bool found = false;
    for (uint32_t i = 0; i < list.count && !wrong && !found; i++) {
        wrong = read_part(reader, list.view[i]);
        found = scan_token_is(&reader->slot[reader->field], "after") ||
                scan_token_is(&reader->slot[reader->field], "before");
    }
    if (found && !wrong)
        wrong = list_fields(reader, &list);
    for (uint32_t i = 0; found && i < list.count && !wrong; i++) {
        wrong = read_part(reader, list.view[i]);
        if (!wrong)
            apply_field(reader, rule);
    }
    weir_heap_free(list.view);
    return wrong;
}

/* The record's text in front of its payload, when it can be recognised again: the schema
   comes first, the payload right behind it, and nothing else. */
static weir_str prefix_of(weir_str text, const scan_token *schema,
                          const scan_token *payload)
{
    static const char between[] = ",\"payload\":";
    const char       *behind = schema->at + schema->len;
    bool              usual = schema->at == text.at + sizeof opening - 1 &&
                 payload->at == behind + sizeof between - 1 &&
                 memcmp(text.at, opening, sizeof opening - 1) == 0 &&
                 memcmp(behind, between, sizeof between - 1) == 0 &&
                 payload->at + payload->len + 1 == text.at + text.len;
    if (!usual)
        return (weir_str){NULL, 0};
    size_t len = (size_t)(payload->at - text.at);
    char  *copy = weir_heap_new(len, 1);
    memcpy(copy, text.at, len);
    return (weir_str){copy, len};
}

const debezium_schema *debezium_schema_learn(debezium_schemas *schemas, weir_str text,
                                             const scan_token *schema,
                                             const scan_token *payload, const char **why)
{
    const image_plan *plan = schemas->plan;
    if (!schemas->simdjson)
        schemas->simdjson = scan_simdjson_new();
    weir_arena   *arena = weir_arena_new("debezium schema", 4096);
    schema_reader reader;
    start_reader(&reader, schemas, arena);
    value_rule *rule = weir_heap_new(plan->columns + 1, sizeof *rule);
    memcpy(rule, plan->rule, plan->columns * sizeof *rule);
    *why = read_schema(&reader, (weir_str){schema->at, schema->len}, rule);
    weir_arena_free(arena);
    if (*why) {
        weir_heap_free(rule);
        return NULL;
    }
    if (schemas->count == DEBEZIUM_SCHEMAS_MAX)
        forget(&schemas->schema[--schemas->count]);
    schemas->schema[schemas->count++] =
        (debezium_schema){prefix_of(text, schema, payload), rule};
    return to_front(schemas, schemas->count - 1);
}
