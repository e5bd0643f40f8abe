/* weir/cli: the program's commands, one function each; main only dispatches.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_CLI_H
#define WEIR_CLI_H

#include <stdatomic.h>

#include "weir/error.h"

#define WEIR_VERSION "0.1.0"

/* Each takes the arguments behind the command's name and returns the exit code. `stop` is
   set to 1 by the first SIGTERM or SIGINT. */
int weir_cli_run(int count, char **argument, const atomic_int *stop);
int weir_cli_replay(int count, char **argument, const atomic_int *stop);
int weir_cli_diff(int count, char **argument, const atomic_int *stop);
int weir_cli_promote(int count, char **argument, const atomic_int *stop);
int weir_cli_check(int count, char **argument, const atomic_int *stop);
int weir_cli_explain(int count, char **argument, const atomic_int *stop);
int weir_cli_ddl(int count, char **argument, const atomic_int *stop);
int weir_cli_connectors(int count, char **argument, const atomic_int *stop);
int weir_cli_checkpoint(int count, char **argument, const atomic_int *stop);
int weir_cli_version(int count, char **argument, const atomic_int *stop);
/* `weir help [command]`, also behind --help; usage errors print to stderr. */
/* Says on standard error that there is no such command, and which may be meant. */
int weir_cli_unknown(const char *word);
int weir_cli_help(int count, char **argument, const atomic_int *stop);

#endif
