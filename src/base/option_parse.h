/* base/option_parse: reading the values of options.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_OPTION_PARSE_H
#define BASE_OPTION_PARSE_H

#include "weir/option.h"

/* Is `value` one of the words of "a|b|c"? */
bool option_is_choice(const char *choices, weir_str value);

/* The text itself, or what the file holds that "file:/path" names, without the white space
   at its ends. WEIR_E_CONFIG when it cannot be read; the value is never in the message. */
weir_code option_read_secret(weir_str value, weir_arena *arena, weir_str *out,
                             weir_err *err) WEIR_MUST_CHECK;

#endif
