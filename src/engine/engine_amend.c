/* engine/amend: what an AMEND says beside the sections that it repeats: whose rows it replaces,
 * and its dead letters.
 *
 *     section "amend"         version 1, varint count, each: blob section of a sink group,
 *                             varint rows that were refused; CRC32C
 *     sections "amend/NAME"   payload of the dead letters NAME that came by the repair
 *     section "visible"       version 1: the epoch was finalised before; its files, and the dead
 *                             letters of its own, may have been moved by readers since
 *
 * Gives      engine_amend_write, engine_amend_has, engine_amend_was_visible,
 *            engine_amend_replay.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "engine_amend.h"

#define AMEND_VERSION 1

void engine_amend_write(weir_buf *out, const char *const *section, const uint32_t *rows,
                        uint32_t count)
{
    size_t from = out->len;
    weir_buf_byte(out, AMEND_VERSION);
    weir_buf_varint(out, count);
    for (uint32_t i = 0; i < count; i++) {
        weir_buf_blob(out, weir_str_of(section[i]));
        weir_buf_varint(out, rows[i]);
    }
    weir_buf_u32(out, weir_crc32c(0, (weir_str){out->at + from, out->len - from}));
}

bool engine_amend_has(const weir_manifest *amend, weir_str section)
{
    weir_reader reader = weir_reader_of(weir_manifest_section(amend, "amend"));
    bool has = false;
    weir_assert(amend->amends);
    if (weir_read_byte(&reader) != AMEND_VERSION)
        return false;
    uint64_t count = weir_read_varint(&reader);
    for (uint64_t i = 0; i < count && !reader.bad; i++) {
        has |= weir_str_eq(weir_read_blob(&reader), section);
        (void)weir_read_varint(&reader); /* for people */
    }
    return has && !reader.bad;
}

bool engine_amend_was_visible(const weir_manifest *last, weir_str section)
{
    return last->amends && weir_manifest_section(last, ENGINE_AMEND_VISIBLE).len > 0 &&
           !weir_str_starts(section, ENGINE_AMEND_LETTERS);
}

static weir_code replay_letters(engine_job *engine, weir_str section, weir_err *err)
{
    size_t prefix = strlen(ENGINE_AMEND_LETTERS);
    engine_dead dead = {
        .name = {section.at + prefix, section.len - prefix},
        .section = weir_arena_text(engine->arena, "%.*s", WEIR_STR_FMT(section))};
    weir_code rc = engine_open_dead(engine, &dead, err);
    if (rc == WEIR_OK)
        rc = engine_replay_sink(engine, dead.sink, dead.section, err);
    weir_sink_free(dead.sink);
    return rc;
}

weir_code engine_amend_replay(engine_job *engine, weir_err *err)
{
    const weir_manifest *last = engine->last;
    weir_code rc = WEIR_OK;
    if (last == NULL || !last->amends || engine->last_finalised)
        return WEIR_OK;
    for (uint32_t i = 0; i < last->sections && rc == WEIR_OK; i++)
        if (weir_str_starts(last->section[i].name, ENGINE_AMEND_LETTERS))
            rc = replay_letters(engine, last->section[i].name, err);
    return rc;
}
