/* From a key's text to the config's member, by the key's kind; and the two parsers that others use too. */
#include "proxy/config_draft.h"

#include "protocol/xalloc.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit duration_units[] = {
    {"",    1000    },
    {"ms",  1       },
    {"s",   1000    },
    {"min", 60000   },
    {"h",   3600000 },
    {"d",   86400000},
};
static const struct unit size_units[] = {
    {"",  1                 },
    {"K", 1024              },
    {"M", 1024 * 1024       },
    {"G", 1024 * 1024 * 1024},
    {"T", UINT64_C(1) << 40 },
};

/* Digits only; no sign, no blanks. */
static enum result parse_digits(const char *text, uint64_t *ret_number, const char **ret_rest)
{
    uint64_t number = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(*at - '0'), &number))
            return RESULT_TOO_LARGE;
    }
    if (at == text)
        return RESULT_MALFORMED;
    *ret_number = number;
    *ret_rest = at;
    return RESULT_OK;
}

static enum result parse_with_unit(const char *text, const struct unit *units, size_t count,
                                   uint64_t *ret_value)
{
    uint64_t number;
    const char *rest;
    enum result result = parse_digits(text, &number, &rest);
    if (result != RESULT_OK)
        return result;
    while (*rest == ' ')
        rest++;
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(rest, units[i].name) == 0)
            return __builtin_mul_overflow(number, units[i].factor, ret_value) ? RESULT_TOO_LARGE : RESULT_OK;
    }
    return RESULT_MALFORMED;
}

enum result config_parse_duration(const char *text, uint64_t *ret_ms)
{
    return parse_with_unit(text, duration_units, sizeof(duration_units) / sizeof(duration_units[0]), ret_ms);
}

enum result config_parse_size(const char *text, uint64_t *ret_bytes)
{
    return parse_with_unit(text, size_units, sizeof(size_units) / sizeof(size_units[0]), ret_bytes);
}

/* The number of the choice, or -1. */
static int find_choice(const char *choices, const char *text)
{
    size_t length = strlen(text);
    int number = 0;
    for (const char *at = choices;; number++) {
        size_t choice_length = strcspn(at, "|");
        if (choice_length == length && strncasecmp(at, text, length) == 0)
            return number;
        if (at[choice_length] == '\0')
            return -1;
        at += choice_length + 1;
    }
}

static void set_text(char **member, const char *text)
{
    free(*member);
    *member = text[0] == '\0' ? NULL : xstrdup(text);
}

static void set_number(struct config_draft *draft, const struct config_key *key, unsigned line,
                       const char *text, uint32_t *member)
{
    uint64_t number;
    const char *rest;
    if (parse_digits(text, &number, &rest) != RESULT_OK || *rest != '\0' || number < key->min ||
        number > key->max)
        config_draft_problem(draft, line,
                             "%s must be a whole number from %" PRIu64 " to %" PRIu64 ", not \"%s\"",
                             key->name, key->min, key->max, text);
    else
        *member = (uint32_t)number;
}

static void set_duration(struct config_draft *draft, const struct config_key *key, unsigned line,
                         const char *text, uint64_t *member)
{
    uint64_t ms;
    if (config_parse_duration(text, &ms) != RESULT_OK)
        config_draft_problem(draft, line, "%s must be a duration like 500ms, 10s, 2min, 1h or 7d, not \"%s\"",
                             key->name, text);
    else if (ms < key->min || ms > key->max)
        config_draft_problem(draft, line, "%s must be from %" PRIu64 "ms to %" PRIu64 "s, not \"%s\"",
                             key->name, key->min, key->max / 1000, text);
    else
        *member = ms;
}

static void set_size(struct config_draft *draft, const struct config_key *key, unsigned line,
                     const char *text, uint64_t *member)
{
    if (config_parse_size(text, member) != RESULT_OK)
        config_draft_problem(draft, line, "%s must be a size like 512, 64K, 100M or 2G, not \"%s\"",
                             key->name, text);
}

/* The number of the choice; -1 after a problem. */
static int parse_choice(struct config_draft *draft, const struct config_key *key, unsigned line,
                        const char *text)
{
    int choice = find_choice(key->choices, text);
    if (choice < 0)
        config_draft_problem(draft, line, "%s must be one of %s, not \"%s\"", key->name, key->choices, text);
    return choice;
}

static bool is_port(const char *text)
{
    uint64_t port;
    const char *rest;
    return parse_digits(text, &port, &rest) == RESULT_OK && *rest == '\0' && port >= 1 && port <= 65535;
}

static bool is_address(const char *text)
{
    if (strncmp(text, "unix:", 5) == 0)
        return text[5] == '/';
    const char *colon = strrchr(text, ':');
    return colon != NULL && is_port(colon + 1) && strpbrk(text, " \t") == NULL;
}

static void add_address(struct config_draft *draft, const struct config_key *key, unsigned line,
                        const char *address, struct config_listen *listen)
{
    if (!is_address(address))
        config_draft_problem(draft, line,
                             "%s must be HOST:PORT or unix:/PATH (several separated by commas), not \"%s\"",
                             key->name, address);
    else if (listen->count == CONFIG_LISTEN_MAX)
        config_draft_problem(draft, line, "%s has more than %d addresses", key->name, CONFIG_LISTEN_MAX);
    else
        listen->addresses[listen->count++] = xstrdup(address);
}

static void set_listen(struct config_draft *draft, const struct config_key *key, unsigned line,
                       const char *text, struct config_listen *listen)
{
    char *copy = xstrdup(text);
    char *state = NULL;
    for (char *part = strtok_r(copy, ",", &state); part != NULL; part = strtok_r(NULL, ",", &state)) {
        while (isspace((unsigned char)*part))
            part++;
        char *end = part + strlen(part);
        while (end > part && isspace((unsigned char)end[-1]))
            *--end = '\0';
        add_address(draft, key, line, part, listen);
    }
    free(copy);
}

static void set_networks(struct config_draft *draft, const struct config_key *key, unsigned line,
                         const char *text, struct networks **member)
{
    char error[160];
    struct networks *networks;
    if (networks_parse(text, &networks, error, sizeof(error)) != RESULT_OK) {
        config_draft_problem(draft, line, "%s: %s", key->name, error);
        return;
    }
    networks_free(member);
    *member = networks;
}

static void set_choice(struct config_draft *draft, const struct config_key *key, unsigned line,
                       const char *text, void *member)
{
    int choice = parse_choice(draft, key, line, text);
    if (choice < 0 || member == NULL)
        return;
    if (key->kind == CONFIG_SWITCH)
        *(bool *)member = choice == 1;
    else
        memcpy(member, &(unsigned){(unsigned)choice}, sizeof(unsigned)); /* any of our enums */
}

void config_value_apply(struct config_draft *draft, size_t index)
{
    const struct config_key *key = &config_keys[index];
    const struct config_text *written = &draft->texts[index];
    const char *text = written->text != NULL ? written->text : key->default_text;
    unsigned line = written->line;
    void *member = key->offset == CONFIG_NOWHERE ? NULL : (char *)draft->config + key->offset;
    switch (key->kind) {
    case CONFIG_TEXT:
    case CONFIG_SECRET:
        if (member != NULL)
            set_text(member, text);
        break;
    case CONFIG_NUMBER:
        set_number(draft, key, line, text, member);
        break;
    case CONFIG_DURATION:
        set_duration(draft, key, line, text, member);
        break;
    case CONFIG_SIZE:
        set_size(draft, key, line, text, member);
        break;
    case CONFIG_SWITCH:
    case CONFIG_CHOICE:
        set_choice(draft, key, line, text, member);
        break;
    case CONFIG_LISTEN:
        set_listen(draft, key, line, text, member);
        break;
    case CONFIG_NETWORKS:
        set_networks(draft, key, line, text, member);
        break;
    case CONFIG_VOTER:
        break;
    }
}
