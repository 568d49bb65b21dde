/* ackgate-recover on the source's host, before the server starts: the real reading of the tail, text, plan
 * and cut; the conversation is a call. And verify, after it has started. */
#ifndef ACKGATE_TEST_SIM_TOOL_H
#define ACKGATE_TEST_SIM_TOOL_H

#include <stdbool.h>
#include <stdint.h>

void tool_reset(void);
/* Runs, and runs again when it is killed or gets no answer; then it starts the server. */
void tool_start(uint64_t delay_us);
bool tool_is_running(void);
void tool_plan_death(uint64_t effects, bool is_power); /* while it cuts; 0: none */

#endif
