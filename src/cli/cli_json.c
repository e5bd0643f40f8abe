/* cli/json: what subcommands print as JSON, and times for people.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "cli_lineage.h"

void cli_time(weir_buf *out, int64_t us)
{
    char text[40] = "-";
    if (us != INT64_MIN)
        weir_us_print_iso(us, text);
    weir_buf_text(out, text);
}

void cli_json_item(weir_buf *out)
{
    weir_buf_text(out, out->at[out->len - 1] == '[' ? "{" : ",{");
}

void cli_json_name(weir_buf *out, const char *name)
{
    char last = out->len > 0 ? out->at[out->len - 1] : '{';
    if (last != '{' && last != '[')
        weir_buf_byte(out, ',');
    weir_buf_format(out, "\"%s\":", name);
}

void cli_json_text(weir_buf *out, const char *name, weir_str value)
{
    cli_json_name(out, name);
    weir_buf_json_text(out, value);
}

void cli_json_u64(weir_buf *out, const char *name, uint64_t value)
{
    cli_json_name(out, name);
    weir_buf_format(out, "%llu", (unsigned long long)value);
}

void cli_json_i64(weir_buf *out, const char *name, int64_t value)
{
    cli_json_name(out, name);
    weir_buf_format(out, "%lld", (long long)value);
}

void cli_time_json(weir_buf *out, const char *name, int64_t us)
{
    cli_json_name(out, name);
    if (us == INT64_MIN) {
        weir_buf_text(out, "null");
        return;
    }
    weir_buf_byte(out, '"');
    cli_time(out, us);
    weir_buf_byte(out, '"');
}

void cli_print(weir_buf *text)
{
    if (text->len > 0) /* else there may be nothing at all */
        fwrite(text->at, 1, text->len, stdout);
    weir_buf_clear(text);
}
