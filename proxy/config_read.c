/*
 * Reading a config file: sections, keys and values with their lines, and every line that makes no sense.
 *
 * inih splits the lines. It does not say which line it is at, and cuts long section names, so its reader is
 * ours: it counts, and keeps the section's whole name.
 */
#include "proxy/config_draft.h"

#include "protocol/xalloc.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 4096, SECTION_BYTES = 128 };

static const char replica_prefix[] = "replica ";

struct reading {
    struct config_draft *draft;
    FILE *file;
    unsigned line;
    char section[SECTION_BYTES]; /* its name as written; "" before the first */
    const char *table_section;   /* as config_keys calls it; NULL: unknown, its keys are passed over */
    bool is_voter;
};

static void begin_voter(struct reading *reading)
{
    const char *name = reading->section + strlen(replica_prefix);
    while (*name == ' ' || *name == '\t')
        name++;
    reading->table_section = "replica";
    reading->is_voter = true;
    config_voter_begin(reading->draft, name, reading->line);
}

static void unknown_section(struct reading *reading)
{
    const char *near = config_key_suggest_section(reading->section);
    reading->table_section = NULL;
    if (strcmp(reading->section, "replica") == 0)
        config_draft_problem(reading->draft, reading->line, "a replica's section has its name: [replica r1]");
    else if (near != NULL)
        config_draft_problem(reading->draft, reading->line, "unknown section [%s]; did you mean [%s]?",
                             reading->section, near);
    else
        config_draft_problem(reading->draft, reading->line,
                             "unknown section [%s]; there are ackgate, source, app, replication, admin, "
                             "metrics, quorum, replica NAME, store and journal",
                             reading->section);
}

static void begin_section(struct reading *reading, const char *start)
{
    const char *end = strchr(start, ']');
    if (end == NULL)
        return; /* inih complains */
    size_t length = (size_t)(end - start);
    reading->is_voter = false;
    snprintf(reading->section, sizeof(reading->section), "%.*s", (int)length, start);
    if (strncmp(reading->section, replica_prefix, strlen(replica_prefix)) == 0) {
        begin_voter(reading);
        return;
    }
    size_t first = 0;
    while (first < config_key_count_static() && strcmp(config_keys[first].section, reading->section) != 0)
        first++;
    if (first == config_key_count_static()) {
        unknown_section(reading);
        return;
    }
    reading->table_section = config_keys[first].section;
    if (reading->draft->section_lines[first] == 0)
        reading->draft->section_lines[first] = reading->line;
}

/* The rest of a line that is too long for inih's buffer. */
static void skip_line(struct reading *reading)
{
    int byte;
    config_draft_problem(reading->draft, reading->line, "the line is longer than %d bytes", LINE_BYTES - 4);
    do
        byte = getc(reading->file);
    while (byte != '\n' && byte != EOF);
}

static char *read_line(char *buffer, int room, void *stream)
{
    struct reading *reading = stream;
    if (fgets(buffer, room, reading->file) == NULL)
        return NULL;
    reading->line++;
    size_t length = strlen(buffer);
    if (length + 1 == (size_t)room && buffer[length - 1] != '\n') {
        skip_line(reading);
        strcpy(buffer, "\n");
    }
    const char *start = buffer;
    if (reading->line == 1 && strncmp(start, "\xEF\xBB\xBF", 3) == 0)
        start += 3;
    while (isspace((unsigned char)*start))
        start++;
    if (*start == '[')
        begin_section(reading, start + 1);
    return buffer;
}

static void unknown_key(const struct reading *reading, const char *name)
{
    const char *near = config_key_suggest(reading->table_section, name);
    if (near != NULL)
        config_draft_problem(reading->draft, reading->line, "unknown key %s in [%s]; did you mean %s?", name,
                             reading->section, near);
    else
        config_draft_problem(reading->draft, reading->line, "unknown key %s in [%s]", name, reading->section);
}

static void take(struct reading *reading, const char *name, const char *value)
{
    size_t key = config_key_find(reading->table_section, name);
    if (key == config_key_count()) {
        unknown_key(reading, name);
        return;
    }
    if (reading->is_voter) {
        config_voter_set(reading->draft, key, value, reading->line);
        return;
    }
    struct config_text *text = &reading->draft->texts[key];
    if (text->text != NULL) {
        config_draft_problem(reading->draft, reading->line, "%s is set twice, first in line %u", name,
                             text->line);
        return;
    }
    text->text = xstrdup(value);
    text->line = reading->line;
}

/* inih's handler; its own idea of the section is not used. 0 would make it report the line once more. */
static int on_key(void *user, const char *section, const char *name, const char *value)
{
    (void)section;
    struct reading *reading = user;
    if (reading->section[0] == '\0')
        config_draft_problem(reading->draft, reading->line, "%s stands before the first section", name);
    else if (value == NULL)
        config_draft_problem(reading->draft, reading->line, "%s has no value: write %s = …", name, name);
    else if (reading->table_section != NULL)
        take(reading, name, value);
    return 1;
}

enum result config_read(struct config_draft *draft)
{
    struct reading reading = {.draft = draft, .file = fopen(draft->file, "re")};
    if (reading.file == NULL) {
        config_draft_problem(draft, 0, "cannot be read: %s", strerror(errno));
        return RESULT_IO;
    }
    ini_use_stack = false;
    ini_max_line = LINE_BYTES;
    ini_initial_alloc = LINE_BYTES;
    ini_allow_multiline = false; /* an indented line is a key like any other */
    ini_allow_no_value = true;
    int bad_line = ini_parse_stream(read_line, &reading, on_key, &reading);
    bool is_failed = ferror(reading.file) != 0;
    int reason = errno;
    fclose(reading.file);
    if (is_failed) {
        config_draft_problem(draft, 0, "cannot be read: %s", strerror(reason));
        return RESULT_IO;
    }
    if (bad_line > 0)
        config_draft_problem(draft, (unsigned)bad_line, "neither a [section] nor a key = value");
    return RESULT_OK;
}
