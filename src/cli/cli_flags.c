/* cli/flags: the command line, read strictly: an unknown flag is an error.
 *
 * Gives      cli_flags_read.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"

typedef enum flag_kind {
    FLAG_SWITCH,
    FLAG_TEXT,
    FLAG_PARAM,
    FLAG_NAMES,
    FLAG_UNTIL,
    FLAG_LOG,
    FLAG_LEVEL
} flag_kind;

typedef struct cli_flag {
    const char *name;
    flag_kind   kind;
    size_t      offset;   /* of the member in cli_flags */
    const char *commands; /* that take it */
} cli_flag;

#define AT(member) offsetof(cli_flags, member)
#define CHECKPOINT                                                                         \
    "checkpoint-ls checkpoint-show checkpoint-verify checkpoint-diff checkpoint-pin "      \
    "checkpoint-unpin checkpoint-gc"
static const cli_flag known[] = {
    {"--help", FLAG_SWITCH, AT(help),
     "run replay diff promote check explain ddl connectors version checkpoint-repair "
     CHECKPOINT},
    {"--param", FLAG_PARAM, 0,
     "run replay diff promote check explain ddl checkpoint-repair " CHECKPOINT},
    {"--embedded", FLAG_TEXT, AT(embedded),
     "run replay diff promote check explain ddl checkpoint-repair " CHECKPOINT},
    {"--for", FLAG_TEXT, AT(server), "ddl"},
    {"--until", FLAG_UNTIL, AT(until_end), "run checkpoint-repair"},
    {"--from", FLAG_TEXT, AT(from), "replay"},
    {"--until", FLAG_TEXT, AT(until), "replay"},
    {"--into", FLAG_TEXT, AT(into), "replay diff promote"},
    {"--undo", FLAG_SWITCH, AT(undo), "promote"},
    {"--rate", FLAG_TEXT, AT(rate), "replay"},
    {"--memory", FLAG_TEXT, AT(memory), "replay"},
    {"--verify", FLAG_SWITCH, AT(verify), "replay"},
    {"--spool", FLAG_TEXT, AT(spool), "replay"},
    {"--leave-open", FLAG_SWITCH, AT(leave_open), "run replay"},
    {"--fresh", FLAG_SWITCH, AT(fresh), "run replay"},
    {"--keep-output", FLAG_SWITCH, AT(keep_output), "run replay"},
    {"--take-over", FLAG_SWITCH, AT(take_over), "run replay"},
    {"--allow-reset", FLAG_NAMES, AT(allow_reset), "run explain"},
    {"--allow-partial", FLAG_NAMES, AT(allow_partial), "run explain"},
    {"--against", FLAG_TEXT, AT(against), "explain"},
    {"--output", FLAG_TEXT, AT(output),
     "run replay diff explain checkpoint-ls checkpoint-show checkpoint-diff "
     "checkpoint-verify checkpoint-gc checkpoint-repair"},
    {"--job", FLAG_TEXT, AT(job), "explain " CHECKPOINT},
    {"--lineage", FLAG_TEXT, AT(lineage), "replay diff explain " CHECKPOINT},
    {"--replay", FLAG_TEXT, AT(replay), CHECKPOINT},
    {"--limit", FLAG_TEXT, AT(limit), "replay diff checkpoint-ls"},
    {"--dry-run", FLAG_SWITCH, AT(dry_run), "promote checkpoint-gc checkpoint-repair"},
    {"--retain", FLAG_TEXT, AT(retain), "checkpoint-gc"},
    {"--format", FLAG_TEXT, AT(format), "connectors"},
    {"--metrics", FLAG_SWITCH, AT(metrics), "connectors"},
    {"--connect", FLAG_SWITCH, AT(connect), "check"},
    {"--log", FLAG_LOG, 0, "run replay diff promote check"},
    {"--log-level", FLAG_LEVEL, 0, "run replay diff promote check"},
};

static bool usage(const char *command, const char *what, const char *name)
{
    int len = (int)strcspn(command, "-");
    fprintf(stderr, "weir %.*s%s%s: %s '%s'; see 'weir help %.*s'\n", len, command,
            command[len] ? " " : "", command[len] ? command + len + 1 : "", what, name, len,
            command);
    return false;
}

static bool takes(const cli_flag *flag, const char *command)
{
    size_t len = strlen(command);
    for (const char *at = flag->commands; (at = strstr(at, command)) != NULL; at += len)
        if ((at == flag->commands || at[-1] == ' ') && (at[len] == ' ' || at[len] == 0))
            return true;
    return false;
}

static const cli_flag *find_flag(const char *command, weir_str name)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (weir_str_is(name, known[i].name) && takes(&known[i], command))
            return &known[i];
    return NULL;
}

static bool unknown(const char *command, const char *text, weir_str name)
{
    const char *names[sizeof known / sizeof known[0]];
    size_t count = 0;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (takes(&known[i], command))
            names[count++] = known[i].name;
    const char *nearest = weir_str_nearest(name, names, count);
    if (nearest == NULL)
        return usage(command, "unknown flag", text);
    char what[64];
    (void)snprintf(what, sizeof what, "did you mean '%s', not", nearest);
    return usage(command, what, text);
}

static bool add_param(const char *command, const char *value, cli_flags *out)
{
    const char *equals = strchr(value, '=');
    if (equals == NULL || equals == value)
        return usage(command, "--param wants NAME=VALUE, not", value);
    if (out->params == CLI_PARAMS_MAX)
        return usage(command, "too many --param, the last was", value);
    out->param[out->params].name = (weir_str){value, (size_t)(equals - value)};
    out->param[out->params].value = weir_str_of(equals + 1);
    out->params++;
    return true;
}

static bool set_level(const char *command, const char *value, cli_flags *out)
{
    static const char *const name[] = {"debug", "info", "warn", "error"};
    for (int i = 0; i < 4; i++)
        if (strcmp(value, name[i]) == 0) {
            out->log_level = (weir_log_level)i;
            return true;
        }
    return usage(command, "--log-level is debug, info, warn or error, not", value);
}

static bool add_name(const char *command, const char *value, cli_names *names)
{
    if (names->count == CLI_NAMES_MAX)
        return usage(command, "too many names, the last was", value);
    names->at[names->count++] = weir_str_of(value);
    return true;
}

static bool set_flag(const char *command, const cli_flag *flag, const char *value, cli_flags *out)
{
    switch (flag->kind) {
    case FLAG_SWITCH:
        *(bool *)((char *)out + flag->offset) = true;
        return true;
    case FLAG_TEXT:
        *(const char **)((char *)out + flag->offset) = value;
        return true;
    case FLAG_PARAM:
        return add_param(command, value, out);
    case FLAG_NAMES:
        return add_name(command, value, (cli_names *)(void *)((char *)out + flag->offset));
    case FLAG_UNTIL:
        out->until_end = true;
        return strcmp(value, "end") == 0 || usage(command, "--until takes 'end', not", value);
    case FLAG_LOG:
        out->log_json = strcmp(value, "json") == 0;
        return out->log_json || strcmp(value, "text") == 0 ||
               usage(command, "--log is text or json, not", value);
    case FLAG_LEVEL:
        return set_level(command, value, out);
    }
    return false;
}

static bool check_output(const char *command, const cli_flags *flags)
{
    const char *output = flags->output;
    if (output == NULL || strcmp(output, "table") == 0 || strcmp(output, "json") == 0 ||
        strcmp(output, "csv") == 0)
        return true;
    return usage(command, "--output is table, json or csv, not", output);
}

static bool check_server(const char *command, const cli_flags *flags)
{
    const char *server = flags->server;
    if (server == NULL || strcmp(server, "any") == 0 || strcmp(server, "mysql") == 0 ||
        strcmp(server, "mariadb") == 0)
        return true;
    return usage(command, "--for is any, mysql or mariadb, not", server);
}

static bool add_argument(const char *command, const char *text, cli_flags *out)
{
    if (out->file == NULL)
        out->file = text;
    else if (out->arguments < out->arguments_most)
        out->argument[out->arguments++] = text;
    else if (out->arguments_most > 0)
        return usage(command, "that is one argument too many:", text);
    else
        return usage(command, "one SQL file is one job; there is also", text);
    return true;
}

bool cli_flags_read(const char *command, int count, char **argument, cli_flags *out)
{
    size_t most = out->arguments_most;
    memset(out, 0, sizeof *out);
    out->arguments_most = most;
    out->log_level = WEIR_LOG_INFO;
    for (int i = 0; i < count; i++) {
        const char *text = argument[i];
        if (text[0] != '-' || text[1] == '\0') { /* '-': standard input */
            if (!add_argument(command, text, out))
                return false;
            continue;
        }
        const char *equals = strchr(text, '=');
        weir_str name = {text, equals ? (size_t)(equals - text) : strlen(text)};
        const cli_flag *flag = find_flag(command, name);
        if (flag == NULL)
            return unknown(command, text, name);
        const char *value = equals ? equals + 1 : NULL;
        if (flag->kind != FLAG_SWITCH && value == NULL)
            value = i + 1 < count ? argument[++i] : NULL;
        if ((flag->kind != FLAG_SWITCH) != (value != NULL))
            return usage(command, value ? "no value goes with" : "a value is missing behind",
                         flag->name);
        if (!set_flag(command, flag, value, out))
            return false;
    }
    return check_output(command, out) && check_server(command, out);
}
