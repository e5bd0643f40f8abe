/* weir/look: reading what a sink has written, to compare it.
 *
 * Of an instance that was opened with setup->look: nothing is made, locked or written. Cells
 * are as in compare.h, one per column of the table's schema.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_LOOK_H
#define WEIR_LOOK_H

#include "weir/compare.h"
#include "weir/sink.h"

#define WEIR_LOOK_PAGE 1000u /* rows of a page */

/* A row that is read; its cells live until the call returns. `removed`: the row of that key was
   deleted, only key cells are there. */
typedef weir_code weir_look_fn(void *self, const weir_str *cell, bool removed,
                               weir_err *err);
/* A file that an epoch put; `missing`: it is not there, else it has other bytes. */
typedef weir_code weir_look_file_fn(void *self, weir_str key, weir_err *err);
typedef weir_code weir_look_lost_fn(void *self, weir_str key, bool missing, weir_err *err);
/* Who is told; what it gives, if not OK, ends the reading. */
typedef struct weir_look_to {
    weir_look_fn      *row;  /* NULL: files are named, and not read */
    weir_look_file_fn *file; /* before its rows; NULL: nobody */
    weir_look_lost_fn *lost; /* and its rows are left out; NULL: that is an error */
    void              *self;
} weir_look_to;

/* Rows in the order of the key; cells and `last` are in the arena that `page` was given. Fewer
   rows than WEIR_LOOK_PAGE: there are none behind them. */
typedef struct weir_look_page {
    uint32_t  rows, columns;
    weir_str *cell; /* rows * columns, row by row */
    weir_str  last; /* where the next page begins; what it says is the sink's affair */
} weir_look_page;

struct weir_look {
    /* Sinks that upsert by key; NULL for others. begin: from here on all that is seen is of
       one moment. */
    weir_code (*begin)(weir_sink *, weir_err *);
    /* Epoch of the commit row of the setup's job and lineage; 0: it has none. */
    weir_code (*epoch)(weir_sink *, uint64_t *out, weir_err *);
    /* How the database orders the key column number `key` of the table. */
    weir_code (*order)(weir_sink *, uint32_t table, uint32_t key, weir_order *out,
                       weir_err *);
    /* The page behind `page->last`, or the first one when `page` is all zeros. */
    weir_code (*page)(weir_sink *, uint32_t table, weir_arena *, weir_look_page *page,
                      weir_err *);
    /* Rows that an epoch wrote to the table, from its payload, as they lie there. */
    weir_code (*changes)(weir_sink *, uint32_t table, weir_str payload, weir_checkpoint *,
                         const weir_look_to *, weir_err *);

    /* Sinks that write files of one table. published: rows of the files that an epoch put,
       read from the files; without `lost`, NOTFOUND when one is gone, CORRUPT when it is
       another. */
    weir_code (*published)(weir_sink *, weir_str payload, const weir_look_to *, weir_err *);
    /* Rows that an epoch left in the checkpoint, for files that are still open. */
    weir_code (*open_rows)(weir_sink *, weir_str payload, weir_checkpoint *,
                           const weir_look_to *, weir_err *);
};

#endif
