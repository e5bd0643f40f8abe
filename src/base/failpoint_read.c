/* base/failpoint_read: the grammar of failpoints: `name=[pct%][cnt*]action(arg)->…;…`.
 *
 * Gives      failpoint_read.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "failpoint.h"

#include <string.h>

/* Cuts `text` at the first `mark`: gives what is before, leaves what is behind. */
static bool cut(weir_str *text, const char *mark, weir_str *before)
{
    size_t      len = strlen(mark);
    const char *at = text->len > 0 ? memmem(text->at, text->len, mark, len) : NULL;
    if (at == NULL)
        return false;
    *before = (weir_str){text->at, (size_t)(at - text->at)};
    text->len -= before->len + len;
    text->at = at + len;
    return true;
}

static bool read_number(weir_str text, uint64_t most, uint64_t *out)
{
    return weir_str_to_u64(weir_str_trim(text), out) && *out <= most;
}

static bool read_return(weir_str class, weir_fault *out)
{
    static const struct {
        const char *name;
        weir_fault  fault;
    } classes[] = {
        {"retry", {WEIR_FAULT_RETURN, WEIR_E_REMOTE, WEIR_FATE_RETRY, "a server is away"}},
        {"halt", {WEIR_FAULT_RETURN, WEIR_E_REMOTE, WEIR_FATE_HALT, "a server refuses"}},
        {"refused",
         {WEIR_FAULT_RETURN, WEIR_E_REMOTE, WEIR_FATE_SKIP_RECORD, "a row is refused"}},
        {"unknown",
         {WEIR_FAULT_RETURN, WEIR_E_UNKNOWN, WEIR_FATE_RETRY, "no answer came"}},
    };
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (weir_str_is(class, classes[i].name)) {
            *out = classes[i].fault;
            return true;
        }
    }
    return false;
}

static bool read_plain(weir_str word, failpoint_term *to)
{
    static const struct {
        const char      *name;
        failpoint_action action;
        weir_fault       fault;
    } plain[] = {
        {"off", FAILPOINT_OFF, {0}},
        {"kill", FAILPOINT_KILL, {0}},
        {"stop", FAILPOINT_STOP, {0}},
        {"exit", FAILPOINT_EXIT, {0}},
        {"term", FAILPOINT_TERM, {0}},
        {"nomem", FAILPOINT_NOMEM, {0}},
        {"yes", FAILPOINT_YES, {0}},
        {"lost",
         FAILPOINT_CALL,
         {WEIR_FAULT_LOST, WEIR_E_UNKNOWN, WEIR_FATE_RETRY, "the answer was lost"}},
        {"flip", FAILPOINT_CALL, {.what = WEIR_FAULT_FLIP}},
        {"full", FAILPOINT_CALL, {.what = WEIR_FAULT_FULL}},
        {"kill(after)", FAILPOINT_CALL, {.what = WEIR_FAULT_KILL}},
        {"stop(after)", FAILPOINT_CALL, {.what = WEIR_FAULT_STOP}},
    };
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        if (weir_str_is(word, plain[i].name)) {
            to->action = plain[i].action;
            to->fault = plain[i].fault;
            to->name = plain[i].name;
            return true;
        }
    }
    return false;
}

static bool read_action(weir_str text, failpoint_term *to)
{
    weir_str word;
    uint64_t ms = 0;
    if (read_plain(text, to))
        return true;
    if (!cut(&text, "(", &word) || text.len == 0 || text.at[text.len - 1] != ')')
        return false;
    text.len--;
    if (weir_str_is(word, "delay")) {
        to->action = FAILPOINT_DELAY;
        to->name = "delay";
        bool good = read_number(text, 3600000, &ms);
        to->delay_us = (int64_t)ms * 1000;
        return good;
    }
    to->action = FAILPOINT_CALL;
    to->name = "return";
    return weir_str_is(word, "return") && read_return(text, &to->fault);
}

static bool read_term(weir_str text, failpoint_term *to)
{
    weir_str number;
    *to = (failpoint_term){.percent = 100};
    if (cut(&text, "%", &number) && !read_number(number, 100, &to->percent))
        return false;
    if (cut(&text, "*", &number) &&
        (!read_number(number, UINT64_MAX, &to->count) || to->count == 0))
        return false;
    return read_action(weir_str_trim(text), to);
}

bool failpoint_read(weir_str item, weir_str *out_name, failpoint_term *term, uint32_t *terms)
{
    weir_str one;
    *terms = 0;
    if (!cut(&item, "=", out_name))
        return false;
    *out_name = weir_str_trim(*out_name);
    bool more = true;
    while (more && *terms < FAILPOINT_TERMS_MAX) {
        more = cut(&item, "->", &one);
        if (!read_term(weir_str_trim(more ? one : item), &term[(*terms)++]))
            return false;
    }
    return !more;
}
