/* sink/keyed_open: options of the SQL sinks, their URL, and what an instance starts with.
 *
 * Gives      keyed_options, keyed_url_parse, keyed_place, keyed_table_of, keyed_open, keyed_close.
 * Never      puts a part of a URL behind its scheme into a message: it may hold a password.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "keyed/keyed.h"

#include <string.h>

#include "keyed/keyed_fault.h"
#include "weir/failpoint.h"

const weir_option keyed_options[] = {
    {.name = "url",
     .type = WEIR_OPT_SECRET,
     .required = true,
     .help = "mysql://user:password@host:port/database; parts may be percent-encoded."},
    {.name = "user", .type = WEIR_OPT_TEXT, .help = "User, when it is not in the url."},
    {.name = "password",
     .type = WEIR_OPT_SECRET,
     .help = "Password, when it is not in the url; file:/path reads it from a file."},
#define KEYED_OPTION(n, t, f, c, from, to, h)                                              \
    {.name = n, .type = t, .fallback = f, .choices = c, .least = from, .most = to, .help = h},
#include "keyed/keyed_options.def"
#undef KEYED_OPTION
    {.name = "tls",
     .type = WEIR_OPT_CHOICE,
     .fallback = "auto",
     .choices = "auto|require|verify|off",
     .help =
         "Encrypt the connection; auto requires it unless the server is on this machine, "
         "verify also checks the server's certificate and name."},
    {.name = "tls_ca",
     .type = WEIR_OPT_TEXT,
     .help = "File with the certificates of the authorities to trust (PEM)."},
    {.name = "tls_cert",
     .type = WEIR_OPT_TEXT,
     .help = "File with the client's certificate."},
    {.name = "tls_key",
     .type = WEIR_OPT_TEXT,
     .help = "File with the client's private key."},
    {.name = "connect_timeout",
     .type = WEIR_OPT_DURATION,
     .fallback = "10 seconds",
     .least = 1000000,
     .most = 600000000,
     .help = "How long to wait for the server to take a connection."},
    {0},
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool decode(weir_str text, weir_arena *arena, weir_str *out)
{
    char  *to = weir_arena_take(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] != '%') {
            to[len++] = text.at[i];
            continue;
        }
        if (i + 2 >= text.len)
            return false;
        int first = hex_digit(text.at[i + 1]), second = hex_digit(text.at[i + 2]);
        if (first < 0 || second < 0 || first + second == 0)
            return false;
        to[len++] = (char)(first * 16 + second);
        i += 2;
    }
    to[len] = '\0';
    *out = (weir_str){to, len};
    return true;
}

/* Cuts `rest` at the first (or last) `at`; false when there is none. */
static bool cut(weir_str *rest, char at, bool last, weir_str *before)
{
    const char *found =
        last ? memrchr(rest->at, at, rest->len) : memchr(rest->at, at, rest->len);
    if (found == NULL)
        return false;
    *before = (weir_str){rest->at, (size_t)(found - rest->at)};
    *rest = (weir_str){found + 1, rest->len - before->len - 1};
    return true;
}

static bool read_host(weir_str place, weir_arena *arena, keyed_url *out)
{
    weir_str host = place, port = {0};
    if (place.len > 0 && place.at[0] == '[') { /* [::1]:3306 */
        host = (weir_str){place.at + 1, place.len - 1};
        weir_str inside;
        if (!cut(&host, ']', false, &inside))
            return false;
        port = host;
        host = inside;
        if (port.len > 0 && port.at[0] != ':')
            return false;
        port = port.len > 0 ? (weir_str){port.at + 1, port.len - 1} : port;
    } else {
        weir_str rest = place, before;
        if (cut(&rest, ':', true, &before)) {
            host = before;
            port = rest;
        }
    }
    int64_t number = 0;
    if (port.len > 0 && (!weir_str_to_i64(port, &number) || number < 1 || number > 65535))
        return false;
    out->port = (uint16_t)number;
    return decode(host, arena, &out->host);
}

weir_code keyed_url_parse(weir_str url, weir_arena *arena, keyed_url *out, weir_err *err)
{
    static const char *const schemes[] = {"mysql://", "mariadb://"};
    weir_str                 rest = {0}, user, place;
    keyed_url                made = {0};
    for (size_t i = 0; i < 2; i++)
        if (weir_str_starts(url, schemes[i]))
            rest = (weir_str){url.at + strlen(schemes[i]), url.len - strlen(schemes[i])};
    bool good = rest.at != NULL;
    if (good && cut(&rest, '@', true, &user)) {
        weir_str name;
        bool     both = cut(&user, ':', false, &name);
        good = decode(both ? name : user, arena, &made.user) &&
               (!both || decode(user, arena, &made.password));
    }
    good = good && cut(&rest, '/', false, &place) && read_host(place, arena, &made) &&
           decode(rest, arena, &made.database) && made.database.len > 0 &&
           memchr(made.database.at, '/', made.database.len) == NULL;
    if (good && memchr(rest.at, '?', rest.len) != NULL) {
        (void)weir_fail(err, WEIR_E_CONFIG,
                        "the url of the database has something behind '?'");
        return weir_err_hint(err, "options are the table's: tls, tls_ca, connect_timeout; "
                                  "a ? in a name is %%3F");
    }
    if (!good) {
        (void)weir_fail(err, WEIR_E_CONFIG, "the url of the database cannot be read");
        return weir_err_hint(err,
                             "write mysql://user:password@host:port/database, with %%40 "
                             "for @, %%3A for : and %%2F for / inside a part");
    }
    *out = made;
    return WEIR_OK;
}

#define PORT_DEFAULT 3306

static bool is_this_machine(weir_str host)
{
    return host.len == 0 || weir_str_is(host, "localhost") ||
           weir_str_is(host, "127.0.0.1") || weir_str_is(host, "::1");
}

weir_str keyed_place(weir_str value, weir_arena *arena)
{
    keyed_url url;
    weir_err  ignored; /* it is told when the sink is opened */
    weir_err_clear(&ignored);
    if (keyed_url_parse(value, arena, &url, &ignored) != WEIR_OK)
        return value;
    char *host = weir_arena_text(arena, "%.*s", WEIR_STR_FMT(url.host));
    for (char *c = host; *c != '\0' && host[0] != '/'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    if (is_this_machine(weir_str_of(host)))
        host = weir_arena_text(arena, "localhost");
    return weir_str_of(weir_arena_text(
        arena, "%.*s %.*s %s %u %.*s", WEIR_STR_FMT(url.user), WEIR_STR_FMT(url.password),
        host, url.port > 0 ? url.port : PORT_DEFAULT, WEIR_STR_FMT(url.database)));
}

static weir_code check_key(const weir_sink_table *from, weir_err *err)
{
    if (from->keys == 0) {
        (void)weir_fail(err, WEIR_E_CONFIG, "table '%.*s' has no PRIMARY KEY to upsert by",
                        WEIR_STR_FMT(from->name));
        return weir_err_at(err, from->sql_at);
    }
    for (uint32_t k = 0; k < from->keys; k++) {
        const weir_field *field = &from->schema->field[from->key[k]];
        bool              loose =
            field->type.id == WEIR_T_NUMERIC && field->type.scale == WEIR_SCALE_ANY;
        if (!loose && field->type.id != WEIR_T_FLOAT32 &&
            field->type.id != WEIR_T_FLOAT64 && field->type.id != WEIR_T_JSONB)
            continue;
        (void)weir_fail(
            err, WEIR_E_CONFIG,
            "column '%.*s' cannot be in a key: equal values may differ in their "
            "bytes",
            WEIR_STR_FMT(field->name));
        (void)weir_err_hint(err, "numeric(p,s), integers, text, dates and times can be");
        return weir_err_at(err, from->sql_at);
    }
    return WEIR_OK;
}

/* The engine groups by name; two servers may have databases of one name. */
static weir_code check_url(const weir_sink_table *first, const weir_sink_table *other,
                           weir_arena *arena, weir_err *err)
{
    if (weir_str_eq(keyed_place(weir_opts_text(first->opts, "url"), arena),
                    keyed_place(weir_opts_text(other->opts, "url"), arena)))
        return WEIR_OK;
    (void)weir_fail(
        err, WEIR_E_CONFIG,
        "tables '%.*s' and '%.*s' are in one sink group, but have different urls",
        WEIR_STR_FMT(first->name), WEIR_STR_FMT(other->name));
    (void)weir_err_hint(err,
                        "write the same url, or give another server's table a sink_group");
    return weir_err_at(err, weir_opts_at(other->opts, "url"));
}

weir_code keyed_table_of(const weir_sink_table *from, keyed_table *out, weir_err *err)
{
    weir_str  name = weir_opts_text(from->opts, "table");
    weir_code rc = check_key(from, err);
    if (rc == WEIR_OK)
        *out = (keyed_table){.target = name.len > 0 ? name : from->name,
                             .schema = *from->schema,
                             .keys = from->keys,
                             .key = (uint32_t *)(uintptr_t)from->key};
    return rc;
}

static weir_code take_table(keyed_sink *self, uint32_t t, weir_err *err)
{
    const weir_sink_table *from = &self->setup.table[t];
    keyed_table           *to = &self->table[t];
    weir_str               name = weir_opts_text(from->opts, "table");
    weir_code              rc = check_key(from, err);
    if (rc == WEIR_OK)
        rc = check_url(&self->setup.table[0], from, self->job, err);
    if (rc != WEIR_OK)
        return rc;
    to->target = weir_str_copy(self->job, name.len > 0 ? name : from->name);
    to->schema = *from->schema;
    to->keys = from->keys;
    to->key = WEIR_ARRAY(self->job, uint32_t, from->keys);
    memcpy(to->key, from->key, from->keys * sizeof *to->key);
    self->rule[t] = WEIR_ARRAY(self->job, keyed_rule, from->schema->count);
    for (uint32_t i = 0; i < t; i++) {
        if (!weir_str_eq(self->table[i].target, to->target))
            continue;
        (void)weir_fail(err, WEIR_E_CONFIG, "two tables of the job write the table '%.*s'",
                        WEIR_STR_FMT(to->target));
        return weir_err_at(err, from->sql_at);
    }
    return WEIR_OK;
}

weir_code keyed_open(keyed_sink *self, const keyed_driver *driver,
                     const weir_sink_setup *setup, weir_str database, weir_err *err)
{
    self->driver = WEIR_FAILPOINTS_BUILT ? keyed_driver_with_faults(driver) : driver;
    self->real = driver;
    self->setup = *setup;
    if (self->job == NULL)
        self->job = weir_arena_new("sql sink", 4 << 10);
    self->epoch = weir_arena_new("sql rows", 1 << 20);
    self->refused_arena = weir_arena_new("sql refused", 4 << 10);
    self->tables = setup->tables;
    self->table = WEIR_ARRAY(self->job, keyed_table, setup->tables);
    self->rule = WEIR_ARRAY(self->job, keyed_rule *, setup->tables);

    weir_str group = weir_opts_text(setup->table[0].opts, "sink_group");
    self->group = weir_str_copy(self->job, group.len > 0 ? group : database);
    if (self->group.len > 64 || setup->task.len > 64)
        return weir_fail(err, WEIR_E_CONFIG,
                         "the sink group '%.*s' is longer than 64 bytes",
                         WEIR_STR_FMT(self->group));
    for (uint32_t t = 0; t < setup->tables; t++) {
        weir_code rc = take_table(self, t, err);
        if (rc != WEIR_OK)
            return rc;
    }
    return WEIR_OK;
}

void keyed_close(keyed_sink *self)
{
    weir_heap_free(self->refused);
    weir_arena_free(self->refused_arena);
    weir_arena_free(self->epoch);
    weir_arena_free(self->job);
}
