-- The commit row of each sink group, in the SQLite file that stands for a MySQL database.
-- One row and one transaction per group and epoch: see docs/checkpoint-format.md.
-- manifest_sha FF…FF: a later lineage has begun; prev_sha keeps the digest of before.
-- SPDX-License-Identifier: Apache-2.0
CREATE TABLE IF NOT EXISTS weir_commit (
    job          TEXT    NOT NULL,
    lineage      INTEGER NOT NULL,
    task         TEXT    NOT NULL,
    sink_group   TEXT    NOT NULL,
    epoch        INTEGER NOT NULL,
    gen          INTEGER NOT NULL,
    manifest_sha BLOB    NOT NULL,
    prev_sha     BLOB    NOT NULL,
    conn_id      INTEGER NOT NULL,
    updated_at   TEXT    NOT NULL,
    PRIMARY KEY (job, lineage, task, sink_group)
) STRICT, WITHOUT ROWID;
