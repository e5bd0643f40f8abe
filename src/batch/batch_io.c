/* batch/batch_io: a batch as bytes, for payloads and checkpoints.
 *
 *     version u8 = 1 | flags u8: 1 has ops | columns u16 | rows u32 | ops rows × u8
 *     per column: type id, precision, scale u8 | flags u8: 1 has NULLs, 2 has scales
 *                 length u32 | valid bits | scales rows × u8 | values
 *     values:     rows × width, little-endian, zero under NULL; or for text
 *                 rows × u32 lengths, then the bytes
 *
 * Always     1. only selected rows are written: what is read has no selection.
 *            2. equal rows give equal bytes.
 *            3. nothing is allocated by a number that the bytes at hand do not cover.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "weir/batch.h"

#define FORMAT_VERSION 1
#define HAS_OP 1
#define HAS_NULLS 1
#define HAS_SCALES 2
#define ROWS_MAX (1u << 22) /* rows of a batch as bytes: a guard, payloads are smaller */

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "values are written as they lie in memory: little-endian machines only"
#endif
_Static_assert(sizeof(weir_i128) == 16, "written as 16 bytes");
_Static_assert(sizeof(weir_interval) == 16, "written as 16 bytes");
_Static_assert(WEIR_T_COUNT == 16, "a new type needs a new format version");

static bool selected_has_null(const weir_batch *batch, const weir_column *column)
{
    if (column->valid == NULL)
        return false;
    for (uint32_t i = 0; i < batch->selected; i++)
        if (!weir_column_has(column, weir_batch_row(batch, i)))
            return true;
    return false;
}

static void write_valid(const weir_batch *batch, const weir_column *column, weir_buf *out)
{
    size_t bytes = ((size_t)batch->selected + 7) / 8;
    char  *to = weir_buf_more(out, bytes);
    memset(to, 0, bytes);
    for (uint32_t i = 0; i < batch->selected; i++)
        if (weir_column_has(column, weir_batch_row(batch, i)))
            to[i >> 3] = (char)(to[i >> 3] | 1 << (i & 7));
    out->len += bytes;
}

static void write_fixed(const weir_batch *batch, const weir_column *column, size_t width,
                        weir_buf *out)
{
    const char *from = column->values;
    char       *to = weir_buf_more(out, width * batch->selected);
    for (uint32_t i = 0; i < batch->selected; i++, to += width) {
        uint32_t row = weir_batch_row(batch, i);
        if (weir_column_has(column, row))
            memcpy(to, from + row * width, width);
        else
            memset(to, 0, width);
    }
    out->len += width * batch->selected;
}

static weir_str text_of(const weir_column *column, uint32_t row)
{
    return weir_column_has(column, row) ? weir_column_text(column, row) : (weir_str){"", 0};
}

static void write_text(const weir_batch *batch, const weir_column *column, weir_buf *out)
{
    for (uint32_t i = 0; i < batch->selected; i++)
        weir_buf_u32(out, (uint32_t)text_of(column, weir_batch_row(batch, i)).len);
    for (uint32_t i = 0; i < batch->selected; i++)
        weir_buf_str(out, text_of(column, weir_batch_row(batch, i)));
}

static void write_column(const weir_batch *batch, const weir_column *column, weir_buf *out)
{
    bool   nulls = selected_has_null(batch, column);
    size_t width = weir_type_width(column->type);
    weir_buf_byte(out, column->type.id);
    weir_buf_byte(out, column->type.precision);
    weir_buf_byte(out, column->type.scale);
    weir_buf_byte(out, (uint8_t)((nulls ? HAS_NULLS : 0) |
                                 (column->scales != NULL ? HAS_SCALES : 0)));
    weir_buf_u32(out, column->type.length);
    if (nulls)
        write_valid(batch, column, out);
    if (column->scales != NULL)
        for (uint32_t i = 0; i < batch->selected; i++) {
            uint32_t row = weir_batch_row(batch, i);
            weir_buf_byte(out, weir_column_has(column, row) ? column->scales[row] : 0);
        }
    if (width > 0)
        write_fixed(batch, column, width, out);
    else
        write_text(batch, column, out);
}

void weir_batch_write(const weir_batch *batch, weir_buf *out)
{
    weir_assert(batch->selected <= ROWS_MAX);
    weir_assert(batch->columns <= WEIR_COLUMNS_MAX);
    weir_buf_byte(out, FORMAT_VERSION);
    weir_buf_byte(out, batch->op != NULL ? HAS_OP : 0);
    weir_buf_u16(out, (uint16_t)batch->columns);
    weir_buf_u32(out, batch->selected);
    for (uint32_t i = 0; batch->op != NULL && i < batch->selected; i++)
        weir_buf_byte(out, batch->op[weir_batch_row(batch, i)]);
    for (uint32_t c = 0; c < batch->columns; c++)
        write_column(batch, &batch->column[c], out);
}

/* `len` bytes copied into the arena, 16-byte aligned; NULL when they are not there. */
static void *read_copy(weir_reader *reader, size_t len, weir_arena *arena)
{
    if (reader->bad || weir_reader_left(reader) < len) {
        reader->bad = true;
        return NULL;
    }
    void *to = weir_arena_take(arena, len + 1);
    memcpy(to, weir_read_bytes(reader, len).at, len);
    return to;
}

static bool type_is_sound(weir_type type)
{
    if (type.id >= WEIR_T_COUNT)
        return false;
    if (type.id != WEIR_T_NUMERIC)
        return type.precision == 0 && type.scale == 0;
    return type.precision <= WEIR_NUMERIC_DIGITS &&
           (type.scale <= WEIR_NUMERIC_DIGITS || type.scale == WEIR_SCALE_ANY);
}

static bool read_text(weir_reader *reader, uint32_t rows, weir_arena *arena,
                      weir_column *out)
{
    if (weir_reader_left(reader) < sizeof(uint32_t) * (size_t)rows)
        return false;
    uint32_t *offsets = weir_arena_take(arena, sizeof(uint32_t) * ((size_t)rows + 1));
    uint64_t  used = 0;
    for (uint32_t i = 0; i < rows; i++) {
        offsets[i] = (uint32_t)used;
        used += weir_read_u32(reader);
        if (used > weir_reader_left(reader))
            return false;
    }
    offsets[rows] = (uint32_t)used;
    out->offsets = offsets;
    out->bytes = read_copy(reader, used, arena);
    return out->bytes != NULL;
}

/* Values that code relies on: booleans are masks, numerics have at most 38 digits. */
static bool values_are_sound(const weir_column *column, uint32_t rows)
{
    for (uint32_t i = 0; i < rows; i++) {
        if (column->type.id == WEIR_T_BOOL && ((const uint8_t *)column->values)[i] > 1)
            return false;
        if (column->scales != NULL && column->scales[i] > WEIR_NUMERIC_DIGITS)
            return false;
        if (column->type.id == WEIR_T_NUMERIC &&
            !weir_i128_fits(((const weir_i128 *)column->values)[i], WEIR_NUMERIC_DIGITS))
            return false;
    }
    return true;
}

static bool read_column(weir_reader *reader, uint32_t rows, weir_arena *arena,
                        weir_column *out)
{
    weir_type type = {.id = weir_read_byte(reader)};
    type.precision = weir_read_byte(reader);
    type.scale = weir_read_byte(reader);
    uint8_t flags = weir_read_byte(reader);
    type.length = weir_read_u32(reader);
    bool any_scale = type.id == WEIR_T_NUMERIC && type.scale == WEIR_SCALE_ANY;
    if (reader->bad || !type_is_sound(type) || flags > (HAS_NULLS | HAS_SCALES) ||
        ((flags & HAS_SCALES) != 0) != any_scale)
        return false;
    out->type = type;
    if (flags & HAS_NULLS)
        out->valid = read_copy(reader, ((size_t)rows + 7) / 8, arena);
    if (flags & HAS_SCALES)
        out->scales = read_copy(reader, rows, arena);
    size_t width = weir_type_width(type);
    if (width == 0)
        return !reader->bad && read_text(reader, rows, arena, out);
    out->values = read_copy(reader, width * rows, arena);
    return !reader->bad && values_are_sound(out, rows);
}

static bool read_batch(weir_reader *reader, weir_arena *arena, weir_batch *out)
{
    uint8_t version = weir_read_byte(reader);
    uint8_t flags = weir_read_byte(reader);
    out->columns = weir_read_u16(reader);
    out->rows = weir_read_u32(reader);
    out->selected = out->rows;
    if (reader->bad || version != FORMAT_VERSION || flags > HAS_OP ||
        out->columns > WEIR_COLUMNS_MAX || out->rows > ROWS_MAX)
        return false;
    if (flags & HAS_OP) {
        uint8_t *op = read_copy(reader, out->rows, arena);
        for (uint32_t i = 0; op != NULL && i < out->rows; i++)
            if (op[i] > WEIR_ROW_DELETE)
                return false;
        out->op = op;
    }
    weir_column *columns = WEIR_ARRAY(arena, weir_column, out->columns + 1);
    out->column = columns;
    for (uint32_t c = 0; c < out->columns; c++)
        if (!read_column(reader, out->rows, arena, &columns[c]))
            return false;
    return !reader->bad;
}

weir_code weir_batch_read(weir_reader *reader, weir_arena *arena, weir_batch **out,
                          weir_err *err)
{
    weir_batch *batch = WEIR_NEW(arena, weir_batch);
    if (!read_batch(reader, arena, batch)) {
        reader->bad = true;
        return weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT,
                         "stored rows are damaged or of another version");
    }
    *out = batch;
    return WEIR_OK;
}
