/* tests of base/metric
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

#include <pthread.h>

#include "weir/buf.h"
#include "weir/limits.h"
#include "weir/metric.h"

static void *add_many(void *series)
{
    for (int i = 0; i < 10000; i++) {
        weir_metric_add(WEIR_M_records_read, 2);
        weir_metric_series_add(*(uint32_t *)series, 1);
    }
    return NULL;
}

static void threads_add_without_loss(void **state)
{
    (void)state;
    pthread_t thread[4];
    uint32_t  series = weir_metric_series(WEIR_M_rows_late, "source=\"t\"");
    for (int i = 0; i < 4; i++)
        CHECK_INT(pthread_create(&thread[i], NULL, add_many, &series), 0);
    for (int i = 0; i < 4; i++)
        CHECK_INT(pthread_join(thread[i], NULL), 0);
    CHECK_INT(weir_metric_get(WEIR_M_records_read), 80000);
    weir_buf out = {0};
    weir_metric_print(&out);
    weir_buf_byte(&out, 0);
    CHECK_HOLDS(out.at, "\nweir_rows_late_total{source=\"t\"} 40000\n");
    weir_buf_done(&out);
}

static void the_text_is_that_of_prometheus(void **state)
{
    (void)state;
    weir_metric_set(WEIR_M_epoch, 12);
    uint32_t a = weir_metric_series(WEIR_M_partition_end, "source=\"o\",partition=\"0\"");
    uint32_t b = weir_metric_series(WEIR_M_partition_end, "source=\"o\",partition=\"1\"");
    CHECK(a != b && a != 0 && b != 0);
    CHECK_U64(weir_metric_series(WEIR_M_partition_end, "source=\"o\",partition=\"0\""), a);
    weir_metric_series_set(a, 5);
    weir_metric_series_set(b, -6);
    weir_buf out = {0};
    weir_metric_print(&out);
    weir_buf_byte(&out, 0);
    CHECK_HOLDS(out.at, "# HELP weir_epoch The last finalised epoch.\n"
                        "# TYPE weir_epoch gauge\nweir_epoch 12\n");
    CHECK_HOLDS(out.at, "# TYPE weir_epochs_total counter\nweir_epochs_total 0\n");
    CHECK_HOLDS(out.at, "\nweir_partition_end{source=\"o\",partition=\"0\"} 5\n"
                        "weir_partition_end{source=\"o\",partition=\"1\"} -6\n# HELP");
    weir_buf_done(&out);
}

static void the_page_has_a_line_for_each(void **state)
{
    (void)state;
    weir_buf out = {0};
    weir_metric_page(&out);
    weir_buf_byte(&out, 0);
    CHECK_HOLDS(out.at, "| `weir_records_read_total` | counter | records | ");
    CHECK_HOLDS(out.at, "| `weir_ready` | gauge | boolean | ");
    weir_buf_done(&out);
}

static void series_have_a_limit_and_then_are_ignored(void **state)
{
    (void)state;
    char     labels[32];
    uint32_t handle = 1;
    for (unsigned i = 0; i <= WEIR_METRIC_SERIES_MAX; i++) {
        (void)snprintf(labels, sizeof labels, "n=\"%u\"", i);
        handle = weir_metric_series(WEIR_M_sink_stuck, labels);
    }
    CHECK_U64(handle, 0);
    weir_metric_series_add(handle, 1);
    weir_metric_series_set(handle, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(threads_add_without_loss),
        TEST(the_text_is_that_of_prometheus),
        TEST(the_page_has_a_line_for_each),
        TEST(series_have_a_limit_and_then_are_ignored),
    };
    return RUN_TESTS(tests);
}
