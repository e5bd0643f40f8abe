/* Captured events of real connectors fold to exactly the tables they were captured from.
 *
 * Without arguments: runs tests/codec/fold_test, an independent fold in Python, which calls
 * this program again as a decoder:
 *
 *     FORMAT COLUMNS OPTIONS   (as in support/decode.h) records on stdin, each a 32-bit
 *                              little-endian length and bytes; length 0xffffffff is null
 *
 * One JSON line per record on stdout: kind, op, and the images as texts.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "decode.h"

#include <unistd.h>

static void print_image(decode_bench *bench, weir_buf *out, const char *name, uint32_t row)
{
    weir_buf text = {0};
    weir_buf_format(out, ",\"%s\":", name);
    if (row == WEIR_NO_ROW) {
        weir_buf_text(out, "null");
        return;
    }
    for (uint32_t i = 0; i < bench->schema.count; i++) {
        weir_datum datum = weir_column_get(&bench->out.rows->column[i], row);
        weir_buf_byte(out, i ? ',' : '[');
        weir_buf_clear(&text);
        weir_datum_print(&text, bench->field[i].type, &datum);
        if (datum.null)
            weir_buf_text(out, "null");
        else
            weir_buf_json_text(out, weir_buf_view(&text));
    }
    weir_buf_byte(out, ']');
    weir_buf_done(&text);
}

static void print_event(decode_bench *bench, weir_buf *out, const weir_event *event)
{
    static const char *const kinds[] = {"row", "skip", "bad", "truncate"};
    const weir_decoder_kind *kind = bench->decoder->kind;
    weir_buf_format(out, "{\"kind\":\"%s\",\"op\":\"%c\",\"table\":", kinds[event->kind],
                    event->op ? event->op : '-');
    weir_buf_json_text(out, event->source_table == WEIR_NO_ROW
                                ? WEIR_STR("")
                                : kind->text(bench->decoder, event->source_table));
    weir_buf_format(out, ",\"snapshot\":%u,\"before_bad\":%s", event->snapshot,
                    event->before_bad ? "true" : "false");
    if (event->positioned) {
        weir_buf_text(out, ",\"origin\":");
        weir_buf_json_text(out, kind->text(bench->decoder, event->origin));
        weir_buf_format(out, ",\"position\":[%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%u,%u]",
                        event->position.transaction, event->position.file,
                        event->position.pos, event->position.row, event->position.half);
        weir_buf_format(out, ",\"commit_us\":%" PRId64, event->commit_us);
    }
    print_image(bench, out, "before", event->before);
    print_image(bench, out, "after", event->after);
    if (event->problem != WEIR_NO_ROW) {
        const weir_problem *problem = &bench->out.problem[event->problem];
        weir_buf_text(out, ",\"problem\":");
        weir_buf_json_text(out, weir_str_of(problem->msg));
        weir_buf_text(out, ",\"column\":");
        weir_buf_json_text(out, problem->column);
        weir_buf_format(out, ",\"code\":\"%s\"", problem->code);
    }
    weir_buf_text(out, "}\n");
}

static int decode_stdin(char **argv)
{
    static decode_bench bench;
    static weir_str     value[WEIR_DECODE_RECORDS];
    weir_buf            out = {0};
    uint32_t            count = 0, len;
    decode_start(&bench, argv[1], argv[2], argv[3]);
    while (fread(&len, 4, 1, stdin) == 1) {
        weir_assert(count < WEIR_DECODE_RECORDS);
        value[count] = (weir_str){NULL, 0};
        if (len != UINT32_MAX) {
            char *at = weir_arena_take(bench.arena, len + 1);
            weir_assert(fread(at, 1, len, stdin) == len);
            value[count] = (weir_str){at, len};
        }
        count++;
    }
    decode_views(&bench, value, count);
    for (uint32_t i = 0; i < count; i++)
        print_event(&bench, &out, &bench.out.event[i]);
    fwrite(out.at, 1, out.len, stdout);
    weir_buf_done(&out);
    decode_stop(&bench);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4)
        return decode_stdin(argv);
    execlp("python3", "python3", WEIR_TREE "/tests/codec/fold_test", argv[0], (char *)NULL);
    perror("python3");
    return 1;
}
