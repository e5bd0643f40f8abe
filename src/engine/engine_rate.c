/* engine/rate: a replay beside the live job leaves brokers and databases to it: at most so
 * many records a second, of all lanes together.
 *
 * A bucket of tokens on the injected clock. It holds a tenth of a second's worth and one, so that a
 * lane that was held up does not make up for it in one go.
 *
 * Gives      engine_rate_take, engine_rate_return.
 * Always     1. over any time t, not more than rate * (t + a tenth of a second) records and one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine_rate.h"

#define RATE_TOKEN 1000000  /* a record */
#define RATE_BURST_US 100000

static int64_t capacity(const engine_rate *rate)
{
    return (int64_t)rate->most * RATE_BURST_US + RATE_TOKEN;
}

static void fill(engine_rate *rate, int64_t now_us)
{
    int64_t since_us = now_us - rate->last_us;
    rate->last_us = now_us;
    if (since_us > RATE_TOKEN) /* a second fills it, whatever the rate is */
        since_us = RATE_TOKEN;
    rate->tokens += since_us * (int64_t)rate->most;
    if (rate->tokens > capacity(rate))
        rate->tokens = capacity(rate);
}

uint32_t engine_rate_take(engine_job *engine, uint32_t wanted)
{
    engine_rate *rate = &engine->rate;
    if (rate->most == 0)
        return wanted;
    pthread_mutex_lock(&engine->lock);
    fill(rate, engine->clock->mono_us(engine->clock));
    int64_t there = rate->tokens / RATE_TOKEN;
    uint32_t taken = there < (int64_t)wanted ? (uint32_t)there : wanted;
    rate->tokens -= (int64_t)taken * RATE_TOKEN;
    pthread_mutex_unlock(&engine->lock);
    return taken;
}

void engine_rate_return(engine_job *engine, uint32_t records)
{
    if (engine->rate.most == 0 || records == 0)
        return;
    pthread_mutex_lock(&engine->lock);
    engine->rate.tokens += (int64_t)records * RATE_TOKEN;
    pthread_mutex_unlock(&engine->lock);
}
