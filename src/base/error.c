/* base/error: fills a weir_err, puts context in front, names codes and exits.
 *
 * Always     1. msg and hint are NUL-terminated, cut off at their size.
 * Never      allocates, logs or looks at errno.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/log.h"

void weir_err_clear(weir_err *err)
{
    weir_assert(err != NULL);
    memset(err, 0, sizeof *err);
    err->exit = WEIR_EXIT_JOB;
    err->sql_at = -1;
    err->row = -1;
    err->where = "";
}

weir_code weir_err_set(weir_err *err, weir_code code, weir_fate fate, weir_exit exit_code,
                       const char *where, const char *format, ...)
{
    weir_assert(code != WEIR_OK);
    weir_err_clear(err);
    err->code = code;
    err->fate = fate;
    err->exit = exit_code;
    err->where = where;
    va_list list;
    va_start(list, format);
    (void)vsnprintf(err->msg, sizeof err->msg, format, list); /* cut off is fine: 1 */
    va_end(list);
    return code;
}

weir_code weir_err_note(weir_err *err, const char *format, ...)
{
    weir_assert(err != NULL);
    weir_assert(err->code != WEIR_OK);
    char    was[sizeof err->msg];
    va_list list;
    memcpy(was, err->msg, sizeof was);
    va_start(list, format);
    int len = vsnprintf(err->msg, sizeof err->msg, format, list);
    va_end(list);
    if (len >= 0 && (size_t)len < sizeof err->msg)
        (void)snprintf(err->msg + len, sizeof err->msg - (size_t)len, ": %s", was); /* 1 */
    return err->code;
}

weir_code weir_err_hint(weir_err *err, const char *format, ...)
{
    weir_assert(err != NULL);
    va_list list;
    va_start(list, format);
    (void)vsnprintf(err->hint, sizeof err->hint, format, list); /* cut off is fine: 1 */
    va_end(list);
    return err->code;
}

weir_code weir_err_at(weir_err *err, int32_t sql_at)
{
    weir_assert(err != NULL);
    err->sql_at = sql_at;
    return err->code;
}

const char *weir_code_name(weir_code code)
{
    static const char *const names[] = {
        [WEIR_OK] = "OK",
        [WEIR_E_NOMEM] = "NOMEM",
        [WEIR_E_LIMIT] = "LIMIT",
        [WEIR_E_CONFIG] = "CONFIG",
        [WEIR_E_SQL] = "SQL",
        [WEIR_E_DECODE] = "DECODE",
        [WEIR_E_IO] = "IO",
        [WEIR_E_REMOTE] = "REMOTE",
        [WEIR_E_NOTFOUND] = "NOTFOUND",
        [WEIR_E_CONFLICT] = "CONFLICT",
        [WEIR_E_UNKNOWN] = "UNKNOWN",
        [WEIR_E_CORRUPT] = "CORRUPT",
        [WEIR_E_STOPPED] = "STOPPED",
    };
    if ((size_t)code >= sizeof names / sizeof names[0])
        return "?";
    return names[code];
}

const char *weir_exit_name(weir_exit exit_code)
{
    static const char *const names[] = {
        [WEIR_EXIT_DONE] = "DONE",
        [WEIR_EXIT_JOB] = "JOB",
        [WEIR_EXIT_USAGE] = "USAGE",
        [WEIR_EXIT_FENCED] = "FENCED",
        [WEIR_EXIT_CORRUPT] = "CORRUPT",
        [WEIR_EXIT_FORKED_HISTORY] = "FORKED_HISTORY",
        [WEIR_EXIT_TOPIC_CHANGED] = "TOPIC_CHANGED",
        [WEIR_EXIT_OFFSET_GAP] = "OFFSET_GAP",
        [WEIR_EXIT_SINK_SCHEMA] = "SINK_SCHEMA",
        [WEIR_EXIT_UPLOAD_LOST] = "UPLOAD_LOST",
        [WEIR_EXIT_CONFIG_CHANGED] = "CONFIG_CHANGED",
        [WEIR_EXIT_PROBE_FAILED] = "PROBE_FAILED",
        [WEIR_EXIT_SNAPSHOT_AGAIN] = "SNAPSHOT_AGAIN",
        [WEIR_EXIT_SINK_PATH] = "SINK_PATH",
    };
    if ((size_t)exit_code >= sizeof names / sizeof names[0] || names[exit_code] == NULL)
        return "?";
    return names[exit_code];
}

_Noreturn void weir_assert_failed(const char *expression, const char *where)
{
    weir_log_flush();
    (void)fprintf(stderr, "weir: assertion failed: %s (%s)\n", expression,
                  where); /* dying */
    abort();
}
