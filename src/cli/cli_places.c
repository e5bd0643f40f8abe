/* cli/places: where a job's names lead: real servers, or the folders of --embedded DIR.
 *
 * Gives      cli_source_kind, cli_sink_kind and their embedded forms, cli_store_at,
 *            cli_lock.
 * Always     1. an embedded kind is chosen only when --embedded was given.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

#define LOCK_PATIENCE_US (10 * 1000000LL) /* a stopping process may hold it a while */
#define LOCK_STEP_US 50000

/* Which kind stands in for which with --embedded. */
static const struct stand_in {
    const char *real, *embedded;
} source_stand_in[] = {{"kafka", "topic-folder"}}, sink_stand_in[] = {{"mysql", "sqlite"}};

const weir_source_kind *cli_source_kind(weir_str connector)
{
    return weir_source_find(connector);
}

const weir_source_kind *cli_source_kind_embedded(weir_str connector)
{
    for (size_t i = 0; i < sizeof source_stand_in / sizeof source_stand_in[0]; i++)
        if (weir_str_is(connector, source_stand_in[i].real))
            return weir_source_find(weir_str_of(source_stand_in[i].embedded));
    return weir_source_find(connector);
}

const weir_sink_kind *cli_sink_kind(weir_str connector)
{
    return weir_sink_find(connector);
}

const weir_sink_kind *cli_sink_kind_embedded(weir_str connector)
{
    for (size_t i = 0; i < sizeof sink_stand_in / sizeof sink_stand_in[0]; i++)
        if (weir_str_is(connector, sink_stand_in[i].real))
            return weir_sink_find(weir_str_of(sink_stand_in[i].embedded));
    return weir_sink_find(connector);
}

/* "s3://bucket/a/b/" -> "s3://bucket" and "a/b". */
static void split_location(weir_str location, weir_str *bucket, weir_str *prefix)
{
    size_t slash = 5;
    while (slash < location.len && location.at[slash] != '/')
        slash++;
    *bucket = (weir_str){location.at, slash};
    *prefix = (weir_str){location.at + slash, location.len - slash};
    while (prefix->len > 0 && prefix->at[0] == '/') {
        prefix->at++;
        prefix->len--;
    }
    while (prefix->len > 0 && prefix->at[prefix->len - 1] == '/')
        prefix->len--;
}

weir_code cli_store_at(void *self, weir_str location, weir_store **out,
                       weir_str *out_prefix, weir_err *err)
{
    const cli_places *places = self;
    weir_store_setup setup = {.location = location, .opts = places->plan->settings.opts,
                              .clock = weir_clock_system(),
                              .read_only = places->flags->read_only};
    const weir_store_kind *kind = weir_store_find(WEIR_STR("dir"));
    weir_str prefix = {location.at, 0};
    char path[4096];
    if (weir_str_starts(location, "s3://")) {
        weir_str bucket;
        split_location(location, &bucket, &prefix);
        setup.location = bucket;
        if (places->flags->embedded == NULL) {
            kind = weir_store_find(WEIR_STR("s3"));
        } else {
            snprintf(path, sizeof path, "%s/s3/%.*s", places->flags->embedded,
                     (int)(bucket.len - 5), bucket.at + 5);
            setup.location = weir_str_of(path);
        }
    }
    if (kind == NULL)
        return weir_fail(err, WEIR_E_CONFIG, "this build has no store for '%.*s'",
                         WEIR_STR_FMT(location));
    weir_code rc = weir_store_new(kind, &setup, out, err);
    if (rc == WEIR_OK)
        *out_prefix = prefix;
    return rc;
}

static void write_pid(int fd)
{
    char text[32];
    int len = snprintf(text, sizeof text, "%d\n", (int)getpid());
    if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)len, 0) < 0)
        return; /* the pid is for people only */
}

static weir_code busy(int fd, const char *directory, weir_err *err)
{
    char    pid[32] = "";
    ssize_t got = pread(fd, pid, sizeof pid - 1, 0);
    (void)weir_halt(err, WEIR_EXIT_FENCED, WEIR_E_CONFLICT,
                    "process %.*s is running a job in '%s'",
                    (int)strcspn(got > 0 ? pid : "?", "\n"), got > 0 ? pid : "?", directory);
    return weir_err_hint(err, "stop it first, or take another folder");
}

weir_code cli_lock(const char *directory, const char *name, const atomic_int *stop,
                   weir_err *err)
{
    char path[4096];
    if (mkdir(directory, 0777) != 0 && errno != EEXIST)
        return weir_fail(err, WEIR_E_IO, "could not make '%s': %s", directory,
                         strerror(errno));
    snprintf(path, sizeof path, "%s/%s", directory, name);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return weir_fail(err, WEIR_E_IO, "could not open '%s': %s", path, strerror(errno));
    weir_clock *clock = weir_clock_system();
    int64_t until = clock->mono_us(clock) + LOCK_PATIENCE_US;
    for (bool told = false; flock(fd, LOCK_EX | LOCK_NB) != 0; told = true) {
        if (clock->mono_us(clock) >= until || atomic_load(stop)) {
            weir_code rc = busy(fd, directory, err);
            close(fd);
            return rc;
        }
        if (!told)
            weir_log_info("waits for the process that runs a job here",
                          WEIR_F_TEXT("folder", directory));
        clock->pause_us(clock, LOCK_STEP_US);
    }
    write_pid(fd);
    return WEIR_OK; /* held until the process ends */
}
