/* sim/fiber: threads of the workers as fibers, virtual time, and memory that can be dropped.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SIM_FIBER_H
#define SIM_FIBER_H

#include "weir/str.h"

#define SIM_SLOTS 4u /* workers at a time */
#define SIM_FOREVER INT64_MAX
#define SIM_SECOND INT64_C(1000000)

/* Numbers of a seed. Streams are apart, so that taking a fault out does not change the
   input or the plan. */
typedef struct sim_dice {
    uint64_t state;
} sim_dice;
uint64_t sim_roll(sim_dice *dice);
uint64_t sim_below(sim_dice *dice, uint64_t most); /* 0 .. most-1 */
bool     sim_chance(sim_dice *dice, uint32_t in);  /* once in so many */

/* Fibers. Those of a worker have its slot; they stand still while it sleeps. */
typedef struct sim_fiber sim_fiber;
typedef void *sim_main_fn(void *argument);
uint64_t   sim_fiber_start(uint32_t slot, sim_main_fn *main, void *argument);
void       sim_fiber_join(uint64_t name);  /* waits until it has ended */
_Noreturn void sim_fiber_die(void);        /* the running one, in the middle of it all */
bool       sim_in_fiber(void);
uint32_t   sim_slot(void); /* of the running fiber */
void       sim_fibers_drop(uint32_t slot); /* none of them runs any more */
void       sim_yield(void);
void       sim_sleep(int64_t us);
/* Until somebody wakes `thing`, or the time comes; false: it came. */
bool       sim_wait(const void *thing, int64_t until_us);
void       sim_wake(const void *thing, bool all);
void       sim_stir(void); /* something new: who looks around looks often again */
/* Runs one fiber, or lets time pass to the next thing that happens; false: nothing will. */
bool       sim_turn(void);
void       sim_fibers_clear(void);
extern int64_t sim_now; /* microseconds since the history began */

/* What happens at a time, outside of all fibers. */
typedef void sim_event_fn(void *thing, uint64_t number);
void    sim_at(int64_t at_us, sim_event_fn *event, void *thing, uint64_t number);

/* Memory. */
void  sim_heap_use(uint32_t slot); /* SIM_SLOTS: nobody's */
void  sim_heap_drop(uint32_t slot);
uint64_t sim_heap_live(uint32_t slot); /* pieces that were not freed */
void *sim_keep(size_t bytes); /* zeroed, until the history ends */
weir_str sim_keep_text(weir_str text);
void  sim_keep_clear(void);

#endif
