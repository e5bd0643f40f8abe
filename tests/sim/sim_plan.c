/* sim/plan: what goes wrong in a history, drawn before it begins, and where it meets it.
 *
 * A fault names a place that workers pass, and how many passings later it strikes; one of
 * time strikes at its millisecond. What has not been met when the input is all there
 * strikes at the next passing, so that no history is without its faults.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sim.h"

#define LEAST 3u
#define SPREAD 8u
#define ZOMBIE_IN 3u

typedef struct choice {
    sim_what  what;
    sim_place place;
    uint32_t  nth; /* at most */
    uint32_t  arg; /* at most; ms */
} choice;

static const choice choices[] = {
    {SIM_CRASH, SIM_TIME, 6000, 0},       {SIM_CRASH, SIM_GET, 40, 0},
    {SIM_CRASH, SIM_PUT, 16, 0},          {SIM_CRASH, SIM_SLOT, 20, 0},
    {SIM_CRASH, SIM_SLOT_DONE, 20, 0},    {SIM_CRASH, SIM_FILE, 6, 0},
    {SIM_CRASH, SIM_FILE_DONE, 6, 0},     {SIM_CRASH, SIM_SQL_ROW, 16, 0},
    {SIM_CRASH, SIM_SQL_COMMIT, 12, 0},   {SIM_CRASH, SIM_SQL_DONE, 12, 0},
    {SIM_CRASH, SIM_LOCK, 4000, 0},       {SIM_PAUSE, SIM_TIME, 6000, 30000},
    {SIM_PAUSE, SIM_GET, 40, 30000},      {SIM_PAUSE, SIM_SLOT, 20, 30000},
    {SIM_PAUSE, SIM_SLOT_DONE, 20, 30000}, {SIM_PAUSE, SIM_FILE, 6, 30000},
    {SIM_PAUSE, SIM_SQL_ROW, 16, 30000},  {SIM_PAUSE, SIM_SQL_COMMIT, 12, 30000},
    {SIM_PAUSE, SIM_SQL_DONE, 12, 30000}, {SIM_PAUSE, SIM_LOCK, 4000, 30000},
    {SIM_STOP, SIM_TIME, 6000, 0},        {SIM_STOP, SIM_SLOT, 20, 0},
    {SIM_CLOCK, SIM_TIME, 6000, 7200000}, {SIM_AWAY, SIM_GET, 30, 20000},
    {SIM_AWAY, SIM_SLOT, 20, 20000},      {SIM_AWAY, SIM_FILE, 6, 20000},
    {SIM_AWAY, SIM_SQL_ROW, 16, 20000},
    {SIM_AWAY, SIM_SQL_COMMIT, 12, 20000}, {SIM_AWAY, SIM_POLL, 40, 10000},
    {SIM_BUSY, SIM_GET, 40, 0},           {SIM_BUSY, SIM_PUT, 16, 0},
    {SIM_BUSY, SIM_SLOT, 20, 0},          {SIM_BUSY, SIM_FILE, 6, 0},
    {SIM_REFUSED, SIM_SLOT, 20, 5000},    {SIM_REFUSED, SIM_FILE, 6, 20000},
    {SIM_DROPPED, SIM_SLOT, 20, 0},       {SIM_DROPPED, SIM_FILE, 6, 0},
    {SIM_LOST, SIM_SLOT, 20, 0},          {SIM_LOST, SIM_FILE, 6, 0},
    {SIM_LOST, SIM_SQL_COMMIT, 12, 0},    {SIM_LATE, SIM_SLOT, 20, 40000},
    {SIM_LATE, SIM_SLOT, 20, 400},        {SIM_LATE, SIM_FILE, 6, 40000},
    {SIM_LATE, SIM_PUT, 16, 40000},       {SIM_LATE, SIM_SQL_COMMIT, 12, 9000},
    {SIM_SLOW, SIM_GET, 40, 20000},       {SIM_SLOW, SIM_SLOT, 20, 20000},
    {SIM_SLOW, SIM_FILE, 6, 20000},       {SIM_SLOW, SIM_SQL_ROW, 16, 12000},
    {SIM_FLIP, SIM_GET, 40, 0},           {SIM_DEADLOCK, SIM_SQL_ROW, 16, 0},
    {SIM_DEADLOCK, SIM_SQL_WRITE, 10, 0}, {SIM_CUT, SIM_SQL_BEGIN, 16, 12000},
    {SIM_CUT, SIM_SQL_ROW, 16, 12000},    {SIM_CUT, SIM_SQL_WRITE, 10, 12000},
    {SIM_CUT, SIM_SQL_COMMIT, 12, 12000}, {SIM_DROPPED, SIM_SQL_COMMIT, 12, 12000},
    {SIM_FAILOVER, SIM_TIME, 6000, 0},    {SIM_FAILOVER, SIM_SQL_BEGIN, 16, 0},
    {SIM_FAILOVER, SIM_SQL_COMMIT, 12, 0}, {SIM_FAILOVER, SIM_SQL_DONE, 12, 0},
    {SIM_FAILOVER, SIM_SLOT_DONE, 20, 0}, {SIM_AGAIN, SIM_POLL, 40, 0},
    {SIM_PAUSE, SIM_POLL, 40, 30000},     {SIM_CRASH, SIM_POLL, 40, 0},
    {SIM_STRANGER, SIM_FILE, 6, 9000},    {SIM_DAMAGE, SIM_GET, 40, 9000},
    {SIM_PAUSE, SIM_SEAL, 4, 30000},
};

static const char *const places[] = {
    "time", "get", "put", "slot", "seal", "file", "put done", "slot done", "file done", "sql begin",
    "sql row", "sql write", "sql commit", "sql done", "poll", "lock"};
static const char *const whats[] = {
    "nothing", "crash", "pause", "stop", "clock", "away", "busy", "refused", "dropped", "lost",
    "late", "slow", "flip", "deadlock", "cut", "failover", "again",
    "stranger", "damage"};
_Static_assert(sizeof places / sizeof places[0] == SIM_PLACES, "a name for each");
_Static_assert(sizeof whats / sizeof whats[0] == SIM_WHATS, "a name for each");

const char *sim_place_name(sim_place place)
{
    return places[place];
}

const char *sim_what_name(sim_what what)
{
    return whats[what];
}

static void draw(sim_dice *dice, sim_fault *out)
{
    const choice *one = &choices[sim_below(dice, sizeof choices / sizeof choices[0])];
    *out = (sim_fault){.what = one->what, .place = one->place,
                       .nth = 1 + (uint32_t)sim_below(dice, one->nth)};
    /* small ones as often as large ones */
    uint32_t most = one->arg;
    while (most > 16 && sim_chance(dice, 2))
        most /= 8;
    out->arg = most > 0 ? 1 + (uint32_t)sim_below(dice, most) : 0;
    if (one->what == SIM_PAUSE && sim_chance(dice, ZOMBIE_IN))
        out->arg = 0; /* until all is over */
}

/* Flips of one object that is read twice are damage, which has to halt. */
static bool is_second_flip(const sim_fault *fault)
{
    for (const sim_fault *one = sim.fault; one < fault; one++)
        if (one->what == SIM_FLIP && fault->what == SIM_FLIP)
            return true;
    return false;
}

/* A server that is away, and a worker that is told to end meanwhile. */
static void end_meanwhile(const sim_fault *fault, uint32_t slot)
{
    if (fault->arg > 10000 && fault->arg % 2 == 0)
        sim_worker_stop(slot);
}

/* Strikes at its time, if too little went wrong until then. */
static void draw_spare(sim_dice *dice, sim_fault *out, uint32_t tenths)
{
    static const sim_what what[] = {SIM_CRASH, SIM_PAUSE, SIM_STOP, SIM_FAILOVER};
    *out = (sim_fault){.what = what[sim_below(dice, 4)], .place = SIM_TIME, .spare = true,
                       .nth = (uint32_t)(sim_last_arrival() / 10000) * tenths,
                       .arg = 1 + (uint32_t)sim_below(dice, 2000)};
}

void sim_plan_faults(sim_dice *dice)
{
    uint32_t drawn = LEAST + (uint32_t)sim_below(dice, SPREAD);
    for (uint32_t i = 0; i < drawn; i++)
        do
            draw(dice, &sim.fault[i]);
        while (is_second_flip(&sim.fault[i]));
    sim.faults = drawn + LEAST;
    for (uint32_t i = 0; i < LEAST; i++)
        draw_spare(dice, &sim.fault[drawn + i], 7 + i);
    for (uint32_t i = 0; i < sim.faults; i++)
        sim.fault[i].off = sim.setup.without >> i & 1;
    sim.result->faults = sim.faults;
}

/* True: the operation has nothing to do about it. */
static bool strike(const sim_fault *fault, uint32_t slot)
{
    int64_t ms = INT64_C(1000);
    switch (fault->what) {
    case SIM_CRASH:
        sim_worker_crash(slot);
        return true;
    case SIM_PAUSE:
        sim_worker_pause(slot, fault->arg);
        return true;
    case SIM_STOP:
        sim_worker_stop(slot);
        return true;
    case SIM_CLOCK:
        sim_worker_clock(slot, sim_chance(&sim.luck, 2) ? fault->arg * ms
                                                        : -(fault->arg * ms));
        return true;
    case SIM_FAILOVER:
        sim_mysql_failover();
        return true;
    case SIM_AWAY:
        end_meanwhile(fault, slot);
        if (fault->place == SIM_POLL) {
            sim.kafka_away_us = sim_now + fault->arg * ms;
        } else if (fault->place < SIM_SQL_BEGIN) {
            sim.store_away_us = sim_now + fault->arg * ms;
        } else {
            sim.sql_away_us = sim_now + fault->arg * ms;
            sim_mysql_restart();
        }
        return true;
    default:
        return false;
    }
}

static void meet(sim_fault *fault)
{
    fault->met = true;
    sim.result->met++;
    sim_say(whats[fault->what], weir_str_of(places[fault->place]), fault->arg);
    sim_stir();
}

const sim_fault *sim_pass(sim_place place)
{
    static const sim_fault nothing = {.what = SIM_NOTHING};
    uint32_t               now = ++sim.passed[place];
    if (sim.healed || !sim_in_fiber())
        return &nothing;
    for (uint32_t i = 0; i < sim.faults; i++) {
        sim_fault *fault = &sim.fault[i];
        if (fault->off || fault->met || fault->place != place ||
            (fault->nth != now && !(sim.overdue && fault->nth > now)))
            continue;
        meet(fault);
        return strike(fault, sim_slot()) ? &nothing : fault;
    }
    return &nothing;
}

static void time_comes(void *thing, uint64_t number)
{
    sim_fault *fault = thing;
    uint32_t   slot = sim_worker_any();
    (void)number;
    if (sim.healed || (fault->spare && sim.result->met >= LEAST))
        return;
    if (slot == SIM_SLOTS && fault->what != SIM_FAILOVER) {
        sim_at(sim_now + SIM_SECOND / 10, time_comes, fault, 0); /* nobody runs now */
        return;
    }
    meet(fault);
    (void)strike(fault, slot);
}

void sim_plan_start(void)
{
    for (uint32_t i = 0; i < sim.faults; i++)
        if (!sim.fault[i].off && sim.fault[i].place == SIM_TIME)
            sim_at(sim.fault[i].nth * INT64_C(1000), time_comes, &sim.fault[i], 0);
}

bool sim_plan_enough(void)
{
    for (uint32_t i = 0; i < sim.faults; i++)
        if (sim.fault[i].spare && !sim.fault[i].met && !sim.fault[i].off &&
            sim.result->met < LEAST)
            return false;
    return true;
}
