/*
 * Questions to the source that block: asked one at a time on a helper thread, answered on the loop.
 *
 * Used by source.c only, which decides what an answer is still worth when it comes.
 */
#ifndef ACKGATE_PROXY_SOURCE_ASKER_H
#define ACKGATE_PROXY_SOURCE_ASKER_H

#include "proxy/loop.h"
#include "proxy/source_check.h"

enum source_question {
    SOURCE_LOOK_OVER,     /* source_check() */
    SOURCE_WHERE_IT_ENDS, /* source_check_tail() */
    SOURCE_WHO_ELSE,      /* source_check_peers() */
};

struct source_answer {
    enum source_question question;
    uint64_t stream_id; /* as it was asked */
    enum result result;
    struct source_facts *facts; /* released behind the callback; take what is to stay */
    const char *reason;         /* "" or why not */
};

typedef void source_answer_fn(void *argument, const struct source_answer *answer);

struct source_asker;

/* loop and config outlive it. */
struct source_asker *source_asker_new(struct loop *loop, const struct config *config, source_answer_fn *fn,
                                      void *argument);
/* Waits for a question that is out, at most source.connect_timeout; its answer is dropped. */
void source_asker_free(struct source_asker **asker);

bool source_asker_is_busy(const struct source_asker *asker);
/* It is being looked over right now. */
bool source_asker_is_looking(const struct source_asker *asker);
/* Not while it is busy. Takes the request. facts: what is known already, for SOURCE_WHERE_IT_ENDS. Returns 0,
 * or why there is no thread. */
MUST_CHECK int source_asker_ask(struct source_asker *asker, enum source_question question, uint64_t stream_id,
                                struct source_check_request *request, const struct source_facts *facts);

#endif
