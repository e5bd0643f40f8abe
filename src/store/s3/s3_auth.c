/* s3/auth: keys for signing: options, environment, shared profile, container, instance.
 *
 * Gives      s3_auth_start, s3_auth_done, s3_auth_keys, s3_auth_forget, s3_profile_value.
 * Always     1. the order is fixed, the first that has keys wins.
 *            2. the instance's metadata service is asked in version 2 only, with a token.
 *            3. keys that expire are fetched anew at 80 % of their life.
 * Never      prints a secret.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "s3.h"

#define AUTH_PROFILE_BYTES (1u << 20)
#define AUTH_METADATA "http://169.254.169.254"
#define AUTH_CONTAINER "http://169.254.170.2"

static bool copy(char *out, size_t room, const char *text)
{
    if (text == NULL || text[0] == 0 || strlen(text) >= room)
        return false;
    memcpy(out, text, strlen(text) + 1);
    return true;
}

static bool from_environment(s3_keys *out)
{
    if (!copy(out->id, sizeof out->id, getenv("AWS_ACCESS_KEY_ID")) ||
        !copy(out->secret, sizeof out->secret, getenv("AWS_SECRET_ACCESS_KEY")))
        return false;
    (void)copy(out->token, sizeof out->token, getenv("AWS_SESSION_TOKEN"));
    out->expires_us = INT64_MAX;
    return true;
}

bool s3_profile_value(weir_str file, const char *profile, const char *key, char *out,
                      size_t room)
{
    bool inside = false;
    for (size_t at = 0; at < file.len;) {
        size_t end = at;
        while (end < file.len && file.at[end] != '\n')
            end++;
        weir_str line = weir_str_trim((weir_str){file.at + at, end - at});
        at = end + 1;
        if (line.len > 2 && line.at[0] == '[') {
            weir_str name = weir_str_trim((weir_str){line.at + 1, line.len - 2});
            if (weir_str_starts(name, "profile "))
                name = weir_str_trim((weir_str){name.at + 8, name.len - 8});
            inside = weir_str_is(name, profile);
            continue;
        }
        const char *equals = line.len ? memchr(line.at, '=', line.len) : NULL;
        if (!inside || equals == NULL || line.at[0] == '#')
            continue;
        weir_str name = weir_str_trim((weir_str){line.at, (size_t)(equals - line.at)});
        weir_str value = {equals + 1, (size_t)(line.at + line.len - equals - 1)};
        value = weir_str_trim(value);
        if (weir_str_is(name, key) && value.len > 0 && value.len < room) {
            memcpy(out, value.at, value.len);
            out[value.len] = 0;
            return true;
        }
    }
    return false;
}

static bool read_shared(const char *variable, const char *name, weir_buf *out)
{
    char path[4096];
    const char *given = getenv(variable), *home = getenv("HOME");
    if (given)
        (void)snprintf(path, sizeof path, "%s", given);
    else
        (void)snprintf(path, sizeof path, "%s/.aws/%s", home ? home : "", name);
    FILE *file = fopen(path, "rbe");
    if (file == NULL)
        return false;
    char *room = weir_buf_more(out, AUTH_PROFILE_BYTES);
    out->len += fread(room, 1, AUTH_PROFILE_BYTES, file);
    (void)fclose(file);
    return out->len > 0;
}

static bool from_profile(const s3_auth *auth, s3_keys *out)
{
    weir_buf file = {0};
    bool found = false;
    if (read_shared("AWS_SHARED_CREDENTIALS_FILE", "credentials", &file)) {
        weir_str text = weir_buf_view(&file);
        found = s3_profile_value(text, auth->profile, "aws_access_key_id", out->id,
                                 sizeof out->id) &&
                s3_profile_value(text, auth->profile, "aws_secret_access_key", out->secret,
                                 sizeof out->secret);
        if (found)
            (void)s3_profile_value(text, auth->profile, "aws_session_token", out->token,
                                   sizeof out->token);
    }
    if (file.at)
        explicit_bzero(file.at, file.len);
    weir_buf_done(&file);
    out->expires_us = INT64_MAX;
    return found;
}

/* {"AccessKeyId":…,"SecretAccessKey":…,"Token":…,"Expiration":"2026-01-02T03:04:05Z"} */
static bool keys_from_json(weir_str text, s3_keys *out)
{
    json_error_t error;
    json_t *root = json_loadb(text.at, text.len, 0, &error);
    if (root == NULL)
        return false;
    const char *expires = json_string_value(json_object_get(root, "Expiration"));
    bool good = copy(out->id, sizeof out->id,
                     json_string_value(json_object_get(root, "AccessKeyId"))) &&
                copy(out->secret, sizeof out->secret,
                     json_string_value(json_object_get(root, "SecretAccessKey")));
    (void)copy(out->token, sizeof out->token,
               json_string_value(json_object_get(root, "Token")));
    out->expires_us = INT64_MAX;
    int year, month, day, hour, minute, second;
    if (expires && sscanf(expires, "%d-%d-%dT%d:%d:%d", &year, &month, &day, &hour, &minute,
                          &second) == 6) {
        weir_civil at = {.year = year, .month = (uint8_t)month, .day = (uint8_t)day,
                         .hour = (uint8_t)hour, .minute = (uint8_t)minute,
                         .second = (uint8_t)second};
        out->expires_us = weir_civil_to_us(&at);
    }
    json_decref(root);
    return good;
}

static bool ask(s3_auth *auth, const char *method, const char *url, const char *header,
                weir_buf *out)
{
    weir_http_request request = {.method = method, .url = url, .body_most = 64 << 10};
    if (header)
        request.header[request.headers++] = header;
    weir_http_perform(auth->http, &request, 1);
    bool good = request.end == WEIR_HTTP_ANSWERED && request.status == 200;
    if (good)
        weir_buf_str(out, weir_buf_view(&request.got));
    weir_buf_byte(out, 0);
    out->len--;
    weir_buf_done(&request.got);
    weir_buf_done(&request.got_header);
    return good;
}

static bool from_container(s3_auth *auth, s3_keys *out)
{
    const char *relative = getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    if (relative == NULL || relative[0] != '/')
        return false;
    char url[1024];
    (void)snprintf(url, sizeof url, AUTH_CONTAINER "%s", relative);
    weir_buf answer = {0};
    bool good = ask(auth, "GET", url, NULL, &answer) &&
                keys_from_json(weir_buf_view(&answer), out);
    weir_buf_done(&answer);
    return good;
}

static bool from_instance(s3_auth *auth, s3_keys *out)
{
    const char *off = getenv("AWS_EC2_METADATA_DISABLED");
    if (off && strcmp(off, "true") == 0)
        return false;
    static const char path[] = AUTH_METADATA "/latest/meta-data/iam/security-credentials/";
    char header[512], url[1024];
    weir_buf token = {0}, role = {0}, answer = {0};
    bool good = ask(auth, "PUT", AUTH_METADATA "/latest/api/token",
                    "X-aws-ec2-metadata-token-ttl-seconds: 300", &token);
    if (good) {
        (void)snprintf(header, sizeof header, "X-aws-ec2-metadata-token: %.400s", token.at);
        good = ask(auth, "GET", path, header, &role);
    }
    if (good) {
        (void)snprintf(url, sizeof url, "%s%.*s", path, (int)strcspn(role.at, "\r\n"),
                       role.at);
        good = ask(auth, "GET", url, header, &answer) &&
               keys_from_json(weir_buf_view(&answer), out);
    }
    weir_buf_done(&token);
    weir_buf_done(&role);
    weir_buf_done(&answer);
    return good;
}

static weir_code read_fixed(s3_auth *auth, const weir_opts *opts, weir_err *err)
{
    weir_str id = weir_opts_text(opts, "s3.access_key");
    weir_str secret = weir_opts_text(opts, "s3.secret_key");
    weir_str token = weir_opts_text(opts, "s3.session_token");
    if (id.len == 0 && secret.len == 0)
        return WEIR_OK;
    if (id.len == 0 || secret.len == 0)
        return weir_fail(err, WEIR_E_CONFIG,
                         "s3.access_key and s3.secret_key go together");
    if (id.len >= sizeof auth->fixed.id || secret.len >= sizeof auth->fixed.secret ||
        token.len >= sizeof auth->fixed.token)
        return weir_fail(err, WEIR_E_LIMIT, "an S3 key is too long");
    memcpy(auth->fixed.id, id.at, id.len);
    memcpy(auth->fixed.secret, secret.at, secret.len);
    if (token.len > 0)
        memcpy(auth->fixed.token, token.at, token.len);
    auth->fixed.expires_us = INT64_MAX;
    return WEIR_OK;
}

weir_code s3_auth_start(s3_auth *auth, const weir_opts *opts, weir_clock *clock,
                        weir_http_client *http, weir_err *err)
{
    memset(auth, 0, sizeof *auth);
    pthread_mutex_init(&auth->lock, NULL);
    auth->clock = clock;
    auth->http = http;
    const char *profile = getenv("AWS_PROFILE");
    weir_str given = opts ? weir_opts_text(opts, "s3.profile") : (weir_str){NULL, 0};
    (void)snprintf(auth->profile, sizeof auth->profile, "%.*s",
                   given.len ? (int)given.len : 127,
                   given.len ? given.at : profile ? profile : "default");
    return opts ? read_fixed(auth, opts, err) : WEIR_OK;
}

void s3_auth_done(s3_auth *auth)
{
    explicit_bzero(&auth->fixed, sizeof auth->fixed);
    explicit_bzero(&auth->now, sizeof auth->now);
    pthread_mutex_destroy(&auth->lock);
}

static bool still_good(const s3_auth *auth, int64_t now_us)
{
    if (!auth->known)
        return false;
    if (auth->now.expires_us == INT64_MAX)
        return true;
    int64_t life = auth->now.expires_us - auth->fetched_us;
    return now_us < auth->fetched_us + life / 10 * 8;
}

static bool fetch(s3_auth *auth, s3_keys *out)
{
    memset(out, 0, sizeof *out);
    if (auth->fixed.id[0]) {
        *out = auth->fixed;
        return true;
    }
    return from_environment(out) || from_profile(auth, out) || from_container(auth, out) ||
           from_instance(auth, out);
}

weir_code s3_auth_keys(s3_auth *auth, s3_keys *out, weir_err *err)
{
    weir_code rc = WEIR_OK;
    pthread_mutex_lock(&auth->lock);
    int64_t now_us = auth->clock->wall_us(auth->clock);
    if (!still_good(auth, now_us)) {
        s3_keys fresh;
        if (fetch(auth, &fresh)) {
            auth->now = fresh;
            auth->fetched_us = now_us;
            auth->known = true;
        } else if (!auth->known || now_us >= auth->now.expires_us) {
            rc = weir_fail(err, WEIR_E_CONFIG, "there are no keys for S3");
            (void)weir_err_hint(err, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a "
                                     "profile in ~/.aws/credentials, or s3.access_key and "
                                     "s3.secret_key");
        }
    }
    if (rc == WEIR_OK)
        *out = auth->now;
    pthread_mutex_unlock(&auth->lock);
    return rc;
}

void s3_auth_forget(s3_auth *auth)
{
    pthread_mutex_lock(&auth->lock);
    auth->known = false;
    pthread_mutex_unlock(&auth->lock);
}
