/* sink/sqlite: what the files of this kind share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SINK_SQLITE_H
#define SINK_SQLITE_H

#include <sqlite3.h>

#include "keyed/keyed.h"

typedef struct sqlite_sink {
    keyed_sink  keyed; /* first */
    const char *path;
    bool        create;
    sqlite3    *db;      /* NULL: opened by the next begin */
    bool        suspect; /* after an error: reopened before it is used again */
    char        refusal[16];
} sqlite_sink;

/* Sets *err from the connection's last error; `what` is "opening", "writing to 't'". A row
   that is at fault by itself gives fate SKIP_RECORD when `row`. */
weir_code sqlite_fail(sqlite_sink *self, const char *what, bool row, weir_err *err);
weir_code sqlite_run(sqlite_sink *self, const char *sql, const char *what,
                     weir_err *err) WEIR_MUST_CHECK;
weir_code sqlite_prepare(sqlite_sink *self, weir_str sql, const char *what,
                         sqlite3_stmt **out, weir_err *err) WEIR_MUST_CHECK;
void      sqlite_name(weir_buf *out, weir_str name); /* quoted */

/* sqlite_table: creates what is missing if it may, checks what is there. */
weir_code   sqlite_tables_check(sqlite_sink *self, weir_err *err) WEIR_MUST_CHECK;
weir_sink_ddl_fn sqlite_ddl_of;
const char *sqlite_type(weir_type type); /* INTEGER, REAL, TEXT, BLOB */

/* sqlite_look */
extern const weir_look sqlite_look;

/* sqlite_sort: setup->look_order. An index for pages in that order, made when it differs from
   the file's own. */
weir_order  sqlite_order_of(const keyed_table *table, uint32_t key);
weir_code   sqlite_sort(sqlite_sink *self, weir_err *err) WEIR_MUST_CHECK;
/* The name behind COLLATE of a key column of table 0; NULL: its own order. */
const char *sqlite_collation(const sqlite_sink *self, uint32_t key);
/* Key columns in their order, each with its COLLATE, separated by commas. */
void        sqlite_key_list(const sqlite_sink *self, const keyed_table *table, weir_buf *sql);

/* sqlite_rename: the driver's is_there and rename. */
weir_code sqlite_is_there(keyed_sink *keyed, weir_str table, bool *out,
                          weir_err *err) WEIR_MUST_CHECK;
weir_code sqlite_rename(keyed_sink *keyed, const weir_rename *rename, uint32_t count,
                        bool dry_run, weir_err *err) WEIR_MUST_CHECK;

/* sqlite_write: the driver's write. */
weir_code sqlite_write(keyed_sink *keyed, const keyed_table *table,
                       const keyed_chunk *chunk, uint32_t first, uint32_t count,
                       weir_err *err) WEIR_MUST_CHECK;

#endif
