/* sim/server: the servers of a history, and what is in the topic.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H

#include "sim_fiber.h"
#include "weir/plan.h"
#include "weir/sink.h"

typedef enum sim_job_kind { SIM_JOB_ORDERS, SIM_JOB_CHANGES, SIM_JOBS } sim_job_kind;

/* Servers. */
extern const weir_store_kind sim_store_kind;
extern const weir_sink_kind  sim_mysql_kind;
void sim_store_clear(void);
void sim_mysql_clear(void);
void sim_mysql_drop(uint32_t slot); /* the connections of a worker that died */
void sim_mysql_failover(void);
void sim_mysql_restart(void);
void sim_store_drop(uint32_t slot); /* its puts land later, or never */
weir_code sim_store_at(void *self, weir_str location, weir_store **out,
                       weir_str *out_prefix, weir_err *err);

/* Takes away what may go, but for what was read while sim.proving. */
typedef bool sim_choose_fn(weir_str key, weir_str body);
void sim_store_collect(sim_choose_fn *may_go);
void sim_store_take(int64_t before_us); /* files that are older: a reader removes them */
typedef void sim_object_fn(weir_str key, weir_str body);
void sim_each_object(sim_object_fn *each);
typedef void sim_row_fn(weir_str key, weir_str row);
void     sim_each_row(sim_row_fn *each);
uint64_t sim_row_epoch(void); /* of the commit row */

/* The topic. */
#define SIM_PARTITIONS 3u
#define SIM_RECORDS 40u /* of a partition */
typedef struct sim_record {
    int64_t  arrives_us;
    weir_str value;
} sim_record;
typedef struct sim_partition {
    uint32_t   records;
    sim_record record[SIM_RECORDS];
} sim_partition;
extern uint32_t      sim_partitions;
extern sim_partition sim_topic[SIM_PARTITIONS];
uint32_t sim_arrived(uint32_t partition);
int64_t  sim_next_arrival(void);
int64_t  sim_last_arrival(void);
void     sim_input_make(sim_dice *dice, sim_job_kind job);
const weir_plan *sim_plan_of(sim_job_kind job);
/* Expected rows "key|values", sorted. */
typedef struct sim_expected {
    uint32_t rows, bad;
    weir_str row[SIM_PARTITIONS * SIM_RECORDS];
} sim_expected;
void sim_input_fold(sim_expected *out);

#endif
