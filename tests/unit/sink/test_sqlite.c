/* The connection of the SQLite sink: one that could not be set up is not used.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "capture.h"
#include "check.h"
#include "sink_bench.h"
#include "sqlite/sqlite.h"

#include <stdio.h>

/* The library's patience with a busy file counts its naps: these take no time. */
static int nap(sqlite3_vfs *files, int us)
{
    (void)files;
    return us;
}

static sqlite3_vfs hasty;

static void begin_haste(void)
{
    hasty = *sqlite3_vfs_find(NULL);
    hasty.zName = "hasty";
    hasty.xSleep = nap;
    assert_int_equal(sqlite3_vfs_register(&hasty, 1), SQLITE_OK);
}

static sqlite3 *hold_file(const char *path)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE;"
                                  "CREATE TABLE held (a); COMMIT",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    return db;
}

static int setting_of(sqlite3 *db, const char *question)
{
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, question, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int value = sqlite3_column_int(statement, 0);
    (void)sqlite3_finalize(statement);
    return value;
}

/* A file that was opened anew while another held it was used as it was: nothing was set, and
   what a schema says was trusted. */
static void a_connection_that_was_not_set_up_is_made_anew(void **state)
{
    (void)state;
    char      *folder = capture_folder();
    char       options[512];
    sink_bench bench;
    begin_haste();
    (void)snprintf(options, sizeof options, "url=sqlite:%s/a.sqlite;create=true", folder);
    bench_start(&bench, "sqlite", options);
    bench_take_over(&bench);
    bench_epoch(&bench, "+I|1|ada|2.50|2024-01-01 00:00:00|hi");
    sqlite_sink *sink = (sqlite_sink *)bench.now.sink;
    keyed_sink  *keyed = &sink->keyed;
    sink->suspect = true; /* as an error of the disk leaves it */
    (void)sqlite3_close_v2(sink->db);
    sink->db = NULL;
    sqlite3 *other = hold_file(sink->path);
    for (int i = 0; i < 2; i++) {
        CHECK_FAILS(keyed->driver->begin(keyed, &bench.err), WEIR_E_IO, &bench.err);
        CHECK_INT(bench.err.fate, WEIR_FATE_RETRY);
        CHECK_SAYS(&bench.err, "could not set up");
        keyed->driver->rollback(keyed);
    }
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    CHECK_OK(keyed->driver->begin(keyed, &bench.err), &bench.err);
    CHECK_INT(setting_of(sink->db, "PRAGMA trusted_schema"), 0);
    CHECK_INT(setting_of(sink->db, "PRAGMA synchronous"), 2);
    keyed->driver->rollback(keyed);
    bench_epoch(&bench, "+I|2|bob|1.00|2024-01-01 00:00:00|");
    bench_stop(&bench);
    capture_folder_gone(folder);
    assert_int_equal(sqlite3_vfs_unregister(&hasty), SQLITE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_connection_that_was_not_set_up_is_made_anew),
    };
    return RUN_TESTS(tests);
}
