/* load/weir_load: fills a topic with the change events of a made-up shop.
 *
 *     weir-load --embedded DIR --topic T [options]     DIR/kafka/T/0.jsonl …
 *     weir-load --brokers HOST:PORT --topic T [options]
 *
 * The same options give the same events. --profile sets many of them at once; options behind
 * it change it. --rate N sends N records a second, else it goes as fast as it can.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir_load.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/arena.h"
#include "weir/clock.h"
#include "weir/option.h"

#define MINUTE_US 60000000LL
#define START_US (20454LL * 86400 * 1000000) /* 2026-01-01 */

typedef struct load {
    generate_shop shop;
    load_place    place;
    int64_t       span_us;
    int64_t       rate; /* records a second; 0: as fast as it goes */
} load;

typedef struct profile {
    const char   *name;
    const char   *help;
    generate_shop shop;
    int64_t       span_us;
} profile;

static const profile profiles[] = {
    {"quickstart", "200,000 events over 20 minutes: all that can happen to a table",
     {.seed = 1, .events = 200000, .partitions = 4, .customers = 50, .start_us = START_US,
      .updates = 3500, .deletes = 400, .key_changes = 50, .late = 100, .duplicates = 100,
      .bad = 10, .unpaid = 3000},
     20 * MINUTE_US},
    {"e2e", "1,000,000 events over 3 hours, 10,000 customers",
     {.seed = 7, .events = 1000000, .partitions = 4, .customers = 10000, .start_us = START_US,
      .updates = 3500, .deletes = 400, .key_changes = 50, .late = 100, .duplicates = 100,
      .bad = 10, .unpaid = 3000},
     180 * MINUTE_US},
    {"inserts", "2,000,000 inserts of 863 bytes, 10,000 customers: the benchmark",
     {.seed = 3, .events = 2000000, .partitions = 4, .customers = 10000, .start_us = START_US,
      .value_bytes = 863},
     16 * MINUTE_US},
    {"mixed", "2,000,000 events: 60 % inserts, 35 % updates, 5 % deletes",
     {.seed = 4, .events = 2000000, .partitions = 4, .customers = 10000, .start_us = START_US,
      .updates = 3500, .deletes = 500, .value_bytes = 863},
     16 * MINUTE_US},
};

static const struct option words[] = {
    {"profile", required_argument, NULL, 'p'},   {"embedded", required_argument, NULL, 'e'},
    {"brokers", required_argument, NULL, 'b'},   {"topic", required_argument, NULL, 't'},
    {"codec", required_argument, NULL, 'c'},     {"events", required_argument, NULL, 'n'},
    {"partitions", required_argument, NULL, 'P'}, {"customers", required_argument, NULL, 'C'},
    {"seed", required_argument, NULL, 's'},      {"span", required_argument, NULL, 'S'},
    {"rate", required_argument, NULL, 'r'},      {"updates", required_argument, NULL, 1},
    {"deletes", required_argument, NULL, 2},     {"key-changes", required_argument, NULL, 3},
    {"late", required_argument, NULL, 4},        {"duplicates", required_argument, NULL, 5},
    {"bad", required_argument, NULL, 6},         {"unpaid", required_argument, NULL, 7},
    {"value-bytes", required_argument, NULL, 8}, {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static void usage(FILE *to)
{
    fprintf(to, "weir-load (--embedded DIR | --brokers LIST) --topic TOPIC [options]\n"
                "  --profile NAME      one of:\n");
    for (size_t i = 0; i < sizeof profiles / sizeof profiles[0]; i++)
        fprintf(to, "      %-12s    %s\n", profiles[i].name, profiles[i].help);
    fprintf(to, "  --events N --partitions N --customers N --seed N --rate N --value-bytes N\n"
                "  --span '20 minutes' event time from first to last\n"
                "  --codec lz4         compression, for brokers\n"
                "  --updates N --deletes N --key-changes N --late N --duplicates N --bad N\n"
                "  --unpaid N          shares of 10,000\n");
}

static _Noreturn void refuse(const char *what, const char *value)
{
    fprintf(stderr, "weir-load: %s '%s'\n", what, value);
    exit(2);
}

static int64_t whole(const char *text, int64_t most)
{
    int64_t value = 0;
    if (!weir_str_to_i64(weir_str_of(text), &value) || value < 0 || value > most)
        refuse("not a number in range:", text);
    return value;
}

static void take_profile(load *job, const char *name)
{
    for (size_t i = 0; i < sizeof profiles / sizeof profiles[0]; i++) {
        if (strcmp(profiles[i].name, name) == 0) {
            job->shop = profiles[i].shop;
            job->span_us = profiles[i].span_us;
            return;
        }
    }
    refuse("no profile", name);
}

static void take_share(generate_shop *shop, int which, const char *text)
{
    uint32_t *const share[] = {&shop->updates,    &shop->deletes, &shop->key_changes,
                               &shop->late,       &shop->duplicates, &shop->bad,
                               &shop->unpaid,     &shop->value_bytes};
    *share[which - 1] = (uint32_t)whole(text, which == 8 ? 65536 : GENERATE_OF);
}

static void take_word(load *job, int word, const char *text)
{
    switch (word) {
    case 'p':
        take_profile(job, text);
        break;
    case 'e':
        job->place.embedded = text;
        break;
    case 'b':
        job->place.brokers = text;
        break;
    case 't':
        job->place.topic = text;
        break;
    case 'c':
        job->place.codec = text;
        break;
    case 'n':
        job->shop.events = whole(text, INT64_MAX);
        break;
    case 'P':
        job->shop.partitions = (uint32_t)whole(text, 256);
        break;
    case 'C':
        job->shop.customers = (uint32_t)whole(text, 100000);
        break;
    case 's':
        job->shop.seed = (uint64_t)whole(text, INT64_MAX);
        break;
    case 'r':
        job->rate = whole(text, 100000000);
        break;
    case 'S':
        if (!weir_parse_duration(weir_str_of(text), &job->span_us))
            refuse("not a duration:", text);
        break;
    default:
        take_share(&job->shop, word, text);
    }
}

static void read_arguments(load *job, int argc, char **argv)
{
    take_profile(job, "quickstart");
    job->place.codec = "lz4";
    for (int word; (word = getopt_long(argc, argv, "h", words, NULL)) != -1;) {
        if (word == 'h') {
            usage(stdout);
            exit(0);
        }
        if (word == '?') {
            usage(stderr);
            exit(2);
        }
        take_word(job, word, optarg);
    }
    bool one_place = !job->place.embedded != !job->place.brokers;
    if (optind < argc || !one_place || !job->place.topic || job->shop.events == 0 ||
        job->shop.partitions == 0 || job->shop.customers == 0) {
        usage(stderr);
        exit(2);
    }
    job->place.partitions = job->shop.partitions;
    job->shop.step_us = job->span_us / job->shop.events;
}

/* Waits until record number `sent` is due. Flushes in front of each wait. */
static weir_code keep_pace(const load *job, load_target *to, int64_t began_us, int64_t sent,
                           weir_err *err)
{
    weir_clock *clock = weir_clock_system();
    if (job->rate == 0 || sent % (job->rate / 50 + 1) != 0)
        return WEIR_OK;
    int64_t early_us = began_us + sent * 1000000 / job->rate - clock->mono_us(clock);
    weir_code rc = to->flush(to, err);
    if (rc == WEIR_OK && early_us > 0)
        clock->pause_us(clock, early_us);
    return rc;
}

static weir_code send_all(const load *job, load_target *to, int64_t *out_sent, weir_err *err)
{
    generate_page page = {.number = -1};
    uint32_t *at = weir_heap_new(job->shop.partitions, sizeof *at);
    weir_clock *clock = weir_clock_system();
    int64_t began_us = clock->mono_us(clock), sent = 0;
    weir_code rc = WEIR_OK;
    for (int64_t number = 0; rc == WEIR_OK && sent < job->shop.events; number++) {
        generate_page_make(&page, &job->shop, number);
        memset(at, 0, job->shop.partitions * sizeof *at);
        for (uint32_t i = 0; rc == WEIR_OK && i < page.records; i++) {
            const generate_record *record = &page.record[i];
            int64_t offset = number * GENERATE_PAGE + at[record->partition]++;
            if (offset >= generate_records_of(&job->shop, record->partition))
                continue;
            rc = to->put(to, &page, record, offset, err);
            sent++;
            if (rc == WEIR_OK)
                rc = keep_pace(job, to, began_us, sent, err);
        }
    }
    if (rc == WEIR_OK)
        rc = to->flush(to, err);
    generate_page_done(&page);
    weir_heap_free(at);
    *out_sent = sent;
    return rc;
}

int main(int argc, char **argv)
{
    load job = {0};
    weir_err err;
    load_target *to = NULL;
    int64_t sent = 0;
    weir_err_clear(&err);
    read_arguments(&job, argc, argv);
    weir_code rc = job.place.brokers ? load_kafka_open(&job.place, &to, &err)
                                     : load_folder_open(&job.place, &to, &err);
    if (rc == WEIR_OK)
        rc = send_all(&job, to, &sent, &err);
    if (to)
        to->close(to);
    if (rc != WEIR_OK) {
        fprintf(stderr, "weir-load: %s\n", err.msg);
        return 1;
    }
    printf("%" PRId64 " records into %u partitions of '%s'\n", sent, job.place.partitions,
           job.place.topic);
    return 0;
}
