/* codec/debezium: the words of the encoding options, by the type of a column.
 *
 * Gives      debezium_encoding.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "debezium_json/debezium.h"

typedef struct word {
    const char *word;
    uint8_t     date, time, timestamp; /* UNSAID: not for this type, or not enough said */
    uint8_t     other;
} word;

static const word words[] = {
    {"adaptive", VALUE_DAYS, VALUE_MICROS, VALUE_UNSAID, 0},
    {"connect", VALUE_DAYS, VALUE_MILLIS, VALUE_MILLIS, 0},
    {"days", VALUE_DAYS, VALUE_UNSAID, VALUE_DAYS, 0},
    {"seconds", VALUE_SECONDS, VALUE_SECONDS, VALUE_SECONDS, 0},
    {"millis", VALUE_MILLIS, VALUE_MILLIS, VALUE_MILLIS, 0},
    {"micros", VALUE_DAYS, VALUE_MICROS, VALUE_MICROS, 0},
    {"nanos", VALUE_DAYS, VALUE_NANOS, VALUE_NANOS, 0},
    {"iso", VALUE_ISO, VALUE_ISO, VALUE_ISO, 0},
    {"precise", 0, 0, 0, VALUE_PRECISE},
    {"string", 0, 0, 0, VALUE_TEXT},
    {"double", 0, 0, 0, VALUE_TEXT},
    {"numeric", 0, 0, 0, VALUE_TEXT},
    {"unsigned", 0, 0, 0, VALUE_UNSIGNED},
    {"bits", 0, 0, 0, VALUE_BITS},
    {"bytes", 0, 0, 0, VALUE_BASE64},
    {"base64", 0, 0, 0, VALUE_BASE64},
    {"base64-url-safe", 0, 0, 0, VALUE_BASE64},
    {"hex", 0, 0, 0, VALUE_HEX},
};

uint8_t debezium_encoding(weir_type type, weir_str text)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!weir_str_is(text, words[i].word))
            continue;
        switch (type.id) {
        case WEIR_T_DATE:
            return words[i].date;
        case WEIR_T_TIME:
            return words[i].time;
        case WEIR_T_TIMESTAMP:
        case WEIR_T_TIMESTAMPTZ:
            return words[i].timestamp;
        default:
            return words[i].other;
        }
    }
    return VALUE_UNSAID;
}
