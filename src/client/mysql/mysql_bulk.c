/* client/mysql_bulk: one prepared statement over arrays of values (MariaDB).
 *
 * The library wants, per parameter: values side by side for numbers; an array of pointers for
 * text and times; an indicator per row for NULL.
 *
 * Gives      weir_mysql_bulk.
 * Always     1. arrays of numbers are used where they lie; nothing is copied.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "mysql/mysql_link.h"

#include <string.h>

#include "weir/clock.h"
#include "weir/hash.h"

#define MYSQL_NO_BULK 5003u /* the library: the server does not know bulk operations */

static weir_code statement_fault(weir_mysql *mysql, MYSQL_STMT *statement, weir_err *err)
{
    return mysql_fault(mysql, "writing rows", mysql_stmt_errno(statement),
                       mysql_stmt_sqlstate(statement), mysql_stmt_error(statement), err);
}

static void forget(mysql_prepared *prepared)
{
    if (prepared->statement != NULL)
        (void)mysql_stmt_close(prepared->statement);
    *prepared = (mysql_prepared){0};
}

static weir_code prepare(weir_mysql *mysql, weir_str sql, mysql_prepared **out,
                         weir_err *err)
{
    uint64_t hash = weir_hash64(sql);
    for (uint32_t i = 0; i < MYSQL_PREPARED; i++) {
        if (mysql->prepared[i].statement == NULL || mysql->prepared[i].hash != hash)
            continue;
        *out = &mysql->prepared[i];
        return WEIR_OK;
    }
    mysql_prepared *prepared = &mysql->prepared[mysql->next];
    mysql->next = (mysql->next + 1) % MYSQL_PREPARED;
    forget(prepared);
    prepared->statement = mysql_stmt_init(mysql->link);
    weir_assert(prepared->statement != NULL); /* only memory can lack */
    prepared->hash = hash;
    if (mysql_stmt_prepare(prepared->statement, sql.at, sql.len) != 0) {
        weir_code rc = statement_fault(mysql, prepared->statement, err);
        forget(prepared);
        return rc;
    }
    *out = prepared;
    return WEIR_OK;
}

static bool has(const weir_mysql_array *array, uint32_t row)
{
    return array->valid == NULL || (array->valid[row >> 3] >> (row & 7) & 1);
}

static void bind_nulls(weir_arena *scratch, const weir_mysql_array *array, uint32_t first,
                       uint32_t count, MYSQL_BIND *bind)
{
    if (array->valid == NULL)
        return;
    char *indicator = WEIR_ARRAY(scratch, char, count);
    for (uint32_t i = 0; i < count; i++)
        indicator[i] = has(array, first + i) ? STMT_INDICATOR_NONE : STMT_INDICATOR_NULL;
    bind->u.indicator = indicator;
}

static void bind_text(weir_arena *scratch, const weir_mysql_array *array, uint32_t first,
                      uint32_t count, MYSQL_BIND *bind)
{
    const char   **at = WEIR_ARRAY(scratch, const char *, count);
    unsigned long *len = WEIR_ARRAY(scratch, unsigned long, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t from = array->offsets[first + i];
        len[i] = array->offsets[first + i + 1] - from;
        at[i] = len[i] > 0 ? array->bytes + from : "";
    }
    bind->buffer_type =
        array->kind == WEIR_MYSQL_BYTES ? MYSQL_TYPE_BLOB : MYSQL_TYPE_STRING;
    bind->buffer = at;
    bind->length = len;
}

static int64_t time_value(const weir_mysql_array *array, uint32_t row)
{
    if (array->kind == WEIR_MYSQL_DATE)
        return ((const int32_t *)array->values)[row] * 86400LL * 1000000;
    return ((const int64_t *)array->values)[row];
}

static void bind_times(weir_arena *scratch, const weir_mysql_array *array, uint32_t first,
                       uint32_t count, MYSQL_BIND *bind)
{
    MYSQL_TIME  *time = WEIR_ARRAY(scratch, MYSQL_TIME, count);
    MYSQL_TIME **at = WEIR_ARRAY(scratch, MYSQL_TIME *, count);
    for (uint32_t i = 0; i < count; i++) {
        at[i] = &time[i];
        if (!has(array, first + i))
            continue;
        int64_t    us = time_value(array, first + i);
        weir_civil civil = weir_civil_from_us(us);
        time[i].time_type = MYSQL_TIMESTAMP_DATETIME;
        time[i].year = (unsigned)civil.year;
        time[i].month = civil.month;
        time[i].day = civil.day;
        time[i].hour = civil.hour;
        time[i].minute = civil.minute;
        time[i].second = civil.second;
        time[i].second_part = (unsigned long)civil.micros;
        if (array->kind == WEIR_MYSQL_DATE)
            time[i].time_type = MYSQL_TIMESTAMP_DATE;
        if (array->kind != WEIR_MYSQL_TIME)
            continue;
        time[i].time_type = MYSQL_TIMESTAMP_TIME;
        time[i].year = time[i].month = time[i].day = 0;
        time[i].hour = (unsigned)(us / 3600000000LL); /* 24:00:00 is a time of day */
    }
    bind->buffer_type = array->kind == WEIR_MYSQL_DATE   ? MYSQL_TYPE_DATE
                        : array->kind == WEIR_MYSQL_TIME ? MYSQL_TYPE_TIME
                                                         : MYSQL_TYPE_DATETIME;
    bind->buffer = at;
}

static void bind_array(weir_arena *scratch, const weir_mysql_array *array,
                       const weir_mysql_rows *rows, MYSQL_BIND *bind)
{
    static const struct {
        enum enum_field_types type;
        size_t                width;
    } numbers[] = {
        [WEIR_MYSQL_I8] = {MYSQL_TYPE_TINY, 1},
        [WEIR_MYSQL_I16] = {MYSQL_TYPE_SHORT, 2},
        [WEIR_MYSQL_I32] = {MYSQL_TYPE_LONG, 4},
        [WEIR_MYSQL_I64] = {MYSQL_TYPE_LONGLONG, 8},
        [WEIR_MYSQL_F32] = {MYSQL_TYPE_FLOAT, 4},
        [WEIR_MYSQL_F64] = {MYSQL_TYPE_DOUBLE, 8},
    };
    bind_nulls(scratch, array, rows->first, rows->count, bind);
    if (array->kind >= WEIR_MYSQL_DATE) {
        bind_times(scratch, array, rows->first, rows->count, bind);
    } else if (array->kind >= WEIR_MYSQL_TEXT) {
        bind_text(scratch, array, rows->first, rows->count, bind);
    } else {
        const char *values = array->values;
        bind->buffer_type = numbers[array->kind].type;
        bind->buffer =
            (void *)(uintptr_t)(values + rows->first * numbers[array->kind].width);
    }
}

weir_code weir_mysql_bulk(weir_mysql *mysql, weir_str sql, const weir_mysql_rows *rows,
                          bool *out_known, weir_err *err)
{
    mysql_prepared *prepared = NULL;
    mysql->last = (weir_mysql_fault){0};
    mysql->warnings = 0;
    *out_known = mysql->mariadb;
    if (!mysql->mariadb)
        return WEIR_OK;
    weir_code rc = prepare(mysql, sql, &prepared, err);
    if (rc != WEIR_OK)
        return rc;
    MYSQL_STMT *statement = prepared->statement;
    weir_assert(mysql_stmt_param_count(statement) == rows->arrays);
    weir_arena_reset(mysql->scratch);
    MYSQL_BIND *bind = WEIR_ARRAY(mysql->scratch, MYSQL_BIND, rows->arrays);
    for (uint32_t a = 0; a < rows->arrays; a++)
        bind_array(mysql->scratch, &rows->array[a], rows, &bind[a]);
    unsigned count = rows->count;
    (void)mysql_stmt_attr_set(statement, STMT_ATTR_ARRAY_SIZE, &count); /* it knows that one */
    /* cover: binding fails where the connection was closed, which closes its statements */
    if (mysql_stmt_bind_param(statement, bind) != 0 || mysql_stmt_execute(statement) != 0) {
        if (mysql_stmt_errno(statement) == MYSQL_NO_BULK) {
            *out_known = false;
            forget(prepared);
            return WEIR_OK;
        }
        rc = statement_fault(mysql, statement, err);
        forget(prepared); /* whatever state it is in */
        return rc;
    }
    mysql->warnings = (uint32_t)mysql_stmt_warning_count(statement);
    return WEIR_OK;
}
