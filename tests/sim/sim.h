/* tests/sim: whole workers in one process, on virtual time, with virtual servers.
 *
 * One seed is one history: which fiber runs next, how long requests take, what is read, and
 * what goes wrong are all taken from it. The code between the doors is the product's own:
 * engine, checkpoint, the Kafka source, the sinks and the state.
 *
 *   sim_fiber   threads as fibers that run one at a time, and virtual time
 *   sim_wrap    what the linker puts in place of threads, clocks, random bytes and logs
 *   sim_heap    memory of a worker, dropped when it dies
 *   sim_world   one history: plan of faults, workers that start, die, sleep and come back
 *   sim_store   objects: put-if-absent, late and lost requests
 *   sim_mysql   a database: transactions, locks, lost connections, failover
 *   sim_kafka   a topic that fills while workers read it
 *   sim_input   what is in the topic, and what the sinks have to hold at the end
 *   sim_check   what must always hold, and the comparison at the end
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SIM_H
#define SIM_H

#include "sim_fiber.h"
#include "sim_server.h"
#include "weir/engine.h"

#define SIM_FAULTS 16u /* of one history */

/* Places where something can go wrong. A fault names one, and how often it is passed. */
typedef enum sim_place {
    SIM_TIME, /* not a place: milliseconds since the start */
    SIM_GET,
    SIM_PUT,
    SIM_SLOT, /* put_new of a record or a seal */
    SIM_SEAL, /* the same, of a SEAL alone */
    SIM_FILE, /* put_new of a file */
    SIM_PUT_DONE,
    SIM_SLOT_DONE,
    SIM_FILE_DONE,
    SIM_SQL_BEGIN,
    SIM_SQL_ROW, /* the commit row is read or moved */
    SIM_SQL_WRITE,
    SIM_SQL_COMMIT,
    SIM_SQL_DONE,
    SIM_POLL,
    SIM_LOCK, /* a mutex is taken */
    SIM_PLACES
} sim_place;

typedef enum sim_what {
    SIM_NOTHING,
    SIM_CRASH,       /* of whoever passes; at a time: of a worker that runs */
    SIM_PAUSE,       /* it sleeps `arg` ms, or until all is over */
    SIM_STOP,        /* it is told to end */
    SIM_CLOCK,       /* its wall clock steps by `arg` ms */
    SIM_AWAY,        /* the server of that place is away for `arg` ms */
    SIM_BUSY,        /* refused for now */
    SIM_REFUSED,     /* refused as for ever, for `arg` ms */
    SIM_DROPPED,     /* no answer, and not applied */
    SIM_LOST,        /* applied, and no answer */
    SIM_LATE,        /* no answer; applied `arg` ms later */
    SIM_SLOW,        /* takes `arg` ms */
    SIM_FLIP,        /* one bit of what is read is another */
    SIM_DEADLOCK,    /* the transaction is rolled back */
    SIM_CUT,         /* the connection is lost; the server notices `arg` ms later */
    SIM_FAILOVER,    /* the last 1 to 3 commits are gone; all connections are lost */
    SIM_AGAIN,       /* records are handed over once more */
    SIM_STRANGER,    /* somebody else's object has the name, until it is taken away */
    SIM_DAMAGE,      /* an object is damaged, until somebody repairs it */
    SIM_WHATS
} sim_what;

typedef struct sim_fault {
    sim_what  what;
    sim_place place;
    uint32_t  nth;  /* passing of the place; SIM_TIME: ms */
    uint32_t  arg;
    bool      spare; /* strikes only where little else did */
    bool      off;   /* left out of this run */
    bool      met;
} sim_fault;

/* A worker passes a place; does not return when it dies there. What an operation has to do
   about it is returned: SIM_NOTHING most of the time. */
const sim_fault *sim_pass(sim_place place);
const char *sim_place_name(sim_place place);
const char *sim_what_name(sim_what what);
void sim_plan_faults(sim_dice *dice);
bool sim_plan_enough(void);
void sim_plan_start(void); /* those of a time are waited for */

typedef struct sim_setup {
    uint64_t seed;
    uint64_t without; /* bit i: fault i is left out */
    bool     print;   /* the history, as it happens */
} sim_setup;

typedef struct sim_result {
    bool     failed;
    char     why[400];
    uint64_t hash; /* of the history */
    uint32_t faults, met, workers, epochs, crashes, starts;
    int64_t  took_us; /* virtual */
    uint64_t turns;
} sim_result;

void sim_prepare(void); /* once, before the first history */
void sim_run(const sim_setup *setup, sim_result *out);

/* The history goes on after a failure, and tells the first one. */
void sim_fail(const char *format, ...) WEIR_PRINTF(1, 2);
/* A line of the history: always hashed, printed when asked for. */
void sim_say(const char *what, weir_str thing, int64_t number);

/* The running history. */
typedef struct sim_world {
    sim_setup    setup;
    sim_result  *result;
    sim_dice     order; /* which fiber is next, how long things take */
    sim_dice     luck;  /* details of faults */
    sim_job_kind job;
    uint32_t     faults;
    sim_fault    fault[SIM_FAULTS];
    uint32_t     passed[SIM_PLACES];
    uint32_t     slots;
    bool         overdue; /* what did not strike yet strikes at the next passing */
    bool         healed; /* nothing goes wrong any more */
    bool         proving; /* what is read now is what a start needs */
    bool         over;
    uint32_t     last_writer; /* life of the worker whose record is the log's last */
    uint64_t     last_gen;    /* the generation of that record */
    uint32_t     strangers, damages; /* that are there */
    int64_t      store_away_us, store_refuses_us, sql_away_us, kafka_away_us; /* until */
} sim_world;
extern sim_world sim;

/* Workers. */
bool     sim_asleep(uint32_t slot);
uint32_t sim_worker_life(uint32_t slot); /* starts are counted */
uint32_t sim_worker_any(void); /* one that runs and is awake, or SIM_SLOTS */
void     sim_worker_crash(uint32_t slot); /* its own fiber does not come back */
void     sim_worker_pause(uint32_t slot, uint32_t ms); /* 0: until all is over */
void     sim_worker_stop(uint32_t slot);
void     sim_worker_clock(uint32_t slot, int64_t by_us);

/* sim_check: called when an effect becomes visible. */
void sim_check_clear(void);
void sim_check_object(weir_str key, weir_str body);
void sim_check_mark(uint64_t epoch, uint64_t gen, const uint8_t *sha, uint64_t was);
void sim_check_failover(uint64_t epoch);
void sim_check_collect(void); /* as the collector may: manifests and data of old generations */
void sim_check_removed(weir_str key, weir_str body); /* by the collector itself */
void sim_check_end(void);

#endif
