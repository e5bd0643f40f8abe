/* sim/check: what must hold whenever an effect becomes visible, and the comparison at the
 * end.
 *
 * Always, of the committed log:
 *   1. a record is put once, its index follows the one before, and nothing follows a SEAL.
 *   2. a generation begins when the one before has its copy of a SEAL; the copy is the SEAL.
 *      But for slots whose manifest was collected: there a SEAL that comes late may land, and
 *      the same manifest once more.
 *   3. manifests are one chain: each names the one before, and its epoch is the next. So there
 *      is one manifest for an epoch.
 * of the database:
 *   4. the commit row is at a manifest that was put, with its digest, and moves by one epoch;
 *      only a failover takes it back.
 *   5. its generation does not fall, but by a failover.
 * of files:
 *   6. a file is put when the manifest of its epoch and generation was put, and once.
 * of both:
 *   7. when the manifest of N+1 is put, the commit row is at N, or a failover took it back.
 *   8. so it is when a SEAL or the hint says that N is finalised.
 * of what is removed:
 *   9. no SEAL and no copy of one.
 *
 * Of a file's name: <job>-<lineage>-<task>-<gen>-<epoch>-<n>.avro.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/checkpoint_record.h"

#define MANIFESTS 1024u
#define GENERATIONS 512u
#define FILES 1024u
#define ROWS_MAX 2048u
#define NO_SUCH UINT64_MAX

typedef struct manifest {
    uint64_t    gen, epoch;
    weir_sha256 sha;
} manifest;

typedef struct generation {
    uint64_t    records;
    bool        sealed, copied;
    weir_sha256 seal;
} generation;

static record_place collected[MANIFESTS];
static uint32_t     collected_count;
static manifest    chain[MANIFESTS]; /* chain[e] is of epoch e + 1 */
static uint32_t    chain_count;
static generation  generations[GENERATIONS];
static uint64_t    row_gen;
static uint64_t    row_failover; /* the highest epoch that a failover took back */
static weir_str    files[FILES];
static uint32_t    file_count;
static weir_str    rows[ROWS_MAX];
static uint32_t    row_count, letters;

void sim_check_clear(void)
{
    memset(generations, 0, sizeof generations);
    chain_count = file_count = collected_count = 0;
    row_gen = row_failover = 0;
}

/* "…/log/00000003/00000001": the numbers at the end; false: it is not such a key. */
static bool numbers_of(weir_str key, const char *folder, uint32_t count, uint64_t out[2])
{
    const char *at = memmem(key.at, key.len, folder, strlen(folder));
    if (at == NULL)
        return false;
    at += strlen(folder);
    for (uint32_t i = 0; i < count; i++) {
        char *end;
        out[i] = strtoull(at, &end, 10);
        at = end + 1;
    }
    return true;
}

static void check_manifest(const checkpoint_record *record)
{
    const manifest *last = chain_count > 0 ? &chain[chain_count - 1] : NULL;
    uint64_t        epoch = last ? last->epoch : 0;
    if (record->epoch != epoch + 1)
        sim_fail("manifest of epoch %llu after %llu", (unsigned long long)record->epoch,
                 (unsigned long long)epoch); /* 3 */
    else if (last && !weir_sha256_eq(&record->prev.sha, &last->sha))
        sim_fail("the manifest of epoch %llu does not follow the last one",
                 (unsigned long long)record->epoch); /* 3 */
    if (last && sim_row_epoch() < epoch && row_failover < epoch)
        sim_fail("manifest %llu was put before the rows of %llu were visible",
                 (unsigned long long)record->epoch, (unsigned long long)epoch); /* 7 */
    weir_assert(chain_count < MANIFESTS);
    chain[chain_count++] = (manifest){record->gen, record->epoch, record->sha};
    sim.result->epochs = chain_count;
}

static void check_finalised(const checkpoint_record *record)
{
    if (record->finalised && sim_row_epoch() < record->epoch && row_failover < record->epoch)
        sim_fail("epoch %llu is said to be finalised, and the rows are at %llu",
                 (unsigned long long)record->epoch,
                 (unsigned long long)sim_row_epoch()); /* 8 */
}

static bool is_harmless(uint64_t gen, uint64_t idx, const checkpoint_record *record)
{
    for (uint32_t i = 0; i < collected_count; i++)
        if (collected[i].gen == gen && collected[i].idx == idx)
            return record->kind == RECORD_SEAL ||
                   weir_sha256_eq(&record->sha, &collected[i].sha);
    return false;
}

static void check_record(uint64_t gen, uint64_t idx, const checkpoint_record *record)
{
    weir_assert(gen < GENERATIONS);
    generation *one = &generations[gen];
    if (is_harmless(gen, idx, record))
        return;
    if (idx != one->records + 1 || one->sealed)
        sim_fail("record %llu/%llu does not follow: %llu records%s", (unsigned long long)gen,
                 (unsigned long long)idx, (unsigned long long)one->records,
                 one->sealed ? ", sealed" : ""); /* 1 */
    if (gen > 0 && !generations[gen - 1].copied)
        sim_fail("generation %llu begins before the one before it has ended",
                 (unsigned long long)gen); /* 2 */
    one->records++;
    if (record->kind == RECORD_MANIFEST) {
        check_manifest(record);
        return;
    }
    one->sealed = true;
    one->seal = record->sha;
    check_finalised(record);
}

static void check_log(weir_str key, weir_str body)
{
    uint64_t          number[2] = {0, 0};
    checkpoint_record record;
    bool              log = numbers_of(key, "/log/", 2, number);
    bool              hint = key.len > 5 && memcmp(key.at + key.len - 5, "/hint", 5) == 0;
    if (!log && !hint && !numbers_of(key, "/seals/", 1, number))
        return;
    weir_arena *arena = weir_arena_new("check", 4096);
    const char *fault = record_read(body, arena, &record);
    if (fault != NULL)
        sim_fail("'%.*s': %s", WEIR_STR_FMT(key), fault);
    else if (log)
        check_record(number[0], number[1], &record);
    else if (hint)
        check_finalised(&record);
    else if (!generations[number[0]].sealed ||
             !weir_sha256_eq(&generations[number[0]].seal, &record.sha))
        sim_fail("'%.*s' is not the generation's SEAL", WEIR_STR_FMT(key)); /* 2 */
    else
        generations[number[0]].copied = true;
    weir_arena_free(arena);
}

static bool file_numbers(weir_str key, uint64_t *gen, uint64_t *epoch)
{
    const char *name = memrchr(key.at, '/', key.len);
    unsigned long long first = 0, second = 0;
    char text[200];
    (void)snprintf(text, sizeof text, "%.*s", (int)(key.at + key.len - name - 1), name + 1);
    bool letter = memmem(key.at, key.len, "/dead/", 6) != NULL;
    int  got = letter ? sscanf(text, "%llu-%llu-", &first, &second)
                      : sscanf(text, "sim-l1-t0-%llu-%llu-", &first, &second);
    *gen = first;
    *epoch = second;
    return got == 2;
}

static bool is_file(weir_str key)
{
    return key.len > 5 && memcmp(key.at + key.len - 5, ".avro", 5) == 0;
}

void sim_check_object(weir_str key, weir_str body)
{
    uint64_t gen = 0, epoch = 0;
    if (!is_file(key)) {
        check_log(key, body);
        return;
    }
    if (memcmp(body.at, "Obj", 3) != 0)
        return; /* a stranger's */
    for (uint32_t i = 0; i < file_count; i++)
        if (weir_str_eq(files[i], key))
            sim_fail("'%.*s' was put twice", WEIR_STR_FMT(key)); /* 6 */
    weir_assert(file_count < FILES);
    files[file_count++] = key;
    if (!file_numbers(key, &gen, &epoch))
        sim_fail("'%.*s' is no name of a file", WEIR_STR_FMT(key));
    else if (epoch == 0 || epoch > chain_count || chain[epoch - 1].gen != gen)
        sim_fail("'%.*s' was put before its manifest", WEIR_STR_FMT(key)); /* 6 */
}

void sim_check_mark(uint64_t epoch, uint64_t gen, const uint8_t *sha, uint64_t was)
{
    if (epoch > chain_count)
        sim_fail("the commit row is at epoch %llu, and the log at %u",
                 (unsigned long long)epoch, chain_count); /* 4 */
    else if (epoch > 0 && memcmp(chain[epoch - 1].sha.at, sha, WEIR_SHA256_BYTES) != 0)
        sim_fail("the commit row has another digest than the manifest of epoch %llu",
                 (unsigned long long)epoch); /* 4 */
    if (was != NO_SUCH && epoch != was + 1)
        sim_fail("the commit row went from epoch %llu to %llu", (unsigned long long)was,
                 (unsigned long long)epoch); /* 4 */
    if (gen < row_gen && row_failover < epoch)
        sim_fail("the commit row's generation fell to %llu", (unsigned long long)gen);
    row_gen = gen; /* 5 */
}

void sim_check_failover(uint64_t epoch)
{
    (void)epoch;
    row_failover = chain_count + 1; /* any of them may come again */
}

static bool may_be_collected(weir_str key, weir_str body)
{
    uint64_t          number[2] = {0, 0};
    uint64_t          newest = chain_count > 0 ? chain[chain_count - 1].gen : 0;
    bool              log = numbers_of(key, "/log/", 2, number);
    checkpoint_record record;
    if ((!log && !numbers_of(key, "/data/", 1, number)) || number[0] >= newest ||
        !generations[number[0]].copied)
        return false;
    if (!log)
        return true;
    weir_arena *arena = weir_arena_new("collect", 4096);
    bool goes = record_read(body, arena, &record) == NULL &&
                record.kind == RECORD_MANIFEST; /* never a SEAL */
    weir_arena_free(arena);
    weir_assert(collected_count < MANIFESTS);
    if (goes)
        collected[collected_count++] =
            (record_place){.gen = number[0], .idx = number[1], .sha = record.sha};
    return goes;
}

void sim_check_removed(weir_str key, weir_str body)
{
    uint64_t          number[2] = {0, 0};
    checkpoint_record record = {.kind = RECORD_MARK};
    weir_arena       *arena = weir_arena_new("removed", 4096);
    bool              log = numbers_of(key, "/log/", 2, number);
    bool whole = log && record_read(body, arena, &record) == NULL;
    if (memmem(key.at, key.len, "/seals/", 7) != NULL || (whole && record.kind == RECORD_SEAL))
        sim_fail("a SEAL was removed: %.*s", WEIR_STR_FMT(key)); /* 9 */
    weir_assert(collected_count < MANIFESTS);
    if (whole && record_is_epoch(record.kind))
        collected[collected_count++] =
            (record_place){.gen = number[0], .idx = number[1], .sha = record.sha};
    weir_arena_free(arena);
}

void sim_check_collect(void)
{
    sim_store_collect(may_be_collected);
}

/* Avro's container, as far as the sink writes it. */
typedef struct bytes {
    const uint8_t *at, *end;
} bytes;

static int64_t read_long(bytes *from)
{
    uint64_t value = 0;
    for (int shift = 0; from->at < from->end; shift += 7) {
        uint8_t byte = *from->at++;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            break;
    }
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static weir_str read_text(bytes *from)
{
    int64_t  len = read_long(from);
    weir_str text = {(const char *)from->at, (size_t)len};
    from->at += len;
    return text;
}

static weir_str read_schema(bytes *from)
{
    weir_str schema = {NULL, 0};
    from->at += 4; /* magic */
    for (int64_t left = read_long(from); left != 0; left = read_long(from))
        for (; left > 0; left--) {
            weir_str name = read_text(from), value = read_text(from);
            if (weir_str_is(name, "avro.schema"))
                schema = value;
        }
    from->at += 16; /* sync */
    return schema;
}

static bool may_be_null(weir_str schema, const char *column)
{
    char text[64];
    (void)snprintf(text, sizeof text, "\"%s\",\"type\":[", column);
    return memmem(schema.at, schema.len, text, strlen(text)) != NULL;
}

static void read_rows(bytes *from, weir_str schema, int64_t count)
{
    static const char *const columns[] = {"window_start", "k", "n", "total"};
    for (int64_t row = 0; row < count; row++) {
        char   text[128];
        size_t len = 0;
        for (uint32_t c = 0; c < 4; c++) {
            char  *to = text + len;
            size_t room = sizeof text - len;
            bool   has = !may_be_null(schema, columns[c]) || read_long(from) == 1;
            weir_str key = has && c == 1 ? read_text(from) : (weir_str){NULL, 0};
            len += (size_t)(!has     ? snprintf(to, room, "|-")
                            : c == 1 ? snprintf(to, room, "|%.*s", WEIR_STR_FMT(key))
                                     : snprintf(to, room, "|%lld",
                                                (long long)read_long(from)));
        }
        weir_assert(row_count < ROWS_MAX);
        rows[row_count++] = sim_keep_text((weir_str){text + 1, len - 1});
    }
}

static void read_file(weir_str key, weir_str body)
{
    if (!is_file(key))
        return;
    bytes    from = {(const uint8_t *)body.at, (const uint8_t *)body.at + body.len};
    weir_str schema = read_schema(&from);
    while (from.at < from.end) {
        int64_t        count = read_long(&from), size = read_long(&from);
        const uint8_t *next = from.at + size + 16;
        if (memmem(key.at, key.len, "/dead/", 6) != NULL)
            letters += (uint32_t)count;
        else
            read_rows(&from, schema, count);
        from.at = next;
    }
}

static void keep_row(weir_str key, weir_str row)
{
    (void)key;
    weir_assert(row_count < ROWS_MAX);
    rows[row_count++] = row;
}

static int by_text(const void *a, const void *b)
{
    return weir_str_cmp(*(const weir_str *)a, *(const weir_str *)b);
}

static void compare(const char *where, const sim_expected *want)
{
    qsort(rows, row_count, sizeof rows[0], by_text);
    for (uint32_t i = 0; i < row_count || i < want->rows; i++) {
        weir_str is = i < row_count ? rows[i] : WEIR_STR("nothing");
        weir_str should = i < want->rows ? want->row[i] : WEIR_STR("nothing");
        if (!weir_str_eq(is, should)) {
            sim_fail("%s, row %u: %.*s, and should be %.*s", where, i, WEIR_STR_FMT(is),
                     WEIR_STR_FMT(should));
            return;
        }
    }
}

void sim_check_end(void)
{
    sim_expected want;
    sim_input_fold(&want);
    row_count = letters = 0;
    sim_each_row(keep_row);
    compare("the table", &want);
    row_count = 0;
    sim_each_object(read_file);
    compare("the files", &want);
    if (letters != want.bad)
        sim_fail("%u dead letters, and should be %u", letters, want.bad);
    if (sim_row_epoch() != chain_count)
        sim_fail("the commit row ends at %llu, the log at %u",
                 (unsigned long long)sim_row_epoch(), chain_count);
}
