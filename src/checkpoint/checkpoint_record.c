/* checkpoint/record: writing records, and reading them as if an enemy had written them.
 *
 *     magic "WEIRREC1" | version u16 | kind u8 | flags u8 | total length u64
 *     job blob | task blob | probed blob | lineage u32 | gen u64 | idx u64 | epoch u64
 *     nonce 16 | prev gen u64 | prev idx u64 | prev epoch u64 | prev sha 32
 *     written_us i64 | section count u32
 *     each section: name length u16 | name | length u64 | CRC32C u32 | bytes
 *     SHA-256 of everything before it
 *
 * Integers are little-endian; a blob is a LEB128 length and the bytes. flags: bit 0
 * finalised, bits 1 to 3 the reason of a SEAL, the rest 0.
 *
 * Always     1. within a generation indices are contiguous: a record in the generation of
 *               the manifest before it has the next index, any other is the first.
 *            2. nothing is believed before the digest fits; no length is used before it is
 *               known to lie within the record.
 *            3. an AMEND is the first record of its generation, and has the epoch of the
 *               manifest before it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "checkpoint_record.h"

#include <string.h>

#include "weir/limits.h"
#include "weir/mutant.h"

static const char magic[8] = {'W', 'E', 'I', 'R', 'R', 'E', 'C', '1'};

enum {
    LENGTH_AT = 12, /* of the total length */
    FIXED_BYTES = 20,
    FLAG_FINALISED = 1,
    REASON_SHIFT = 1,
    REASON_MASK = 7,
    FLAGS_KNOWN = 15
};

static void write_sha(weir_buf *out, const weir_sha256 *sha)
{
    weir_buf_add(out, sha->at, sizeof sha->at);
}

void record_write_head(weir_buf *out, const checkpoint_record *record)
{
    weir_assert(record->lineage >= 1);
    weir_assert(record->probed.len <= RECORD_PROBED_MAX);
    weir_assert(record->sections <= RECORD_SECTIONS_MAX);
    weir_buf_add(out, magic, sizeof magic);
    weir_buf_u16(out, RECORD_VERSION);
    weir_buf_byte(out, (uint8_t)record->kind);
    weir_buf_byte(out, (uint8_t)((record->finalised ? FLAG_FINALISED : 0) |
                                 ((unsigned)record->reason << REASON_SHIFT)));
    weir_buf_u64(out, 0); /* set by record_write_end */
    weir_buf_blob(out, record->job);
    weir_buf_blob(out, record->task);
    weir_buf_blob(out, record->probed);
    weir_buf_u32(out, record->lineage);
    weir_buf_u64(out, record->gen);
    weir_buf_u64(out, record->idx);
    weir_buf_u64(out, record->epoch);
    weir_buf_add(out, record->nonce, sizeof record->nonce);
    weir_buf_u64(out, record->prev.gen);
    weir_buf_u64(out, record->prev.idx);
    weir_buf_u64(out, record->prev.epoch);
    write_sha(out, &record->prev.sha);
    weir_buf_u64(out, (uint64_t)record->written_us);
    weir_buf_u32(out, record->sections);
}

void record_write_section(weir_buf *out, weir_str name, weir_str bytes)
{
    weir_assert(name.len > 0);
    weir_assert(name.len <= UINT16_MAX);
    weir_buf_u16(out, (uint16_t)name.len);
    weir_buf_str(out, name);
    weir_buf_u64(out, bytes.len);
    weir_buf_u32(out, weir_crc32c(0, bytes));
    weir_buf_str(out, bytes);
}

size_t record_first_section_at(const checkpoint_record *record, weir_str name)
{
    weir_buf head = {0};
    weir_assert(record != NULL);
    weir_assert(name.len > 0);
    record_write_head(&head, record);
    record_write_section(&head, name, (weir_str){"", 0});
    size_t at = head.len;
    weir_buf_done(&head);
    return at;
}

void record_write_end(weir_buf *out, size_t start, checkpoint_record *record)
{
    weir_assert(out->len > start + FIXED_BYTES);
    uint64_t length = out->len - start + WEIR_SHA256_BYTES;
    for (size_t i = 0; i < sizeof length; i++)
        out->at[start + LENGTH_AT + i] = (char)(uint8_t)(length >> (8 * i));
    record->sha = weir_sha256_of((weir_str){out->at + start, out->len - start});
    write_sha(out, &record->sha);
    weir_assert(out->len - start == length);
}

void record_write(weir_buf *out, checkpoint_record *record)
{
    size_t start = out->len;
    weir_assert(record->sections == 0 || record->section != NULL);
    record_write_head(out, record);
    for (uint32_t i = 0; i < record->sections; i++)
        record_write_section(out, record->section[i].name, record->section[i].bytes);
    record_write_end(out, start, record);
    weir_assert(out->len - start <= WEIR_MANIFEST_BYTES_MAX);
}

/* Everything that stands before a length is used. */
static const char *check_frame(weir_str bytes)
{
    if (bytes.len < FIXED_BYTES + WEIR_SHA256_BYTES)
        return "it is too short";
    if (bytes.len > WEIR_MANIFEST_BYTES_MAX)
        return "it is too long";
    if (memcmp(bytes.at, magic, sizeof magic) != 0)
        return "it does not begin as a record of weir's";
    weir_reader reader = weir_reader_of(bytes);
    (void)weir_read_bytes(&reader, sizeof magic); /* compared above */
    if (weir_read_u16(&reader) != RECORD_VERSION)
        return "it is of another version of the format";
    (void)weir_read_u16(&reader); /* kind and flags are read behind the digest */
    if (weir_read_u64(&reader) != bytes.len)
        return "its length is not the one it names";
    weir_str    covered = {bytes.at, bytes.len - WEIR_SHA256_BYTES};
    weir_sha256 sha = weir_sha256_of(covered);
    if (memcmp(sha.at, covered.at + covered.len, sizeof sha.at) != 0 &&
        !weir_mutant(ignore_corrupt))
        return "its SHA-256 does not fit";
    return NULL;
}

static void read_array(weir_reader *reader, uint8_t *out, size_t len)
{
    weir_str bytes = weir_read_bytes(reader, len);
    if (!reader->bad)
        memcpy(out, bytes.at, len);
}

static void read_head(weir_reader *reader, checkpoint_record *out)
{
    (void)weir_read_bytes(reader, sizeof magic + 2); /* magic and version: checked */
    out->kind = (record_kind)weir_read_byte(reader);
    uint8_t flags = weir_read_byte(reader);
    out->finalised = (flags & FLAG_FINALISED) != 0;
    out->reason = (record_reason)((flags >> REASON_SHIFT) & REASON_MASK);
    if ((flags & ~FLAGS_KNOWN) != 0)
        reader->bad = true;
    (void)weir_read_u64(reader); /* length: checked */
    out->job = weir_read_blob(reader);
    out->task = weir_read_blob(reader);
    out->probed = weir_read_blob(reader);
    out->lineage = weir_read_u32(reader);
    out->gen = weir_read_u64(reader);
    out->idx = weir_read_u64(reader);
    out->epoch = weir_read_u64(reader);
    read_array(reader, out->nonce, sizeof out->nonce);
    out->prev.gen = weir_read_u64(reader);
    out->prev.idx = weir_read_u64(reader);
    out->prev.epoch = weir_read_u64(reader);
    read_array(reader, out->prev.sha.at, sizeof out->prev.sha.at);
    out->written_us = (int64_t)weir_read_u64(reader);
    out->sections = weir_read_u32(reader);
}

static bool is_zero(const weir_sha256 *sha)
{
    static const weir_sha256 zero = {{0}};
    return weir_sha256_eq(sha, &zero);
}

static const char *check_prev(const checkpoint_record *record)
{
    const record_place *prev = &record->prev;
    if (prev->gen > record->gen || prev->idx > RECORD_NUMBER_MAX)
        return "it names a manifest that cannot be before it";
    if ((prev->idx == 0) != (prev->epoch == 0) || (prev->idx == 0) != is_zero(&prev->sha))
        return "the manifest that it names is half there";
    uint64_t idx = prev->idx > 0 && prev->gen == record->gen ? prev->idx + 1 : 1;
    if (record_is_of_log(record->kind) && record->idx != idx) /* 1 */
        return "its index does not follow the one before";
    if (record->kind == RECORD_MANIFEST && record->epoch != prev->epoch + 1)
        return "its epoch does not follow the one before";
    if (record->kind == RECORD_AMEND && (prev->idx == 0 || prev->gen == record->gen))
        return "it replaces no epoch of a generation before"; /* 3 */
    if (record->kind != RECORD_MANIFEST && record->epoch != prev->epoch)
        return "its epoch is not that of the last manifest";
    return NULL;
}

static bool is_known(record_kind kind)
{
    return kind >= RECORD_MANIFEST && kind <= RECORD_PROMOTION;
}

static const char *check_head(const checkpoint_record *record)
{
    bool seal = record->kind == RECORD_SEAL;
    if (record->probed.len > RECORD_PROBED_MAX)
        return "the place that it names is too long";
    if (!is_known(record->kind))
        return "it is of an unknown kind";
    if (seal != (record->reason != RECORD_NO_REASON) || record->reason > RECORD_SUPERSEDED)
        return "it has an unknown reason";
    if (record_is_epoch(record->kind) && record->finalised)
        return "it has an unknown flag";
    if (record->lineage == 0 || record->gen > RECORD_NUMBER_MAX ||
        record->idx > RECORD_NUMBER_MAX)
        return "its place is out of bounds";
    if ((record->idx == 0) == record_is_of_log(record->kind))
        return "its index is out of bounds";
    return check_prev(record);
}

static const char *read_sections(weir_reader *reader, weir_arena *arena,
                                 checkpoint_record *out)
{
    /* a section is at least 15 bytes, so the count cannot ask for more than is there */
    if (out->sections > RECORD_SECTIONS_MAX ||
        out->sections > weir_reader_left(reader) / 15)
        return "it has too many sections";
    out->section = WEIR_ARRAY(arena, weir_section, out->sections);
    for (uint32_t i = 0; i < out->sections; i++) {
        weir_section *section = &out->section[i];
        section->name = weir_read_bytes(reader, weir_read_u16(reader));
        uint64_t length = weir_read_u64(reader);
        uint32_t crc = weir_read_u32(reader);
        if (reader->bad || section->name.len == 0 || length > weir_reader_left(reader))
            return "a section does not lie within it";
        section->bytes = weir_read_bytes(reader, (size_t)length);
        if (weir_crc32c(0, section->bytes) != crc && !weir_mutant(ignore_corrupt))
            return "a section's CRC32C does not fit";
    }
    return weir_reader_left(reader) == 0 ? NULL : "bytes follow its last section";
}

const char *record_read(weir_str bytes, weir_arena *arena, checkpoint_record *out)
{
    weir_assert(arena != NULL);
    weir_assert(out != NULL);
    const char *fault = check_frame(bytes); /* 2 */
    if (fault != NULL)
        return fault;
    checkpoint_record record = {.bytes = bytes};
    weir_str          covered = {bytes.at, bytes.len - WEIR_SHA256_BYTES};
    weir_reader       reader = weir_reader_of(covered);
    memcpy(record.sha.at, covered.at + covered.len, sizeof record.sha.at);
    read_head(&reader, &record);
    if (reader.bad)
        return "its head does not lie within it";
    fault = check_head(&record);
    if (fault == NULL)
        fault = read_sections(&reader, arena, &record);
    if (fault == NULL)
        *out = record;
    return fault;
}
