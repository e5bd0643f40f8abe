/* store/s3: objects in an S3-compatible server.
 *
 * Gives      the kind `s3`. What goes over the wire, and what is done about answers, is in
 *            s3_run.c and s3_answer.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "s3.h"

#define PATIENCE_US (10 * 1000000LL)

static weir_store_open_fn    open_store;
static weir_store_get_fn     get_objects;
static weir_store_head_fn    head_objects;
static weir_store_put_fn     put_objects;
static weir_store_put_new_fn put_new_objects;
static weir_store_list_fn    list_objects;
static weir_store_remove_fn  remove_objects;
static weir_store_close_fn   close_store;

const weir_store_kind weir_store_s3 = {
    .name = "s3",
    .scheme = "s3://",
    .summary = "objects in S3 or a server like it",
    .size = sizeof(s3_store),
    .probed = true,
    .open = open_store,
    .get = get_objects,
    .head = head_objects,
    .put = put_objects,
    .put_new = put_new_objects,
    .list = list_objects,
    .remove = remove_objects,
    .close = close_store,
};

static s3_store *self_of(weir_store *store)
{
    weir_assert(store != NULL);
    weir_assert(store->kind == &weir_store_s3);
    return (s3_store *)store;
}

static weir_code open_http(s3_store *self, const weir_opts *opts, weir_err *err)
{
    weir_http_setup setup = {.timeout_us = 0};
    weir_buf        ca_file = {0};
    if (opts != NULL) {
        setup.timeout_us = weir_opts_int(opts, "s3.timeout");
        weir_buf_str(&ca_file, weir_opts_text(opts, "s3.ca_file"));
        weir_buf_byte(&ca_file, '\0');
        setup.ca_file = ca_file.at;
    }
    weir_code rc = weir_http_client_new(&setup, &self->http, err);
    weir_buf_done(&ca_file);
    return rc;
}

static weir_code open_store(weir_store *store, const weir_store_setup *setup, weir_err *err)
{
    s3_store *self = self_of(store);
    weir_str  location = setup->location;
    if (!weir_str_starts(location, "s3://"))
        return weir_fail(err, WEIR_E_CONFIG, "'%.*s' is not s3://bucket",
                         WEIR_STR_FMT(location));
    self->clock = setup->clock;
    self->patience_us = setup->patience_us > 0 ? setup->patience_us : PATIENCE_US;
    weir_str  bucket = {location.at + 5, location.len - 5};
    weir_code rc = s3_endpoint_set(self, bucket, setup->opts, err);
    if (rc == WEIR_OK)
        rc = open_http(self, setup->opts, err);
    if (rc == WEIR_OK)
        rc = s3_auth_open(&self->auth, setup->opts, setup->clock, err);
    if (rc == WEIR_OK)
        s3_auth_look(&self->auth);
    return rc;
}

static void close_store(weir_store *store)
{
    s3_store *self = self_of(store);
    s3_auth_close(&self->auth);
    weir_http_client_free(self->http);
    self->http = NULL;
}

static weir_code get_objects(weir_store *store, weir_object *object, size_t count,
                             weir_err *err)
{
    return s3_run(self_of(store), S3_GET, object, count, err);
}

static weir_code head_objects(weir_store *store, weir_object *object, size_t count,
                              weir_err *err)
{
    return s3_run(self_of(store), S3_HEAD, object, count, err);
}

static weir_code put_objects(weir_store *store, weir_object *object, size_t count,
                             weir_err *err)
{
    return s3_run(self_of(store), S3_PUT, object, count, err);
}

static weir_code put_new_objects(weir_store *store, weir_object *object, size_t count,
                                 weir_err *err)
{
    return s3_run(self_of(store), S3_PUT_NEW, object, count, err);
}

static weir_code list_objects(weir_store *store, weir_str prefix, weir_str after,
                              uint32_t most, weir_arena *arena, weir_listed **out,
                              uint32_t *out_count, weir_err *err)
{
    return s3_list(&self_of(store)->base, prefix, after, most, arena, out, out_count, err);
}

static weir_code remove_objects(weir_store *store, weir_object *object, size_t count,
                                weir_err *err)
{
    return s3_run(self_of(store), S3_DELETE, object, count, err);
}
