/* chaos/stepped_clock: a wall clock that is off by what a file says. Preloaded.
 *
 * WEIR_CLOCK_FILE names a file of 8 bytes: an int64_t of microseconds that are added to whatever
 * tells the time of day. A wait until a time of day ends when this clock has come to it, as with a
 * real clock that was set back; a wait that began before the clock was set forward is not woken.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS INT64_C(1000000000)
#define LONG_AGO_S                                                                         \
    1000000000 /* a deadline below it is no time of day: it is of another clock */

static const volatile int64_t *offset_us;

__attribute__((constructor)) static void find_offset(void)
{
    const char *path = getenv("WEIR_CLOCK_FILE");
    int         fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        abort();
    void *found = mmap(NULL, sizeof *offset_us, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (found == MAP_FAILED)
        abort();
    offset_us = found;
}

static void shift(struct timespec *at, int64_t us)
{
    int64_t ns = at->tv_nsec + us % 1000000 * 1000;
    at->tv_sec += us / 1000000;
    if (ns < 0)
        at->tv_sec--, ns += SECOND_NS;
    else if (ns >= SECOND_NS)
        at->tv_sec++, ns -= SECOND_NS;
    at->tv_nsec = ns;
}

static int read_clock(clockid_t which, struct timespec *out)
{
    int rc = (int)syscall(SYS_clock_gettime, which, out);
    if (rc == 0 && offset_us && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE))
        shift(out, *offset_us);
    return rc;
}

int clock_gettime(clockid_t which, struct timespec *out)
{
    return read_clock(which, out);
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    read_clock(CLOCK_REALTIME, &now);
    *out = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *out)
{
    struct timespec now;
    read_clock(CLOCK_REALTIME, &now);
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}

int timespec_get(struct timespec *out, int base)
{
    if (base != TIME_UTC)
        return 0;
    read_clock(CLOCK_REALTIME, out);
    return base;
}

static int is_past(const struct timespec *until)
{
    struct timespec now;
    read_clock(CLOCK_REALTIME, &now);
    return now.tv_sec > until->tv_sec ||
           (now.tv_sec == until->tv_sec && now.tv_nsec >= until->tv_nsec);
}

int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until)
{
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    if (real == NULL) {
        /* x86-64 has two */
        void *found = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
        if (found == NULL)
            found = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
        real = (int (*)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *))found;
    }
    for (;;) {
        struct timespec there = *until;
        int             is_time_of_day = until->tv_sec > LONG_AGO_S;
        if (is_time_of_day)
            shift(&there, -*offset_us);
        int rc = real(cond, mutex, &there);
        if (rc != ETIMEDOUT || !is_time_of_day || is_past(until))
            return rc;
    }
}
