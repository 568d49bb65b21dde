/* The collecting side of config_draft.h: problems, and looking up what was written. */
#include "proxy/config_draft.h"

#include "protocol/xalloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROBLEM_BYTES = 1024 };

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
        if (problem->line > 0)
            fprintf(stream, "%s:%u: %s\n", draft->file, problem->line, problem->text);
        else
            fprintf(stream, "%s: %s\n", draft->file, problem->text);
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
