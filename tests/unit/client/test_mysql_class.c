/* What error numbers mean: every one that was met or documented.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "weir/mysql_client.h"

static void every_known_number_has_its_meaning(void **state)
{
    (void)state;
    static const struct {
        unsigned         number;
        const char      *state;
        weir_mysql_class kind;
    } cases[] = {
        {0, "00000", WEIR_MYSQL_FINE},      {2006, "HY000", WEIR_MYSQL_LOST},
        {2013, "HY000", WEIR_MYSQL_LOST},   {1927, "70100", WEIR_MYSQL_LOST},
        {1053, "08S01", WEIR_MYSQL_LOST},   {4031, "HY000", WEIR_MYSQL_LOST},
        {1205, "HY000", WEIR_MYSQL_LOCK},   {1213, "40001", WEIR_MYSQL_LOCK},
        {1317, "70100", WEIR_MYSQL_LOCK},   {1040, "08004", WEIR_MYSQL_AWAY},
        {2002, "HY000", WEIR_MYSQL_AWAY},   {2003, "HY000", WEIR_MYSQL_AWAY},
        {1290, "HY000", WEIR_MYSQL_AWAY},   {1836, "HY000", WEIR_MYSQL_AWAY},
        {1114, "HY000", WEIR_MYSQL_AWAY},   {1021, "HY000", WEIR_MYSQL_AWAY},
        {1406, "22001", WEIR_MYSQL_ROW},    {1264, "22003", WEIR_MYSQL_ROW},
        {1366, "22007", WEIR_MYSQL_ROW},    {1048, "23000", WEIR_MYSQL_ROW},
        {3819, "HY000", WEIR_MYSQL_ROW},    {4025, "23000", WEIR_MYSQL_ROW},
        {1292, "22007", WEIR_MYSQL_ROW},    {3140, "22032", WEIR_MYSQL_ROW},
        {1153, "08S01", WEIR_MYSQL_ROW},    {1146, "42S02", WEIR_MYSQL_SCHEMA},
        {1054, "42S22", WEIR_MYSQL_SCHEMA}, {1364, "HY000", WEIR_MYSQL_SCHEMA},
        {1452, "23000", WEIR_MYSQL_SCHEMA}, {1045, "28000", WEIR_MYSQL_ACCESS},
        {1142, "42000", WEIR_MYSQL_ACCESS}, {2026, "HY000", WEIR_MYSQL_ACCESS},
        {1064, "42000", WEIR_MYSQL_SCHEMA}, {9999, "08001", WEIR_MYSQL_LOST},
        {9999, "40003", WEIR_MYSQL_LOCK},   {9999, "22999", WEIR_MYSQL_ROW},
        {9999, "23999", WEIR_MYSQL_ROW},    {9999, "28999", WEIR_MYSQL_ACCESS},
        {9999, "42999", WEIR_MYSQL_SCHEMA}, {9999, "HY000", WEIR_MYSQL_OTHER},
        {1, "", WEIR_MYSQL_OTHER},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (weir_mysql_classify(cases[i].number, cases[i].state) != cases[i].kind)
            fail_msg("%u is taken for %d", cases[i].number,
                     (int)weir_mysql_classify(cases[i].number, cases[i].state));
}

/* The table is searched by halves: numbers that are beside others must be found too. */
static void neighbours_are_told_apart(void **state)
{
    (void)state;
    CHECK_INT(weir_mysql_classify(1044, "HY000"), WEIR_MYSQL_ACCESS);
    CHECK_INT(weir_mysql_classify(1046, "HY000"), WEIR_MYSQL_OTHER);
    CHECK_INT(weir_mysql_classify(1048, "HY000"), WEIR_MYSQL_ROW);
    CHECK_INT(weir_mysql_classify(4151, "HY000"), WEIR_MYSQL_ACCESS);
    CHECK_INT(weir_mysql_classify(5003, "HY000"), WEIR_MYSQL_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_known_number_has_its_meaning),
        TEST(neighbours_are_told_apart),
    };
    return RUN_TESTS(tests);
}
