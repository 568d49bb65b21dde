/*
 * Packets over a conn, for conversations at a low rate: logins, handshakes, the admin port, commands of
 * replicas.
 *
 * A channel reads what is there, checks sequence ids, joins split payloads up to a bound, and hands each
 * whole payload to on_payload. What is sent is framed, written at once as far as the socket takes it, and
 * kept for later otherwise. A channel may go on in TLS between two payloads. Data that flows (result rows,
 * binlog events) does not go through here: channel_detach() hands the connection over.
 */
#ifndef ACKGATE_PROXY_CHANNEL_H
#define ACKGATE_PROXY_CHANNEL_H

#include "protocol/reader.h"
#include "proxy/conn.h"

struct channel;

/* A whole payload; its bytes live until the callback returns. The channel may be closed inside. */
typedef void channel_payload_fn(void *argument, struct span payload);
/* The connection is over: RESULT_CLOSED, RESULT_IO (errno), RESULT_SEQUENCE, RESULT_TOO_LARGE. Close the
 * channel. */
typedef void channel_closed_fn(void *argument, enum result reason);

struct channel_callbacks {
    channel_payload_fn *on_payload;
    channel_closed_fn *on_closed;
    void *argument;
};

/* Takes over the connection. payload_max bounds a joined payload, and twice that what may wait to be written.
 */
struct channel *channel_new(struct loop *loop, int fd, size_t payload_max_bytes,
                            const struct channel_callbacks *callbacks);
struct channel *channel_new_on(struct loop *loop, struct conn_link link, size_t payload_max_bytes,
                               const struct channel_callbacks *callbacks);
/* Starts to connect. on_closed tells when that fails; otherwise the first payload is the peer's greeting. */
MUST_CHECK enum result channel_connect(struct loop *loop, const char *host, unsigned port,
                                       size_t payload_max_bytes, const struct channel_callbacks *callbacks,
                                       struct channel **ret_channel);
/* Closes the connection; memory goes at the end of the loop's turn. No callback comes after. */
void channel_free(struct channel **channel);

void channel_set_callbacks(struct channel *channel, const struct channel_callbacks *callbacks);
void channel_set_payload_max(struct channel *channel,
                             size_t payload_max_bytes); /* e.g. more after the login */

/*
 * Sends one payload (split when over 16 MiB - 1) with the next sequence id; many calls in one turn go out as
 * one write at its end, much of it as several, a turn of the loop each. A peer that does not read until the
 * bound is full is closed (on_closed with RESULT_FULL).
 */
void channel_send(struct channel *channel, struct span payload);
/* Sends packets that are framed already, sequence ids included, e.g. from resultset.h. */
void channel_send_framed(struct channel *channel, struct span packets, uint8_t next_sequence);
/* The same of memory that the channel frees in time. */
void channel_send_owned(struct channel *channel, uint8_t *packets, size_t length_bytes,
                        uint8_t next_sequence);
/* The next payload sent starts a new command: sequence 0. */
void channel_start_command(struct channel *channel);
uint8_t channel_next_sequence(const struct channel *channel);
/* Closes, once everything sent has been written (on_closed with RESULT_CLOSED), e.g. after an error packet.
 */
void channel_close_when_sent(struct channel *channel);
void channel_pause(struct channel *channel); /* hands over no further payload until … */
void channel_resume(struct channel *channel);

const char *channel_peer(const struct channel *channel);

/* The handshake is over and payloads go on. Not called when it failed: on_closed is, and
 * channel_tls_error() says why. */
typedef void channel_secured_fn(void *argument);
/*
 * TLS from here on, e.g. after the payload of an SSLRequest, heard (then what came behind it belongs to the
 * handshake) or sent. tls is the channel's. on_secured may be NULL; argument is the callbacks'.
 */
void channel_secure(struct channel *channel, struct tls *tls, channel_secured_fn *on_secured);
bool channel_is_securing(const struct channel *channel);
bool channel_is_secure(const struct channel *channel); /* by TLS, or because it does not leave the machine */
const struct tls *channel_tls(const struct channel *channel); /* NULL: plain */
const char *channel_tls_error(const struct channel *channel); /* "": no handshake has failed */

/*
 * Gives up the connection and what was read beyond the last payload. What waits to be sent is written first;
 * RESULT_FULL when the socket does not take all of it or the rest does not fit, and the channel stays as it
 * was. The channel is freed as by channel_free(), but its connection goes on.
 */
MUST_CHECK enum result channel_detach(struct channel **channel, void *rest_buffer, size_t rest_room_bytes,
                                      size_t *ret_rest_length, struct conn_link *ret_link);

#endif
