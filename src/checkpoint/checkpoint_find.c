/* checkpoint/find: where contiguous numbers end, by galloping and bisection.
 *
 * Seals, the records of a generation and lineages are numbered without gaps while they are
 * looked for, so the end is found with about twice the binary logarithm of how many there
 * are: 30 requests for 20,000. A good guess makes it three.
 *
 * Relies on  nothing being believed for long: who acts on the end puts the next number with
 *            If-None-Match, and finds out when it was taken.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "checkpoint_log.h"

#include <string.h>

typedef struct numbers {
    const checkpoint_log *log;
    log_key (*key)(const checkpoint_log *log, uint64_t gen, uint64_t number);
    uint64_t gen;
    uint64_t first;
} numbers;

weir_code log_exists(const checkpoint_log *log, const log_key *key, bool *out,
                     weir_err *err)
{
    weir_assert(key->len > 0);
    weir_object object = {.key = log_key_text(key)};
    weir_code   rc = log->store->kind->head(log->store, &object, 1, err);
    *out = rc == WEIR_OK;
    return rc == WEIR_E_NOTFOUND ? WEIR_OK : rc;
}

static weir_code is_there(const numbers *of, uint64_t number, bool *out, weir_err *err)
{
    log_key key = of->key(of->log, of->gen, number);
    return log_exists(of->log, &key, out, err);
}

/* Between `there`, which is (or is one below the first), and `missing`, which is not. */
static weir_code bisect(const numbers *of, uint64_t there, uint64_t missing, uint64_t *out,
                        weir_err *err)
{
    weir_assert(there < missing || (there == UINT64_MAX && of->first == 0));
    while (missing - there > 1) { /* right also where `there` is -1 */
        uint64_t  middle = there + (missing - there) / 2;
        bool      found = false;
        weir_code rc = is_there(of, middle, &found, err);
        if (rc != WEIR_OK)
            return rc;
        if (found)
            there = middle;
        else
            missing = middle;
    }
    *out = missing;
    return WEIR_OK;
}

static weir_code find_end(const numbers *of, uint64_t guess, uint64_t *out, weir_err *err)
{
    uint64_t  there = of->first - 1; /* UINT64_MAX for first 0: adding 1 gives 0 */
    bool      found = false;
    weir_code rc = WEIR_OK;
    if (guess > of->first && guess <= RECORD_NUMBER_MAX)
        rc = is_there(of, guess, &found, err);
    if (rc == WEIR_OK && found)
        there = guess;
    for (uint64_t step = 1; rc == WEIR_OK; step *= 2) {
        uint64_t next = there + step;
        if (next > RECORD_NUMBER_MAX)
            return weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT,
                             "the checkpoint has more records than it can number");
        rc = is_there(of, next, &found, err);
        if (rc == WEIR_OK && !found)
            return bisect(of, there, next, out, err);
        there = next;
    }
    return rc;
}

static log_key key_of_seal(const checkpoint_log *log, uint64_t gen, uint64_t number)
{
    (void)gen; /* the number is the generation */
    return log_key_of_seal(log, number);
}

weir_code log_end_of_seals(const checkpoint_log *log, uint64_t guess, uint64_t *out,
                           weir_err *err)
{
    const numbers of = {.log = log, .key = key_of_seal, .first = 0};
    return find_end(&of, guess, out, err);
}

weir_code log_end_of_records(const checkpoint_log *log, uint64_t gen, uint64_t guess,
                             uint64_t *out, weir_err *err)
{
    const numbers of = {.log = log, .key = log_key_of_record, .gen = gen, .first = 1};
    return find_end(&of, guess, out, err);
}

/* A lineage has begun when its generation 0 has a record: that is always a SEAL, and is
   never removed. */
static log_key key_of_lineage(const checkpoint_log *log, uint64_t gen, uint64_t number)
{
    checkpoint_log other = *log;
    other.lineage = (uint32_t)number;
    return log_key_of_record(&other, gen, 1);
}

weir_code log_last_lineage(const checkpoint_log *log, uint32_t *out, weir_err *err)
{
    const numbers of = {.log = log, .key = key_of_lineage, .gen = 0, .first = 1};
    uint64_t      end = 0;
    weir_code     rc = find_end(&of, 0, &end, err);
    if (rc == WEIR_OK)
        *out = (uint32_t)(end - 1);
    return rc;
}
