/* state/unsaved: which entries a delta has to hold.
 *
 * Always     an entry's `unsaved` is its place in the list, or WEIR_SAVED.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/arena.h"
#include "weir/state.h"

#define ROOM_FIRST 16u

void weir_unsaved_add(weir_unsaved *list, weir_entry *entry)
{
    if (entry->unsaved != WEIR_SAVED) {
        weir_assert(list->entry[entry->unsaved] == entry);
        return;
    }
    if (list->count == list->room) {
        uint32_t room = list->room ? list->room * 2 : ROOM_FIRST;
        list->entry = weir_heap_grow(list->entry, list->room, room, sizeof(weir_entry *));
        list->room = room;
    }
    entry->unsaved = list->count;
    list->entry[list->count++] = entry;
}

void weir_unsaved_remove(weir_unsaved *list, weir_entry *entry)
{
    uint32_t place = entry->unsaved;
    if (place == WEIR_SAVED)
        return;
    weir_assert(place < list->count);
    weir_assert(list->entry[place] == entry);
    list->entry[place] = list->entry[--list->count];
    list->entry[place]->unsaved = place;
    entry->unsaved = WEIR_SAVED;
}

void weir_unsaved_clear(weir_unsaved *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        list->entry[i]->unsaved = WEIR_SAVED;
    list->count = 0;
}

void weir_unsaved_done(weir_unsaved *list)
{
    weir_heap_free(list->entry);
    *list = (weir_unsaved){.entry = NULL};
}
