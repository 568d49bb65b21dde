/* The collecting side of config_draft.h: problems, and looking up what was written. */
#include "proxy/config_draft.h"

#include "protocol/xalloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROBLEM_BYTES = 1024, LINE_MASK = (1 << CONFIG_LINE_BITS) - 1 };

static unsigned line_of(unsigned line)
{
    return line & LINE_MASK;
}

const char *config_draft_file(const struct config_draft *draft, unsigned line)
{
    return draft->files[line >> CONFIG_LINE_BITS];
}

const char *config_draft_where(const struct config_draft *draft, unsigned line, unsigned seen_from)
{
    static char text[PROBLEM_BYTES];
    if (line >> CONFIG_LINE_BITS == seen_from >> CONFIG_LINE_BITS)
        snprintf(text, sizeof(text), "line %u", line_of(line));
    else
        snprintf(text, sizeof(text), "%s:%u", config_draft_file(draft, line), line_of(line));
    return text;
}

void config_draft_problem(struct config_draft *draft, unsigned line, const char *format, ...)
{
    char text[PROBLEM_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    for (char *at = text; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 127)
            *at = '?'; /* it may be a file of any kind that we were given */
    }
    draft->problems = xrealloc(draft->problems, (draft->problem_count + 1) * sizeof(draft->problems[0]));
    draft->problems[draft->problem_count++] = (struct config_problem){line, xstrdup(text)};
}

/* Insertion sort: few, mostly in order already, and those of one line stay in the order of their finding. */
static void sort_problems(struct config_draft *draft)
{
    for (size_t i = 1; i < draft->problem_count; i++) {
        struct config_problem problem = draft->problems[i];
        size_t at = i;
        for (; at > 0 && draft->problems[at - 1].line > problem.line; at--)
            draft->problems[at] = draft->problems[at - 1];
        draft->problems[at] = problem;
    }
}

char *config_draft_problems(struct config_draft *draft)
{
    char *all = NULL;
    size_t length = 0;
    if (draft->problem_count == 0)
        return NULL;
    sort_problems(draft);
    FILE *stream = open_memstream(&all, &length);
    if (stream == NULL)
        abort(); /* out of memory */
    for (size_t i = 0; i < draft->problem_count; i++) {
        const struct config_problem *problem = &draft->problems[i];
        const char *file = config_draft_file(draft, problem->line);
        if (line_of(problem->line) > 0)
            fprintf(stream, "%s:%u: %s\n", file, line_of(problem->line), problem->text);
        else
            fprintf(stream, "%s: %s\n", file, problem->text);
    }
    fclose(stream);
    return all;
}

const char *config_draft_text(const struct config_draft *draft, const char *section, const char *name)
{
    size_t key = config_key_find(section, name);
    const char *text = draft->texts[key].text;
    return text != NULL ? text : config_keys[key].default_text;
}

bool config_draft_is_set(const struct config_draft *draft, const char *section, const char *name)
{
    return draft->texts[config_key_find(section, name)].text != NULL;
}

unsigned config_draft_line(const struct config_draft *draft, const char *section, const char *name)
{
    unsigned line = draft->texts[config_key_find(section, name)].line;
    if (line > 0)
        return line;
    size_t first = 0;
    while (strcmp(config_keys[first].section, section) != 0)
        first++;
    return draft->section_lines[first];
}

static void free_secret(char *secret)
{
    if (secret != NULL)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

void config_draft_keep_values(struct config_draft *draft)
{
    struct config *config = draft->config;
    config->values = xcalloc(config_key_count_static(), sizeof(config->values[0]));
    for (size_t i = 0; i < config_key_count_static(); i++) {
        const char *written = draft->texts[i].text;
        const char *text = written != NULL ? written : config_keys[i].default_text;
        if (config_keys[i].kind == CONFIG_SECRET)
            text = text[0] != '\0' ? "********" : "";
        else if (i == config_key_find("store", "dir") && config->store.dir != NULL)
            text = config->store.dir;
        config->values[i] =
            (struct config_value){xstrdup(text), written != NULL ? CONFIG_FROM_FILE : CONFIG_FROM_DEFAULT};
    }
}

void config_draft_release(struct config_draft *draft)
{
    for (size_t i = 0; i < config_key_count_static(); i++)
        free_secret(draft->texts[i].text);
    for (size_t i = 0; i < draft->problem_count; i++)
        free(draft->problems[i].text);
    for (size_t i = 0; i < draft->file_count; i++)
        free(draft->files[i]);
    free(draft->problems);
}
