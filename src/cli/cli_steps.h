/* cli/steps: epochs of a live job at which a replay has to stand before it goes on.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLI_STEPS_H
#define CLI_STEPS_H

#include "cli_lineage.h"

#define CLI_STEPS_MAX 100000u

typedef struct cli_step {
    uint64_t gen, idx, epoch; /* of its manifest */
} cli_step;

/* Behind epoch `after` and up to `last`, which is the last of the list, in the live lineage's
   arena. LIMIT when there are more than CLI_STEPS_MAX. */
weir_code cli_steps_find(cli_lineage *live, const weir_manifest *last, uint64_t after,
                         cli_step **out, uint32_t *out_count, weir_err *err) WEIR_MUST_CHECK;

#endif
