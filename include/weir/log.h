/* weir/log: one line per event on stderr, logfmt or JSON.
 *
 * Only engine/ and weir.c log above debug. Values are escaped; secrets are never passed.
 *     weir_log_info("epoch committed", WEIR_F_U64("epoch", n), WEIR_F_US("took", us));
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_LOG_H
#define WEIR_LOG_H

#include "weir/str.h"

typedef enum weir_log_level {
    WEIR_LOG_DEBUG,
    WEIR_LOG_INFO,
    WEIR_LOG_WARN,
    WEIR_LOG_ERROR
} weir_log_level;

typedef struct weir_log_field {
    const char *name;
    enum { WEIR_LOG_TEXT, WEIR_LOG_I64, WEIR_LOG_U64, WEIR_LOG_F64 } kind;
    weir_str    text;
    int64_t     i64;
    uint64_t    u64;
    double      f64;
} weir_log_field;

#define WEIR_F_TEXT(n, v) WEIR_F_STR((n), weir_str_of(v))
#define WEIR_F_STR(n, v) ((weir_log_field){.name = (n), .kind = WEIR_LOG_TEXT, .text = (v)})
#define WEIR_F_I64(n, v) ((weir_log_field){.name = (n), .kind = WEIR_LOG_I64, .i64 = (v)})
#define WEIR_F_U64(n, v) ((weir_log_field){.name = (n), .kind = WEIR_LOG_U64, .u64 = (v)})
#define WEIR_F_F64(n, v) ((weir_log_field){.name = (n), .kind = WEIR_LOG_F64, .f64 = (v)})
#define WEIR_F_MS(n, us) WEIR_F_F64((n), (double)(us) / 1000.0)

void weir_log_start(bool json, weir_log_level least);
void weir_log_flush(void);
void weir_log_fields(weir_log_level level, const char *message, const weir_log_field *fields,
                     size_t count);

#define WEIR_LOG_(level, message, ...)                                                      \
    do {                                                                                    \
        const weir_log_field weir_fields_[] = {{0}, ##__VA_ARGS__};                         \
        weir_log_fields((level), (message), weir_fields_ + 1,                               \
                        sizeof weir_fields_ / sizeof weir_fields_[0] - 1);                  \
    } while (0)
#define weir_log_debug(...) WEIR_LOG_(WEIR_LOG_DEBUG, __VA_ARGS__)
#define weir_log_info(...) WEIR_LOG_(WEIR_LOG_INFO, __VA_ARGS__)
#define weir_log_warn(...) WEIR_LOG_(WEIR_LOG_WARN, __VA_ARGS__)
#define weir_log_error(...) WEIR_LOG_(WEIR_LOG_ERROR, __VA_ARGS__)

#endif
