/* sink/mysql_ddl: CREATE TABLE for a table of the job.
 *
 * Text in a key must be equal when its bytes are, and only then: VARCHAR in a binary
 * collation that does not pad, where the server has one, else VARBINARY.
 *
 * Gives      mysql_ddl, mysql_ddl_of.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "mysql/mysql_sink.h"

#define INDEX_BYTES_MAX 3072u /* InnoDB, DYNAMIC rows */

static bool is_key(const keyed_table *table, uint32_t column)
{
    for (uint32_t k = 0; k < table->keys; k++)
        if (table->key[k] == column)
            return true;
    return false;
}

static void key_type(weir_buf *out, weir_type type, const mysql_flavour *flavour, bool wide)
{
    uint32_t length = type.length > 0 ? type.length : flavour->key_bytes;
    if (type.id == WEIR_T_TEXT && flavour->key_collation != NULL && wide)
        weir_buf_format(out, "VARCHAR(%u) CHARACTER SET utf8mb4 COLLATE %s", length,
                        flavour->key_collation);
    else
        weir_buf_format(out, "VARBINARY(%u)", flavour->key_bytes);
}

static void value_type(weir_buf *out, weir_type type)
{
    static const char *const names[WEIR_T_COUNT] = {
        [WEIR_T_BOOL] = "BOOLEAN",
        [WEIR_T_INT16] = "SMALLINT",
        [WEIR_T_INT32] = "INT",
        [WEIR_T_INT64] = "BIGINT",
        [WEIR_T_FLOAT32] = "FLOAT",
        [WEIR_T_FLOAT64] = "DOUBLE",
        [WEIR_T_BYTEA] = "LONGBLOB",
        [WEIR_T_JSONB] = "JSON",
        [WEIR_T_DATE] = "DATE",
        [WEIR_T_TIME] = "TIME(6)",
        [WEIR_T_TIMESTAMP] = "DATETIME(6)",
        [WEIR_T_TIMESTAMPTZ] = "DATETIME(6)",
    };
    if (type.id == WEIR_T_NUMERIC && type.scale == WEIR_SCALE_ANY)
        weir_buf_text(out, "DECIMAL(65,30)");
    else if (type.id == WEIR_T_NUMERIC)
        weir_buf_format(out, "DECIMAL(%u,%u)",
                        type.precision > 0 ? type.precision : WEIR_NUMERIC_DIGITS,
                        type.scale);
    else if (type.id == WEIR_T_TEXT && type.length > 0 && type.length <= 16383)
        weir_buf_format(out, "VARCHAR(%u) CHARACTER SET utf8mb4", type.length);
    else if (type.id == WEIR_T_TEXT)
        weir_buf_text(out, "LONGTEXT CHARACTER SET utf8mb4");
    else
        weir_buf_text(out, names[type.id]);
}

/* Do all text columns of the key fit into an index with four bytes a character? */
static bool key_fits_wide(const keyed_table *table, const mysql_flavour *flavour)
{
    uint64_t bytes = 0;
    for (uint32_t k = 0; k < table->keys; k++) {
        weir_type type = table->schema.field[table->key[k]].type;
        if (type.id == WEIR_T_TEXT)
            bytes += 4ull * (type.length > 0 ? type.length : flavour->key_bytes);
        else if (type.id == WEIR_T_BYTEA)
            bytes += flavour->key_bytes;
        else
            bytes += 20;
    }
    return bytes <= INDEX_BYTES_MAX;
}

void mysql_ddl(weir_buf *out, const keyed_table *table, const mysql_flavour *flavour)
{
    bool wide = key_fits_wide(table, flavour);
    weir_buf_text(out, flavour->if_missing ? "CREATE TABLE IF NOT EXISTS " : "CREATE TABLE ");
    mysql_name(out, table->target);
    weir_buf_text(out, " (");
    for (uint32_t c = 0; c < table->schema.count; c++) {
        const weir_field *field = &table->schema.field[c];
        bool              key = is_key(table, c);
        weir_buf_text(out, c == 0 ? "\n    " : ",\n    ");
        mysql_name(out, field->name);
        weir_buf_byte(out, ' ');
        if (key && weir_type_is_text(field->type))
            key_type(out, field->type, flavour, wide);
        else
            value_type(out, field->type);
        weir_buf_text(out, key || field->not_null ? " NOT NULL" : " NULL");
    }
    weir_buf_text(out, ",\n    PRIMARY KEY (");
    for (uint32_t k = 0; k < table->keys; k++) {
        if (k > 0)
            weir_buf_text(out, ", ");
        mysql_name(out, table->schema.field[table->key[k]].name);
    }
    weir_buf_text(out, ")\n) ENGINE = InnoDB");
}

weir_code mysql_ddl_of(const weir_sink_table *table, weir_str server, weir_buf *out,
                       weir_err *err)
{
    if (table == NULL) {
        weir_buf_str(out, mysql_commit_ddl());
        return WEIR_OK;
    }
    keyed_table   plain;
    mysql_flavour flavour = {.key_bytes = (uint32_t)weir_opts_int(table->opts, "key_bytes")};
    if (weir_str_is(server, "mysql"))
        flavour.key_collation = "utf8mb4_0900_bin";
    else if (weir_str_is(server, "mariadb"))
        flavour.key_collation = "utf8mb4_nopad_bin";
    weir_code rc = keyed_table_of(table, &plain, err);
    if (rc == WEIR_OK)
        mysql_ddl(out, &plain, &flavour);
    return rc;
}
