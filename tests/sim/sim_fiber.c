/* sim/fiber: threads of the workers as fibers that run one at a time.
 *
 * The scheduler is the caller of sim_turn. A fiber runs until it waits, sleeps or yields;
 * which one is next is rolled. When all wait, time jumps to the next deadline or event.
 *
 * A wait with a deadline that runs out again and again without anything having happened
 * takes longer each time: a thread may always be late, and looking around fifty times a
 * second of virtual time would be most of the work.
 *
 * Always     1. nothing else decides about order: no address, no real clock.
 *            2. a dropped fiber's stack is never returned to.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sim.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define FIBERS 48u
#define STACK_BYTES ((size_t)256 << 10)
#define EVENTS 128u
#define LATE_DOUBLINGS 6u
#define TURN_US 40u /* of work, at most */

typedef enum fiber_state { FREE, READY, WAITING } fiber_state;

struct sim_fiber {
    fiber_state  state;
    uint32_t     slot;
    uint64_t     life; /* of this use of the fiber */
    sim_main_fn *main;
    void        *argument;
    const void  *thing;
    int64_t      until_us;
    bool         timed_out;
    uint32_t     vain;
    bool         entered;
    ucontext_t   start;
    jmp_buf      at;
    char        *stack;
};

typedef struct event {
    int64_t       at_us;
    uint64_t      order;
    sim_event_fn *what;
    void         *thing;
    uint64_t      number;
} event;

int64_t sim_now;

static sim_fiber  fiber[FIBERS];
static sim_fiber *running;
static event      events[EVENTS];
static uint32_t   event_count;
static uint64_t   event_order;

#if defined(__SANITIZE_ADDRESS__)
#define SIM_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIM_SANITIZED 1
#endif
#endif

#ifdef SIM_SANITIZED
static ucontext_t back_context;

/* AddressSanitizer follows swapcontext, and nothing cheaper. */
static void enter(sim_fiber *one)
{
    one->entered = true;
    (void)swapcontext(&back_context, &one->start);
}

static void leave(sim_fiber *one)
{
    (void)swapcontext(&one->start, &back_context);
}
#else
static jmp_buf back;

static void enter(sim_fiber *one)
{
    if (_setjmp(back) != 0)
        return;
    if (one->entered)
        _longjmp(one->at, 1);
    one->entered = true;
    (void)setcontext(&one->start);
}

static void leave(sim_fiber *one)
{
    if (_setjmp(one->at) == 0)
        _longjmp(back, 1);
}
#endif

uint64_t sim_roll(sim_dice *dice)
{
    dice->state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = dice->state;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

uint64_t sim_below(sim_dice *dice, uint64_t most)
{
    weir_assert(most > 0);
    return sim_roll(dice) % most;
}

bool sim_chance(sim_dice *dice, uint32_t in)
{
    return sim_below(dice, in) == 0;
}

static void body(void)
{
    sim_fiber *one = running;
    (void)one->main(one->argument);
    one->state = FREE;
    sim_wake(&one->life, true);
    leave(one);
    abort(); /* nobody comes back */
}

static char *stack_new(void)
{
    char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    weir_assert(stack != MAP_FAILED);
    weir_assert(mprotect(stack, 4096, PROT_NONE) == 0);
    return stack;
}

uint64_t sim_fiber_start(uint32_t slot, sim_main_fn *main, void *argument)
{
    uint32_t number = 0;
    while (number < FIBERS && fiber[number].state != FREE)
        number++;
    weir_assert(number < FIBERS);
    weir_assert(&fiber[number] != running);
    sim_fiber *one = &fiber[number];
    if (one->stack == NULL)
        one->stack = stack_new();
    *one = (sim_fiber){.state = READY, .slot = slot, .life = one->life + 1, .main = main,
                       .argument = argument, .until_us = SIM_FOREVER, .stack = one->stack};
    weir_assert(getcontext(&one->start) == 0);
    one->start.uc_stack.ss_sp = one->stack;
    one->start.uc_stack.ss_size = STACK_BYTES;
    makecontext(&one->start, body, 0);
    return one->life * FIBERS + number;
}

void sim_fiber_join(uint64_t name)
{
    sim_fiber *one = &fiber[name % FIBERS];
    while (one->state != FREE && one->life == name / FIBERS)
        (void)sim_wait(&one->life, SIM_FOREVER);
}

bool sim_in_fiber(void)
{
    return running != NULL;
}

uint32_t sim_slot(void)
{
    return running ? running->slot : SIM_SLOTS;
}

void sim_fibers_drop(uint32_t slot)
{
    for (uint32_t i = 0; i < FIBERS; i++)
        if (fiber[i].slot == slot && &fiber[i] != running)
            fiber[i].state = FREE; /* 2 */
}

void sim_fiber_die(void)
{
    running->state = FREE;
    leave(running);
    abort();
}

void sim_fibers_clear(void)
{
    weir_assert(running == NULL);
    for (uint32_t i = 0; i < FIBERS; i++)
        fiber[i].state = FREE;
    event_count = 0;
    event_order = 0;
    sim_now = 0;
}

void sim_yield(void)
{
    leave(running);
}

void sim_sleep(int64_t us)
{
    if (us > 0)
        (void)sim_wait(NULL, sim_now + us);
    else
        sim_yield();
}

bool sim_wait(const void *thing, int64_t until_us)
{
    sim_fiber *one = running;
    weir_assert(one != NULL);
    if (thing != NULL && until_us != SIM_FOREVER && until_us > sim_now)
        until_us = sim_now + ((until_us - sim_now) << one->vain);
    one->thing = thing;
    one->until_us = until_us;
    one->timed_out = false;
    one->state = WAITING;
    leave(one);
    if (one->timed_out && thing != NULL && one->vain < LATE_DOUBLINGS)
        one->vain++;
    else if (!one->timed_out)
        one->vain = 0;
    return !one->timed_out;
}

static void ready(sim_fiber *one)
{
    one->state = READY;
    one->thing = NULL;
    one->until_us = SIM_FOREVER;
}

void sim_wake(const void *thing, bool all)
{
    uint32_t waiting[FIBERS], count = 0;
    for (uint32_t i = 0; i < FIBERS; i++)
        if (fiber[i].state == WAITING && fiber[i].thing == thing)
            waiting[count++] = i;
    if (count == 0)
        return;
    uint32_t first = all ? 0 : (uint32_t)sim_below(&sim.order, count);
    for (uint32_t i = first; i < count && (all || i == first); i++)
        ready(&fiber[waiting[i]]);
}

/* Something new: whoever looks around for it may look more often again. */
void sim_stir(void)
{
    for (uint32_t i = 0; i < FIBERS; i++)
        fiber[i].vain = 0;
}

void sim_at(int64_t at_us, sim_event_fn *what, void *thing, uint64_t number)
{
    weir_assert(event_count < EVENTS);
    events[event_count++] = (event){at_us, event_order++, what, thing, number};
}

static event *next_event(void)
{
    event *next = NULL;
    for (uint32_t i = 0; i < event_count; i++)
        if (next == NULL || events[i].at_us < next->at_us ||
            (events[i].at_us == next->at_us && events[i].order < next->order))
            next = &events[i];
    return next;
}

/* False: there is none before the time. */
static bool happen(int64_t until_us)
{
    event *next = next_event();
    if (next == NULL || next->at_us > until_us)
        return false;
    event now = *next;
    *next = events[--event_count];
    if (now.at_us > sim_now)
        sim_now = now.at_us;
    now.what(now.thing, now.number);
    sim_stir();
    return true;
}

static void wake_due(void)
{
    for (uint32_t i = 0; i < FIBERS; i++)
        if (fiber[i].state == WAITING && fiber[i].until_us <= sim_now) {
            ready(&fiber[i]);
            fiber[i].timed_out = true;
        }
}

static void run_one(sim_fiber *one)
{
    running = one;
    sim_heap_use(one->slot);
    enter(one);
    sim_heap_use(SIM_SLOTS);
    running = NULL;
}

static bool let_time_pass(void)
{
    int64_t next_us = SIM_FOREVER;
    for (uint32_t i = 0; i < FIBERS; i++)
        if (fiber[i].state == WAITING && !sim_asleep(fiber[i].slot) &&
            fiber[i].until_us < next_us)
            next_us = fiber[i].until_us;
    if (happen(next_us))
        return true;
    if (next_us == SIM_FOREVER)
        return false;
    sim_now = next_us > sim_now ? next_us : sim_now;
    return true;
}

bool sim_turn(void)
{
    uint32_t able[FIBERS], count = 0;
    if (happen(sim_now))
        return true;
    wake_due();
    for (uint32_t i = 0; i < FIBERS; i++)
        if (fiber[i].state == READY && !sim_asleep(fiber[i].slot))
            able[count++] = i;
    if (count == 0)
        return let_time_pass();
    sim_now += (int64_t)sim_below(&sim.order, TURN_US);
    run_one(&fiber[able[sim_below(&sim.order, count)]]);
    return true;
}
