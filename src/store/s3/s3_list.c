/* s3/list: the keys under a prefix, page by page.
 *
 * Pages are continued with start-after, the last key that was seen, and not with the server's
 * token, whose length nothing bounds. That is right because keys come in the order of their
 * bytes, which is checked: a server that lists otherwise is refused, for resuming by key would
 * leave keys out.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "s3.h"
#include "store_object.h"
#include "weir/limits.h"

enum { PAGE_MOST = 1000 };

typedef struct collected {
    store_listing *listing;
    weir_str       prefix;
    uint32_t       wanted; /* of this page */
    weir_buf       last;   /* the key before, or empty */
    bool           disorder;
} collected;

static bool collect(void *self, const s3_item *item)
{
    collected *all = self;
    if (item->key.len == 0 || item->key.len > WEIR_KEY_BYTES_MAX)
        return false;
    if (!store_starts_with(item->key, all->prefix) ||
        (all->last.len > 0 && weir_str_cmp(item->key, weir_buf_view(&all->last)) <= 0)) {
        all->disorder = true;
        return true; /* the rest does not matter any more */
    }
    if (all->wanted == 0 || all->disorder)
        return true; /* more than was asked for */
    all->wanted--;
    store_listing_add(all->listing, item->key, item->size, item->modified_us);
    weir_buf_clear(&all->last);
    weir_buf_str(&all->last, item->key);
    return true;
}

/* Names in their order: encoding-type, list-type, max-keys, prefix, start-after. */
static void write_query(weir_buf *out, weir_str prefix, weir_str after, uint32_t wanted)
{
    weir_buf_clear(out);
    weir_buf_format(out, "encoding-type=url&list-type=2&max-keys=%u&prefix=", wanted);
    s3_encode(out, prefix, false);
    if (after.len > 0) {
        weir_buf_text(out, "&start-after=");
        s3_encode(out, after, false);
    }
    weir_buf_byte(out, '\0');
}

static weir_code list_page(s3_store *self, collected *all, s3_page *page, weir_err *err)
{
    store_listing *listing = all->listing;
    weir_buf       query = {0};
    uint32_t       before = listing->count;
    uint32_t       left = listing->most - listing->count;
    all->wanted = left < PAGE_MOST ? left : PAGE_MOST;
    write_query(&query, all->prefix, weir_buf_view(&all->last), all->wanted);
    weir_code rc = s3_run_list(self, query.at, page, err);
    weir_buf_done(&query);
    if (all->disorder)
        return weir_fail(
            err, WEIR_E_REMOTE,
            "could not list '%.*s': the server does not list in the order of keys",
            WEIR_STR_FMT(all->prefix));
    if (rc == WEIR_OK && page->truncated && listing->count == before)
        return weir_retry(err, WEIR_E_REMOTE,
                          "could not list '%.*s': a page that is not the last has no keys",
                          WEIR_STR_FMT(all->prefix));
    return rc;
}

weir_code s3_list(weir_store *store, weir_str prefix, weir_str after, uint32_t most,
                  weir_arena *arena, weir_listed **out, uint32_t *out_count, weir_err *err)
{
    s3_store     *self = (s3_store *)store;
    store_listing listing = {.arena = arena, .most = most};
    collected     all = {.listing = &listing, .prefix = prefix};
    s3_page       page = {.each = collect, .self = &all};
    weir_code     rc = WEIR_OK;
    weir_assert(most > 0);
    weir_buf_str(&all.last, after);
    do
        rc = list_page(self, &all, &page, err);
    while (rc == WEIR_OK && page.truncated && listing.count < most);
    weir_buf_done(&all.last);
    if (rc == WEIR_OK)
        store_listing_finish(&listing, out, out_count);
    else
        weir_buf_done(&listing.listed);
    return rc;
}
