/* cli/replay: what `weir replay` into a namespace and `weir replay --verify` share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLI_REPLAY_H
#define CLI_REPLAY_H

#include "cli_lineage.h"

typedef struct cli_replaying {
    const cli_flags  *flags;
    const atomic_int *stop;
    cli_job           job;  /* the live one */
    weir_str          name; /* namespace; empty to verify */
    weir_plan        *plan; /* where it writes */
    cli_lineage       live;
    weir_replay       replay;
    bool              begun;   /* it has epochs */
    bool              done;    /* it was over before */
    uint64_t          reached; /* epoch of the live job at which it stands, or comes to first */
} cli_replaying;

/* --memory and --rate, into the plan and the replay. */
weir_code cli_replay_limits(cli_replaying *r, weir_err *err) WEIR_MUST_CHECK;
/* The epochs of the live job that it begins and ends with; opens r->live. */
weir_code cli_replay_find_epochs(cli_replaying *r, weir_err *err) WEIR_MUST_CHECK;
/* Runs it to the live epoch at which it ends, step by step over the ends of live runs. */
weir_code cli_replay_steps(cli_replaying *r, weir_status *status, weir_err *err) WEIR_MUST_CHECK;

/* `weir replay --verify`, in cli_verify.c. False: a flag does not go with it; it was told. */
bool cli_verify_flags(const cli_flags *flags);
int  cli_verify(const cli_flags *flags, const atomic_int *stop);

#endif
