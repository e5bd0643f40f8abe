/* weir/option: what a kind can be told, as data: printed, checked and read in one way.
 *
 * A kind lists its options in a table. `sql` finds unknown, missing, doubled and
 * out-of-range ones with weir_opts_read and points at them; a kind reads typed values by
 * name and never parses. A name that ends in ".*" takes every option with that prefix
 * ("kafka.*", "field.*", "encoding.*").
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_OPTION_H
#define WEIR_OPTION_H

#include "weir/arena.h"
#include "weir/error.h"
#include "weir/str.h"

typedef enum weir_option_type {
    WEIR_OPT_TEXT,
    WEIR_OPT_SECRET,   /* text that prints as ***; "file:/path" reads a file */
    WEIR_OPT_INT,
    WEIR_OPT_BYTES,    /* '64 KiB', '32 MiB', '1 GB' or a plain number */
    WEIR_OPT_DURATION, /* '5 seconds', '10 minutes', '250 ms' or '0'; microseconds */
    WEIR_OPT_BOOL,     /* true/false/on/off/yes/no/1/0 */
    WEIR_OPT_CHOICE    /* one of `choices` */
} weir_option_type;

typedef struct weir_option {
    const char      *name;
    weir_option_type type;
    const char      *fallback; /* default as text; NULL: none */
    bool             required;
    int64_t          least, most; /* INT, BYTES, DURATION; 0,0: no bounds but >= 0 */
    const char      *choices;     /* CHOICE: "a|b|c" */
    const char      *help;        /* one sentence */
} weir_option;

typedef struct weir_setting { /* one `name = 'value'` as written */
    weir_str name;
    weir_str value;    /* after ${NAME} was replaced */
    int32_t  name_at;  /* byte offset in the SQL, or -1 */
    int32_t  value_at;
} weir_setting;

typedef struct weir_opts weir_opts; /* validated values; lives in an arena */

/* Checks `count` settings against the table (ends with a zeroed entry) and keeps typed
   values in the arena. On error: WEIR_E_CONFIG with sql_at at the guilty setting and a
   hint with the nearest name or the bounds. Some tables share options: up to three
   tables are searched in order; unused ones are NULL. */
weir_code weir_opts_read(const weir_option *const tables[3], const weir_setting *settings,
                         size_t count, weir_arena *arena, weir_opts **out, weir_err *err)
    WEIR_MUST_CHECK;

/* Asking for a name that no table has is our mistake (assert). Text without a value and
   without a default is {NULL, 0}. */
weir_str weir_opts_text(const weir_opts *opts, const char *name);
int64_t  weir_opts_int(const weir_opts *opts, const char *name); /* also BYTES, DURATION */
bool     weir_opts_bool(const weir_opts *opts, const char *name);
bool     weir_opts_given(const weir_opts *opts, const char *name);
int32_t  weir_opts_at(const weir_opts *opts, const char *name); /* sql_at of the value, -1 */
/* Walks the settings taken by "prefix.*": `index` from 0; false behind the last. The
   name comes without the prefix and its dot. */
bool weir_opts_prefixed(const weir_opts *opts, const char *prefix, size_t index,
                        weir_str *out_name, weir_str *out_value);

/* The same values but for one text, which counts as given; a copy in the arena. */
weir_opts *weir_opts_with(const weir_opts *opts, const char *name, weir_str value,
                          weir_arena *arena);
/* Has a table of them the name? */
bool weir_opts_known(const weir_opts *opts, const char *name);

/* Parses of the value types, for others who read such text (SET, command line). */
bool weir_parse_bytes(weir_str text, int64_t *out);
bool weir_parse_duration(weir_str text, int64_t *out_us);
bool weir_parse_bool(weir_str text, bool *out);

#endif
