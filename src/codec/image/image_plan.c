/* codec/image: which columns are read, from where, and by which rule.
 *
 * A column whose path is its own name is that one field, dots and all; any other path is
 * split at its dots.
 *
 * Gives      image_plan_init, image_plan_done, image_plan_want.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "image/image.h"

#include <string.h>

static weir_code split_path(image_column *column, weir_str path, weir_arena *arena,
                            weir_err *err)
{
    column->path = WEIR_ARRAY(arena, weir_str, SCAN_PATH_MAX);
    const char *end = path.at + path.len;
    for (const char *at = path.at;; at++) {
        const char *dot = memchr(at, '.', (size_t)(end - at));
        const char *stop = dot ? dot : end;
        if (column->paths == SCAN_PATH_MAX)
            return weir_fail(err, WEIR_E_CONFIG, "the path '%.*s' has more than %u parts",
                             WEIR_STR_FMT(path), SCAN_PATH_MAX);
        column->path[column->paths++] = (weir_str){at, (size_t)(stop - at)};
        if (!dot)
            return WEIR_OK;
        at = dot;
    }
}

static bool is_integer(weir_type type)
{
    return type.id == WEIR_T_INT16 || type.id == WEIR_T_INT32 || type.id == WEIR_T_INT64;
}

/* Can the column hold that fact? */
static bool meta_fits(uint32_t from, weir_type type)
{
    switch (from) {
    case WEIR_FROM_PARTITION:
        return is_integer(type);
    case WEIR_FROM_OFFSET:
    case WEIR_FROM_ROW:
        return type.id == WEIR_T_INT64;
    case WEIR_FROM_TIMESTAMP:
    case WEIR_FROM_SOURCE_TS:
        return type.id == WEIR_T_TIMESTAMPTZ || type.id == WEIR_T_TIMESTAMP;
    case WEIR_FROM_KEY:
        return type.id == WEIR_T_TEXT || type.id == WEIR_T_BYTEA;
    case WEIR_FROM_HEADERS:
        return type.id == WEIR_T_JSONB || type.id == WEIR_T_TEXT;
    default:
        return type.id == WEIR_T_TEXT;
    }
}

static bool is_key(const weir_decoder_setup *setup, uint32_t column)
{
    for (uint32_t i = 0; i < setup->keys; i++) {
        if (setup->key[i] == column)
            return true;
    }
    return false;
}

static weir_code add_column(image_plan *plan, const image_format *format, uint32_t index,
                            weir_arena *arena, weir_err *err)
{
    const weir_decoder_setup *setup = plan->setup;
    const weir_field         *field = &setup->schema->field[index];
    bool                      key = is_key(setup, index);
    bool                      not_null = field->not_null || key;
    if (!setup->needed[index] && (!not_null || setup->from[index] != WEIR_FROM_FIELD))
        return WEIR_OK;
    image_column *column = &plan->column[plan->columns];
    value_rule   *rule = &plan->rule[plan->columns++];
    *column = (image_column){.column = index,
                             .from = setup->from[index],
                             .stored = setup->needed[index],
                             .key = key};
    *rule = (value_rule){.type = field->type,
                         .not_null = not_null,
                         .name = field->name,
                         .scale = WEIR_SCALE_ANY,
                         .json_text = format->json_text};
    if (field->type.id == WEIR_T_NUMERIC)
        rule->scale = field->type.scale;
    if (!value_rule_done(rule) ||
        (column->from != WEIR_FROM_FIELD && !meta_fits(column->from, field->type)))
        return weir_fail(err, WEIR_E_CONFIG, "the type of column '%.*s' does not fit",
                         WEIR_STR_FMT(field->name));
    if (column->from != WEIR_FROM_FIELD)
        return WEIR_OK;
    if (weir_str_eq(setup->path[index], field->name)) {
        column->path = WEIR_NEW(arena, weir_str);
        column->path[column->paths++] = field->name;
        return WEIR_OK;
    }
    return split_path(column, setup->path[index], arena, err);
}

/* Puts a word's encoding where rules of that type look for it. False: not for this type. */
static bool say(value_rule *rule, uint8_t encoding)
{
    if (encoding == VALUE_UNSAID)
        return false;
    switch (rule->type.id) {
    case WEIR_T_DATE:
    case WEIR_T_TIME:
    case WEIR_T_TIMESTAMP:
    case WEIR_T_TIMESTAMPTZ:
        rule->time = encoding;
        return encoding >= VALUE_DAYS && encoding <= VALUE_ISO;
    case WEIR_T_BYTEA:
        rule->binary = encoding;
        return encoding == VALUE_BASE64 || encoding == VALUE_HEX;
    case WEIR_T_INT16:
    case WEIR_T_INT32:
    case WEIR_T_INT64:
    case WEIR_T_FLOAT32:
    case WEIR_T_FLOAT64:
    case WEIR_T_NUMERIC:
        rule->decimal = encoding;
        return encoding >= VALUE_TEXT && encoding <= VALUE_BITS;
    default:
        return false;
    }
}

/* The format's own options: a word that is not for a column's type leaves it as it is. */
static void say_for_all(image_plan *plan, const image_format *format, const char *option)
{
    weir_str word = weir_opts_text(plan->setup->opts, option);
    if (!word.at)
        return;
    for (uint32_t i = 0; i < plan->columns; i++) {
        value_rule said = plan->rule[i];
        if (say(&said, format->encoding(said.type, word)))
            plan->rule[i] = said;
    }
}

static weir_code say_for_one(image_plan *plan, const image_format *format, weir_str name,
                             weir_str word, weir_err *err)
{
    const weir_schema *schema = plan->setup->schema;
    bool               known = false;
    for (uint32_t i = 0; i < schema->count; i++)
        known = known || weir_str_eq(schema->field[i].name, name);
    if (!known)
        return weir_fail(err, WEIR_E_CONFIG, "\"encoding.%.*s\": there is no such column",
                         WEIR_STR_FMT(name));
    for (uint32_t i = 0; i < plan->columns; i++) {
        value_rule *rule = &plan->rule[i];
        if (!weir_str_eq(rule->name, name))
            continue;
        if (say(rule, format->encoding(rule->type, word)))
            continue;
        weir_buf type = {0};
        weir_type_print(&type, rule->type);
        (void)weir_fail(err, WEIR_E_CONFIG,
                        "\"encoding.%.*s\": a column of type %.*s has no encoding '%.*s'",
                        WEIR_STR_FMT(name), (int)type.len, type.at, WEIR_STR_FMT(word));
        weir_buf_done(&type);
        return weir_err_hint(err, "numbers: precise, string, double, numeric, unsigned, "
                                  "bits; times: days, seconds, millis, micros, nanos, iso; "
                                  "bytea: base64, hex");
    }
    return WEIR_OK;
}

static weir_code say_all(image_plan *plan, const image_format *format, weir_err *err)
{
    static const char *const options[] = {"decimal_encoding", "time_encoding",
                                          "binary_encoding"};
    if (format->text_number) {
        for (uint32_t i = 0; i < plan->columns; i++)
            plan->rule[i].decimal = VALUE_TEXT;
    }
    for (size_t i = format->text_number ? 1 : 0; i < 3; i++)
        say_for_all(plan, format, options[i]);
    weir_str name, word;
    for (size_t i = 0; weir_opts_prefixed(plan->setup->opts, "encoding", i, &name, &word);
         i++) {
        weir_code rc = say_for_one(plan, format, name, word, err);
        if (rc != WEIR_OK)
            return rc;
    }
    return WEIR_OK;
}

weir_code image_plan_init(image_plan *plan, const image_format *format,
                          const weir_decoder_setup *setup, weir_arena *arena, weir_err *err)
{
    weir_assert(setup != NULL);
    weir_assert(setup->schema->count <= WEIR_COLUMNS_MAX);
    *plan = (image_plan){.setup = setup};
    plan->column = WEIR_ARRAY(arena, image_column, setup->schema->count);
    plan->rule = WEIR_ARRAY(arena, value_rule, setup->schema->count);
    for (uint32_t i = 0; i < setup->schema->count; i++) {
        weir_code rc = add_column(plan, format, i, arena, err);
        if (rc != WEIR_OK)
            return rc;
    }
    return say_all(plan, format, err);
}

void image_plan_done(image_plan *plan)
{
    weir_buf_done(&plan->scratch);
}

void image_plan_want(const image_plan *plan, scan_tree *tree, uint32_t node,
                     uint32_t *out_slot)
{
    for (uint32_t i = 0; i < plan->columns; i++) {
        const image_column *column = &plan->column[i];
        out_slot[i] = SCAN_NONE;
        if (column->from != WEIR_FROM_FIELD)
            continue;
        uint32_t at = node;
        for (uint32_t k = 0; k < column->paths; k++)
            at = scan_tree_add(tree, at, column->path[k]);
        out_slot[i] = scan_tree_slot(tree, at);
    }
}
