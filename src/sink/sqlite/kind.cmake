# SPDX-License-Identifier: Apache-2.0
weir_use(sqlite3)
weir_embed(KIND_SOURCES schema_sqlite ${PROJECT_SOURCE_DIR}/schemas/weir_commit.sqlite.sql)
