/* sql/bind: from PostgreSQL's tree to typed expressions over the columns of one relation.
 *
 * A binding call gives NULL after it has reported an error. A string literal that has not
 * met a type yet is a CONST of type UNKNOWN; sql_cast parses it, sql_settle makes it text.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SQL_BIND_H
#define SQL_BIND_H

#include "sql_tree.h"

typedef enum sql_window_part {
    SQL_WINDOW_NOT,
    SQL_WINDOW_START,
    SQL_WINDOW_END
} sql_window_part;

/* What is known of a column beyond its type. */
typedef struct sql_fact {
    uint32_t        key;        /* 1 + the part of the relation's key it is; 0: none */
    bool            event_time; /* the source's event time, unchanged */
    bool            constant;   /* the same in every row */
    sql_window_part window;
} sql_fact;

/* What a query reads: a table, a view, or a window function over one. */
typedef struct sql_relation {
    uint32_t         node; /* in the plan; WEIR_NONE while a CHECK is bound */
    weir_schema      schema;
    sql_fact        *fact; /* per column */
    weir_str         name; /* that may qualify columns */
    uint32_t         keys; /* parts that name one row; 0: rows have no key */
    const sql_table *source;
    bool             changelog;  /* has retractions */
    bool             aggregated; /* rows are groups */
    bool             windowed;   /* … that become final when their window closes */
    int64_t          size_us;    /* of the window, when a fact says START or END */
} sql_relation;

/* The aggregates that one SELECT collects while its expressions are bound. */
typedef struct sql_aggregates {
    weir_aggregate *aggregate;
    weir_str       *name;
    uint32_t        count, room;
} sql_aggregates;

typedef struct sql_scope {
    sql_job            *job;
    const sql_relation *from;
    const char         *clause;     /* "WHERE": for messages */
    sql_aggregates     *aggregates; /* NULL: refused in this clause */
    bool                inside;     /* an aggregate's argument */
    uint32_t            depth;
} sql_scope;

typedef enum sql_cast_how { SQL_IMPLICIT, SQL_ASSIGN, SQL_EXPLICIT } sql_cast_how;

/* A COLUMN with this bit stands for the aggregate of that number, until it is grouped. */
#define SQL_AGGREGATE_BIT 0x80000000u

/* Types. */
bool sql_type_of(sql_job *job, const PgQuery__TypeName *name, weir_type *out);
/* Its name for messages, in the arena. */
const char *sql_type_text(sql_job *job, weir_type type);
weir_type   sql_numeric(uint8_t scale); /* of 38 digits; or of any scale */

/* Casts. */
bool sql_can_cast(weir_type from, weir_type to, sql_cast_how how);
/* Casts where sql_can_cast said yes; a literal is parsed. NULL after an error. */
const weir_expr *sql_cast(sql_job *job, const weir_expr *expr, weir_type to,
                          sql_cast_how how);
const weir_expr *sql_settle(sql_job *job, const weir_expr *expr);
/* The type that all of the expressions can become; false with an error at `at`. */
bool      sql_common_type(sql_job *job, const char *what, const weir_expr *const *expr,
                          uint32_t count, weir_type *out, int32_t at);
weir_type sql_common_number(weir_type a, weir_type b);
bool      sql_is_unknown(const weir_expr *expr);
bool      sql_is_null(const weir_expr *expr); /* the NULL literal, of any type */

/* Calls: folds when all arguments are constants. `at` is in the expanded text. */
typedef struct sql_call {
    weir_function    function;
    weir_type        type;
    int32_t          at;
    uint32_t         args;
    const weir_expr *arg[3];
} sql_call;
const weir_expr *sql_call_new(sql_job *job, const sql_call *call);
/* The same with any number of arguments, which stand in `arg` instead of in the head. */
const weir_expr *sql_call_list(sql_job *job, const sql_call *head,
                               const weir_expr *const *arg);
/* A call whose arguments are all constants becomes a constant. */
const weir_expr *sql_fold(sql_job *job, const weir_expr *call);
const weir_expr *sql_const_text(sql_job *job, weir_str text, int32_t at);
const weir_expr *sql_const_int(sql_job *job, int64_t value, int32_t at);
const weir_expr *sql_const_null(sql_job *job, weir_type type, int32_t at);

/* Expressions. sql_bind may give an UNKNOWN literal; the others do not. */
const weir_expr *sql_bind(sql_scope *scope, const sql_node *node);
const weir_expr *sql_bind_value(sql_scope *scope, const sql_node *node);
const weir_expr *sql_bind_condition(sql_scope *scope, const sql_node *node);
bool             sql_bind_list(sql_scope *scope, sql_node *const *nodes, size_t count,
                               const weir_expr **out);
/* Casts all to their common type, for CASE, COALESCE, IN …; false after an error. */
bool sql_unify(sql_job *job, const char *what, const weir_expr **arg, uint32_t count,
               weir_type *out, int32_t at);
const weir_expr *sql_bind_operator(sql_scope *scope, const PgQuery__AExpr *node);
const weir_expr *sql_bind_function(sql_scope *scope, const PgQuery__FuncCall *call);
const weir_expr *sql_bind_aggregate(sql_scope *scope, const PgQuery__FuncCall *call);
bool             sql_is_aggregate(const char *name);

/* An operator by its name over bound operands, which may be UNKNOWN. */
const weir_expr *sql_operate(sql_job *job, const char *name, const weir_expr *left,
                             const weir_expr *right, int32_t at);
const weir_expr *sql_arithmetic(sql_job *job, const char *name, const weir_expr *left,
                                const weir_expr *right, int32_t at);
const weir_expr *sql_negate(sql_job *job, const weir_expr *arg, int32_t at);
const weir_expr *sql_no_operator(sql_job *job, const char *name, const weir_expr *left,
                                 const weir_expr *right, int32_t at);
const weir_expr *sql_not(sql_job *job, const weir_expr *arg, int32_t at);

/* Finds a column by name, qualified or not: its number, or WEIR_NONE after an error. */
uint32_t sql_find_column(sql_scope *scope, const PgQuery__ColumnRef *ref);

#endif
