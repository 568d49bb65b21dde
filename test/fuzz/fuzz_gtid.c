/* GTIDs, sets and lists of both flavours, as text and as bytes; and what set operations promise. */
#include "protocol/gtid_state.h"
#include "test/fuzz/fuzz.h"

static void try_gtid(enum flavor flavor, struct span text)
{
    struct gtid gtid, again;
    if (gtid_parse(flavor, text, &gtid) != RESULT_OK)
        return;
    char formatted[GTID_TEXT_MAX];
    gtid_format(&gtid, formatted);
    fuzz_check(gtid_parse(flavor, span_of_text(formatted), &again) == RESULT_OK);
    fuzz_check(gtid_equal(&gtid, &again));
}

static void try_text(enum flavor flavor, struct span text)
{
    struct gtid_state state, again;
    gtid_state_init(&state, flavor);
    gtid_state_init(&again, flavor);
    bool contains = true;
    enum result looked = gtid_state_contains_text(&state, text, &contains);
    enum result result = gtid_state_parse(&state, text);
    if (result == RESULT_OK) {
        char *formatted = gtid_state_format(&state);
        fuzz_check(gtid_state_parse(&again, span_of_text(formatted)) == RESULT_OK);
        fuzz_check(gtid_state_equal(&state, &again));
        fuzz_check(looked == RESULT_OK && contains == gtid_state_is_empty(&state));
        fuzz_check(gtid_state_contains_text(&state, text, &contains) == RESULT_OK && contains);
        free(formatted);
    }
    gtid_state_release(&state);
    gtid_state_release(&again);
}

static void try_set_bytes(struct span bytes)
{
    struct gtid_set set, again;
    gtid_set_init(&set);
    gtid_set_init(&again);
    if (gtid_set_decode(&set, bytes) == RESULT_OK) {
        size_t room = gtid_set_encoded_bytes(&set);
        uint8_t *encoded = xmalloc(room + 1);
        struct writer writer;
        writer_init(&writer, encoded, room);
        gtid_set_encode(&writer, &set);
        fuzz_check(!writer_failed(&writer) && writer.length == room);
        fuzz_check(gtid_set_decode(&again, writer_span_written(&writer)) == RESULT_OK);
        fuzz_check(gtid_set_equal(&set, &again));
        free(encoded);
    }
    gtid_set_release(&set);
    gtid_set_release(&again);
}

static void try_list_bytes(struct span bytes)
{
    struct gtid_list list, again;
    gtid_list_init(&list);
    gtid_list_init(&again);
    if (gtid_list_decode(&list, bytes) == RESULT_OK) {
        size_t room = gtid_list_encoded_bytes(&list);
        uint8_t *encoded = xmalloc(room + 1);
        struct writer writer;
        writer_init(&writer, encoded, room);
        gtid_list_encode(&writer, &list);
        fuzz_check(!writer_failed(&writer) && writer.length == room);
        fuzz_check(gtid_list_decode(&again, writer_span_written(&writer)) == RESULT_OK);
        fuzz_check(gtid_list_equal(&list, &again));
        free(encoded);
    }
    gtid_list_release(&list);
    gtid_list_release(&again);
}

static void check_algebra(const struct gtid_set *a, const struct gtid_set *b)
{
    struct gtid_set sum, rest;
    gtid_set_init(&sum);
    gtid_set_init(&rest);
    gtid_set_copy(&sum, a);
    gtid_set_add_set(&sum, b);
    fuzz_check(gtid_set_contains_set(&sum, a) && gtid_set_contains_set(&sum, b));
    gtid_set_copy(&rest, a);
    gtid_set_subtract(&rest, b);
    fuzz_check(!gtid_set_intersects(&rest, b) && gtid_set_contains_set(a, &rest));
    fuzz_check(gtid_set_intersects(a, b) == !gtid_set_equal(a, &rest));
    fuzz_check(gtid_set_contains_set(b, a) == gtid_set_is_empty(&rest));
    gtid_set_add_set(&rest, b);
    fuzz_check(gtid_set_equal(&rest, &sum));
    gtid_set_release(&sum);
    gtid_set_release(&rest);
}

/* Two texts with a '|' between. */
static void try_algebra(struct span text)
{
    const uint8_t *bar = text.length == 0 ? NULL : memchr(text.data, '|', text.length);
    if (bar == NULL)
        return;
    size_t first = (size_t)(bar - text.data);
    struct gtid_set a, b;
    gtid_set_init(&a);
    gtid_set_init(&b);
    if (gtid_set_parse(&a, (struct span){text.data, first}) == RESULT_OK &&
        gtid_set_parse(&b, (struct span){bar + 1, text.length - first - 1}) == RESULT_OK) {
        check_algebra(&a, &b);
        check_algebra(&b, &a);
    }
    gtid_set_release(&a);
    gtid_set_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    if (length > 60000)
        return 0;
    struct span input = fuzz_copy((struct span){data, length});
    try_gtid(FLAVOR_MYSQL, input);
    try_gtid(FLAVOR_MARIADB, input);
    try_text(FLAVOR_MYSQL, input);
    try_text(FLAVOR_MARIADB, input);
    try_set_bytes(input);
    try_list_bytes(input);
    try_algebra(input);
    fuzz_free(input);
    return 0;
}
