/* codec/registry: the decoders of this build, from kinds.def.
 *
 * Gives      weir_decoder_kinds, weir_decoder_find, weir_decoder_new, weir_decoder_free.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/codec.h"

#define KIND(name) extern const weir_decoder_kind weir_decoder_##name;
#include "weir_codec_kinds.def"
#undef KIND

static const weir_decoder_kind *const kinds[] = {
#define KIND(name) &weir_decoder_##name,
#include "weir_codec_kinds.def"
#undef KIND
    NULL,
};

/* A closed decoder points here, so that its next use stops at the first touch. */
static const weir_decoder_kind closed = {.name = "closed"};

const weir_decoder_kind *const *weir_decoder_kinds(void)
{
    return kinds;
}

const weir_decoder_kind *weir_decoder_find(weir_str name)
{
    for (size_t i = 0; kinds[i]; i++) {
        if (weir_str_is(name, kinds[i]->name))
            return kinds[i];
    }
    return NULL;
}

weir_code weir_decoder_new(const weir_decoder_kind *kind, const weir_decoder_setup *setup,
                           weir_decoder **out, weir_err *err)
{
    weir_assert(kind != NULL);
    weir_assert(kind->size >= sizeof(weir_decoder));
    weir_decoder *decoder = weir_heap_new(1, kind->size);
    decoder->kind = kind;
    weir_code rc = kind->open(decoder, setup, err);
    if (rc != WEIR_OK) {
        weir_decoder_free(decoder);
        return rc;
    }
    *out = decoder;
    return WEIR_OK;
}

void weir_decoder_free(weir_decoder *decoder)
{
    if (!decoder)
        return;
    weir_assert(decoder->kind != &closed);
    decoder->kind->close(decoder);
    decoder->kind = &closed;
    weir_heap_free(decoder);
}
