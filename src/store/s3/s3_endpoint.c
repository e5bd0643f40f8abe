/* s3/endpoint: which server, which bucket, how it is addressed, which region is signed for.
 *
 * Path style ("https://host/bucket/key") is what servers of one's own understand; AWS wants
 * the bucket in the host name, but for buckets with a dot, whose name no certificate covers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "s3.h"

static const char *first_of(const char *const *variables)
{
    for (; *variables != NULL; variables++) {
        const char *value = getenv(*variables);
        if (value != NULL && value[0] != '\0')
            return value;
    }
    return NULL;
}

static weir_str option(const weir_opts *opts, const char *name)
{
    return opts == NULL ? (weir_str){NULL, 0} : weir_opts_text(opts, name);
}

static bool is_bucket(weir_str name)
{
    if (name.len < 1 || name.len > 63)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              ((c == '-' || c == '.' || c == '_') && i > 0)))
            return false;
    }
    return true;
}

static bool is_region(const char *name)
{
    size_t len =
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
    return name[len] == '\0'; /* no region is empty: there is a default */
}

static weir_code set_region(s3_store *self, const weir_opts *opts, weir_err *err)
{
    static const char *const variables[] = {"AWS_REGION", "AWS_DEFAULT_REGION", NULL};
    weir_str                 given = option(opts, "s3.region");
    weir_str                 profile = option(opts, "s3.profile");
    const char              *value = first_of(variables);
    const char              *environment = getenv("AWS_PROFILE");
    char                     name[128];
    (void)snprintf(name, sizeof name, "%.*s", profile.len > 0 ? (int)profile.len : 127,
                   profile.len > 0       ? profile.at
                   : environment != NULL ? environment
                                         : "default");
    if (given.len > 0)
        (void)snprintf(self->region, sizeof self->region, "%.*s", WEIR_STR_FMT(given));
    else if (value != NULL)
        (void)snprintf(self->region, sizeof self->region, "%s", value);
    else if (!s3_profile_region(name, self->region, sizeof self->region))
        (void)snprintf(self->region, sizeof self->region, "us-east-1");
    if (!is_region(self->region))
        return weir_fail(err, WEIR_E_CONFIG, "'%s' is no region", self->region);
    return WEIR_OK;
}

/* "host" or "host:port" of an URL, without the port that its scheme implies, which no HTTP
   client sends. 0: it is not such an URL. */
static size_t host_of(const char *endpoint, const char **out_host)
{
    bool        tls = strncmp(endpoint, "https://", 8) == 0;
    const char *host = endpoint + (tls ? 8 : 7);
    if (!tls && strncmp(endpoint, "http://", 7) != 0)
        return 0;
    size_t      len = strcspn(host, "/?#@ \t\r\n\\\"");
    const char *rest = host + len;
    const char *implied = tls ? ":443" : ":80";
    size_t      port = strlen(implied);
    if (rest[0] != '\0' && strcmp(rest, "/") != 0)
        return 0;
    if (len > port && memcmp(host + len - port, implied, port) == 0)
        len -= port;
    *out_host = host;
    return len;
}

static weir_code set_urls(s3_store *self, const char *endpoint, weir_str bucket,
                          bool path_style, weir_err *err)
{
    const char *host = NULL;
    size_t      len = host_of(endpoint, &host);
    if (len == 0 || len > 255)
        return weir_fail(err, WEIR_E_CONFIG,
                         "s3.endpoint '%s' is not http://host:port or https://host:port",
                         endpoint);
    int scheme = (int)(host - endpoint);
    if (path_style) {
        (void)snprintf(self->host, sizeof self->host, "%.*s", (int)len, host);
        (void)snprintf(self->root, sizeof self->root, "/%.*s", WEIR_STR_FMT(bucket));
    } else {
        (void)snprintf(self->host, sizeof self->host, "%.*s.%.*s", WEIR_STR_FMT(bucket),
                       (int)len, host);
    }
    (void)snprintf(self->base_url, sizeof self->base_url, "%.*s%s", scheme, endpoint,
                   self->host);
    /* a place that is cut off would be another's: hosts that long do not exist */
    (void)snprintf(self->base.place, sizeof self->base.place, "%.*s%.*s/%.*s", scheme,
                   endpoint, (int)(len < 170 ? len : 170), host, WEIR_STR_FMT(bucket));
    return WEIR_OK;
}

weir_code s3_endpoint_set(s3_store *self, weir_str bucket, const weir_opts *opts,
                          weir_err *err)
{
    static const char *const variables[] = {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL",
                                            NULL};
    weir_assert(self->root[0] == '\0');
    if (!is_bucket(bucket))
        return weir_fail(err, WEIR_E_CONFIG, "'%.*s' cannot be the name of a bucket",
                         WEIR_STR_FMT(bucket));
    weir_code rc = set_region(self, opts, err);
    if (rc != WEIR_OK)
        return rc;
    weir_str    given = option(opts, "s3.endpoint");
    weir_str    style = option(opts, "s3.path_style");
    const char *value = first_of(variables);
    bool        own = given.len > 0 || value != NULL;
    weir_buf    endpoint = {0};
    if (given.len > 0)
        weir_buf_str(&endpoint, given);
    else if (own)
        weir_buf_text(&endpoint, value);
    else
        weir_buf_format(&endpoint, "https://s3.%s.amazonaws.com", self->region);
    weir_buf_byte(&endpoint, '\0');
    bool dotted = memchr(bucket.at, '.', bucket.len) != NULL;
    bool path_style =
        weir_str_is(style, "true") || (!weir_str_is(style, "false") && (own || dotted));
    rc = set_urls(self, endpoint.at, bucket, path_style, err);
    weir_buf_done(&endpoint);
    return rc;
}
