/* sink/s3_publish: puts the files of a committed epoch, once; takes back open ones.
 *
 * A file is put by a conditional PUT with its token. The store says that the key is taken:
 * then its token and size decide whether we put it before (an answer was lost, or another
 * process of this lineage was here), or a stranger did: SINK_PATH. An unknown outcome is put
 * again. An error that repeating cannot mend is repeated for ten minutes, for policies and
 * quotas are mended by people; then it is SINK_PATH, with key and code. Who slept in a request
 * asks again first, and whether it may publish at all.
 *
 * Gives      s3_finalise, s3_replay, s3_adopt, s3_fetch_open.
 * Always     1. the bytes that are put have the size and SHA-256 of the recipe.
 *            2. before files are put, weir_checkpoint_may_publish allows it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "s3/s3_sink.h"

#include <inttypes.h>

#include "weir/failpoint.h"
#include "weir/metric.h"
#include "weir/mutant.h"

#define S3_PERMANENT_US (10LL * 60 * 1000000)
#define S3_FLIGHT_BYTES (64u << 20) /* of files that are put side by side */

static weir_code build(const s3_recipe *recipe, weir_buf *out, weir_err *err)
{
    const uint8_t *sync =
        (const uint8_t *)recipe->header.at + recipe->header.len - WEIR_AVRO_SYNC_BYTES;
    weir_buf_str(out, weir_buf_view(&recipe->header));
    bool        joined = weir_avro_join(out, weir_buf_view(&recipe->file->blocks), sync);
    weir_sha256 sha = weir_sha256_of(weir_buf_view(out));
    if (joined && out->len == recipe->size && weir_sha256_eq(&sha, &recipe->sha))
        return WEIR_OK;
    return weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT,
                     "the stored blocks of '%.*s' do not make the file that was committed",
                     WEIR_STR_FMT(recipe->key));
}

/* The key is taken: by us? */
static weir_code compare(s3_sink *self, s3_recipe *recipe, weir_err *err)
{
    weir_object object = {.key = recipe->key};
    WEIR_FAILPOINT(ep_head_check);
    weir_code   rc = self->store->kind->head(self->store, &object, 1, err);
    if (rc == WEIR_E_NOTFOUND)
        return weir_retry(err, WEIR_E_UNKNOWN, "'%.*s' was there, and now is not",
                          WEIR_STR_FMT(recipe->key));
    if (rc != WEIR_OK)
        return rc;
    if ((weir_str_is(recipe->token, object.got_token) && object.size == recipe->size) ||
        weir_mutant(trust_any_file)) {
        recipe->published = true;
        self->permanent_us = 0;
        return WEIR_OK;
    }
    (void)weir_halt(err, WEIR_EXIT_SINK_PATH, WEIR_E_CONFLICT,
                    "'%.*s' is there already, but is not this epoch's file",
                    WEIR_STR_FMT(recipe->key));
    return weir_err_hint(err,
                         "give each sink table a path of its own; token found: '%.100s'",
                         object.got_token);
}

/* asked_us: when the request began. A refusal lasts from its answer to the beginning of a later
   request: whoever slept in one asks again. */
static weir_code not_put(s3_sink *self, const weir_object *object, int64_t asked_us,
                         weir_err *err)
{
    if (!object->permanent) {
        self->permanent_us = 0;
        return weir_retry(err, object->rc, "could not put '%.*s': %s",
                          WEIR_STR_FMT(object->key), object->why);
    }
    if (self->permanent_us == 0)
        self->permanent_us = self->setup.clock->mono_us(self->setup.clock);
    if (asked_us - self->permanent_us < S3_PERMANENT_US)
        return weir_retry(err, object->rc, "could not put '%.*s': %s",
                          WEIR_STR_FMT(object->key), object->why);
    return weir_halt(err, WEIR_EXIT_SINK_PATH, object->rc,
                     "could not put '%.*s' for ten minutes: %s", WEIR_STR_FMT(object->key),
                     object->why);
}

static weir_code settle_put(s3_sink *self, s3_recipe *recipe, const weir_object *object,
                            int64_t asked_us, weir_err *err)
{
    if (object->rc == WEIR_E_CONFLICT)
        return compare(self, recipe, err);
    if (object->rc != WEIR_OK)
        return not_put(self, object, asked_us, err);
    recipe->published = true;
    self->permanent_us = 0;
    weir_metric_add(WEIR_M_files_published, 1);
    return WEIR_OK;
}

typedef struct put_flight { /* files that are put side by side */
    uint32_t    count;
    size_t      bytes;
    s3_recipe  *recipe[WEIR_STORE_PARALLEL];
    weir_object object[WEIR_STORE_PARALLEL];
    weir_buf    body[WEIR_STORE_PARALLEL];
} put_flight;

static void pass_publish(const s3_sink *self)
{
    if (self->recovers)
        WEIR_FAILPOINT(tk_finalise);
    else
        WEIR_FAILPOINT_ONE_OF(self->setup.dead_letter, dlq_publish, ep_publish);
}

/* Between two flights there may be a long sleep: the right to publish is looked at anew. */
static weir_code land(s3_sink *self, put_flight *flight, weir_err *err)
{
    weir_code rc = WEIR_OK;
    int64_t   asked_us = self->setup.clock->mono_us(self->setup.clock);
    if (flight->count > 0)
        rc = weir_checkpoint_may_publish(self->checkpoint, err);
    bool flies = flight->count > 0 && rc == WEIR_OK;
    if (flies) {
        pass_publish(self);
        weir_err first; /* each request's own outcome is looked at below */
        weir_err_clear(&first);
        (void)self->store->kind->put_new(self->store, flight->object, flight->count,
                                         &first);
    }
    for (uint32_t i = 0; flies && i < flight->count; i++) {
        weir_err mine;
        weir_err_clear(&mine);
        weir_code got = settle_put(self, flight->recipe[i], &flight->object[i], asked_us,
                                   &mine);
        if (got != WEIR_OK && (rc == WEIR_OK || mine.fate == WEIR_FATE_HALT)) {
            rc = got;
            *err = mine;
        }
    }
    for (uint32_t i = 0; i < flight->count; i++)
        weir_buf_done(&flight->body[i]);
    flight->count = 0;
    flight->bytes = 0;
    return rc;
}

static weir_code board(put_flight *flight, s3_recipe *recipe, weir_err *err)
{
    uint32_t  i = flight->count;
    weir_code rc = build(recipe, &flight->body[i], err);
    if (rc != WEIR_OK) {
        weir_buf_done(&flight->body[i]);
        return rc;
    }
    flight->recipe[i] = recipe;
    flight->object[i] = (weir_object){.key = recipe->key,
                                      .token = recipe->token,
                                      .body = weir_buf_view(&flight->body[i])};
    flight->bytes += recipe->size;
    flight->count++;
    return WEIR_OK;
}

/* Beside the files, for people and for readers that want one schema: written over. */
static weir_code put_schema(s3_sink *self, weir_err *err)
{
    if (self->schema_put || self->setup.dead_letter)
        return WEIR_OK;
    char *key =
        weir_arena_text(self->epoch, "%.*s%s_schema.avsc", WEIR_STR_FMT(self->prefix),
                        self->prefix.len > 0 ? "/" : "");
    weir_object object = {.key = weir_str_of(key), .body = self->format->schema};
    int64_t asked_us = self->setup.clock->mono_us(self->setup.clock);
    WEIR_FAILPOINT(ep_schema);
    weir_code rc = self->store->kind->put(self->store, &object, 1, err);
    if (rc != WEIR_OK)
        return not_put(self, &object, asked_us, err);
    self->schema_put = true;
    self->permanent_us = 0;
    return WEIR_OK;
}

static weir_code publish(s3_sink *self, weir_err *err)
{
    put_flight *flight = weir_heap_new(1, sizeof *flight);
    weir_code   rc = self->recipes > 0 ? put_schema(self, err) : WEIR_OK;
    for (uint32_t i = 0; rc == WEIR_OK && i < self->recipes; i++) {
        s3_recipe *recipe = &self->recipe[i];
        if (recipe->published)
            continue;
        if (flight->count == WEIR_STORE_PARALLEL ||
            (flight->count > 0 && flight->bytes + recipe->size > S3_FLIGHT_BYTES))
            rc = land(self, flight, err);
        if (rc == WEIR_OK)
            rc = board(flight, recipe, err);
    }
    if (rc == WEIR_OK)
        rc = land(self, flight, err);
    for (uint32_t i = 0; i < flight->count; i++)
        weir_buf_done(&flight->body[i]);
    weir_heap_free(flight);
    return rc;
}

weir_code s3_finalise(weir_sink *sink, const weir_commit_id *id, weir_err *err)
{
    s3_sink *self = (s3_sink *)sink;
    if (self->staged == 0)
        return WEIR_OK; /* done before */
    weir_assert(id->epoch == self->staged);
    weir_code rc = publish(self, err);
    if (rc != WEIR_OK)
        return rc;
    s3_recipes_clear(self);
    for (uint32_t i = 0; i < self->opens; i++)
        s3_file_keep(self->open[i]);
    self->staged = 0;
    return WEIR_OK;
}

/* Appends what the references name. */
static weir_code fetch(weir_checkpoint *checkpoint, const s3_refs *refs, weir_buf *out,
                       weir_err *err)
{
    if (refs->count == 0)
        return WEIR_OK;
    WEIR_FAILPOINT(tk_read_file);
    weir_buf *piece = weir_heap_new(refs->count, sizeof *piece);
    weir_code rc = weir_checkpoint_fetch(checkpoint, refs->at, refs->count, piece, err);
    for (uint32_t i = 0; i < refs->count; i++) {
        if (rc == WEIR_OK)
            weir_buf_str(out, weir_buf_view(&piece[i]));
        weir_buf_done(&piece[i]);
    }
    weir_heap_free(piece);
    return rc;
}

weir_code s3_fetch_open(s3_file *file, weir_checkpoint *checkpoint, weir_err *err)
{
    weir_code rc = fetch(checkpoint, &file->now.block_refs, &file->blocks, err);
    if (rc == WEIR_OK)
        rc = fetch(checkpoint, &file->now.open_refs, &file->now.open, err);
    file->now.stored = file->blocks.len;
    file->now.open_stored = file->now.open.len;
    return rc;
}

/* Of the last epoch's files one after the other: only one is in memory at a time. */
static weir_code publish_again(s3_sink *self, weir_checkpoint *checkpoint, weir_err *err)
{
    uint32_t    all = self->recipes;
    weir_code   rc = WEIR_OK;
    put_flight *flight = weir_heap_new(1, sizeof *flight);
    for (uint32_t i = 0; rc == WEIR_OK && i < all; i++) {
        s3_recipe *recipe = &self->recipe[i];
        recipe->file = s3_file_new(WEIR_STR(""), self->format);
        rc = fetch(checkpoint, &recipe->refs, &recipe->file->blocks, err);
        if (rc == WEIR_OK)
            rc = board(flight, recipe, err);
        if (rc == WEIR_OK)
            rc = land(self, flight, err);
        s3_file_free(recipe->file);
        recipe->file = NULL;
    }
    weir_heap_free(flight);
    return rc;
}

/* A lineage begins with --fresh: files of an older one would be read with its own. */
weir_code s3_check_empty(s3_sink *self, weir_arena *arena, weir_err *err)
{
    if (!self->setup.must_be_empty)
        return WEIR_OK;
    weir_listed *listed = NULL;
    uint32_t     count = 0;
    const char  *below = weir_arena_text(arena, "%.*s%s", WEIR_STR_FMT(self->prefix),
                                         self->prefix.len > 0 ? "/" : "");
    weir_code    rc = self->store->kind->list(self->store, weir_str_of(below), WEIR_STR(""),
                                              1, arena, &listed, &count, err);
    if (rc != WEIR_OK || count == 0)
        return rc;
    (void)weir_fail(err, WEIR_E_CONFIG,
                    "there are files below '%s', and this lineage begins from nothing",
                    below);
    return weir_err_hint(err, "remove them, or pass --keep-output as well");
}

weir_code s3_replay(weir_sink *sink, weir_history *history, weir_err *err)
{
    s3_sink       *self = (s3_sink *)sink;
    weir_arena    *arena = weir_arena_new("s3 takeover", 64 << 10);
    weir_committed last = {0};
    weir_code      rc = WEIR_OK;
    self->checkpoint = history->checkpoint;
    s3_recipes_clear(self);
    s3_opens_clear(self);
    if (history->last > 0)
        rc = history->read(history, history->last, arena, &last, err);
    else
        rc = s3_check_empty(self, arena, err);
    if (rc == WEIR_OK && last.joined && last.payload.len > 0)
        rc = s3_payload_read(self, last.payload, err);
    for (uint32_t i = 0; rc == WEIR_OK && i < self->opens; i++)
        rc = s3_fetch_open(self->open[i], history->checkpoint, err);
    self->recovers = true;
    if (rc == WEIR_OK && !history->finalised)
        rc = publish_again(self, history->checkpoint, err);
    self->recovers = false;
    if (rc == WEIR_OK)
        s3_recipes_clear(self);
    weir_arena_free(arena);
    return rc;
}

/* Nothing of them is stored in this lineage yet: the next stage stores all of it. */
static void forget_stored(s3_file *file)
{
    s3_refs_done(&file->now.block_refs);
    s3_refs_done(&file->now.open_refs);
    file->now.stored = 0;
    file->now.open_stored = 0;
}

weir_code s3_adopt(weir_sink *sink, weir_str payload, weir_checkpoint *from, weir_err *err)
{
    s3_sink  *self = (s3_sink *)sink;
    weir_code rc = WEIR_OK;
    weir_assert(sink->kind->adopt == s3_adopt);
    weir_assert(self->staged == 0);
    s3_opens_clear(self); /* of a try before */
    if (payload.len > 0)
        rc = s3_payload_read(self, payload, err);
    s3_recipes_clear(self); /* were published by the lineage that they are of */
    for (uint32_t i = 0; rc == WEIR_OK && i < self->opens; i++) {
        rc = s3_fetch_open(self->open[i], from, err);
        forget_stored(self->open[i]);
    }
    return rc;
}
