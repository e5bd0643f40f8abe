-- The commit row of each sink group, in the database that the sink writes.
-- One row and one transaction per group and epoch: see docs/checkpoint-format.md.
-- manifest_sha FF…FF: a later lineage has begun; prev_sha keeps the digest of before.
-- SPDX-License-Identifier: Apache-2.0
CREATE TABLE IF NOT EXISTS weir_commit (
    job          VARBINARY(64)   NOT NULL,
    lineage      INT UNSIGNED    NOT NULL,
    task         VARBINARY(64)   NOT NULL,
    sink_group   VARBINARY(64)   NOT NULL,
    epoch        BIGINT UNSIGNED NOT NULL,
    gen          BIGINT UNSIGNED NOT NULL,
    manifest_sha BINARY(32)      NOT NULL,
    prev_sha     BINARY(32)      NOT NULL,
    conn_id      BIGINT UNSIGNED NOT NULL,
    updated_at   DATETIME(6)     NOT NULL,
    PRIMARY KEY (job, lineage, task, sink_group)
) ENGINE = InnoDB;
