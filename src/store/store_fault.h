/* store/fault: a store whose calls go wrong where a failpoint says so.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORE_FAULT_H
#define STORE_FAULT_H

#include "weir/store.h"

/* Takes `store` in: it is freed with what is given back. */
weir_store *store_with_faults(weir_store *store);
/* The store inside; one that is not of ours is given back as it is. For tests. */
weir_store *store_behind_faults(weir_store *store);

#endif
