/*
 * A config in the making: what its files say, where, and all that is wrong with it.
 *
 * config_read.c fills in the texts, config_value.c turns them into the config's members, config_voter.c takes
 * the [replica NAME] sections, config_check.c (with config_tls.c) looks at what only makes sense together.
 * Every step goes on after a problem, so that the operator sees all of them at once.
 *
 * A `line` here is a line of a certain file: the file's number, in the order of reading, stands above the
 * lowest CONFIG_LINE_BITS bits. The main file has number 0.
 */
#ifndef ACKGATE_PROXY_CONFIG_DRAFT_H
#define ACKGATE_PROXY_CONFIG_DRAFT_H

#include "proxy/config.h"
#include "proxy/config_key.h"

enum { CONFIG_FILES_MAX = 64, CONFIG_LINE_BITS = 20 };

/* A key's text as the daemon goes by it, without secrets; by index of config_keys. */
struct config_value {
    char *text;
    enum config_origin origin;
};

struct config_text {
    char *text;    /* as written; NULL: not in the file. Owned */
    unsigned line; /* 0: not in the file */
};

struct config_problem {
    unsigned line; /* 0: of the whole file */
    char *text;
};

struct config_draft {
    struct config *config;         /* under construction; owned */
    char *files[CONFIG_FILES_MAX]; /* owned; the main one first */
    size_t file_count;
    struct config_text texts[CONFIG_KEYS_MAX]; /* by index of config_keys */
    unsigned section_lines[CONFIG_KEYS_MAX];   /* by index of the section's first key; 0: not there */
    unsigned voter_lines[CONFIG_VOTERS_MAX];
    unsigned subject_line;           /* of the first tls_subject; 0: there is none */
    bool is_voter_known;             /* the section under way is one of config->voters */
    struct config_problem *problems; /* owned */
    size_t problem_count;
};

__attribute__((format(printf, 3, 4))) void config_draft_problem(struct config_draft *draft, unsigned line,
                                                                const char *format, ...);
/* All of them by line, as one text; NULL when there are none. */
char *config_draft_problems(struct config_draft *draft);
/* "line 7", with the file's name when it is another one than that of `seen_from`. Until the next call. */
const char *config_draft_where(const struct config_draft *draft, unsigned line, unsigned seen_from);
const char *config_draft_file(const struct config_draft *draft, unsigned line);
/* Makes the config's values from the texts. */
void config_draft_keep_values(struct config_draft *draft);
/* All but the config. */
void config_draft_release(struct config_draft *draft);
/* What the file says, else the default; never NULL. */
const char *config_draft_text(const struct config_draft *draft, const char *section, const char *name);
bool config_draft_is_set(const struct config_draft *draft, const char *section, const char *name);
/* The line of the key, else of its section, else 0. */
unsigned config_draft_line(const struct config_draft *draft, const char *section, const char *name);

/*
 * Fills texts and voters from the file and those that it includes. RESULT_IO when it cannot be read (a
 * problem says so).
 */
MUST_CHECK enum result config_read(struct config_draft *draft, const char *file);
/* Parses one text into the config's member. */
void config_value_apply(struct config_draft *draft, size_t key);
/* A section [replica NAME] begins, and the keys in it. */
void config_voter_begin(struct config_draft *draft, const char *name, unsigned line);
void config_voter_set(struct config_draft *draft, size_t key, const char *text, unsigned line);
void config_voter_check(struct config_draft *draft);
void config_tls_check(struct config_draft *draft);
void config_check(struct config_draft *draft);

#endif
