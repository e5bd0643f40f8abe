/* cli/namespace: names for what a replay writes.
 *
 * Gives      cli_into_check; cli_namespace_check, _outputs, _lineage, _sources, _plan;
 *            cli_table_name_check, cli_path_trim.
 * Always     1. nothing of a namespace is named as something of the live job, lies inside it
 *               or holds it.
 *            2. the same job and namespace give the same names, always: a replay goes on
 *               under them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli_namespace.h"

#include <string.h>
#include <strings.h>

#define TABLE_NAME_MAX 64u /* characters; MySQL's limit */
#define NAME_SHOWN_MAX 100 /* bytes of a wrong name, in its message */

weir_code cli_namespace_check(weir_str name, weir_err *err)
{
    bool good = name.len > 0 && name.len <= CLI_NAMESPACE_MAX;
    char before = '_';
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        good &= (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '_' && before != '_');
        before = c;
    }
    if (good && before != '_')
        return WEIR_OK;
    (void)weir_fail(err, WEIR_E_CONFIG, "'%.*s' is no namespace",
                    name.len < NAME_SHOWN_MAX ? (int)name.len : NAME_SHOWN_MAX, name.at);
    return weir_err_hint(err, "1 to %u of a-z, 0-9 and '_', with single '_' between others",
                         CLI_NAMESPACE_MAX);
}

bool cli_into_check(const char *command, const cli_flags *flags)
{
    weir_err err;
    weir_err_clear(&err);
    if (flags->into == NULL) {
        (void)weir_fail(&err, WEIR_E_CONFIG, "--into NAMESPACE is missing");
        (void)weir_err_hint(&err, "see 'weir help %s'", command);
    } else if (cli_namespace_check(weir_str_of(flags->into), &err) == WEIR_OK) {
        return true;
    }
    (void)cli_fail(command, &err);
    return false;
}

static weir_str joined(weir_arena *arena, weir_str head, weir_str name, weir_str tail)
{
    return weir_str_of(weir_arena_text(arena, "%.*s__%.*s%.*s", WEIR_STR_FMT(head),
                                       WEIR_STR_FMT(name), WEIR_STR_FMT(tail)));
}

static size_t characters(weir_str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += ((uint8_t)text.at[i] & 0xC0) != 0x80;
    return count;
}

weir_code cli_table_name_check(weir_str name, weir_err *err)
{
    if (characters(name) <= TABLE_NAME_MAX)
        return WEIR_OK;
    (void)weir_fail(err, WEIR_E_CONFIG, "the table '%.*s' would have more than %u characters",
                    WEIR_STR_FMT(name), TABLE_NAME_MAX);
    return weir_err_hint(err, "replay into a namespace with a shorter name");
}

static weir_code name_table(const weir_table *table, weir_str name, weir_arena *arena,
                            cli_output *out, weir_err *err)
{
    weir_str given = weir_opts_text(table->opts, "table");
    out->kind = CLI_OUTPUT_TABLE;
    out->live = given.len > 0 ? given : table->name;
    out->other = joined(arena, out->live, name, WEIR_STR(""));
    return cli_table_name_check(out->other, err);
}

/* Where the last segment begins; past its end when there is none that can be another. */
static size_t last_segment(weir_str path)
{
    size_t from = weir_str_starts(path, "s3://") ? 5 : 0, last = from;
    for (size_t i = from; i < path.len; i++)
        if (path.at[i] == '/')
            last = i + 1;
    weir_str segment = {path.at + last, path.len - last};
    bool bucket = from > 0 && last == from;
    bool none = segment.len == 0 || weir_str_is(segment, ".") || weir_str_is(segment, "..");
    return bucket || none ? path.len : last;
}

weir_str cli_path_trim(weir_str path)
{
    while (path.len > 1 && path.at[path.len - 1] == '/')
        path.len--;
    return path;
}

static weir_code name_files(const weir_table *table, weir_str name, weir_arena *arena,
                            cli_output *out, weir_err *err)
{
    out->kind = CLI_OUTPUT_FILES;
    out->live = cli_path_trim(weir_opts_text(table->opts, "path"));
    out->other = joined(arena, out->live, name, WEIR_STR(""));
    if (last_segment(out->live) < out->live.len)
        return WEIR_OK;
    (void)weir_fail(err, WEIR_E_CONFIG,
                    "table '%.*s' writes to '%.*s': a namespace could only be inside it",
                    WEIR_STR_FMT(table->name), WEIR_STR_FMT(out->live));
    return weir_err_hint(err, "give the table a path with a prefix, as s3://bucket/prefix/");
}

/* The file's ending tells its form, so the name goes before it. */
static weir_code name_file(const weir_table *table, weir_str name, weir_arena *arena,
                           cli_output *out)
{
    weir_str path = weir_opts_text(table->opts, "path");
    out->kind = CLI_OUTPUT_FILE;
    if (weir_str_starts(path, "/dev/")) { /* a terminal or a pipe keeps nothing */
        out->kind = CLI_OUTPUT_PRINT;
        return WEIR_OK;
    }
    size_t from = last_segment(path), dot = path.len;
    for (size_t i = from + 1; i < path.len; i++)
        if (path.at[i] == '.')
            dot = i;
    out->live = path;
    out->other = joined(arena, (weir_str){path.at, dot}, name,
                        (weir_str){path.at + dot, path.len - dot});
    return WEIR_OK;
}

static weir_code name_output(const weir_table *table, weir_str name, weir_arena *arena,
                             cli_output *out, weir_err *err)
{
    weir_code rc = WEIR_OK;
    out->kind = CLI_OUTPUT_PRINT;
    if (table->connector->keyed)
        rc = name_table(table, name, arena, out, err);
    else if (strcmp(table->connector->name, "s3") == 0)
        rc = name_files(table, name, arena, out, err);
    else if (strcmp(table->connector->name, "file") == 0)
        rc = name_file(table, name, arena, out);
    return rc == WEIR_OK ? rc : weir_err_at(err, table->sql_at);
}

static bool is_inside(weir_str path, weir_str folder)
{
    folder = cli_path_trim(folder);
    return folder.len > 0 && path.len >= folder.len &&
           memcmp(path.at, folder.at, folder.len) == 0 &&
           (path.len == folder.len || path.at[folder.len] == '/');
}

/* Names of tables differ in more than their case, for some servers do not see it. */
static bool collide(const cli_output *other, const cli_output *live)
{
    if (other->kind == CLI_OUTPUT_PRINT || live->kind == CLI_OUTPUT_PRINT)
        return false;
    if (other->kind == CLI_OUTPUT_TABLE || live->kind == CLI_OUTPUT_TABLE)
        return other->kind == live->kind && other->other.len == live->live.len &&
               strncasecmp(other->other.at, live->live.at, live->live.len) == 0;
    return is_inside(other->other, live->live) || is_inside(live->live, other->other);
}

static weir_code collision(const cli_output *other, weir_str live, weir_err *err)
{
    (void)weir_fail(err, WEIR_E_CONFIG, "'%.*s' would not be apart from '%.*s'",
                    WEIR_STR_FMT(other->other), WEIR_STR_FMT(live));
    return weir_err_hint(err, "choose another namespace, or paths of which none holds another");
}

/* 1 */
static weir_code check_apart(const weir_plan *live, const cli_output *output, uint32_t count,
                             weir_err *err)
{
    weir_str checkpoints = live->settings.checkpoint_location;
    for (uint32_t i = 0; i < count; i++) {
        weir_code rc = WEIR_OK;
        for (uint32_t k = 0; k < count && rc == WEIR_OK; k++)
            if (collide(&output[i], &output[k]))
                rc = collision(&output[i], output[k].live, err);
        if (rc == WEIR_OK && output[i].kind == CLI_OUTPUT_FILES && checkpoints.len > 0 &&
            (is_inside(output[i].other, checkpoints) ||
             is_inside(cli_path_trim(checkpoints), output[i].other)))
            rc = collision(&output[i], checkpoints, err);
        if (rc != WEIR_OK)
            return weir_err_at(err, live->table[output[i].table].sql_at);
    }
    return WEIR_OK;
}

weir_code cli_namespace_outputs(const weir_plan *live, weir_str name, weir_arena *arena,
                                cli_output **out, uint32_t *out_count, weir_err *err)
{
    cli_output *output = WEIR_ARRAY(arena, cli_output, live->tables + 1);
    uint32_t count = 0;
    for (uint32_t t = 0; t < live->tables; t++) {
        if (live->table[t].source)
            continue;
        output[count].table = t;
        weir_code rc = name_output(&live->table[t], name, arena, &output[count++], err);
        if (rc != WEIR_OK)
            return rc;
    }
    weir_code rc = check_apart(live, output, count, err);
    if (rc != WEIR_OK)
        return rc;
    *out = output;
    *out_count = count;
    return WEIR_OK;
}

weir_code cli_namespace_lineage(const weir_job_settings *live, weir_str name,
                                weir_arena *arena, weir_str *out_job, weir_str *out_location,
                                weir_err *err)
{
    weir_assert(live->job_name.len > 0);
    weir_assert(live->checkpoint_location.len > 0);
    if (live->job_name.len + 1 + name.len > WEIR_JOB_NAME_MAX) {
        (void)weir_fail(err, WEIR_E_CONFIG,
                        "'%.*s.%.*s', the name of the replay, is longer than %u bytes",
                        WEIR_STR_FMT(live->job_name), WEIR_STR_FMT(name), WEIR_JOB_NAME_MAX);
        return weir_err_hint(err, "choose a shorter namespace");
    }
    weir_str location = cli_path_trim(live->checkpoint_location);
    *out_job = weir_str_of(weir_arena_text(arena, "%.*s.%.*s", WEIR_STR_FMT(live->job_name),
                                           WEIR_STR_FMT(name)));
    *out_location = weir_str_of(weir_arena_text(
        arena, "%.*s/%.*s/replays", WEIR_STR_FMT(location), WEIR_STR_FMT(live->job_name)));
    return WEIR_OK;
}

static void name_source(weir_table *table, weir_str name, weir_arena *arena)
{
    if (!table->source || !weir_opts_known(table->opts, "group") ||
        !weir_opts_given(table->opts, "group"))
        return;
    weir_str group = weir_opts_text(table->opts, "group");
    const char *other = weir_arena_text(arena, "%.*s.%.*s", WEIR_STR_FMT(group),
                                        WEIR_STR_FMT(name));
    table->opts = weir_opts_with(table->opts, "group", weir_str_of(other), arena);
}

/* Lag displays of the live job must not show the replay's positions. */
void cli_namespace_sources(weir_plan *plan, weir_str name, weir_arena *arena)
{
    for (uint32_t t = 0; t < plan->tables; t++)
        name_source(&plan->table[t], name, arena);
}

static void rename_output(weir_table *table, const cli_output *output, weir_arena *arena)
{
    if (output->kind == CLI_OUTPUT_PRINT)
        return;
    bool keyed = output->kind == CLI_OUTPUT_TABLE;
    table->opts = weir_opts_with(table->opts, keyed ? "table" : "path", output->other, arena);
    if (keyed)
        table->like = output->live;
}

weir_code cli_namespace_plan(const weir_plan *live, weir_str name, weir_arena *arena,
                             weir_plan **out, weir_err *err)
{
    cli_output *output = NULL;
    uint32_t outputs = 0;
    weir_plan *plan = WEIR_NEW(arena, weir_plan);
    *plan = *live;
    weir_code rc = cli_namespace_outputs(live, name, arena, &output, &outputs, err);
    if (rc == WEIR_OK)
        rc = cli_namespace_lineage(&live->settings, name, arena, &plan->settings.job_name,
                                   &plan->settings.checkpoint_location, err);
    if (rc != WEIR_OK)
        return rc;
    plan->settings.http_listen_given = false; /* the live job may have the port */
    plan->table = WEIR_ARRAY(arena, weir_table, live->tables + 1);
    memcpy(plan->table, live->table, sizeof *live->table * live->tables);
    cli_namespace_sources(plan, name, arena);
    for (uint32_t i = 0; i < outputs; i++)
        rename_output(&plan->table[output[i].table], &output[i], arena);
    *out = plan;
    return WEIR_OK;
}
