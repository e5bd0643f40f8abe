/* source/topic_folder: a topic as a folder: what Kafka is to a job run with --embedded.
 *
 * DIR/kafka/TOPIC/PARTITION.jsonl, one append-only file of JSON lines for each partition, that
 * any tool can write and weir follows.
 *
 * Gives      the kind "topic-folder".
 * Owns       an open file for each partition.
 * Relies on  files only growing: what was read is never changed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/source.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "source_resume.h"
#include "source_start.h"
#include "topic_file.h"
#include "weir/arena.h"
#include "weir/limits.h"

enum {
    LOOK_US = 10000 /* between looks at files that may have grown */
};

typedef struct topic_folder {
    weir_source  base;
    weir_arena  *arena; /* ours: paths, names */
    weir_clock  *clock;
    weir_str     topic;
    const char  *path;
    source_start start;
    bool         headers;
    topic_file  *file; /* heap: grows when partitions are added */
    uint32_t     files;
    uint32_t     turn; /* whose turn it is to be read */
} topic_folder;

static weir_source_open_fn     open_folder;
static weir_source_discover_fn discover;
static weir_source_seek_fn     seek;
static weir_source_poll_fn     poll;
static weir_source_pause_fn    pause_partition;
static weir_source_ack_fn      ack;
static weir_source_close_fn    close_folder;

static const weir_option options[] = {
#define BROKERS_REQUIRED false
#define OPTION(...) {__VA_ARGS__},
#include "topic_options.def"
#undef OPTION
#undef BROKERS_REQUIRED
    {0},
};

const weir_source_kind weir_source_topic_folder = {
    .name = "topic-folder",
    .summary = "a topic as a folder of JSON-lines files; stands in for kafka with --embedded",
    .options = options,
    .formats = "debezium-json|json",
    .size = sizeof(topic_folder),
    .open = open_folder,
    .discover = discover,
    .seek = seek,
    .poll = poll,
    .pause = pause_partition,
    .ack = ack,
    .close = close_folder,
};

static topic_folder *self_of(weir_source *source)
{
    weir_assert(source != NULL);
    weir_assert(source->kind == &weir_source_topic_folder);
    return (topic_folder *)source;
}

static weir_code check_topic(weir_str topic, weir_err *err)
{
    bool fine = topic.len > 0 && topic.len <= 249 && topic.at[0] != '.';
    for (size_t i = 0; fine && i < topic.len; i++)
        fine = topic.at[i] != '/' && topic.at[i] != '\0';
    return fine ? WEIR_OK
                : weir_fail(err, WEIR_E_CONFIG, "'%.*s' cannot be the name of a topic",
                            WEIR_STR_FMT(topic));
}

/* "12.jsonl" is partition 12. */
static bool file_number(const char *name, int64_t *out)
{
    const char *dot = strchr(name, '.');
    return dot && strcmp(dot, ".jsonl") == 0 &&
           weir_str_to_i64((weir_str){name, (size_t)(dot - name)}, out) && *out >= 0 &&
           *out <= INT32_MAX && (name[0] != '0' || dot == name + 1);
}

static int by_number(const void *a, const void *b)
{
    int32_t one = *(const int32_t *)a, two = *(const int32_t *)b;
    return (one > two) - (one < two);
}

static bool known(const topic_folder *self, int64_t number)
{
    for (uint32_t i = 0; i < self->files; i++)
        if (self->file[i].number == number)
            return true;
    return false;
}

/* Numbers of the folder's files that are not open yet, sorted. */
static weir_code new_files(topic_folder *self, weir_arena *scratch, int32_t **out,
                           uint32_t *out_count, weir_err *err)
{
    int32_t *number = WEIR_ARRAY(scratch, int32_t, WEIR_PARTITIONS_MAX);
    uint32_t count = 0;
    int64_t found = 0;
    DIR *dir = opendir(self->path);
    if (!dir && errno == ENOENT) {
        (void)weir_fail(err, WEIR_E_NOTFOUND, "there is no topic '%.*s': no folder '%s'",
                        WEIR_STR_FMT(self->topic), self->path);
        return weir_err_hint(err, "write records to '0.jsonl' in that folder");
    }
    if (!dir)
        return weir_fail(err, WEIR_E_IO, "could not open '%s': %s", self->path,
                         strerror(errno));
    for (struct dirent *entry; (entry = readdir(dir)) && count < WEIR_PARTITIONS_MAX;)
        if (file_number(entry->d_name, &found) && !known(self, found))
            number[count++] = (int32_t)found;
    (void)closedir(dir); /* only read */
    qsort(number, count, sizeof *number, by_number);
    *out = number;
    *out_count = count;
    return WEIR_OK;
}

static weir_code add_file(topic_folder *self, int32_t number, weir_err *err)
{
    if (self->files == WEIR_PARTITIONS_MAX)
        return weir_fail(err, WEIR_E_LIMIT, "topic '%.*s' has more than %u partitions",
                         WEIR_STR_FMT(self->topic), WEIR_PARTITIONS_MAX);
    topic_file file = {.number = number, .index = self->files, .headers = self->headers};
    file.name = weir_str_of(weir_arena_text(self->arena, "%d", number));
    const char *path = weir_arena_text(self->arena, "%s/%d.jsonl", self->path, number);
    weir_code rc = topic_file_open(&file, path, err);
    if (rc == WEIR_OK)
        self->file[self->files++] = file;
    return rc;
}

static weir_code find_files(topic_folder *self, weir_arena *scratch, weir_err *err)
{
    int32_t *number = NULL;
    uint32_t count = 0;
    weir_code rc = new_files(self, scratch, &number, &count, err);
    if (rc != WEIR_OK)
        return rc;
    if (self->files + count == 0) {
        (void)weir_fail(err, WEIR_E_NOTFOUND, "topic '%.*s' has no partition: no file "
                        "'0.jsonl' in '%s'", WEIR_STR_FMT(self->topic), self->path);
        return weir_err_hint(err, "write records to '0.jsonl' in that folder");
    }
    self->file = weir_heap_grow(self->file, self->files, self->files + count,
                                sizeof *self->file);
    for (uint32_t i = 0; rc == WEIR_OK && i < count; i++)
        rc = add_file(self, number[i], err);
    return rc;
}

static weir_code open_folder(weir_source *source, const weir_source_setup *setup,
                             weir_err *err)
{
    topic_folder *self = self_of(source);
    self->arena = weir_arena_new("topic-folder", 4096);
    self->clock = setup->clock;
    self->headers = setup->headers;
    self->topic = weir_str_copy(self->arena, weir_opts_text(setup->opts, "topic"));
    if (setup->embedded.len == 0)
        return weir_fail(err, WEIR_E_CONFIG, "a topic folder is read with --embedded DIR only");
    weir_code rc = check_topic(self->topic, err);
    if (rc == WEIR_OK)
        rc = source_start_read(setup->opts, &self->start, err);
    if (rc != WEIR_OK)
        return rc;
    self->path = weir_arena_text(self->arena, "%.*s/kafka/%s", WEIR_STR_FMT(setup->embedded),
                                 self->topic.at);
    weir_arena *scratch = weir_arena_new("topic-folder scratch", 4096);
    rc = find_files(self, scratch, err);
    weir_arena_free(scratch);
    return rc;
}

/* The first record at or behind a time, looked for from the front: times need not rise. */
static weir_code offset_at_time(topic_folder *self, const topic_file *file, int64_t *out,
                                weir_err *err)
{
    topic_file other = *file;
    weir_code rc = topic_file_find(&other, 0, err);
    while (rc == WEIR_OK) {
        weir_block *block = NULL;
        rc = topic_file_read(&other, &block, err);
        if (!block)
            break;
        uint32_t i = 0;
        while (i < block->records && block->record[i].timestamp_us < self->start.time_us)
            i++;
        bool found = i < block->records, end = block->at_end;
        *out = found ? block->record[i].offset : block->next_offset;
        weir_block_release(block);
        if (found || end)
            break;
    }
    return rc;
}

static weir_code discover(weir_source *source, weir_arena *arena, weir_partition_info **out,
                          uint32_t *out_count, weir_err *err)
{
    topic_folder *self = self_of(source);
    weir_code rc = find_files(self, arena, err);
    if (rc != WEIR_OK)
        return rc;
    weir_partition_info *list = WEIR_ARRAY(arena, weir_partition_info, self->files);
    for (uint32_t i = 0; rc == WEIR_OK && i < self->files; i++) {
        weir_partition_info *info = &list[i];
        info->name = weir_str_copy(arena, self->file[i].name);
        info->number = self->file[i].number;
        rc = topic_file_ends(&self->file[i], &info->low, &info->end, err);
        info->start = self->start.at == SOURCE_LATEST ? info->end : info->low;
        if (rc == WEIR_OK && self->start.at == SOURCE_TIME)
            rc = offset_at_time(self, &self->file[i], &info->start, err);
    }
    if (rc == WEIR_OK) {
        *out = list;
        *out_count = self->files;
    }
    return rc;
}

static weir_code validate(topic_folder *self, const topic_file *file,
                          const weir_position *position, weir_err *err)
{
    source_resume log = {.topic = self->topic, .partition = file->name};
    weir_block *block = NULL;
    weir_code rc = topic_file_ends(file, &log.low, &log.end, err);
    if (rc == WEIR_OK)
        rc = source_resume_range(&log, position, err);
    if (rc != WEIR_OK || !source_resume_must_look(&log, position))
        return rc;
    rc = topic_file_peek(file, position->last_offset, &block, err);
    if (rc != WEIR_OK)
        return rc;
    log.found = block ? &block->record[0] : NULL;
    rc = source_resume_same(&log, position, err);
    weir_block_release(block);
    return rc;
}

static weir_code seek(weir_source *source, uint32_t partition, const weir_position *position,
                      weir_err *err)
{
    topic_folder *self = self_of(source);
    weir_assert(partition < self->files);
    weir_code rc = validate(self, &self->file[partition], position, err);
    if (rc == WEIR_OK)
        rc = topic_file_find(&self->file[partition], position->next_offset, err);
    return rc;
}

static weir_code poll_once(topic_folder *self, weir_block **out, weir_err *err)
{
    *out = NULL;
    for (uint32_t i = 0; i < self->files; i++) {
        topic_file *file = &self->file[self->turn];
        self->turn = (self->turn + 1) % self->files;
        if (!file->sought || file->paused)
            continue;
        weir_code rc = topic_file_read(file, out, err);
        if (rc != WEIR_OK || *out)
            return rc;
    }
    return WEIR_OK;
}

static weir_code poll(weir_source *source, int64_t timeout_us, weir_block **out, weir_err *err)
{
    topic_folder *self = self_of(source);
    int64_t until_us = self->clock->mono_us(self->clock) + timeout_us;
    for (;;) {
        weir_code rc = poll_once(self, out, err);
        if (rc != WEIR_OK || *out)
            return rc;
        int64_t left_us = until_us - self->clock->mono_us(self->clock);
        if (left_us <= 0)
            return WEIR_OK;
        self->clock->pause_us(self->clock, left_us < LOOK_US ? left_us : LOOK_US);
    }
}

static weir_code pause_partition(weir_source *source, uint32_t partition, bool paused,
                                 weir_err *err)
{
    topic_folder *self = self_of(source);
    weir_assert(partition < self->files);
    (void)err; /* cannot fail */
    self->file[partition].paused = paused;
    return WEIR_OK;
}

static weir_code ack(weir_source *source, const weir_position *position, uint32_t count,
                     weir_err *err)
{
    (void)self_of(source); /* nobody shows the lag of a folder */
    (void)position;
    (void)count;
    (void)err;
    return WEIR_OK;
}

static void close_folder(weir_source *source)
{
    topic_folder *self = self_of(source);
    for (uint32_t i = 0; i < self->files; i++)
        topic_file_close(&self->file[i]);
    weir_heap_free(self->file);
    weir_arena_free(self->arena);
}
