// codec/scan: fields of an object by simdjson's On-Demand parser.
//
// Gives      scan_simdjson_new, _free, _pick, _each, _utf8.
// Relies on  SIMDJSON_PADDING readable bytes behind each text (WEIR_RECORD_PAD).
// Always     1. all members of each object on a wanted path are visited: the last of two
//               equal names counts, and what lies between them has been seen.
//            2. no exception leaves this file.
//
// SPDX-License-Identifier: Apache-2.0
#define SIMDJSON_EXCEPTIONS 0
#include <simdjson.h>

#include <new>
#include <utility>

extern "C" {
#include "scan/scan_simdjson.h"
#include "weir/record.h"
}

using namespace simdjson;

static_assert(SIMDJSON_PADDING <= WEIR_RECORD_PAD, "records are padded for simdjson");

struct scan_simdjson {
    ondemand::parser parser;
};

namespace
{
constexpr uint32_t pending_max = 64;

struct picker {
    const scan_tree *tree;
    scan_token      *slot;
    uint32_t         pending[pending_max]; // nodes with a slot of their own and children
    uint32_t         pendings;
};

padded_string_view padded(weir_str text)
{
    return padded_string_view(text.at, text.len, text.len + SIMDJSON_PADDING);
}

error_code walk(picker &p, ondemand::object object, uint32_t node) noexcept;

scan_token token_of(std::string_view text) noexcept
{
    scan_token token = scan_token_of(text.data(), text.data() + text.size(), true);
    if (token.kind == SCAN_STRING)
        token.escaped = memchr(token.at, '\\', token.len) != nullptr;
    return token;
}

error_code take_object(picker &p, ondemand::value &value, uint32_t node,
                       scan_token *token) noexcept
{
    const scan_node &wanted = p.tree->node[node];
    ondemand::object object;
    SIMDJSON_TRY(value.get_object().get(object));
    if (wanted.child != SCAN_NONE && (wanted.slot == SCAN_NONE || wanted.kind_only)) {
        token->kind = SCAN_OBJECT;
        return walk(p, object, node);
    }
    std::string_view text;
    SIMDJSON_TRY(object.raw_json().get(text));
    *token = token_of(text);
    if (wanted.child == SCAN_NONE)
        return SUCCESS;
    for (uint32_t i = 0; i < p.pendings; i++)
        if (p.pending[i] == node)
            return SUCCESS;
    if (p.pendings == pending_max)
        return CAPACITY;
    p.pending[p.pendings++] = node;
    return SUCCESS;
}

error_code take(picker &p, ondemand::value &value, uint32_t node) noexcept
{
    const scan_node    &wanted = p.tree->node[node];
    scan_token          token = {};
    ondemand::json_type type;
    SIMDJSON_TRY(value.type().get(type));
    if (wanted.child != SCAN_NONE)
        scan_tree_clear(p.tree, node, p.slot);
    if (type == ondemand::json_type::object) {
        SIMDJSON_TRY(take_object(p, value, node, &token));
    } else if (type == ondemand::json_type::array) {
        ondemand::array  array;
        std::string_view text;
        SIMDJSON_TRY(value.get_array().get(array));
        SIMDJSON_TRY(array.raw_json().get(text));
        token = token_of(text);
    } else {
        token = token_of(value.raw_json_token());
    }
    if (wanted.slot != SCAN_NONE)
        p.slot[wanted.slot] = token;
    return SUCCESS;
}

error_code key_of(ondemand::field &field, weir_str *key) noexcept
{
    const char *at = field.key().raw();
    size_t      len = 0;
    while (at[len] != '"' && at[len] != '\\') // stage 1 saw to it that strings end
        len++;
    *key = weir_str{at, len};
    if (at[len] == '"')
        return SUCCESS;
    std::string_view text;
    SIMDJSON_TRY(field.unescaped_key().get(text));
    *key = weir_str{text.data(), text.size()};
    return SUCCESS;
}

error_code walk(picker &p, ondemand::object object, uint32_t node) noexcept
{
    for (auto member : object) {
        ondemand::field field;
        SIMDJSON_TRY(std::move(member).get(field));
        weir_str key;
        SIMDJSON_TRY(key_of(field, &key));
        uint32_t child = scan_tree_find(p.tree, node, key);
        if (child == SCAN_NONE)
            continue;
        ondemand::value value = field.value();
        SIMDJSON_TRY(take(p, value, child));
    }
    return SUCCESS;
}

error_code pick(scan_simdjson *s, picker &p, weir_str text, uint32_t node) noexcept
{
    ondemand::document document;
    SIMDJSON_TRY(s->parser.iterate(padded(text)).get(document));
    ondemand::object object;
    SIMDJSON_TRY(document.get_object().get(object));
    SIMDJSON_TRY(walk(p, object, node));
    return document.current_location().error() == OUT_OF_BOUNDS ? SUCCESS : TAPE_ERROR;
}

const char *why(error_code code)
{
    switch (code) {
    case SUCCESS:
        return nullptr;
    case UTF8_ERROR:
        return "not UTF-8";
    case EMPTY:
        return "empty";
    case UNESCAPED_CHARS:
        return "a control character in a string";
    case UNCLOSED_STRING:
        return "a string does not end";
    case INCORRECT_TYPE:
        return "not a JSON object";
    case INCOMPLETE_ARRAY_OR_OBJECT:
        return "a closing bracket is missing";
    default:
        return "not valid JSON";
    }
}
} // namespace

scan_simdjson *scan_simdjson_new(void)
{
    scan_simdjson *made = new (std::nothrow) scan_simdjson;
    if (!made)
        abort();
    return made;
}

void scan_simdjson_free(scan_simdjson *simdjson)
{
    delete simdjson;
}

const char *scan_simdjson_pick(scan_simdjson *simdjson, weir_str text,
                               const scan_tree *tree, uint32_t node, scan_token *slot)
{
    picker p = {};
    p.tree = tree;
    p.slot = slot;
    error_code code = pick(simdjson, p, text, node);
    for (uint32_t i = 0; code == SUCCESS && i < p.pendings; i++) {
        const scan_token &token = slot[tree->node[p.pending[i]].slot];
        if (token.kind != SCAN_OBJECT)
            continue;
        scan_tree_clear(tree, p.pending[i], slot);
        code = pick(simdjson, p, weir_str{token.at, token.len}, p.pending[i]);
    }
    return why(code);
}

const char *scan_simdjson_each(scan_simdjson *simdjson, weir_str text,
                               scan_element_fn *call, void *user)
{
    ondemand::document document;
    ondemand::array    array;
    error_code         code = simdjson->parser.iterate(padded(text)).get(document);
    if (code == SUCCESS)
        code = document.get_array().get(array);
    if (code != SUCCESS)
        return why(code);
    for (auto element : array) {
        ondemand::object object;
        std::string_view raw;
        code = element.get_object().get(object);
        if (code == SUCCESS)
            code = object.raw_json().get(raw);
        if (code != SUCCESS)
            return why(code);
        if (!call(user, weir_str{raw.data(), raw.size()}))
            break;
    }
    return nullptr;
}

bool scan_simdjson_utf8(weir_str text)
{
    return validate_utf8(text.at, text.len);
}
