/* weir/metric: counters and gauges, declared once in weir/metrics.def.
 *
 * Adding is lock-free and may be done from any thread; hot loops add once per batch.
 * Labelled series are for things known at start (sources, partitions, sinks).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_METRIC_H
#define WEIR_METRIC_H

#include <stdint.h>

struct weir_buf;

typedef enum weir_metric {
#define METRIC(type, name, unit, sentence) WEIR_M_##name,
#include "weir/metrics.def"
#undef METRIC
    WEIR_M_COUNT
} weir_metric;

void    weir_metric_add(weir_metric metric, int64_t more);
void    weir_metric_set(weir_metric metric, int64_t value);
int64_t weir_metric_get(weir_metric metric);

/* A series of its own: labels is `source="orders",partition="3"`, copied. Returns a
   handle for the two calls below; at most WEIR_METRIC_SERIES_MAX, then handle 0, which
   is ignored. */
uint32_t weir_metric_series(weir_metric metric, const char *labels);
void     weir_metric_series_add(uint32_t series, int64_t more);
void     weir_metric_series_set(uint32_t series, int64_t value);

/* Prometheus text format 0.0.4, names prefixed `weir_`, counters suffixed `_total`. */
void weir_metric_print(struct weir_buf *out);
/* The page docs/metrics.md. */
void weir_metric_page(struct weir_buf *out);

#endif
