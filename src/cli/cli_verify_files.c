/* cli/verify_files: files that lie where the live job's are, and that no committed epoch names.
 *
 * Readers of a prefix read all files in it. Those whose name begins with '_' or '.', or that lie
 * in a folder of such a name, are read by nobody. A file's name says of which job, lineage and
 * epoch it is: files of later epochs are new, those of other lineages and of epochs that are
 * collected are not known any more.
 *
 * Gives      cli_verify_files.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "cli_verify.h"

#define PAGE 1000u

typedef struct listing {
    const compare_pair *pair;
    weir_tally         *named; /* by committed manifests */
    weir_arena         *arena;
    weir_str            location, prefix; /* prefix: of keys, with its '/' */
    weir_str            own, job;         /* how names begin: "job-l1-t0-", "job" */
} listing;

static weir_code note_name(void *self, weir_str key, weir_err *err)
{
    listing *l = self;
    if (weir_tally_find(l->named, key, true) != NULL)
        return WEIR_OK;
    (void)weir_fail(err, WEIR_E_LIMIT, "there are more files than can be kept in mind");
    return weir_err_hint(err, "raise memory.limit, with --memory");
}

static weir_code note_names(listing *l, weir_sink *sink, weir_err *err)
{
    const cli_compare *c = l->pair->compare;
    weir_arena        *arena = weir_arena_new("epoch", 64 << 10);
    const weir_look_to look = {.file = note_name, .self = l};
    weir_code          rc = WEIR_OK;
    for (uint64_t epoch = c->first; rc == WEIR_OK && epoch <= c->until; epoch++) {
        weir_str payload = {0};
        weir_arena_reset(arena);
        rc = compare_payload(l->pair, true, epoch, arena, &payload, err);
        if (rc == WEIR_OK)
            rc = sink->kind->look->published(sink, payload, &look, err);
    }
    weir_arena_free(arena);
    return rc;
}

static bool is_hidden(weir_str below)
{
    bool begins = true;
    for (size_t i = 0; i < below.len; i++) {
        if (begins && (below.at[i] == '_' || below.at[i] == '.'))
            return true;
        begins = below.at[i] == '/';
    }
    return false;
}

/* Another output of the job, or its checkpoints, may lie inside the prefix. */
static bool is_of(weir_str place, const listing *l, weir_str below)
{
    place = cli_path_trim(place);
    size_t head = l->location.len + 1;
    return place.len > head && memcmp(place.at, l->location.at, head - 1) == 0 &&
           place.at[head - 1] == '/' && below.len > place.len - head &&
           memcmp(below.at, place.at + head, place.len - head) == 0 &&
           below.at[place.len - head] == '/';
}

static bool is_elsewhere(const listing *l, weir_str below)
{
    const weir_plan *plan = l->pair->compare->placed;
    bool             other = is_of(plan->settings.checkpoint_location, l, below);
    for (uint32_t t = 0; t < plan->tables; t++)
        if (!plan->table[t].source && weir_opts_known(plan->table[t].opts, "path"))
            other |= is_of(weir_opts_text(plan->table[t].opts, "path"), l, below);
    return other;
}

/* "job-l1-t0-GEN-EPOCH-N.avro" */
static bool epoch_of(const listing *l, weir_str name, uint64_t *out)
{
    if (name.len <= l->own.len || memcmp(name.at, l->own.at, l->own.len) != 0)
        return false;
    size_t dash = l->own.len;
    while (dash < name.len && name.at[dash] != '-')
        dash++;
    size_t end = dash + 1;
    while (end < name.len && name.at[end] != '-')
        end++;
    return end < name.len &&
           weir_str_to_u64((weir_str){name.at + dash + 1, end - dash - 1}, out);
}

/* Of another lineage of the job, or of a replay of it that was promoted. */
static bool is_of_others(const listing *l, weir_str name)
{
    bool job = name.len > l->job.len + 2 && memcmp(name.at, l->job.at, l->job.len) == 0;
    return job &&
           (name.at[l->job.len] == '.' || memcmp(name.at + l->job.len, "-l", 2) == 0);
}

static void judge(const listing *l, weir_str key)
{
    const cli_compare *c = l->pair->compare;
    compare_output    *out = l->pair->out;
    weir_str           below = {key.at + l->prefix.len, key.len - l->prefix.len};
    uint64_t           epoch = 0;
    size_t             from = below.len;
    if (weir_tally_find(l->named, key, false) != NULL || is_hidden(below) ||
        is_elsewhere(l, below))
        return;
    while (from > 0 && below.at[from - 1] != '/')
        from--;
    weir_str name = {below.at + from, below.len - from};
    bool     own = epoch_of(l, name, &epoch);
    if (own && epoch > c->until)
        return;
    if (own ? epoch < c->first : is_of_others(l, name))
        out->unknown++;
    else
        compare_tell_file(&l->pair->compare->report, out, key, "not committed");
}

static weir_code list(listing *l, weir_store *store, weir_err *err)
{
    weir_buf  after = {0};
    weir_code rc = WEIR_OK;
    uint32_t  count = PAGE;
    while (rc == WEIR_OK && count == PAGE) {
        weir_listed *listed = NULL;
        weir_arena  *arena = weir_arena_new("listing", 64 << 10);
        rc = store->kind->list(store, l->prefix, weir_buf_view(&after), PAGE, arena,
                               &listed, &count, err);
        for (uint32_t i = 0; rc == WEIR_OK && i < count; i++)
            judge(l, listed[i].key);
        weir_buf_clear(&after);
        if (rc == WEIR_OK && count > 0)
            weir_buf_str(&after, listed[count - 1].key);
        weir_arena_free(arena);
        if (rc == WEIR_OK && atomic_load(l->pair->compare->stop))
            rc = weir_fail(err, WEIR_E_STOPPED, "stopped before all was compared");
    }
    weir_buf_done(&after);
    return rc;
}

weir_code cli_verify_files(const compare_pair *pair, weir_sink *sink, weir_err *err)
{
    const cli_compare *c = pair->compare;
    listing            l = {.pair = pair, .arena = c->arena, .job = c->live.job};
    cli_places         places = {.flags = c->flags, .plan = c->job.plan};
    weir_store        *store = NULL;
    l.location = cli_path_trim(weir_opts_text(pair->live->opts, "path"));
    l.own = weir_str_of(weir_arena_text(c->arena, "%.*s-l%u-t0-", WEIR_STR_FMT(l.job),
                                        weir_checkpoint_lineage(c->live.checkpoint)));
    l.named = weir_tally_new((size_t)c->job.plan->settings.memory_limit / 2);
    weir_code rc = note_names(&l, sink, err);
    if (rc == WEIR_OK)
        rc = cli_store_at(&places, l.location, &store, &l.prefix, err);
    if (rc == WEIR_OK && l.prefix.len > 0)
        l.prefix = weir_str_of(weir_arena_text(c->arena, "%.*s/", WEIR_STR_FMT(l.prefix)));
    if (rc == WEIR_OK)
        rc = list(&l, store, err);
    weir_store_free(store);
    weir_tally_free(l.named);
    return rc;
}
