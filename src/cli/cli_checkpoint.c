/* cli/checkpoint: `weir checkpoint`: finds the lineage and does what its subcommand says.
 *
 * Gives      weir_cli_checkpoint; verify, pin, unpin, gc are here.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "cli_lineage.h"

typedef int subcommand_fn(cli_lineage *lineage, const cli_flags *flags, weir_err *err);

typedef struct subcommand {
    const char    *name, *flags_name;
    subcommand_fn *run; /* NULL: see cli_repair.c */
    size_t         least, most; /* arguments behind WHERE */
    const char    *usage;
    bool           read_only;
} subcommand;

static bool is_json(const cli_flags *flags)
{
    return flags->output && strcmp(flags->output, "json") == 0;
}

typedef struct faults {
    bool     json;
    weir_buf list; /* JSON */
} faults;

static void fault_found(void *self, weir_str key, const char *what)
{
    faults *found = self;
    if (!found->json) {
        printf("damaged  %.*s: %s\n", WEIR_STR_FMT(key), what);
        return;
    }
    if (found->list.len > 0)
        weir_buf_byte(&found->list, ',');
    weir_buf_text(&found->list, "{");
    cli_json_text(&found->list, "object", key);
    cli_json_text(&found->list, "fault", weir_str_of(what));
    weir_buf_text(&found->list, "}");
}

static void print_verified(const weir_verified *out)
{
    printf("%s       %llu seals, %llu manifests, %llu data objects, %llu bytes read; "
           "%llu damaged\n",
           out->faults > 0 ? "bad" : "ok ", (unsigned long long)out->seals,
           (unsigned long long)out->manifests, (unsigned long long)out->data,
           (unsigned long long)out->bytes, (unsigned long long)out->faults);
    if (out->unlisted > 0)
        printf("         %llu manifests of an older version do not list what they need\n",
               (unsigned long long)out->unlisted);
    if (out->faults > 0)
        printf("         Put the objects back from a copy of the bucket, or from a versioned "
               "one;\n         else start a new lineage with weir run --fresh. Nothing was "
               "changed.\n");
}

static int verify(cli_lineage *lineage, const cli_flags *flags, weir_err *err)
{
    weir_verified out;
    faults found = {.json = is_json(flags)};
    weir_code rc =
        weir_checkpoint_verify(lineage->checkpoint, fault_found, &found, &out, err);
    if (rc == WEIR_OK && !found.json)
        print_verified(&out);
    if (rc == WEIR_OK && found.json) {
        weir_buf text = {0};
        weir_buf_text(&text, "{");
        cli_json_u64(&text, "seals", out.seals);
        cli_json_u64(&text, "manifests", out.manifests);
        cli_json_u64(&text, "data", out.data);
        cli_json_u64(&text, "bytes", out.bytes);
        cli_json_u64(&text, "unlisted", out.unlisted);
        weir_buf_format(&text, ",\"damaged\":[%.*s]}\n", WEIR_STR_FMT(weir_buf_view(&found.list)));
        cli_print(&text);
        weir_buf_done(&text);
    }
    weir_buf_done(&found.list);
    if (rc != WEIR_OK)
        return -1;
    return out.faults > 0 ? WEIR_EXIT_CORRUPT : WEIR_EXIT_DONE;
}

static int pin(cli_lineage *lineage, const cli_flags *flags, weir_err *err)
{
    weir_manifest *manifest = NULL;
    const char *epoch = flags->arguments > 1 ? flags->argument[1] : "last";
    weir_code rc = cli_lineage_epoch(lineage, epoch, &manifest, err);
    if (rc == WEIR_OK)
        rc = weir_checkpoint_pin(lineage->checkpoint, weir_str_of(flags->argument[0]),
                                 manifest, err);
    if (rc != WEIR_OK)
        return -1;
    printf("epoch %llu is kept as '%s'\n", (unsigned long long)manifest->epoch,
           flags->argument[0]);
    return WEIR_EXIT_DONE;
}

static int unpin(cli_lineage *lineage, const cli_flags *flags, weir_err *err)
{
    weir_str name = weir_str_of(flags->argument[0]);
    if (weir_checkpoint_unpin(lineage->checkpoint, name, err) != WEIR_OK)
        return -1;
    printf("the pin '%s' is gone; its epoch goes when it is old enough\n", flags->argument[0]);
    return WEIR_EXIT_DONE;
}

typedef struct taken {
    bool json;
    bool dry_run;
} taken;

static void took(void *self, weir_str key, uint64_t bytes)
{
    const taken *t = self;
    if (!t->json && t->dry_run)
        printf("would go %.*s %llu bytes\n", WEIR_STR_FMT(key), (unsigned long long)bytes);
}

static void print_collected(const weir_collected *out, const cli_flags *flags)
{
    weir_buf text = {0};
    if (is_json(flags)) {
        weir_buf_text(&text, "{");
        cli_json_u64(&text, "first_epoch", out->first);
        cli_json_u64(&text, "manifests", out->manifests);
        cli_json_u64(&text, "data", out->data);
        cli_json_u64(&text, "bytes", out->bytes);
        cli_json_name(&text, "dry_run");
        weir_buf_text(&text, flags->dry_run ? "true" : "false");
        if (out->stopped)
            cli_json_text(&text, "stopped", weir_str_of(out->stopped));
        weir_buf_text(&text, "}\n");
    } else {
        weir_buf_format(&text, "%s %llu manifests and %llu data objects, %llu bytes\n",
                        flags->dry_run ? "would remove" : "removed",
                        (unsigned long long)out->manifests, (unsigned long long)out->data,
                        (unsigned long long)out->bytes);
        if (out->first > 0)
            weir_buf_format(&text, "epochs from %llu on are kept\n",
                            (unsigned long long)out->first);
        if (out->stopped)
            weir_buf_format(&text, "stopped: %s\n", out->stopped);
    }
    cli_print(&text);
    weir_buf_done(&text);
}

static int gc(cli_lineage *lineage, const cli_flags *flags, weir_err *err)
{
    const weir_job_settings *job = &lineage->plan.settings;
    taken t = {.json = is_json(flags), .dry_run = flags->dry_run};
    weir_collected out;
    weir_collect_setup setup = {.retain_us = job->retain_us, .min_age_us = job->collect_age_us,
                                .rate = (uint32_t)job->collect_rate,
                                .dry_run = flags->dry_run, .took = took, .self = &t};
    if (flags->retain && !weir_parse_duration(weir_str_of(flags->retain), &setup.retain_us)) {
        (void)weir_fail(err, WEIR_E_CONFIG, "--retain '%s' is no duration", flags->retain);
        (void)weir_err_hint(err, "write it as '7 days' or '36 hours'");
        return -1;
    }
    if (weir_checkpoint_collect(lineage->checkpoint, &setup, &out, err) != WEIR_OK)
        return -1;
    print_collected(&out, flags);
    return out.stopped ? WEIR_EXIT_JOB : WEIR_EXIT_DONE;
}

static const subcommand known[] = {
    {"ls", "checkpoint-ls", cli_checkpoint_ls, 0, 0, "WHERE", true},
    {"show", "checkpoint-show", cli_checkpoint_show, 0, 1, "WHERE [EPOCH]", true},
    {"diff", "checkpoint-diff", cli_checkpoint_diff, 2, 2, "WHERE EPOCH EPOCH", true},
    {"verify", "checkpoint-verify", verify, 0, 0, "WHERE", true},
    {"pin", "checkpoint-pin", pin, 1, 2, "WHERE NAME [EPOCH]", false},
    {"unpin", "checkpoint-unpin", unpin, 1, 1, "WHERE NAME", false},
    {"gc", "checkpoint-gc", gc, 0, 0, "WHERE", false},
    {"repair", "checkpoint-repair", NULL, 0, 0, "JOB.sql", false},
};
enum { KNOWN = sizeof known / sizeof known[0] };

static const subcommand *find(const char *name)
{
    const char *names[KNOWN];
    for (size_t i = 0; i < KNOWN; i++) {
        if (strcmp(name, known[i].name) == 0)
            return &known[i];
        names[i] = known[i].name;
    }
    const char *nearest = weir_str_nearest(weir_str_of(name), names, KNOWN);
    fprintf(stderr, "weir checkpoint: there is no '%s'%s%s; see 'weir help checkpoint'\n",
            name, nearest ? "; did you mean " : "", nearest ? nearest : "");
    return NULL;
}

static bool read_flags(const subcommand *sub, int count, char **argument, cli_flags *out)
{
    out->arguments_most = sub->most;
    if (!cli_flags_read(sub->flags_name, count, argument, out))
        return false;
    if (out->help)
        return true;
    bool csv = out->output && strcmp(out->output, "csv") == 0;
    if (csv || out->file == NULL || out->arguments < sub->least) {
        fprintf(stderr, csv ? "weir checkpoint %s: --output is table or json\n"
                            : "weir checkpoint %s wants %s; see 'weir help checkpoint'\n",
                sub->name, sub->usage);
        return false;
    }
    return true;
}

static int fail(const subcommand *sub, const weir_err *err)
{
    char command[64];
    if (err->msg[0] == '\0') /* it was printed, with its place in the SQL */
        return (int)err->exit;
    (void)snprintf(command, sizeof command, "checkpoint %s", sub->name);
    return cli_fail(command, err);
}

int weir_cli_checkpoint(int count, char **argument, const atomic_int *stop)
{
    if (count == 0 || strcmp(argument[0], "--help") == 0) {
        (void)cli_help("checkpoint");
        return count == 0 ? WEIR_EXIT_USAGE : WEIR_EXIT_DONE;
    }
    const subcommand *sub = find(argument[0]);
    cli_flags flags = {.arguments_most = 0};
    if (sub == NULL || !read_flags(sub, count - 1, argument + 1, &flags))
        return WEIR_EXIT_USAGE;
    if (flags.help)
        return cli_help("checkpoint");
    flags.read_only = sub->read_only || (flags.dry_run && sub->run != NULL);
    weir_log_start(false, WEIR_LOG_WARN);
    cli_lineage lineage;
    weir_err err;
    weir_err_clear(&err);
    int code = -1;
    if (sub->run == NULL) {
        code = cli_repair(&flags, stop, &err);
        return code < 0 ? fail(sub, &err) : code;
    }
    if (cli_lineage_open(&flags, stop, &lineage, &err) == WEIR_OK)
        code = sub->run(&lineage, &flags, &err);
    fflush(stdout);
    cli_lineage_close(&lineage);
    return code < 0 ? fail(sub, &err) : code;
}
