/* source/generate: a shop's orders as Debezium change events, made from a seed.
 *
 * The smallest real source: no file, no server. The same options give the same records at
 * the same offsets, so a job over it can be killed and resumed like one over Kafka.
 *
 * Gives      the kind "generate".
 * Owns       one page of records at a time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/source.h"

#include <stdio.h>
#include <string.h>

#include "generate/generate_shop.h"
#include "source_block.h"
#include "source_resume.h"
#include "source_start.h"
#include "weir/arena.h"
#include "weir/limits.h"

enum {
    STEP_US = 1000 /* between changes of an endless log */
};

typedef struct partition {
    int64_t next; /* offset */
    bool    sought;
    bool    paused;
    bool    ended; /* its end was reported */
} partition;

typedef struct generate {
    weir_source   base;
    weir_clock   *clock;
    generate_shop shop;
    source_start  start;
    generate_page page;
    partition    *partition; /* heap */
    int64_t       rate;      /* records a second, 0: as fast as they are read */
    int64_t       began_us;  /* monotonic; of the first poll */
    int64_t       given;     /* records since then */
} generate;

static weir_source_open_fn     open_shop;
static weir_source_discover_fn discover;
static weir_source_seek_fn     seek;
static weir_source_poll_fn     poll;
static weir_source_pause_fn    pause_partition;
static weir_source_ack_fn      ack;
static weir_source_close_fn    close_shop;

#define SHARE(n, d, h)                                                                      \
    {.name = (n), .type = WEIR_OPT_INT, .fallback = (d), .least = 0, .most = GENERATE_OF,   \
     .help = (h)}
static const weir_option options[] = {
    {.name = "seed", .type = WEIR_OPT_INT, .fallback = "1", .help = "Another seed, other events."},
    {.name = "events", .type = WEIR_OPT_INT, .fallback = "100000",
     .help = "Records of all partitions together; 0: no end."},
    {.name = "partitions", .type = WEIR_OPT_INT, .fallback = "4", .least = 1, .most = 256,
     .help = "Partitions."},
    {.name = "customers", .type = WEIR_OPT_INT, .fallback = "1000", .least = 1, .most = 100000,
     .help = "Customers that order."},
    {.name = "rate", .type = WEIR_OPT_INT, .fallback = "0",
     .help = "Records a second; 0: as fast as they are read."},
    {.name = "start", .type = WEIR_OPT_TEXT, .fallback = "2026-01-01",
     .help = "Time of the first change."},
    {.name = "span", .type = WEIR_OPT_DURATION, .fallback = "1 hour",
     .help = "Event time from the first to the last record."},
    SHARE("updates", "3500", "Updates of 10,000 changes; what is left are inserts."),
    SHARE("deletes", "400", "Deletes of 10,000 changes."),
    SHARE("key_changes", "50", "Changes of the primary key of 10,000 changes."),
    SHARE("unpaid", "3000", "Inserts without a paid_at of 10,000 inserts."),
    SHARE("late_payments", "100", "Payments that come 15 to 60 minutes late of 10,000."),
    SHARE("repeats", "100", "Records sent twice of 10,000."),
    SHARE("bad_rows", "10", "Bad rows of 10,000."),
    {.name = "value_bytes", .type = WEIR_OPT_BYTES, .fallback = "0", .least = 0, .most = 65536,
     .help = "Rows of 18 columns, filled up to so many bytes a record; 0: five columns."},
    {0},
};

const weir_source_kind weir_source_generate = {
    .name = "generate",
    .summary = "change events of a made-up shop, the same for the same seed",
    .options = options,
    .formats = "debezium-json",
    .size = sizeof(generate),
    .bounded = true,
    .open = open_shop,
    .discover = discover,
    .seek = seek,
    .poll = poll,
    .pause = pause_partition,
    .ack = ack,
    .close = close_shop,
};

static generate *self_of(weir_source *source)
{
    weir_assert(source != NULL);
    weir_assert(source->kind == &weir_source_generate);
    return (generate *)source;
}

static weir_code open_shop(weir_source *source, const weir_source_setup *setup, weir_err *err)
{
    generate *self = self_of(source);
    const weir_opts *opts = setup->opts;
    self->clock = setup->clock;
    self->page.number = -1;
    self->rate = weir_opts_int(opts, "rate");
    weir_code rc = source_start_read(opts, &self->start, err);
    if (rc == WEIR_OK && self->start.at != SOURCE_TIME)
        rc = weir_fail(err, WEIR_E_CONFIG, "the start of generated events is a time");
    if (rc != WEIR_OK)
        return rc;
    generate_shop *shop = &self->shop;
    shop->seed = (uint64_t)weir_opts_int(opts, "seed");
    shop->events = weir_opts_int(opts, "events");
    shop->partitions = (uint32_t)weir_opts_int(opts, "partitions");
    shop->customers = (uint32_t)weir_opts_int(opts, "customers");
    shop->start_us = self->start.time_us;
    shop->step_us = shop->events ? weir_opts_int(opts, "span") / shop->events : STEP_US;
    shop->updates = (uint32_t)weir_opts_int(opts, "updates");
    shop->deletes = (uint32_t)weir_opts_int(opts, "deletes");
    shop->key_changes = (uint32_t)weir_opts_int(opts, "key_changes");
    shop->unpaid = (uint32_t)weir_opts_int(opts, "unpaid");
    shop->late = (uint32_t)weir_opts_int(opts, "late_payments");
    shop->duplicates = (uint32_t)weir_opts_int(opts, "repeats");
    shop->bad = (uint32_t)weir_opts_int(opts, "bad_rows");
    shop->value_bytes = (uint32_t)weir_opts_int(opts, "value_bytes");
    self->partition = weir_heap_new(shop->partitions, sizeof *self->partition);
    return WEIR_OK;
}

static weir_code discover(weir_source *source, weir_arena *arena, weir_partition_info **out,
                          uint32_t *out_count, weir_err *err)
{
    const generate *self = self_of(source);
    uint32_t count = self->shop.partitions;
    (void)err; /* cannot fail */
    weir_partition_info *list = WEIR_ARRAY(arena, weir_partition_info, count);
    for (uint32_t i = 0; i < count; i++) {
        list[i].name = weir_str_of(weir_arena_text(arena, "%u", i));
        list[i].number = (int32_t)i;
        list[i].end = generate_records_of(&self->shop, i);
    }
    *out = list;
    *out_count = count;
    return WEIR_OK;
}

static const generate_record *record_at(generate *self, uint32_t index, int64_t offset)
{
    int64_t page = offset / GENERATE_PAGE;
    if (self->page.number != page)
        generate_page_make(&self->page, &self->shop, page);
    uint32_t at = index * GENERATE_PAGE + (uint32_t)(offset % GENERATE_PAGE);
    return &self->page.record[self->page.index[at]];
}

static weir_code seek(weir_source *source, uint32_t index, const weir_position *position,
                      weir_err *err)
{
    generate *self = self_of(source);
    weir_assert(index < self->shop.partitions);
    char name[12];
    int len = snprintf(name, sizeof name, "%u", index);
    source_resume log = {.topic = WEIR_STR("generate"), .partition = {name, (size_t)len},
                         .end = generate_records_of(&self->shop, index)};
    weir_record last = {.offset = position->last_offset};
    weir_code rc = source_resume_range(&log, position, err);
    if (rc == WEIR_OK && source_resume_must_look(&log, position)) {
        const generate_record *found = record_at(self, index, position->last_offset);
        last.timestamp_us = found->timestamp_us;
        last.key = generate_key_of(&self->page, found);
        last.value = generate_value_of(&self->page, found);
        log.found = &last;
        rc = source_resume_same(&log, position, err);
    }
    if (rc == WEIR_OK)
        self->partition[index] = (partition){.next = position->next_offset, .sought = true};
    return rc;
}

/* How many records the rate allows now, and if none, when the next one. */
static int64_t allowed(generate *self, int64_t now_us)
{
    if (self->rate == 0)
        return INT64_MAX;
    if (self->began_us == 0)
        self->began_us = now_us;
    int64_t passed_us = now_us - self->began_us;
    int64_t due = passed_us / 1000000 * self->rate + passed_us % 1000000 * self->rate / 1000000;
    return due + 1 - self->given;
}

/* Partitions are read in step, so that one page serves them all. */
static partition *choose(generate *self)
{
    partition *best = NULL;
    for (uint32_t i = 0; i < self->shop.partitions; i++) {
        partition *one = &self->partition[i];
        bool ready = one->sought && !one->paused && !one->ended;
        if (ready && (!best || one->next < best->next))
            best = one;
    }
    return best;
}

static weir_header *put_header(weir_block *block, const generate_page *page, char **text,
                               const generate_record *from, weir_header *to)
{
    memcpy(*text, page->text.at + from->other_at, from->other_len);
    *to = (weir_header){weir_str_of(from->other), {*text, from->other_len}};
    *text += from->other_len;
    block->record[block->records].headers = 1;
    block->record[block->records].header = to;
    return to + 1;
}

static weir_str put(char **text, weir_str what)
{
    if (!what.at)
        return what;
    weir_str made = {*text, what.len};
    memcpy(*text, what.at, what.len);
    *text += what.len;
    return made;
}

static weir_block *make_block(generate *self, uint32_t index, uint32_t count)
{
    partition *one = &self->partition[index];
    size_t bytes = WEIR_RECORD_PAD;
    for (uint32_t i = 0; i < count; i++) {
        const generate_record *from = record_at(self, index, one->next + i);
        bytes += from->key_len + from->other_len + generate_value_of(&self->page, from).len;
    }
    char *text = weir_heap_new(1, bytes);
    weir_header *header = weir_heap_new(count, sizeof *header), *free_header = header;
    weir_block *block = source_block_new(index, count, text, bytes);
    source_block_take_headers(block, header, count);
    for (block->records = 0; block->records < count; block->records++) {
        const generate_record *from = record_at(self, index, one->next);
        weir_record *record = &block->record[block->records];
        record->offset = one->next++;
        record->timestamp_us = from->timestamp_us;
        record->key = put(&text, generate_key_of(&self->page, from));
        record->value = put(&text, generate_value_of(&self->page, from));
        if (from->other_len > 0)
            free_header = put_header(block, &self->page, &text, from, free_header);
    }
    block->next_offset = one->next;
    return block;
}

static weir_block *next_block(generate *self, partition *one, int64_t most)
{
    uint32_t index = (uint32_t)(one - self->partition);
    int64_t count = generate_records_of(&self->shop, index) - one->next;
    int64_t in_page = GENERATE_PAGE - one->next % GENERATE_PAGE;
    int64_t by_bytes = self->shop.value_bytes ? WEIR_BLOCK_BYTES / (self->shop.value_bytes * 2)
                                              : GENERATE_PAGE;
    bool rest = count <= in_page && count <= most && count <= by_bytes;
    count = count < in_page ? count : in_page;
    count = count < most ? count : most;
    count = count < by_bytes ? count : by_bytes;
    weir_block *block = make_block(self, index, (uint32_t)count);
    self->given += count;
    block->at_end = one->ended = rest;
    return block;
}

static weir_code poll(weir_source *source, int64_t timeout_us, weir_block **out, weir_err *err)
{
    generate *self = self_of(source);
    (void)err; /* cannot fail */
    *out = NULL;
    partition *one = choose(self);
    int64_t most = allowed(self, self->clock->mono_us(self->clock));
    if (!one || most <= 0) {
        int64_t wait_us = one ? 1000000 / self->rate : timeout_us;
        self->clock->pause_us(self->clock, wait_us < timeout_us ? wait_us : timeout_us);
        most = allowed(self, self->clock->mono_us(self->clock));
    }
    if (one && most > 0)
        *out = next_block(self, one, most);
    return WEIR_OK;
}

static weir_code pause_partition(weir_source *source, uint32_t index, bool paused,
                                 weir_err *err)
{
    generate *self = self_of(source);
    weir_assert(index < self->shop.partitions);
    (void)err; /* cannot fail */
    self->partition[index].paused = paused;
    return WEIR_OK;
}

static weir_code ack(weir_source *source, const weir_position *position, uint32_t count,
                     weir_err *err)
{
    (void)self_of(source); /* nobody shows the lag of a made-up log */
    (void)position;
    (void)count;
    (void)err;
    return WEIR_OK;
}

static void close_shop(weir_source *source)
{
    generate *self = self_of(source);
    generate_page_done(&self->page);
    weir_heap_free(self->partition);
}
