/* engine/sinks: sink groups: which tables share an instance, where each flow's rows go.
 *
 * Gives      engine_open_sinks, engine_open_dead, engine_section_is_sink, _is_open,
 *            weir_sink_section.
 * Always     1. a group's name is stable: from sink_group, the database or the table,
 *               never from where a server happens to be.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine_parts.h"

static bool given(const weir_table *table, const weir_sink_kind *kind, const char *name)
{
    return engine_has_option(kind->options, name) && weir_opts_given(table->opts, name);
}

/* "mysql://user@host/shop?x=y" -> "shop". */
static weir_str database_of(weir_str url)
{
    size_t from = 0, end = url.len;
    for (size_t i = 0; i < url.len; i++)
        if (url.at[i] == '/')
            from = i + 1;
    for (size_t i = from; i < end; i++)
        if (url.at[i] == '?')
            end = i;
    return end > from ? (weir_str){url.at + from, end - from} : WEIR_STR("main");
}

static weir_str group_name(const weir_table *table, const weir_sink_kind *kind)
{
    if (given(table, kind, "sink_group"))
        return weir_opts_text(table->opts, "sink_group");
    if (kind->group_by == NULL)
        return table->name;
    return database_of(weir_opts_text(table->opts, kind->group_by));
}

weir_str weir_sink_section(const weir_table *table, const weir_sink_kind *kind,
                           weir_arena *arena, weir_str *out_group)
{
    weir_str name = group_name(table, kind);
    if (out_group != NULL)
        *out_group = name;
    return weir_str_of(
        weir_arena_text(arena, ENGINE_SINK_SECTION "%s/%.*s", kind->name,
                                       WEIR_STR_FMT(name)));
}

bool engine_section_is_sink(weir_str section)
{
    return weir_str_starts(section, ENGINE_SINK_SECTION) ||
           weir_str_starts(section, ENGINE_DEAD_SECTION);
}

bool engine_section_is_open(const engine_job *engine, weir_str section)
{
    for (uint32_t g = 0; g < engine->groups; g++)
        if (weir_str_is(section, engine->group[g].section))
            return true;
    for (uint32_t d = 0; d < engine->deads; d++)
        if (weir_str_is(section, engine->dead[d].section))
            return true;
    return false;
}

static weir_str place_of(engine_job *engine, const weir_sink_kind *kind,
                         const weir_opts *opts)
{
    weir_str value = weir_opts_text(opts, kind->group_by);
    return kind->place ? kind->place(value, engine->arena) : value;
}

/* Tables of one group share a connection, so they have to be in one place. */
static weir_code check_place(engine_job *engine, const engine_group *group,
                             const weir_table *table, weir_err *err)
{
    const char *by = group->kind->group_by;
    if (by == NULL || weir_str_eq(place_of(engine, group->kind, group->table[0].opts),
                                  place_of(engine, group->kind, table->opts)))
        return WEIR_OK;
    (void)weir_fail(err, WEIR_E_CONFIG,
                    "tables '%.*s' and '%.*s' are in sink group '%.*s' but have different "
                    "values of %s",
                    WEIR_STR_FMT(group->table[0].name), WEIR_STR_FMT(table->name),
                    WEIR_STR_FMT(group->name), by);
    (void)weir_err_at(err, weir_opts_at(table->opts, by));
    return weir_err_hint(err, "write the same %s, or give one table a sink_group of its own",
                         by);
}

static engine_group *find_group(engine_job *engine, const weir_sink_kind *kind,
                                weir_str name)
{
    for (uint32_t g = 0; g < engine->groups; g++)
        if (engine->group[g].kind == kind && weir_str_eq(engine->group[g].name, name))
            return &engine->group[g];
    return NULL;
}

/* Kinds name their groups apart: a database and a table may have the same name. */
static engine_group *add_group(engine_job *engine, const weir_table *table,
                               const weir_sink_kind *kind)
{
    engine_group *group = &engine->group[engine->groups++];
    group->kind = kind;
    group->section = weir_sink_section(table, kind, engine->arena, &group->name).at;
    group->table = WEIR_ARRAY(engine->arena, weir_sink_table, engine->plan->tables + 1);
    group->from = WEIR_ARRAY(engine->arena, engine_source *, engine->plan->tables + 1);
    return group;
}

/* The source below a node: its on_error decides what becomes of a row that a sink refuses. */
static engine_source *source_below(engine_job *engine, uint32_t node)
{
    while (engine->plan->node[node].kind != WEIR_NODE_SCAN)
        node = engine->plan->node[node].input;
    for (uint32_t s = 0; s < engine->sources; s++)
        if (engine->source[s].number == engine->plan->node[node].table)
            return &engine->source[s];
    weir_assert("a scan reads a source" == NULL);
    return NULL;
}

static uint32_t table_in_group(engine_group *group, const weir_table *table,
                               engine_source *from, bool changelog)
{
    for (uint32_t t = 0; t < group->tables; t++)
        if (weir_str_eq(group->table[t].name, table->name)) {
            group->table[t].changelog |= changelog;
            return t;
        }
    group->from[group->tables] = from;
    group->table[group->tables] = (weir_sink_table){
        .name = table->name, .schema = &table->schema, .keys = table->keys,
        .key = table->key, .opts = table->opts,
        .format = weir_str_of(table->format ? table->format->name : NULL),
        .like = table->like, .final = table->final, .changelog = changelog,
        .sql_at = table->sql_at};
    return group->tables++;
}

/* Does any row of this node's input carry another op than an insert? */
static bool gives_changes(const engine_job *engine, uint32_t node)
{
    for (; node != WEIR_NONE; node = engine->plan->node[node].input) {
        const weir_node *at = &engine->plan->node[node];
        if (at->kind == WEIR_NODE_AGGREGATE)
            return true;
        if (at->kind == WEIR_NODE_SCAN) {
            const weir_table *table = &engine->plan->table[at->table];
            return table->format && table->format->changelog;
        }
    }
    return false;
}

static weir_code place_flow(engine_job *engine, uint32_t node, weir_err *err)
{
    const weir_table *table = &engine->plan->table[engine->plan->node[node].table];
    const weir_sink_kind *kind =
        engine->setup->sink_kind(weir_str_of(table->connector->name));
    if (kind == NULL)
        return weir_fail(err, WEIR_E_CONFIG, "there is no sink '%s' in this build",
                         table->connector->name);
    weir_str name = group_name(table, kind);
    engine_group *group = find_group(engine, kind, name);
    weir_code rc = group ? check_place(engine, group, table, err) : WEIR_OK;
    if (rc != WEIR_OK)
        return rc;
    if (group == NULL)
        group = add_group(engine, table, kind);
    bool changelog = !table->final && !kind->keyed && gives_changes(engine, node);
    bool rolls = engine_has_option(kind->options, "roll.idle");
    engine->flow[engine->flows++] = (engine_flow){
        .group = (uint32_t)(group - engine->group),
        .table = table_in_group(group, table, source_below(engine, node), changelog),
        .idle_us = rolls ? weir_opts_int(table->opts, "roll.idle") : 0};
    return WEIR_OK;
}

static weir_sink_setup setup_of(engine_job *engine)
{
    return (weir_sink_setup){
        .job = engine->plan->settings.job_name, .lineage = engine->lineage,
        .task = WEIR_STR("t0"), .clock = engine->clock,
        .must_be_empty = (engine->setup->fresh || engine->setup->replay) &&
                         !engine->setup->keep_output,
        .log_empty = engine->log_empty,
        .open_bytes_max = (size_t)engine->plan->settings.memory_limit / 4 /
                          (engine->groups + engine->sources + 1),
        .as_it_is = engine->as_it_is, .ended = engine->setup->ended,
        .embedded = engine->setup->embedded, .output = engine->setup->output,
        .stop = engine->setup->stop, .store_at = engine->setup->store_at,
        .store_self = engine->setup->store_self};
}

typedef struct sink_opening {
    const weir_sink_kind *kind;
    weir_sink_setup       setup;
    weir_sink           **out;
} sink_opening;

static weir_code open_instance(void *self, weir_err *err)
{
    sink_opening *opening = self;
    return weir_sink_new(opening->kind, &opening->setup, opening->out, err);
}

static weir_code open_group(engine_job *engine, engine_group *group, weir_err *err)
{
    sink_opening opening = {.kind = group->kind, .setup = setup_of(engine),
                            .out = &group->sink};
    opening.setup.group = group->name;
    opening.setup.table = group->table;
    opening.setup.tables = group->tables;
    return engine_patiently(engine, open_instance, &opening, group->name, err);
}

/* Two groups in one database: two transactions could disagree about one epoch, and two
   tables of the job could be one. */
static weir_code check_apart(void *self, weir_err *err)
{
    const engine_job *engine = self;
    for (uint32_t a = 0; a < engine->groups; a++)
        for (uint32_t b = a + 1; b < engine->groups; b++) {
            const engine_group *one = &engine->group[a], *two = &engine->group[b];
            bool same = false;
            if (one->kind != two->kind || one->kind->same == NULL)
                continue;
            weir_code rc = one->kind->same(one->sink, two->sink, &same, err);
            if (rc != WEIR_OK)
                return rc;
            if (!same)
                continue;
            (void)weir_fail(err, WEIR_E_CONFIG,
                            "tables '%.*s' and '%.*s' are in one database, under the sink "
                            "groups '%.*s' and '%.*s'",
                            WEIR_STR_FMT(one->table[0].name),
                            WEIR_STR_FMT(two->table[0].name), WEIR_STR_FMT(one->name),
                            WEIR_STR_FMT(two->name));
            (void)weir_err_at(err, two->table[0].sql_at);
            return weir_err_hint(err, "write the same url, and no or the same sink_group: "
                                      "a database has one commit row");
        }
    return WEIR_OK;
}

weir_code engine_open_dead(engine_job *engine, engine_dead *dead, weir_err *err)
{
    const weir_sink_kind *kind = engine->setup->sink_kind(WEIR_STR("s3"));
    weir_assert(kind != NULL);
    const weir_job_settings *job = &engine->plan->settings;
    weir_str location = job->checkpoint_location;
    while (location.len > 1 && location.at[location.len - 1] == '/')
        location.len--;
    char *path = weir_arena_text(engine->arena, "%.*s/%.*s/l%u/dead/%.*s/",
                                 WEIR_STR_FMT(location), WEIR_STR_FMT(job->job_name),
                                 engine->lineage, WEIR_STR_FMT(dead->name));
    weir_setting setting = {.name = WEIR_STR("path"), .value = weir_str_of(path),
                            .name_at = -1, .value_at = -1};
    const weir_option *const options[3] = {kind->options, weir_sink_formats()->options, NULL};
    weir_opts *opts = NULL;
    weir_code rc = weir_opts_read(options, &setting, 1, engine->arena, &opts, err);
    if (rc != WEIR_OK)
        return rc;
    weir_sink_table *table = WEIR_NEW(engine->arena, weir_sink_table);
    *table = (weir_sink_table){.name = WEIR_STR("dead_letter"),
                               .schema = engine_letter_schema(), .opts = opts,
                               .final = true, .sql_at = -1};
    weir_sink_setup setup = setup_of(engine);
    setup.group = dead->name;
    setup.table = table;
    setup.tables = 1;
    setup.dead_letter = true;
    return weir_sink_new(kind, &setup, &dead->sink, err);
}

static weir_code open_deads(engine_job *engine, weir_err *err)
{
    engine->dead = WEIR_ARRAY(engine->arena, engine_dead, engine->sources + 1);
    for (uint32_t s = 0; s < engine->sources; s++) {
        engine_source *source = &engine->source[s];
        if (source->on_error != ON_ERROR_DEAD_LETTER)
            continue;
        weir_str name = weir_opts_text(source->table->opts, "dead_letter");
        uint32_t d = 0;
        while (d < engine->deads && !weir_str_eq(engine->dead[d].name, name))
            d++;
        source->dead_sink = d;
        if (d < engine->deads)
            continue;
        engine->dead[engine->deads].name = name;
        engine->dead[engine->deads++].section =
            weir_arena_text(engine->arena, ENGINE_DEAD_SECTION "%.*s", WEIR_STR_FMT(name));
        weir_code rc = engine_open_dead(engine, &engine->dead[d], err);
        if (rc != WEIR_OK)
            return weir_err_note(err, "dead letters '%.*s'", WEIR_STR_FMT(name));
    }
    return WEIR_OK;
}

weir_code engine_open_sinks(engine_job *engine, weir_err *err)
{
    const weir_plan *plan = engine->plan;
    engine->group = WEIR_ARRAY(engine->arena, engine_group, plan->tables + 1);
    engine->flow = WEIR_ARRAY(engine->arena, engine_flow, plan->nodes + 1);
    weir_code rc = WEIR_OK;
    for (uint32_t n = 0; n < plan->nodes && rc == WEIR_OK; n++)
        if (plan->node[n].kind == WEIR_NODE_SINK)
            rc = place_flow(engine, n, err);
    for (uint32_t g = 0; g < engine->groups && rc == WEIR_OK; g++)
        rc = open_group(engine, &engine->group[g], err);
    if (rc == WEIR_OK)
        rc = engine_patiently(engine, check_apart, engine, WEIR_STR("sinks"), err);
    return rc == WEIR_OK ? open_deads(engine, err) : rc;
}
