/* sim/wrap: what the linker puts in place of threads, clocks, random bytes, logs, memory.
 *
 * Outside of fibers (while plans are made) nothing has to be locked, and memory and time are
 * the process's own.
 *
 * Relies on  --wrap for each name here: cmake/tests.cmake.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sim.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "weir/hash.h"
#include "weir/log.h"
#include "weir/metric.h"

#define PREEMPT_IN 24u  /* one lock in so many lets others run first */
#define SPURIOUS_IN 40u /* one wait in so many returns for nothing */
#define LINE_BYTES 600u

int  __wrap_pthread_create(pthread_t *, const pthread_attr_t *, sim_main_fn *, void *);
int  __wrap_pthread_join(pthread_t, void **);
int  __wrap_pthread_mutex_init(pthread_mutex_t *, const pthread_mutexattr_t *);
int  __wrap_pthread_mutex_destroy(pthread_mutex_t *);
int  __wrap_pthread_mutex_lock(pthread_mutex_t *);
int  __wrap_pthread_mutex_unlock(pthread_mutex_t *);
int  __wrap_pthread_cond_init(pthread_cond_t *, const pthread_condattr_t *);
int  __wrap_pthread_cond_destroy(pthread_cond_t *);
int  __wrap_pthread_cond_wait(pthread_cond_t *, pthread_mutex_t *);
void __wrap_weir_cond_wait(pthread_cond_t *, pthread_mutex_t *, int64_t most_us);
int  __wrap_pthread_cond_signal(pthread_cond_t *);
int  __wrap_pthread_cond_broadcast(pthread_cond_t *);
void __wrap_weir_random_nonce(uint8_t out[16]);
void __wrap_weir_log_fields(weir_log_level, const char *, const weir_log_field *, size_t);
uint32_t __wrap_weir_metric_series(weir_metric, const char *);

/* What a mutex holds here: whether it is taken. All zeros are a free one. */
typedef struct lock {
    uint32_t taken;
} lock;
_Static_assert(sizeof(lock) <= sizeof(pthread_mutex_t), "it lies in there");

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          sim_main_fn *main, void *argument)
{
    (void)attributes;
    *thread = sim_fiber_start(sim_slot(), main, argument);
    return 0;
}

int __wrap_pthread_join(pthread_t thread, void **result)
{
    weir_assert(result == NULL);
    sim_fiber_join(thread);
    return 0;
}

int __wrap_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes)
{
    (void)attributes;
    memset(mutex, 0, sizeof *mutex);
    return 0;
}

int __wrap_pthread_mutex_destroy(pthread_mutex_t *mutex)
{
    weir_assert(((lock *)mutex)->taken == 0);
    return 0;
}

static void take(pthread_mutex_t *mutex)
{
    lock *one = (lock *)mutex;
    while (one->taken)
        (void)sim_wait(mutex, SIM_FOREVER);
    one->taken = 1;
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    if (!sim_in_fiber())
        return 0;
    (void)sim_pass(SIM_LOCK);
    if (sim_chance(&sim.order, PREEMPT_IN))
        sim_yield();
    take(mutex);
    return 0;
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    if (!sim_in_fiber())
        return 0;
    weir_assert(((lock *)mutex)->taken == 1);
    ((lock *)mutex)->taken = 0;
    sim_wake(mutex, true);
    return 0;
}

int __wrap_pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attributes)
{
    (void)attributes;
    memset(cond, 0, sizeof *cond);
    return 0;
}

int __wrap_pthread_cond_destroy(pthread_cond_t *cond)
{
    (void)cond;
    return 0;
}

static void wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t until_us)
{
    (void)__wrap_pthread_mutex_unlock(mutex);
    if (sim_chance(&sim.order, SPURIOUS_IN))
        sim_yield();
    else
        (void)sim_wait(cond, until_us); /* either way the caller looks for itself */
    take(mutex);
}

int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
    wait_until(cond, mutex, SIM_FOREVER);
    return 0;
}

void __wrap_weir_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t most_us)
{
    wait_until(cond, mutex, sim_now + most_us);
}

int __wrap_pthread_cond_signal(pthread_cond_t *cond)
{
    sim_wake(cond, false);
    return 0;
}

int __wrap_pthread_cond_broadcast(pthread_cond_t *cond)
{
    sim_wake(cond, true);
    return 0;
}

void __wrap_weir_random_nonce(uint8_t out[16])
{
    for (int i = 0; i < 16; i += 8) {
        uint64_t some = sim_roll(&sim.luck);
        memcpy(out + i, &some, sizeof some);
    }
}

void __wrap_weir_log_fields(weir_log_level level, const char *message,
                            const weir_log_field *field, size_t count)
{
    char   line[LINE_BYTES];
    size_t len = 0;
    if (!sim.setup.print || level < WEIR_LOG_DEBUG)
        return;
    for (size_t i = 0; i < count && len < sizeof line; i++) {
        char *to = line + len;
        size_t room = sizeof line - len;
        int more = field[i].kind == WEIR_LOG_TEXT
                       ? snprintf(to, room, " %s='%.*s'", field[i].name,
                                  WEIR_STR_FMT(field[i].text))
                       : snprintf(to, room, " %s=%lld", field[i].name,
                                  (long long)(field[i].kind == WEIR_LOG_F64
                                                  ? (int64_t)field[i].f64
                                              : field[i].kind == WEIR_LOG_U64
                                                  ? (int64_t)field[i].u64 : field[i].i64));
        len += more > 0 ? (size_t)more : 0;
    }
    line[len < sizeof line ? len : sizeof line - 1] = '\0';
    printf("%9.3f  w%u    logs: %s%s\n", (double)sim_now / 1e6, sim_slot(), message, line);
}

/* Series live as long as the process, and their labels in a worker's memory do not. */
uint32_t __wrap_weir_metric_series(weir_metric metric, const char *labels)
{
    (void)metric, (void)labels;
    return 0;
}

/* An assert of the product is a failure of the history, not of the process. */
_Noreturn void __wrap_weir_assert_failed(const char *expression, const char *where);
_Noreturn void __real_weir_assert_failed(const char *expression, const char *where);
_Noreturn void __wrap_weir_assert_failed(const char *expression, const char *where)
{
    if (!sim_in_fiber())
        __real_weir_assert_failed(expression, where);
    sim_fail("%s: %s does not hold", where, expression);
    sim_fiber_die();
}
