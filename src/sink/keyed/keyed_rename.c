/* sink/keyed_rename: tables change their names, all of a database at once.
 *
 * Which names are there tells whether it was done: a process may die behind the statement.
 *
 * Gives      keyed_rename, keyed_bound.
 * Always     1. one statement or transaction for all tables: a reader sees all old or all new.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "keyed/keyed.h"

#include "weir/failpoint.h"

weir_code keyed_bound(const char *what, weir_str name, weir_str table, weir_err *err)
{
    (void)weir_halt(err, WEIR_EXIT_SINK_SCHEMA, WEIR_E_CONFIG,
                    "the %s '%.*s' is bound to table '%.*s', and would stay with its old rows",
                    what, WEIR_STR_FMT(name), WEIR_STR_FMT(table));
    return weir_err_hint(err, "drop it, and make it anew behind the promotion");
}

enum { GIVEN, INCOMING, OUTGOING, NAMES }; /* of a weir_rename */

static weir_code unfit(const weir_rename *rename, const bool there[NAMES], weir_err *err)
{
    static const char *const is[] = {"is not there", "is there"};
    (void)weir_halt(err, WEIR_EXIT_SINK_SCHEMA, WEIR_E_CONFLICT,
                    "table '%.*s' %s, '%.*s' %s, '%.*s' %s: that is neither before nor behind "
                    "the swap",
                    WEIR_STR_FMT(rename->given), is[there[GIVEN]],
                    WEIR_STR_FMT(rename->incoming), is[there[INCOMING]],
                    WEIR_STR_FMT(rename->outgoing), is[there[OUTGOING]]);
    return weir_err_hint(err, "tables are renamed by hand only where weir promote is not at "
                              "work: give them their names back");
}

/* *out_done: has the table its new name? */
static weir_code look(keyed_sink *self, const weir_rename *rename, bool *out_done,
                      weir_err *err)
{
    const weir_str name[NAMES] = {rename->given, rename->incoming, rename->outgoing};
    bool           there[NAMES] = {false};
    weir_code      rc = WEIR_OK;
    for (int i = 0; i < NAMES && rc == WEIR_OK; i++)
        rc = self->driver->is_there(self, name[i], &there[i], err);
    if (rc == WEIR_OK && (!there[GIVEN] || there[INCOMING] == there[OUTGOING]))
        return unfit(rename, there, err);
    *out_done = there[OUTGOING];
    return rc;
}

static weir_code look_at_all(keyed_sink *self, const weir_rename *rename, uint32_t count,
                             bool *out_done, weir_err *err)
{
    weir_code rc = WEIR_OK;
    for (uint32_t i = 0; i < count && rc == WEIR_OK; i++) {
        bool done = false;
        rc = look(self, &rename[i], &done, err);
        if (rc == WEIR_OK && i > 0 && done != *out_done)
            rc = weir_halt(err, WEIR_EXIT_SINK_SCHEMA, WEIR_E_CONFLICT,
                           "table '%.*s' has its new name, and another one has not",
                           WEIR_STR_FMT(rename[done ? i : i - 1].given));
        *out_done = done;
    }
    return rc;
}

weir_code keyed_rename(weir_sink *sink, const weir_rename *rename, uint32_t count,
                       bool dry_run, weir_err *err)
{
    keyed_sink *self = (keyed_sink *)sink;
    bool        done = false;
    weir_assert(sink->kind->keyed);
    weir_assert(count > 0);
    weir_code rc = self->driver->begin(self, err);
    if (rc == WEIR_OK)
        rc = look_at_all(self, rename, count, &done, err);
    self->driver->rollback(self);
    if (rc != WEIR_OK || done)
        return rc;
    if (!dry_run)
        WEIR_FAILPOINT(pm_rename);
    rc = self->driver->rename(self, rename, count, dry_run, err);
    self->driver->rollback(self);
    return rc;
}
