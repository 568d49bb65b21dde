/* A tail and an engine report as the text of tail_text.h, and back. */
#include "recovery/tail_text.h"

#include "protocol/xalloc.h"
#include "recovery/tail_words.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 256, VERSION = 1 };

static const char *const start_names[] = {"found", "none", "purged", "beyond", "inside"};
static const char *const fault_names[] = {"none", "encrypted", "damaged"};
static const char *const flavor_names[] = {"unknown", "mysql", "mariadb"};

/* ---- writing ---- */

static void put_value(FILE *out, const char *key, const char *value)
{
    fprintf(out, " %s=", key);
    words_encode(out, value);
}

static void put_header(FILE *out, const struct tail *tail, bool is_partial)
{
    size_t first = tail->file_count > TAIL_FILES_MAX ? tail->file_count - TAIL_FILES_MAX : 0;
    fprintf(out, "ackgate-tail %d flavor=%s", VERSION, flavor_name(tail->flavor));
    put_value(out, "server_uuid", tail->server_uuid);
    fprintf(out, " server_id=%" PRIu32, tail->server_id);
    put_value(out, "base", tail->base);
    fprintf(out, " closed=%d partial=%d fault=%s start=%s", tail->is_closed, is_partial,
            fault_names[tail->fault], start_names[tail->start]);
    fprintf(out, " from=%" PRIu64 ":%" PRIu64 " end=%" PRIu64 ":%" PRIu64, tail->from.file, tail->from.offset,
            tail->end.file, tail->end.offset);
    put_value(out, "keep_dir", tail->keep_dir);
    fprintf(out, " files=");
    for (size_t i = first; i < tail->file_count; i++)
        fprintf(out, "%s%" PRIu64 ":%" PRIu64, i == first ? "" : ",", tail->files[i].number,
                tail->files[i].size_bytes);
    putc('\n', out);
}

static size_t format_txn(const struct tail_txn *txn, char ret_line[LINE_MAX_BYTES])
{
    char gtid[GTID_TEXT_MAX];
    gtid_format(&txn->gtid, gtid);
    int length =
        snprintf(ret_line, LINE_MAX_BYTES, "%s %" PRIu64 " %" PRIu64 " %" PRIu64 " %s %d %08" PRIx32 "\n",
                 gtid[0] == '\0' ? "-" : gtid, txn->file, txn->start, txn->end, txn_kind_name(txn->kind),
                 txn->is_undone, txn->crc);
    assert(length > 0 && length < LINE_MAX_BYTES);
    return (size_t)length;
}

/* How many transactions fit behind a header of the given length. */
static size_t count_fitting(const struct tail *tail, size_t header_length)
{
    char line[LINE_MAX_BYTES];
    size_t length = header_length + 1;
    for (size_t i = 0; i < tail->txn_count; i++) {
        length += format_txn(&tail->txns[i], line);
        if (length > TAIL_TEXT_MAX)
            return i;
    }
    return tail->txn_count;
}

char *tail_format(const struct tail *tail, size_t *ret_length)
{
    char *text = NULL;
    size_t length = 0;
    char line[LINE_MAX_BYTES];
    FILE *out = open_memstream(&text, &length);
    assert(out != NULL);
    put_header(out, tail, tail->is_partial);
    fflush(out);
    size_t count = count_fitting(tail, length);
    if (count < tail->txn_count) {
        rewind(out);
        put_header(out, tail, true);
    }
    for (size_t i = 0; i < count; i++) {
        size_t line_length = format_txn(&tail->txns[i], line);
        fwrite(line, 1, line_length, out);
    }
    fclose(out);
    if (ret_length != NULL)
        *ret_length = length;
    return text;
}

/* ---- reading ---- */

static bool parse_name(struct span word, const char *const *names, size_t count, unsigned *ret_index)
{
    for (unsigned i = 0; i < count; i++) {
        if (span_is_text(word, names[i])) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

static bool parse_flag(struct span word, bool *ret_flag)
{
    uint64_t number;
    if (!words_number(word, 1, &number))
        return false;
    *ret_flag = number == 1;
    return true;
}

static bool value_text(struct span *line, const char *key, char *ret_text, size_t text_max)
{
    struct span value;
    return words_value(line, key, &value) && words_decode(value, ret_text, text_max);
}

static bool value_name(struct span *line, const char *key, const char *const *names, size_t count,
                       unsigned *ret_index)
{
    struct span value;
    return words_value(line, key, &value) && parse_name(value, names, count, ret_index);
}

static bool value_flag(struct span *line, const char *key, bool *ret_flag)
{
    struct span value;
    return words_value(line, key, &value) && parse_flag(value, ret_flag);
}

static bool value_position(struct span *line, const char *key, struct position *ret_position)
{
    struct span value;
    return words_value(line, key, &value) && words_pair(value, &ret_position->file, &ret_position->offset) &&
           ret_position->file <= BINLOG_NUMBER_MAX;
}

static bool parse_files(struct span *line, struct tail *tail)
{
    struct span list;
    uint64_t last = 0;
    if (!words_value(line, "files", &list))
        return false;
    while (list.length > 0) {
        uint64_t number;
        uint64_t size_bytes;
        const uint8_t *comma = memchr(list.data, ',', list.length);
        size_t length = comma == NULL ? list.length : (size_t)(comma - list.data);
        struct span pair = {list.data, length};
        if (!words_pair(pair, &number, &size_bytes) || number <= last || number > BINLOG_NUMBER_MAX ||
            tail->file_count == TAIL_FILES_MAX || (comma != NULL && length + 1 == list.length))
            return false;
        tail_add_file(tail, last = number, size_bytes);
        list.data += comma == NULL ? length : length + 1;
        list.length -= comma == NULL ? length : length + 1;
    }
    return true;
}

static enum result parse_version(struct span *line, const char *word)
{
    uint64_t version;
    if (!span_is_text(words_next(line), word) || !words_number(words_next(line), UINT32_MAX, &version))
        return RESULT_MALFORMED;
    return version == VERSION ? RESULT_OK : RESULT_UNSUPPORTED;
}

static enum result parse_header(struct span line, struct tail *tail)
{
    unsigned flavor = 0;
    unsigned fault = 0;
    unsigned start = 0;
    uint64_t server_id = 0;
    struct span value;
    enum result result = parse_version(&line, "ackgate-tail");
    if (result != RESULT_OK)
        return result;
    bool is_good = value_name(&line, "flavor", flavor_names, 3, &flavor) &&
                   value_text(&line, "server_uuid", tail->server_uuid, sizeof(tail->server_uuid)) &&
                   words_value(&line, "server_id", &value) && words_number(value, UINT32_MAX, &server_id) &&
                   value_text(&line, "base", tail->base, sizeof(tail->base)) &&
                   value_flag(&line, "closed", &tail->is_closed) &&
                   value_flag(&line, "partial", &tail->is_partial) &&
                   value_name(&line, "fault", fault_names, 3, &fault) &&
                   value_name(&line, "start", start_names, 5, &start) &&
                   value_position(&line, "from", &tail->from) && value_position(&line, "end", &tail->end) &&
                   value_text(&line, "keep_dir", tail->keep_dir, sizeof(tail->keep_dir)) &&
                   parse_files(&line, tail) && line.length == 0;
    tail->flavor = (enum flavor)flavor;
    tail->fault = (enum tail_fault)fault;
    tail->start = (enum tail_start)start;
    tail->server_id = (uint32_t)server_id;
    if (is_good && (tail->base[0] != '\0' || tail->file_count > 0))
        is_good = binlog_base_is_valid(span_of_text(tail->base));
    return is_good ? RESULT_OK : RESULT_MALFORMED;
}

static bool parse_kind(struct span word, enum txn_kind *ret_kind)
{
    for (enum txn_kind kind = TXN_ROWS; kind <= TXN_INCIDENT; kind++) {
        if (span_is_text(word, txn_kind_name(kind))) {
            *ret_kind = kind;
            return true;
        }
    }
    return false;
}

static bool parse_gtid(enum flavor flavor, struct span word, struct gtid *ret_gtid)
{
    if (!span_is_text(word, "-"))
        return flavor != FLAVOR_UNKNOWN && gtid_parse(flavor, word, ret_gtid) == RESULT_OK;
    *ret_gtid = GTID_NONE;
    return true;
}

static bool parse_txn(struct span line, enum flavor flavor, struct tail_txn *ret_txn)
{
    return parse_gtid(flavor, words_next(&line), &ret_txn->gtid) &&
           words_number(words_next(&line), BINLOG_NUMBER_MAX, &ret_txn->file) &&
           words_number(words_next(&line), INT64_MAX, &ret_txn->start) &&
           words_number(words_next(&line), INT64_MAX, &ret_txn->end) &&
           parse_kind(words_next(&line), &ret_txn->kind) &&
           parse_flag(words_next(&line), &ret_txn->is_undone) &&
           words_hex32(words_next(&line), &ret_txn->crc) && line.length == 0;
}

/* In order, between from and end, and in a file that there is: only the oldest may be left out of the list.
 */
static bool is_in_place(const struct tail *tail, const struct tail_txn *txn)
{
    if (tail->file_count == 0 || txn->file > tail->files[tail->file_count - 1].number)
        return false;
    struct position after = tail->from;
    if (tail->txn_count > 0)
        after = tail_txn_end(&tail->txns[tail->txn_count - 1]);
    return txn->file > 0 && txn->start > BINLOG_START && txn->start < txn->end &&
           position_compare(tail_txn_start(txn), after) >= 0 &&
           position_compare(tail_txn_end(txn), tail->end) <= 0 &&
           (tail->start == TAIL_START_FOUND || tail->start == TAIL_START_PURGED);
}

static enum result parse_lines(struct span text, struct tail *tail, size_t *ret_line)
{
    *ret_line = 1;
    enum result result = parse_header(words_line(&text), tail);
    while (result == RESULT_OK && text.length > 0) {
        struct tail_txn txn;
        *ret_line += 1;
        if (!parse_txn(words_line(&text), tail->flavor, &txn) || !is_in_place(tail, &txn))
            return RESULT_MALFORMED;
        bool was_partial = tail->is_partial;
        if (!tail_add_txn(tail, &txn)) {
            tail->is_partial = was_partial;
            return RESULT_TOO_LARGE;
        }
    }
    return result;
}

enum result tail_parse(struct span text, struct tail *ret_tail, size_t *ret_line)
{
    struct tail tail;
    *ret_line = 0;
    if (text.length >= TAIL_TEXT_MAX)
        return RESULT_TOO_LARGE;
    tail_init(&tail);
    enum result result = parse_lines(text, &tail, ret_line);
    if (result != RESULT_OK) {
        tail_release(&tail);
        return result;
    }
    tail_release(ret_tail);
    *ret_tail = tail;
    return RESULT_OK;
}
