/* tests of base/arena
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

#include "weir/arena.h"

static char trace[64];

static void note(void *thing)
{
    strncat(trace, thing, sizeof trace - strlen(trace) - 1);
}

/* A text that may be handed on as void *. */
static char *letter(const char *text)
{
    static char letters[] = "a\0b\0c\0d\0e";
    return letters + 2 * (text[0] - 'a');
}

static void blocks_are_aligned_and_apart(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new("test", 300);
    char       *last = NULL;
    for (size_t i = 1; i < 200; i++) {
        char *at = weir_arena_take(arena, i);
        CHECK_U64((uintptr_t)at % 16, 0);
        CHECK(at != last);
        memset(at, (int)i, i);
        last = at;
    }
    CHECK(weir_arena_bytes(arena) >= 200 * 199 / 2);
    weir_arena_free(arena);
}

static void zero_and_array_are_zeroed_after_reuse(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new("test", 4096);
    memset(weir_arena_take(arena, 1000), 0xFF, 1000);
    weir_arena_reset(arena);
    const uint32_t *numbers = WEIR_ARRAY(arena, uint32_t, 250);
    for (size_t i = 0; i < 250; i++)
        CHECK_U64(numbers[i], 0);
    weir_arena_free(arena);
}

static void a_block_larger_than_a_chunk_gets_its_own(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new("test", 256);
    memset(weir_arena_take(arena, 100000), 1, 100000);
    memset(weir_arena_take(arena, 10), 1, 10);
    weir_arena_reset(arena);
    memset(weir_arena_take(arena, 100000), 1, 100000);
    weir_arena_free(arena);
}

static void text_is_formatted(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new("test", 256);
    CHECK_TEXT(weir_arena_text(arena, "%d-%s", 7, "x"), "7-x");
    CHECK_TEXT(weir_arena_text(arena, "%s", ""), "");
    weir_arena_free(arena);
}

static void deferred_calls_run_last_first(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new("test", 256);
    trace[0] = '\0';
    weir_arena_defer(arena, note, letter("a"));
    weir_arena_defer(arena, note, letter("b"));
    weir_arena_mark mark = weir_arena_here(arena);
    weir_arena_defer(arena, note, letter("c"));
    (void)weir_arena_take(arena, 5000); /* a chunk more */
    weir_arena_defer(arena, note, letter("d"));
    weir_arena_rewind(arena, mark);
    CHECK_TEXT(trace, "dc");
    weir_arena_reset(arena);
    CHECK_TEXT(trace, "dcba");
    weir_arena_reset(arena);
    CHECK_TEXT(trace, "dcba");
    weir_arena_defer(arena, note, letter("e"));
    weir_arena_free(arena);
    CHECK_TEXT(trace, "dcbae");
}

static void rewind_gives_back_what_came_later(void **state)
{
    (void)state;
    weir_arena     *arena = weir_arena_new("test", 256);
    char           *kept = weir_arena_text(arena, "kept");
    weir_arena_mark mark = weir_arena_here(arena);
    size_t          bytes = weir_arena_bytes(arena);
    for (int i = 0; i < 100; i++)
        (void)weir_arena_take(arena, 200);
    CHECK(weir_arena_bytes(arena) > bytes);
    weir_arena_rewind(arena, mark);
    CHECK_U64(weir_arena_bytes(arena), bytes);
    CHECK_TEXT(kept, "kept");
    weir_arena_free(arena);
}

static void reset_keeps_one_chunk_and_an_empty_mark_too(void **state)
{
    (void)state;
    weir_arena     *arena = weir_arena_new("test", 512);
    weir_arena_mark empty = weir_arena_here(arena);
    CHECK_U64(weir_arena_bytes(arena), 0);
    for (int i = 0; i < 10; i++)
        (void)weir_arena_take(arena, 400);
    weir_arena_reset(arena);
    CHECK_U64(weir_arena_bytes(arena), 512);
    (void)weir_arena_take(arena, 400);
    (void)weir_arena_take(arena, 400);
    weir_arena_rewind(arena, empty);
    CHECK_U64(weir_arena_bytes(arena), 512);
    weir_arena_free(arena);
    weir_arena_free(NULL);
}

static void running_out_aborts(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new("test", 256);
    CHECK_ABORTS((void)weir_arena_take(arena, SIZE_MAX - 8));
    CHECK_ABORTS((void)weir_arena_array(arena, SIZE_MAX / 8, 16));
    CHECK_ABORTS((void)weir_heap_grow(NULL, 0, SIZE_MAX / 8, 16));
    weir_arena_free(arena);
}

static void the_heap_gives_zeroed_memory_and_grows(void **state)
{
    (void)state;
    uint32_t *numbers = weir_heap_new(4, sizeof *numbers);
    CHECK_U64(numbers[3], 0);
    numbers[3] = 9;
    numbers = weir_heap_grow(numbers, 4, 1000, sizeof *numbers);
    CHECK_U64(numbers[3], 9);
    for (size_t i = 4; i < 1000; i++)
        CHECK_U64(numbers[i], 0);
    weir_heap_free(numbers);
    weir_heap_free(NULL);
    weir_heap_free(weir_heap_new(0, 0));
}

static void pages_are_zeroed_aligned_and_whole(void **state)
{
    (void)state;
    const size_t sizes[] = {1, WEIR_PAGES_BYTES, 3 * WEIR_PAGES_BYTES + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char *pages = weir_heap_pages(sizes[i]);
        CHECK_U64((uintptr_t)pages % WEIR_PAGES_BYTES, 0);
        CHECK_INT(pages[0], 0);
        CHECK_INT(pages[sizes[i] - 1], 0);
        memset(pages, 'x', sizes[i]);
        weir_heap_pages_free(pages, sizes[i]);
    }
    weir_heap_pages_free(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(blocks_are_aligned_and_apart),
        TEST(zero_and_array_are_zeroed_after_reuse),
        TEST(a_block_larger_than_a_chunk_gets_its_own),
        TEST(text_is_formatted),
        TEST(deferred_calls_run_last_first),
        TEST(rewind_gives_back_what_came_later),
        TEST(reset_keeps_one_chunk_and_an_empty_mark_too),
        TEST(running_out_aborts),
        TEST(the_heap_gives_zeroed_memory_and_grows),
        TEST(pages_are_zeroed_aligned_and_whole),
    };
    return RUN_TESTS(tests);
}
