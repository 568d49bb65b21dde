/* The options of ackgate-recover about TLS towards the admin port. */
#ifndef ACKGATE_RECOVERY_RECOVER_TLS_H
#define ACKGATE_RECOVERY_RECOVER_TLS_H

#include "protocol/error.h"
#include "recovery/tls_settings.h"

#include <stdbool.h>

/* name: "tls" or "tls_min_version". False: that is no value for it. */
bool recover_tls_take(struct tls_settings *tls, const char *name, const char *value);
/* What only makes sense together. RESULT_MALFORMED with an allocated sentence in *ret_problem. */
MUST_CHECK enum result recover_tls_check(const struct tls_settings *tls, char **ret_problem);

#endif
