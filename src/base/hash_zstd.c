/* base/hash_zstd: zstd frames, in memory, whole or piece by piece.
 *
 * Always     1. what is allocated follows from what the caller expects, never from what the
 *               frame claims.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/hash.h"

#include <zstd.h>

#include "weir/arena.h"
#include "weir/buf.h"
#include "weir/error.h"

void weir_zstd_compress(weir_buf *out, weir_str bytes, int level)
{
    size_t most = ZSTD_compressBound(bytes.len);
    char  *to = weir_buf_more(out, most);
    size_t len = ZSTD_compress(to, most, bytes.at, bytes.len, level);
    weir_assert(!ZSTD_isError(len)); /* the room is there; what is left is memory */
    out->len += len;
}

bool weir_zstd_expand(weir_buf *out, weir_str frame, size_t expanded_bytes)
{
    if (ZSTD_findFrameCompressedSize(frame.at, frame.len) != frame.len)
        return false; /* damaged, or something behind it */
    unsigned long long claims = ZSTD_getFrameContentSize(frame.at, frame.len);
    if (claims == ZSTD_CONTENTSIZE_ERROR)
        return false;
    if (claims != ZSTD_CONTENTSIZE_UNKNOWN && claims != expanded_bytes)
        return false;
    char  *to = weir_buf_more(out, expanded_bytes); /* 1 */
    size_t len = ZSTD_decompress(to, expanded_bytes, frame.at, frame.len);
    if (ZSTD_isError(len) || len != expanded_bytes)
        return false;
    out->len += len;
    return true;
}

struct weir_unzstd {
    ZSTD_DStream *stream;
    ZSTD_inBuffer in;
    size_t        left;  /* bytes to come */
    bool          ended; /* the frame has */
};

/* Of the smallest window that can be needed for so many bytes. */
static int window_log_of(size_t bytes)
{
    int log = 10; /* the least that zstd takes */
    while (log < 31 && (size_t)1 << log < bytes)
        log++;
    return log;
}

weir_unzstd *weir_unzstd_new(weir_str frame, size_t expanded_bytes)
{
    weir_unzstd *unzstd = weir_heap_new(1, sizeof *unzstd);
    *unzstd = (weir_unzstd){.stream = ZSTD_createDStream(),
                            .in = {frame.at, frame.len, 0},
                            .left = expanded_bytes};
    weir_assert(unzstd->stream != NULL); /* only memory */
    size_t rc = ZSTD_DCtx_setParameter(unzstd->stream, ZSTD_d_windowLogMax,
                                       window_log_of(expanded_bytes)); /* 1 */
    weir_assert(!ZSTD_isError(rc));
    return unzstd;
}

void weir_unzstd_free(weir_unzstd *unzstd)
{
    if (unzstd == NULL)
        return;
    (void)ZSTD_freeDStream(unzstd->stream); /* it says 0 */
    weir_heap_free(unzstd);
}

bool weir_unzstd_read(weir_unzstd *unzstd, weir_buf *out, size_t bytes)
{
    if (bytes > unzstd->left)
        return false;
    ZSTD_outBuffer to = {weir_buf_more(out, bytes), bytes, 0};
    while (to.pos < to.size) {
        size_t got = to.pos, read = unzstd->in.pos;
        size_t rc = ZSTD_decompressStream(unzstd->stream, &to, &unzstd->in);
        bool   stands = to.pos == got && unzstd->in.pos == read;
        unzstd->ended = rc == 0;
        if (ZSTD_isError(rc) || stands || (unzstd->ended && to.pos < to.size))
            return false; /* damaged, cut off, or another length */
    }
    out->len += bytes;
    unzstd->left -= bytes;
    return true;
}

bool weir_unzstd_at_end(weir_unzstd *unzstd)
{
    char           none;
    ZSTD_outBuffer to = {&none, 0, 0};
    if (unzstd->left > 0)
        return false;
    if (!unzstd->ended) /* what is behind the last byte was not looked at yet */
        unzstd->ended = ZSTD_decompressStream(unzstd->stream, &to, &unzstd->in) == 0;
    return unzstd->ended && unzstd->in.pos == unzstd->in.size;
}
