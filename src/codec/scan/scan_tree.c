/* codec/scan: the tree of wanted names.
 *
 * Gives      scan_tree_init, scan_tree_add, scan_tree_slot, scan_tree_done, scan_tree_find,
 *            scan_tree_clear.
 * Always     1. a table has at least one empty place, so that a search ends.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "scan/scan.h"

#include "weir/arena.h"
#include "weir/error.h"

#include <string.h>

#define SCAN_FEW 4u /* children that are found by comparing */

void scan_tree_init(scan_tree *tree, struct weir_arena *arena)
{
    weir_assert(arena != NULL);
    *tree = (scan_tree){.arena = arena, .room = 16, .nodes = 1};
    tree->node = WEIR_ARRAY(arena, scan_node, tree->room);
    tree->node[0] = (scan_node){.slot = SCAN_NONE, .child = SCAN_NONE, .next = SCAN_NONE};
}

static uint32_t new_node(scan_tree *tree, weir_str name)
{
    if (tree->nodes == tree->room) {
        scan_node *more = WEIR_ARRAY(tree->arena, scan_node, 2 * tree->room);
        memcpy(more, tree->node, tree->nodes * sizeof *more);
        tree->node = more;
        tree->room *= 2;
    }
    tree->node[tree->nodes] = (scan_node){
        .name = weir_str_copy(tree->arena, name),
        .slot = SCAN_NONE,
        .child = SCAN_NONE,
        .next = SCAN_NONE,
    };
    return tree->nodes++;
}

uint32_t scan_tree_add(scan_tree *tree, uint32_t parent, weir_str name)
{
    weir_assert(parent < tree->nodes);
    uint32_t last = SCAN_NONE;
    for (uint32_t i = tree->node[parent].child; i != SCAN_NONE; i = tree->node[i].next) {
        if (weir_str_eq(tree->node[i].name, name))
            return i;
        last = i;
    }
    uint32_t made = new_node(tree, name);
    if (last == SCAN_NONE)
        tree->node[parent].child = made;
    else
        tree->node[last].next = made;
    return made;
}

uint32_t scan_tree_slot(scan_tree *tree, uint32_t node)
{
    weir_assert(node < tree->nodes);
    if (tree->node[node].slot == SCAN_NONE)
        tree->node[node].slot = tree->slots++;
    return tree->node[node].slot;
}

static uint32_t name_hash(weir_str name)
{
    uint32_t hash = (uint32_t)name.len * 0x9e3779b1u;
    if (name.len >= 4) {
        uint32_t front;
        uint32_t back;
        memcpy(&front, name.at, 4);
        memcpy(&back, name.at + name.len - 4, 4);
        hash ^= front * 0x85ebca6bu ^ back * 0xc2b2ae35u;
    } else {
        for (size_t i = 0; i < name.len; i++)
            hash = (hash ^ (uint8_t)name.at[i]) * 0x01000193u;
    }
    return hash ^ hash >> 15;
}

static void index_children(scan_tree *tree, scan_node *node)
{
    uint32_t count = 0;
    for (uint32_t i = node->child; i != SCAN_NONE; i = tree->node[i].next)
        count++;
    if (count <= SCAN_FEW)
        return;
    uint32_t room = 16;
    while (room < 4 * count)
        room *= 2;
    node->mask = room - 1;
    node->table = WEIR_ARRAY(tree->arena, uint32_t, room);
    memset(node->table, 0xff, room * sizeof *node->table);
    for (uint32_t i = node->child; i != SCAN_NONE; i = tree->node[i].next) {
        uint32_t at = name_hash(tree->node[i].name) & node->mask;
        while (node->table[at] != SCAN_NONE)
            at = (at + 1) & node->mask;
        node->table[at] = i;
    }
}

void scan_tree_done(scan_tree *tree)
{
    for (uint32_t i = 0; i < tree->nodes; i++)
        index_children(tree, &tree->node[i]);
}

static bool is_named(const scan_node *node, weir_str name)
{
    return node->name.len == name.len && memcmp(node->name.at, name.at, name.len) == 0;
}

uint32_t scan_tree_find(const scan_tree *tree, uint32_t node, weir_str name)
{
    const scan_node *parent = &tree->node[node];
    if (!parent->table) {
        uint32_t i = parent->child;
        while (i != SCAN_NONE && !is_named(&tree->node[i], name))
            i = tree->node[i].next;
        return i;
    }
    uint32_t at = name_hash(name) & parent->mask;
    while (parent->table[at] != SCAN_NONE) { /* 1 */
        if (is_named(&tree->node[parent->table[at]], name))
            return parent->table[at];
        at = (at + 1) & parent->mask;
    }
    return SCAN_NONE;
}

void scan_tree_clear(const scan_tree *tree, uint32_t node, scan_token *slot)
{
    for (uint32_t i = tree->node[node].child; i != SCAN_NONE; i = tree->node[i].next) {
        if (tree->node[i].slot != SCAN_NONE)
            slot[tree->node[i].slot] = (scan_token){.kind = SCAN_MISSING};
        scan_tree_clear(tree, i, slot); /* at most SCAN_PATH_MAX deep */
    }
}
