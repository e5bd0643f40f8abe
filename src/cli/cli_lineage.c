/* cli/lineage: finds checkpoints by a job's file, in a bucket, or in a folder.
 *
 * Gives      cli_lineage_open, cli_lineage_of, cli_lineage_close, cli_lineage_epoch,
 *            cli_lineage_facts.
 * Always     1. nothing is written, and where it is read only nothing is made: a folder that
 *               is not there stays so.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli_lineage.h"
#include "cli_namespace.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define JOBS_MAX 64u /* that are told when there is more than one */
#define DEPTH_MAX 8  /* of folders in which checkpoints are looked for */

typedef struct found_jobs {
    weir_arena *arena;
    const char *name[JOBS_MAX]; /* folders: the path of the job's; S3: its name */
    uint32_t    count;
    bool        more;
} found_jobs;

static void add_job(found_jobs *found, const char *name)
{
    if (found->count < JOBS_MAX)
        found->name[found->count++] = name;
    else
        found->more = true;
}

static bool is_there(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0;
}

/* Folders that hold l1/t0/log; what is below one is not looked at. */
static void look_into(found_jobs *found, const char *folder, int depth)
{
    if (is_there(weir_arena_text(found->arena, "%s/l1/t0/log/00000000", folder))) {
        add_job(found, folder);
        return;
    }
    DIR *dir = depth < DEPTH_MAX ? opendir(folder) : NULL;
    if (dir == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        struct stat facts;
        if (entry->d_name[0] == '.')
            continue;
        const char *below = weir_arena_text(found->arena, "%s/%s", folder, entry->d_name);
        if (lstat(below, &facts) == 0 && S_ISDIR(facts.st_mode))
            look_into(found, below, depth + 1);
    }
    closedir(dir);
}

static const char *last_segment(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static weir_code pick(const found_jobs *found, const cli_flags *flags, const char *place,
                      const char **out, weir_err *err)
{
    weir_buf names = {0};
    uint32_t fits = 0;
    for (uint32_t i = 0; i < found->count; i++) {
        const char *name = last_segment(found->name[i]);
        weir_buf_format(&names, "%s%s", i ? ", " : "", name);
        if (flags->job && strcmp(name, flags->job) != 0)
            continue;
        *out = found->name[i];
        fits++;
    }
    weir_buf_byte(&names, '\0');
    if (found->count == 0)
        (void)weir_fail(err, WEIR_E_NOTFOUND, "there are no checkpoints in '%s'", place);
    else if (fits == 0)
        (void)weir_fail(err, WEIR_E_NOTFOUND, "job '%s' has no checkpoints in '%s'",
                        flags->job, place);
    else if (fits > 1)
        (void)weir_fail(err, WEIR_E_CONFIG, "'%s' has checkpoints of several jobs", place);
    if (fits != 1 && found->count > 0)
        (void)weir_err_hint(err, "--job NAME, one of: %.120s%s", names.at,
                            found->more ? " …" : "");
    weir_buf_done(&names);
    return fits == 1 ? WEIR_OK : err->code;
}

/* A job's first generation leaves objects for ever; its dead letters come before them. */
static weir_code is_job(found_jobs *found, weir_store *store, weir_str below,
                        const char *name, bool *out, weir_err *err)
{
    weir_listed *listed = NULL;
    uint32_t count = 0;
    const char *log = weir_arena_text(found->arena, "%.*s%s/l1/t0/", WEIR_STR_FMT(below), name);
    weir_code rc = store->kind->list(store, weir_str_of(log), WEIR_STR(""), 1, found->arena,
                                     &listed, &count, err);
    *out = rc == WEIR_OK && count > 0;
    return rc;
}

/* Job names behind a prefix: two requests each, past all its keys. */
static weir_code list_jobs(found_jobs *found, weir_store *store, weir_str prefix,
                           weir_err *err)
{
    weir_buf below = {0}, after = {0};
    weir_code rc = WEIR_OK;
    if (prefix.len > 0) {
        weir_buf_str(&below, prefix);
        weir_buf_byte(&below, '/');
    }
    while (!found->more) {
        weir_listed *listed = NULL;
        uint32_t count = 0;
        rc = store->kind->list(store, weir_buf_view(&below), weir_buf_view(&after), 1,
                               found->arena, &listed, &count, err);
        if (rc != WEIR_OK || count == 0)
            break;
        const char *name = listed[0].key.at + below.len;
        size_t len = strcspn(name, "/");
        const char *job = weir_arena_text(found->arena, "%.*s", (int)len, name);
        bool is = false;
        if (strncmp(name + len, "/l", 2) == 0)
            rc = is_job(found, store, weir_buf_view(&below), job, &is, err);
        if (rc != WEIR_OK)
            break;
        if (is)
            add_job(found, job);
        weir_buf_clear(&after);
        weir_buf_str(&after, (weir_str){listed[0].key.at, below.len + len});
        weir_buf_byte(&after, '/' + 1); /* behind every key below it */
    }
    weir_buf_done(&below);
    weir_buf_done(&after);
    return rc;
}

/* s3://bucket/prefix, or with the job's name at its end. */
static weir_code find_in_bucket(cli_lineage *lineage, const cli_flags *flags,
                                weir_str location, weir_str *out_prefix, weir_err *err)
{
    cli_places places = {.flags = flags, .plan = &lineage->plan};
    found_jobs found = {.arena = lineage->arena};
    weir_str prefix;
    const char *job = NULL;
    weir_code rc = cli_store_at(&places, location, &lineage->store, &prefix, err);
    if (rc == WEIR_OK)
        rc = list_jobs(&found, lineage->store, prefix, err);
    if (rc != WEIR_OK)
        return rc;
    char *text = weir_arena_text(lineage->arena, "%.*s", WEIR_STR_FMT(prefix));
    char *slash = strrchr(text, '/');
    bool itself = found.count == 0 && prefix.len > 0;
    if (itself) { /* is it the job's own folder? */
        weir_str above = slash ? (weir_str){text, (size_t)(slash - text)} : (weir_str){"", 0};
        const char *own = slash ? slash + 1 : text;
        rc = list_jobs(&found, lineage->store, above, err);
        uint32_t kept = 0;
        for (uint32_t i = 0; i < found.count; i++)
            if (strcmp(found.name[i], own) == 0)
                found.name[kept++] = found.name[i];
        found.count = kept;
        prefix = above;
    }
    if (rc == WEIR_OK)
        rc = pick(&found, flags, flags->file, &job, err);
    lineage->job = weir_str_of(job);
    *out_prefix = prefix;
    return rc;
}

static weir_code find_in_folder(cli_lineage *lineage, const cli_flags *flags, weir_err *err)
{
    found_jobs found = {.arena = lineage->arena};
    const char *path = NULL;
    size_t len = strlen(flags->file);
    while (len > 1 && flags->file[len - 1] == '/')
        len--;
    char *folder = weir_arena_text(lineage->arena, "%.*s", (int)len, flags->file);
    look_into(&found, folder, 0);
    weir_code rc = pick(&found, flags, flags->file, &path, err);
    if (rc != WEIR_OK)
        return rc;
    const char *name = last_segment(path);
    size_t above = name == path ? 0 : (size_t)(name - path - 1);
    lineage->job = weir_str_of(name);
    lineage->place = above > 0 ? (weir_str){path, above}
                               : name == path ? WEIR_STR(".") : WEIR_STR("/");
    weir_store_setup setup = {.location = weir_str_copy(lineage->arena, lineage->place),
                              .clock = weir_clock_system(),
                              .read_only = flags->read_only};
    return weir_store_new(weir_store_find(WEIR_STR("dir")), &setup, &lineage->store, err);
}

static weir_code find_by_job(cli_lineage *lineage, const cli_flags *flags,
                             weir_str *out_prefix, weir_err *err)
{
    if (flags->embedded && !is_there(flags->embedded)) /* 1 */
        return weir_fail(err, WEIR_E_CONFIG, "there is no folder '%s'", flags->embedded);
    if (!cli_job_open(flags, stderr, &lineage->sql))
        return weir_fail(err, WEIR_E_SQL, "%s", "");
    weir_code rc = cli_settle(flags, &lineage->sql, err);
    if (rc != WEIR_OK)
        return rc;
    lineage->plan.settings = lineage->sql.plan->settings;
    lineage->job = lineage->plan.settings.job_name;
    lineage->place = lineage->plan.settings.checkpoint_location;
    cli_places places = {.flags = flags, .plan = &lineage->plan};
    return cli_store_at(&places, lineage->place, &lineage->store, out_prefix, err);
}

static bool is_job_file(const char *place)
{
    struct stat facts;
    size_t len = strlen(place);
    bool named = strcmp(place, "-") == 0 || (len > 4 && strcmp(place + len - 4, ".sql") == 0);
    return named || (stat(place, &facts) == 0 && S_ISREG(facts.st_mode));
}

static weir_code defaults(cli_lineage *lineage, const cli_flags *flags, weir_err *err)
{
    const weir_option *const tables[3] = {weir_job_options, NULL, NULL};
    weir_opts *opts = NULL;
    weir_code rc = weir_opts_read(tables, NULL, 0, lineage->arena, &opts, err);
    if (rc != WEIR_OK)
        return rc;
    if (flags->settings != NULL) {
        lineage->plan.settings = *flags->settings;
        return WEIR_OK;
    }
    lineage->plan.settings = (weir_job_settings){
        .retain_us = weir_opts_int(opts, "checkpoint.retain"),
        .collect_age_us = weir_opts_int(opts, "gc.min_age"),
        .collect_rate = weir_opts_int(opts, "gc.rate"),
        .opts = opts};
    return WEIR_OK;
}

static weir_code find_place(cli_lineage *lineage, const cli_flags *flags, weir_str *prefix,
                            weir_err *err)
{
    lineage->place = weir_str_of(flags->file);
    if (strncmp(flags->file, "s3://", 5) == 0)
        return find_in_bucket(lineage, flags, lineage->place, prefix, err);
    if (is_job_file(flags->file))
        return find_by_job(lineage, flags, prefix, err);
    if (is_there(flags->file))
        return find_in_folder(lineage, flags, err);
    return weir_fail(err, WEIR_E_CONFIG, "there is no job and no folder '%s'", flags->file);
}

static weir_code choose(const cli_lineage *lineage, const cli_flags *flags, weir_err *err)
{
    uint64_t number = weir_checkpoint_lineage(lineage->checkpoint);
    const char *digits = flags->lineage;
    if (digits && !weir_str_to_u64(weir_str_of(digits + (*digits == 'l')), &number))
        return weir_fail(err, WEIR_E_CONFIG, "'%s' is no lineage: they are l1, l2 …", digits);
    weir_code rc =
        weir_checkpoint_choose_lineage(lineage->checkpoint, (uint32_t)number, err);
    if (rc != WEIR_E_NOTFOUND || digits != NULL)
        return rc;
    (void)weir_fail(err, WEIR_E_NOTFOUND, "job '%.*s' has no checkpoints in '%.*s'",
                    WEIR_STR_FMT(lineage->job), WEIR_STR_FMT(lineage->place));
    const char *dot = memchr(lineage->job.at, '.', lineage->job.len);
    if (dot != NULL) /* a replay's */
        return weir_err_hint(err, "'weir replay --into %.*s' makes them",
                             (int)(lineage->job.at + lineage->job.len - dot - 1), dot + 1);
    return weir_err_hint(err, "did it run? is job.name right, and --embedded?");
}

/* From the live job's name and prefix to those of its replay. */
static weir_code turn_to_replay(cli_lineage *lineage, weir_str name, weir_str *prefix,
                                weir_err *err)
{
    weir_job_settings live = {.job_name = lineage->job,
                              .checkpoint_location = weir_str_of(weir_arena_text(
                                  lineage->arena, "/%.*s", WEIR_STR_FMT(*prefix)))};
    weir_code rc = cli_namespace_check(name, err);
    if (rc == WEIR_OK)
        rc = cli_namespace_lineage(&live, name, lineage->arena, &lineage->job, prefix, err);
    while (rc == WEIR_OK && prefix->at[0] == '/') {
        prefix->at++;
        prefix->len--;
    }
    return rc;
}

static weir_code open_checkpoint(cli_lineage *lineage, const cli_flags *flags,
                                 weir_str prefix, const atomic_int *stop, weir_err *err)
{
    weir_checkpoint_setup setup = {.store = lineage->store, .prefix = prefix,
                                   .job = lineage->job, .task = WEIR_STR("t0"),
                                   .clock = weir_clock_system(), .stop = stop};
    weir_code rc = weir_checkpoint_open(&setup, &lineage->checkpoint, err);
    return rc == WEIR_OK ? choose(lineage, flags, err) : rc;
}

weir_code cli_lineage_open(const cli_flags *flags, const atomic_int *stop,
                           cli_lineage *out, weir_err *err)
{
    memset(out, 0, sizeof *out);
    out->arena = weir_arena_new("lineage", 4096);
    weir_str prefix = {"", 0};
    weir_code rc = defaults(out, flags, err);
    if (rc == WEIR_OK)
        rc = find_place(out, flags, &prefix, err);
    if (rc == WEIR_OK && flags->replay)
        rc = turn_to_replay(out, weir_str_of(flags->replay), &prefix, err);
    return rc == WEIR_OK ? open_checkpoint(out, flags, prefix, stop, err) : rc;
}

weir_code cli_lineage_of(const cli_flags *flags, const weir_plan *plan, weir_str replay,
                         const atomic_int *stop, cli_lineage *out, weir_err *err)
{
    memset(out, 0, sizeof *out);
    out->arena = weir_arena_new("lineage", 4096);
    out->plan.settings = plan->settings;
    out->job = plan->settings.job_name;
    out->place = plan->settings.checkpoint_location;
    cli_places places = {.flags = flags, .plan = plan};
    weir_str prefix = {"", 0};
    weir_code rc = cli_store_at(&places, out->place, &out->store, &prefix, err);
    if (rc == WEIR_OK && replay.len > 0)
        rc = turn_to_replay(out, replay, &prefix, err);
    return rc == WEIR_OK ? open_checkpoint(out, flags, prefix, stop, err) : rc;
}

void cli_lineage_close(cli_lineage *lineage)
{
    weir_checkpoint_close(lineage->checkpoint);
    weir_store_free(lineage->store);
    if (lineage->sql.arena != NULL) {
        cli_unsettle(&lineage->sql);
        cli_job_close(&lineage->sql);
    }
    weir_arena_free(lineage->arena);
}

static bool parse_time(const char *text, weir_arena *arena, int64_t *out)
{
    weir_err ignored;
    weir_datum value;
    char *copy = weir_arena_text(arena, "%s", text);
    char *letter = strchr(copy, 'T');
    if (letter != NULL)
        *letter = ' ';
    const weir_type type = {.id = WEIR_T_TIMESTAMPTZ};
    if (weir_datum_parse(type, weir_str_of(copy), &value, &ignored) != WEIR_OK)
        return false;
    *out = value.i64;
    return true;
}

static weir_code find_pin(cli_lineage *lineage, const char *name, uint64_t *out,
                          weir_err *err)
{
    weir_pin *pin = NULL;
    uint32_t count = 0;
    weir_code rc = weir_checkpoint_pins(lineage->checkpoint, lineage->arena, &pin, &count,
                                        err);
    for (uint32_t i = 0; i < count && rc == WEIR_OK; i++) {
        if (!weir_str_is(pin[i].name, name))
            continue;
        *out = pin[i].epoch;
        return WEIR_OK;
    }
    if (rc != WEIR_OK)
        return rc;
    (void)weir_fail(err, WEIR_E_NOTFOUND, "'%s' is no epoch, no time and no pin", name);
    return weir_err_hint(err, "weir checkpoint ls shows what there is");
}

weir_code cli_lineage_epoch(cli_lineage *lineage, const char *text, weir_manifest **out,
                            weir_err *err)
{
    uint64_t epoch = 0;
    int64_t time_us = 0;
    weir_checkpoint *checkpoint = lineage->checkpoint;
    bool number = weir_str_to_u64(weir_str_of(text), &epoch);
    if (!number && parse_time(text, lineage->arena, &time_us))
        return weir_checkpoint_find_time(checkpoint, time_us, lineage->arena, out, err);
    weir_code rc = WEIR_OK;
    if (!number && strcmp(text, "last") == 0) {
        weir_span span;
        rc = weir_checkpoint_span(checkpoint, &span, err);
        epoch = rc == WEIR_OK ? span.last : 0;
    } else if (!number) {
        rc = find_pin(lineage, text, &epoch, err);
    }
    return rc == WEIR_OK ? weir_checkpoint_find(checkpoint, epoch, lineage->arena, out, err)
                         : rc;
}

weir_code cli_lineage_facts(const cli_lineage *lineage, uint64_t epoch, weir_arena *arena,
                            weir_facts *out, weir_err *err)
{
    weir_manifest *manifest = NULL;
    weir_code rc = weir_checkpoint_find(lineage->checkpoint, epoch, arena, &manifest, err);
    return rc == WEIR_OK ? weir_facts_read(manifest, arena, out, err) : rc;
}
