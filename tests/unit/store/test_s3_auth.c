/* tests/s3_auth: where keys are found, in which order, and when they are fetched anew.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "fake_clock.h"
#include "fake_http.h"
#include "s3/s3.h"

#define ROLE "/latest/meta-data/iam/security-credentials/the-role"

typedef struct bed {
    fake_http   server;
    fake_clock  clock;
    weir_arena *arena;
    s3_auth     auth;
    weir_err    err;
    char        folder[64];
    int         status;
    char        expiration[40];
    uint64_t    tokens, roles, keys;
    bool        without_token; /* a request came without its token */
} bed;

static const weir_option options[] = {
#define S3_OPTION(n, t, f, c, h)                                                           \
    {.name = (n), .type = (t), .fallback = (f), .choices = (c), .help = (h)},
#include "weir/s3_options.def"
#undef S3_OPTION
    {0},
};

static const char *const variables[] = {"AWS_ACCESS_KEY_ID",
                                        "AWS_SECRET_ACCESS_KEY",
                                        "AWS_SESSION_TOKEN",
                                        "AWS_PROFILE",
                                        "AWS_SHARED_CREDENTIALS_FILE",
                                        "AWS_CONFIG_FILE",
                                        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                                        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                                        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
                                        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                                        "AWS_EC2_METADATA_DISABLED",
                                        "AWS_EC2_METADATA_SERVICE_ENDPOINT"};

static void answer_keys(bed *b, fake_http_answer *out, const char *id)
{
    b->keys++;
    weir_buf_format(&out->body,
                    "{\"Code\":\"Success\",\"AccessKeyId\":\"%s%" PRIu64
                    "\",\"SecretAccessKey\":\"s\",\"Token\":\"t\",\"Expiration\":\"%s\"}",
                    id, b->keys, b->expiration);
}

/* The metadata service of an instance, and of a container. */
static void serve(void *self, const fake_http_request *request, fake_http_answer *out)
{
    bed *b = self;
    out->status = b->status;
    if (b->status != 200)
        return;
    bool     container = weir_str_starts(request->target, "/container");
    weir_str token =
        fake_http_header(request, container ? "authorization" : "x-aws-ec2-metadata-token");
    if (weir_str_is(request->target, "/latest/api/token")) {
        b->tokens++;
        CHECK_STR(request->method, "PUT");
        CHECK_STR(fake_http_header(request, "x-aws-ec2-metadata-token-ttl-seconds"), "300");
        weir_buf_text(&out->body, "the-token");
        return;
    }
    b->without_token |= !weir_str_is(token, "the-token");
    if (container)
        answer_keys(b, out, "container");
    else if (weir_str_is(request->target, "/latest/meta-data/iam/security-credentials/")) {
        b->roles++;
        weir_buf_text(&out->body, "the-role\n");
    } else if (weir_str_is(request->target,
                           "/latest/meta-data/iam/security-credentials/the-role"))
        answer_keys(b, out, "instance");
    else
        out->status = 404;
}

static weir_opts *read_options(bed *b, const weir_setting *setting, size_t count)
{
    const weir_option *const tables[3] = {options};
    weir_opts               *opts = NULL;
    CHECK_OK(weir_opts_read(tables, setting, count, b->arena, &opts, &b->err), &b->err);
    return opts;
}

#define SET(n, v)                                                                          \
    {                                                                                      \
        .name = WEIR_STR(n), .value = weir_str_of(v), .name_at = -1, .value_at = -1        \
    }

static void set_up(bed *b)
{
    memset(b, 0, sizeof *b);
    weir_err_clear(&b->err);
    b->clock = fake_clock_new(); /* 2024-01-01 */
    b->arena = weir_arena_new("bed", 4096);
    b->status = 200;
    (void)snprintf(b->expiration, sizeof b->expiration, "2024-01-01T01:00:00Z");
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        unsetenv(variables[i]);
    (void)snprintf(b->folder, sizeof b->folder, "/tmp/weir-auth-XXXXXX");
    assert_non_null(mkdtemp(b->folder));
    char path[100];
    (void)snprintf(path, sizeof path, "%s/credentials", b->folder);
    setenv("AWS_SHARED_CREDENTIALS_FILE", path, 1);
    fake_http_start(&b->server, serve, b);
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", b->server.url, 1);
}

static void tear_down(bed *b)
{
    char path[100];
    s3_auth_close(&b->auth);
    fake_http_stop(&b->server);
    (void)snprintf(path, sizeof path, "%s/credentials", b->folder);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/token", b->folder);
    (void)unlink(path);
    assert_int_equal(rmdir(b->folder), 0);
    weir_arena_free(b->arena);
}

static void write_file(bed *b, const char *name, const char *text)
{
    char path[100];
    (void)snprintf(path, sizeof path, "%s/%s", b->folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs(text, file);
    (void)fclose(file);
}

static void open_auth(bed *b, const weir_opts *opts)
{
    s3_auth_close(&b->auth);
    memset(&b->auth, 0, sizeof b->auth);
    CHECK_OK(s3_auth_open(&b->auth, opts, &b->clock.base, &b->err), &b->err);
    /* the product gives such a service 2 s; here it may take its time */
    weir_http_client_free(b->auth.metadata);
    b->auth.metadata = NULL;
    weir_http_setup setup = {.timeout_us = 60000000, .connect_us = 60000000};
    CHECK_OK(weir_http_client_new(&setup, &b->auth.metadata, &b->err), &b->err);
}

static void expect_keys(bed *b, const char *id, const char *token)
{
    s3_keys keys;
    CHECK_OK(s3_auth_keys(&b->auth, &keys, &b->err), &b->err);
    CHECK_TEXT(keys.id, id);
    CHECK_TEXT(keys.token, token);
}

static void first_that_has_keys_wins(void **state)
{
    (void)state;
    bed b;
    set_up(&b);
    open_auth(&b, NULL);
    expect_keys(&b, "instance1", "t");
    char url[80];
    (void)snprintf(url, sizeof url, "%s/container", b.server.url);
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "the-token", 1);
    open_auth(&b, NULL);
    expect_keys(&b, "container2", "t");
    write_file(&b, "credentials",
               "[default]\naws_access_key_id = file\n"
               "aws_secret_access_key=s\n");
    open_auth(&b, NULL);
    expect_keys(&b, "file", "");
    setenv("AWS_ACCESS_KEY_ID", "environment", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "s", 1);
    setenv("AWS_SESSION_TOKEN", "e", 1);
    open_auth(&b, NULL);
    expect_keys(&b, "environment", "e");
    const weir_setting setting[] = {SET("s3.access_key", "option"),
                                    SET("s3.secret_key", "s")};
    open_auth(&b, read_options(&b, setting, 2));
    expect_keys(&b, "option", "");
    CHECK(!b.without_token);
    tear_down(&b);
}

static void half_a_pair_of_keys_does_not_count(void **state)
{
    (void)state;
    bed b;
    set_up(&b);
    setenv("AWS_ACCESS_KEY_ID", "environment", 1);
    write_file(&b, "credentials", "[default]\naws_access_key_id = file\n");
    open_auth(&b, NULL);
    expect_keys(&b, "instance1", "t");
    tear_down(&b);
}

static void container_token_may_be_in_a_file(void **state)
{
    (void)state;
    bed  b;
    char url[80], path[100];
    set_up(&b);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    (void)snprintf(url, sizeof url, "%s/container", b.server.url);
    (void)snprintf(path, sizeof path, "%s/token", b.folder);
    write_file(&b, "token", "the-token\n");
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path, 1);
    open_auth(&b, NULL);
    expect_keys(&b, "container1", "t");
    CHECK(!b.without_token);
    tear_down(&b);
}

static void container_url_is_followed_to_few_places(void **state)
{
    (void)state;
    const char *good[] = {"http://127.0.0.1:80/x",    "http://localhost/",
                          "http://[::1]:1/x",         "http://169.254.170.2/v2",
                          "http://169.254.170.23/v1", "https://anywhere.example/x",
                          "http://127.0.0.1"};
    const char *bad[] = {"http://example.com/x",
                         "http://127.0.0.1.example.com/",
                         "http://localhost@example.com/",
                         "http://127.0.0.1:1@example.com/",
                         "ftp://127.0.0.1/",
                         "http://169.254.169.254/",
                         "file:///etc/passwd",
                         ""};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        CHECK(s3_container_url_allowed(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK(!s3_container_url_allowed(bad[i]));
}

static void without_keys_it_says_what_could_be_done(void **state)
{
    (void)state;
    bed     b;
    s3_keys keys;
    set_up(&b);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    open_auth(&b, NULL);
    CHECK_FAILS(s3_auth_keys(&b.auth, &keys, &b.err), WEIR_E_CONFIG, &b.err);
    CHECK_HINTS(&b.err, "AWS_ACCESS_KEY_ID");
    unsetenv("AWS_EC2_METADATA_DISABLED");
    b.status = 403;
    CHECK_FAILS(s3_auth_keys(&b.auth, &keys, &b.err), WEIR_E_CONFIG, &b.err);
    CHECK_INT(b.err.fate, WEIR_FATE_HALT);
    tear_down(&b);
}

static void keys_are_renewed_before_they_run_out(void **state)
{
    (void)state;
    bed b;
    set_up(&b);
    open_auth(&b, NULL);
    expect_keys(&b, "instance1", "t");
    (void)snprintf(b.expiration, sizeof b.expiration, "2024-01-01T02:00:00Z");
    fake_clock_move(&b.clock, 45 * 60 * 1000000LL); /* 75 % */
    expect_keys(&b, "instance1", "t");
    fake_clock_move(&b.clock, 3 * 60 * 1000000LL + 1); /* 80 % */
    expect_keys(&b, "instance2", "t");
    expect_keys(&b, "instance2", "t");
    CHECK_U64(b.tokens, 2);
    tear_down(&b);
}

static void old_keys_are_used_while_there_are_no_new_ones(void **state)
{
    (void)state;
    bed     b;
    s3_keys keys;
    set_up(&b);
    open_auth(&b, NULL);
    expect_keys(&b, "instance1", "t");
    b.status = 500;
    fake_clock_move(&b.clock, 50 * 60 * 1000000LL);
    uint64_t before = b.server.requests;
    for (int i = 0; i < 5; i++)
        expect_keys(&b, "instance1", "t");
    CHECK_U64(b.server.requests - before,
              2); /* asked once, twice over; then not for 30 s */
    fake_clock_move(&b.clock, 11 * 60 * 1000000LL); /* they ran out */
    CHECK_FAILS(s3_auth_keys(&b.auth, &keys, &b.err), WEIR_E_REMOTE, &b.err);
    CHECK_INT(b.err.fate, WEIR_FATE_RETRY);
    b.status = 200;
    (void)snprintf(b.expiration, sizeof b.expiration, "2024-01-01T03:00:00Z");
    expect_keys(&b, "instance2", "t");
    tear_down(&b);
}

static void server_that_calls_keys_expired_is_believed_now_and_then(void **state)
{
    (void)state;
    bed b;
    set_up(&b);
    open_auth(&b, NULL);
    expect_keys(&b, "instance1", "t");
    s3_auth_expired(&b.auth); /* fetched a moment ago: asking again would give the same */
    expect_keys(&b, "instance1", "t");
    fake_clock_move(&b.clock, 31 * 1000000LL);
    s3_auth_expired(&b.auth);
    expect_keys(&b, "instance2", "t");
    tear_down(&b);
}

static void clock_that_goes_back_makes_it_ask_again(void **state)
{
    (void)state;
    bed b;
    set_up(&b);
    open_auth(&b, NULL);
    expect_keys(&b, "instance1", "t");
    b.clock.wall -= 3600 * 1000000LL;
    expect_keys(&b, "instance2", "t");
    tear_down(&b);
}

static void answers_that_are_no_keys_are_refused(void **state)
{
    (void)state;
    const char *bad[] = {
        "",
        "{",
        "[]",
        "{}",
        "{\"AccessKeyId\":\"a\"}",
        "{\"AccessKeyId\":\"\",\"SecretAccessKey\":\"s\"}",
        "{\"AccessKeyId\":1,\"SecretAccessKey\":\"s\"}",
        "{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"s\",\"Expiration\":\"x\"}",
        "{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"s\","
        "\"Expiration\":\"2024-02-30T00:00:00Z\"}",
        "{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"s\","
        "\"Expiration\":\"2024-02-03T25:00:00Z\"}",
        "{\"AccessKeyId\":\"a\",\"AccessKeyId\":\"b\",\"SecretAccessKey\":\"s\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        s3_keys keys = {.id = ""};
        CHECK(!s3_keys_from_json(weir_str_of(bad[i]), &keys));
    }
    char *text = malloc(8192);
    (void)snprintf(
        text, 8192,
        "{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"s\",\"Token\":\"%05000d\"}", 1);
    s3_keys keys = {.id = ""};
    CHECK(!s3_keys_from_json(weir_str_of(text), &keys));
    free(text);
    CHECK(s3_keys_from_json(
        WEIR_STR("{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"s\",\"Expiration\":null}"),
        &keys));
    CHECK(keys.expires_us == INT64_MAX);
}

static void profile_is_read_like_others_read_it(void **state)
{
    (void)state;
    const weir_str file =
        WEIR_STR("# comment\n[default]\n key = a \n;key = b\n[profile other]\r\n"
                 "key=c=d\r\n  [ third ]  \nkey =\nkey2 = e\nno equals\n"
                 "[default]\nlate = f\n=x\n[\n");
    char out[8] = "";
    CHECK(s3_profile_value(file, "default", "key", out, sizeof out));
    CHECK_TEXT(out, "a");
    CHECK(s3_profile_value(file, "other", "key", out, sizeof out));
    CHECK_TEXT(out, "c=d");
    CHECK(s3_profile_value(file, "third", "key2", out, sizeof out));
    CHECK_TEXT(out, "e");
    CHECK(!s3_profile_value(file, "third", "key", out, sizeof out));
    CHECK(!s3_profile_value(file, "none", "key", out, sizeof out));
    CHECK(s3_profile_value(file, "default", "late", out, sizeof out));
    CHECK(!s3_profile_value(file, "other", "key", out, 3));
    CHECK(s3_profile_value(WEIR_STR("[xx\n[y]\nkey=v"), "y", "key", out, sizeof out));
    CHECK_TEXT(out, "v"); /* the last line has no end */
    CHECK(!s3_profile_value(WEIR_STR(""), "default", "key", out, sizeof out));
}

static void region_may_be_the_profiles(void **state)
{
    (void)state;
    bed  b;
    char path[100], region[16];
    set_up(&b);
    (void)snprintf(path, sizeof path, "%s/token", b.folder);
    write_file(&b, "token", "[profile p]\nregion = eu-west-3\n");
    setenv("AWS_CONFIG_FILE", path, 1);
    CHECK(s3_profile_region("p", region, sizeof region));
    CHECK_TEXT(region, "eu-west-3");
    CHECK(!s3_profile_region("default", region, sizeof region));
    setenv("AWS_CONFIG_FILE", "/nowhere", 1);
    CHECK(!s3_profile_region("p", region, sizeof region));
    tear_down(&b);
}

static void keys_that_are_too_long_are_refused(void **state)
{
    (void)state;
    bed  b;
    char text[300];
    set_up(&b);
    memset(text, 'k', sizeof text);
    text[299] = '\0';
    const weir_setting id[] = {SET("s3.access_key", text), SET("s3.secret_key", "s")};
    const weir_setting secret[] = {SET("s3.access_key", "a"), SET("s3.secret_key", text)};
    const weir_setting profile[] = {SET("s3.profile", text)};
    CHECK_FAILS(s3_auth_open(&b.auth, read_options(&b, id, 2), &b.clock.base, &b.err),
                WEIR_E_CONFIG, &b.err);
    s3_auth_close(&b.auth);
    CHECK_FAILS(s3_auth_open(&b.auth, read_options(&b, secret, 2), &b.clock.base, &b.err),
                WEIR_E_CONFIG, &b.err);
    s3_auth_close(&b.auth);
    CHECK_FAILS(s3_auth_open(&b.auth, read_options(&b, profile, 1), &b.clock.base, &b.err),
                WEIR_E_CONFIG, &b.err);
    setenv("AWS_PROFILE", "some", 1);
    open_auth(&b, NULL);
    CHECK_TEXT(b.auth.profile, "some");
    tear_down(&b);
}

static void keys_hold_no_nul_and_tokens_have_a_limit(void **state)
{
    (void)state;
    bed   b;
    char *token = malloc(S3_TEXT_MAX + 1);
    set_up(&b);
    memset(token, 't', S3_TEXT_MAX);
    token[S3_TEXT_MAX] = '\0';
    const weir_setting nul[] = {{.name = WEIR_STR("s3.access_key"),
                                 .value = {"a\0b", 3},
                                 .name_at = -1,
                                 .value_at = -1},
                                SET("s3.secret_key", "s")};
    const weir_setting lasting[] = {SET("s3.access_key", "a"), SET("s3.secret_key", "s"),
                                    SET("s3.session_token", token)};
    CHECK_FAILS(s3_auth_open(&b.auth, read_options(&b, nul, 2), &b.clock.base, &b.err),
                WEIR_E_CONFIG, &b.err);
    s3_auth_close(&b.auth);
    CHECK_FAILS(s3_auth_open(&b.auth, read_options(&b, lasting, 3), &b.clock.base, &b.err),
                WEIR_E_CONFIG, &b.err);
    s3_auth_close(&b.auth);
    setenv("AWS_PROFILE", "", 1);
    open_auth(&b, NULL);
    CHECK_TEXT(b.auth.profile, "default");
    free(token);
    tear_down(&b);
}

/* A service that hands out keys which have run out, or nearly: it is asked again, not at once. */
static void keys_of_the_past_are_not_asked_for_again_and_again(void **state)
{
    (void)state;
    static const char *const ends[] = {"2023-12-31T23:59:59Z", "2024-01-01T00:00:10Z"};
    for (size_t i = 0; i < 2; i++) {
        bed b;
        set_up(&b);
        (void)snprintf(b.expiration, sizeof b.expiration, "%s", ends[i]);
        open_auth(&b, NULL);
        expect_keys(&b, "instance1", "t");
        fake_clock_move(&b.clock, 29 * 1000000LL);
        expect_keys(&b, "instance1", "t");
        fake_clock_move(&b.clock, 2 * 1000000LL);
        expect_keys(&b, "instance2", "t");
        tear_down(&b);
    }
    bed b;
    set_up(&b);
    open_auth(&b, NULL);
    expect_keys(&b, "instance1", "t");
    b.clock.wall -= 1000000; /* a clock that was set back by a second */
    s3_auth_expired(&b.auth);
    expect_keys(&b, "instance2", "t");
    tear_down(&b);
}

static void times_of_the_end_are_read_exactly_or_not_at_all(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool        good;
    } times[] = {
        {"2024-01-01T00:00:00Z", true},
        {"2024-01-01T23:59:60Z", true},
        {"2024-01-01T-1:00:00Z", false},
        {"2024-01-01T24:00:00Z", false},
        {"2024-01-01T00:-1:00Z", false},
        {"2024-01-01T00:60:00Z", false},
        {"2024-01-01T00:00:-1Z", false},
        {"2024-01-01T00:00:61Z", false},
        {"2024-13-01T00:00:00Z", false},
        {"2024-01-01T00:00:00.0000000000000000000000000Z", false},
    };
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        char    text[200];
        s3_keys keys = {.id = ""};
        (void)snprintf(text, sizeof text,
                       "{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"s\","
                       "\"Expiration\":\"%s\"}",
                       times[i].text);
        if (s3_keys_from_json(weir_str_of(text), &keys) != times[i].good)
            fail_msg("%s", times[i].text);
    }
}

static void container_place_is_a_path_or_an_url_that_is_allowed(void **state)
{
    (void)state;
    static const struct {
        const char *relative, *full, *want; /* NULL: none */
    } cases[] = {
        {"/v2/credentials/x", NULL, "http://169.254.170.2/v2/credentials/x"},
        {"/v2", "http://127.0.0.1/full", "http://169.254.170.2/v2"},
        {"no-slash", "http://127.0.0.1/full", "http://127.0.0.1/full"},
        {"", "http://127.0.0.1/full", "http://127.0.0.1/full"},
        {NULL, "http://example.com/x", NULL},
        {NULL, NULL, NULL},
    };
    bed b;
    set_up(&b);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        weir_buf url = {0};
        unsetenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
        unsetenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
        if (cases[i].relative != NULL)
            setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", cases[i].relative, 1);
        if (cases[i].full != NULL)
            setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", cases[i].full, 1);
        CHECK_INT(s3_container_url(&url), cases[i].want != NULL);
        if (cases[i].want != NULL)
            CHECK_TEXT(url.at, cases[i].want);
        weir_buf_done(&url);
    }
    unsetenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    tear_down(&b);
}

/* The token of a container: from a file, from the environment, damaged, or none. */
static void container_is_asked_with_the_token_that_there_is(void **state)
{
    (void)state;
    static const struct {
        const char *file, *variable; /* contents; NULL: not set */
        bool        found, with_token;
    } cases[] = {
        {"the-token\n", NULL, true, true}, {"", "the-token", true, false},
        {"two\nlines", NULL, true, false}, {NULL, "the-token", true, true},
        {NULL, "the\ntoken", true, false}, {NULL, NULL, true, false},
        {"missing", NULL, true, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bed  b;
        char url[80], path[100];
        set_up(&b);
        setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
        (void)snprintf(url, sizeof url, "%s/container", b.server.url);
        (void)snprintf(path, sizeof path, "%s/token", b.folder);
        setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
        if (cases[i].file != NULL && strcmp(cases[i].file, "missing") != 0)
            write_file(&b, "token", cases[i].file);
        if (cases[i].file != NULL)
            setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path, 1);
        if (cases[i].variable != NULL)
            setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", cases[i].variable, 1);
        open_auth(&b, NULL);
        expect_keys(&b, "container1", "t");
        fake_http_settle(&b.server);
        CHECK_INT(b.without_token, !cases[i].with_token);
        tear_down(&b);
    }
    bed  b; /* a variable that is set and empty is not set */
    char url[80];
    set_up(&b);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "", 1);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "the-token", 1);
    (void)snprintf(url, sizeof url, "%s/container", b.server.url);
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
    open_auth(&b, NULL);
    expect_keys(&b, "container1", "t");
    CHECK(!b.without_token);
    tear_down(&b);
}

typedef struct odd_service { /* an instance whose metadata service is not quite there */
    bed *b;
    int  odd;
} odd_service;

static void serve_oddly(void *self, const fake_http_request *request, fake_http_answer *out)
{
    odd_service *odd = self;
    bool         role = weir_str_starts(request->target, "/latest/meta-data");
    serve(odd->b, request, out);
    if (odd->odd == 0 && role)
        weir_buf_clear(&out->body); /* no role: no keys */
    if (odd->odd == 1 && role)
        out->status = 404;
    if (odd->odd == 2 && weir_str_starts(request->target, ROLE))
        out->status = 500;
    if (odd->odd == 3 && weir_str_starts(request->target, ROLE)) {
        weir_buf_clear(&out->body);
        weir_buf_text(&out->body, "{\"Code\":\"Failed\"}");
    }
    if (odd->odd == 5)
        out->status = 500;
    if (odd->odd == 6)
        out->body.len /= 2;
    if (odd->odd == 4)
        out->way = FAKE_HTTP_NO_ANSWER;
}

static void a_container_without_keys_is_no_place_for_keys(void **state)
{
    (void)state;
    for (int odd = 5; odd < 7; odd++) {
        bed         b;
        s3_keys     keys;
        char        url[80];
        odd_service service = {&b, odd};
        set_up(&b);
        b.server.answer = serve_oddly;
        b.server.self = &service;
        setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
        (void)snprintf(url, sizeof url, "%s/container", b.server.url);
        setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
        open_auth(&b, NULL);
        CHECK_FAILS(s3_auth_keys(&b.auth, &keys, &b.err), WEIR_E_CONFIG, &b.err);
        tear_down(&b);
    }
}

static void an_instance_without_keys_is_no_place_for_keys(void **state)
{
    (void)state;
    for (int odd = 0; odd < 5; odd++) {
        bed         b;
        s3_keys     keys;
        odd_service service = {&b, odd};
        set_up(&b);
        b.server.answer = serve_oddly;
        b.server.self = &service;
        setenv("AWS_EC2_METADATA_DISABLED", "false", 1);
        open_auth(&b, NULL);
        CHECK_FAILS(s3_auth_keys(&b.auth, &keys, &b.err), WEIR_E_CONFIG, &b.err);
        tear_down(&b);
    }
}

/* Where HOME is, when nothing else is said. */
static void files_are_looked_for_at_home(void **state)
{
    (void)state;
    bed  b;
    char path[100];
    set_up(&b);
    const char *home = getenv("HOME");
    char       *was = home == NULL ? NULL : strdup(home);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "", 1);
    (void)snprintf(path, sizeof path, "%s/.aws", b.folder);
    assert_int_equal(mkdir(path, 0700), 0);
    write_file(&b, ".aws/credentials",
               "[default]\naws_access_key_id = home\naws_secret_access_key = s\n\n"
               "#aws_session_token = no\n=\n");
    setenv("HOME", b.folder, 1);
    open_auth(&b, NULL);
    expect_keys(&b, "home", "");
    unsetenv("AWS_SHARED_CREDENTIALS_FILE");
    open_auth(&b, NULL);
    expect_keys(&b, "home", "");
    s3_keys keys;
    CHECK(!s3_keys_from_profile("other", &keys));
    unsetenv("HOME");
    CHECK(!s3_keys_from_profile("default", &keys)); /* "/.aws/credentials" */
    (void)snprintf(path, sizeof path, "%s/.aws/credentials", b.folder);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/.aws", b.folder);
    (void)rmdir(path);
    if (was != NULL)
        setenv("HOME", was, 1);
    free(was);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere", 1);
    tear_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(first_that_has_keys_wins),
        TEST(half_a_pair_of_keys_does_not_count),
        TEST(container_token_may_be_in_a_file),
        TEST(container_url_is_followed_to_few_places),
        TEST(without_keys_it_says_what_could_be_done),
        TEST(keys_are_renewed_before_they_run_out),
        TEST(old_keys_are_used_while_there_are_no_new_ones),
        TEST(server_that_calls_keys_expired_is_believed_now_and_then),
        TEST(clock_that_goes_back_makes_it_ask_again),
        TEST(answers_that_are_no_keys_are_refused),
        TEST(profile_is_read_like_others_read_it),
        TEST(region_may_be_the_profiles),
        TEST(keys_that_are_too_long_are_refused),
        TEST(keys_hold_no_nul_and_tokens_have_a_limit),
        TEST(keys_of_the_past_are_not_asked_for_again_and_again),
        TEST(times_of_the_end_are_read_exactly_or_not_at_all),
        TEST(container_place_is_a_path_or_an_url_that_is_allowed),
        TEST(container_is_asked_with_the_token_that_there_is),
        TEST(a_container_without_keys_is_no_place_for_keys),
        TEST(an_instance_without_keys_is_no_place_for_keys),
        TEST(files_are_looked_for_at_home),
    };
    return RUN_TESTS(tests);
}
