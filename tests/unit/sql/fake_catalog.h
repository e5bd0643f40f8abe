/* unit/sql/fake_catalog: connectors and formats as the real registries have them, small.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef FAKE_CATALOG_H
#define FAKE_CATALOG_H

#include "weir/plan.h"

static const weir_option fake_kafka_options[] = {
    {.name = "brokers", .type = WEIR_OPT_TEXT, .required = true, .help = "Servers."},
    {.name = "topic", .type = WEIR_OPT_TEXT, .required = true, .help = "Topic."},
    {.name = "start", .type = WEIR_OPT_TEXT, .fallback = "earliest", .help = "Where."},
    {.name = "kafka.*", .type = WEIR_OPT_TEXT, .help = "Any property of librdkafka."},
    {0},
};
static const weir_option fake_mysql_options[] = {
    {.name = "url", .type = WEIR_OPT_SECRET, .required = true, .help = "mysql://…"},
    {.name = "table", .type = WEIR_OPT_TEXT, .required = true, .help = "Table."},
    {0},
};
static const weir_option fake_s3_options[] = {
    {.name = "path",
     .type = WEIR_OPT_TEXT,
     .required = true,
     .help = "s3://bucket/prefix/"},
    {.name = "partition_by", .type = WEIR_OPT_TEXT, .help = "Folders."},
    {.name = "roll.size",
     .type = WEIR_OPT_BYTES,
     .fallback = "32 MiB",
     .least = 1 << 20,
     .most = 64 << 20,
     .help = "Size of a file."},
    {0},
};
static const weir_option fake_path_options[] = {
    {.name = "path", .type = WEIR_OPT_TEXT, .required = true, .help = "A folder."},
    {0},
};
static const weir_option fake_none[] = {{0}};
static const weir_option fake_debezium_options[] = {
    {.name = "decimal_encoding",
     .type = WEIR_OPT_CHOICE,
     .choices = "precise|string|double",
     .help = "Decimals."},
    {.name = "time_encoding",
     .type = WEIR_OPT_CHOICE,
     .choices = "adaptive|connect|micros|nanos|iso",
     .help = "Times."},
    {0},
};
static const weir_option fake_avro_options[] = {
    {.name = "codec",
     .type = WEIR_OPT_CHOICE,
     .fallback = "snappy",
     .choices = "null|deflate|snappy",
     .help = "Compression."},
    {0},
};

static const weir_catalog_kind fake_connectors[] = {
    {.name = "kafka",
     .options = fake_kafka_options,
     .source = true,
     .formats = "json|debezium-json|maxwell-json"},
    {.name = "file",
     .options = fake_path_options,
     .source = true,
     .formats = "json|debezium-json"},
    {.name = "generate", .options = fake_none, .source = true, .formats = "debezium-json"},
    {.name = "file", .options = fake_path_options, .sink = true, .formats = "json|csv"},
    {.name = "mysql", .options = fake_mysql_options, .sink = true, .keyed = true},
    {.name = "s3", .options = fake_s3_options, .sink = true, .formats = "avro"},
    {.name = "print", .options = fake_none, .sink = true},
};
static const weir_catalog_kind fake_formats[] = {
    {.name = "json", .options = fake_none, .source = true},
    {.name = "debezium-json",
     .options = fake_debezium_options,
     .source = true,
     .changelog = true},
    {.name = "avro", .options = fake_avro_options, .sink = true},
    {.name = "json", .options = fake_none, .sink = true},
    {.name = "csv", .options = fake_none, .sink = true},
};
static const weir_catalog fake_catalog = {
    fake_connectors, sizeof fake_connectors / sizeof fake_connectors[0], fake_formats,
    sizeof fake_formats / sizeof fake_formats[0]};

#endif
