/* base/metric: counters and gauges, and their two printed forms.
 *
 * Always     1. a series, once made, keeps its handle and labels to the end of the process.
 * Threads    any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/metric.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "weir/arena.h"
#include "weir/buf.h"
#include "weir/error.h"
#include "weir/limits.h"

typedef enum metric_type { COUNTER, GAUGE } metric_type;

typedef struct fact {
    metric_type type;
    const char *name;
    const char *unit;
    const char *sentence;
} fact;

static const fact facts[] = {
#define METRIC(type, name, unit, sentence) {type, #name, unit, sentence},
#include "weir/metrics.def"
#undef METRIC
};

typedef struct series {
    weir_metric     metric;
    char           *labels;
    _Atomic int64_t value;
} series;

static _Atomic int64_t  values[WEIR_M_COUNT];
static series           all_series[WEIR_METRIC_SERIES_MAX + 1]; /* [0] is not used */
static _Atomic uint32_t series_count = 0;
static pthread_mutex_t  adding = PTHREAD_MUTEX_INITIALIZER;

void weir_metric_add(weir_metric metric, int64_t more)
{
    weir_assert((size_t)metric < WEIR_M_COUNT);
    atomic_fetch_add_explicit(&values[metric], more, memory_order_relaxed);
}

void weir_metric_set(weir_metric metric, int64_t value)
{
    weir_assert((size_t)metric < WEIR_M_COUNT);
    atomic_store_explicit(&values[metric], value, memory_order_relaxed);
}

int64_t weir_metric_get(weir_metric metric)
{
    weir_assert((size_t)metric < WEIR_M_COUNT);
    return atomic_load_explicit(&values[metric], memory_order_relaxed);
}

static uint32_t find_or_add(weir_metric metric, const char *labels)
{
    uint32_t count = atomic_load(&series_count);
    for (uint32_t i = 1; i <= count; i++)
        if (all_series[i].metric == metric && strcmp(all_series[i].labels, labels) == 0)
            return i;
    if (count == WEIR_METRIC_SERIES_MAX)
        return 0;
    series *one = &all_series[count + 1];
    size_t  len = strlen(labels);
    one->metric = metric;
    one->labels = weir_heap_new(len + 1, 1);
    memcpy(one->labels, labels, len);
    atomic_store(&series_count, count + 1); /* last: readers see whole ones */
    return count + 1;
}

uint32_t weir_metric_series(weir_metric metric, const char *labels)
{
    weir_assert((size_t)metric < WEIR_M_COUNT);
    weir_assert(labels != NULL);
    int locked = pthread_mutex_lock(&adding);
    weir_assert(locked == 0);
    uint32_t handle = find_or_add(metric, labels);
    int      unlocked = pthread_mutex_unlock(&adding);
    weir_assert(unlocked == 0);
    return handle;
}

static series *series_at(uint32_t handle)
{
    weir_assert(handle <= atomic_load(&series_count));
    return &all_series[handle];
}

void weir_metric_series_add(uint32_t handle, int64_t more)
{
    if (handle != 0)
        atomic_fetch_add_explicit(&series_at(handle)->value, more, memory_order_relaxed);
}

void weir_metric_series_set(uint32_t handle, int64_t value)
{
    if (handle != 0)
        atomic_store_explicit(&series_at(handle)->value, value, memory_order_relaxed);
}

static const char *type_name(metric_type type)
{
    return type == COUNTER ? "counter" : "gauge";
}

static const char *suffix(metric_type type)
{
    return type == COUNTER ? "_total" : "";
}

static void print_one(weir_buf *out, weir_metric metric)
{
    const fact *is = &facts[metric];
    const char *end = suffix(is->type);
    uint32_t    count = atomic_load(&series_count);
    bool        labelled = false;
    weir_buf_format(out, "# HELP weir_%s%s %s\n", is->name, end, is->sentence);
    weir_buf_format(out, "# TYPE weir_%s%s %s\n", is->name, end, type_name(is->type));
    for (uint32_t i = 1; i <= count; i++) {
        if (all_series[i].metric != metric)
            continue;
        labelled = true;
        weir_buf_format(out, "weir_%s%s{%s} %" PRId64 "\n", is->name, end,
                        all_series[i].labels,
                        atomic_load_explicit(&all_series[i].value, memory_order_relaxed));
    }
    if (!labelled) /* a sum beside its parts would be counted twice */
        weir_buf_format(out, "weir_%s%s %" PRId64 "\n", is->name, end,
                        weir_metric_get(metric));
}

void weir_metric_print(weir_buf *out)
{
    for (size_t i = 0; i < WEIR_M_COUNT; i++)
        print_one(out, (weir_metric)i);
}

void weir_metric_page(weir_buf *out)
{
    weir_buf_text(out,
                  "# Metrics\n\nPrinted by `weir connectors --metrics`. `/metrics` serves them in "
                  "the text format of Prometheus.\n\n"
                  "| name | type | unit | meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < WEIR_M_COUNT; i++)
        weir_buf_format(out, "| `weir_%s%s` | %s | %s | %s |\n", facts[i].name,
                        suffix(facts[i].type), type_name(facts[i].type), facts[i].unit,
                        facts[i].sentence);
}
