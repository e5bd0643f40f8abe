/* sim/main: many histories, or one.
 *
 *   sim --seeds FROM COUNT [--jobs N]   a line for each that fails, with what is left of its
 *                                       plan when no fault can be left out any more
 *   sim --seed N [--without HEX]        that history, printed
 *   sim --kept FILE                     lines `seed without # why` that failed once
 *   sim --twice FROM COUNT              the same seed twice is the same history
 *   sim --mutants COUNT                 which of COUNT seeds finds out each wrong turn of the
 *                                       protocol (weir/mutants.def) first; one must
 *
 * Histories run in children: one that ends the process is a failure like any other.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "weir/mutant.h"

#define JOBS_MAX 64
#define FAILURES_MAX 16u
#define SEEDS_OF_CHILD 500u /* libraries keep what dead workers held */
#define MET_LEAST 3u

typedef struct totals {
    uint64_t runs, faults, met, few, many_workers, epochs, crashes, starts, turns;
    int64_t  took_us;
} totals;

typedef struct child {
    uint64_t from, count, step; /* seeds from, from + step … */
    uint64_t seed;              /* under way */
    uint64_t done;
    totals   sum;
    uint32_t failures;
    struct {
        uint64_t seed;
        char     why[400];
    } failure[FAILURES_MAX];
} child;

typedef struct trial { /* one history in a child of its own */
    sim_result result;
    bool       ended;
} trial;

static void *shared(size_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    weir_assert(at != MAP_FAILED);
    return at;
}

static void add_failure(child *one, uint64_t seed, const char *why)
{
    if (one->failures == FAILURES_MAX)
        return;
    one->failure[one->failures].seed = seed;
    (void)snprintf(one->failure[one->failures].why, sizeof one->failure[0].why, "%s", why);
    one->failures++;
}

static void add(totals *sum, const sim_result *result)
{
    sum->runs++;
    sum->faults += result->faults;
    sum->met += result->met;
    sum->few += result->met < MET_LEAST;
    sum->many_workers += result->workers > 1;
    sum->epochs += result->epochs;
    sum->crashes += result->crashes;
    sum->starts += result->starts;
    sum->turns += result->turns;
    sum->took_us += result->took_us;
}

static void run_child(child *one)
{
    for (uint32_t i = 0; i < SEEDS_OF_CHILD && one->done < one->count; i++) {
        sim_result result;
        sim_setup  setup = {.seed = one->from + one->done * one->step};
        one->seed = setup.seed;
        sim_run(&setup, &result);
        add(&one->sum, &result);
        if (result.failed)
            add_failure(one, setup.seed, result.why);
        one->done++;
    }
    _exit(0);
}

static pid_t fork_child(child *one)
{
    (void)fflush(stdout);
    pid_t pid = fork();
    weir_assert(pid >= 0);
    if (pid == 0)
        run_child(one);
    return pid;
}

static void run_all(child *all, int jobs)
{
    pid_t pid[JOBS_MAX];
    for (int i = 0; i < jobs; i++)
        pid[i] = fork_child(&all[i]);
    for (int left = jobs; left > 0;) {
        int   status, i = 0;
        pid_t ended = wait(&status);
        while (i < jobs && pid[i] != ended)
            i++;
        weir_assert(i < jobs);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            add_failure(&all[i], all[i].seed, "the process ended");
            all[i].done++;
        }
        if (all[i].done < all[i].count)
            pid[i] = fork_child(&all[i]);
        else
            left--;
    }
}

static bool fails(const sim_setup *setup, trial *out)
{
    *out = (trial){.ended = false};
    (void)fflush(stdout);
    pid_t pid = fork();
    weir_assert(pid >= 0);
    if (pid == 0) {
        sim_run(setup, &out->result);
        out->ended = true;
        (void)fflush(stdout);
        _exit(0);
    }
    int status;
    weir_assert(waitpid(pid, &status, 0) == pid);
    if (!out->ended) {
        out->result.failed = true;
        if (out->result.why[0] == '\0')
            (void)snprintf(out->result.why, sizeof out->result.why, "the process ended");
    }
    return out->result.failed;
}

static void print_plan(uint64_t without)
{
    for (uint32_t i = 0; i < sim.faults; i++) {
        const sim_fault *fault = &sim.fault[i];
        printf("# fault %u: %s, %s %u, %u ms%s\n", i, sim_what_name(fault->what),
               sim_place_name(fault->place), fault->nth, fault->arg,
               without >> i & 1 ? " (left out)" : "");
    }
}

/* Leaves out one fault after the other while it still fails. */
static uint64_t minimise(uint64_t seed, trial *at)
{
    sim_setup setup = {.seed = seed};
    (void)fails(&setup, at);
    uint32_t faults = at->result.faults;
    for (uint32_t i = 0; i < faults; i++) {
        setup.without |= UINT64_C(1) << i;
        if (!fails(&setup, at))
            setup.without &= ~(UINT64_C(1) << i);
    }
    (void)fails(&setup, at);
    return setup.without;
}

static int tell(child *all, int jobs, double seconds)
{
    totals   sum = {0};
    uint32_t failures = 0;
    trial   *at = shared(sizeof *at);
    for (int i = 0; i < jobs; i++) {
        const totals *one = &all[i].sum;
        sum.runs += one->runs;
        sum.faults += one->faults;
        sum.met += one->met;
        sum.few += one->few;
        sum.many_workers += one->many_workers;
        sum.epochs += one->epochs;
        sum.crashes += one->crashes;
        sum.starts += one->starts;
        sum.turns += one->turns;
        sum.took_us += one->took_us;
        for (uint32_t f = 0; f < all[i].failures; f++, failures++) {
            printf("not ok sim.seed_%" PRIu64 ": %s\n", all[i].failure[f].seed,
                   all[i].failure[f].why);
            if (failures >= 4)
                continue;
            uint64_t without = minimise(all[i].failure[f].seed, at);
            printf("# keep: %" PRIu64 " %" PRIx64 " # %s\n", all[i].failure[f].seed, without,
                   at->result.why);
        }
    }
    printf("# %" PRIu64 " histories: %" PRIu64 " faults, %" PRIu64 " met (fewer than %u in %"
           PRIu64 "), several workers in %" PRIu64 "\n",
           sum.runs, sum.faults, sum.met, MET_LEAST, sum.few, sum.many_workers);
    printf("# %" PRIu64 " epochs, %" PRIu64 " starts, %" PRIu64 " kills, %" PRIu64
           " turns, %.0f hours of virtual time in %.1f s\n",
           sum.epochs, sum.starts, sum.crashes, sum.turns, (double)sum.took_us / 3.6e9,
           seconds);
    return failures == 0 && sum.runs > 0 ? 0 : 1;
}

static double seconds_now(void)
{
    weir_clock *clock = weir_clock_system();
    return (double)clock->mono_us(clock) / 1e6;
}

static int run_seeds(uint64_t from, uint64_t count, int jobs)
{
    if (jobs < 1)
        jobs = (int)sysconf(_SC_NPROCESSORS_ONLN);
    if (jobs > JOBS_MAX)
        jobs = JOBS_MAX;
    if ((uint64_t)jobs > count)
        jobs = (int)count;
    child *all = shared(sizeof *all * (size_t)jobs);
    double begin = seconds_now();
    for (uint64_t i = 0; i < (uint64_t)jobs; i++) {
        uint64_t share = count / (uint64_t)jobs + (i < count % (uint64_t)jobs);
        all[i] = (child){.from = from + i, .step = (uint64_t)jobs, .count = share};
    }
    run_all(all, jobs);
    int rc = tell(all, jobs, seconds_now() - begin);
    if (rc == 0)
        printf("ok sim.seeds_%" PRIu64 "_to_%" PRIu64 "\n", from, from + count - 1);
    return rc;
}

static int run_one(uint64_t seed, uint64_t without)
{
    sim_setup  setup = {.seed = seed, .without = without, .print = true};
    sim_result result;
    sim_run(&setup, &result);
    print_plan(without);
    printf("# %u faults, %u met, %u workers, %u epochs, %u kills, %" PRIu64
           " turns, %.1f s of virtual time, hash %016" PRIx64 "\n",
           result.faults, result.met, result.workers, result.epochs, result.crashes,
           result.turns, (double)result.took_us / 1e6, result.hash);
    printf("%s sim.seed_%" PRIu64 "%s%s\n", result.failed ? "not ok" : "ok", seed,
           result.failed ? ": " : "", result.why);
    return result.failed;
}

static int run_kept(const char *path)
{
    FILE *file = fopen(path, "r");
    char  line[300];
    int   rc = 0;
    trial *at = shared(sizeof *at);
    if (file == NULL) {
        perror(path);
        return 2;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        sim_setup setup = {.seed = 0};
        if (sscanf(line, "%" SCNu64 " %" SCNx64, &setup.seed, &setup.without) != 2)
            continue;
        bool failed = fails(&setup, at);
        printf("%s sim.kept_%" PRIu64 "%s%s\n", failed ? "not ok" : "ok", setup.seed,
               failed ? ": " : "", failed ? at->result.why : "");
        rc |= failed;
    }
    (void)fclose(file);
    return rc;
}

/* The second time in another process, behind other histories. */
static int run_twice(uint64_t from, uint64_t count)
{
    trial *first = shared(sizeof *first);
    int    rc = 0;
    for (uint64_t seed = from; seed < from + count; seed++) {
        sim_setup  setup = {.seed = seed};
        sim_result second;
        (void)fails(&setup, first);
        sim_run(&setup, &second);
        if (first->result.hash != second.hash || first->result.turns != second.turns) {
            printf("not ok sim.seed_%" PRIu64 "_is_one_history\n", seed);
            rc = 1;
        }
    }
    if (rc == 0)
        printf("ok sim.a_seed_is_one_history\n");
    return rc;
}

/* Not met here: folders are tests/fault's, and so are errors of HTTP. */
static const char *const elsewhere[] = {"forget_fsync", "swallow_denied",
                                        "repair_without_claim"};

static bool is_elsewhere(const char *name)
{
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++)
        if (strcmp(elsewhere[i], name) == 0)
            return true;
    return false;
}

/* Seeds in order, in children of their own, until one fails. */
static bool catches(const char *mutant, uint64_t count, trial *at, uint64_t *out_seed)
{
    bool known = weir_mutant_choose(mutant);
    weir_assert(known);
    for (uint64_t seed = 1; seed <= count; seed++) {
        sim_setup setup = {.seed = seed};
        *out_seed = seed;
        if (fails(&setup, at))
            return true;
    }
    return false;
}

static int run_mutants(uint64_t count)
{
    int    rc = 0;
    trial *at = shared(sizeof *at);
    for (size_t i = 0; i < WEIR_MUTANT_COUNT; i++) {
        const char *name = weir_mutant_names()[i];
        uint64_t    seed = 0;
        if (is_elsewhere(name))
            continue;
        bool caught = catches(name, count, at, &seed);
        printf("%s sim.mutant_%s", caught ? "ok" : "not ok", name);
        if (caught)
            printf("\n# by seed %" PRIu64 ": %s\n", seed, at->result.why);
        else
            printf(": %" PRIu64 " seeds do not find it\n", count);
        rc |= !caught;
    }
    return rc;
}

static uint64_t number(char **argument, int base)
{
    if (*argument == NULL) {
        fprintf(stderr, "sim: a number is missing\n");
        exit(2);
    }
    return strtoull(*argument, NULL, base);
}

int main(int count, char **argument)
{
    int jobs = 0;
    sim_prepare();
    for (int i = 1; i < count; i++)
        if (strcmp(argument[i], "--jobs") == 0)
            jobs = (int)number(&argument[i + 1], 10);
    if (count > 3 && strcmp(argument[1], "--seeds") == 0)
        return run_seeds(number(&argument[2], 10), number(&argument[3], 10), jobs);
    if (count > 3 && strcmp(argument[1], "--twice") == 0)
        return run_twice(number(&argument[2], 10), number(&argument[3], 10));
    if (count > 2 && strcmp(argument[1], "--mutants") == 0)
        return run_mutants(number(&argument[2], 10));
    if (count > 2 && strcmp(argument[1], "--kept") == 0)
        return run_kept(argument[2]);
    if (count > 2 && strcmp(argument[1], "--seed") == 0) {
        bool without = count > 4 && strcmp(argument[3], "--without") == 0;
        return run_one(number(&argument[2], 10), without ? number(&argument[4], 16) : 0);
    }
    fprintf(stderr, "usage: sim --seeds FROM COUNT [--jobs N] | --seed N [--without HEX] | "
                    "--kept FILE | --twice FROM COUNT | --mutants COUNT\n");
    return 2;
}
