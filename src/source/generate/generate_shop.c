/* source/generate/generate_shop: a shop's orders as change events, made from a seed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "generate_shop.h"

#include <string.h>

#include "weir/arena.h"
#include "weir/error.h"

enum {
    NEAR = 64,        /* updates go to one of the latest so many orders */
    TOMBSTONE = -1    /* as uint32_t: no value */
};
static const int64_t second_us = 1000000, minute_us = 60000000;

typedef struct live_orders { /* of one partition */
    uint32_t *order; /* index into making.order */
    uint32_t  count;
} live_orders;

typedef struct spare_ids { /* ids that belong to one partition and are not used yet */
    int64_t *id;
    uint32_t count, used;
} spare_ids;

typedef struct making { /* what is known while a page is being made */
    const generate_shop *shop;
    generate_page       *page;
    weir_arena          *scratch;
    uint64_t             random;
    generate_order      *order;
    uint32_t             orders;
    live_orders         *live;
    spare_ids           *spare;
    int64_t              next_id;
    uint32_t            *filled; /* records of each partition */
    uint32_t             room;   /* records left in the page */
    generate_change      change;
    uint32_t             same_statement; /* inserts that still belong to it */
} making;

static uint64_t next_random(making *in) /* splitmix64 */
{
    uint64_t z = (in->random += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint32_t below(making *in, uint32_t most)
{
    return (uint32_t)((next_random(in) >> 32) * most >> 32);
}

static bool chance(making *in, uint32_t share)
{
    return below(in, GENERATE_OF) < share;
}

static uint32_t left_in(const making *in, uint32_t partition)
{
    return GENERATE_PAGE - in->filled[partition];
}

static void append(making *in, generate_record record)
{
    generate_page *page = in->page;
    uint32_t partition = record.partition;
    weir_assert(left_in(in, partition) > 0);
    page->index[partition * GENERATE_PAGE + in->filled[partition]++] = page->records;
    page->record[page->records++] = record;
    in->room--;
}

static generate_record start_record(making *in, uint32_t partition, int64_t id)
{
    generate_record record = {.partition = partition, .value_len = (uint32_t)TOMBSTONE};
    record.key_at = (uint32_t)in->page->text.len;
    generate_key(&in->page->text, id);
    record.key_len = (uint32_t)in->page->text.len - record.key_at;
    record.timestamp_us = (in->change.commit_us + 12 * 1000) / 1000 * 1000;
    return record;
}

static void give_value(making *in, generate_record *record, const generate_order *before,
                       const generate_order *after)
{
    record->value_at = (uint32_t)in->page->text.len;
    generate_envelope(&in->page->text, &in->change, before, after, in->shop->value_bytes);
    record->value_len = (uint32_t)in->page->text.len - record->value_at;
}

static void give_header(making *in, generate_record *record, const char *name, int64_t id)
{
    record->other = name;
    record->other_at = (uint32_t)in->page->text.len;
    generate_key(&in->page->text, id);
    record->other_len = (uint32_t)in->page->text.len - record->other_at;
}

/* A new place in the source's log, for a new statement. */
static void next_statement(making *in)
{
    in->change.transaction++;
    in->change.pos += 310 + below(in, 200);
    in->change.row = 0;
    in->same_statement = 0;
    in->change.commit_us += in->shop->step_us;
}

static int64_t new_id(making *in, uint32_t partition)
{
    spare_ids *own = &in->spare[partition];
    while (own->used == own->count) {
        weir_buf key = {0};
        generate_key(&key, in->next_id);
        spare_ids *to = &in->spare[generate_partition(weir_buf_view(&key), in->shop->partitions)];
        weir_buf_done(&key);
        if (to->used == to->count)
            to->used = to->count = 0;
        if (to->count < 4 * GENERATE_PAGE)
            to->id[to->count++] = in->next_id;
        in->next_id++;
    }
    return own->id[own->used++];
}

static generate_order *new_order(making *in, uint32_t partition)
{
    generate_order *order = &in->order[in->orders];
    *order = (generate_order){.id = new_id(in, partition), .paid_us = INT64_MIN};
    live_orders *live = &in->live[partition];
    live->order[live->count++] = in->orders++;
    return order;
}

static void forget(making *in, uint32_t partition, uint32_t which)
{
    live_orders *live = &in->live[partition];
    memmove(&live->order[which], &live->order[which + 1],
            (live->count - which - 1) * sizeof *live->order);
    live->count--;
}

static void pay(making *in, generate_order *order)
{
    int64_t ago_us = (int64_t)below(in, 20 * (uint32_t)second_us);
    if (chance(in, in->shop->late))
        ago_us += (15 + below(in, 45)) * minute_us;
    order->status = "PAID";
    order->paid_us = in->change.commit_us - ago_us;
}

static void judge(making *in, generate_order *order, uint32_t faults)
{
    order->fault = GENERATE_FINE;
    if (chance(in, in->shop->bad))
        order->fault = (generate_fault)(1 + below(in, faults - 1));
}

static void insert(making *in, uint32_t partition)
{
    if (in->same_statement > 0) {
        in->same_statement--;
        in->change.row++;
    } else {
        next_statement(in);
        in->same_statement = chance(in, 400) ? 1 + below(in, 3) : 0;
    }
    in->change.op = 'c';
    generate_order *order = new_order(in, partition);
    order->customer = below(in, in->shop->customers);
    order->cents = 100 + below(in, 99900);
    order->status = "NEW";
    order->created_us = order->updated_us = in->change.commit_us;
    if (!chance(in, in->shop->unpaid))
        pay(in, order);
    judge(in, order, GENERATE_FAULTS);
    generate_record record = start_record(in, partition, order->id);
    give_value(in, &record, NULL, order);
    append(in, record);
    if (order->fault == GENERATE_BROKEN) /* nobody ever saw that row: nothing may follow */
        forget(in, partition, in->live[partition].count - 1);
}

static uint32_t pick(making *in, uint32_t partition)
{
    uint32_t count = in->live[partition].count, near = count < NEAR ? count : NEAR;
    return count - 1 - below(in, near);
}

static void change_order(making *in, generate_order *order)
{
    uint32_t dice = below(in, 100);
    bool paid = strcmp(order->status, "PAID") == 0;
    bool old = paid && in->change.commit_us - order->paid_us > 12 * minute_us;
    if (old && dice < 40) {
        pay(in, order); /* it was booked wrong: the row moves, half of it too late */
    } else if (strcmp(order->status, "NEW") == 0) {
        if (dice < 70)
            pay(in, order);
        else if (dice < 80)
            order->status = "CANCELLED";
        else
            order->cents = 100 + below(in, 99900);
    } else if (paid && dice < 60) {
        order->status = "SHIPPED";
    } else if ((paid && dice < 75) || (!paid && dice < 20)) {
        order->status = "REFUNDED";
    } else if (dice < 88) {
        order->cents = 100 + below(in, 99900);
    } else if (dice < 95) {
        order->customer = below(in, in->shop->customers);
    } /* else only updated_at: nothing that the job looks at */
    order->updated_us = in->change.commit_us;
}

static void update(making *in, uint32_t partition)
{
    generate_order *order = &in->order[in->live[partition].order[pick(in, partition)]];
    generate_order before = *order;
    next_statement(in);
    in->change.op = 'u';
    change_order(in, order);
    judge(in, order, GENERATE_BROKEN);
    generate_record record = start_record(in, partition, order->id);
    give_value(in, &record, &before, order);
    append(in, record);
}

/* The event and its tombstone. */
static void take_out(making *in, uint32_t partition, uint32_t which, int64_t new_key)
{
    const generate_order *order = &in->order[in->live[partition].order[which]];
    in->change.op = 'd';
    generate_record record = start_record(in, partition, order->id);
    generate_record tombstone = record;
    give_value(in, &record, order, NULL);
    if (new_key) {
        give_header(in, &record, "__debezium.newkey", new_key);
        tombstone.other = record.other;
        tombstone.other_at = record.other_at;
        tombstone.other_len = record.other_len;
    }
    append(in, record);
    append(in, tombstone);
    forget(in, partition, which);
}

static void remove_order(making *in, uint32_t partition)
{
    next_statement(in);
    take_out(in, partition, pick(in, partition), 0);
}

/* Delete and create at one place of the log; the new key may live in another partition. */
static void change_key(making *in, uint32_t partition, uint32_t target)
{
    uint32_t which = pick(in, partition);
    uint32_t index = in->live[partition].order[which];
    next_statement(in);
    generate_order *moved = new_order(in, target);
    int64_t id = moved->id, old = in->order[index].id;
    *moved = in->order[index];
    moved->id = id;
    take_out(in, partition, which, id);
    in->change.op = 'c';
    generate_record record = start_record(in, target, id);
    give_value(in, &record, NULL, moved);
    give_header(in, &record, "__debezium.oldkey", old);
    append(in, record);
}

/* The connector died and sends its last stretch again: the same bytes, at new offsets. */
static void repeat(making *in)
{
    const generate_page *page = in->page;
    uint32_t from = page->records - GENERATE_REPEAT, to = page->records;
    uint32_t *more = WEIR_ARRAY(in->scratch, uint32_t, in->shop->partitions);
    for (uint32_t i = from; i < to; i++)
        if (++more[page->record[i].partition] > left_in(in, page->record[i].partition))
            return;
    for (uint32_t i = from; i < to; i++)
        append(in, page->record[i]);
}

static uint32_t choose_partition(making *in)
{
    uint32_t partition = below(in, in->shop->partitions);
    while (left_in(in, partition) == 0)
        partition = (partition + 1) % in->shop->partitions;
    return partition;
}

static void one_change(making *in)
{
    const generate_shop *shop = in->shop;
    uint32_t partition = choose_partition(in), target = below(in, shop->partitions);
    uint32_t room = left_in(in, partition), dice = below(in, GENERATE_OF);
    bool any = in->live[partition].count > 0;
    if (in->same_statement > 0)
        insert(in, partition);
    else if (any && dice < shop->updates)
        update(in, partition);
    else if (any && room >= 2 && dice - shop->updates < shop->deletes)
        remove_order(in, partition);
    else if (any && room >= 2 && dice - shop->updates - shop->deletes < shop->key_changes &&
             left_in(in, target) >= (target == partition ? 3u : 1u))
        change_key(in, partition, target);
    else
        insert(in, partition);
    /* Each repeat adds GENERATE_REPEAT records; it starts behind a whole statement. */
    if (in->same_statement == 0 && in->page->records >= GENERATE_REPEAT &&
        below(in, GENERATE_OF * GENERATE_REPEAT) < shop->duplicates)
        repeat(in);
}

static void prepare_page(generate_page *page, uint32_t room)
{
    if (page->room < room) {
        generate_page_done(page);
        page->record = weir_heap_new(room, sizeof *page->record);
        page->index = weir_heap_new(room, sizeof *page->index);
        page->room = room;
    }
    weir_buf_clear(&page->text);
    page->records = 0;
}

void generate_page_make(generate_page *page, const generate_shop *shop, int64_t number)
{
    weir_assert(shop->partitions > 0);
    weir_assert(shop->customers > 0);
    uint32_t room = shop->partitions * GENERATE_PAGE;
    prepare_page(page, room);
    weir_arena *scratch = weir_arena_new("generate", 1 << 16);
    making in = {.shop = shop, .page = page, .scratch = scratch, .room = room};
    in.random = shop->seed * 0x9e3779b97f4a7c15u ^ (uint64_t)number * 0xd1342543de82ef95u;
    in.order = WEIR_ARRAY(scratch, generate_order, room);
    in.filled = WEIR_ARRAY(scratch, uint32_t, shop->partitions);
    in.live = WEIR_ARRAY(scratch, live_orders, shop->partitions);
    in.spare = WEIR_ARRAY(scratch, spare_ids, shop->partitions);
    for (uint32_t i = 0; i < shop->partitions; i++) {
        in.live[i].order = WEIR_ARRAY(scratch, uint32_t, GENERATE_PAGE);
        in.spare[i].id = WEIR_ARRAY(scratch, int64_t, 4 * GENERATE_PAGE);
    }
    in.next_id = 1 + number * room * 2;
    in.change.transaction = (uint64_t)(number * room);
    in.change.file = (uint32_t)(2 + number % 999998);
    in.change.pos = 157;
    in.change.commit_us = shop->start_us + number * room * shop->step_us;
    while (in.room > 0)
        one_change(&in);
    weir_assert(in.next_id <= 1 + (number + 1) * room * 2); /* no id is used by two pages */
    page->number = number;
    weir_arena_free(scratch);
}

void generate_page_done(generate_page *page)
{
    weir_buf_done(&page->text);
    weir_heap_free(page->record);
    weir_heap_free(page->index);
    *page = (generate_page){.number = -1};
}

int64_t generate_records_of(const generate_shop *shop, uint32_t partition)
{
    if (shop->events == 0)
        return INT64_MAX;
    return shop->events / shop->partitions + (partition < shop->events % shop->partitions);
}

weir_str generate_key_of(const generate_page *page, const generate_record *record)
{
    return (weir_str){page->text.at + record->key_at, record->key_len};
}

weir_str generate_value_of(const generate_page *page, const generate_record *record)
{
    if (record->value_len == (uint32_t)TOMBSTONE)
        return (weir_str){0};
    return (weir_str){page->text.at + record->value_at, record->value_len};
}
