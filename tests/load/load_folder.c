/* load/load_folder: records as an embedded topic, DIR/kafka/TOPIC/PARTITION.jsonl.
 *
 * Lines are written whole: a reader that follows the files never sees half a record.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir_load.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "weir/arena.h"

enum {
    KEEP = 1 << 18 /* bytes held back before they are written */
};

typedef struct one_file {
    int      fd;
    weir_buf lines;
} one_file;

typedef struct load_folder {
    load_target base;
    weir_arena *arena;
    const char *path;
    one_file   *file;
    uint32_t    files;
} load_folder;

static weir_code write_out(load_folder *self, uint32_t number, weir_err *err)
{
    one_file *file = &self->file[number];
    for (size_t done = 0; done < file->lines.len;) {
        ssize_t n = write(file->fd, file->lines.at + done, file->lines.len - done);
        if (n < 0 && errno != EINTR)
            return weir_fail(err, WEIR_E_IO, "could not write '%s/%u.jsonl': %s", self->path,
                             number, strerror(errno));
        done += n > 0 ? (size_t)n : 0;
    }
    weir_buf_clear(&file->lines);
    return WEIR_OK;
}

static weir_code put(load_target *target, const generate_page *page,
                     const generate_record *record, int64_t offset, weir_err *err)
{
    load_folder *self = (load_folder *)target;
    weir_buf *to = &self->file[record->partition].lines;
    weir_str value = generate_value_of(page, record);
    weir_buf_format(to, "{\"offset\":%" PRId64 ",\"timestamp\":%" PRId64 ",\"key\":", offset,
                    record->timestamp_us / 1000);
    weir_buf_json_text(to, generate_key_of(page, record));
    weir_buf_text(to, ",\"value\":");
    if (value.at)
        weir_buf_json_text(to, value);
    else
        weir_buf_text(to, "null");
    weir_buf_text(to, ",\"headers\":[");
    if (record->other) {
        weir_buf_format(to, "{\"key\":\"%s\",\"value\":", record->other);
        weir_buf_json_text(to, (weir_str){page->text.at + record->other_at, record->other_len});
        weir_buf_text(to, "}");
    }
    weir_buf_text(to, "]}\n");
    return to->len < KEEP ? WEIR_OK : write_out(self, record->partition, err);
}

static weir_code flush(load_target *target, weir_err *err)
{
    load_folder *self = (load_folder *)target;
    weir_code rc = WEIR_OK;
    for (uint32_t i = 0; rc == WEIR_OK && i < self->files; i++)
        rc = write_out(self, i, err);
    return rc;
}

static void close_folder(load_target *target)
{
    load_folder *self = (load_folder *)target;
    for (uint32_t i = 0; i < self->files; i++) {
        if (self->file[i].fd >= 0)
            (void)close(self->file[i].fd); /* flushed and checked before */
        weir_buf_done(&self->file[i].lines);
    }
    weir_arena_free(self->arena);
    weir_heap_free(self);
}

/* Makes every folder of a path. */
static weir_code make_folders(char *path, weir_err *err)
{
    for (char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash)
            *slash = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            return weir_fail(err, WEIR_E_IO, "could not make '%s': %s", path, strerror(errno));
        if (!slash)
            return WEIR_OK;
        *slash = '/';
    }
}

weir_code load_folder_open(const load_place *place, load_target **out, weir_err *err)
{
    load_folder *self = weir_heap_new(1, sizeof *self);
    self->base = (load_target){.put = put, .flush = flush, .close = close_folder};
    self->arena = weir_arena_new("load", 4096);
    char *path = weir_arena_text(self->arena, "%s/kafka/%s", place->embedded, place->topic);
    self->path = path;
    self->file = WEIR_ARRAY(self->arena, one_file, place->partitions);
    weir_code rc = make_folders(path, err);
    for (uint32_t i = 0; rc == WEIR_OK && i < place->partitions; i++) {
        const char *name = weir_arena_text(self->arena, "%s/%u.jsonl", self->path, i);
        self->file[i].fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
        self->files = i + 1;
        if (self->file[i].fd < 0)
            rc = weir_fail(err, WEIR_E_IO, "could not make '%s': %s", name, strerror(errno));
    }
    if (rc == WEIR_OK)
        *out = &self->base;
    else
        close_folder(&self->base);
    return rc;
}
