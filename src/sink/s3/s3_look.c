/* sink/s3_look: rows of the files that epochs published, and of those that are still open.
 *
 * Gives      s3_look.
 * Always     1. a file is read when its bytes are those that its epoch committed, only.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "s3/s3_sink.h"

#include <string.h>

#include "weir/look.h"

typedef struct s3_looking {
    s3_sink            *self;
    weir_arena         *arena;
    weir_str            folder; /* "a=1/b=2/" */
    weir_str           *cell;   /* columns of the schema, then the op */
    const weir_look_to *to;
} s3_looking;

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static weir_str unescape(weir_str text, weir_arena *arena)
{
    char  *to = weir_arena_take(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        bool escaped = text.at[i] == '%' && i + 2 < text.len &&
                       hex_digit(text.at[i + 1]) >= 0 && hex_digit(text.at[i + 2]) >= 0;
        to[len++] = escaped
                        ? (char)(hex_digit(text.at[i + 1]) * 16 + hex_digit(text.at[i + 2]))
                        : text.at[i];
        i += escaped ? 2 : 0;
    }
    to[len] = '\0';
    return (weir_str){to, len};
}

/* Columns that lie in the path and not in the file. */
static void take_folder(s3_looking *l)
{
    weir_str rest = l->folder;
    for (uint32_t p = 0; p < l->self->parts; p++) {
        const char *slash = rest.len > 0 ? memchr(rest.at, '/', rest.len) : NULL;
        if (slash == NULL)
            return;
        weir_str    segment = {rest.at, (size_t)(slash - rest.at)};
        const char *equals = memchr(segment.at, '=', segment.len);
        rest = (weir_str){slash + 1, rest.len - segment.len - 1};
        if (equals == NULL || l->self->part[p].date)
            continue;
        weir_str value = {equals + 1, segment.len - (size_t)(equals + 1 - segment.at)};
        bool     none = weir_str_is(value, S3_NULL_PARTITION);
        l->cell[l->self->part[p].column] = none ? (weir_str){0} : unescape(value, l->arena);
    }
}

static weir_code take_row(void *of, const weir_datum *value, weir_str op, weir_err *err)
{
    s3_looking        *l = of;
    const weir_schema *schema = l->self->table->schema;
    weir_arena_mark    mark = weir_arena_here(l->arena);
    weir_buf           text = {0};
    memset(l->cell, 0, (schema->count + 1) * sizeof *l->cell);
    take_folder(l);
    for (uint32_t c = 0; c < schema->count; c++) {
        if (value[c].null)
            continue;
        weir_buf_clear(&text);
        weir_datum_print(&text, schema->field[c].type, &value[c]);
        l->cell[c] = weir_str_copy(l->arena, weir_buf_view(&text));
    }
    l->cell[schema->count] = op;
    weir_buf_done(&text);
    weir_code rc = l->to->row(l->to->self, l->cell, false, err);
    weir_arena_rewind(l->arena, mark);
    return rc;
}

/* Reads a payload into the sink; what it holds is given back by looking_done. */
static weir_code looking_start(s3_looking *l, s3_sink *self, weir_str payload,
                               weir_err *err)
{
    s3_recipes_clear(self);
    s3_opens_clear(self);
    l->self = self;
    l->arena = weir_arena_new("look", 16 << 10);
    l->cell = WEIR_ARRAY(l->arena, weir_str, self->table->schema->count + 1);
    return payload.len > 0 ? s3_payload_read(self, payload, err) : WEIR_OK;
}

static void looking_done(s3_looking *l, weir_arena_mark job)
{
    s3_recipes_clear(l->self);
    s3_opens_clear(l->self);
    weir_arena_free(l->arena);
    weir_arena_rewind(l->self->job, job); /* formats of the payload */
}

/* Between the prefix and the name. */
static weir_str folder_of(const s3_sink *self, weir_str key)
{
    size_t from = self->prefix.len > 0 ? self->prefix.len + 1 : 0, end = key.len;
    while (end > from && key.at[end - 1] != '/')
        end--;
    return end > from ? (weir_str){key.at + from, end - from} : WEIR_STR("");
}

static weir_code read_file(s3_looking *l, const s3_recipe *recipe, weir_err *err)
{
    weir_buf  bytes = {0};
    weir_code rc = weir_store_get_one(l->self->store, recipe->key, &bytes, err);
    if (rc == WEIR_OK) {
        weir_sha256 sha = weir_sha256_of(weir_buf_view(&bytes));
        if (bytes.len != recipe->size || !weir_sha256_eq(&sha, &recipe->sha)) /* 1 */
            rc = weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT,
                           "it is not the file that was committed");
    }
    weir_avro_reading reading = {.writer = l->self->writer, .fn = take_row, .self = l};
    l->folder = folder_of(l->self, recipe->key);
    bool lost = rc == WEIR_E_NOTFOUND || (rc != WEIR_OK && err->exit == WEIR_EXIT_CORRUPT);
    if (lost && l->to->lost != NULL) {
        weir_buf_done(&bytes);
        bool missing = rc == WEIR_E_NOTFOUND;
        weir_err_clear(err);
        return l->to->lost(l->to->self, recipe->key, missing, err);
    }
    if (rc == WEIR_OK)
        rc = weir_avro_read_file(&reading, weir_buf_view(&bytes), err);
    weir_buf_done(&bytes);
    return rc == WEIR_OK ? rc
                         : weir_err_note(err, "file '%.*s'", WEIR_STR_FMT(recipe->key));
}

static weir_code published(weir_sink *sink, weir_str payload, const weir_look_to *to,
                           weir_err *err)
{
    s3_sink        *self = (s3_sink *)sink;
    weir_arena_mark job = weir_arena_here(self->job);
    s3_looking      l = {.to = to};
    weir_code       rc = looking_start(&l, self, payload, err);
    for (uint32_t i = 0; rc == WEIR_OK && i < self->recipes; i++) {
        if (to->file != NULL)
            rc = to->file(to->self, self->recipe[i].key, err);
        if (rc == WEIR_OK && to->row != NULL)
            rc = read_file(&l, &self->recipe[i], err);
    }
    looking_done(&l, job);
    return rc;
}

static weir_code read_open(s3_looking *l, s3_file *file, weir_checkpoint *checkpoint,
                           weir_err *err)
{
    weir_avro_reading reading = {.writer = l->self->writer, .fn = take_row, .self = l};
    weir_code         rc = WEIR_OK;
    if (!weir_str_eq(file->format->schema, weir_avro_schema(l->self->writer)))
        return weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT,
                         "rows of an open file have other columns than the table");
    rc = s3_fetch_open(file, checkpoint, err);
    l->folder = file->folder;
    if (rc == WEIR_OK)
        rc = weir_avro_read_blocks(&reading, file->format->codec,
                                   weir_buf_view(&file->blocks), err);
    if (rc == WEIR_OK)
        rc = weir_avro_read_rows(&reading, file->now.open_rows,
                                 weir_buf_view(&file->now.open), err);
    weir_buf_done(&file->blocks);
    weir_buf_done(&file->now.open);
    return rc;
}

static weir_code open_rows(weir_sink *sink, weir_str payload, weir_checkpoint *checkpoint,
                           const weir_look_to *to, weir_err *err)
{
    s3_sink        *self = (s3_sink *)sink;
    weir_arena_mark job = weir_arena_here(self->job);
    s3_looking      l = {.to = to};
    weir_code       rc = looking_start(&l, self, payload, err);
    for (uint32_t i = 0; rc == WEIR_OK && i < self->opens; i++)
        rc = read_open(&l, self->open[i], checkpoint, err);
    looking_done(&l, job);
    return rc;
}

const weir_look s3_look = {.published = published, .open_rows = open_rows};
