/* codec/debezium: what the files of the kind share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CODEC_DEBEZIUM_H
#define CODEC_DEBEZIUM_H

#include "image/image.h"
#include "scan/scan_simdjson.h"

/* Where the parts of the envelope are among the slots. */
typedef struct debezium_slots {
    uint32_t before, after, source, op, ts_ms, status, id, ddl, schema, payload;
    uint32_t name, db, table, gtid, server_id, file, pos, row, snapshot;
    uint32_t ts_us, ts_ns, source_ts_ms;
} debezium_slots;

/* Texts that events name by number. */
typedef struct debezium_names {
    weir_str *text;
    bool     *foreign; /* tables: not the one that was asked for */
    uint32_t  count, room;
} debezium_names;

/* Number of a text, made if new; WEIR_NO_ROW when there are too many. */
uint32_t debezium_name(debezium_names *names, weir_str text);
void     debezium_names_done(debezium_names *names);

/* Reads `source` blocks. What seldom changes is compared with the last one as it was
   written, and looked up only when it differs. */
typedef struct debezium_source {
    weir_str       table; /* option: "db.table", or empty */
    debezium_names names;
    weir_buf       last_table;  /* tokens of db and table */
    weir_buf       last_origin; /* tokens of name and origin */
    weir_buf       last_file;   /* token; its number below */
    uint64_t       file_number;
    weir_buf       scratch;
    uint32_t       table_number, origin_number;
    bool           timed; /* the last block had a commit time */
} debezium_source;

void debezium_source_done(debezium_source *source);
/* Fills op-independent members of the event. A fault: NULL, or why the block cannot be
   used; static text. */
const char *debezium_source_read(debezium_source *source, const debezium_slots *slots,
                                 const scan_token *slot, weir_event *event);
bool        debezium_is_foreign(const debezium_source *source, const weir_event *event);

/* An embedded schema that was seen, as rules for the plan's columns. */
typedef struct debezium_schema {
    weir_str    prefix; /* the record's text up to its payload; ours */
    value_rule *rule;   /* per column of the plan; ours */
} debezium_schema;

/* What a word of an encoding option means for a column of that type. */
uint8_t debezium_encoding(weir_type type, weir_str word);

#define DEBEZIUM_SCHEMAS_MAX 16u

typedef struct debezium_schemas { /* the last used one first */
    const image_plan *plan;
    scan_simdjson    *simdjson;
    uint32_t          count;
    debezium_schema   schema[DEBEZIUM_SCHEMAS_MAX];
} debezium_schemas;

void debezium_schemas_done(debezium_schemas *schemas);
/* The schema whose text the record starts with, or NULL; *out_payload is the rest. */
const debezium_schema *debezium_schema_known(debezium_schemas *schemas, weir_str text,
                                             weir_str *out_payload);
/* Learns the schema of a record; NULL: it cannot be read, *why says so (static text). */
const debezium_schema *debezium_schema_learn(debezium_schemas *schemas, weir_str text,
                                             const scan_token *schema,
                                             const scan_token *payload, const char **why);

/* For tests and benchmarks: how the decoder reads. */
scan_reader *debezium_reader(weir_decoder *decoder);

#endif
