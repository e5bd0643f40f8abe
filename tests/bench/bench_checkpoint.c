/* tests/bench_checkpoint: a lineage of many epochs in a folder, for `weir checkpoint` to look at.
 *
 *     bench_checkpoint FOLDER [EPOCHS]     default: 30 days of one epoch in 5 seconds; to what
 *                                          is there they are added
 *     time weir checkpoint ls FOLDER
 *
 * FOLDER is best on a file system in memory: each epoch is synced there.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "weir/checkpoint.h"

#define EPOCHS (30ull * 24 * 3600 / 5)

static weir_code run_epoch(weir_checkpoint *checkpoint, uint64_t epoch, weir_err *err)
{
    weir_sha256   sha;
    weir_blob_ref ref;
    weir_buf      section = {0};
    char          bytes[500] = {0};
    weir_stage   *stage = weir_checkpoint_stage(checkpoint, epoch);
    weir_stage_blob(stage, (weir_str){bytes, sizeof bytes}, false, &ref);
    weir_stage_refer(stage, &ref, &section);
    weir_stage_section(stage, "bench", weir_buf_view(&section));
    weir_code rc = weir_stage_build(stage, &sha, err);
    if (rc == WEIR_OK)
        rc = weir_stage_publish(stage, err);
    weir_stage_free(stage);
    weir_buf_done(&section);
    return rc == WEIR_OK ? weir_checkpoint_finalised(checkpoint, err) : rc;
}

static weir_code run(const weir_checkpoint_setup *setup, uint64_t epochs, weir_err *err)
{
    weir_checkpoint *checkpoint = NULL;
    weir_manifest   *last = NULL;
    bool             finalised = false;
    weir_arena      *arena = weir_arena_new("bench", 4096);
    weir_code        rc = weir_checkpoint_open(setup, &checkpoint, err);
    if (rc == WEIR_OK)
        rc = weir_checkpoint_take_over(checkpoint, arena, &last, &finalised, err);
    uint64_t first = rc == WEIR_OK && last != NULL ? last->epoch + 1 : 1;
    for (uint64_t epoch = first; rc == WEIR_OK && epoch < first + epochs; epoch++)
        rc = run_epoch(checkpoint, epoch, err);
    weir_checkpoint_close(checkpoint);
    weir_arena_free(arena);
    return rc;
}

int main(int count, char **argument)
{
    if (count < 2) {
        fprintf(stderr, "usage: bench_checkpoint FOLDER [EPOCHS]\n");
        return 2;
    }
    uint64_t         epochs = count > 2 ? strtoull(argument[2], NULL, 10) : EPOCHS;
    weir_store      *store = NULL;
    weir_store_setup where = {.location = weir_str_of(argument[1]),
                              .clock = weir_clock_system()};
    weir_err         err;
    weir_err_clear(&err);
    weir_code rc = weir_store_new(weir_store_find(WEIR_STR("dir")), &where, &store, &err);
    weir_checkpoint_setup setup = {.store = store,
                                   .prefix = WEIR_STR("checkpoints"),
                                   .job = WEIR_STR("bench"),
                                   .task = WEIR_STR("t0"),
                                   .take_over = true,
                                   .clock = weir_clock_system()};
    if (rc == WEIR_OK)
        rc = run(&setup, epochs, &err);
    weir_store_free(store);
    if (rc != WEIR_OK)
        fprintf(stderr, "bench_checkpoint: %s\n", err.msg);
    else
        printf("%" PRIu64 " epochs\n", epochs);
    return rc != WEIR_OK;
}
