/* source/generate/generate_row: an order of the generated shop, as Debezium writes it.
 *
 * Written by hand, not with printf: a million events shall take a second or two.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "generate_row.h"

#include <string.h>

#include "weir/clock.h"
#include "weir/error.h"

static void text(weir_buf *out, const char *what)
{
    weir_buf_add(out, what, strlen(what));
}

static void number(weir_buf *out, int64_t value)
{
    char digits[24], *at = digits + sizeof digits;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        *--at = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (value < 0)
        *--at = '-';
    weir_buf_add(out, at, (size_t)(digits + sizeof digits - at));
}

static char *padded(char *at, uint32_t value, int width)
{
    for (int i = width - 1; i >= 0; i--, value /= 10)
        at[i] = (char)('0' + value % 10);
    return at + width;
}

/* "2026-01-01T00:00:00.123456Z" */
static void iso(weir_buf *out, int64_t us)
{
    char made[32], *at = made;
    weir_civil civil = weir_civil_from_us(us);
    *at++ = '"';
    at = padded(at, (uint32_t)civil.year, 4);
    *at++ = '-';
    at = padded(at, civil.month, 2);
    *at++ = '-';
    at = padded(at, civil.day, 2);
    *at++ = 'T';
    at = padded(at, civil.hour, 2);
    *at++ = ':';
    at = padded(at, civil.minute, 2);
    *at++ = ':';
    at = padded(at, civil.second, 2);
    *at++ = '.';
    at = padded(at, (uint32_t)civil.micros, 6);
    *at++ = 'Z';
    *at++ = '"';
    weir_buf_add(out, made, (size_t)(at - made));
}

static void amount(weir_buf *out, const generate_order *order)
{
    char cents[2];
    if (order->fault == GENERATE_NO_NUMBER) {
        text(out, "\"twelve\"");
        return;
    }
    if (order->fault == GENERATE_TOO_BIG) {
        text(out, "\"98765432109.87\"");
        return;
    }
    text(out, order->fault == GENERATE_NEGATIVE ? "\"-" : "\"");
    number(out, order->cents / 100);
    (void)padded(cents, (uint32_t)(order->cents % 100), 2);
    text(out, ".");
    weir_buf_add(out, cents, 2);
    text(out, "\"");
}

static void customer(weir_buf *out, const generate_order *order)
{
    char made[] = "\"c00000\"";
    if (order->fault == GENERATE_NO_CUSTOMER) {
        text(out, "null");
        return;
    }
    (void)padded(made + 2, order->customer, 5);
    weir_buf_add(out, made, sizeof made - 1);
}

/* The columns of a table as it grows in the field; `note` fills up. */
static void more_columns(weir_buf *out, const generate_order *order, uint32_t note)
{
    static const char filling[] = "leave it with the neighbour at number 7, please ";
    text(out, ",\"currency\":\"EUR\",\"channel\":\"web\",\"region\":\"eu-central\"");
    text(out, ",\"coupon\":null");
    text(out, ",\"items\":");
    number(out, order->id % 9 + 1);
    text(out, ",\"weight_g\":");
    number(out, order->id * 37 % 20000);
    text(out, ",\"warehouse\":\"w3\",\"carrier\":\"post\",\"note\":\"");
    for (uint32_t left = note, n; left > 0; left -= n) {
        n = left < sizeof filling - 1 ? left : (uint32_t)sizeof filling - 1;
        weir_buf_add(out, filling, n);
    }
    text(out, "\",\"gift\":0,\"version\":1,\"created_at\":");
    iso(out, order->created_us);
    text(out, ",\"updated_at\":");
    iso(out, order->updated_us);
}

static void image(weir_buf *out, const generate_order *order, bool wide, uint32_t note)
{
    if (!order) {
        text(out, "null");
        return;
    }
    text(out, "{\"id\":");
    number(out, order->id);
    text(out, ",\"customer\":");
    customer(out, order);
    text(out, ",\"status\":\"");
    text(out, order->status);
    text(out, "\",\"amount\":");
    amount(out, order);
    if (wide)
        more_columns(out, order, note);
    text(out, ",\"paid_at\":");
    if (order->paid_us == INT64_MIN)
        text(out, "null");
    else
        iso(out, order->paid_us);
    text(out, "}");
}

/* "ts_ms":…,"ts_us":…,"ts_ns":… */
static void times(weir_buf *out, int64_t us)
{
    text(out, "\"ts_us\":");
    number(out, us);
    text(out, ",\"ts_ns\":");
    number(out, us * 1000);
}

static void source(weir_buf *out, const generate_change *change)
{
    char file[6];
    (void)padded(file, change->file, 6);
    text(out, "{\"version\":\"3.5.0.Final\",\"connector\":\"mysql\",\"name\":\"shop\",\"ts_ms\":");
    number(out, change->commit_us / 1000);
    text(out, ",\"snapshot\":\"false\",\"db\":\"shop\",\"sequence\":null,");
    times(out, change->commit_us);
    text(out, ",\"table\":\"orders\",\"server_id\":8012,\"gtid\":"
              "\"e10b7c33-e54b-11f1-a08f-02fc00000001:");
    number(out, (int64_t)change->transaction);
    text(out, "\",\"file\":\"binlog.");
    weir_buf_add(out, file, sizeof file);
    text(out, "\",\"pos\":");
    number(out, (int64_t)change->pos);
    text(out, ",\"row\":");
    number(out, change->row);
    text(out, ",\"thread\":276,\"query\":null}");
}

static void envelope(weir_buf *out, const generate_change *change,
                     const generate_order *const images[2], bool wide, uint32_t note)
{
    int64_t sent_us = change->commit_us + 9571; /* the connector's clock */
    char op[] = {change->op, '\0'};
    text(out, "{\"before\":");
    image(out, images[0], wide, note);
    text(out, ",\"after\":");
    image(out, images[1], wide, note);
    text(out, ",\"source\":");
    source(out, change);
    text(out, ",\"transaction\":null,\"op\":\"");
    text(out, op);
    text(out, "\",\"ts_ms\":");
    number(out, sent_us / 1000);
    text(out, ",");
    times(out, sent_us);
    text(out, "}");
}

void generate_key(weir_buf *out, int64_t id)
{
    text(out, "{\"id\":");
    number(out, id);
    text(out, "}");
}

void generate_envelope(weir_buf *out, const generate_change *change,
                       const generate_order *before, const generate_order *after,
                       uint32_t bytes)
{
    const generate_order *const images[2] = {before, after};
    size_t from = out->len;
    weir_assert(before || after);
    envelope(out, change, images, bytes > 0, 0);
    size_t len = out->len - from;
    if (bytes > len) {
        uint32_t rows = before && after ? 2 : 1;
        out->len = from;
        envelope(out, change, images, true, (bytes - (uint32_t)len) / rows);
    }
    if (after && after->fault == GENERATE_BROKEN)
        out->len = from + (out->len - from) / 2;
}

uint32_t generate_partition(weir_str key, uint32_t partitions)
{
    const uint32_t m = 0x5bd1e995;
    const uint8_t *at = (const uint8_t *)key.at;
    size_t left = key.len;
    uint32_t hash = 0x9747b28cu ^ (uint32_t)key.len;
    for (; left >= 4; left -= 4, at += 4) {
        uint32_t k = (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
                     (uint32_t)at[3] << 24;
        k *= m;
        k ^= k >> 24;
        hash = hash * m ^ k * m;
    }
    if (left == 3)
        hash ^= (uint32_t)at[2] << 16;
    if (left >= 2)
        hash ^= (uint32_t)at[1] << 8;
    if (left >= 1)
        hash = (hash ^ at[0]) * m;
    hash ^= hash >> 13;
    hash *= m;
    hash ^= hash >> 15;
    return (hash & 0x7fffffff) % partitions;
}
