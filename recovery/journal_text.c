/* Records as lines of printable ASCII, for journal_text.h. */
#include "recovery/journal_text.h"

#include "protocol/xalloc.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PRINTED_DETAIL_MAX = 4 * JOURNAL_TEXT_MAX };

/* ---- a text that grows up to a bound ---- */

struct text {
    char *data;
    size_t room; /* with the NUL */
    size_t length;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
    size_t left = text->room - text->length;
    va_list arguments;
    va_start(arguments, format);
    int wanted = vsnprintf(text->data + text->length, left, format, arguments);
    va_end(arguments);
    if (wanted < 0)
        return;
    text->length += (size_t)wanted < left ? (size_t)wanted : left - 1;
}

static void add_escaped(struct text *text, const char *foreign)
{
    for (const char *at = foreign == NULL ? "" : foreign; *at != '\0'; at++) {
        if (*at >= ' ' && *at <= '~')
            add(text, "%c", *at);
        else
            add(text, "\\x%02x", (unsigned)(unsigned char)*at);
    }
}

static void add_labelled(struct text *text, const char *label, const char *foreign)
{
    if (foreign == NULL || foreign[0] == '\0')
        return;
    add(text, "%s%s ", text->length > 0 ? " " : "", label);
    add_escaped(text, foreign);
}

static void add_position(struct text *text, const char *base, struct position position)
{
    if (position_is_none(position)) {
        add(text, "the start");
        return;
    }
    add_escaped(text, base);
    add(text, "%s%06" PRIu64 ":%" PRIu64, base == NULL || base[0] == '\0' ? "" : ".", position.file,
        position.offset);
}

/* ---- one line for each type ---- */

static void add_checkpoint(struct text *text, const struct journal_record *record, const char *base)
{
    struct journal_state state;
    journal_state_init(&state);
    if (journal_state_decode(&state, record->checkpoint) == RESULT_OK) {
        add(text, "confirmed up to ");
        add_position(text, state.has_source ? state.source_base : base, state.confirmed);
        add_labelled(text, "gtid", state.confirmed_gtid);
        add(text, " consumers %zu discards %zu starts %" PRIu64, state.consumers_count, state.discards_count,
            state.starts);
        add_labelled(text, "rule", state.rule);
        add(text, "%s", state.is_unproven ? " everything counts as sent" : "");
    }
    journal_state_release(&state);
}

static void add_source(struct text *text, const struct journal_source *source)
{
    add(text, "%s", flavor_name(source->flavor));
    add_labelled(text, "version", source->version);
    add(text, " server_id %u", source->server_id);
    add_labelled(text, "server_uuid", source->server_uuid);
    add_labelled(text, "binlog", source->base);
}

static void add_attach(struct text *text, const struct journal_attach *attach, const char *base)
{
    add_escaped(text, attach->name);
    add(text, " from ");
    add_position(text, base, attach->from);
    add(text, " server_id %u", attach->server_id);
    add_labelled(text, "server_uuid", attach->server_uuid);
    add(text, " connection %" PRIu64, attach->connection_id);
}

static void add_detach(struct text *text, const struct journal_detach *detach, const char *base)
{
    add_escaped(text, detach->name);
    add(text, " sent up to ");
    add_position(text, base, detach->sent);
    if (detach->is_every)
        add(text, " every connection");
    else
        add(text, " connection %" PRIu64, detach->connection_id);
}

static void add_acks(struct text *text, const struct journal_acks *acks, const char *base)
{
    for (size_t i = 0; i < acks->count; i++) {
        add(text, "%s", i > 0 ? ", " : "");
        add_escaped(text, acks->items[i].name);
        add(text, " ");
        add_position(text, base, acks->items[i].acked);
    }
}

static void add_discard(struct text *text, const struct journal_discard *discard, const char *base)
{
    add(text, "from ");
    add_position(text, base, discard->from);
    add(text, " to ");
    add_position(text, base, discard->to);
    add_labelled(text, "gtids", discard->gtids);
    add_labelled(text, "kept as", discard->kept_as);
    add_labelled(text, "reason:", discard->reason);
}

static void add_record(struct text *text, const struct journal_record *record, const char *base)
{
    switch (record->type) {
    case JOURNAL_CHECKPOINT:
        add_checkpoint(text, record, base);
        break;
    case JOURNAL_STARTED:
        add_labelled(text, "version", record->started.version);
        add_labelled(text, "server_uuid", record->started.server_uuid);
        break;
    case JOURNAL_SOURCE:
        add_source(text, &record->source);
        break;
    case JOURNAL_ATTACH:
        add_attach(text, &record->attach, base);
        break;
    case JOURNAL_DETACH:
        add_detach(text, &record->detach, base);
        break;
    case JOURNAL_ACKS:
        add_acks(text, &record->acks, base);
        break;
    case JOURNAL_CONFIRM:
        add(text, "up to ");
        add_position(text, base, record->confirm.up_to);
        add_labelled(text, "gtid", record->confirm.gtid);
        break;
    case JOURNAL_POLICY:
        add_labelled(text, "rule", record->policy.rule);
        add(text, "%s", text->length == 0 ? "back to the config's rule" : "");
        add_labelled(text, "by", record->policy.who);
        break;
    case JOURNAL_DISCARD:
        add_discard(text, &record->discard, base);
        break;
    case JOURNAL_ADMITTED:
    case JOURNAL_REFUSED:
    case JOURNAL_OVERRIDE:
        add_escaped(text, record->text);
        break;
    case JOURNAL_STOPPED:
    case JOURNAL_TYPE_END:
        break;
    }
}

void journal_text_detail(const struct journal_record *record, const char *base, char *ret_detail,
                         size_t detail_max)
{
    struct text text = {.data = ret_detail, .room = detail_max};
    ret_detail[0] = '\0';
    add_record(&text, record, base);
    if (text.length == detail_max - 1 && detail_max > 4)
        memcpy(ret_detail + detail_max - 4, "...", 4);
}

/* ---- the whole journal ---- */

struct printing {
    FILE *out;
    bool is_json;
    char base[BINLOG_BASE_MAX];
    char detail[PRINTED_DETAIL_MAX];
};

static void format_time(uint64_t time_ms, char ret_text[48])
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm parts;
    char stamp[32] = "0000-00-00T00:00:00";
    if (gmtime_r(&seconds, &parts) != NULL)
        strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(ret_text, 48, "%s.%03uZ", stamp, (unsigned)(time_ms % 1000));
}

static void print_json_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

/* Keeps up with the base name, which later records are printed with. */
static void note_base(struct printing *printing, const struct journal_record *record)
{
    if (record->type == JOURNAL_SOURCE) {
        snprintf(printing->base, sizeof(printing->base), "%s", record->source.base);
    } else if (record->type == JOURNAL_CHECKPOINT) {
        struct journal_state state;
        journal_state_init(&state);
        if (journal_state_decode(&state, record->checkpoint) == RESULT_OK)
            snprintf(printing->base, sizeof(printing->base), "%s", state.source_base);
        journal_state_release(&state);
    }
}

static void print_record(void *argument, const struct journal_frame *frame,
                         const struct journal_record *record)
{
    struct printing *printing = argument;
    char stamp[48];
    format_time(frame->time_ms, stamp);
    note_base(printing, record);
    journal_text_detail(record, printing->base, printing->detail, sizeof(printing->detail));
    const char *type = journal_type_name(record->type);
    if (!printing->is_json) {
        fprintf(printing->out, "%" PRIu64 " %s epoch %u %s%s%s\n", frame->sequence, stamp, frame->epoch, type,
                printing->detail[0] == '\0' ? "" : " ", printing->detail);
        return;
    }
    fprintf(printing->out,
            "{\"seq\":%" PRIu64 ",\"time\":\"%s\",\"epoch\":%u,\"type\":\"%s\",\"detail\":", frame->sequence,
            stamp, frame->epoch, type);
    print_json_string(printing->out, printing->detail);
    fputs("}\n", printing->out);
}

enum result journal_text_print(struct storage *storage, const char *dir, bool is_json, FILE *out, FILE *err)
{
    struct printing *printing = xcalloc(1, sizeof(*printing));
    printing->out = out;
    printing->is_json = is_json;
    struct journal_state state;
    journal_state_init(&state);
    struct journal_report *report = xcalloc(1, sizeof(*report));
    enum result result = journal_reader_replay(storage, dir, print_record, printing, &state, report);
    if (result != RESULT_OK)
        fprintf(err, "%s: %s at offset %" PRIu64 ": %s\n", report->path, result_text(result),
                report->fault_offset, report->fault);
    else if (report->segment == 0) {
        fprintf(err, "%s: there is no journal here; it is the folder journal in ackgate.data_dir\n", dir);
        result = RESULT_NOT_FOUND;
    } else if (report->is_tail_cut)
        fprintf(err, "%s: from offset %" PRIu64 " on: %s\n", report->path, report->fault_offset,
                report->fault);
    journal_state_release(&state);
    free(report);
    free(printing);
    return result;
}
