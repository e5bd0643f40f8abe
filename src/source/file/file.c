/* source/file: lines of a file, or of the files of a folder: each line is a record.
 *
 * A record's offset is the byte at which its line starts, so any position can be gone to
 * without reading what lies in front of it. The files of a folder are partitions, in order
 * of their names; with follow, files may grow, and new ones show up in discover.
 *
 * Gives      the kind "file".
 * Relies on  files only growing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source_block.h"
#include "source_lines.h"
#include "source_resume.h"
#include "weir/arena.h"
#include "weir/limits.h"

enum {
    WANT = 1 << 20, /* bytes of one read */
    PEEK = 4096,    /* bytes read to look at one line */
    LOOK_US = 50000 /* between looks at files that may have grown */
};

typedef struct one_file {
    source_lines_file lines;
    weir_str          name;
    int64_t           at; /* byte where the next line starts: the next offset */
    bool              sought;
    bool              paused;
    bool              ended; /* its end was reported, and nothing came since */
} one_file;

typedef struct file_source {
    weir_source base;
    weir_arena *arena; /* ours: names, paths */
    weir_clock *clock;
    weir_str    path;
    bool        follow;
    one_file   *file; /* heap */
    uint32_t    files;
    uint32_t    turn;
} file_source;

static weir_source_open_fn     open_files;
static weir_source_discover_fn discover;
static weir_source_seek_fn     seek;
static weir_source_poll_fn     poll;
static weir_source_pause_fn    pause_partition;
static weir_source_ack_fn      ack;
static weir_source_close_fn    close_files;

static const weir_option options[] = {
    {.name = "path", .type = WEIR_OPT_TEXT, .required = true,
     .help = "A file, or a folder whose files are read in order of their names."},
    {.name = "follow", .type = WEIR_OPT_BOOL, .fallback = "false",
     .help = "Wait at the end for more, when the job is unbounded."},
    {0},
};

const weir_source_kind weir_source_file = {
    .name = "file",
    .summary = "lines of a file or of a folder's files",
    .options = options,
    .formats = "json|debezium-json",
    .size = sizeof(file_source),
    .bounded = true,
    .open = open_files,
    .discover = discover,
    .seek = seek,
    .poll = poll,
    .pause = pause_partition,
    .ack = ack,
    .close = close_files,
};

static file_source *self_of(weir_source *source)
{
    weir_assert(source != NULL);
    weir_assert(source->kind == &weir_source_file);
    return (file_source *)source;
}

static bool known(const file_source *self, const char *name)
{
    for (uint32_t i = 0; i < self->files; i++)
        if (weir_str_is(self->file[i].name, name))
            return true;
    return false;
}

static weir_code add_file(file_source *self, const char *path, const char *name, weir_err *err)
{
    if (self->files == WEIR_PARTITIONS_MAX)
        return weir_fail(err, WEIR_E_LIMIT, "'%.*s' has more than %u files",
                         WEIR_STR_FMT(self->path), WEIR_PARTITIONS_MAX);
    one_file file = {.lines = {.path = path, .partial = !self->follow}};
    file.name = weir_str_copy(self->arena, weir_str_of(name));
    file.lines.fd = open(path, O_RDONLY | O_CLOEXEC);
    if (file.lines.fd < 0)
        return weir_fail(err, errno == ENOENT ? WEIR_E_NOTFOUND : WEIR_E_IO,
                         "could not open '%s': %s", path, strerror(errno));
    self->file = weir_heap_grow(self->file, self->files, self->files + 1, sizeof file);
    self->file[self->files++] = file;
    return WEIR_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names of the folder's plain files that are not open yet, sorted; hidden ones and those
   that start with "_" are not data. */
static weir_code new_files(file_source *self, weir_arena *scratch, const char ***out,
                           uint32_t *out_count, weir_err *err)
{
    const char **name = WEIR_ARRAY(scratch, const char *, WEIR_PARTITIONS_MAX);
    uint32_t count = 0;
    struct stat st;
    DIR *dir = opendir(self->path.at);
    if (!dir)
        return weir_fail(err, WEIR_E_IO, "could not open '%s': %s", self->path.at,
                         strerror(errno));
    for (struct dirent *entry; (entry = readdir(dir)) && count < WEIR_PARTITIONS_MAX;) {
        bool data = entry->d_name[0] != '.' && entry->d_name[0] != '_';
        if (data && fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 && S_ISREG(st.st_mode) &&
            !known(self, entry->d_name))
            name[count++] = weir_arena_text(scratch, "%s", entry->d_name);
    }
    (void)closedir(dir); /* only read */
    qsort(name, count, sizeof *name, by_name);
    *out = name;
    *out_count = count;
    return WEIR_OK;
}

static weir_code find_in_folder(file_source *self, weir_arena *scratch, weir_err *err)
{
    const char **name = NULL;
    uint32_t count = 0;
    weir_code rc = new_files(self, scratch, &name, &count, err);
    for (uint32_t i = 0; rc == WEIR_OK && i < count; i++)
        rc = add_file(self, weir_arena_text(self->arena, "%s/%s", self->path.at, name[i]),
                      name[i], err);
    if (rc == WEIR_OK && self->files == 0)
        rc = weir_fail(err, WEIR_E_NOTFOUND, "there is no file in '%s'", self->path.at);
    return rc;
}

static weir_code find_files(file_source *self, weir_err *err)
{
    struct stat st;
    if (stat(self->path.at, &st) != 0)
        return weir_fail(err, errno == ENOENT ? WEIR_E_NOTFOUND : WEIR_E_IO,
                         "could not open '%s': %s", self->path.at, strerror(errno));
    if (!S_ISDIR(st.st_mode)) {
        const char *slash = strrchr(self->path.at, '/');
        const char *name = slash ? slash + 1 : self->path.at;
        return self->files ? WEIR_OK : add_file(self, self->path.at, name, err);
    }
    weir_arena *scratch = weir_arena_new("file scratch", 1 << 16);
    weir_code rc = find_in_folder(self, scratch, err);
    weir_arena_free(scratch);
    return rc;
}

static weir_code open_files(weir_source *source, const weir_source_setup *setup, weir_err *err)
{
    file_source *self = self_of(source);
    self->arena = weir_arena_new("file", 4096);
    self->clock = setup->clock;
    self->path = weir_str_copy(self->arena, weir_opts_text(setup->opts, "path"));
    self->follow = setup->follow && weir_opts_bool(setup->opts, "follow");
    return find_files(self, err);
}

static weir_code ends(const one_file *file, int64_t *out, weir_err *err)
{
    weir_code rc = source_lines_size(&file->lines, out, err);
    if (rc == WEIR_OK && !file->lines.partial)
        rc = source_lines_last(&file->lines, 0, *out, out, err);
    return rc;
}

static weir_code discover(weir_source *source, weir_arena *arena, weir_partition_info **out,
                          uint32_t *out_count, weir_err *err)
{
    file_source *self = self_of(source);
    weir_code rc = find_files(self, err);
    weir_partition_info *list = WEIR_ARRAY(arena, weir_partition_info, self->files);
    for (uint32_t i = 0; rc == WEIR_OK && i < self->files; i++) {
        list[i].name = weir_str_copy(arena, self->file[i].name);
        list[i].number = (int32_t)i;
        rc = ends(&self->file[i], &list[i].end, err);
    }
    if (rc == WEIR_OK) {
        *out = list;
        *out_count = self->files;
    }
    return rc;
}

static uint32_t lines_in(const source_lines *lines)
{
    uint32_t count = 0;
    const char *end = lines->text + lines->len;
    for (const char *p = lines->text; count < WEIR_BLOCK_RECORDS && p < end; count++)
        p = (const char *)memchr(p, '\n', (size_t)(end - p)) + 1;
    return count;
}

/* Every line is a record; empty ones are passed over. */
static weir_block *split(uint32_t index, source_lines lines, int64_t at, size_t *out_used)
{
    uint32_t most = lines_in(&lines);
    weir_block *block = source_block_new(index, most, lines.text, lines.room);
    const char *from = lines.text, *end = lines.text + lines.len;
    block->records = 0;
    while (from < end && block->records < most) {
        const char *newline = memchr(from, '\n', (size_t)(end - from));
        size_t len = (size_t)(newline - from);
        if (len > 0 && from[len - 1] == '\r')
            len--;
        if (len > 0)
            block->record[block->records++] = (weir_record){
                .offset = at + (from - lines.text),
                .timestamp_us = INT64_MIN,
                .value = {from, len},
            };
        from = newline + 1;
    }
    *out_used = (size_t)(from - lines.text);
    block->at_end = lines.at_end && from == end;
    return block;
}

static weir_code read_file(file_source *self, uint32_t index, size_t want, weir_block **out,
                           weir_err *err)
{
    one_file *file = &self->file[index];
    source_lines lines;
    size_t used = 0;
    int64_t size = 0;
    *out = NULL;
    weir_code rc = source_lines_read(&file->lines, file->at, want, &lines, err);
    if (rc == WEIR_OK)
        rc = source_lines_size(&file->lines, &size, err);
    if (rc != WEIR_OK || (lines.len == 0 && file->ended))
        return rc;
    if (lines.len == 0) {
        *out = source_block_new(index, 0, NULL, 0);
        (*out)->at_end = true;
    } else {
        *out = split(index, lines, file->at, &used);
    }
    file->at += (int64_t)used;
    if (file->at > size) /* the newline that the last line lacks */
        file->at = size;
    file->ended = (*out)->at_end;
    (*out)->next_offset = file->at;
    return WEIR_OK;
}

static weir_code validate(file_source *self, uint32_t index, const weir_position *position,
                          weir_err *err)
{
    one_file *file = &self->file[index], kept = *file;
    source_resume log = {.topic = self->path, .partition = file->name};
    weir_block *block = NULL;
    weir_code rc = ends(file, &log.end, err);
    if (rc == WEIR_OK)
        rc = source_resume_range(&log, position, err);
    if (rc != WEIR_OK || !source_resume_must_look(&log, position))
        return rc;
    file->at = position->last_offset;
    rc = read_file(self, index, PEEK, &block, err);
    *file = kept;
    if (rc != WEIR_OK)
        return rc;
    log.found = block && block->records > 0 ? &block->record[0] : NULL;
    rc = source_resume_same(&log, position, err);
    weir_block_release(block);
    return rc;
}

/* Where the first line at or behind an offset starts: "last record + 1" is inside a line. */
static weir_code line_start(const one_file *file, int64_t offset, int64_t *out, weir_err *err)
{
    int64_t size = 0;
    *out = 0;
    weir_code rc = source_lines_size(&file->lines, &size, err);
    if (rc == WEIR_OK && offset > 0)
        rc = source_lines_next(&file->lines, offset - 1, size, out, err);
    return rc;
}

static weir_code seek(weir_source *source, uint32_t partition, const weir_position *position,
                      weir_err *err)
{
    file_source *self = self_of(source);
    int64_t at = 0;
    weir_assert(partition < self->files);
    weir_code rc = validate(self, partition, position, err);
    if (rc == WEIR_OK)
        rc = line_start(&self->file[partition], position->next_offset, &at, err);
    if (rc != WEIR_OK)
        return rc;
    self->file[partition].at = at;
    self->file[partition].sought = true;
    self->file[partition].ended = false;
    return WEIR_OK;
}

static weir_code poll_once(file_source *self, weir_block **out, weir_err *err)
{
    *out = NULL;
    for (uint32_t i = 0; i < self->files; i++) {
        uint32_t index = self->turn;
        self->turn = (self->turn + 1) % self->files;
        if (!self->file[index].sought || self->file[index].paused)
            continue;
        weir_code rc = read_file(self, index, WANT, out, err);
        if (rc != WEIR_OK || *out)
            return rc;
    }
    return WEIR_OK;
}

static weir_code poll(weir_source *source, int64_t timeout_us, weir_block **out, weir_err *err)
{
    file_source *self = self_of(source);
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
    file_source *self = self_of(source);
    weir_assert(partition < self->files);
    (void)err; /* cannot fail */
    self->file[partition].paused = paused;
    return WEIR_OK;
}

static weir_code ack(weir_source *source, const weir_position *position, uint32_t count,
                     weir_err *err)
{
    (void)self_of(source); /* nobody shows the lag of a file */
    (void)position;
    (void)count;
    (void)err;
    return WEIR_OK;
}

static void close_files(weir_source *source)
{
    file_source *self = self_of(source);
    for (uint32_t i = 0; i < self->files; i++)
        (void)close(self->file[i].lines.fd); /* only read: nothing can be lost */
    weir_heap_free(self->file);
    weir_arena_free(self->arena);
}
