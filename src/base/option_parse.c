/* base/option_parse: sizes, durations, truth values, choices, secrets.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "option_parse.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define SECRET_BYTES_MAX 65536 /* bytes of a secret's file: certificates are shorter */
#define UNIT_BYTES_MAX 12

typedef struct unit {
    const char *name;
    int64_t     factor;
} unit;

static const unit byte_units[] = {
    {"b", 1},
    {"kib", INT64_C(1) << 10},
    {"mib", INT64_C(1) << 20},
    {"gib", INT64_C(1) << 30},
    {"tib", INT64_C(1) << 40},
    {"kb", INT64_C(1000)},
    {"mb", INT64_C(1000000)},
    {"gb", INT64_C(1000000000)},
    {"tb", INT64_C(1000000000000)},
    {NULL, 0},
};

static const unit time_units[] = {
    {"us", 1},
    {"ms", 1000},
    {"millisecond", 1000},
    {"milliseconds", 1000},
    {"s", INT64_C(1000000)},
    {"sec", INT64_C(1000000)},
    {"second", INT64_C(1000000)},
    {"seconds", INT64_C(1000000)},
    {"m", INT64_C(60000000)},
    {"min", INT64_C(60000000)},
    {"minute", INT64_C(60000000)},
    {"minutes", INT64_C(60000000)},
    {"h", INT64_C(3600000000)},
    {"hour", INT64_C(3600000000)},
    {"hours", INT64_C(3600000000)},
    {"d", INT64_C(86400000000)},
    {"day", INT64_C(86400000000)},
    {"days", INT64_C(86400000000)},
    {NULL, 0},
};

/* Small letters into word[]; false when it is longer. */
static bool to_lower(weir_str text, char word[UNIT_BYTES_MAX + 1])
{
    if (text.len > UNIT_BYTES_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        word[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    word[text.len] = '\0';
    return true;
}

static bool find_unit(const unit *units, weir_str name, int64_t *out)
{
    char word[UNIT_BYTES_MAX + 1];
    if (!to_lower(name, word))
        return false;
    for (; units->name != NULL; units++) {
        if (strcmp(units->name, word) == 0) {
            *out = units->factor;
            return true;
        }
    }
    return false;
}

/* "12 unit": the number, and what is behind it. */
static bool split(weir_str text, int64_t *number, weir_str *rest)
{
    size_t len = 0;
    text = weir_str_trim(text);
    while (len < text.len && text.at[len] >= '0' && text.at[len] <= '9')
        len++;
    *rest = weir_str_trim((weir_str){text.at + len, text.len - len});
    return weir_str_to_i64((weir_str){text.at, len}, number);
}

bool weir_parse_bytes(weir_str text, int64_t *out)
{
    int64_t  number;
    int64_t  factor = 1;
    weir_str rest;
    if (!split(text, &number, &rest) ||
        (rest.len > 0 && !find_unit(byte_units, rest, &factor)))
        return false;
    return !__builtin_mul_overflow(number, factor, out);
}

bool weir_parse_duration(weir_str text, int64_t *out_us)
{
    int64_t  number;
    int64_t  factor;
    weir_str rest;
    if (!split(text, &number, &rest))
        return false;
    if (rest.len == 0 && number == 0) {
        *out_us = 0; /* nothing is nothing in every unit */
        return true;
    }
    if (!find_unit(time_units, rest, &factor))
        return false;
    return !__builtin_mul_overflow(number, factor, out_us);
}

bool weir_parse_bool(weir_str text, bool *out)
{
    static const struct {
        const char *name;
        bool        truth;
    } words[] = {
        {"true", true}, {"false", false}, {"on", true}, {"off", false},
        {"yes", true},  {"no", false},    {"1", true},  {"0", false},
    };
    char word[UNIT_BYTES_MAX + 1];
    if (!to_lower(weir_str_trim(text), word))
        return false;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i].name, word) == 0) {
            *out = words[i].truth;
            return true;
        }
    }
    return false;
}

bool option_is_choice(const char *choices, weir_str value)
{
    for (const char *at = choices;; at++) {
        size_t len = strcspn(at, "|");
        if (weir_str_eq((weir_str){at, len}, value))
            return true;
        at += len;
        if (*at == '\0')
            return false;
    }
}

/* Whole files only: what does not fit is refused, not cut. */
static weir_code read_file(const char *path, char *to, size_t room, size_t *out_len,
                           weir_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return weir_fail(err, WEIR_E_CONFIG, "could not read '%s': %s", path,
                         strerror(errno));
    size_t  len = 0;
    ssize_t got = 1;
    while (got > 0 && len < room) {
        got = read(fd, to + len, room - len);
        if (got > 0)
            len += (size_t)got;
    }
    int why = errno;
    (void)close(fd); /* it was only read */
    if (got < 0)
        return weir_fail(err, WEIR_E_CONFIG, "could not read '%s': %s", path,
                         strerror(why));
    if (len == room)
        return weir_fail(err, WEIR_E_CONFIG, "'%s' is longer than %d bytes", path,
                         SECRET_BYTES_MAX);
    *out_len = len;
    return WEIR_OK;
}

weir_code option_read_secret(weir_str value, weir_arena *arena, weir_str *out,
                             weir_err *err)
{
    if (!weir_str_starts(value, "file:")) {
        *out = weir_str_copy(arena, value);
        return WEIR_OK;
    }
    char     *text = weir_arena_take(arena, SECRET_BYTES_MAX + 1);
    weir_str  path = weir_str_copy(arena, (weir_str){value.at + 5, value.len - 5});
    size_t    len = 0;
    weir_code rc = read_file(path.at, text, SECRET_BYTES_MAX + 1, &len, err);
    if (rc != WEIR_OK)
        return rc;
    *out = weir_str_trim((weir_str){text, len});
    text[(size_t)(out->at - text) + out->len] = '\0';
    return WEIR_OK;
}
