/* codec/debezium: the `source` block: which table, which log, where in it, when.
 *
 * The origin of a position is the connector's name with what numbers the log's
 * transactions: the uuid of a MySQL gtid ("uuid:n"), the domain of a MariaDB gtid
 * ("domain-server-n"), else the server's id. Positions of one origin can be compared.
 *
 * Gives      debezium_source_read, debezium_is_foreign, debezium_name.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "debezium_json/debezium.h"

#include "value/value_number.h"

#include <string.h>

#define NAMES_MAX                                                                          \
    4096u /* tables and origins of one topic: more is not a topic of a table */

uint32_t debezium_name(debezium_names *names, weir_str text)
{
    for (uint32_t i = 0; i < names->count; i++) {
        if (weir_str_eq(names->text[i], text))
            return i;
    }
    if (names->count == NAMES_MAX)
        return WEIR_NO_ROW;
    if (names->count == names->room) {
        uint32_t room = names->room ? 2 * names->room : 8;
        names->text = weir_heap_grow(names->text, names->room, room, sizeof *names->text);
        names->foreign =
            weir_heap_grow(names->foreign, names->room, room, sizeof *names->foreign);
        names->room = room;
    }
    char *copy = weir_heap_new(text.len + 1, 1);
    memcpy(copy, text.at, text.len);
    names->text[names->count] = (weir_str){copy, text.len};
    names->foreign[names->count] = false;
    return names->count++;
}

void debezium_names_done(debezium_names *names)
{
    for (uint32_t i = 0; i < names->count; i++)
        weir_heap_free((char *)names->text[i].at);
    weir_heap_free(names->text);
    weir_heap_free(names->foreign);
}

void debezium_source_done(debezium_source *source)
{
    debezium_names_done(&source->names);
    weir_buf_done(&source->last_table);
    weir_buf_done(&source->last_origin);
    weir_buf_done(&source->last_file);
    weir_buf_done(&source->scratch);
}

static bool add_text(weir_buf *buf, const scan_token *token)
{
    if (token->kind != SCAN_STRING && token->kind != SCAN_NUMBER)
        return token->kind <= SCAN_NULL;
    char *at = weir_buf_more(buf, token->len);
    if (token->kind == SCAN_STRING && token->escaped) {
        int64_t len = scan_unescape(token, at);
        buf->len += len < 0 ? 0 : (size_t)len;
        return len >= 0;
    }
    memcpy(at, token->at, token->len);
    buf->len += token->len;
    return true;
}

/* Texts of one length; most are short, and a call would take longer. */
static inline bool same_bytes(const char *a, const char *b, size_t len)
{
    size_t i = 0;
    if (len < 4) {
        for (; i < len; i++) {
            if (a[i] != b[i])
                return false;
        }
        return true;
    }
    for (; len - i > 8; i += 8) {
        if (scan_word(a + i) != scan_word(b + i))
            return false;
    }
    if (len - i >= 4)
        return scan_word_high(a + i, len - i) == scan_word_high(b + i, len - i);
    return scan_word_high(a + len - 4, 4) == scan_word_high(b + len - 4, 4);
}

/* Both tokens, as they stand, one after the other: are they what `last` holds? */
static inline bool same_as_last(const weir_buf *last, weir_str a, weir_str b)
{
    return last->len == a.len + b.len + 1 && same_bytes(last->at, a.at, a.len) &&
           last->at[a.len] == 0 && same_bytes(last->at + a.len + 1, b.at, b.len);
}

static void keep_as_last(weir_buf *last, weir_str a, weir_str b)
{
    weir_buf_clear(last);
    weir_buf_str(last, a);
    weir_buf_byte(last, 0);
    weir_buf_str(last, b);
}

static weir_str view_of(const scan_token *token)
{
    static const char none[1] = "";
    return token->at ? (weir_str){token->at, token->len} : (weir_str){none, 0};
}

static const char *read_table(debezium_source *source, const scan_token *db,
                              const scan_token *table, weir_event *event)
{
    if (table->kind != SCAN_STRING) {
        event->source_table = WEIR_NO_ROW;
        return NULL;
    }
    if (same_as_last(&source->last_table, view_of(db), view_of(table))) {
        event->source_table = source->table_number;
        return NULL;
    }
    weir_buf *text = &source->scratch;
    weir_buf_clear(text);
    if (!add_text(text, db))
        return "source.db is broken";
    if (text->len)
        weir_buf_byte(text, '.');
    if (!add_text(text, table))
        return "source.table is broken";
    weir_str name = weir_buf_view(text);
    uint32_t number = debezium_name(&source->names, name);
    if (number == WEIR_NO_ROW)
        return "too many tables in one topic";
    source->names.foreign[number] = source->table.len && !weir_str_eq(name, source->table);
    keep_as_last(&source->last_table, view_of(db), view_of(table));
    source->table_number = number;
    event->source_table = number;
    return NULL;
}

/* Splits "uuid:n" or "domain-server-n"; false: neither. */
static bool split_gtid(weir_str gtid, weir_str *origin, uint64_t *number)
{
    const char *colon = memrchr(gtid.at, ':', gtid.len);
    const char *last = colon ? colon : memrchr(gtid.at, '-', gtid.len);
    if (!last)
        return false;
    weir_str digits = {last + 1, (size_t)(gtid.at + gtid.len - last - 1)};
    int64_t  small;
    if (digits.len && value_small_integer(digits.at, digits.len, &small) && small >= 0)
        *number = (uint64_t)small;
    else if (!weir_str_to_u64(digits, number))
        return false;
    const char *end = colon ? colon : memchr(gtid.at, '-', gtid.len);
    *origin = (weir_str){gtid.at, (size_t)(end - gtid.at)};
    return true;
}

static const char *read_origin(debezium_source *source, const debezium_slots *slots,
                               const scan_token *slot, weir_event *event)
{
    const scan_token *name = &slot[slots->name];
    const scan_token *gtid = &slot[slots->gtid];
    weir_str          origin = view_of(&slot[slots->server_id]);
    if (gtid->kind == SCAN_STRING && gtid->len &&
        !split_gtid(view_of(gtid), &origin, &event->position.transaction))
        return "source.gtid is neither 'uuid:n' nor 'domain-server-n'";
    if (same_as_last(&source->last_origin, view_of(name), origin)) {
        event->origin = source->origin_number;
        return NULL;
    }
    weir_buf *text = &source->scratch;
    weir_buf_clear(text);
    if (!add_text(text, name))
        return "source.name is broken";
    weir_buf_byte(text, '/');
    weir_buf_str(text, origin);
    event->origin = debezium_name(&source->names, weir_buf_view(text));
    if (event->origin == WEIR_NO_ROW)
        return "too many origins in one topic";
    keep_as_last(&source->last_origin, view_of(name), origin);
    source->origin_number = event->origin;
    return NULL;
}

static inline bool integer_of(const scan_token *token, int64_t *out)
{
    return token->kind == SCAN_NUMBER &&
           (value_small_integer(token->at, token->len, out) ||
            weir_str_to_i64((weir_str){token->at, token->len}, out));
}

/* Microseconds from the finest clock that is there. */
static bool read_time(const debezium_slots *slots, const scan_token *slot, int64_t *out)
{
    int64_t number;
    if (integer_of(&slot[slots->ts_us], out))
        return true;
    if (integer_of(&slot[slots->ts_ns], &number)) {
        *out = number / 1000 - (number % 1000 < 0);
        return true;
    }
    return integer_of(&slot[slots->source_ts_ms], &number) &&
           !__builtin_mul_overflow(number, (int64_t)1000, out);
}

/* The number at the end of "binlog.000002". */
static uint64_t file_number(debezium_source *source, const scan_token *token)
{
    if (token->kind != SCAN_STRING)
        return 0;
    if (token->len == source->last_file.len &&
        same_bytes(token->at, source->last_file.at, token->len))
        return source->file_number;
    uint32_t from = token->len;
    while (from > 0 && token->len - from < 18 && token->at[from - 1] >= '0' &&
           token->at[from - 1] <= '9')
        from--;
    uint64_t number = 0;
    for (uint32_t i = from; i < token->len; i++)
        number = number * 10 + (uint64_t)(token->at[i] - '0');
    weir_buf_clear(&source->last_file);
    weir_buf_str(&source->last_file, (weir_str){token->at, token->len});
    source->file_number = number;
    return number;
}

static uint8_t snapshot_of(const scan_token *token)
{
    if (token->kind == SCAN_TRUE)
        return WEIR_SNAPSHOT_ROW;
    if (token->kind != SCAN_STRING || scan_token_is(token, "false"))
        return WEIR_SNAPSHOT_NO;
    if (scan_token_is(token, "first"))
        return WEIR_SNAPSHOT_FIRST;
    if (scan_token_is(token, "last"))
        return WEIR_SNAPSHOT_LAST;
    if (scan_token_is(token, "incremental"))
        return WEIR_SNAPSHOT_INCREMENTAL;
    return WEIR_SNAPSHOT_ROW;
}

const char *debezium_source_read(debezium_source *source, const debezium_slots *slots,
                                 const scan_token *slot, weir_event *event)
{
    int64_t pos, row = 0;
    source->timed = false;
    event->snapshot = snapshot_of(&slot[slots->snapshot]);
    const char *wrong = read_table(source, &slot[slots->db], &slot[slots->table], event);
    if (wrong)
        return wrong;
    source->timed = read_time(slots, slot, &event->commit_us);
    if (!source->timed || !integer_of(&slot[slots->pos], &pos) || pos < 0)
        return NULL; /* a database without such a log: no positions */
    if (slot[slots->row].kind > SCAN_NULL &&
        (!integer_of(&slot[slots->row], &row) || row < 0 || row > UINT32_MAX))
        return "source.row is not a row number";
    wrong = read_origin(source, slots, slot, event);
    if (wrong)
        return wrong;
    event->position.file = file_number(source, &slot[slots->file]);
    event->position.pos = (uint64_t)pos;
    event->position.row = (uint32_t)row;
    event->positioned = true;
    return NULL;
}

bool debezium_is_foreign(const debezium_source *source, const weir_event *event)
{
    if (!source->table.len)
        return false;
    return event->source_table == WEIR_NO_ROW || source->names.foreign[event->source_table];
}
