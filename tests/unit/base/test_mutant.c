/* tests of base/mutant
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

#include "weir/mutant.h"

static void one_is_chosen_by_its_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < WEIR_MUTANT_COUNT; i++) {
        CHECK(weir_mutant_choose(weir_mutant_names()[i]));
        for (size_t j = 0; j < WEIR_MUTANT_COUNT; j++)
            CHECK(weir_mutant_is((weir_mutant_name)j) == (i == j));
    }
    CHECK(weir_mutant_choose(NULL));
    CHECK(!weir_mutant_is(WEIR_MUTANT_blind_redo));
}

static void unknown_name_changes_nothing(void **state)
{
    (void)state;
    CHECK(weir_mutant_choose("blind_redo"));
    CHECK(!weir_mutant_choose("blind"));
    CHECK(weir_mutant_is(WEIR_MUTANT_blind_redo));
    CHECK(weir_mutant_choose(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_is_chosen_by_its_name),
        TEST(unknown_name_changes_nothing),
    };
    return RUN_TESTS(tests);
}
