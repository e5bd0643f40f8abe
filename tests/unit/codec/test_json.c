/* What the decoder `json` makes of records. */
#include "check.h"
#include "decode.h"

static decode_bench bench;

static void an_object_is_an_inserted_row(void **state)
{
    (void)state;
    decode_start(&bench, "json", "id:bigint!,name:text,amount:numeric(12,2)", NULL);
    decode_text(&bench, "{\"id\":1,\"name\":\"Ann\",\"amount\":12.5,\"more\":[1,{}]}");
    CHECK_TEXT(decode_event(&bench, 0), "row i +0");
    CHECK_TEXT(decode_row(&bench, 0), "id=1 name=Ann amount=12.50");
    decode_stop(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_object_is_an_inserted_row),
    };
    return RUN_TESTS(tests);
}
