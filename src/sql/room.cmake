# SPDX-License-Identifier: Apache-2.0
# libprotobuf-c: only its header, which pg_query.pb-c.h includes; libpg_query has the code.
weir_use(pg_query)
weir_need(libprotobuf-c)
