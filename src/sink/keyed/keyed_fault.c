/* sink/keyed_fault: a driver whose calls go wrong where a failpoint says so. Only in builds
 * with failpoints. rollback is never made to fail: it gives no outcome.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "keyed/keyed_fault.h"

#include "weir/failpoint.h"

static weir_code faulty_begin(keyed_sink *self, weir_err *err)
{
    weir_code rc;
    WEIR_FAULTY(SQL, rc, err, self->real->begin(self, err));
    return rc;
}

static weir_code faulty_read(keyed_sink *self, keyed_mark *out, bool *out_found,
                             weir_err *err)
{
    weir_code rc;
    WEIR_FAULTY(SQL, rc, err, self->real->read(self, out, out_found, err));
    return rc;
}

static weir_code faulty_start(keyed_sink *self, const keyed_mark *mark, weir_err *err)
{
    weir_code rc;
    WEIR_FAULTY(SQL, rc, err, self->real->start(self, mark, err));
    return rc;
}

static weir_code faulty_move(keyed_sink *self, uint64_t epoch, const keyed_mark *to,
                             bool *out_moved, weir_err *err)
{
    weir_fault fault = weir_fault_begin(WEIR_FPC_SQL);
    weir_code  rc;
    if (weir_fault_instead(&fault, &rc, err))
        return rc;
    return weir_fault_behind(&fault, self->real->move(self, epoch, to, out_moved, err),
                             err);
}

static weir_code faulty_write(keyed_sink *self, const keyed_table *table,
                              const keyed_chunk *chunk, uint32_t first, uint32_t count,
                              weir_err *err)
{
    weir_code rc;
    WEIR_FAULTY(ROWS, rc, err, self->real->write(self, table, chunk, first, count, err));
    return rc;
}

static weir_code faulty_commit(keyed_sink *self, weir_err *err)
{
    weir_code rc;
    WEIR_FAULTY(SQL, rc, err, self->real->commit(self, err));
    return rc;
}

static void real_rollback(keyed_sink *self)
{
    self->real->rollback(self);
}

static weir_code faulty_seize(keyed_sink *self, weir_err *err)
{
    weir_code rc;
    WEIR_FAULTY(SQL, rc, err, self->real->seize(self, err));
    return rc;
}

static weir_code real_any_row(keyed_sink *self, const keyed_table *table, bool *out,
                              weir_err *err)
{
    return self->real->any_row(self, table, out, err);
}

static weir_code real_is_there(keyed_sink *self, weir_str table, bool *out, weir_err *err)
{
    return self->real->is_there(self, table, out, err);
}

static weir_code faulty_rename(keyed_sink *self, const weir_rename *rename, uint32_t count,
                               bool dry_run, weir_err *err)
{
    weir_code rc;
    if (dry_run)
        return self->real->rename(self, rename, count, true, err);
    WEIR_FAULTY(SQL, rc, err, self->real->rename(self, rename, count, false, err));
    return rc;
}

static const char *real_refusal(keyed_sink *self)
{
    return self->real->refusal(self);
}

const keyed_driver *keyed_driver_with_faults(const keyed_driver *real)
{
    static const keyed_driver faulty[2] = {
#define FAULTY(holds_it)                                                                    \
    {.holds = (holds_it),       .begin = faulty_begin,     .read = faulty_read,             \
     .start = faulty_start,     .move = faulty_move,       .write = faulty_write,           \
     .commit = faulty_commit,   .rollback = real_rollback, .seize = faulty_seize,           \
     .any_row = real_any_row,   .refusal = real_refusal,   .is_there = real_is_there,        \
     .rename = faulty_rename}
        FAULTY(false),
        FAULTY(true),
#undef FAULTY
    };
    return &faulty[real->holds];
}
