/* tests/bench_source: what taking records from a source costs, nothing done with them.
 *
 *     bench_source topic-folder DIR TOPIC      a folder that weir-load filled
 *     bench_source kafka BROKERS TOPIC         "the bare consumer"
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "weir/arena.h"
#include "weir/source.h"

typedef struct counted {
    uint64_t records, blocks, bytes;
    uint8_t  touched; /* so that values are really read */
} counted;

static double cpu_seconds(void)
{
    struct rusage used;
    if (getrusage(RUSAGE_SELF, &used) != 0)
        return 0;
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void count(const weir_block *block, counted *to)
{
    to->blocks++;
    to->records += block->records;
    for (uint32_t i = 0; i < block->records; i++) {
        weir_str value = block->record[i].value;
        to->bytes += value.len;
        to->touched ^= value.len ? (uint8_t)value.at[value.len / 2] : 0;
    }
}

static weir_code read_all(weir_source *source, weir_arena *arena, counted *to, weir_err *err)
{
    weir_partition_info *info = NULL;
    uint32_t             partitions = 0, ended = 0;
    weir_code rc = source->kind->discover(source, arena, &info, &partitions, err);
    for (uint32_t i = 0; rc == WEIR_OK && i < partitions; i++) {
        weir_position start = {.next_offset = info[i].low, .last_offset = -1};
        rc = source->kind->seek(source, i, &start, err);
    }
    while (rc == WEIR_OK && ended < partitions) {
        weir_block *block = NULL;
        rc = source->kind->poll(source, 100000, &block, err);
        if (rc != WEIR_OK || !block)
            continue;
        count(block, to);
        ended += block->at_end;
        weir_block_release(block);
    }
    return rc;
}

static weir_code measure(const weir_source_setup *setup, const char *kind, weir_arena *arena,
                         weir_err *err)
{
    weir_source *source = NULL;
    counted      all = {0};
    weir_code    rc = weir_source_new(weir_source_find(weir_str_of(kind)), setup, &source, err);
    double       cpu = cpu_seconds();
    int64_t      began_us = setup->clock->mono_us(setup->clock);
    if (rc == WEIR_OK)
        rc = read_all(source, arena, &all, err);
    weir_source_free(source);
    cpu = cpu_seconds() - cpu;
    double wall = (double)(setup->clock->mono_us(setup->clock) - began_us) / 1e6;
    if (rc == WEIR_OK)
        printf("%" PRIu64 " records, %" PRIu64 " MB, %" PRIu64 " blocks: %.2f s, CPU %.2f s, "
               "%.3f us a record (%02x)\n", all.records, all.bytes >> 20, all.blocks, wall, cpu,
               cpu * 1e6 / (double)all.records, all.touched);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc != 4 || !weir_source_find(weir_str_of(argv[1]))) {
        fprintf(stderr, "bench_source KIND (DIR | BROKERS) TOPIC\n");
        return 2;
    }
    weir_err     err;
    weir_arena  *arena = weir_arena_new("bench", 4096);
    weir_opts   *opts = NULL;
    weir_setting setting[] = {
        {WEIR_STR("topic"), weir_str_of(argv[3]), -1, -1},
        {WEIR_STR("brokers"), weir_str_of(argv[2]), -1, -1},
    };
    const weir_option *const tables[3] = {weir_source_find(weir_str_of(argv[1]))->options};
    weir_code rc = weir_opts_read(tables, setting, 2, arena, &opts, &err);
    weir_source_setup setup = {.table = WEIR_STR("bench"), .job = WEIR_STR("bench"),
                               .opts = opts, .clock = weir_clock_system(),
                               .embedded = weir_str_of(argv[2]), .queue_bytes = 64 << 20};
    if (rc == WEIR_OK)
        rc = measure(&setup, argv[1], arena, &err);
    if (rc != WEIR_OK)
        fprintf(stderr, "bench_source: %s\n", err.msg);
    weir_arena_free(arena);
    return rc != WEIR_OK;
}
