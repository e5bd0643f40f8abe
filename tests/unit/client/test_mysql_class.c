/* What error numbers mean: every one that was met or documented.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "fake_mysql.h"
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
        {1, "", WEIR_MYSQL_OTHER},          {1969, "70100", WEIR_MYSQL_LOCK},
        {3024, "HY000", WEIR_MYSQL_LOCK},   {9001, "HY000", WEIR_MYSQL_AWAY},
        {9002, "HY000", WEIR_MYSQL_AWAY},   {9004, "HY000", WEIR_MYSQL_AWAY},
        {9003, "HY000", WEIR_MYSQL_OTHER},  {9006, "HY000", WEIR_MYSQL_OTHER},
        {1105, "HY000", WEIR_MYSQL_OTHER}, /* anything, and much of it for ever */
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

/* The whole table, class by class. No number of another class may be in it. */
static const struct {
    weir_mysql_class kind;
    weir_fate        fate;
    const char      *numbers;
} table[] = {
    {WEIR_MYSQL_LOST, WEIR_FATE_RETRY,
     "1053 1079 1152 1158 1159 1160 1161 1180 1927 2006 2012 2013 2014 2027 2055 4031 "},
    {WEIR_MYSQL_LOCK, WEIR_FATE_RETRY, "1205 1213 1317 1614 1615 1969 3024 3058 3100 3101 3572 "},
    {WEIR_MYSQL_AWAY, WEIR_FATE_RETRY,
     "1021 1037 1040 1041 1042 1114 1129 1203 1206 1226 1290 1637 1792 1836 2002 2003 "
     "2005 9001 9002 9004 "},
    {WEIR_MYSQL_ROW, WEIR_FATE_SKIP_RECORD,
     "1048 1062 1153 1264 1265 1292 1300 1366 1367 1406 1411 1644 1690 3140 3141 3144 3819 "
     "4025 "},
    {WEIR_MYSQL_SCHEMA, WEIR_FATE_HALT,
     "1054 1072 1136 1146 1216 1217 1364 1451 1452 1665 "},
    {WEIR_MYSQL_ACCESS, WEIR_FATE_HALT,
     "1044 1045 1049 1142 1143 1227 1251 1698 2026 2059 3159 4151 "},
};

static void each_class_holds_its_numbers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        weir_buf found = {0};
        for (unsigned number = 1; number <= UINT16_MAX; number++)
            if (weir_mysql_classify(number, "HY000") == table[i].kind)
                weir_buf_format(&found, "%u ", number);
        CHECK_STR(weir_buf_view(&found), table[i].numbers);
        weir_buf_done(&found);
    }
}

/* A number that is known means the same whatever state comes with it. */
static void numbers_come_before_states(void **state)
{
    (void)state;
    static const char *const states[] = {"08S01", "40001", "22001", "23000",
                                         "28000", "42000", "00000"};
    for (unsigned number = 1; number <= UINT16_MAX; number++) {
        weir_mysql_class kind = weir_mysql_classify(number, "HY000");
        for (size_t i = 0; kind != WEIR_MYSQL_OTHER && i < 7; i++)
            CHECK_INT(weir_mysql_classify(number, states[i]), kind);
    }
}

static void answer_number(void *self, uint64_t id, fake_mysql_event event, weir_str sql,
                          fake_mysql_answer *out)
{
    (void)id, (void)sql;
    if (event != FAKE_MYSQL_QUERY)
        return;
    out->way = FAKE_MYSQL_FAIL;
    out->number = *(const uint16_t *)self;
    out->text = "as the server says it";
}

/* Through the library: a server answers with each number of the table, and with one of none. */
static void each_number_has_the_fate_of_its_class(void **state)
{
    (void)state;
    fake_mysql       server;
    uint16_t         number = 0;
    weir_err         err;
    weir_mysql      *mysql = NULL;
    weir_mysql_setup setup = {.host = "127.0.0.1", .user = "u", .database = "d"};
    weir_err_clear(&err);
    fake_mysql_start(&server, FAKE_MYSQL_8, answer_number, &number);
    setup.port = server.port;
    setup.connect_timeout_us = 10000000;
    CHECK_OK(weir_mysql_open(&setup, &mysql, &err), &err);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const char *at = table[i].numbers;
        for (char *end = NULL; at[0] != '\0'; at = end + 1) {
            number = (uint16_t)strtoul(at, &end, 10);
            if (number >= 2000 && number < 2100)
                continue; /* the library's own numbers: no server sends them */
            CHECK_FAILS(weir_mysql_run(mysql, WEIR_STR("UPDATE"), NULL, &err),
                        WEIR_E_REMOTE, &err);
            CHECK_INT(err.fate, table[i].fate);
            CHECK_INT(err.exit, table[i].kind == WEIR_MYSQL_SCHEMA ? WEIR_EXIT_SINK_SCHEMA
                                                                   : WEIR_EXIT_JOB);
            CHECK_SAYS(&err, "as the server says it");
            CHECK_INT(weir_mysql_last(mysql).number, number);
            CHECK_INT(weir_mysql_last(mysql).kind, table[i].kind);
        }
    }
    number = 1064 + 9000;
    CHECK_FAILS(weir_mysql_run(mysql, WEIR_STR("UPDATE"), NULL, &err), WEIR_E_REMOTE, &err);
    CHECK_INT(err.fate, WEIR_FATE_HALT);
    CHECK_INT(weir_mysql_last(mysql).kind, WEIR_MYSQL_OTHER);
    weir_mysql_close(mysql);
    fake_mysql_stop(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_known_number_has_its_meaning),    TEST(neighbours_are_told_apart),
        TEST(each_class_holds_its_numbers),          TEST(numbers_come_before_states),
        TEST(each_number_has_the_fate_of_its_class),
    };
    return RUN_TESTS(tests);
}
