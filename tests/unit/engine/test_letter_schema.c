/* The schema of dead letters that people read is the one that files have.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "capture.h"
#include "check.h"
#include "weir/avro.h"

const weir_schema *engine_letter_schema(void); /* in engine_letter.c */

/* Without the blanks between JSON's tokens. */
static void squeeze(weir_buf *json)
{
    size_t len = 0;
    bool   inside = false;
    for (size_t i = 0; i < json->len; i++) {
        char c = json->at[i];
        inside = inside != (c == '"');
        if (inside || (c != ' ' && c != '\n'))
            json->at[len++] = c;
    }
    json->len = len;
}

static void the_file_says_what_is_written(void **state)
{
    (void)state;
    weir_err          err;
    weir_avro_writer *writer = NULL;
    weir_avro_setup   setup = {.record = WEIR_STR("dead_letter"),
                               .schema = engine_letter_schema()};
    weir_err_clear(&err);
    CHECK_OK(weir_avro_writer_new(&setup, &writer, &err), &err);
    weir_buf json = capture_read(WEIR_TREE "/schemas", "dead_letter.avsc");
    squeeze(&json);
    CHECK_SAME(weir_buf_view(&json), weir_avro_schema(writer));
    weir_buf_done(&json);
    weir_avro_writer_free(writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(the_file_says_what_is_written)};
    return RUN_TESTS(tests);
}
