/* weir/error: how a call says that it failed, and what should be done about it.
 *
 * Any call that can fail returns weir_code and takes weir_err *err last. The callee fills
 * *err once; callers add context at room boundaries with weir_err_note. Only engine/ and
 * weir.c log errors. `err` may not be NULL. Nothing here allocates.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_ERROR_H
#define WEIR_ERROR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum weir_code {
    WEIR_OK = 0,
    WEIR_E_NOMEM,    /* an allocation or the memory budget failed */
    WEIR_E_LIMIT,    /* a named limit was reached; the hint names the setting */
    WEIR_E_CONFIG,   /* an option, argument or environment value is wrong */
    WEIR_E_SQL,      /* the job's SQL is wrong; sql_at points into it */
    WEIR_E_DECODE,   /* bytes of a record are not what they should be */
    WEIR_E_IO,       /* a local file or socket failed */
    WEIR_E_REMOTE,   /* a server answered with an error, or did not answer */
    WEIR_E_NOTFOUND, /* the object, row or topic is not there */
    WEIR_E_CONFLICT, /* somebody else's write won (412, compare-and-set) */
    WEIR_E_UNKNOWN,  /* a write may or may not have happened */
    WEIR_E_CORRUPT,  /* our own stored bytes are damaged or foreign */
    WEIR_E_STOPPED   /* shutdown was asked for */
} weir_code;

typedef enum weir_fate {
    WEIR_FATE_HALT,       /* stop the job; exit_code says how */
    WEIR_FATE_RETRY,      /* the same call may succeed later */
    WEIR_FATE_SKIP_RECORD /* this record or row is bad, the rest is fine */
} weir_fate;

/* Process exit codes: documented, stable. */
typedef enum weir_exit {
    WEIR_EXIT_DONE = 0,
    WEIR_EXIT_JOB = 1,
    WEIR_EXIT_USAGE = 2,
    WEIR_EXIT_FENCED = 10,
    WEIR_EXIT_CORRUPT = 11,
    WEIR_EXIT_FORKED_HISTORY = 12,
    WEIR_EXIT_TOPIC_CHANGED = 13,
    WEIR_EXIT_OFFSET_GAP = 14,
    WEIR_EXIT_SINK_SCHEMA = 15,
    WEIR_EXIT_UPLOAD_LOST = 16,
    WEIR_EXIT_CONFIG_CHANGED = 17,
    WEIR_EXIT_PROBE_FAILED = 18,
    WEIR_EXIT_SNAPSHOT_AGAIN = 19,
    WEIR_EXIT_SINK_PATH = 20
} weir_exit;

typedef struct weir_err {
    weir_code   code;
    weir_fate   fate;
    weir_exit   exit;      /* what the process exits with if this error stops it */
    int32_t     sql_at;    /* byte offset in the job's SQL text, or -1 */
    int32_t     row;       /* WEIR_FATE_SKIP_RECORD: the row or record meant, or -1 */
    const char *where;     /* file:line, static */
    char        msg[384];  /* one sentence, no trailing dot, names in 'quotes' */
    char        hint[192]; /* what the user could do; may be empty */
} weir_err;

#define WEIR_MUST_CHECK __attribute__((warn_unused_result))
#define WEIR_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define WEIR_STRINGIFY_(x) #x
#define WEIR_STRINGIFY(x) WEIR_STRINGIFY_(x)
#define WEIR_WHERE __FILE__ ":" WEIR_STRINGIFY(__LINE__)

/* Resets err to "no error" (code WEIR_OK, sql_at and row -1). */
void weir_err_clear(weir_err *err);

/* Sets every field and returns code. The macros below are how it is called. */
weir_code weir_err_set(weir_err *err, weir_code code, weir_fate fate, weir_exit exit,
                       const char *where, const char *format, ...) WEIR_PRINTF(6, 7);

/* Puts "context: " in front of the message; returns err->code. */
weir_code weir_err_note(weir_err *err, const char *format, ...) WEIR_PRINTF(2, 3);

/* Sets the hint; returns err->code. */
weir_code weir_err_hint(weir_err *err, const char *format, ...) WEIR_PRINTF(2, 3);

/* Sets the place in the SQL text (bytes from 0); returns err->code. */
weir_code weir_err_at(weir_err *err, int32_t sql_at);

/* The name of a code ("REMOTE") and of an exit ("FENCED"); static text, never NULL. */
const char *weir_code_name(weir_code code);
const char *weir_exit_name(weir_exit exit);

/* The job cannot go on (exit 1; exit 2 for CONFIG and SQL). */
#define weir_fail(err, code, ...)                                                           \
    weir_err_set((err), (code), WEIR_FATE_HALT,                                             \
                 ((code) == WEIR_E_CONFIG || (code) == WEIR_E_SQL) ? WEIR_EXIT_USAGE        \
                                                                   : WEIR_EXIT_JOB,         \
                 WEIR_WHERE, __VA_ARGS__)
/* The same call may succeed later. */
#define weir_retry(err, code, ...)                                                          \
    weir_err_set((err), (code), WEIR_FATE_RETRY, WEIR_EXIT_JOB, WEIR_WHERE, __VA_ARGS__)
/* One record or row is bad. */
#define weir_skip(err, code, ...)                                                           \
    weir_err_set((err), (code), WEIR_FATE_SKIP_RECORD, WEIR_EXIT_JOB, WEIR_WHERE,           \
                 __VA_ARGS__)
/* A HALT state of the protocol, with its own exit code. */
#define weir_halt(err, exit_code, code, ...)                                                \
    weir_err_set((err), (code), WEIR_FATE_HALT, (exit_code), WEIR_WHERE, __VA_ARGS__)

/* On in release builds: prints the expression and the place, flushes the log, aborts.
   Only for our own mistakes, never for what input can cause. */
#define weir_assert(x) ((x) ? (void)0 : weir_assert_failed(#x, WEIR_WHERE))
#ifdef WEIR_SLOW_ASSERTS
#define weir_assert_slow(x) weir_assert(x)
#else
#define weir_assert_slow(x) ((void)0)
#endif
_Noreturn void weir_assert_failed(const char *expression, const char *where);

#endif
