/* cli/compare_tell: what `weir diff` prints.
 *
 * Gives      compare_tell_start, compare_tell_end, compare_output_start, compare_tell_key,
 *            compare_tell_row, compare_output_end.
 * Always     1. what is printed is at most `limit` rows and WINDOWS_SHOWN windows of each
 *               output; counts are of all.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli_compare.h"

#include <string.h>

#define WINDOWS_SHOWN 20u

static weir_str column_name(const compare_output *out, uint32_t column)
{
    return column < out->schema->count ? out->schema->field[column].name : WEIR_STR("op");
}

static weir_type column_type(const compare_output *out, uint32_t column)
{
    return column < out->schema->count ? out->schema->field[column].type
                                       : weir_type_of(WEIR_T_TEXT);
}

static bool in_key(const compare_output *out, uint32_t column)
{
    for (uint32_t k = 0; k < out->keys; k++)
        if (out->key[k] == column)
            return true;
    return false;
}

/* The op of files that have none is left out. */
static bool is_shown(const compare_output *out, const weir_str *row, uint32_t column)
{
    return column < out->schema->count || row[column].len > 0;
}

static void json_cell(weir_buf *text, const compare_output *out, uint32_t column,
                      weir_str cell)
{
    weir_type_id id = (weir_type_id)column_type(out, column).id;
    bool         plain = id == WEIR_T_INT16 || id == WEIR_T_INT32 || id == WEIR_T_INT64;
    if (cell.at == NULL)
        weir_buf_text(text, "null");
    else if (plain)
        weir_buf_str(text, cell);
    else
        weir_buf_json_text(text, cell);
}

/* {"a":1,…} of the key's columns, of the others, or of all. */
static void json_cells(weir_buf *text, const compare_output *out, const weir_str *row,
                       int want_key)
{
    const char *comma = "";
    weir_buf_byte(text, '{');
    for (uint32_t c = 0; c < out->columns; c++) {
        if (!is_shown(out, row, c) || (want_key >= 0 && in_key(out, c) != want_key))
            continue;
        weir_buf_text(text, comma);
        weir_buf_json_text(text, column_name(out, c));
        weir_buf_byte(text, ':');
        json_cell(text, out, c, row[c]);
        comma = ",";
    }
    weir_buf_byte(text, '}');
}

static void plain_cell(weir_buf *text, weir_str cell)
{
    if (cell.at == NULL)
        weir_buf_text(text, "NULL");
    for (size_t i = 0; i < cell.len; i++) {
        if ((uint8_t)cell.at[i] < ' ' || cell.at[i] == 0x7f)
            weir_buf_format(text, "\\x%02x", (unsigned)(uint8_t)cell.at[i]);
        else
            weir_buf_byte(text, (uint8_t)cell.at[i]);
    }
}

static void plain_cells(weir_buf *text, const compare_output *out, const weir_str *row,
                        int want_key)
{
    const char *comma = "";
    for (uint32_t c = 0; c < out->columns; c++) {
        if (!is_shown(out, row, c) || (want_key >= 0 && in_key(out, c) != want_key))
            continue;
        weir_str name = column_name(out, c);
        weir_buf_format(text, "%s%.*s=", comma, WEIR_STR_FMT(name));
        plain_cell(text, row[c]);
        comma = ", ";
    }
}

static void csv_text(weir_buf *text, weir_str cell, const char *behind)
{
    bool quote = cell.at != NULL &&
                 (cell.len == 0 || memchr(cell.at, ',', cell.len) ||
                  memchr(cell.at, '"', cell.len) || memchr(cell.at, '\n', cell.len) ||
                  memchr(cell.at, '\r', cell.len));
    if (quote)
        weir_buf_byte(text, '"');
    for (size_t i = 0; i < cell.len; i++) {
        if (cell.at[i] == '"')
            weir_buf_byte(text, '"');
        weir_buf_byte(text, (uint8_t)cell.at[i]);
    }
    if (quote)
        weir_buf_byte(text, '"');
    weir_buf_text(text, behind);
}

static const char *side_of(bool live, bool other)
{
    return !other ? "live" : !live ? "replay" : "both";
}

static void csv_head(weir_buf *text, const compare_output *out, const weir_str *row,
                     const char *side)
{
    weir_buf key = {0};
    csv_text(text, out->live, ",");
    json_cells(&key, out, row, out->keys > 0 ? 1 : -1);
    csv_text(text, weir_str_of(side), ",");
    csv_text(text, weir_buf_view(&key), ",");
    weir_buf_done(&key);
}

static void csv_key(weir_buf *text, const compare_output *out, const weir_str *live,
                    const weir_str *other)
{
    const weir_str none = {0};
    for (uint32_t c = 0; c < out->columns; c++) {
        if (in_key(out, c) || (live && other && weir_cell_same(live[c], other[c])))
            continue;
        csv_head(text, out, live ? live : other, side_of(live, other));
        csv_text(text, column_name(out, c), ",");
        csv_text(text, live ? live[c] : none, ",");
        csv_text(text, other ? other[c] : none, ",");
        if (live && other)
            (void)weir_cell_delta(column_type(out, c), live[c], other[c], text);
        weir_buf_text(text, "\n");
    }
}

static void json_change(weir_buf *text, const compare_output *out, uint32_t c,
                        const weir_str *live, const weir_str *other)
{
    weir_buf delta = {0};
    weir_buf_json_text(text, column_name(out, c));
    weir_buf_text(text, ":{\"live\":");
    json_cell(text, out, c, live[c]);
    weir_buf_text(text, ",\"replay\":");
    json_cell(text, out, c, other[c]);
    if (weir_cell_delta(column_type(out, c), live[c], other[c], &delta))
        cli_json_text(text, "delta", weir_buf_view(&delta));
    weir_buf_byte(text, '}');
    weir_buf_done(&delta);
}

static void json_key(weir_buf *text, const compare_output *out, const weir_str *live,
                     const weir_str *other)
{
    cli_json_item(text);
    cli_json_text(text, "side", weir_str_of(side_of(live, other)));
    cli_json_name(text, "key");
    json_cells(text, out, live ? live : other, 1);
    cli_json_name(text, "columns");
    if (live == NULL || other == NULL) {
        json_cells(text, out, live ? live : other, 0);
        weir_buf_byte(text, '}');
        return;
    }
    const char *comma = "";
    weir_buf_byte(text, '{');
    for (uint32_t c = 0; c < out->columns; c++) {
        if (weir_cell_same(live[c], other[c]))
            continue;
        weir_buf_text(text, comma);
        json_change(text, out, c, live, other);
        comma = ",";
    }
    weir_buf_text(text, "}}");
}

static void plain_key(weir_buf *text, const compare_output *out, const weir_str *live,
                      const weir_str *other)
{
    weir_buf_text(text, other == NULL  ? "  only live    "
                        : live == NULL ? "  only replay  "
                                       : "  differs      ");
    plain_cells(text, out, live ? live : other, 1);
    if (live == NULL || other == NULL) {
        weir_buf_text(text, ": ");
        plain_cells(text, out, live ? live : other, 0);
        weir_buf_byte(text, '\n');
        return;
    }
    const char *comma = ": ";
    for (uint32_t c = 0; c < out->columns; c++) {
        if (weir_cell_same(live[c], other[c]))
            continue;
        weir_buf delta = {0};
        weir_str name = column_name(out, c);
        weir_buf_format(text, "%s%.*s ", comma, WEIR_STR_FMT(name));
        plain_cell(text, live[c]);
        weir_buf_text(text, " → ");
        plain_cell(text, other[c]);
        if (weir_cell_delta(column_type(out, c), live[c], other[c], &delta))
            weir_buf_format(text, " (%.*s)", (int)delta.len, delta.at);
        weir_buf_done(&delta);
        comma = ", ";
    }
    weir_buf_byte(text, '\n');
}

static void add_window(compare_output *out, const weir_str *row, uint64_t rows)
{
    if (out->window == WEIR_NONE)
        return;
    weir_str          value = row[out->window];
    weir_tally_entry *entry =
        weir_tally_find(out->windows, value.at ? value : WEIR_STR("NULL"), true);
    if (entry != NULL)
        entry->live += (int64_t)rows;
    else
        out->more_windows = true;
}

void compare_tell_key(compare_report *report, compare_output *out, const weir_str *live,
                      const weir_str *other)
{
    report->differs = true;
    out->only_live += other == NULL;
    out->only_other += live == NULL;
    out->changed += live != NULL && other != NULL;
    add_window(out, live ? live : other, 1);
    if (out->shown == report->limit)
        return;
    out->shown++;
    if (report->format == COMPARE_JSON)
        json_key(&report->text, out, live, other);
    else if (report->format == COMPARE_CSV)
        csv_key(&report->text, out, live, other);
    else
        plain_key(&report->text, out, live, other);
}

void compare_tell_row(compare_report *report, compare_output *out, const weir_str *row,
                      int64_t live, int64_t other)
{
    weir_buf   *text = &report->text;
    uint64_t    more = (uint64_t)(live > other ? live - other : other - live);
    const char *side = live > other ? "live" : "replay";
    report->differs = true;
    *(live > other ? &out->only_live : &out->only_other) += more;
    add_window(out, row, more);
    if (out->shown == report->limit)
        return;
    out->shown++;
    if (report->format == COMPARE_JSON) {
        cli_json_item(text);
        cli_json_text(text, "side", weir_str_of(side));
        cli_json_i64(text, "live", live);
        cli_json_i64(text, "replay", other);
        cli_json_name(text, "row");
        json_cells(text, out, row, -1);
        weir_buf_byte(text, '}');
    } else if (report->format == COMPARE_CSV) {
        csv_head(text, out, row, side);
        weir_buf_format(text, ",%lld,%lld,%+lld\n", (long long)live, (long long)other,
                        (long long)(other - live));
    } else {
        weir_buf_format(text, "  only %s%s %llu × ", side, live > other ? "  " : "",
                        (unsigned long long)more);
        plain_cells(text, out, row, -1);
        weir_buf_byte(text, '\n');
    }
}

void compare_tell_file(compare_report *report, compare_output *out, weir_str key,
                       const char *what)
{
    weir_buf *text = &report->text;
    bool      strange = what[0] == 'n';
    report->differs = true;
    *(strange ? &out->strange : &out->lost) += 1;
    if (out->shown == report->limit)
        return;
    out->shown++;
    if (report->format == COMPARE_JSON) {
        cli_json_item(text);
        cli_json_text(text, "file", key);
        cli_json_text(text, "is", weir_str_of(what));
        weir_buf_byte(text, '}');
    } else if (report->format == COMPARE_CSV) {
        csv_text(text, out->live, ",live,,file,");
        csv_text(text, key, ",");
        weir_buf_format(text, ",%s\n", what);
    } else {
        weir_buf_format(text, "  %-13s file %.*s\n", what, WEIR_STR_FMT(key));
    }
}

void compare_tell_start(cli_compare *c)
{
    weir_buf *text = &c->report.text;
    if (c->report.format == COMPARE_CSV)
        weir_buf_text(text, "output,side,key,column,live,replay,delta\n");
    if (c->report.format == COMPARE_JSON) {
        weir_buf_text(text, "{");
        cli_json_name(text, "namespace");
        if (c->verify)
            weir_buf_text(text, "null");
        else
            weir_buf_json_text(text, c->name);
        cli_json_u64(text, "from_epoch", c->from);
        cli_json_u64(text, "until_epoch", c->until);
        cli_json_name(text, "exact");
        weir_buf_text(text, c->exact ? "true,\"outputs\":[" : "false,\"outputs\":[");
    }
    if (c->report.format != COMPARE_TABLE)
        return;
    weir_buf_format(text, "%s%.*s: epochs %llu to %llu of the live job%s\n",
                    c->verify ? "" : "replay ", WEIR_STR_FMT(c->name),
                    (unsigned long long)c->from + 1, (unsigned long long)c->until,
                    c->exact ? "" : ", and a part of the next one");
}

void compare_tell_end(cli_compare *c)
{
    weir_buf *text = &c->report.text;
    if (c->report.format == COMPARE_JSON)
        weir_buf_format(text, "],\"differs\":%s}\n", c->report.differs ? "true" : "false");
    else if (c->report.format == COMPARE_TABLE)
        weir_buf_text(text, c->report.differs ? "they differ\n" : "nothing differs\n");
}

void compare_output_start(compare_report *report, const compare_output *out)
{
    weir_buf *text = &report->text;
    if (report->format == COMPARE_TABLE)
        weir_buf_format(text, "%s %.*s and %.*s\n", out->what, WEIR_STR_FMT(out->live),
                        WEIR_STR_FMT(out->other));
    if (report->format != COMPARE_JSON)
        return;
    cli_json_item(text);
    cli_json_text(text, "kind", weir_str_of(out->what));
    cli_json_text(text, "live", out->live);
    cli_json_text(text, "replay", out->other);
    cli_json_name(text, "differences");
    weir_buf_text(text, "[");
}

static void json_end(weir_buf *text, const compare_output *out)
{
    weir_tally_entry *entry;
    weir_buf_text(text, "]");
    cli_json_name(text, "skipped");
    if (out->skipped)
        weir_buf_json_text(text, weir_str_of(out->skipped));
    else
        weir_buf_text(text, "null");
    cli_json_u64(text, "compared", out->compared);
    cli_json_u64(text, "only_live", out->only_live);
    cli_json_u64(text, "only_replay", out->only_other);
    cli_json_u64(text, "changed", out->changed);
    cli_json_u64(text, "shown", out->shown);
    cli_json_u64(text, "newer", out->newer);
    cli_json_u64(text, "untouched", out->untouched);
    cli_json_u64(text, "open", out->open);
    cli_json_name(text, "left_out");
    if (out->columns_left)
        weir_buf_json_text(text, weir_str_of(out->columns_left));
    else
        weir_buf_text(text, "null");
    cli_json_u64(text, "files_lost", out->lost);
    cli_json_u64(text, "files_strange", out->strange);
    cli_json_u64(text, "files_unknown", out->unknown);
    cli_json_u64(text, "windows_differ", weir_tally_count(out->windows));
    cli_json_name(text, "windows");
    weir_buf_text(text, "[");
    for (size_t i = 0; i < WINDOWS_SHOWN && (entry = weir_tally_at(out->windows, i)); i++) {
        weir_buf_text(text, i > 0 ? ",{" : "{");
        cli_json_text(text, "window", entry->key);
        cli_json_i64(text, out->keys > 0 ? "keys" : "rows", entry->live);
        weir_buf_text(text, "}");
    }
    weir_buf_text(text, "]}");
}

static void plain_note(weir_buf *text, uint64_t count, const char *what, const char *note)
{
    if (count > 0)
        weir_buf_format(text, "  %llu %s %s\n", (unsigned long long)count, what, note);
}

static void plain_windows(weir_buf *text, const compare_output *out, const char *what)
{
    weir_tally_entry *entry;
    size_t            count = weir_tally_count(out->windows);
    if (count == 0)
        return;
    weir_buf_format(text, "  %s%zu windows differ:\n",
                    out->more_windows ? "more than " : "", count);
    for (size_t i = 0; i < WINDOWS_SHOWN && (entry = weir_tally_at(out->windows, i)); i++)
        weir_buf_format(text, "    %.*s  %lld %s\n", WEIR_STR_FMT(entry->key),
                        (long long)entry->live, what);
    if (count > WINDOWS_SHOWN)
        weir_buf_format(text, "    and %zu more\n", count - WINDOWS_SHOWN);
}

static void plain_end(weir_buf *text, const compare_output *out)
{
    const char *what = out->keys > 0 ? "keys" : "rows";
    uint64_t    differ = out->only_live + out->only_other + out->changed;
    uint64_t    files = out->lost + out->strange;
    if (out->skipped) {
        weir_buf_format(text, "  not compared: %s\n", out->skipped);
        return;
    }
    if (out->shown > 0 && differ + files > out->shown)
        weir_buf_text(text, "  …\n");
    weir_buf_format(text, "  %llu %s compared, %llu differ",
                    (unsigned long long)out->compared, what, (unsigned long long)differ);
    if (differ > 0)
        weir_buf_format(text, ": %llu only live, %llu only in the replay",
                        (unsigned long long)out->only_live,
                        (unsigned long long)out->only_other);
    if (out->changed > 0)
        weir_buf_format(text, ", %llu with other values", (unsigned long long)out->changed);
    weir_buf_text(text, "\n");
    plain_windows(text, out, what);
    plain_note(text, out->newer, what, "came or changed in live since, not compared");
    plain_note(text, out->untouched, what, "in live that no replayed epoch touched");
    plain_note(text, out->open, what, "of windows that live has not closed, not compared");
    plain_note(text, out->lost, "files", "are missing or were replaced");
    plain_note(text, out->strange, "files", "of no committed epoch lie beside them");
    plain_note(text, out->unknown, "files",
               "are of other lineages or of epochs that are not kept, not compared");
    if (out->columns_left)
        weir_buf_format(text, "  not compared: %s\n", out->columns_left);
}

void compare_output_end(compare_report *report, compare_output *out)
{
    if (report->format == COMPARE_JSON)
        json_end(&report->text, out);
    else if (report->format == COMPARE_TABLE)
        plain_end(&report->text, out);
}
