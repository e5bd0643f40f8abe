/* cli/verify: what the files of `weir replay --verify` share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLI_VERIFY_H
#define CLI_VERIFY_H

#include "cli_compare.h"

/* The plan whose sinks, checkpoints and dead letters are below `folder`: tables of databases are
   in SQLite files, and what is only printed or appended goes nowhere. *out_output: the live
   sinks, in the order of the plan. Pure: nothing is opened. */
weir_code cli_verify_plan(const weir_plan *live, const char *folder, weir_arena *arena,
                          weir_plan **out, cli_output **out_output, uint32_t *out_outputs,
                          weir_err *err) WEIR_MUST_CHECK;

/* The files below the live table's prefix that no committed epoch names; `sink` is the live one,
   opened to be looked at. */
weir_code cli_verify_files(const compare_pair *pair, weir_sink *sink,
                           weir_err *err) WEIR_MUST_CHECK;

#endif
