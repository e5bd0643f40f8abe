/* store/dir: the parts of the kind 'dir' that its files share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORE_DIR_H
#define STORE_DIR_H

#include <pthread.h>
#include <sys/stat.h>

#include "weir/limits.h"
#include "weir/store.h"

#define DIR_TEMPORARY ".weir-tmp" /* files on their way, below the root */
#define DIR_TOKENS ".weir-token"  /* tokens by inode, where there are no xattrs */
#define DIR_DURABLE 128u          /* folders remembered as durable; any power of two */

typedef struct dir_store {
    weir_store      base;
    weir_clock     *clock;
    int             root;   /* of the folder; -1: none */
    bool            read_only; /* see weir_store_setup */
    bool            locked; /* the lock was made */
    pthread_mutex_t lock;
    uint64_t        durable[DIR_DURABLE]; /* hashes of folders whose entries up to the root
                                             were fsynced by this process */
} dir_store;

typedef struct dir_path {
    char   at[WEIR_KEY_BYTES_MAX + 1]; /* the key, NUL-terminated */
    size_t folder;                     /* bytes of its folder without '/', 0: the root */
} dir_path;

dir_path dir_path_of(weir_str key); /* a key without fault */
/* Makes the folders of a path. False: errno says why. */
bool dir_path_make(dir_store *self, const dir_path *path);
/* fsyncs the folder of a path, and those above it when that is not known to have been
   done. False: errno says why. */
bool dir_path_sync(dir_store *self, const dir_path *path);
/* Removes the folder of a path, and those above it, while they are empty. */
void dir_path_prune(dir_store *self, const dir_path *path);
/* Makes a folder with all that are missing above it, durably. False: errno says why. */
bool dir_root_make(const char *folder);

void dir_put_one(dir_store *self, weir_object *object, bool only_new);

/* Keeps the token with the open file; false: errno. An empty token is kept as none. */
bool dir_token_write(dir_store *self, int file, weir_str token);
bool dir_token_read(dir_store *self, int file, char out[256]);

/* The outcome of a request for what errno says. */
void dir_fault(weir_object *object, const char *what, int why);

weir_store_list_fn dir_list;

#endif
