/* sink/keyed_fault: a driver whose calls go wrong where a failpoint says so.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SINK_KEYED_FAULT_H
#define SINK_KEYED_FAULT_H

#include "keyed/keyed.h"

/* Calls self->real. */
const keyed_driver *keyed_driver_with_faults(const keyed_driver *real);

#endif
