/* tests/fake_mysql: see the header.
 *
 * A packet is a length of three bytes, a number, and the payload.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fake_mysql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "weir/error.h"

enum {
    COM_QUIT = 1,
    COM_QUERY = 3,
    COM_PREPARE = 0x16,
    COM_EXECUTE = 0x17,
    COM_CLOSE = 0x19,
    COM_BULK_EXECUTE = 0xfa,
    STATEMENTS = 64,
    UTF8MB4 = 45,
    TYPE_TEXT = 0xfd
};

typedef struct connection {
    fake_mysql *server;
    uint64_t    id;
    int         fd;
    uint8_t     number; /* of the next packet that we send */
    weir_buf    in;     /* the last packet's payload */
    weir_buf    out;
    char       *prepared[STATEMENTS];
} connection;

void fake_mysql_cell(fake_mysql_answer *answer, weir_str cell)
{
    answer->way = FAKE_MYSQL_ROWS;
    if (cell.at == NULL) {
        weir_buf_byte(&answer->cells, 0xfb);
        return;
    }
    weir_assert(cell.len < 251);
    weir_buf_byte(&answer->cells, (uint8_t)cell.len);
    weir_buf_str(&answer->cells, cell);
}

static bool receive(int fd, char *at, size_t len)
{
    while (len > 0) {
        ssize_t got = recv(fd, at, len, 0);
        if (got <= 0)
            return false;
        at += got;
        len -= (size_t)got;
    }
    return true;
}

static bool read_packet(connection *c)
{
    uint8_t head[4];
    weir_buf_clear(&c->in);
    if (!receive(c->fd, (char *)head, sizeof head))
        return false;
    size_t len = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16;
    weir_assert(len < 0xffffff); /* longer ones come in pieces */
    c->number = (uint8_t)(head[3] + 1);
    if (!receive(c->fd, weir_buf_more(&c->in, len + 1), len))
        return false;
    c->in.len = len;
    return true;
}

/* Appends a packet to what will be sent. */
static void add_packet(connection *c, const weir_buf *payload)
{
    weir_buf_byte(&c->out, (uint8_t)payload->len);
    weir_buf_byte(&c->out, (uint8_t)(payload->len >> 8));
    weir_buf_byte(&c->out, (uint8_t)(payload->len >> 16));
    weir_buf_byte(&c->out, c->number++);
    weir_buf_str(&c->out, weir_buf_view(payload));
}

static bool send_out(connection *c)
{
    weir_str bytes = weir_buf_view(&c->out);
    while (bytes.len > 0) {
        ssize_t sent = send(c->fd, bytes.at, bytes.len, MSG_NOSIGNAL);
        if (sent <= 0)
            break;
        bytes.at += sent;
        bytes.len -= (size_t)sent;
    }
    weir_buf_clear(&c->out);
    return bytes.len == 0;
}

static void add_end(connection *c, uint16_t warnings)
{
    weir_buf end = {0};
    weir_buf_byte(&end, 0xfe);
    weir_buf_u16(&end, warnings);
    weir_buf_u16(&end, 2);
    add_packet(c, &end);
    weir_buf_done(&end);
}

static void add_number(weir_buf *out, uint64_t value)
{
    weir_assert(value < 65536);
    if (value >= 251)
        weir_buf_byte(out, 0xfc);
    weir_buf_byte(out, (uint8_t)value);
    if (value >= 251)
        weir_buf_byte(out, (uint8_t)(value >> 8));
}

static void add_ok(connection *c, const fake_mysql_answer *answer)
{
    weir_buf ok = {0};
    weir_buf_byte(&ok, 0);
    add_number(&ok, answer->affected);
    weir_buf_byte(&ok, 0); /* no id was made */
    weir_buf_u16(&ok, 2);
    weir_buf_u16(&ok, answer->warnings);
    add_packet(c, &ok);
    weir_buf_done(&ok);
}

static void add_failure(connection *c, const fake_mysql_answer *answer)
{
    weir_buf failure = {0};
    weir_buf_byte(&failure, 0xff);
    weir_buf_u16(&failure, answer->number);
    weir_buf_format(&failure, "#%.5s%s", answer->state, answer->text);
    add_packet(c, &failure);
    weir_buf_done(&failure);
}

/* Of a column or a parameter. */
static void add_definition(connection *c)
{
    weir_buf column = {0};
    weir_buf_byte(&column, 3);
    weir_buf_text(&column, "def");
    for (int i = 0; i < 5; i++) { /* schema, table twice, name twice */
        weir_buf_byte(&column, 1);
        weir_buf_byte(&column, 'x');
    }
    weir_buf_byte(&column, 0x0c);
    weir_buf_u16(&column, UTF8MB4);
    weir_buf_u32(&column, 1024);
    weir_buf_byte(&column, TYPE_TEXT);
    weir_buf_u16(&column, 0);
    weir_buf_byte(&column, 0);
    weir_buf_u16(&column, 0);
    add_packet(c, &column);
    weir_buf_done(&column);
}

static void add_rows(connection *c, const fake_mysql_answer *answer)
{
    weir_buf count = {0}, row = {0};
    add_number(&count, answer->columns);
    add_packet(c, &count);
    weir_buf_done(&count);
    for (uint32_t i = 0; i < answer->columns; i++)
        add_definition(c);
    add_end(c, 0);
    uint32_t cells = 0;
    for (size_t at = 0; at < answer->cells.len;) {
        uint8_t len = (uint8_t)answer->cells.at[at];
        size_t  step = len == 0xfb ? 1 : 1u + len;
        weir_buf_add(&row, answer->cells.at + at, step);
        at += step;
        if (++cells % answer->columns != 0)
            continue;
        add_packet(c, &row);
        weir_buf_clear(&row);
    }
    weir_assert(row.len == 0);
    add_end(c, answer->warnings);
    weir_buf_done(&row);
}

/* False: the connection ends. */
static bool send_answer(connection *c, const fake_mysql_answer *answer)
{
    switch (answer->way) {
    case FAKE_MYSQL_DROP:
        return false;
    case FAKE_MYSQL_FAIL:
        add_failure(c, answer);
        return send_out(c);
    case FAKE_MYSQL_OK:
    case FAKE_MYSQL_NONE:
        add_ok(c, answer);
        return send_out(c);
    case FAKE_MYSQL_ROWS:
        add_rows(c, answer);
        return send_out(c);
    case FAKE_MYSQL_TORN:
        break;
    }
    add_rows(c, answer);
    c->out.len -= 3; /* of the packet that ends the rows */
    (void)send_out(c);
    return false;
}

static fake_mysql_answer ask(connection *c, fake_mysql_event event, weir_str sql)
{
    fake_mysql_answer answer = {.state = "HY000", .text = "made up", .columns = 1};
    pthread_mutex_lock(&c->server->lock);
    c->server->answer(c->server->self, c->id, event, sql, &answer);
    pthread_mutex_unlock(&c->server->lock);
    return answer;
}

static bool ask_and_send(connection *c, fake_mysql_event event, weir_str sql)
{
    fake_mysql_answer answer = ask(c, event, sql);
    bool              more = send_answer(c, &answer);
    weir_buf_done(&answer.cells);
    return more;
}

/* What we can do, and the half of a password's hash that is ours. */
static bool greet(connection *c)
{
    bool     maria = c->server->kind != FAKE_MYSQL_8;
    uint32_t can = 0x0000a20eu | 0x00080000u | 0x00100000u | (maria ? 0 : 1);
    uint32_t arrays = c->server->kind == FAKE_MYSQL_MARIADB ? 1u << 2 : 0;
    weir_buf hello = {0};
    weir_buf_byte(&hello, 10);
    weir_buf_text(&hello, maria ? "5.5.5-10.11.6-MariaDB" : "8.0.36");
    weir_buf_byte(&hello, 0);
    weir_buf_u32(&hello, (uint32_t)c->id);
    weir_buf_text(&hello, "12345678");
    weir_buf_byte(&hello, 0);
    weir_buf_u16(&hello, (uint16_t)can);
    weir_buf_byte(&hello, UTF8MB4);
    weir_buf_u16(&hello, 2);
    weir_buf_u16(&hello, (uint16_t)(can >> 16));
    weir_buf_byte(&hello, 21);
    weir_buf_add(&hello, "\0\0\0\0\0", 6);
    weir_buf_u32(&hello, arrays);
    weir_buf_text(&hello, "abcdefghijkl");
    weir_buf_byte(&hello, 0);
    weir_buf_text(&hello, "mysql_native_password");
    weir_buf_byte(&hello, 0);
    add_packet(c, &hello);
    weir_buf_done(&hello);
    return send_out(c) && read_packet(c) &&
           ask_and_send(c, FAKE_MYSQL_CONNECT, (weir_str){"", 0});
}

static bool prepare(connection *c, weir_str sql)
{
    fake_mysql_answer answer = ask(c, FAKE_MYSQL_PREPARE, sql);
    uint32_t          id = 0;
    uint16_t          marks = 0;
    if (answer.way != FAKE_MYSQL_OK)
        return send_answer(c, &answer);
    while (c->prepared[id] != NULL && id < STATEMENTS - 1)
        id++;
    c->prepared[id] = strndup(sql.at, sql.len);
    for (size_t i = 0; i < sql.len; i++)
        marks = (uint16_t)(marks + (sql.at[i] == '?'));
    weir_buf made = {0};
    weir_buf_byte(&made, 0);
    weir_buf_u32(&made, id + 1);
    weir_buf_u16(&made, 0);
    weir_buf_u16(&made, marks);
    weir_buf_byte(&made, 0);
    weir_buf_u16(&made, 0);
    add_packet(c, &made);
    weir_buf_done(&made);
    for (uint16_t i = 0; i < marks; i++)
        add_definition(c);
    if (marks > 0)
        add_end(c, 0);
    return send_out(c);
}

static bool serve_one(connection *c)
{
    if (!read_packet(c) || c->in.len == 0)
        return false;
    uint8_t  command = (uint8_t)c->in.at[0];
    weir_str rest = {c->in.at + 1, c->in.len - 1};
    uint32_t id = 0;
    if (command == COM_EXECUTE || command == COM_BULK_EXECUTE || command == COM_CLOSE) {
        memcpy(&id, rest.at, sizeof id);
        weir_assert(id >= 1);
        weir_assert(id <= STATEMENTS);
        id--;
    }
    switch (command) {
    case COM_QUERY:
        return ask_and_send(c, FAKE_MYSQL_QUERY, rest);
    case COM_PREPARE:
        return prepare(c, rest);
    case COM_EXECUTE:
    case COM_BULK_EXECUTE:
        return ask_and_send(c, FAKE_MYSQL_QUERY, weir_str_of(c->prepared[id]));
    case COM_CLOSE:
        free(c->prepared[id]);
        c->prepared[id] = NULL;
        return true;
    case COM_QUIT:
        return false;
    default:
        return send_answer(c, &(fake_mysql_answer){.way = FAKE_MYSQL_OK});
    }
}

static void serve(void *self, int fd, uint64_t id)
{
    fake_mysql *server = self;
    connection  c = {.server = server, .fd = fd, .id = id};
    pthread_mutex_lock(&server->lock);
    server->connections++;
    pthread_mutex_unlock(&server->lock);
    if (greet(&c)) {
        while (serve_one(&c))
            continue;
    }
    fake_mysql_answer gone = ask(&c, FAKE_MYSQL_GONE, (weir_str){"", 0});
    weir_buf_done(&gone.cells);
    for (size_t i = 0; i < STATEMENTS; i++)
        free(c.prepared[i]);
    weir_buf_done(&c.in);
    weir_buf_done(&c.out);
}

void fake_mysql_start(fake_mysql *server, fake_mysql_kind kind, fake_mysql_fn *answer,
                      void *self)
{
    memset(server, 0, sizeof *server);
    server->kind = kind;
    server->answer = answer;
    server->self = self;
    pthread_mutex_init(&server->lock, NULL);
    fake_server_start(&server->base, serve, server);
    server->port = server->base.port;
}

void fake_mysql_kill(fake_mysql *server, uint64_t id)
{
    fake_server_shut(&server->base, id, SHUT_RD);
}

void fake_mysql_stop(fake_mysql *server)
{
    fake_server_stop(&server->base);
    pthread_mutex_destroy(&server->lock);
}
