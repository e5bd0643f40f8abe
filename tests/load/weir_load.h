/* load/weir_load: where generated records go.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_LOAD_H
#define WEIR_LOAD_H

#include "source/generate/generate_shop.h"
#include "weir/error.h"

typedef struct load_target load_target; /* of either shape */

typedef struct load_place {
    const char *topic;
    const char *embedded; /* DIR of --embedded, or NULL */
    const char *brokers;  /* or NULL */
    const char *codec;    /* compression, for brokers */
    uint32_t    partitions;
} load_place;

struct load_target {
    weir_code (*put)(load_target *, const generate_page *, const generate_record *,
                     int64_t offset, weir_err *);
    weir_code (*flush)(load_target *, weir_err *);
    void (*close)(load_target *);
};

/* Both make the topic; it must not be there yet. */
weir_code load_folder_open(const load_place *place, load_target **out, weir_err *err);
weir_code load_kafka_open(const load_place *place, load_target **out, weir_err *err);

#endif
