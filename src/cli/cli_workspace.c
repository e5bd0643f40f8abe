/* cli/workspace: makes, bounds and removes it, and what killed processes left.
 *
 * A file that its process holds locked says that a workspace is in use. It gets its name when
 * it is locked, so no workspace has one that is not.
 *
 * Gives      cli_workspace_open, cli_workspace_check, cli_workspace_close.
 * Always     1. a folder is removed only when it is ours by name, owner and lock.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli_workspace.h"

#define NAME "weir-spool-"
#define LETTERS "XXXXXX" /* of mkdtemp */
#define LOOK_US 1000000
#define UNLOCKED_MOST_US                                                                   \
    (3600 * 1000000LL) /* between its making and its lock: killed there */

static const char *root_of(void)
{
    const char *root = getenv("TMPDIR");
    return root && *root ? root : "/tmp";
}

/* Nobody uses it: its process died. */
static bool is_left(const char *folder, weir_arena *arena)
{
    struct stat about;
    if (lstat(folder, &about) != 0 || !S_ISDIR(about.st_mode) || about.st_uid != geteuid())
        return false; /* 1 */
    const char *name = weir_arena_text(arena, "%s/lock", folder);
    int         fd = open(name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        weir_clock *clock = weir_clock_system();
        int64_t     age_us = clock->wall_us(clock) - (int64_t)about.st_mtime * 1000000;
        if (errno != ENOENT || age_us < UNLOCKED_MOST_US)
            return false;
        (void)unlink(weir_arena_text(arena, "%s/lock.new", folder));
        (void)rmdir(folder); /* anything in it is another's */
        return false;
    }
    bool left = flock(fd, LOCK_EX | LOCK_NB) == 0;
    (void)close(fd);
    return left;
}

static void remove_left(const char *root)
{
    DIR *dir = opendir(root);
    if (dir == NULL)
        return; /* making one will say why */
    weir_arena *arena = weir_arena_new("workspaces", 4 << 10);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (strncmp(entry->d_name, NAME, sizeof NAME - 1) != 0 ||
            strlen(entry->d_name) != sizeof NAME LETTERS - 1)
            continue;
        const char *folder = weir_arena_text(arena, "%s/%s", root, entry->d_name);
        if (!is_left(folder, arena))
            continue;
        weir_log_info("removes what a killed process left", WEIR_F_TEXT("folder", folder));
        cli_remove_folder(folder);
    }
    weir_arena_free(arena);
    (void)closedir(dir);
}

static weir_code take_lock(cli_workspace *space, weir_arena *arena, weir_err *err)
{
    const char *early = weir_arena_text(arena, "%s/lock.new", space->path);
    const char *name = weir_arena_text(arena, "%s/lock", space->path);
    space->lock = open(early, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (space->lock >= 0 && flock(space->lock, LOCK_EX | LOCK_NB) == 0 &&
        rename(early, name) == 0)
        return WEIR_OK;
    return weir_fail(err, WEIR_E_IO, "could not lock '%s': %s", name, strerror(errno));
}

weir_code cli_workspace_open(cli_workspace *space, uint64_t bytes_max, weir_arena *arena,
                             weir_err *err)
{
    *space = (cli_workspace){.lock = -1, .bytes_max = bytes_max};
    remove_left(root_of());
    char *path = weir_arena_text(arena, "%s/" NAME LETTERS, root_of());
    if (mkdtemp(path) == NULL) {
        (void)weir_fail(err, WEIR_E_IO, "could not make '%s': %s", path, strerror(errno));
        return weir_err_hint(err, "TMPDIR names the folder for temporary files");
    }
    space->path = path;
    return take_lock(space, arena, err);
}

static uint64_t bytes_in(const char *path)
{
    char    *name = (char *)(uintptr_t)path;
    char    *paths[] = {name, NULL};
    FTS     *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    uint64_t bytes = 0;
    for (const FTSENT *entry; walk && (entry = fts_read(walk)) != NULL;)
        if (entry->fts_info == FTS_F)
            bytes += (uint64_t)entry->fts_statp->st_size;
    if (walk != NULL)
        (void)fts_close(walk);
    return bytes;
}

weir_code cli_workspace_check(cli_workspace *space, bool due, weir_err *err)
{
    weir_clock *clock = weir_clock_system();
    int64_t     now_us = clock->mono_us(clock);
    if (!due && now_us - space->looked_us < LOOK_US)
        return WEIR_OK;
    space->looked_us = now_us;
    uint64_t bytes = bytes_in(space->path);
    if (bytes <= space->bytes_max)
        return WEIR_OK;
    (void)weir_fail(err, WEIR_E_LIMIT, "the replay wrote %llu bytes to '%s', and may %llu",
                    (unsigned long long)bytes, space->path,
                    (unsigned long long)space->bytes_max);
    return weir_err_hint(err,
                         "--spool SIZE allows more; a later --from or an earlier --until "
                         "needs less");
}

void cli_workspace_close(const cli_workspace *space)
{
    if (space->path == NULL)
        return;
    cli_remove_folder(space->path);
    if (space->lock >= 0)
        (void)close(space->lock);
}
