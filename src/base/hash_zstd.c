/* base/hash_zstd: whole zstd frames, in memory.
 *
 * Always     1. expand allocates what the caller expects, never what the frame claims.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/hash.h"

#include <zstd.h>

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
