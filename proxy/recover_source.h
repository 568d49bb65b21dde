/*
 * Recovery of a crashed source, the daemon's side: what RECOVER SOURCE and RESOLVE of the admin port do.
 *
 * The order of a decision is its safety: the stream from the source is dropped first, so that nothing unread
 * can come in behind the verdict; the journal has the decision on disk before anybody is answered; then the
 * consumers, the store and the core forget what was discarded. A crash in between is made up for at the next
 * start (store_options.cut), and asking again gives the same answer.
 */
#ifndef ACKGATE_PROXY_RECOVER_SOURCE_H
#define ACKGATE_PROXY_RECOVER_SOURCE_H

#include "proxy/pipeline.h"
#include "recovery/journal_state.h"
#include "recovery/tail_text.h"
#include "recovery/verdict.h"

enum { RECOVER_ERROR_MAX = 1024, RECOVER_KEPT_MAX = TAIL_PATH_MAX + BINLOG_NAME_MAX + 64 };

struct recover_status {
    uint32_t epoch;
    enum flavor flavor;
    char server_uuid[JOURNAL_UUID_MAX];
    uint32_t server_id;
    char base[BINLOG_BASE_MAX];
    struct position confirmed;
    struct position from; /* POSITION_NONE: nothing is known */
};

struct recover_answer {
    struct verdict verdict; /* the caller releases it */
    char kept_as[RECOVER_KEPT_MAX];
};

void pipeline_recover_status(struct pipeline *pipeline, struct recover_status *ret_status);

/* decides: the verdict is carried out here, else only shown. Anything but RESULT_OK: nothing was decided, an
 * English sentence is in ret_error, and there is no answer. Blocks for the disk. */
MUST_CHECK enum result pipeline_recover_tail(struct pipeline *pipeline, const struct tail *tail, bool decides,
                                             struct recover_answer *ret_answer,
                                             char ret_error[RECOVER_ERROR_MAX]);
/* RESULT_CONFLICT: the source has something that was discarded; ret_error says what and what to do. */
MUST_CHECK enum result pipeline_recover_engine(struct pipeline *pipeline, const struct engine_report *report,
                                               char ret_error[RECOVER_ERROR_MAX]);
MUST_CHECK enum result pipeline_resolve(struct pipeline *pipeline, const char *gtid, bool is_discard,
                                        const char *who, char ret_error[RECOVER_ERROR_MAX]);

/* ---- for pipeline.c ---- */
void recover_put_override(struct pipeline *pipeline, const char *text);
/* With a verdict that keeps what the latest discard was to cut: on disk, so that nobody asks for it again.
 * RESULT_FULL, RESULT_IO. */
MUST_CHECK enum result recover_revoke_latest(struct pipeline *pipeline, const struct tail *tail,
                                             const struct verdict *verdict);
/* Whether applications may be let in; else the source has been refused. */
bool recover_may_admit(struct pipeline *pipeline);
/* After the start, and once the source is admitted: from now on the store is a proof (boot_mark.h). */
void recover_note_start(struct pipeline *pipeline);
void recover_note_admitted(struct pipeline *pipeline);

#endif
