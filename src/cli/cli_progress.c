/* cli/progress: one line on a terminal that shows how far a bounded run is.
 *
 * Gives      cli_progress_start, cli_progress_stop.
 * Threads    one of its own that reads the status's atomics.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "cli.h"

#define PROGRESS_STEP_US 200000

struct cli_progress {
    weir_status *status;
    pthread_t    thread;
    atomic_bool  quit;
};

static void print_line(weir_status *status, double seconds)
{
    uint64_t records = atomic_load(&status->records);
    int64_t expected = atomic_load(&status->expected);
    double rate = seconds > 0 ? (double)records / seconds : 0;
    if (expected > 0)
        fprintf(stderr, "\r%3d %%  %llu of %lld records, %.0f a second, epoch %llu\033[K",
                (int)((double)records * 100 / (double)expected),
                (unsigned long long)records, (long long)expected, rate,
                (unsigned long long)atomic_load(&status->epoch));
    else
        fprintf(stderr, "\r%llu records, %.0f a second, epoch %llu\033[K",
                (unsigned long long)records, rate,
                (unsigned long long)atomic_load(&status->epoch));
    fflush(stderr);
}

static void *progress_main(void *argument)
{
    cli_progress *progress = argument;
    weir_clock *clock = weir_clock_system();
    int64_t start = clock->mono_us(clock);
    while (!atomic_load(&progress->quit)) {
        print_line(progress->status, (double)(clock->mono_us(clock) - start) / 1e6);
        clock->pause_us(clock, PROGRESS_STEP_US);
    }
    fprintf(stderr, "\r\033[K");
    return NULL;
}

cli_progress *cli_progress_start(weir_status *status)
{
    if (!isatty(STDERR_FILENO))
        return NULL;
    cli_progress *progress = weir_heap_new(1, sizeof *progress);
    progress->status = status;
    if (pthread_create(&progress->thread, NULL, progress_main, progress) == 0)
        return progress;
    weir_heap_free(progress);
    return NULL;
}

void cli_progress_stop(cli_progress *progress)
{
    if (progress == NULL)
        return;
    atomic_store(&progress->quit, true);
    pthread_join(progress->thread, NULL);
    weir_heap_free(progress);
}
