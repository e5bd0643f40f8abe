/* sql/option: WITH (…) of a table: its connector, its format, then all their options.
 *
 * Gives      sql_table_options.
 * Relies on  the catalog, and weir_opts_read for names and bounds.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_query.h"

#include <string.h>

typedef struct with_list { /* WITH (…) as written */
    weir_setting *setting;
    uint32_t      count;
    weir_setting  connector, format;       /* value.at NULL: not there */
    int32_t       connector_at, format_at; /* of the values, in the expanded text */
} with_list;

/* The value of an option as text; NULL after an error. */
static const char *value_of(sql_job *job, const PgQuery__DefElem *option)
{
    const sql_node *value = option->arg;
    int32_t         at = sql_value_at(job->text, option->location);
    if (value == NULL) {
        sql_error(job, option->location, "option '%s' has no value", option->defname);
        sql_hint(job, "write %s = '…'", option->defname);
        return NULL;
    }
    if (SQL_IS(value, STRING))
        return value->string->sval;
    if (SQL_IS(value, INTEGER))
        return weir_arena_text(job->arena, "%d", value->integer->ival);
    if (SQL_IS(value, FLOAT))
        return value->float_->fval;
    weir_str word = sql_token_text(job->text, sql_token_at(job->text, at));
    sql_error(job, at, "the value of option '%s' must be a string", option->defname);
    if (SQL_IS(value, TYPE_NAME) && !sql_is_value(job, at, at + (int32_t)word.len))
        sql_hint(job, "write %s = '%.*s'", option->defname, WEIR_STR_FMT(word));
    return NULL;
}

static bool take_special(sql_job *job, weir_setting *into, int32_t *into_at,
                         const weir_setting *setting, const PgQuery__DefElem *option)
{
    if (into->value.at != NULL) {
        sql_error(job, option->location, "option '%.*s' is there twice",
                  WEIR_STR_FMT(setting->name));
        return false;
    }
    *into = *setting;
    *into_at = sql_value_at(job->text, option->location);
    return true;
}

static bool read_list(sql_job *job, const PgQuery__CreateStmt *create, with_list *list)
{
    bool failed = false;
    memset(list, 0, sizeof *list);
    list->setting = WEIR_ARRAY(job->arena, weir_setting, create->n_options + 1);
    for (size_t i = 0; i < create->n_options; i++) {
        const PgQuery__DefElem *option = create->options[i]->def_elem;
        const char             *name = option->defname;
        const char             *value = value_of(job, option);
        if (option->defnamespace[0] != '\0')
            name = weir_arena_text(job->arena, "%s.%s", option->defnamespace, name);
        weir_setting setting = {
            .name = weir_str_of(name),
            .value = weir_str_of(value),
            .name_at = sql_origin(job, option->location),
            .value_at = sql_origin(job, sql_value_at(job->text, option->location))};
        if (value == NULL)
            failed = true;
        else if (strcmp(name, "connector") == 0)
            failed |=
                !take_special(job, &list->connector, &list->connector_at, &setting, option);
        else if (strcmp(name, "format") == 0)
            failed |= !take_special(job, &list->format, &list->format_at, &setting, option);
        else
            list->setting[list->count++] = setting;
    }
    return !failed;
}

/* One name may be there twice: to be read, and to be written. An entry for the role comes
   first, then any of the name. */
static const weir_catalog_kind *find_kind(const weir_catalog_kind *kinds, size_t count,
                                          weir_str name, bool source)
{
    const weir_catalog_kind *other = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!weir_str_is(name, kinds[i].name))
            continue;
        if (source ? kinds[i].source : kinds[i].sink)
            return &kinds[i];
        other = &kinds[i];
    }
    return other;
}

/* "a, b, c" of the connectors that can be read (or written). */
static const char *connectors_text(sql_job *job, bool source)
{
    const weir_catalog *catalog = job->input->catalog;
    weir_buf            buf = {0};
    for (size_t i = 0; i < catalog->connectors; i++) {
        const weir_catalog_kind *kind = &catalog->connector[i];
        if (source ? kind->source : kind->sink)
            weir_buf_format(&buf, "%s%s", buf.len > 0 ? ", " : "", kind->name);
    }
    const char *text = weir_str_copy(job->arena, weir_buf_view(&buf)).at;
    weir_buf_done(&buf);
    return text != NULL ? text : "";
}

static bool find_connector(sql_job *job, sql_table *entry, const with_list *list,
                           int32_t at)
{
    const weir_catalog *catalog = job->input->catalog;
    weir_table         *table = entry->table;
    const char         *names[64];
    size_t              count = 0;
    if (list->connector.value.at == NULL) {
        sql_error(job, at, "table '%.*s' has no connector", WEIR_STR_FMT(table->name));
        sql_hint(job, "add WITH (connector = '…'); there are %s",
                 connectors_text(job, table->source));
        return false;
    }
    table->connector = find_kind(catalog->connector, catalog->connectors,
                                 list->connector.value, table->source);
    if (table->connector == NULL) {
        for (size_t i = 0; i < catalog->connectors && count < 64; i++)
            names[count++] = catalog->connector[i].name;
        sql_error(job, list->connector_at, "connector '%.*s' does not exist",
                  WEIR_STR_FMT(list->connector.value));
        if (!sql_hint_nearest(job, list->connector.value, names, count))
            sql_hint(job, "there are %s", connectors_text(job, table->source));
        return false;
    }
    if (!table->source && !table->connector->sink) {
        sql_error(job, list->connector_at, "connector '%s' cannot be written",
                  table->connector->name);
        sql_hint(job, "sinks are %s", connectors_text(job, false));
        return false;
    }
    if (!table->connector->source)
        table->source = false; /* nobody writes it, and nobody can read it */
    return true;
}

/* The formats "a|b|c" of a connector, one by one; false behind the last. */
static bool next_format(const char **list, weir_str *out)
{
    if (**list == '\0')
        return false;
    const char *end = strchr(*list, '|');
    size_t      len = end != NULL ? (size_t)(end - *list) : strlen(*list);
    *out = (weir_str){*list, len};
    *list += len + (end != NULL ? 1 : 0);
    return true;
}

static bool format_built(const sql_job *job, weir_str name, bool source)
{
    const weir_catalog      *catalog = job->input->catalog;
    const weir_catalog_kind *kind =
        find_kind(catalog->format, catalog->formats, name, source);
    return kind != NULL && (source ? kind->source : kind->sink);
}

/* "a, b, c" of the table's connector, as far as this build has them. */
static const char *formats_text(sql_job *job, const weir_table *table)
{
    weir_buf buf = {0};
    weir_str one;
    for (const char *rest = table->connector->formats; next_format(&rest, &one);)
        if (format_built(job, one, table->source))
            weir_buf_format(&buf, "%s%.*s", buf.len > 0 ? ", " : "", WEIR_STR_FMT(one));
    weir_str text = buf.len > 0 ? weir_buf_view(&buf) : WEIR_STR("none");
    text = weir_str_copy(job->arena, text);
    weir_buf_done(&buf);
    return text.at;
}

static bool wrong_format(sql_job *job, const weir_table *table, const with_list *list)
{
    const weir_catalog_kind *connector = table->connector;
    const char              *names[64];
    size_t                   count = 0;
    weir_str                 one;
    for (const char *rest = connector->formats; count < 64 && next_format(&rest, &one);)
        names[count++] = weir_str_copy(job->arena, one).at;
    sql_error(job, list->format_at, "connector '%s' has no format '%.*s'", connector->name,
              WEIR_STR_FMT(list->format.value));
    if (!sql_hint_nearest(job, list->format.value, names, count))
        sql_hint(job, "there are %s", formats_text(job, table));
    return false;
}

static bool find_format(sql_job *job, weir_table *table, const with_list *list)
{
    const weir_catalog      *catalog = job->input->catalog;
    const weir_catalog_kind *connector = table->connector;
    weir_str                 name = list->format.value;
    weir_str                 one;
    if (connector->formats == NULL) {
        if (name.at == NULL)
            return true;
        sql_error(job, list->format_at, "connector '%s' takes no format", connector->name);
        return false;
    }
    if (name.at == NULL) {
        const char *rest = connector->formats;
        (void)next_format(&rest, &one);
        if (*rest != '\0') {
            sql_error(job, list->connector_at, "connector '%s' needs a format",
                      connector->name);
            sql_hint(job, "add format = '…'; there are %s", formats_text(job, table));
            return false;
        }
        name = one; /* the only one */
    }
    bool listed = false;
    for (const char *rest = connector->formats; !listed && next_format(&rest, &one);)
        listed = weir_str_eq(one, name);
    if (!listed)
        return wrong_format(job, table, list);
    table->format = find_kind(catalog->format, catalog->formats, name, table->source);
    if (table->format == NULL ||
        !(table->source ? table->format->source : table->format->sink)) {
        sql_error(job, list->format_at, "format '%.*s' is not in this build",
                  WEIR_STR_FMT(name));
        return false;
    }
    return true;
}

static bool read_options(sql_job *job, weir_table *table, const with_list *list, int32_t at)
{
    weir_err           err;
    weir_opts         *opts = NULL;
    const weir_option *tables[3] = {table->source ? weir_source_options : weir_sink_options,
                                    table->connector->options,
                                    table->format != NULL ? table->format->options : NULL};
    weir_err_clear(&err);
    if (weir_opts_read(tables, list->setting, list->count, job->arena, &opts, &err) !=
        WEIR_OK) {
        sql_error_take(job, at, &err);
        return false;
    }
    table->opts = opts;
    return true;
}

/* Keys and checks fit what the connector does with rows; false after an error. */
static bool check_sink(sql_job *job, const weir_table *table, int32_t table_at,
                       int32_t key_at)
{
    const char *name = table->connector->name;
    if (table->checks > 0) {
        sql_error_bound(job, table->check[0].expr, "CHECK is supported for sources only");
        sql_hint(job, "put the condition into WHERE");
        return false;
    }
    if (table->connector->keyed && table->keys == 0) {
        sql_error(job, table_at, "table '%.*s' needs a PRIMARY KEY",
                  WEIR_STR_FMT(table->name));
        sql_hint(job, "connector '%s' inserts, updates and deletes rows by it", name);
        return false;
    }
    if (!table->connector->keyed && table->keys > 0) {
        sql_error(job, key_at, "connector '%s' appends rows and cannot keep a PRIMARY KEY",
                  name);
        sql_hint(job, "leave it out");
        return false;
    }
    return true;
}

bool sql_table_options(sql_job *job, sql_table *entry, const PgQuery__CreateStmt *create,
                       int32_t key_at)
{
    with_list   list;
    weir_table *table = entry->table;
    int32_t     at = create->relation->location;
    if (!read_list(job, create, &list) || !find_connector(job, entry, &list, at) ||
        !find_format(job, table, &list) || !read_options(job, table, &list, at))
        return false;
    if (!table->source)
        return check_sink(job, table, at, key_at);
    return sql_table_fields(job, entry);
}
