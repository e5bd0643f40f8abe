/* cli/steps: where the runs of a bounded job ended.
 *
 * A run to the end closes all windows, and the next one takes rows for them as late. So what is
 * in the output depends on where runs ended, and a replay has to end there, too. The last
 * manifest of a run is the one before the first of a later generation: two objects are read
 * for each run, however many epochs it had.
 *
 * Gives      cli_steps_find.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli_steps.h"

#include <string.h>

/* Did it close windows that the rows alone would not? */
static weir_code closed_early(const weir_manifest *manifest, weir_arena *arena, bool *out,
                              weir_err *err)
{
    weir_facts facts;
    *out = false;
    weir_code rc = weir_facts_read(manifest, arena, &facts, err);
    for (uint32_t p = 0; rc == WEIR_OK && facts.end && p < facts.partitions; p++)
        *out |= facts.partition[p].closed_us > facts.partition[p].watermark_us;
    return rc;
}

/* The last manifest of the run before; *out NULL when there is none that is kept. */
static weir_code run_before(cli_lineage *live, const cli_step *at, uint64_t kept,
                            weir_arena *arena, weir_manifest **out, weir_err *err)
{
    weir_manifest *first = NULL;
    *out = NULL;
    if (at->epoch - (at->idx - 1) <= kept)
        return WEIR_OK;
    weir_code rc = weir_checkpoint_read(live->checkpoint, at->gen, 1, arena, &first, err);
    if (rc != WEIR_OK || first->prev_idx == 0)
        return rc;
    return weir_checkpoint_read(live->checkpoint, first->prev_gen, first->prev_idx, arena, out,
                                err);
}

typedef struct step_list {
    cli_step *step; /* the last one first */
    uint32_t  count, room;
} step_list;

static weir_code add(step_list *list, const cli_step *step, weir_err *err)
{
    if (list->count == CLI_STEPS_MAX)
        return weir_fail(err, WEIR_E_LIMIT, "the live job ended more than %u times",
                         CLI_STEPS_MAX);
    if (list->count == list->room) {
        uint32_t room = list->room ? list->room * 2 : 16;
        list->step = weir_heap_grow(list->step, list->room, room, sizeof *list->step);
        list->room = room;
    }
    list->step[list->count++] = *step;
    return WEIR_OK;
}

static weir_code walk(cli_lineage *live, cli_step at, uint64_t after, uint64_t kept,
                      step_list *list, weir_err *err)
{
    weir_code rc = add(list, &at, err);
    while (rc == WEIR_OK) {
        weir_arena *arena = weir_arena_new("manifest", 64 << 10);
        weir_manifest *before = NULL;
        bool early = false;
        rc = run_before(live, &at, kept, arena, &before, err);
        bool more = rc == WEIR_OK && before != NULL && before->epoch > after;
        bool amended = more && before->epoch == at.epoch; /* `at` stands for it */
        if (more) {
            at = (cli_step){before->gen, before->idx, before->epoch};
            rc = closed_early(before, arena, &early, err);
        }
        if (early && !amended && rc == WEIR_OK)
            rc = add(list, &at, err);
        weir_arena_free(arena);
        if (!more)
            break;
    }
    return rc;
}

weir_code cli_steps_find(cli_lineage *live, const weir_manifest *last, uint64_t after,
                         cli_step **out, uint32_t *out_count, weir_err *err)
{
    weir_span span;
    step_list list = {.count = 0};
    weir_code rc = weir_checkpoint_span(live->checkpoint, &span, err);
    cli_step end = {last->gen, last->idx, last->epoch};
    if (rc == WEIR_OK)
        rc = walk(live, end, after, span.first, &list, err);
    cli_step *step = WEIR_ARRAY(live->arena, cli_step, list.count + 1);
    for (uint32_t i = 0; i < list.count; i++)
        step[i] = list.step[list.count - 1 - i];
    weir_heap_free(list.step);
    *out = step;
    *out_count = list.count;
    return rc;
}
