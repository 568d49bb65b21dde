/*
 * A config in the making: what the file says, where, and all that is wrong with it.
 *
 * config_read.c fills in the texts, config_value.c turns them into the config's members, config_voter.c takes
 * the [replica NAME] sections, config_check.c looks at what only makes sense together. Every step goes on
 * after a problem, so that the operator sees all of them at once.
 */
#ifndef ACKGATE_PROXY_CONFIG_DRAFT_H
#define ACKGATE_PROXY_CONFIG_DRAFT_H

#include "proxy/config.h"
#include "proxy/config_key.h"

struct config_text {
    char *text;    /* as written; NULL: not in the file. Owned */
    unsigned line; /* 0: not in the file */
};

struct config_problem {
    unsigned line; /* 0: of the whole file */
    char *text;
};

struct config_draft {
    struct config *config; /* under construction; owned */
    const char *file;
    struct config_text texts[CONFIG_KEYS_MAX]; /* by index of config_keys */
    unsigned section_lines[CONFIG_KEYS_MAX];   /* by index of the section's first key; 0: not there */
    unsigned voter_lines[CONFIG_VOTERS_MAX];
    bool is_voter_known;             /* the section under way is one of config->voters */
    struct config_problem *problems; /* owned */
    size_t problem_count;
};

__attribute__((format(printf, 3, 4))) void config_draft_problem(struct config_draft *draft, unsigned line,
                                                                const char *format, ...);
/* All of them by line, as one text; NULL when there are none. */
char *config_draft_problems(struct config_draft *draft);
/* What the file says, else the default; never NULL. */
const char *config_draft_text(const struct config_draft *draft, const char *section, const char *name);
bool config_draft_is_set(const struct config_draft *draft, const char *section, const char *name);
/* The line of the key, else of its section, else 0. */
unsigned config_draft_line(const struct config_draft *draft, const char *section, const char *name);

/* Fills texts and voters. RESULT_IO when the file cannot be read (a problem says so). */
MUST_CHECK enum result config_read(struct config_draft *draft);
/* Parses one text into the config's member. */
void config_value_apply(struct config_draft *draft, size_t key);
/* A section [replica NAME] begins, and the keys in it. */
void config_voter_begin(struct config_draft *draft, const char *name, unsigned line);
void config_voter_set(struct config_draft *draft, size_t key, const char *text, unsigned line);
void config_voter_check(struct config_draft *draft);
void config_check(struct config_draft *draft);

#endif
