/* cli/help: what the program says about itself: help pages, version.
 *
 * Gives      weir_cli_help, weir_cli_version.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "weir/failpoint.h"

static const char general[] =
    "weir: runs one SQL file as one job: Kafka and files in, MySQL and Avro on S3 out,\n"
    "every batch exactly once.\n"
    "\n"
    "usage: weir COMMAND [FLAGS] [job.sql]\n"
    "\n"
    "  run          run the job: until stopped, or with --until end\n"
    "  replay       run the job once more over what it read, into a namespace of its own\n"
    "  diff         say in which keys, windows and rows a replay differs from the live job\n"
    "  promote      make what a replay wrote the live tables, or take that back\n"
    "  check        check names, types and options; with --connect also the servers\n"
    "  explain      print the plan: steps, windows, state, sinks\n"
    "  ddl          print CREATE TABLE for the tables that the job writes\n"
    "  connectors   print what WITH (connector = …, format = …) can name\n"
    "  checkpoint   look at checkpoints: ls, show, diff, verify; pin, unpin, gc, repair\n"
    "  version      print the version\n"
    "  help         print this, or the help of a command\n"
    "\n"
    "exit codes: 0 done, 1 job error, 2 usage or SQL error, 10 FENCED, 11 CORRUPT,\n"
    "12 FORKED_HISTORY, 13 TOPIC_CHANGED, 14 OFFSET_GAP, 15 SINK_SCHEMA, 16 UPLOAD_LOST,\n"
    "17 CONFIG_CHANGED, 18 PROBE_FAILED, 19 SNAPSHOT_AGAIN, 20 SINK_PATH\n";

static const char run[] =
    "usage: weir run [FLAGS] job.sql      ('-' reads the job from standard input)\n"
    "\n"
    "  --until end        read up to what is there now, close all windows, finish\n"
    "  --leave-open       with --until end: keep windows open for the next run\n"
    "  --embedded DIR     no servers: topics, buckets and databases are below DIR\n"
    "  --param NAME=VALUE replaces ${NAME} in the job, before the environment\n"
    "  --fresh            start from nothing in a new lineage of checkpoints; refused while\n"
    "                     the sinks hold rows or files of an older one\n"
    "  --keep-output      with --fresh: leave what is there\n"
    "  --allow-reset NAME changed SQL may drop what the step, source or sink NAME keeps\n"
    "  --allow-partial NAME\n"
    "                     changed SQL may keep it, though groups are not whole\n"
    "  --take-over        do not watch a live owner of the checkpoint first\n"
    "  --output FORMAT    of a bare SELECT: table, json or csv\n"
    "  --log FORMAT       text (logfmt) or json, on standard error\n"
    "  --log-level LEVEL  debug, info, warn or error\n"
    "\n"
    "SIGTERM or SIGINT finishes the epoch, seals the checkpoint and exits 0; a second one\n"
    "exits at once, which is safe too.\n";

static const char replay[] =
    "usage: weir replay --into NAMESPACE [FLAGS] job.sql\n"
    "       weir replay --verify [FLAGS] job.sql\n"
    "\n"
    "  --from WHERE       'earliest' (the sources' start), or an epoch of the live job: a\n"
    "                     number, 'last', a pinned name, or a time such as\n"
    "                     2026-11-21T08:00:00Z; its state and positions are where it begins\n"
    "  --until WHERE      'end' (of the sources, now), or an epoch, as above\n"
    "  --into NAMESPACE   1 to 32 of a-z, 0-9, _: tables T__NAMESPACE, files below\n"
    "                     PREFIX__NAMESPACE/, checkpoints of its own\n"
    "  --rate N           at most N records a second\n"
    "  --memory SIZE      instead of the job's memory.limit, as '128 MiB'\n"
    "  --lineage lN       the live job's lineage; the last one otherwise\n"
    "  --fresh            begin anew what was begun under the namespace; refused while its\n"
    "                     tables and prefixes hold something\n"
    "  --keep-output      leave what is there\n"
    "  --leave-open, --take-over, --embedded, --param, --output, --log, --log-level\n"
    "                     as in 'weir run'\n"
    "\n"
    "It shares nothing that it writes with the live job and may run beside it. The same\n"
    "command goes on where a replay was stopped or killed. weir checkpoint --replay NAMESPACE\n"
    "looks at its checkpoints.\n"
    "\n"
    "  --verify           write nothing that stays: run into a temporary folder ($TMPDIR or\n"
    "                     /tmp), say in what the live tables and files are not what the input\n"
    "                     gives, as 'weir diff' does, and which files are missing or strange;\n"
    "                     exit codes are those of 'weir diff'\n"
    "  --until WHERE      then an epoch; 'last' is the default\n"
    "  --spool SIZE       bytes of the temporary folder at most (16 GiB)\n"
    "  --limit N          rows shown of each output (20); --output is table, json or csv\n";

static const char diff[] =
    "usage: weir diff --into NAMESPACE [FLAGS] job.sql\n"
    "\n"
    "Compares what weir replay --into NAMESPACE wrote, once it is over, with what the live job\n"
    "had written by the epoch at which the replay ended: tables key by key, files as multisets\n"
    "of the rows in what committed manifests list. The live job may run meanwhile.\n"
    "\n"
    "  --into NAMESPACE   of the replay\n"
    "  --output FORMAT    table (the default), json or csv\n"
    "  --limit N          rows shown of each output (20); counts are of all\n"
    "  --lineage lN       the live job's lineage; the last one otherwise\n"
    "  --embedded, --param, --log, --log-level\n"
    "                     as in 'weir run'\n"
    "\n"
    "Exit codes: 0 nothing differs, 1 something does, or it could not be found out (standard\n"
    "error says why, and nothing else does), 2 usage; others as 'weir help' lists them.\n";

static const char promote[] =
    "usage: weir promote --into NAMESPACE [--undo] [--dry-run] [FLAGS] job.sql\n"
    "\n"
    "  --into NAMESPACE   of a replay from earliest that came to its end\n"
    "  --undo             the tables and files of before, and the state of before\n"
    "  --dry-run          say what would be done; change nothing\n"
    "  --embedded, --param, --log, --log-level   as in 'weir run'\n"
    "\n"
    "A running job ends FENCED. Then T becomes T__before_NAMESPACE and T__NAMESPACE becomes T,\n"
    "all tables of a database at once; PREFIX/_weir_current.json names where files are; and\n"
    "weir run goes on in the next lineage, from where the replay ended. The same command goes\n"
    "on where a promotion was killed; weir run refuses until it is done.\n";

static const char check[] =
    "usage: weir check [FLAGS] job.sql\n"
    "\n"
    "  --connect          also open brokers, buckets, tables, and probe the store\n"
    "  --embedded, --param, --log, --log-level\n"
    "                     as in 'weir run'\n"
    "\n"
    "Prints file:line:column: message; hint, one line an error, and exits 2.\n";

static const char explain[] =
    "usage: weir explain [FLAGS] job.sql\n"
    "\n"
    "Prints the plan of the job as a tree: what is read, which steps follow, what state is\n"
    "kept, what each sink gets.\n"
    "\n"
    "  --against WHERE    instead: what becomes of the checkpoints at WHERE (the job's SQL\n"
    "                     file, s3://bucket/prefix or a folder) when this SQL goes on from\n"
    "                     them; exits 17 when 'weir run' would refuse it\n"
    "  --allow-reset NAME, --allow-partial NAME, as in 'weir run'\n"
    "  --output json      with --against: for programs\n"
    "  --job NAME, --lineage l<n>, --embedded DIR, --param NAME=VALUE\n";

static const char ddl[] =
    "usage: weir ddl [--for any|mysql|mariadb] [--param NAME=VALUE] [--embedded DIR] job.sql\n"
    "\n"
    "Prints the CREATE TABLE statements of weir_commit and of the tables that the job writes,\n"
    "as create = 'true' would run them. Nothing is opened.\n"
    "\n"
    "  --for any          text in a key is VARBINARY, which every server tells apart by bytes\n"
    "  --for mysql        VARCHAR in utf8mb4_0900_bin, from MySQL 8.0.17 on\n"
    "  --for mariadb      VARCHAR in utf8mb4_nopad_bin\n"
    "  --embedded DIR     the tables of the SQLite files\n";

static const char connectors[] =
    "usage: weir connectors [--format text|markdown] [--metrics]\n"
    "\n"
    "Prints every connector and format with its options, their defaults and limits; with\n"
    "--metrics the page of what /metrics tells instead.\n";

static const char checkpoint[] =
    "usage: weir checkpoint ls     [FLAGS] WHERE\n"
    "       weir checkpoint show   [FLAGS] WHERE [EPOCH]\n"
    "       weir checkpoint diff   [FLAGS] WHERE EPOCH EPOCH\n"
    "       weir checkpoint verify [FLAGS] WHERE\n"
    "       weir checkpoint pin    [FLAGS] WHERE NAME [EPOCH]\n"
    "       weir checkpoint unpin  [FLAGS] WHERE NAME\n"
    "       weir checkpoint gc     [FLAGS] WHERE\n"
    "       weir checkpoint repair [--dry-run] [FLAGS] JOB.sql\n"
    "\n"
    "WHERE is a job's SQL file, s3://bucket/prefix, or a folder in which checkpoints lie.\n"
    "EPOCH is a number, 'last' (the default), a pinned name, or a time such as\n"
    "2026-11-21T08:00:00Z: the last epoch that was written by then.\n"
    "\n"
    "  ls       which epochs are kept, the newest ones, and what is pinned\n"
    "  show     one epoch: positions, watermarks, state, rows, files, timings, bad rows\n"
    "  diff     what changed from one epoch to another\n"
    "  verify   read and check every object that is kept; exit 11 names the damaged ones\n"
    "  pin      keep an epoch under a name, whatever its age; unpin lets it go\n"
    "  gc       one round of the collector, which also runs in 'weir run'\n"
    "  repair   after exit 15: leave out the rows of the last epoch that a database refuses,\n"
    "           as dead letters; says so when nothing needs it\n"
    "\n"
    "  --job NAME         which job, where WHERE has several\n"
    "  --lineage lN       which lineage; the last one otherwise\n"
    "  --replay NAMESPACE the checkpoints of a replay of the job, see 'weir help replay'\n"
    "  --output FORMAT    table or json: of ls, show, diff, verify, gc, repair\n"
    "  --limit N          of ls: how many epochs (20)\n"
    "  --dry-run          of gc and repair: say what would be done, change nothing\n"
    "  --until end        of repair: of a job that is run so\n"
    "  --retain DURATION  of gc: instead of the job's checkpoint.retain\n"
    "  --embedded DIR     as in 'weir run'\n"
    "  --param NAME=VALUE as in 'weir run'\n"
    "\n"
    "Exit codes: 0 done, 1 there is no such epoch or pin, 2 usage, 11 something is damaged.\n"
    "All but gc, pin, unpin and repair only read; all but repair may run beside the job,\n"
    "which has stopped when there is something to repair; one that runs is fenced then.\n";

static const char version[] = "usage: weir version\n\nPrints the version.\n";

static const struct page {
    const char *name, *text;
} page[] = {{"run", run}, {"replay", replay}, {"diff", diff}, {"promote", promote},
            {"check", check}, {"explain", explain}, {"ddl", ddl},
            {"connectors", connectors}, {"checkpoint", checkpoint},
            {"version", version}, {"help", general}};
enum { PAGES = sizeof page / sizeof page[0] };

static const char *text_of(const char *command)
{
    for (size_t i = 0; i < PAGES; i++)
        if (strcmp(command, page[i].name) == 0)
            return page[i].text;
    return NULL;
}

int cli_help(const char *command)
{
    weir_assert(text_of(command) != NULL);
    fputs(text_of(command), stdout);
    return WEIR_EXIT_DONE;
}

int weir_cli_unknown(const char *word)
{
    const char *names[PAGES];
    for (size_t i = 0; i < PAGES; i++)
        names[i] = page[i].name;
    const char *nearest = weir_str_nearest(weir_str_of(word), names, PAGES);
    size_t len = strlen(word);
    if (word[0] == '-' || (len > 4 && strcmp(word + len - 4, ".sql") == 0))
        fprintf(stderr, "weir: '%s' is no command; the command comes first, as in "
                        "'weir run job.sql'; see 'weir help'\n", word);
    else if (nearest)
        fprintf(stderr, "weir: there is no command '%s'; did you mean '%s'?\n", word, nearest);
    else
        fprintf(stderr, "weir: there is no command '%s'; see 'weir help'\n", word);
    return WEIR_EXIT_USAGE;
}

int weir_cli_help(int count, char **argument, const atomic_int *stop)
{
    (void)stop;
    const char *command = count > 0 ? argument[0] : "help";
    return text_of(command) ? cli_help(command) : weir_cli_unknown(command);
}

int weir_cli_version(int count, char **argument, const atomic_int *stop)
{
    (void)count;
    (void)argument;
    (void)stop;
    printf("weir %s%s\n", WEIR_VERSION,
           weir_failpoints_built() ? " with failpoints: for tests only" : "");
    return WEIR_EXIT_DONE;
}
