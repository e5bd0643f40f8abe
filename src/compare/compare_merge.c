/* compare/merge: two sides in the order of one key.
 *
 * Gives      weir_merge_rows, weir_cell_order.
 * Always     1. a side that is not in rising order is an error: an order that the server and
 *               we see differently would pair wrong rows.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/compare.h"

#include <string.h>

typedef struct side {
    weir_ordered      *rows;
    const char     *name;
    const weir_str *row;    /* NULL: at its end */
    weir_buf        before; /* packed key of the last row */
    weir_str       *last;   /* its cells: views into `before`, by place in the key */
    bool            any;
} side;

static int padded(weir_str a, weir_str b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int    order = common > 0 ? memcmp(a.at, b.at, common) : 0;
    for (size_t i = common; order == 0 && i < a.len; i++)
        order = (uint8_t)a.at[i] - ' ';
    for (size_t i = common; order == 0 && i < b.len; i++)
        order = ' ' - (uint8_t)b.at[i];
    return order;
}

static int numbers(weir_str a, weir_str b)
{
    weir_i128 left, right;
    int       left_scale, right_scale;
    if (!weir_numeric_parse(a, &left, &left_scale) ||
        !weir_numeric_parse(b, &right, &right_scale))
        return weir_str_cmp(a, b);
    int scale = left_scale > right_scale ? left_scale : right_scale;
    if (!weir_i128_rescale(left, left_scale, scale, &left) ||
        !weir_i128_rescale(right, right_scale, scale, &right)) {
        double l = weir_numeric_to_double(left, left_scale);
        double r = weir_numeric_to_double(right, right_scale);
        return (l > r) - (l < r);
    }
    return (left > right) - (left < right);
}

int weir_cell_order(weir_order order, weir_str a, weir_str b)
{
    if (a.at == NULL || b.at == NULL)
        return (a.at != NULL) - (b.at != NULL);
    if (order == WEIR_ORDER_NUMBER)
        return numbers(a, b);
    return order == WEIR_ORDER_PADDED ? padded(a, b) : weir_str_cmp(a, b);
}

/* `last` holds key cells by their place in the key, a row by its columns. */
static int against_last(const weir_merge *merge, const weir_str *last, const weir_str *row)
{
    int order = 0;
    for (uint32_t k = 0; order == 0 && k < merge->keys; k++)
        order = weir_cell_order(merge->order[k], last[k], row[merge->key[k]]);
    return order;
}

static int rows(const weir_merge *merge, const weir_str *a, const weir_str *b)
{
    int order = 0;
    for (uint32_t k = 0; order == 0 && k < merge->keys; k++)
        order = weir_cell_order(merge->order[k], a[merge->key[k]], b[merge->key[k]]);
    return order;
}

static weir_code advance(const weir_merge *merge, side *of, weir_err *err)
{
    if (of->any && of->row != NULL) {
        weir_buf_clear(&of->before);
        weir_row_pack(&of->before, of->row, merge->key, merge->keys);
        bool good = weir_row_unpack(weir_buf_view(&of->before), merge->keys, of->last);
        weir_assert(good);
    }
    weir_code rc = of->rows->next(of->rows, &of->row, err);
    if (rc != WEIR_OK || of->row == NULL)
        return rc;
    if (of->any && against_last(merge, of->last, of->row) >= 0)
        return weir_fail(err, WEIR_E_CORRUPT,
                         "the rows of the %s table do not come in the order of its key",
                         of->name);
    of->any = true;
    return WEIR_OK;
}

static weir_code step(const weir_merge *merge, side *live, side *other, weir_err *err)
{
    int       order = live->row == NULL    ? 1
                      : other->row == NULL ? -1
                                           : rows(merge, live->row, other->row);
    weir_code rc = merge->tell(merge->self, order <= 0 ? live->row : NULL,
                               order >= 0 ? other->row : NULL, err);
    if (rc == WEIR_OK && order <= 0)
        rc = advance(merge, live, err);
    if (rc == WEIR_OK && order >= 0)
        rc = advance(merge, other, err);
    return rc;
}

weir_code weir_merge_rows(const weir_merge *merge, weir_err *err)
{
    weir_assert(merge->keys > 0);
    side live = {.rows = merge->live, .name = "live"};
    side other = {.rows = merge->other, .name = "other"};
    live.last = weir_heap_new(merge->keys, sizeof *live.last);
    other.last = weir_heap_new(merge->keys, sizeof *other.last);
    weir_code rc = advance(merge, &live, err);
    if (rc == WEIR_OK)
        rc = advance(merge, &other, err);
    while (rc == WEIR_OK && (live.row != NULL || other.row != NULL))
        rc = step(merge, &live, &other, err);
    weir_buf_done(&live.before);
    weir_buf_done(&other.before);
    weir_heap_free(live.last);
    weir_heap_free(other.last);
    return rc;
}
