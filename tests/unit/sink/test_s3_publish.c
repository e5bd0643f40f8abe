/* Publishing the files of an epoch, and doing it again: each request goes wrong, stored bytes are
 * not what was committed, and others were there.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "faulty_store.h"
#include "s3/s3_sink.h"
#include "sink_bench.h"

#define FILES 20u /* more than are put side by side */
#define OPTIONS "path=lake;roll.age=0;roll.idle=0;partition_by=name;codec=null"
#define FIRST "lake/name=n00/bench-l1-t0-1-1-0.avro"
#define SECOND "lake/name=n01/bench-l1-t0-1-1-1.avro"
#define LATER "lake/name=n00/bench-l1-t0-1-2-0.avro"

typedef struct request { /* of the sink: this one goes wrong, or all of a kind */
    uint32_t    number, at;
    const char *verb, *key; /* NULL: any */
    faulty_act  act;
} request;

typedef struct bed {
    sink_bench   bench;
    faulty_store store;
    request      fault;
} bed;

static faulty_act strike(void *self, const char *verb, const weir_object *object, uint64_t call)
{
    request *r = self;
    (void)call;
    r->number++;
    if (r->at > 0)
        return r->number == r->at ? r->act : FAULTY_PASS;
    bool is = r->verb != NULL && strcmp(verb, r->verb) == 0 && weir_str_is(object->key, r->key);
    return is ? r->act : FAULTY_PASS;
}

static void begin(bed *b)
{
    memset(b, 0, sizeof *b);
    bench_start(&b->bench, "s3", OPTIONS);
    b->bench.table.changelog = false;
    b->bench.end = true; /* all files roll */
    b->store = faulty_store_new(b->bench.store, false);
    b->store.hook = strike;
    b->store.self = &b->fault;
    b->bench.files = &b->store.base;
}

static void end(bed *b)
{
    faulty_store_done(&b->store);
    bench_stop(&b->bench);
}

static void heal(bed *b)
{
    b->fault = (request){.at = 0};
}

static weir_code replay(bed *b)
{
    bench_history history = bench_history_of(&b->bench, b->bench.now.checkpoint);
    return b->bench.kind->replay(b->bench.now.sink, &history.base, &b->bench.err);
}

/* An epoch with a file in each of FILES folders, up to its commit point. */
static void put_epoch(bed *b, uint32_t files)
{
    weir_buf    text = {0};
    weir_arena *arena = weir_arena_new("rows", 64 << 10);
    for (uint32_t i = 0; i < files; i++)
        weir_buf_format(&text, "+I|%u|n%02u|1||\n", i, i);
    weir_buf_byte(&text, 0);
    CHECK_OK(bench_try_epoch(&b->bench, bench_rows(&b->bench, arena, text.at), BENCH_COMMITTED),
             &b->bench.err);
    weir_buf_done(&text);
    weir_arena_free(arena);
}

static s3_sink *sink_of(bed *b)
{
    return (s3_sink *)b->bench.now.sink;
}

static void finish(bed *b)
{
    CHECK_OK(bench_finalise(&b->bench), &b->bench.err);
    weir_stage_free(b->bench.now.stage);
    b->bench.now.stage = NULL;
    CHECK_OK(weir_checkpoint_finalised(b->bench.now.checkpoint, &b->bench.err), &b->bench.err);
}

/* Keys and sizes, one a line. */
static weir_buf files_of(bed *b)
{
    weir_listed *listed = NULL;
    uint32_t     count = 0;
    weir_buf     out = {0};
    CHECK_OK(b->bench.store->kind->list(b->bench.store, WEIR_STR("lake/"), WEIR_STR(""), 1000,
                                        b->bench.arena, &listed, &count, &b->bench.err),
             &b->bench.err);
    for (uint32_t i = 0; i < count; i++)
        weir_buf_format(&out, "%.*s %llu\n", WEIR_STR_FMT(listed[i].key),
                        (unsigned long long)listed[i].size);
    weir_buf_byte(&out, 0);
    return out;
}

/* Two epochs: one is finalised, of the other one the process dies behind the commit point. */
static void live(bed *b)
{
    uint32_t  tries = 0;
    weir_code rc;
    while ((rc = bench_try_take_over(&b->bench)) != WEIR_OK && ++tries < 10)
        bench_crash(&b->bench); /* it was told before it owned anything */
    CHECK_OK(rc, &b->bench.err);
    put_epoch(b, FILES);
    while ((rc = bench_finalise(&b->bench)) != WEIR_OK && ++tries < 10)
        CHECK_INT(b->bench.err.fate, WEIR_FATE_RETRY);
    CHECK_OK(rc, &b->bench.err);
    finish(b);
    put_epoch(b, 3);
    bench_crash(&b->bench);
    rc = bench_try_take_over(&b->bench);
    while (rc != WEIR_OK && ++tries < 10) {
        CHECK_INT(b->bench.err.fate, WEIR_FATE_RETRY);
        rc = replay(b);
    }
    CHECK_OK(rc, &b->bench.err);
}

static void each_request_may_go_wrong_in_each_way(void **state)
{
    (void)state;
    static const faulty_act acts[] = {FAULTY_BUSY, FAULTY_DROP, FAULTY_LOSE, FAULTY_LATE,
                                      FAULTY_REFUSE};
    bed well;
    begin(&well);
    live(&well);
    weir_buf want = files_of(&well);
    uint32_t requests = well.fault.number;
    end(&well);
    CHECK(requests > FILES);
    for (size_t a = 0; a < sizeof acts / sizeof *acts; a++)
        for (uint32_t at = 1; at <= requests; at++) {
            bed b;
            begin(&b);
            b.fault = (request){.at = at, .act = acts[a]};
            live(&b);
            faulty_store_flush(&b.store);
            weir_buf is = files_of(&b);
            CHECK_TEXT(is.at, want.at);
            weir_buf_done(&is);
            end(&b);
        }
    weir_buf_done(&want);
}

/* What was committed is what is put, or nothing is. */
static void blocks_that_do_not_make_the_file_are_not_put(void **state)
{
    (void)state;
    enum { SIZE, DIGEST, BLOCKS, LARGE, WAYS };
    for (int way = 0; way < WAYS; way++) {
        bed b;
        begin(&b);
        CHECK_OK(bench_try_take_over(&b.bench), &b.bench.err);
        put_epoch(&b, 2);
        s3_recipe *second = &sink_of(&b)->recipe[1];
        uint64_t   size = second->size;
        if (way == SIZE)
            second->size++;
        else if (way == LARGE)
            second->size = 65u << 20; /* it does not go with the first */
        else if (way == DIGEST)
            second->sha.at[0] ^= 1;
        else
            second->file->blocks.at[0] ^= 0x55; /* how many rows it has */
        CHECK_FAILS(bench_finalise(&b.bench), WEIR_E_CORRUPT, &b.bench.err);
        CHECK_INT(b.bench.err.exit, WEIR_EXIT_CORRUPT);
        CHECK_SAYS(&b.bench.err, "the stored blocks of '" SECOND "' do not make the file");
        weir_buf is = files_of(&b);
        CHECK_INT(strstr(is.at, FIRST) != NULL, way == LARGE);
        CHECK(strstr(is.at, SECOND) == NULL);
        weir_buf_done(&is);
        if (way == SIZE || way == LARGE) {
            second->size = size;
            finish(&b);
        }
        end(&b);
    }
}

static void put_theirs(bed *b, const char *key, const char *token, size_t len)
{
    weir_buf body = {0};
    while (body.len < len)
        weir_buf_byte(&body, 'x');
    weir_object object = {.key = weir_str_of(key), .token = weir_str_of(token),
                          .body = weir_buf_view(&body)};
    CHECK_OK(b->bench.store->kind->put_new(b->bench.store, &object, 1, &b->bench.err),
             &b->bench.err);
    weir_buf_done(&body);
}

/* Ours has its token and its size. */
static void file_that_is_there_is_looked_at(void **state)
{
    (void)state;
    enum { OURS, OTHER_SIZE, OTHER_TOKEN, GONE, AWAY, WAYS };
    static const int exits[] = {0, WEIR_EXIT_SINK_PATH, WEIR_EXIT_SINK_PATH, 0, 0};
    for (int way = 0; way < WAYS; way++) {
        bed  b;
        char token[256];
        begin(&b);
        CHECK_OK(bench_try_take_over(&b.bench), &b.bench.err);
        put_epoch(&b, 2);
        const s3_recipe *first = &sink_of(&b)->recipe[0];
        (void)snprintf(token, sizeof token, "%.*s", WEIR_STR_FMT(first->token));
        put_theirs(&b, FIRST, way == OTHER_TOKEN ? "theirs" : token,
                   first->size + (way == OTHER_SIZE));
        if (way == GONE || way == AWAY)
            b.fault = (request){.verb = "head", .key = FIRST,
                                .act = way == GONE ? FAULTY_MISS : FAULTY_BUSY};
        weir_code rc = bench_finalise(&b.bench);
        CHECK_INT(rc == WEIR_OK, way == OURS);
        if (exits[way] != 0)
            CHECK_INT(b.bench.err.exit, exits[way]);
        if (way == GONE || way == AWAY) {
            CHECK_INT(b.bench.err.fate, WEIR_FATE_RETRY);
            CHECK_SAYS(&b.bench.err, way == GONE ? "was there, and now is not" : "503");
            heal(&b);
            CHECK_OK(bench_finalise(&b.bench), &b.bench.err);
        }
        weir_buf is = files_of(&b); /* the other one was put beside it */
        CHECK(strstr(is.at, SECOND) != NULL);
        weir_buf_done(&is);
        end(&b);
    }
}

/* Of several that are not put what nothing helps against is told, whichever came first. */
static void worst_of_several_outcomes_is_told(void **state)
{
    (void)state;
    for (int first = 0; first < 2; first++) {
        bed b;
        begin(&b);
        CHECK_OK(bench_try_take_over(&b.bench), &b.bench.err);
        put_epoch(&b, 3);
        put_theirs(&b, first ? FIRST : SECOND, "theirs", 7);
        b.fault = (request){.verb = "put_new", .key = first ? SECOND : FIRST, .act = FAULTY_BUSY};
        CHECK_FAILS(bench_finalise(&b.bench), WEIR_E_CONFLICT, &b.bench.err);
        CHECK_INT(b.bench.err.exit, WEIR_EXIT_SINK_PATH);
        CHECK_SAYS(&b.bench.err, first ? FIRST : SECOND);
        end(&b);
    }
}

static weir_code (*store_at_bench)(void *, weir_str, weir_store **, weir_str *, weir_err *);

static weir_code store_at_root(void *self, weir_str location, weir_store **out,
                               weir_str *out_prefix, weir_err *err)
{
    weir_code rc = store_at_bench(self, location, out, out_prefix, err);
    *out_prefix = (weir_str){NULL, 0}; /* a bucket's root */
    return rc;
}

/* A bucket of its own, too. */
static void lineage_that_begins_anew_refuses_files_of_another(void **state)
{
    (void)state;
    for (int root = 0; root < 2; root++) {
        bed b;
        begin(&b);
        b.bench.setup.must_be_empty = true;
        if (root) {
            store_at_bench = b.bench.setup.store_at;
            b.bench.setup.store_at = store_at_root;
        }
        if (!root) {
            b.fault = (request){.verb = "list", .key = "lake/", .act = FAULTY_BUSY};
            CHECK(bench_try_take_over(&b.bench) != WEIR_OK);
            CHECK_INT(b.bench.err.fate, WEIR_FATE_RETRY);
            heal(&b);
            CHECK_OK(replay(&b), &b.bench.err); /* nothing is there */
        }
        put_theirs(&b, root ? "theirs" : "lake/theirs", "", 5);
        if (root)
            CHECK(bench_try_take_over(&b.bench) != WEIR_OK);
        else
            CHECK(replay(&b) != WEIR_OK);
        CHECK_INT(b.bench.err.exit, WEIR_EXIT_USAGE);
        CHECK_SAYS(&b.bench.err, root ? "there are files below ''"
                                       : "there are files below 'lake/'");
        CHECK_HINTS(&b.bench.err, "--keep-output");
        end(&b);
    }
}

static void files_of_a_bucket_s_root_have_no_folder(void **state)
{
    (void)state;
    bed b;
    begin(&b);
    store_at_bench = b.bench.setup.store_at;
    b.bench.setup.store_at = store_at_root;
    CHECK_OK(bench_try_take_over(&b.bench), &b.bench.err);
    put_epoch(&b, 1);
    finish(&b);
    weir_buf body = {0};
    CHECK_OK(weir_store_get_one(b.bench.store, WEIR_STR("_schema.avsc"), &body, &b.bench.err),
             &b.bench.err);
    CHECK_OK(weir_store_get_one(b.bench.store, WEIR_STR("name=n00/bench-l1-t0-1-1-0.avro"), &body,
                                &b.bench.err),
             &b.bench.err);
    weir_buf_done(&body);
    end(&b);
}

/* A log that says something else than the bench's. */
enum { AS_IT_IS, NO_READ, NOT_JOINED, NO_PAYLOAD, DAMAGED };
typedef struct odd_history {
    weir_history  base;
    bench_history inner;
    int           what;
} odd_history;

static weir_code read_odd(weir_history *history, uint64_t epoch, weir_arena *arena,
                          weir_committed *out, weir_err *err)
{
    odd_history *self = (odd_history *)history;
    if (self->what == NO_READ)
        return weir_retry(err, WEIR_E_IO, "the test's log is away");
    weir_code rc = self->inner.base.read(&self->inner.base, epoch, arena, out, err);
    if (self->what == NOT_JOINED)
        out->joined = false;
    if (self->what == NO_PAYLOAD)
        out->payload = WEIR_STR("");
    if (self->what == DAMAGED)
        out->payload = WEIR_STR("damaged");
    return rc;
}

static void takeover_publishes_what_the_log_says(void **state)
{
    (void)state;
    bed b;
    begin(&b);
    CHECK_OK(bench_try_take_over(&b.bench), &b.bench.err);
    put_epoch(&b, 2);
    bench_crash(&b.bench);
    b.fault = (request){.verb = "put_new", .key = FIRST, .act = FAULTY_BUSY};
    CHECK(bench_try_take_over(&b.bench) != WEIR_OK);
    heal(&b);
    for (int what = NO_PAYLOAD; what >= AS_IT_IS; what--) {
        odd_history it = {.inner = bench_history_of(&b.bench, b.bench.now.checkpoint),
                          .what = what};
        it.base = it.inner.base;
        it.base.read = read_odd;
        weir_code rc = b.bench.kind->replay(b.bench.now.sink, &it.base, &b.bench.err);
        CHECK_INT(rc == WEIR_OK, what != NO_READ);
        weir_buf is = files_of(&b);
        CHECK_INT(strstr(is.at, FIRST) != NULL, what == AS_IT_IS);
        CHECK_INT(strstr(is.at, SECOND) != NULL, what == AS_IT_IS);
        weir_buf_done(&is);
    }
    odd_history it = {.inner = bench_history_of(&b.bench, b.bench.now.checkpoint), .what = DAMAGED};
    it.base = it.inner.base;
    it.base.read = read_odd;
    CHECK_FAILS(b.bench.kind->replay(b.bench.now.sink, &it.base, &b.bench.err), WEIR_E_CORRUPT,
                &b.bench.err);
    end(&b);
}

/* Files that were put since say that it did not last. */
static void refusal_of_another_time_is_forgotten(void **state)
{
    (void)state;
    static const char *const keys[] = {FIRST, LATER};
    bed b;
    begin(&b);
    CHECK_OK(bench_try_take_over(&b.bench), &b.bench.err);
    for (int epoch = 0; epoch < 2; epoch++) {
        put_epoch(&b, 1);
        b.fault = (request){.verb = "put_new", .key = keys[epoch], .act = FAULTY_REFUSE};
        CHECK(bench_finalise(&b.bench) != WEIR_OK);
        CHECK_INT(b.bench.err.fate, WEIR_FATE_RETRY);
        heal(&b);
        CHECK_OK(bench_finalise(&b.bench), &b.bench.err);
        finish(&b);
        fake_clock_move(&b.bench.clock, 11LL * 60 * 1000000);
    }
    end(&b);
}

/* Rows of open files, and blocks of those that roll, are in older epochs' objects. */
static void files_whose_bytes_are_gone_stop_the_takeover(void **state)
{
    (void)state;
    enum { OPEN, ROLLS };
    for (int what = OPEN; what <= ROLLS; what++) {
        bed      b;
        weir_buf text = {0}, record = {0};
        begin(&b);
        b.bench.end = false;
        CHECK_OK(bench_try_take_over(&b.bench), &b.bench.err);
        for (int i = 0; i < 2000; i++) /* less than a block */
            weir_buf_format(&text, "+I|%d|n00|1||%08d\n", i, i);
        weir_buf_byte(&text, 0);
        for (int epochs = 0; epochs < 6; epochs++)
            bench_epoch(&b.bench, text.at);
        const s3_refs *blocks = &sink_of(&b)->open[0]->now.block_refs;
        char           key[64];
        CHECK(blocks->count > 0);
        (void)snprintf(key, sizeof key, "cp/bench/l1/t0/log/00000001/%08u",
                       (unsigned)blocks->at[0].idx);
        b.bench.end = what == ROLLS;
        put_epoch(&b, 1);
        bench_crash(&b.bench);
        CHECK_OK(bench_try_take_over(&b.bench), &b.bench.err);
        weir_object gone = {.key = weir_str_of(key)};
        CHECK_OK(weir_store_get_one(b.bench.store, gone.key, &record, &b.bench.err),
                 &b.bench.err);
        CHECK_OK(b.bench.store->kind->remove(b.bench.store, &gone, 1, &b.bench.err),
                 &b.bench.err);
        CHECK_FAILS(replay(&b), WEIR_E_CORRUPT, &b.bench.err);
        CHECK_SAYS(&b.bench.err, key);
        CHECK_SAYS(&b.bench.err, "it is missing");
        CHECK_OK(weir_store_put_one(b.bench.store, gone.key, weir_buf_view(&record),
                                    &b.bench.err),
                 &b.bench.err);
        CHECK_OK(replay(&b), &b.bench.err);
        weir_buf_done(&text);
        weir_buf_done(&record);
        end(&b);
    }
}

static weir_code adopt(bed *b, bed *from, weir_str payload)
{
    return b->bench.kind->adopt(b->bench.now.sink, payload, from->bench.now.checkpoint,
                                &b->bench.err);
}

/* What a lineage begins with that goes on from another: its rows come again in its own files. */
static void open_files_of_another_lineage_are_adopted(void **state)
{
    (void)state;
    bed            b, from;
    weir_manifest *last = NULL;
    begin(&from);
    from.bench.end = false;
    CHECK_OK(bench_try_take_over(&from.bench), &from.bench.err);
    bench_epoch(&from.bench, "+I|1|n00|1||\n+I|2|n01|1||");
    CHECK_OK(weir_checkpoint_read(from.bench.now.checkpoint, from.bench.place[1].gen,
                                  from.bench.place[1].idx, from.bench.arena, &last,
                                  &from.bench.err),
             &from.bench.err);
    weir_str payload = weir_manifest_section(last, from.bench.section);
    size_t   first = sink_of(&from)->open[0]->now.open.len;
    size_t   second = sink_of(&from)->open[1]->now.open.len;
    CHECK(second > 0);
    from.bench.end = true; /* and what is published there is no other's */
    put_epoch(&from, 1);
    CHECK_OK(weir_checkpoint_read(from.bench.now.checkpoint, from.bench.place[2].gen,
                                  from.bench.place[2].idx, from.bench.arena, &last,
                                  &from.bench.err),
             &from.bench.err);
    begin(&b);
    CHECK_OK(bench_try_take_over(&b.bench), &b.bench.err);
    CHECK_OK(adopt(&b, &from, weir_manifest_section(last, from.bench.section)), &b.bench.err);
    CHECK_INT(sink_of(&b)->opens, 0);
    CHECK_INT(sink_of(&b)->recipes, 0);
    CHECK_OK(adopt(&b, &from, WEIR_STR("")), &b.bench.err); /* it had none */
    CHECK_INT(sink_of(&b)->opens, 0);
    CHECK_FAILS(adopt(&b, &from, WEIR_STR("damaged")), WEIR_E_CORRUPT, &b.bench.err);
    weir_object gone = {.key = WEIR_STR("cp/bench/l1/t0/log/00000001/00000001")};
    weir_buf    bytes = {0};
    CHECK_OK(weir_store_get_one(from.bench.store, gone.key, &bytes, &b.bench.err), &b.bench.err);
    CHECK_OK(from.bench.store->kind->remove(from.bench.store, &gone, 1, &b.bench.err),
             &b.bench.err);
    CHECK_FAILS(adopt(&b, &from, payload), WEIR_E_CORRUPT, &b.bench.err);
    CHECK_OK(weir_store_put_one(from.bench.store, gone.key, weir_buf_view(&bytes), &b.bench.err),
             &b.bench.err);
    CHECK_OK(adopt(&b, &from, payload), &b.bench.err);
    CHECK_INT(sink_of(&b)->opens, 2);
    b.bench.end = false;
    put_epoch(&b, 1);
    bench_crash(&b.bench); /* their rows are its own now */
    CHECK_OK(bench_try_take_over(&b.bench), &b.bench.err);
    CHECK_INT(sink_of(&b)->opens, 2);
    CHECK(sink_of(&b)->open[0]->now.open.len > first);
    CHECK_U64(sink_of(&b)->open[1]->now.open.len, second); /* of that nothing came here */
    b.bench.end = true;
    put_epoch(&b, 1);
    finish(&b);
    weir_buf is = files_of(&b);
    CHECK(strstr(is.at, "lake/name=n00/bench-l1-t0-2-2-0.avro") != NULL);
    CHECK(strstr(is.at, "lake/name=n01/bench-l1-t0-2-2-1.avro") != NULL);
    weir_buf_done(&is);
    weir_buf_done(&bytes);
    end(&b);
    end(&from);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_request_may_go_wrong_in_each_way),
        TEST(blocks_that_do_not_make_the_file_are_not_put),
        TEST(file_that_is_there_is_looked_at),
        TEST(worst_of_several_outcomes_is_told),
        TEST(lineage_that_begins_anew_refuses_files_of_another),
        TEST(files_of_a_bucket_s_root_have_no_folder),
        TEST(takeover_publishes_what_the_log_says),
        TEST(refusal_of_another_time_is_forgotten),
        TEST(files_whose_bytes_are_gone_stop_the_takeover),
        TEST(open_files_of_another_lineage_are_adopted),
    };
    return RUN_TESTS(tests);
}
