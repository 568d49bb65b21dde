/* Who breaks things: one kind of trouble at a time, chosen by the dice. */
#ifndef ACKGATE_TEST_SIM_NEMESIS_H
#define ACKGATE_TEST_SIM_NEMESIS_H

void nemesis_act(void);
/* The kind of this name, for scenarios; NULL: there is none. */
void (*nemesis_find(const char *name))(void);
void nemesis_heal(void); /* everything may work again */

#endif
