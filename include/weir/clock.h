/* weir/clock: time, injected.
 *
 * Everything that needs the time or has to wait takes a weir_clock. Times are int64_t
 * microseconds. The system's clock is the only one that really waits.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_CLOCK_H
#define WEIR_CLOCK_H

#include <pthread.h>
#include <stdint.h>

#include "weir/error.h"

typedef struct weir_clock weir_clock;
struct weir_clock {
    int64_t (*wall_us)(weir_clock *clock); /* since 1970-01-01 UTC; may step */
    int64_t (*mono_us)(weir_clock *clock); /* monotonic, stops in suspend */
    int64_t (*boot_us)(weir_clock *clock); /* monotonic, counts suspend */
    void (*pause_us)(weir_clock *clock, int64_t us); /* a signal may end it early */
};

weir_clock *weir_clock_system(void); /* static; never freed */

/* A condition whose timed waits go by the monotonic clock of the system: when the wall clock is
   set back while a thread waits, it would wait for so much longer. */
void weir_cond_init(pthread_cond_t *cond);
/* Until it is signalled, for most_us at most, or for less. The mutex is held, as for
   pthread_cond_wait. */
void weir_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t most_us);

/* A bounded retry with decorrelated jitter: 50 ms doubling to 5 s, from the clock.
   Usage: weir_backoff b = {.clock = clock}; while (try fails) weir_backoff_wait(&b); */
typedef struct weir_backoff {
    weir_clock *clock;
    int64_t     first_us; /* 0: 50 ms */
    int64_t     most_us;  /* 0: 5 s */
    int64_t     last_us;
    uint64_t    random;
    uint32_t    tries; /* waits so far */
} weir_backoff;
void weir_backoff_wait(weir_backoff *backoff);

/* Proleptic Gregorian calendar, UTC, without the C library's time zone state. */
typedef struct weir_civil {
    int32_t year;
    uint8_t month, day, hour, minute, second;
    int32_t micros;
} weir_civil;
weir_civil weir_civil_from_us(int64_t us);
int64_t    weir_civil_days(int32_t year, int month, int day); /* days since 1970-01-01 */
int64_t    weir_civil_to_us(const weir_civil *civil);
bool       weir_civil_valid(int32_t year, int month, int day);
/* "2024-02-29 12:34:56.789": date, blank, time; a fraction only when it is not zero, and
   without zeros at its end, as PostgreSQL has it. At most 40 bytes with NUL; returns the
   length. */
int weir_us_print(int64_t us, char out[40]);
/* "2024-02-29T12:34:56.789Z" for logs and JSON. */
int weir_us_print_iso(int64_t us, char out[40]);

#endif
