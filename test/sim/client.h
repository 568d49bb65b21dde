/* Applications, and the daemon's app port (proxy/app.h) as far as the promise goes: sessions that commit, and
 * OKs that pass only through the real gate. */
#ifndef ACKGATE_TEST_SIM_CLIENT_H
#define ACKGATE_TEST_SIM_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

void clients_reset(void);
void clients_start(void);
/* The source's answers. */
void client_on_answer(unsigned client, uint64_t uid);
void client_on_broken(unsigned client);
void clients_on_source_gone(void);
void clients_on_daemon_gone(void);
bool clients_may_commit(void); /* the daemon lets them in */
uint64_t clients_oks(void);    /* given since the reset */
bool clients_are_idle(void);   /* nobody waits for an answer */
void clients_stop(void);       /* no new commits */

#endif
