/* weir/failpoint: named places at which a test makes the process die, wait or fail.
 *
 * Names and what may be done there are in weir/failpoints.def. In builds without
 * WEIR_FAILPOINTS the macros are empty and nothing of this is in the program.
 *
 * WEIR_FAILPOINT holds items, separated by ';': `name=term->term->…`, `seed=N` for the
 * chances. A term is `[pct%][cnt*]action`: it acts in pct of 100 passings, and after cnt
 * acts the next term's turn comes; behind the last one nothing happens any more.
 * `2*off->kill` kills at the third passing.
 *
 *   off kill stop exit term delay(ms)  at once; kill(after) and stop(after) act when the
 *                                      next external call of this thread was answered
 *   return(retry|halt|refused|unknown) that call is not made, and gives this
 *   lost     it is made, its answer is lost         flip   a bit of what was read is wrong
 *   full     no file can grow meanwhile             nomem  the next allocation fails
 *   yes      WEIR_FAILPOINT_IS is true
 *
 * WEIR_FAILPOINT_TRACE names a file to which a line is added for each passing, act and
 * external call: `pass NAME`, `act NAME ACTION`, `call CLASS NAME`, and `left NAME` when no
 * external call came between an action for one and the next failpoint.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_FAILPOINT_H
#define WEIR_FAILPOINT_H

#include <stdbool.h>
#include <stddef.h>

#include "weir/error.h"

typedef enum weir_failpoint {
#define FAILPOINT(name, class, sentence) WEIR_FP_##name,
#include "weir/failpoints.def"
#undef FAILPOINT
    WEIR_FP_COUNT
} weir_failpoint;

typedef enum weir_failpoint_class {
#define FAILPOINT_CLASS(name, actions, sentence) WEIR_FPC_##name,
#include "weir/failpoints.def"
#undef FAILPOINT_CLASS
    WEIR_FPC_COUNT
} weir_failpoint_class;

#ifdef WEIR_FAILPOINTS
#define WEIR_FAILPOINTS_BUILT true
#define WEIR_FAILPOINT(name) ((void)weir_failpoint_pass(WEIR_FP_##name))
#define WEIR_FAILPOINT_ONE_OF(which, yes, no)                                               \
    ((void)weir_failpoint_pass((which) ? WEIR_FP_##yes : WEIR_FP_##no))
#define WEIR_FAILPOINT_IS(name) (weir_failpoint_pass(WEIR_FP_##name))
/* rc = call, an external one of that class, as the failpoint before it wants. */
#define WEIR_FAULTY(class, rc, err, call)                                                   \
    do {                                                                                    \
        weir_fault fault_ = weir_fault_begin(WEIR_FPC_##class);                             \
        if (!weir_fault_instead(&fault_, &(rc), (err)))                                     \
            (rc) = weir_fault_behind(&fault_, (call), (err));                               \
    } while (0)
#else
#define WEIR_FAILPOINTS_BUILT false
#define WEIR_FAILPOINT(name) ((void)0)
#define WEIR_FAILPOINT_ONE_OF(which, yes, no) ((void)(which))
#define WEIR_FAILPOINT_IS(name) (false)
#define WEIR_FAULTY(class, rc, err, call) ((rc) = (call))
#endif

/* Acts as configured; true when the configured action is `yes`. */
bool weir_failpoint_pass(weir_failpoint point);
/* Sets actions as the environment variable does, counting from here; false (and some may
   be set) when the text is not understood. `off` takes an action away. */
bool weir_failpoint_set(const char *items);
bool weir_failpoints_built(void); /* true in a build that has them */
/* The names in order, WEIR_FP_COUNT of them. */
const char *const   *weir_failpoint_names(void);
weir_failpoint_class weir_failpoint_class_of(weir_failpoint point);

/* What shall happen to one external call. Every one stands between weir_fault_begin and
   weir_fault_end, on one thread (store/fault, keyed_fault, engine). */
typedef enum weir_fault_what {
    WEIR_FAULT_NONE,
    WEIR_FAULT_RETURN, /* the call is not made */
    WEIR_FAULT_LOST,
    WEIR_FAULT_FLIP,
    WEIR_FAULT_FULL,
    WEIR_FAULT_KILL, /* behind it */
    WEIR_FAULT_STOP  /* behind it */
} weir_fault_what;

typedef struct weir_fault {
    weir_fault_what what;
    weir_code       code; /* RETURN, LOST: what the call gives */
    weir_fate       fate;
    const char     *why;
} weir_fault;

weir_fault weir_fault_begin(weir_failpoint_class call);
void       weir_fault_end(const weir_fault *fault);
/* The same around a call that gives a code: RETURN and LOST are its code and *err. */
bool      weir_fault_instead(const weir_fault *fault, weir_code *out, weir_err *err);
weir_code weir_fault_behind(const weir_fault *fault, weir_code rc, weir_err *err);

/* `nomem`: true once, for the allocation that asks. `full`: while such a call is made. */
bool weir_failpoint_nomem(void);
bool weir_failpoint_full(void);

#endif
