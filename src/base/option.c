/* base/option: settings against tables: what is unknown, doubled, missing, out of bounds.
 *
 * Gives      weir_opts_read and the typed questions; option_parse.c reads the value types.
 * Always     1. a value of a SECRET never gets into a message.
 *            2. every option of the tables has an entry, given or not.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/option.h"

#include <inttypes.h>
#include <string.h>

#include "option_parse.h"

#define TABLES 3
#define NAMES_MAX 512 /* that are searched for the nearest one */

typedef struct entry {
    const weir_option *option;
    weir_str           name; /* as written; of a prefix entry: the whole name */
    weir_str           text; /* a secret's file is read already */
    int64_t            number;
    int32_t            value_at;
    bool               given;
} entry;

struct weir_opts {
    size_t count;
    size_t room;
    entry *entry;
};

static bool is_prefix(const weir_option *option)
{
    size_t len = strlen(option->name);
    return len > 2 && strcmp(option->name + len - 2, ".*") == 0;
}

/* Does the option take this name: its own, or one with its prefix. */
static bool takes(const weir_option *option, weir_str name)
{
    if (!is_prefix(option))
        return weir_str_is(name, option->name);
    size_t len = strlen(option->name) - 1; /* with the dot */
    return name.len > len && memcmp(name.at, option->name, len) == 0;
}

/* A whole name comes before a prefix, an earlier table before a later one. */
static const weir_option *find_option(const weir_option *const tables[TABLES],
                                      weir_str                 name)
{
    const weir_option *by_prefix = NULL;
    for (size_t t = 0; t < TABLES; t++) {
        for (const weir_option *o = tables[t]; o != NULL && o->name != NULL; o++) {
            if (!takes(o, name))
                continue;
            if (!is_prefix(o))
                return o;
            if (by_prefix == NULL)
                by_prefix = o;
        }
    }
    return by_prefix;
}

static weir_code unknown(const weir_option *const tables[TABLES],
                         const weir_setting *setting, weir_err *err)
{
    const char *names[NAMES_MAX];
    size_t      count = 0;
    for (size_t t = 0; t < TABLES; t++)
        for (const weir_option *o = tables[t]; o != NULL && o->name != NULL; o++)
            if (count < NAMES_MAX && !is_prefix(o))
                names[count++] = o->name;
    const char *nearest = weir_str_nearest(setting->name, names, count);
    (void)weir_fail(err, WEIR_E_CONFIG, "unknown option '%.*s'",
                    WEIR_STR_FMT(setting->name));
    if (nearest != NULL)
        (void)weir_err_hint(err, "did you mean '%s'?", nearest);
    return weir_err_at(err, setting->name_at);
}

static weir_code bad_value(const weir_option *option, const weir_setting *setting,
                           const char *what, weir_err *err)
{
    if (option->type == WEIR_OPT_SECRET) /* 1 */
        (void)weir_fail(err, WEIR_E_CONFIG, "option '%.*s' %s", WEIR_STR_FMT(setting->name),
                        what);
    else
        (void)weir_fail(err, WEIR_E_CONFIG, "option '%.*s' %s, not '%.*s'",
                        WEIR_STR_FMT(setting->name), what, WEIR_STR_FMT(setting->value));
    return weir_err_at(err, setting->value_at);
}

static weir_code out_of_bounds(const weir_option *option, const weir_setting *setting,
                               weir_err *err)
{
    (void)weir_fail(err, WEIR_E_CONFIG, "option '%.*s' is out of bounds: '%.*s'",
                    WEIR_STR_FMT(setting->name), WEIR_STR_FMT(setting->value));
    if (option->least == 0 && option->most == 0)
        (void)weir_err_hint(err, "it may not be negative");
    else
        (void)weir_err_hint(err, "allowed are %" PRId64 " to %" PRId64 "%s", option->least,
                            option->most,
                            option->type == WEIR_OPT_BYTES      ? " bytes"
                            : option->type == WEIR_OPT_DURATION ? " microseconds"
                                                                : "");
    return weir_err_at(err, setting->value_at);
}

/* Numbers of all kinds, and whether they are within bounds. */
static weir_code read_number(const weir_option *option, const weir_setting *setting,
                             entry *to, weir_err *err)
{
    bool        good;
    const char *what;
    if (option->type == WEIR_OPT_BYTES) {
        good = weir_parse_bytes(setting->value, &to->number);
        what = "takes bytes such as '64 KiB', '32 MiB' or '1 GB'";
    } else if (option->type == WEIR_OPT_DURATION) {
        good = weir_parse_duration(setting->value, &to->number);
        what = "takes a duration such as '250 ms', '5 seconds' or '10 minutes'";
    } else {
        good = weir_str_to_i64(weir_str_trim(setting->value), &to->number);
        what = "takes a whole number";
    }
    if (!good)
        return bad_value(option, setting, what, err);
    bool bounded = option->least != 0 || option->most != 0;
    if (bounded ? to->number < option->least || to->number > option->most : to->number < 0)
        return out_of_bounds(option, setting, err);
    return WEIR_OK;
}

static weir_code read_choice(const weir_option *option, const weir_setting *setting,
                             weir_err *err)
{
    weir_assert(option->choices != NULL);
    if (option_is_choice(option->choices, setting->value))
        return WEIR_OK;
    (void)bad_value(option, setting, "takes one of a few words", err);
    (void)weir_err_hint(err, "allowed are %s", option->choices);
    return err->code;
}

static weir_code read_value(const weir_option *option, const weir_setting *setting,
                            weir_arena *arena, entry *to, weir_err *err)
{
    bool truth;
    to->text = weir_str_copy(arena, setting->value);
    switch (option->type) {
    case WEIR_OPT_TEXT:
        return WEIR_OK;
    case WEIR_OPT_SECRET:
        if (option_read_secret(setting->value, arena, &to->text, err) == WEIR_OK)
            return WEIR_OK;
        (void)weir_err_note(err, "option '%.*s'", WEIR_STR_FMT(setting->name));
        return weir_err_at(err, setting->value_at);
    case WEIR_OPT_INT:
    case WEIR_OPT_BYTES:
    case WEIR_OPT_DURATION:
        return read_number(option, setting, to, err);
    case WEIR_OPT_BOOL:
        if (!weir_parse_bool(setting->value, &truth))
            return bad_value(option, setting, "takes true or false", err);
        to->number = truth;
        return WEIR_OK;
    case WEIR_OPT_CHOICE:
        return read_choice(option, setting, err);
    }
    return WEIR_OK;
}

static entry *find_entry(const weir_opts *opts, weir_str name)
{
    for (size_t i = 0; i < opts->count; i++)
        if (weir_str_eq(opts->entry[i].name, name))
            return &opts->entry[i];
    return NULL;
}

static weir_code read_setting(const weir_option *const tables[TABLES], weir_opts *opts,
                              const weir_setting *setting, weir_arena *arena, weir_err *err)
{
    const weir_option *option = find_option(tables, setting->name);
    if (option == NULL)
        return unknown(tables, setting, err);
    if (find_entry(opts, setting->name) != NULL) {
        (void)weir_fail(err, WEIR_E_CONFIG, "option '%.*s' is given twice",
                        WEIR_STR_FMT(setting->name));
        return weir_err_at(err, setting->name_at);
    }
    weir_assert(opts->count < opts->room);
    entry *to = &opts->entry[opts->count];
    to->option = option;
    to->name = weir_str_copy(arena, setting->name);
    to->value_at = setting->value_at;
    to->given = true;
    weir_code rc = read_value(option, setting, arena, to, err);
    if (rc == WEIR_OK)
        opts->count++;
    return rc;
}

/* Options that were not given: the default, or a complaint. */
static weir_code fill_in(const weir_option *option, weir_opts *opts, weir_arena *arena,
                         weir_err *err)
{
    weir_str name = weir_str_of(option->name);
    if (find_entry(opts, name) != NULL)
        return WEIR_OK;
    if (option->required)
        return weir_fail(err, WEIR_E_CONFIG, "option '%s' is required", option->name);
    weir_assert(opts->count < opts->room);
    entry *to = &opts->entry[opts->count++];
    *to = (entry){.option = option, .name = name, .value_at = -1};
    if (option->fallback == NULL)
        return WEIR_OK;
    weir_setting setting = {.name = name,
                            .value = weir_str_of(option->fallback),
                            .name_at = -1,
                            .value_at = -1};
    weir_code    rc = read_value(option, &setting, arena, to, err);
    weir_assert(rc == WEIR_OK); /* a default that is wrong is our mistake */
    return rc;
}

static size_t count_options(const weir_option *const tables[TABLES])
{
    size_t count = 0;
    for (size_t t = 0; t < TABLES; t++)
        for (const weir_option *o = tables[t]; o != NULL && o->name != NULL; o++)
            count++;
    return count;
}

weir_code weir_opts_read(const weir_option *const tables[TABLES],
                         const weir_setting *settings, size_t count, weir_arena *arena,
                         weir_opts **out, weir_err *err)
{
    weir_assert(arena != NULL);
    weir_opts *opts = WEIR_NEW(arena, weir_opts);
    opts->room = count + count_options(tables);
    opts->entry = WEIR_ARRAY(arena, entry, opts->room);
    for (size_t i = 0; i < count; i++) {
        weir_code rc = read_setting(tables, opts, &settings[i], arena, err);
        if (rc != WEIR_OK)
            return rc;
    }
    for (size_t t = 0; t < TABLES; t++) {
        for (const weir_option *o = tables[t]; o != NULL && o->name != NULL; o++) {
            weir_code rc = fill_in(o, opts, arena, err);
            if (rc != WEIR_OK)
                return rc;
        }
    }
    *out = opts;
    return WEIR_OK;
}

static const entry *must_find(const weir_opts *opts, const char *name)
{
    weir_assert(opts != NULL);
    const entry *found = find_entry(opts, weir_str_of(name));
    weir_assert(found != NULL); /* 2: no table has the name */
    return found;
}

weir_str weir_opts_text(const weir_opts *opts, const char *name)
{
    return must_find(opts, name)->text;
}

int64_t weir_opts_int(const weir_opts *opts, const char *name)
{
    const entry *found = must_find(opts, name);
    weir_assert(found->option->type == WEIR_OPT_INT ||
                found->option->type == WEIR_OPT_BYTES ||
                found->option->type == WEIR_OPT_DURATION);
    return found->number;
}

bool weir_opts_bool(const weir_opts *opts, const char *name)
{
    const entry *found = must_find(opts, name);
    weir_assert(found->option->type == WEIR_OPT_BOOL);
    return found->number != 0;
}

bool weir_opts_given(const weir_opts *opts, const char *name)
{
    return must_find(opts, name)->given;
}

int32_t weir_opts_at(const weir_opts *opts, const char *name)
{
    return must_find(opts, name)->value_at;
}

weir_opts *weir_opts_with(const weir_opts *opts, const char *name, weir_str value,
                          weir_arena *arena)
{
    weir_opts *copy = WEIR_NEW(arena, weir_opts);
    *copy = *opts;
    copy->entry = WEIR_ARRAY(arena, entry, opts->room);
    memcpy(copy->entry, opts->entry, sizeof *opts->entry * opts->count);
    entry *to = find_entry(copy, weir_str_of(name));
    weir_assert(to != NULL);
    weir_assert(to->option->type == WEIR_OPT_TEXT);
    to->text = weir_str_copy(arena, value);
    to->given = true;
    return copy;
}

bool weir_opts_known(const weir_opts *opts, const char *name)
{
    return find_entry(opts, weir_str_of(name)) != NULL;
}

bool weir_opts_prefixed(const weir_opts *opts, const char *prefix, size_t index,
                        weir_str *out_name, weir_str *out_value)
{
    size_t len = strlen(prefix);
    for (size_t i = 0; i < opts->count; i++) {
        const entry *one = &opts->entry[i];
        if (!one->given || !is_prefix(one->option) ||
            strlen(one->option->name) != len + 2 ||
            memcmp(one->option->name, prefix, len) != 0)
            continue;
        if (index-- > 0)
            continue;
        *out_name = (weir_str){one->name.at + len + 1, one->name.len - len - 1};
        *out_value = one->text;
        return true;
    }
    return false;
}
