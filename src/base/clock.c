/* base/clock: the system's clock, and waiting between tries.
 *
 * Threads    the system's clock: any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/clock.h"

#include <errno.h>
#include <time.h>

#define FIRST_US INT64_C(50000)
#define MOST_US INT64_C(5000000)
#define US_PER_SECOND INT64_C(1000000)

static int64_t read_clock(clockid_t which)
{
    struct timespec now;
    int             rc = clock_gettime(which, &now);
    weir_assert(rc == 0);
    return now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000;
}

static int64_t wall_us(weir_clock *clock)
{
    (void)clock;
    return read_clock(CLOCK_REALTIME);
}

static int64_t mono_us(weir_clock *clock)
{
    (void)clock;
    return read_clock(CLOCK_MONOTONIC);
}

static int64_t boot_us(weir_clock *clock)
{
    (void)clock;
    return read_clock(CLOCK_BOOTTIME);
}

static void pause_us(weir_clock *clock, int64_t us)
{
    (void)clock;
    if (us <= 0)
        return;
    struct timespec left = {.tv_sec = us / US_PER_SECOND,
                            .tv_nsec = us % US_PER_SECOND * 1000};
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &left, NULL); /* a signal may end it early */
}

weir_clock *weir_clock_system(void)
{
    static weir_clock system_clock = {
        .wall_us = wall_us, .mono_us = mono_us, .boot_us = boot_us, .pause_us = pause_us};
    return &system_clock;
}

void weir_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    int                rc = pthread_condattr_init(&attributes);
    weir_assert(rc == 0);
    rc = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    weir_assert(rc == 0);
    rc = pthread_cond_init(cond, &attributes);
    weir_assert(rc == 0);
    pthread_condattr_destroy(&attributes);
}

void weir_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t most_us)
{
    weir_assert(most_us >= 0);
    int64_t         until_us = read_clock(CLOCK_MONOTONIC) + most_us;
    struct timespec until = {.tv_sec = until_us / US_PER_SECOND,
                             .tv_nsec = until_us % US_PER_SECOND * 1000};
    int             rc = pthread_cond_timedwait(cond, mutex, &until);
    weir_assert(rc == 0 || rc == ETIMEDOUT);
}

/* splitmix64 */
static uint64_t next_random(uint64_t *state)
{
    *state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* Between `first` and three times the last wait, at most `most`: tries of many processes
   drift apart, and the mean doubles. */
void weir_backoff_wait(weir_backoff *backoff)
{
    weir_clock *clock = backoff->clock;
    weir_assert(clock != NULL);
    int64_t first = backoff->first_us > 0 ? backoff->first_us : FIRST_US;
    int64_t most = backoff->most_us > 0 ? backoff->most_us : MOST_US;
    if (backoff->tries == 0) {
        if (backoff->random == 0)
            backoff->random =
                (uint64_t)clock->wall_us(clock) ^ (uint64_t)clock->mono_us(clock);
        backoff->last_us = first;
    }
    int64_t highest = backoff->last_us > most / 3 ? most : backoff->last_us * 3;
    int64_t wait = first;
    if (highest > first)
        wait += (int64_t)(next_random(&backoff->random) % (uint64_t)(highest - first + 1));
    if (wait > most)
        wait = most;
    backoff->last_us = wait;
    backoff->tries++;
    clock->pause_us(clock, wait);
}
