/* s3/keys: the places where keys may be found.
 *
 * Always     1. the instance's metadata service is asked in version 2 only, with a token:
 *               version 1 answers whoever can make us fetch an URL.
 *            2. a container's full URL is followed to this machine and to the addresses that
 *               container hosts use, and nowhere else.
 * Never      prints a secret; buffers that held one are wiped.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "s3.h"

#define FILE_BYTES_MAX (1u << 20)
#define ANSWER_BYTES_MAX (64u << 10)
#define INSTANCE "http://169.254.169.254"
#define CONTAINER "http://169.254.170.2"
#define ROLES "/latest/meta-data/iam/security-credentials/"

static bool copy(char *out, size_t room, const char *text)
{
    if (text == NULL || text[0] == '\0' || strlen(text) >= room)
        return false;
    memcpy(out, text, strlen(text) + 1);
    return true;
}

static void wipe(weir_buf *buf)
{
    if (buf->at != NULL)
        explicit_bzero(buf->at, buf->room);
    weir_buf_done(buf);
}

bool s3_keys_from_environment(s3_keys *out)
{
    if (!copy(out->id, sizeof out->id, getenv("AWS_ACCESS_KEY_ID")) ||
        !copy(out->secret, sizeof out->secret, getenv("AWS_SECRET_ACCESS_KEY")))
        return false;
    (void)copy(out->token, sizeof out->token,
               getenv("AWS_SESSION_TOKEN")); /* if there is */
    out->expires_us = INT64_MAX;
    return true;
}

static weir_str line_of(weir_str *text)
{
    const char *end = memchr(text->at, '\n', text->len);
    size_t      len = end == NULL ? text->len : (size_t)(end - text->at);
    weir_str    line = weir_str_trim((weir_str){text->at, len});
    size_t      step = len < text->len ? len + 1 : len;
    text->at += step;
    text->len -= step;
    return line;
}

/* "[name]" or "[profile name]". */
static bool is_section(weir_str line, weir_str *out_name)
{
    if (line.len < 3 || line.at[0] != '[' || line.at[line.len - 1] != ']')
        return false;
    weir_str name = weir_str_trim((weir_str){line.at + 1, line.len - 2});
    if (weir_str_starts(name, "profile "))
        name = weir_str_trim((weir_str){name.at + 8, name.len - 8});
    *out_name = name;
    return true;
}

bool s3_profile_value(weir_str file, const char *profile, const char *key, char *out,
                      size_t room)
{
    bool inside = false;
    while (file.len > 0) {
        weir_str    line = line_of(&file);
        weir_str    name;
        const char *equals = line.len == 0 ? NULL : memchr(line.at, '=', line.len);
        if (is_section(line, &name)) {
            inside = weir_str_is(name, profile);
            continue;
        }
        if (!inside || equals == NULL || line.at[0] == '#' || line.at[0] == ';')
            continue;
        size_t   before = (size_t)(equals - line.at);
        weir_str value = weir_str_trim((weir_str){equals + 1, line.len - before - 1});
        if (!weir_str_is(weir_str_trim((weir_str){line.at, before}), key))
            continue;
        if (value.len == 0 || value.len >= room)
            return false;
        memcpy(out, value.at, value.len);
        out[value.len] = '\0';
        return true;
    }
    return false;
}

static bool read_shared(const char *variable, const char *name, weir_buf *out)
{
    const char *given = getenv(variable);
    const char *home = getenv("HOME");
    weir_buf    path = {0};
    if (given != NULL && given[0] != '\0')
        weir_buf_text(&path, given);
    else
        weir_buf_format(&path, "%s/.aws/%s", home == NULL ? "" : home, name);
    weir_buf_byte(&path, '\0');
    FILE *file = fopen(path.at, "rbe");
    weir_buf_done(&path);
    if (file == NULL)
        return false;
    setvbuf(file, NULL, _IONBF, 0); /* no copy of secrets that is not wiped */
    out->len += fread(weir_buf_more(out, FILE_BYTES_MAX), 1, FILE_BYTES_MAX, file);
    (void)fclose(file); /* only read from */
    return out->len > 0;
}

bool s3_keys_from_profile(const char *profile, s3_keys *out)
{
    weir_buf file = {0};
    bool     found = false;
    if (read_shared("AWS_SHARED_CREDENTIALS_FILE", "credentials", &file)) {
        weir_str text = weir_buf_view(&file);
        found =
            s3_profile_value(text, profile, "aws_access_key_id", out->id, sizeof out->id) &&
            s3_profile_value(text, profile, "aws_secret_access_key", out->secret,
                             sizeof out->secret);
        if (found) /* a token is there or not */
            (void)s3_profile_value(text, profile, "aws_session_token", out->token,
                                   sizeof out->token);
    }
    wipe(&file);
    out->expires_us = INT64_MAX;
    return found;
}

bool s3_profile_region(const char *profile, char *out, size_t room)
{
    weir_buf file = {0};
    bool     found = read_shared("AWS_CONFIG_FILE", "config", &file) &&
                 s3_profile_value(weir_buf_view(&file), profile, "region", out, room);
    wipe(&file);
    return found;
}

/* "2026-01-02T03:04:05Z" */
static bool read_expiration(const char *text, int64_t *out_us)
{
    int year, month, day, hour, minute, second;
    if (strlen(text) > 40 || sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d", &year, &month, &day,
                                    &hour, &minute, &second) != 6)
        return false;
    if (!weir_civil_valid(year, month, day) || hour < 0 || hour > 23 || minute < 0 ||
        minute > 59 || second < 0 || second > 60)
        return false;
    weir_civil at = {.year = year,
                     .month = (uint8_t)month,
                     .day = (uint8_t)day,
                     .hour = (uint8_t)hour,
                     .minute = (uint8_t)minute,
                     .second = (uint8_t)second};
    *out_us = weir_civil_to_us(&at);
    return true;
}

bool s3_keys_from_json(weir_str text, s3_keys *out)
{
    json_error_t ignored; /* a service's answer is not the user's to mend */
    json_t      *root = json_loadb(text.at, text.len, JSON_REJECT_DUPLICATES, &ignored);
    if (root == NULL)
        return false;
    const char *expires = json_string_value(json_object_get(root, "Expiration"));
    const char *token = json_string_value(json_object_get(root, "Token"));
    bool        good = copy(out->id, sizeof out->id,
                            json_string_value(json_object_get(root, "AccessKeyId"))) &&
                copy(out->secret, sizeof out->secret,
                     json_string_value(json_object_get(root, "SecretAccessKey")));
    if (good && token != NULL)
        good = copy(out->token, sizeof out->token, token);
    out->expires_us = INT64_MAX;
    if (good && expires != NULL)
        good = read_expiration(expires, &out->expires_us);
    json_decref(root);
    return good;
}

/* The answer, NUL-terminated and without the NUL in its length; false: none. */
static bool ask(weir_http_client *http, const char *method, const char *url,
                const char *header, weir_buf *out)
{
    bool good = false;
    for (int tries = 0; tries < 2 && !good; tries++) {
        weir_http_request request = {
            .method = method, .url = url, .body_most = ANSWER_BYTES_MAX};
        if (header != NULL)
            request.header[request.headers++] = header;
        weir_http_perform(http, &request, 1);
        good = request.end == WEIR_HTTP_ANSWERED && request.status == 200;
        if (good)
            weir_buf_str(out, weir_buf_view(&request.got));
        wipe(&request.got);
        weir_buf_done(&request.got_header);
    }
    weir_buf_byte(out, '\0');
    out->len--;
    return good;
}

bool s3_container_url_allowed(const char *url)
{
    static const char *const hosts[] = {
        "127.0.0.1",      "localhost",      "[::1]", "169.254.170.2",
        "169.254.170.23", "[fd00:ec2::23]", NULL};
    if (strncmp(url, "https://", 8) == 0)
        return true; /* the certificate says who answers */
    if (strncmp(url, "http://", 7) != 0)
        return false;
    const char *host = url + 7;
    for (size_t i = 0; hosts[i] != NULL; i++) {
        size_t len = strlen(hosts[i]);
        if (strncmp(host, hosts[i], len) == 0 &&
            (host[len] == '/' || host[len] == ':' || host[len] == '\0') &&
            strchr(host, '@') == NULL)
            return true;
    }
    return false;
}

static bool container_header(weir_buf *out)
{
    const char *token = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    const char *path = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    weir_buf_text(out, "Authorization: ");
    size_t start = out->len;
    if (path != NULL && path[0] != '\0') {
        weir_buf file = {0};
        if (read_shared("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "", &file))
            weir_buf_str(out, weir_str_trim(weir_buf_view(&file)));
        wipe(&file);
    } else if (token != NULL) {
        weir_buf_text(out, token);
    }
    bool found = out->len > start && memchr(out->at, '\n', out->len) == NULL;
    weir_buf_byte(out, '\0');
    return found;
}

bool s3_container_url(weir_buf *out)
{
    const char *relative = getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    if (relative != NULL && relative[0] == '/')
        weir_buf_format(out, CONTAINER "%s", relative);
    else if (full != NULL && s3_container_url_allowed(full)) /* 2 */
        weir_buf_text(out, full);
    else
        return false;
    weir_buf_byte(out, '\0');
    return true;
}

bool s3_keys_from_container(weir_http_client *http, s3_keys *out)
{
    weir_buf url = {0};
    if (!s3_container_url(&url))
        return false;
    weir_buf header = {0};
    weir_buf answer = {0};
    bool     token = container_header(&header);
    bool     good = ask(http, "GET", url.at, token ? header.at : NULL, &answer) &&
                s3_keys_from_json(weir_buf_view(&answer), out);
    wipe(&header);
    wipe(&answer);
    weir_buf_done(&url);
    return good;
}

/* GET of the instance's metadata below `path`. */
static bool ask_instance(weir_http_client *http, const char *header, const char *path,
                         const char *name, weir_buf *out)
{
    const char *base = getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    weir_buf    url = {0};
    /* cover: no test may ask the cloud's own address */
    if (base == NULL || base[0] == '\0')
        base = INSTANCE;
    weir_buf_format(&url, "%s%s%.*s", base, path, (int)strcspn(name, "\r\n"), name);
    weir_buf_byte(&url, '\0');
    bool put = strcmp(path, "/latest/api/token") == 0;
    bool good = ask(http, put ? "PUT" : "GET", url.at, header, out);
    weir_buf_done(&url);
    return good;
}

bool s3_keys_from_instance(weir_http_client *http, s3_keys *out)
{
    const char *off = getenv("AWS_EC2_METADATA_DISABLED");
    if (off != NULL && strcmp(off, "true") == 0)
        return false;
    weir_buf token = {0};
    weir_buf header = {0};
    weir_buf role = {0};
    weir_buf answer = {0};
    bool     good = ask_instance(http, "X-aws-ec2-metadata-token-ttl-seconds: 300",
                                 "/latest/api/token", "", &token); /* 1 */
    weir_buf_format(&header, "X-aws-ec2-metadata-token: %.*s",
                    (int)strcspn(token.at, "\r\n"), token.at);
    weir_buf_byte(&header, '\0');
    good = good && ask_instance(http, header.at, ROLES, "", &role) && role.len > 0 &&
           ask_instance(http, header.at, ROLES, role.at, &answer) &&
           s3_keys_from_json(weir_buf_view(&answer), out);
    wipe(&token);
    wipe(&header);
    weir_buf_done(&role);
    wipe(&answer);
    return good;
}
