/* weir: main: finds the command, catches signals, hands over to cli/.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "weir/arena.h"
#include "weir/cli.h"

static atomic_int stop_asked;

/* The first signal asks for a clean end; the second one ends the process now. */
static void on_signal(int number)
{
    if (atomic_fetch_add(&stop_asked, 1) > 0)
        _exit(128 + number);
}

static void catch_signals(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
}

typedef int command_fn(int count, char **argument, const atomic_int *stop);

static const struct command {
    const char *name;
    command_fn *run;
} command[] = {
    {"run", weir_cli_run},         {"check", weir_cli_check},
    {"replay", weir_cli_replay},   {"diff", weir_cli_diff},
    {"promote", weir_cli_promote},
    {"explain", weir_cli_explain}, {"connectors", weir_cli_connectors},
    {"ddl", weir_cli_ddl},         {"checkpoint", weir_cli_checkpoint},
    {"version", weir_cli_version}, {"help", weir_cli_help},
    {"--help", weir_cli_help},     {"--version", weir_cli_version},
    {"-h", weir_cli_help},
};

int main(int count, char **argument)
{
    if (count < 2) {
        (void)weir_cli_help(0, NULL, &stop_asked);
        return WEIR_EXIT_USAGE;
    }
    for (size_t i = 0; i < sizeof command / sizeof command[0]; i++) {
        if (strcmp(argument[1], command[i].name) != 0)
            continue;
        catch_signals();
        weir_heap_keep();
        return command[i].run(count - 2, argument + 2, &stop_asked);
    }
    return weir_cli_unknown(argument[1]);
}
