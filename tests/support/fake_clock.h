/* tests/fake_clock: a clock that moves when it is told to, or when somebody pauses.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_FAKE_CLOCK_H
#define TESTS_FAKE_CLOCK_H

#include "weir/clock.h"

typedef struct fake_clock {
    weir_clock base; /* hand out &fake.base */
    int64_t    wall; /* microseconds; starts at 2024-01-01 */
    int64_t    mono;
    int64_t    boot;
    int64_t    paused; /* all pauses together */
    uint64_t   pauses;
} fake_clock;

fake_clock fake_clock_new(void);
void       fake_clock_move(fake_clock *clock, int64_t us); /* all three clocks */

#endif
