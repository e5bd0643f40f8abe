/* base/failpoint: counts passings, does what was asked for, and says so.
 *
 * Always     1. an action for an external call is for the next one of the thread that
 *               passed; the next failpoint of that thread takes it away.
 * Threads    any may pass; weir_failpoint_set before there is a second one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "failpoint.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "weir/clock.h"

typedef struct point {
    failpoint_term term[FAILPOINT_TERMS_MAX];
    uint32_t       terms, at;
    uint64_t       acts; /* of term[at] */
} point;

typedef struct here { /* of one thread */
    weir_failpoint last;
    bool           passed; /* any */
    bool           nomem;
    bool           full;
    weir_fault     fault; /* of the next external call */
} here;

static point               points[WEIR_FP_COUNT];
static pthread_mutex_t     lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t      environment_read = PTHREAD_ONCE_INIT;
static atomic_bool         armed; /* any point has a term */
static uint64_t            chance = 1;
static int                 trace = -1;
static struct rlimit       file_limit;
static _Thread_local here  self;

const char *const *weir_failpoint_names(void)
{
    static const char *const names[] = {
#define FAILPOINT(name, class, sentence) #name,
#include "weir/failpoints.def"
#undef FAILPOINT
    };
    return names;
}

bool weir_failpoints_built(void)
{
    return WEIR_FAILPOINTS_BUILT;
}

static const char *class_name(weir_failpoint_class class)
{
    static const char *const names[] = {
#define FAILPOINT_CLASS(name, actions, sentence) #name,
#include "weir/failpoints.def"
#undef FAILPOINT_CLASS
    };
    return names[class];
}

weir_failpoint_class weir_failpoint_class_of(weir_failpoint which)
{
    static const weir_failpoint_class classes[] = {
#define FAILPOINT(name, class, sentence) WEIR_FPC_##class,
#include "weir/failpoints.def"
#undef FAILPOINT
    };
    weir_assert((size_t)which < WEIR_FP_COUNT);
    return classes[which];
}

static bool set_item(weir_str item)
{
    failpoint_term term[FAILPOINT_TERMS_MAX];
    uint32_t       terms;
    weir_str       name;
    if (weir_str_starts(item, "seed="))
        return weir_str_to_u64((weir_str){item.at + 5, item.len - 5}, &chance);
    if (!failpoint_read(item, &name, term, &terms))
        return false;
    for (size_t i = 0; i < WEIR_FP_COUNT; i++) {
        if (!weir_str_is(name, weir_failpoint_names()[i]))
            continue;
        points[i] = (point){.terms = terms};
        memcpy(points[i].term, term, sizeof term[0] * terms);
        atomic_store(&armed, true);
        return true;
    }
    return false;
}

bool weir_failpoint_set(const char *items)
{
    for (const char *at = items; *at != '\0';) {
        size_t   len = strcspn(at, ";");
        weir_str item = weir_str_trim((weir_str){at, len});
        if (item.len > 0 && !set_item(item))
            return false;
        at += len + (at[len] == ';');
    }
    return true;
}

static void read_environment(void)
{
    const char *items = getenv("WEIR_FAILPOINT");
    const char *path = getenv("WEIR_FAILPOINT_TRACE");
    if (path != NULL)
        trace = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (items != NULL && !weir_failpoint_set(items)) {
        (void)fprintf(stderr, "weir: WEIR_FAILPOINT is not understood: %s\n", items);
        _exit(WEIR_EXIT_USAGE);
    }
}

/* In one write, so that lines of threads stay whole, and a kill loses none. */
static void tell(const char *what, const char *first, const char *second)
{
    char line[128];
    if (trace < 0)
        return;
    int len = snprintf(line, sizeof line, "%s %s%s%s\n", what, first, *second ? " " : "",
                       second);
    weir_assert(len > 0);
    weir_assert((size_t)len < sizeof line);
    (void)!write(trace, line, (size_t)len); /* the test finds it missing */
}

/* xorshift64: the same seed, the same chances. */
static uint64_t next_chance(void)
{
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return chance % 100;
}

/* The term whose turn it is. Under the lock. */
static failpoint_term choose(point *at)
{
    const failpoint_term nothing = {.action = FAILPOINT_OFF};
    while (at->at < at->terms) {
        failpoint_term term = at->term[at->at];
        if (term.count > 0 && at->acts == term.count) {
            at->at++;
            at->acts = 0;
            continue;
        }
        if (term.percent < 100 && next_chance() >= term.percent)
            return nothing;
        at->acts++;
        return term;
    }
    return nothing;
}

static bool act(const failpoint_term *term)
{
    weir_clock *clock = weir_clock_system();
    switch (term->action) {
    case FAILPOINT_OFF:
        return false;
    case FAILPOINT_KILL:
        (void)kill(getpid(), SIGKILL); /* does not come back */
        return false;
    case FAILPOINT_STOP:
        (void)raise(SIGSTOP); /* this thread first: here, not a little later */
        return false;
    case FAILPOINT_EXIT:
        _exit(WEIR_EXIT_JOB);
    case FAILPOINT_TERM:
        (void)kill(getpid(), SIGTERM);
        return false;
    case FAILPOINT_DELAY:
        clock->pause_us(clock, term->delay_us);
        return false;
    case FAILPOINT_NOMEM:
        self.nomem = true;
        return false;
    case FAILPOINT_YES:
        return true;
    case FAILPOINT_CALL:
        self.fault = term->fault;
        return false;
    }
    return false;
}

static bool pass(weir_failpoint which)
{
    const char *name = weir_failpoint_names()[which];
    tell("pass", name, "");
    if (!atomic_load(&armed))
        return false;
    pthread_mutex_lock(&lock);
    failpoint_term term = choose(&points[which]);
    pthread_mutex_unlock(&lock);
    if (term.action != FAILPOINT_OFF)
        tell("act", name, term.name);
    return act(&term);
}

bool weir_failpoint_pass(weir_failpoint which)
{
    weir_assert((size_t)which < WEIR_FP_COUNT);
    int rc = pthread_once(&environment_read, read_environment);
    weir_assert(rc == 0);
    if (weir_failpoint_class_of(which) == WEIR_FPC_CHOICE)
        return pass(which);
    if (self.fault.what != WEIR_FAULT_NONE)
        tell("left", weir_failpoint_names()[self.last], "");
    self.last = which;
    self.passed = true;
    self.fault = (weir_fault){0}; /* 1 */
    return pass(which);
}

bool weir_failpoint_nomem(void)
{
    bool now = self.nomem;
    self.nomem = false;
    return now;
}

bool weir_failpoint_full(void)
{
    return self.full;
}

/* No file of the process can grow: write(2) gives EFBIG, as a full disk gives ENOSPC. */
static void fill_disk(bool full)
{
    if (full) {
        (void)signal(SIGXFSZ, SIG_IGN);
        int rc = getrlimit(RLIMIT_FSIZE, &file_limit);
        weir_assert(rc == 0);
    }
    self.full = full;
    struct rlimit none = {.rlim_cur = 0, .rlim_max = file_limit.rlim_max};
    int           rc = setrlimit(RLIMIT_FSIZE, full ? &none : &file_limit);
    weir_assert(rc == 0);
}

weir_fault weir_fault_begin(weir_failpoint_class call)
{
    weir_fault fault = self.fault;
    self.fault = (weir_fault){0};
    tell("call", class_name(call), self.passed ? weir_failpoint_names()[self.last] : "-");
    if (fault.what == WEIR_FAULT_FULL)
        fill_disk(true);
    return fault;
}

void weir_fault_end(const weir_fault *fault)
{
    if (fault->what == WEIR_FAULT_FULL)
        fill_disk(false);
    if (fault->what == WEIR_FAULT_KILL)
        (void)kill(getpid(), SIGKILL);
    if (fault->what == WEIR_FAULT_STOP)
        (void)raise(SIGSTOP);
}

static weir_code give(const weir_fault *fault, weir_err *err)
{
    weir_exit exit = WEIR_EXIT_JOB;
    return weir_err_set(err, fault->code, fault->fate, exit, WEIR_WHERE, "%s", fault->why);
}

bool weir_fault_instead(const weir_fault *fault, weir_code *out, weir_err *err)
{
    if (fault->what != WEIR_FAULT_RETURN)
        return false;
    *out = give(fault, err);
    return true;
}

weir_code weir_fault_behind(const weir_fault *fault, weir_code rc, weir_err *err)
{
    weir_fault_end(fault);
    return fault->what == WEIR_FAULT_LOST && rc == WEIR_OK ? give(fault, err) : rc;
}
