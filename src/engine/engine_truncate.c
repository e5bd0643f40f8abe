/* engine/truncate: a truncate of a table whose last values are kept takes them all out.
 *
 * It goes in steps, so that an epoch can be cut in the middle of a large table: as long as
 * rows are left, the partition stands in front of the event, as if it had not been seen. A
 * restart there takes out what is left.
 *
 * Gives      engine_may_truncate, engine_truncate.
 * Always     1. only where the events of all keys are in one order: in one partition.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine_parts.h"

bool engine_may_truncate(const engine_source *source)
{
    return source->old_row_state && source->partitions == 1; /* 1 */
}

weir_code engine_truncate(engine_lane *lane, engine_partition *partition,
                          weir_push_counts *counts, bool *out_more, weir_err *err)
{
    weir_assert(engine_may_truncate(partition->source));
    engine_job *engine = lane->engine;
    weir_arena *scratch = lane->scratch;
    weir_batch *gone = NULL;
    *out_more = weir_ops_last_truncate(engine->ops, partition->source->number,
                                       WEIR_DECODE_RECORDS, scratch, &gone);
    int64_t *watermark = WEIR_ARRAY(scratch, int64_t, gone->rows + 1);
    uint32_t *partner = WEIR_ARRAY(scratch, uint32_t, gone->rows + 1);
    for (uint32_t i = 0; i < gone->rows; i++) {
        watermark[i] = partition->watermark_us;
        partner[i] = WEIR_NONE;
    }
    weir_rows rows = {.table = partition->source->number, .batch = gone,
                      .watermark = watermark, .partner = partner,
                      .closed_us = partition->source->closed_us,
                      .must = true}; /* the last values do not come again */
    weir_row_errors errors = {.arena = scratch};
    weir_code rc = weir_ops_push(engine->ops, lane->number, &rows, &errors, counts, err);
    weir_metric_add(WEIR_M_before_bad, errors.count); /* they were never added */
    return rc;
}
