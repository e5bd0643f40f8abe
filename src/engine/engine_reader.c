/* engine/reader: one thread per source: polls blocks, hands them to lanes.
 *
 * Gives      engine_reader_main.
 * Always     1. what is behind a partition's end (bounded runs) is dropped here.
 *            2. a full lane makes the reader wait: that is the back-pressure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine_parts.h"

#define READER_POLL_US 100000

static bool trouble(engine_source *source, weir_backoff *backoff, bool *away,
                    const weir_err *err)
{
    engine_job *engine = source->engine;
    if (err->fate != WEIR_FATE_RETRY) {
        engine_halt(engine, err);
        return false;
    }
    if (!*away) {
        weir_log_warn("source is away", WEIR_F_STR("table", source->table->name),
                      WEIR_F_TEXT("error", err->msg));
        atomic_store(&engine->status->ready, false);
    }
    *away = true;
    weir_backoff_wait(backoff);
    return true;
}

void *engine_reader_main(void *argument)
{
    engine_source *source = argument;
    engine_job *engine = source->engine;
    weir_backoff backoff = {.clock = engine->clock};
    bool away = false;
    while (!atomic_load(&engine->quit)) {
        weir_err err;
        weir_err_clear(&err);
        weir_block *block = NULL;
        weir_code rc = source->source->kind->poll(source->source, READER_POLL_US, &block,
                                                  &err);
        if (rc != WEIR_OK) {
            if (!trouble(source, &backoff, &away, &err))
                break;
            continue;
        }
        if (away) {
            weir_log_info("source is back", WEIR_F_STR("table", source->table->name));
            backoff = (weir_backoff){.clock = engine->clock};
            atomic_store(&engine->status->ready, true);
        }
        away = false;
        if (block == NULL)
            continue;
        weir_assert(block->partition < source->partitions);
        engine_partition *partition = &source->partition[block->partition];
        if (!engine_lane_offer(&engine->lane[partition->lane], partition, block))
            weir_block_release(block);
    }
    return NULL;
}
