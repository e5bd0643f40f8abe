# SPDX-License-Identifier: Apache-2.0
weir_need(libmariadb)
weir_embed(KIND_SOURCES schema_mysql ${PROJECT_SOURCE_DIR}/schemas/weir_commit.mysql.sql)
