/* cli/repair: `weir checkpoint repair`: what a database refuses for ever, and the epoch without
 * it.
 *
 * Gives      cli_repair.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "cli_lineage.h"

#define SHOWN_MAX 100u /* rows, for a person */

typedef unsigned long long number; /* for %llu */

static void show_row(weir_buf *out, const weir_repaired_row *row)
{
    weir_buf_format(out, "refused  table '%.*s'%s: %s %s: %.*s\n", WEIR_STR_FMT(row->table),
                    row->remove ? ", a row to remove" : "", row->code, row->msg,
                    WEIR_STR_FMT(row->row));
}

/* The names of the dead letters, each once. */
static void show_letters(weir_buf *out, const weir_repaired *found)
{
    for (uint32_t i = 0; i < found->rows; i++) {
        bool told = false;
        for (uint32_t k = 0; k < i && !told; k++)
            told = weir_str_eq(found->row[k].letters, found->row[i].letters);
        if (!told)
            weir_buf_format(out, "%s'%.*s'", i > 0 ? ", " : "",
                            WEIR_STR_FMT(found->row[i].letters));
    }
}

static void show(weir_buf *out, const weir_repaired *found, bool dry_run)
{
    for (uint32_t i = 0; i < found->rows && i < SHOWN_MAX; i++)
        show_row(out, &found->row[i]);
    if (found->rows > SHOWN_MAX)
        weir_buf_format(out, "… and %u more; --output json has them all\n",
                        found->rows - SHOWN_MAX);
    if (found->epoch == 0)
        weir_buf_text(out, "nothing needs repair: no epoch is committed\n");
    else if (!found->needed)
        weir_buf_format(out, "nothing needs repair: every database takes epoch %llu\n",
                        (number)found->epoch);
    else if (!dry_run && !found->amended)
        weir_buf_format(out, "epoch %llu is in every database: the rows are taken by now\n",
                        (number)found->epoch);
    else {
        weir_buf_format(out, dry_run ? "epoch %llu would be replaced by one without %u rows, "
                                       "which would be dead letters: "
                                     : "epoch %llu was replaced by one without %u rows, which "
                                       "are dead letters now: ",
                        (number)found->epoch, found->rows);
        show_letters(out, found);
        weir_buf_text(out, "\n");
    }
}

static void show_json(weir_buf *out, const weir_repaired *found, bool dry_run)
{
    weir_buf_text(out, "{");
    cli_json_u64(out, "epoch", found->epoch);
    weir_buf_format(out, ",\"needed\":%s,\"amended\":%s,\"dry_run\":%s,\"rows\":[",
                    found->needed ? "true" : "false", found->amended ? "true" : "false",
                    dry_run ? "true" : "false");
    for (uint32_t i = 0; i < found->rows; i++) {
        const weir_repaired_row *row = &found->row[i];
        weir_buf_text(out, i > 0 ? ",{" : "{");
        cli_json_text(out, "group", row->group);
        cli_json_text(out, "table", row->table);
        cli_json_text(out, "code", weir_str_of(row->code));
        cli_json_text(out, "message", weir_str_of(row->msg));
        cli_json_text(out, "dead_letter", row->letters);
        weir_buf_format(out, ",\"remove\":%s,\"row\":%.*s}", row->remove ? "true" : "false",
                        WEIR_STR_FMT(row->row));
    }
    weir_buf_text(out, "]}\n");
}

static weir_code repair(const cli_flags *flags, cli_job *job, const atomic_int *stop,
                        weir_arena *arena, weir_repaired *found, weir_err *err)
{
    cli_places places;
    weir_status *status = weir_heap_new(1, sizeof *status);
    weir_engine_setup setup = cli_engine_setup(flags, job->plan, stop, status, &places);
    setup.take_over = true;
    weir_code rc = flags->embedded ? cli_lock(flags->embedded, "lock", stop, err) : WEIR_OK;
    if (rc == WEIR_OK)
        rc = cli_settle(flags, job, err);
    if (rc == WEIR_OK)
        rc = weir_engine_repair(&setup, flags->dry_run, arena, found, err);
    cli_unsettle(job);
    weir_heap_free(status);
    return rc;
}

int cli_repair(const cli_flags *flags, const atomic_int *stop, weir_err *err)
{
    cli_job job;
    weir_buf text = {0};
    weir_repaired found = {.epoch = 0};
    if (!cli_job_open(flags, stderr, &job)) {
        cli_job_close(&job);
        return WEIR_EXIT_USAGE;
    }
    weir_arena *arena = weir_arena_new("repair", 64 << 10);
    weir_code rc = repair(flags, &job, stop, arena, &found, err);
    if (rc == WEIR_OK && flags->output && strcmp(flags->output, "json") == 0)
        show_json(&text, &found, flags->dry_run);
    else if (rc == WEIR_OK)
        show(&text, &found, flags->dry_run);
    cli_print(&text);
    fflush(stdout);
    weir_buf_done(&text);
    weir_arena_free(arena);
    cli_job_close(&job);
    return rc == WEIR_OK ? WEIR_EXIT_DONE : -1;
}
