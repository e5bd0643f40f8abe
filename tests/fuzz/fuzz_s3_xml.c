/* fuzz/s3_xml: answers of S3 servers, dates, and credentials files.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdint.h>
#include <string.h>

#include "store/s3/s3.h"
#include "weir/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool each(void *self, const s3_item *item)
{
    weir_assert(item->key.len <= 4 * WEIR_KEY_BYTES_MAX);
    *(uint64_t *)self += item->size;
    return item->size != 77;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weir_str text = {(const char *)data, size};
    uint64_t sum = 0;
    int64_t  us = 0;
    s3_error error;
    s3_page  page = {.each = each, .self = &sum};
    s3_keys  keys = {.id = ""};
    char     value[64];
    (void)s3_error_read(text, &error); /* it may be anything */
    weir_assert(memchr(error.code, 0, sizeof error.code) != NULL);
    weir_assert(memchr(error.message, 0, sizeof error.message) != NULL);
    (void)s3_list_read(text, &page);
    (void)s3_date_read(text, &us);
    (void)s3_keys_from_json(text, &keys);
    (void)s3_profile_value(text, "default", "key", value, sizeof value);
    s3_answer  answer = {size > 0 ? (s3_verb)(data[0] % 6) : S3_GET, WEIR_HTTP_ANSWERED,
                        size > 2 ? data[1] * 3 : 0, text};
    s3_meaning meaning = s3_classify(&answer);
    weir_assert(answer.verb == S3_PUT_NEW || meaning != S3_UNSURE);
    return 0;
}
