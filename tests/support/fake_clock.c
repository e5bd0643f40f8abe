/* tests/fake_clock: see fake_clock.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fake_clock.h"

static int64_t wall_us(weir_clock *clock)
{
    return ((fake_clock *)clock)->wall;
}

static int64_t mono_us(weir_clock *clock)
{
    return ((fake_clock *)clock)->mono;
}

static int64_t boot_us(weir_clock *clock)
{
    return ((fake_clock *)clock)->boot;
}

static void pause_us(weir_clock *clock, int64_t us)
{
    fake_clock *fake = (fake_clock *)clock;
    fake->pauses++;
    if (us <= 0)
        return;
    fake->paused += us;
    fake_clock_move(fake, us);
}

fake_clock fake_clock_new(void)
{
    return (fake_clock){
        .base = {.wall_us = wall_us,
                 .mono_us = mono_us,
                 .boot_us = boot_us,
                 .pause_us = pause_us},
        .wall = INT64_C(1704067200000000),
        .mono = INT64_C(1000000),
        .boot = INT64_C(2000000),
    };
}

void fake_clock_move(fake_clock *clock, int64_t us)
{
    clock->wall += us;
    clock->mono += us;
    clock->boot += us;
}
