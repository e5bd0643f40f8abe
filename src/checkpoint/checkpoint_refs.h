/* checkpoint/refs: which objects a manifest needs beside itself.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CHECKPOINT_REFS_H
#define CHECKPOINT_REFS_H

#include "weir/checkpoint.h"

#define RECORD_REFS "refs" /* the section of a manifest that lists them */

typedef struct ref_object {
    uint64_t gen, idx, epoch; /* of the manifest whose epoch staged it */
    uint32_t number; /* of the data object; UINT32_MAX: it is that manifest itself */
    uint8_t  nonce[16];
    uint64_t size; /* of a data object, with its CRC32C; 0: not known */
    uint32_t crc;
} ref_object;

typedef struct ref_set {
    ref_object *at; /* heap; sorted, each once, behind ref_set_finish */
    uint32_t    count, room;
} ref_set;

void ref_set_add(ref_set *set, const ref_object *object);
void ref_set_add_all(ref_set *set, const ref_set *other);
void ref_set_finish(ref_set *set); /* of two that are the same, the known size stays */
const ref_object *ref_set_find(const ref_set *set, const ref_object *object);
bool ref_set_has_manifest(const ref_set *set, uint64_t gen, uint64_t idx);
void ref_set_clear(ref_set *set);
void ref_set_done(ref_set *set);
ref_object ref_object_of(const weir_blob_ref *ref);

void ref_set_write(const ref_set *set, weir_buf *out); /* the section; the set is finished */
/* Adds what the section lists; false: damaged. */
bool ref_set_read(ref_set *set, weir_str bytes);

#endif
