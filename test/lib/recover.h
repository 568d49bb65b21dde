/* ackgate-recover under test: run on a source's data directory, with the gate's admin account.
 *
 * The program is $ACKGATE_RECOVER, or build/ackgate-recover. */
#ifndef ACKGATE_TEST_RECOVER_H
#define ACKGATE_TEST_RECOVER_H

#include "test/lib/gate.h"
#include "test/lib/server.h"

/* Runs it to its end and returns the exit code (128 + signal if killed). verb: "check", "apply", "verify",
 * "run"; more options, and what stands behind "--", end with NULL. What it said is in recover_output(). */
int recover_run(struct gate *gate, struct server *source, const char *verb, ...) __attribute__((sentinel));
/* stdout and stderr of the last run; lives as long as the process. */
const char *recover_output(void);

/* Fails the test unless apply, or verify after the start, ends with 0. */
#define recover_apply(gate, source)  recover_must_at(HERE, gate, source, "apply")
#define recover_verify(gate, source) recover_must_at(HERE, gate, source, "verify")
void recover_must_at(struct place where, struct gate *gate, struct server *source, const char *verb);

/* apply, start, verify: what the systemd drop-in does. */
#define recover_and_start(gate, source) recover_and_start_at(HERE, gate, source)
void recover_and_start_at(struct place where, struct gate *gate, struct server *source);

/* `run -- SERVER…`: becomes the source, which is then ready. error_log: what the tool is told of it, "-" for
 * stderr. */
#define recover_run_server(gate, source, error_log) recover_run_server_at(HERE, gate, source, error_log)
void recover_run_server_at(struct place where, struct gate *gate, struct server *source,
                           const char *error_log);

/* Waits until the source is open, doing meanwhile what a refusal says is to be typed for an XA PREPARE that
 * MariaDB's crash recovery has lost. Returns how often that was. */
#define recover_obey(gate, source) recover_obey_at(HERE, gate, source)
unsigned recover_obey_at(struct place where, struct gate *gate, struct server *source);
/* The same once, without waiting: true if something was asked for. */
bool recover_obey_now(struct gate *gate, struct server *source);

/* A fingerprint of all files below a directory: names, sizes, bytes. Lives as long as the process. */
const char *directory_fingerprint(const char *path);

#endif
