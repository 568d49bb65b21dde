/*
 * check, apply and the first half of run: the source's tail is put before ackgate, and what ackgate decides
 * is done.
 */
#ifndef ACKGATE_RECOVERY_RECOVER_SOURCE_H
#define ACKGATE_RECOVERY_RECOVER_SOURCE_H

#include "recovery/recover_options.h"
#include "recovery/storage.h"
#include "recovery/tail_text.h"

/* Says what came of it; returns enum recover_exit. The lock of recover_place.h is held meanwhile. */
int recover_source(const struct recover_options *options, const char *password, struct storage *storage,
                   bool applies);

/* The source is a MariaDB server, whose engine's position has to be reported after each start. */
bool recover_needs_verify(const struct recover_options *options, struct storage *storage);
/* Hands the report in, and says what came of it; returns enum recover_exit. */
int recover_verify_tell(const struct recover_options *options, const char *password,
                        const struct engine_report *report);
/* verify. */
int recover_verify(const struct recover_options *options, const char *password, struct storage *storage);

#endif
