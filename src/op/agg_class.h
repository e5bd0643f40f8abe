/* op/agg_class: accumulators: what an aggregate keeps per group.
 *
 * An accumulator is `bytes` bytes inside a group; all zero is the neutral one. A class says
 * how rows come in, how two are added up, what the result is and how it is written down;
 * which aggregate over which type has which class is decided once, by agg_choose. A group
 * of a lane's table and one of the state have the same accumulators; what one holds beside
 * itself lies in the slab of its owner.
 *
 * Always     1. update and merge commute but for floats: order and cut do not matter.
 *            2. save then load yields an equal accumulator.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGG_CLASS_H
#define AGG_CLASS_H

#include "weir/plan.h"
#include "weir/state.h"

typedef struct agg_class agg_class;

/* One aggregate of a node. */
typedef struct op_accumulator {
    const agg_class      *kind;
    const agg_class      *distinct; /* kind counts values: what is computed over them */
    const weir_aggregate *spec;
    weir_type             arg;    /* of the argument; UNKNOWN: none */
    weir_type             result;
    uint32_t              offset; /* in the group */
} op_accumulator;

/* Rows for the groups they belong to. */
typedef struct agg_rows {
    const op_accumulator *accumulator;
    const weir_column    *column; /* of the argument; NULL: none */
    char *const          *group;  /* per row of this list: where its group begins */
    const uint32_t       *row;    /* the row's number in the column; has a value */
    const int64_t        *sign;   /* 1, or -1: a retraction */
    uint32_t              count;
    weir_slab            *slab;
} agg_rows;

/* A result is asked for: what for, and where its text and its error go. */
typedef struct agg_result {
    const op_accumulator *accumulator;
    const char           *group;
    int64_t               rows; /* of the group */
    weir_arena           *arena;
    char                  msg[120];
} agg_result;

struct agg_class {
    const char *name; /* part of the checkpoint's signature */
    uint32_t    bytes;
    void (*update)(const agg_rows *rows);
    void (*merge)(const op_accumulator *shape, weir_slab *slab, void *into, void *from);
    bool (*neutral)(const void *accumulator); /* merging it changes nothing */
    bool (*finish)(agg_result *result, weir_datum *out); /* false: msg says why */
    void (*save)(const void *accumulator, weir_buf *out);
    /* Into zeros. */
    bool (*load)(const op_accumulator *shape, weir_reader *reader, weir_slab *slab, void *out);
    void (*release)(weir_slab *slab, void *accumulator); /* gives back what it holds */
};

extern const agg_class agg_rows_class, agg_count_class;
extern const agg_class agg_sum_class, agg_sum_wide_class, agg_sum_any_class,
    agg_sum_float_class;
extern const agg_class agg_extreme_class, agg_values_class;

/* Class and result of an aggregate; `changelog`: rows may be retracted. */
void agg_choose(const weir_aggregate *spec, bool changelog, op_accumulator *out);

static inline const void *agg_at(const agg_result *result)
{
    return result->group + result->accumulator->offset;
}

/* Shared by the classes: nothing beside itself, all zero is neutral. */
void agg_release_nothing(weir_slab *slab, void *accumulator);
bool agg_bytes_zero(const void *at, size_t len);
bool agg_fail(agg_result *result, const char *format, ...) WEIR_PRINTF(2, 3);
/* A sum (count not 0) as SUM's or AVG's result. */
bool agg_finish_sum(agg_result *result, weir_i128 sum, int scale, int64_t count,
                    weir_datum *out);
/* Values as agg_extreme and agg_values keep them: ordered bytes, and behind a numeric of any
   scale its scale. Gives the length; `room` has OP_VALUE_MOST + 1 bytes, text is a view. */
weir_str agg_take_value(const weir_column *column, uint32_t row, char *room);
bool agg_value_is_sound(weir_type type, weir_str value);
bool agg_read_value(agg_result *result, const char *at, size_t len, weir_datum *out);
void    agg_write_i128(weir_buf *out, weir_i128 value);
weir_i128 agg_read_i128(weir_reader *reader);

#endif
