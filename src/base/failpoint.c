/* base/failpoint: reads what failpoints shall do, counts passings, does it.
 *
 * Threads    any may pass; weir_failpoint_set before there is a second one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/failpoint.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "weir/clock.h"
#include "weir/error.h"
#include "weir/str.h"

typedef enum action {
    ACTION_NONE,
    ACTION_KILL,
    ACTION_STOP,
    ACTION_EXIT,
    ACTION_FAIL,
    ACTION_DELAY
} action;

typedef struct point {
    action           action;
    uint64_t         at; /* passing from 1 at which it acts; 0: each */
    int64_t          delay_ms;
    _Atomic uint64_t passed;
} point;

static point          points[WEIR_FP_COUNT];
static pthread_once_t environment_read = PTHREAD_ONCE_INIT;

const char *const *weir_failpoint_names(void)
{
    static const char *const names[] = {
#define FAILPOINT(name, sentence) #name,
#include "weir/failpoints.def"
#undef FAILPOINT
    };
    return names;
}

#ifdef WEIR_FAILPOINTS
#define BUILT true
#else
#define BUILT false
#endif

bool weir_failpoints_built(void)
{
    return BUILT;
}

static point *find(weir_str name)
{
    for (size_t i = 0; i < WEIR_FP_COUNT; i++)
        if (weir_str_is(name, weir_failpoint_names()[i]))
            return &points[i];
    return NULL;
}

/* Cuts `text` at the first `c`: gives what is before, leaves what is behind. */
static bool cut(weir_str *text, char c, weir_str *before)
{
    const char *at = text->len > 0 ? memchr(text->at, c, text->len) : NULL;
    if (at == NULL)
        return false;
    *before = (weir_str){text->at, (size_t)(at - text->at)};
    text->len -= before->len + 1;
    text->at = at + 1;
    return true;
}

static bool read_action(weir_str text, point *to)
{
    static const struct {
        const char *name;
        action      action;
    } actions[] = {
        {"kill", ACTION_KILL}, {"stop", ACTION_STOP}, {"exit", ACTION_EXIT},
        {"fail", ACTION_FAIL}, {"off", ACTION_NONE},
    };
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (weir_str_is(text, actions[i].name)) {
            to->action = actions[i].action;
            return true;
        }
    }
    weir_str word;
    if (!cut(&text, '(', &word) || !weir_str_is(word, "delay") || text.len == 0 ||
        text.at[text.len - 1] != ')')
        return false;
    text.len--;
    to->action = ACTION_DELAY;
    return weir_str_to_i64(text, &to->delay_ms) && to->delay_ms >= 0;
}

static bool read_item(weir_str item)
{
    weir_str name;
    weir_str count;
    uint64_t at = 0;
    if (!cut(&item, '=', &name))
        return false;
    point *to = find(weir_str_trim(name));
    if (to == NULL)
        return false;
    item = weir_str_trim(item);
    if (cut(&item, '*', &count) && (!weir_str_to_u64(count, &at) || at == 0))
        return false;
    to->at = at;
    atomic_store(&to->passed, 0);
    return read_action(item, to);
}

bool weir_failpoint_set(const char *items)
{
    weir_str left = weir_str_of(items);
    weir_str item;
    while (cut(&left, ';', &item))
        if (weir_str_trim(item).len > 0 && !read_item(weir_str_trim(item)))
            return false;
    left = weir_str_trim(left);
    return left.len == 0 || read_item(left);
}

static void read_environment(void)
{
    const char *items = getenv("WEIR_FAILPOINT");
    if (items != NULL && !weir_failpoint_set(items)) {
        (void)fprintf(stderr, "weir: WEIR_FAILPOINT is not understood: %s\n", items);
        _exit(WEIR_EXIT_USAGE);
    }
}

static bool act(const point *at)
{
    weir_clock *clock = weir_clock_system();
    switch (at->action) {
    case ACTION_NONE:
        return false;
    case ACTION_KILL:
        (void)kill(getpid(), SIGKILL); /* does not come back */
        return false;
    case ACTION_STOP:
        (void)kill(getpid(), SIGSTOP); /* comes back after SIGCONT */
        return false;
    case ACTION_EXIT:
        _exit(WEIR_EXIT_JOB);
    case ACTION_FAIL:
        return true;
    case ACTION_DELAY:
        clock->pause_us(clock, at->delay_ms * 1000);
        return false;
    }
    return false;
}

bool weir_failpoint_pass(weir_failpoint which)
{
    weir_assert((size_t)which < WEIR_FP_COUNT);
    int rc = pthread_once(&environment_read, read_environment);
    weir_assert(rc == 0);
    point *at = &points[which];
    if (at->action == ACTION_NONE)
        return false;
    uint64_t passing = atomic_fetch_add(&at->passed, 1) + 1;
    if (at->at != 0 && at->at != passing)
        return false;
    return act(at);
}
