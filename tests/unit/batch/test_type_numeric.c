/* unit/batch/type_numeric: numbers of more digits than a numeric has.
 * SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include "weir/type.h"

/* A literal of 39 and more digits once went past 128 bits before its size was looked at. */
static void number_of_too_many_digits_is_refused(void **state)
{
    (void)state;
    char text[64];
    for (size_t len = 39; len < sizeof text; len++) {
        for (size_t i = 0; i < len; i++)
            text[i] = '9';
        weir_i128 value;
        int scale;
        assert_false(weir_numeric_parse((weir_str){text, len}, &value, &scale));
    }
}

static void number_of_38_digits_is_kept_whole(void **state)
{
    (void)state;
    weir_str text = WEIR_STR("-99999999999999999999999999999999999999");
    weir_i128 value;
    int scale;
    assert_true(weir_numeric_parse(text, &value, &scale));
    weir_buf out = {0};
    weir_numeric_print(&out, value, scale);
    assert_true(weir_str_eq(weir_buf_view(&out), text));
    weir_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(number_of_too_many_digits_is_refused),
        cmocka_unit_test(number_of_38_digits_is_kept_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
