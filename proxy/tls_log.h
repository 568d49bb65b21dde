/* The log lines about TLS that does not come about: warnings, not more than some in ten seconds. */
#ifndef ACKGATE_PROXY_TLS_LOG_H
#define ACKGATE_PROXY_TLS_LOG_H

/* object as of log.h; why: tls_error(). From any thread. */
void tls_log_failed(const char *object, const char *peer, const char *why);
/* The peer did not ask for TLS where tls = required. */
void tls_log_plain(const char *object, const char *peer);

#endif
