/*
 * The keys that a config file may have: one table, which reading, checking, the `variables` table and the
 * sample file's test go by.
 */
#ifndef ACKGATE_PROXY_CONFIG_KEY_H
#define ACKGATE_PROXY_CONFIG_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_kind {
    CONFIG_TEXT,     /* char *, NULL when empty */
    CONFIG_SECRET,   /* a password: never shown */
    CONFIG_NUMBER,   /* 32 bits, within min and max */
    CONFIG_DURATION, /* uint64_t, milliseconds, within min and max */
    CONFIG_SIZE,     /* uint64_t, bytes */
    CONFIG_SWITCH,   /* bool: the second of two choices is true */
    CONFIG_CHOICE,   /* an enum: the number of the choice */
    CONFIG_LISTEN,   /* struct config_listen */
    CONFIG_NETWORKS, /* struct networks *, NULL when empty */
    CONFIG_VOTER,    /* in a [replica NAME] section */
};

#define CONFIG_NOWHERE SIZE_MAX

struct config_key {
    const char *section;
    const char *name;
    enum config_kind kind;
    size_t offset;            /* into struct config; CONFIG_NOWHERE: looked at by config_check.c */
    const char *default_text; /* "" for none */
    const char *choices;      /* "text|json" */
    uint64_t min;
    uint64_t max;
    bool is_reloadable; /* a reload applies it; otherwise a restart does */
    bool is_required;
};

enum { CONFIG_KEYS_MAX = 80 };

extern const struct config_key config_keys[];
size_t config_key_count(void);
size_t config_key_count_static(void); /* without those of [replica NAME], which stand last */

/* The key's index, or config_key_count() when there is none. For voters the section is "replica". */
size_t config_key_find(const char *section, const char *name);
bool config_key_has_section(const char *section);
/* What the writer may have meant; NULL when nothing is near. */
const char *config_key_suggest(const char *section, const char *name);
const char *config_key_suggest_section(const char *section);

#endif
