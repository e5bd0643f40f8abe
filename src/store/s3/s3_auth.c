/* s3/auth: keys for signing, fetched where they are and fetched anew in time.
 *
 * Always     1. the order is fixed: options, environment, shared profile, container,
 *               instance. The first that has keys wins.
 *            2. keys that expire are fetched anew at 80 % of their life, a little earlier by
 *               chance, so that many processes do not ask at once. While that fails the old
 *               ones are used as long as they last, and it is tried twice a minute.
 *            3. one thread fetches, others wait for it.
 *            4. they are looked for when the store is opened. Its first request may come much
 *               later, behind a commit: from then on a service that is away is waited for.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "s3.h"
#include "weir/failpoint.h"
#include "weir/hash.h"

#define METADATA_CONNECT_US 1000000
#define METADATA_TIMEOUT_US 2000000
#define ASK_AGAIN_US (30LL * 1000000)

static bool take(char *out, size_t room, weir_str text)
{
    if (text.len >= room || (text.len > 0 && memchr(text.at, '\0', text.len) != NULL))
        return false;
    if (text.len > 0)
        memcpy(out, text.at, text.len);
    out[text.len] = '\0';
    return true;
}

static weir_code read_fixed(s3_auth *auth, const weir_opts *opts, weir_err *err)
{
    weir_str id = weir_opts_text(opts, "s3.access_key");
    weir_str secret = weir_opts_text(opts, "s3.secret_key");
    if ((id.len == 0) != (secret.len == 0))
        return weir_fail(err, WEIR_E_CONFIG, "s3.access_key and s3.secret_key go together");
    auth->fixed.expires_us = INT64_MAX;
    if (!take(auth->fixed.id, sizeof auth->fixed.id, id) ||
        !take(auth->fixed.secret, sizeof auth->fixed.secret, secret) ||
        !take(auth->fixed.token, sizeof auth->fixed.token,
              weir_opts_text(opts, "s3.session_token")))
        return weir_fail(err, WEIR_E_CONFIG, "a key for S3 is too long");
    return WEIR_OK;
}

weir_code s3_auth_open(s3_auth *auth, const weir_opts *opts, weir_clock *clock,
                       weir_err *err)
{
    const weir_http_setup setup = {.timeout_us = METADATA_TIMEOUT_US,
                                   .connect_us = METADATA_CONNECT_US};
    const char           *environment = getenv("AWS_PROFILE");
    weir_str              given =
        opts == NULL ? (weir_str){NULL, 0} : weir_opts_text(opts, "s3.profile");
    weir_assert(auth->metadata == NULL);
    auth->clock = clock;
    weir_code rc = weir_http_client_new(&setup, &auth->metadata, err);
    if (rc != WEIR_OK) /* cover: the store's own client was made before: libcurl works */
        return rc;
    pthread_mutex_init(&auth->lock, NULL); /* cannot fail with default attributes */
    if (given.len == 0)
        given = weir_str_of(environment != NULL && environment[0] != '\0' ? environment
                                                                          : "default");
    if (!take(auth->profile, sizeof auth->profile, given))
        return weir_fail(err, WEIR_E_CONFIG, "the name of the profile is too long");
    return opts == NULL ? WEIR_OK : read_fixed(auth, opts, err);
}

void s3_auth_close(s3_auth *auth)
{
    if (auth->metadata == NULL)
        return;
    explicit_bzero(&auth->fixed, sizeof auth->fixed);
    explicit_bzero(&auth->now, sizeof auth->now);
    pthread_mutex_destroy(&auth->lock);
    weir_http_client_free(auth->metadata);
    auth->metadata = NULL;
}

/* 1. */
static bool fetch(const s3_auth *auth, s3_keys *out)
{
    static const s3_keys none = {.expires_us = INT64_MAX};
    *out = auth->fixed;
    if (out->id[0] != '\0')
        return true;
    *out = none;
    if (s3_keys_from_environment(out))
        return true;
    *out = none;
    if (s3_keys_from_profile(auth->profile, out))
        return true;
    *out = none;
    if (s3_keys_from_container(auth->metadata, out))
        return true;
    *out = none;
    return s3_keys_from_instance(auth->metadata, out);
}

/* 2: between 76 % and 80 % of the life. */
static int64_t renewal_of(const s3_keys *keys, int64_t now_us)
{
    uint8_t nonce[16];
    if (keys->expires_us == INT64_MAX)
        return INT64_MAX;
    weir_random_nonce(nonce);
    int64_t life_us = keys->expires_us > now_us ? keys->expires_us - now_us : 0;
    int64_t permille = 760 + nonce[0] % 41;
    int64_t renewal_us = now_us + life_us / 1000 * permille;
    return renewal_us < now_us + ASK_AGAIN_US ? now_us + ASK_AGAIN_US : renewal_us;
}

static weir_code no_keys(const s3_auth *auth, weir_err *err)
{
    if (auth->known)
        return weir_retry(err, WEIR_E_REMOTE,
                          "the keys for S3 expired and there are no new ones");
    (void)weir_fail(err, WEIR_E_CONFIG, "there are no keys for S3");
    return weir_err_hint(
        err, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or s3.access_key "
             "and s3.secret_key, or a profile in ~/.aws/credentials");
}

static weir_code renew(s3_auth *auth, int64_t now_us, weir_err *err)
{
    s3_keys   fresh;
    weir_code rc = WEIR_OK;
    WEIR_FAILPOINT(cred_refresh);
    if (fetch(auth, &fresh)) {
        auth->now = fresh;
        auth->fetched_us = now_us;
        auth->next_us = renewal_of(&fresh, now_us);
        auth->known = true;
    } else if (!auth->known || now_us >= auth->now.expires_us) {
        rc = no_keys(auth, err);
    } else {
        auth->next_us = now_us + ASK_AGAIN_US;
    }
    explicit_bzero(&fresh, sizeof fresh);
    return rc;
}

weir_code s3_auth_keys(s3_auth *auth, s3_keys *out, weir_err *err)
{
    weir_code rc = WEIR_OK;
    pthread_mutex_lock(&auth->lock); /* 3 */
    int64_t now_us = auth->clock->wall_us(auth->clock);
    if (!auth->known || now_us >= auth->next_us || now_us < auth->fetched_us)
        rc = renew(auth, now_us, err);
    if (rc == WEIR_OK)
        *out = auth->now;
    pthread_mutex_unlock(&auth->lock);
    return rc;
}

void s3_auth_look(s3_auth *auth)
{
    s3_keys  keys;
    weir_err ignored; /* who has none hears it at the first request */
    if (s3_auth_keys(auth, &keys, &ignored) == WEIR_OK)
        explicit_bzero(&keys, sizeof keys);
}

void s3_auth_expired(s3_auth *auth)
{
    pthread_mutex_lock(&auth->lock);
    int64_t now_us = auth->clock->wall_us(auth->clock);
    if (now_us >= auth->fetched_us + ASK_AGAIN_US || now_us < auth->fetched_us)
        auth->next_us = now_us; /* not those that were fetched a moment ago */
    pthread_mutex_unlock(&auth->lock);
}
