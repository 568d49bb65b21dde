/*
 * The journal: the first byte chooses whether the rest is a segment as it lies on disk, or types and bodies
 * of records that are framed rightly here (the fuzzer would not find the checksums).
 *
 * Whatever it is, the reader says what it thinks of it, what it takes for good is kept by a writer that goes
 * on with it, and it can be printed.
 */
#include "recovery/journal_text.h"
#include "recovery/journal_writer.h"
#include "test/fuzz/fuzz.h"
#include "test/unit/memory_storage.h"

#define DIR "/journal"

static void put_file(struct memory_storage *storage, struct span bytes)
{
    struct memory_inode *inode = xcalloc(1, sizeof *inode);
    storage->inodes[storage->inodes_count++] = inode;
    memory_name_find(storage, DIR "/journal.000001")->live = inode;
    memory_change_add(inode, false, 0, bytes.data, bytes.length);
}

static struct span frame_records(struct span input)
{
    size_t room = 200000;
    uint8_t *bytes = xmalloc(room);
    struct writer writer;
    writer_init(&writer, bytes, room);
    journal_header_encode(&writer, &(struct journal_header){JOURNAL_VERSION, 1, 1});
    struct journal_state state;
    journal_state_init(&state);
    struct journal_frame frame = {.type = JOURNAL_CHECKPOINT, .sequence = 1, .epoch = 1};
    size_t state_length;
    uint8_t *state_bytes = journal_state_encode(&state, &state_length);
    frame.body = (struct span){state_bytes, state_length};
    journal_frame_encode(&writer, &frame);
    free(state_bytes);
    journal_state_release(&state);
    struct reader reader;
    reader_init_span(&reader, input);
    while (reader_left(&reader) > 0 && writer.length < 150000) {
        frame.sequence++;
        frame.type = reader_u8(&reader) % (JOURNAL_TYPE_END + 1);
        uint16_t length = reader_u16(&reader);
        frame.body = reader_bytes(&reader, length > reader_left(&reader) ? reader_left(&reader) : length);
        journal_frame_encode(&writer, &frame);
    }
    journal_end_encode(&writer);
    if (writer_failed(&writer))
        writer.length = 0;
    return (struct span){bytes, writer.length};
}

static void print(struct memory_storage *storage)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    (void)!journal_text_print(&storage->base, DIR, true, out, out);
    fclose(out);
    for (size_t i = 0; i < length; i++)
        fuzz_check((text[i] >= ' ' && text[i] <= '~') || text[i] == '\n');
    free(text);
}

static bool is_same(const struct journal_state *a, const struct journal_state *b)
{
    size_t a_length, b_length;
    uint8_t *a_bytes = journal_state_encode(a, &a_length);
    uint8_t *b_bytes = journal_state_encode(b, &b_length);
    bool same = a_length == b_length && memcmp(a_bytes, b_bytes, a_length) == 0;
    free(a_bytes);
    free(b_bytes);
    return same;
}

static void go_on(struct memory_storage *storage, const struct journal_state *expected)
{
    struct journal_writer_options options = {.storage = &storage->base, .dir = DIR};
    struct journal_writer *writer = NULL;
    static struct journal_report report;
    fuzz_check(journal_writer_open(&options, 5, &writer, &report) == RESULT_OK);
    fuzz_check(is_same(expected, journal_writer_state(writer)));
    journal_writer_append(writer, &(struct journal_record){.type = JOURNAL_OVERRIDE, .text = "x"}, 6);
    fuzz_check(journal_writer_sync(writer, 6) == RESULT_OK);
    struct journal_state state;
    journal_state_init(&state);
    fuzz_check(journal_reader_replay(&storage->base, DIR, NULL, NULL, &state, &report) == RESULT_OK);
    fuzz_check(!report.is_tail_cut && is_same(&state, journal_writer_state(writer)));
    journal_state_release(&state);
    journal_writer_close(&writer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    if (length < 1 || length > 60000)
        return 0;
    struct span input = {data + 1, length - 1};
    struct span bytes = data[0] % 2 == 0 ? fuzz_copy(input) : frame_records(input);
    struct memory_storage *storage = xmalloc(sizeof *storage);
    memory_storage_init(storage, 1);
    put_file(storage, bytes);
    print(storage);
    struct journal_state state;
    journal_state_init(&state);
    static struct journal_report report;
    enum result result = journal_reader_replay(&storage->base, DIR, NULL, NULL, &state, &report);
    fuzz_check(result == RESULT_OK || report.fault[0] != '\0');
    if (result == RESULT_OK)
        go_on(storage, &state);
    journal_state_release(&state);
    memory_storage_release(storage);
    free(storage);
    fuzz_free(bytes);
    return 0;
}
