/* sql/kept_io: what a plan keeps as a section of manifests, and back.
 *
 *     version u8 = 1
 *     varint sources, each: blob name, place, time, valid (phrases), flags u8
 *     varint steps, each: kind u8, blob name, blob source, keys, rows, window (phrases),
 *       flags u8, size u64, whole u64, varint values, each: what (phrase), fn u8, flags u8,
 *       arg, result (types)
 *     varint flows, each: blob name, blob table, blob step, blob source, target, what
 *       (phrases), flags u8
 *     CRC32C u32
 *     phrase  blob text, u64 hash        type  id u8, precision u8, scale u8, varint length
 *
 * Gives      weir_kept_write, weir_kept_read.
 * Always     1. what is read is checked before it is used.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/kept.h"

#include "weir/hash.h"

#define KEPT_VERSION 1

/* Bytes of the smallest of each: with empty texts. They bound the counts that are believed. */
enum { VALUE_LEAST = 19, SOURCE_LEAST = 29, STEP_LEAST = 48, FLOW_LEAST = 23 };
enum { CRC_BYTES = 4 };

enum { SOURCE_CHANGELOG = 1 };
enum { STEP_WINDOWED = 1 };
enum { VALUE_DISTINCT = 1, VALUE_FILTERED = 2 };
enum { FLOW_FINAL = 1, FLOW_HOLDS = 2, FLOW_KEYED = 4 };

static void write_phrase(weir_buf *out, const weir_phrase *phrase)
{
    weir_buf_blob(out, phrase->text);
    weir_buf_u64(out, phrase->hash);
}

static void write_type(weir_buf *out, weir_type type)
{
    weir_buf_byte(out, type.id);
    weir_buf_byte(out, type.precision);
    weir_buf_byte(out, type.scale);
    weir_buf_varint(out, type.length);
}

static void write_source(weir_buf *out, const weir_kept_source *source)
{
    weir_buf_blob(out, source->name);
    write_phrase(out, &source->place);
    write_phrase(out, &source->time);
    write_phrase(out, &source->valid);
    weir_buf_byte(out, source->changelog ? SOURCE_CHANGELOG : 0);
}

static void write_step(weir_buf *out, const weir_kept_step *step)
{
    weir_buf_byte(out, (uint8_t)step->kind);
    weir_buf_blob(out, step->name);
    weir_buf_blob(out, step->source);
    write_phrase(out, &step->keys);
    write_phrase(out, &step->rows);
    write_phrase(out, &step->window);
    weir_buf_byte(out, step->windowed ? STEP_WINDOWED : 0);
    weir_buf_u64(out, (uint64_t)step->size_us);
    weir_buf_u64(out, (uint64_t)step->whole_us);
    weir_buf_varint(out, step->values);
    for (uint32_t i = 0; i < step->values; i++) {
        const weir_kept_value *value = &step->value[i];
        write_phrase(out, &value->what);
        weir_buf_byte(out, value->fn);
        weir_buf_byte(out, (uint8_t)((value->distinct ? VALUE_DISTINCT : 0) |
                                     (value->filtered ? VALUE_FILTERED : 0)));
        write_type(out, value->arg);
        write_type(out, value->result);
    }
}

static void write_flow(weir_buf *out, const weir_kept_flow *flow)
{
    weir_buf_blob(out, flow->name);
    weir_buf_blob(out, flow->table);
    weir_buf_blob(out, flow->step);
    weir_buf_blob(out, flow->source);
    write_phrase(out, &flow->target);
    write_phrase(out, &flow->what);
    weir_buf_byte(out, (uint8_t)((flow->final ? FLOW_FINAL : 0) |
                                 (flow->holds ? FLOW_HOLDS : 0) |
                                 (flow->keyed ? FLOW_KEYED : 0)));
}

void weir_kept_write(const weir_kept *kept, weir_buf *out)
{
    size_t from = out->len;
    weir_buf_byte(out, KEPT_VERSION);
    weir_buf_varint(out, kept->sources);
    for (uint32_t i = 0; i < kept->sources; i++)
        write_source(out, &kept->source[i]);
    weir_buf_varint(out, kept->steps);
    for (uint32_t i = 0; i < kept->steps; i++)
        write_step(out, &kept->step[i]);
    weir_buf_varint(out, kept->flows);
    for (uint32_t i = 0; i < kept->flows; i++)
        write_flow(out, &kept->flow[i]);
    weir_buf_u32(out, weir_crc32c(0, (weir_str){out->at + from, out->len - from}));
}

typedef struct kept_reader {
    weir_reader reader;
    weir_arena *arena;
} kept_reader;

/* `least`: bytes of the smallest entry. */
static uint32_t read_count(kept_reader *in, size_t least)
{
    uint64_t count = weir_read_varint(&in->reader);
    if (count <= weir_reader_left(&in->reader) / least)
        return (uint32_t)count;
    in->reader.bad = true; /* 1 */
    return 0;
}

static weir_str read_text(kept_reader *in)
{
    return weir_str_copy(in->arena, weir_read_blob(&in->reader));
}

static weir_phrase read_phrase(kept_reader *in)
{
    weir_phrase out;
    out.text = read_text(in);
    out.hash = weir_read_u64(&in->reader);
    return out;
}

static weir_type read_type(kept_reader *in)
{
    weir_type out = {.id = weir_read_byte(&in->reader)};
    out.precision = weir_read_byte(&in->reader);
    out.scale = weir_read_byte(&in->reader);
    out.length = (uint32_t)weir_read_varint(&in->reader);
    if (out.id >= WEIR_T_COUNT || out.precision > WEIR_NUMERIC_DIGITS ||
        (out.scale > WEIR_NUMERIC_DIGITS && out.scale != WEIR_SCALE_ANY))
        in->reader.bad = true;
    return out;
}

static void read_source(kept_reader *in, weir_kept_source *out)
{
    out->name = read_text(in);
    out->place = read_phrase(in);
    out->time = read_phrase(in);
    out->valid = read_phrase(in);
    out->changelog = weir_read_byte(&in->reader) & SOURCE_CHANGELOG;
}

static void read_value(kept_reader *in, weir_kept_value *out)
{
    out->what = read_phrase(in);
    out->fn = weir_read_byte(&in->reader);
    uint8_t flags = weir_read_byte(&in->reader);
    out->distinct = flags & VALUE_DISTINCT;
    out->filtered = flags & VALUE_FILTERED;
    out->arg = read_type(in);
    out->result = read_type(in);
    if (out->fn > WEIR_AGG_MAX)
        in->reader.bad = true;
}

static void read_step(kept_reader *in, weir_kept_step *out)
{
    uint8_t kind = weir_read_byte(&in->reader);
    out->kind = kind == WEIR_KEPT_ROWS ? WEIR_KEPT_ROWS : WEIR_KEPT_GROUPS;
    if (kind != out->kind)
        in->reader.bad = true;
    out->name = read_text(in);
    out->source = read_text(in);
    out->keys = read_phrase(in);
    out->rows = read_phrase(in);
    out->window = read_phrase(in);
    out->windowed = weir_read_byte(&in->reader) & STEP_WINDOWED;
    out->size_us = (int64_t)weir_read_u64(&in->reader);
    out->whole_us = (int64_t)weir_read_u64(&in->reader);
    out->values = read_count(in, VALUE_LEAST);
    out->value = WEIR_ARRAY(in->arena, weir_kept_value, out->values + 1);
    for (uint32_t i = 0; i < out->values && !in->reader.bad; i++)
        read_value(in, &out->value[i]);
}

static void read_flow(kept_reader *in, weir_kept_flow *out)
{
    out->name = read_text(in);
    out->table = read_text(in);
    out->step = read_text(in);
    out->source = read_text(in);
    out->target = read_phrase(in);
    out->what = read_phrase(in);
    uint8_t flags = weir_read_byte(&in->reader);
    out->final = flags & FLOW_FINAL;
    out->holds = flags & FLOW_HOLDS;
    out->keyed = flags & FLOW_KEYED;
}

static void read_lists(kept_reader *in, weir_kept *out)
{
    out->sources = read_count(in, SOURCE_LEAST);
    out->source = WEIR_ARRAY(in->arena, weir_kept_source, out->sources + 1);
    for (uint32_t i = 0; i < out->sources && !in->reader.bad; i++)
        read_source(in, &out->source[i]);
    out->steps = read_count(in, STEP_LEAST);
    out->step = WEIR_ARRAY(in->arena, weir_kept_step, out->steps + 1);
    for (uint32_t i = 0; i < out->steps && !in->reader.bad; i++)
        read_step(in, &out->step[i]);
    out->flows = read_count(in, FLOW_LEAST);
    out->flow = WEIR_ARRAY(in->arena, weir_kept_flow, out->flows + 1);
    for (uint32_t i = 0; i < out->flows && !in->reader.bad; i++)
        read_flow(in, &out->flow[i]);
}

static weir_code damaged(weir_err *err)
{
    return weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT,
                     "the manifest's section 'kept' is damaged");
}

weir_code weir_kept_read(weir_str bytes, weir_arena *arena, weir_kept **out, weir_err *err)
{
    if (bytes.len <= CRC_BYTES)
        return damaged(err);
    weir_str    body = {bytes.at, bytes.len - CRC_BYTES};
    weir_reader crc = weir_reader_of((weir_str){bytes.at + body.len, CRC_BYTES});
    if (weir_read_u32(&crc) != weir_crc32c(0, body))
        return damaged(err);
    kept_reader in = {.reader = weir_reader_of(body), .arena = arena};
    uint8_t     version = weir_read_byte(&in.reader);
    if (version != KEPT_VERSION) {
        (void)weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT,
                        "the checkpoint was written by another version of weir: form %u of "
                        "what it keeps is not known to this one",
                        version);
        return weir_err_hint(err, "run the version that wrote it, or a newer one");
    }
    weir_kept *kept = WEIR_NEW(arena, weir_kept);
    read_lists(&in, kept);
    if (in.reader.bad || weir_reader_left(&in.reader) > 0)
        return damaged(err);
    *out = kept;
    return WEIR_OK;
}
