/*
 * Reading a config file: sections, keys and values with their lines, and every line that makes no sense.
 *
 * inih splits the lines. It does not say which line it is at, and cuts long section names, so its reader is
 * ours: it counts, and keeps the section's whole name.
 *
 * `!include FILE` and `!includedir DIR` (its *.cnf, by name) read other files at that place, as MySQL's
 * option files do; names are relative to the directory of the file they stand in, and a section ends there. A
 * key in another file takes the place of one that was read before.
 */
#include "proxy/config_draft.h"

#include "protocol/xalloc.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 4096, SECTION_BYTES = 128, DEPTH_MAX = 8 };

static const char replica_prefix[] = "replica ";

struct reading {
    struct config_draft *draft;
    FILE *file;
    const char *path;
    unsigned depth;              /* of files that include each other */
    unsigned line;               /* of the draft */
    char section[SECTION_BYTES]; /* its name as written; "" before the first */
    const char *table_section;   /* as config_keys calls it; NULL: unknown, its keys are passed over */
    bool is_voter;
    bool is_at_start;
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

/* ---- other files ---- */

static enum result read_file(struct config_draft *draft, const char *path, unsigned depth, unsigned line);

/* Relative to the file that it stands in. Allocated. */
static char *resolve(const struct reading *reading, const char *name)
{
    const char *slash = strrchr(reading->path, '/');
    if (name[0] == '/' || slash == NULL)
        return xstrdup(name);
    return xasprintf("%.*s/%s", (int)(slash - reading->path), reading->path, name);
}

static void include_file(const struct reading *reading, const char *path)
{
    struct config_draft *draft = reading->draft;
    enum result ignored = RESULT_OK; /* a problem says so */
    if (reading->depth == DEPTH_MAX)
        config_draft_problem(draft, reading->line, "%s: files include each other more than %d deep", path,
                             DEPTH_MAX);
    else if (draft->file_count == CONFIG_FILES_MAX)
        config_draft_problem(draft, reading->line, "%s: there are more than %d files", path,
                             CONFIG_FILES_MAX);
    else
        ignored = read_file(draft, path, reading->depth + 1, reading->line);
    (void)ignored;
}

static int is_config_name(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return entry->d_name[0] != '.' && length > 4 && strcmp(entry->d_name + length - 4, ".cnf") == 0;
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void include_dir(const struct reading *reading, const char *dir)
{
    struct dirent **entries;
    int count = scandir(dir, &entries, is_config_name, compare_names);
    if (count < 0) {
        config_draft_problem(reading->draft, reading->line, "!includedir %s cannot be read: %s", dir,
                             strerror(errno));
        return;
    }
    for (int i = 0; i < count; i++) {
        char *path = xasprintf("%s/%s", dir, entries[i]->d_name);
        include_file(reading, path);
        free(path);
        free(entries[i]);
    }
    free(entries);
}

/* "!include FILE", "!includedir DIR": the text behind the exclamation mark. */
static void take_directive(struct reading *reading, const char *text)
{
    size_t word = strcspn(text, " \t\r\n");
    bool is_dir = word == 10 && strncmp(text, "includedir", word) == 0;
    const char *name = text + word + strspn(text + word, " \t");
    char *trimmed = xstrndup(name, strlen(name));
    for (size_t length = strlen(trimmed); length > 0 && isspace((unsigned char)trimmed[length - 1]); length--)
        trimmed[length - 1] = '\0';
    if ((!is_dir && (word != 7 || strncmp(text, "include", word) != 0)) || trimmed[0] == '\0') {
        config_draft_problem(reading->draft, reading->line,
                             "a line with ! is !include FILE or !includedir DIRECTORY");
    } else {
        char *path = resolve(reading, trimmed);
        if (is_dir)
            include_dir(reading, path);
        else
            include_file(reading, path);
        free(path);
    }
    free(trimmed);
    reading->section[0] = '\0';
}

/* ---- lines ---- */

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
    reading->line += (reading->line + 1) % (1u << CONFIG_LINE_BITS) != 0; /* the last line has many */
    size_t length = strlen(buffer);
    if (length + 1 == (size_t)room && buffer[length - 1] != '\n') {
        skip_line(reading);
        strcpy(buffer, "\n");
    }
    const char *start = buffer;
    if (reading->is_at_start && strncmp(start, "\xEF\xBB\xBF", 3) == 0)
        start += 3;
    reading->is_at_start = false;
    while (isspace((unsigned char)*start))
        start++;
    if (*start == '[')
        begin_section(reading, start + 1);
    if (*start == '!') {
        take_directive(reading, start + 1);
        strcpy(buffer, "\n");
    }
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
    if (text->text != NULL && text->line >> CONFIG_LINE_BITS == reading->line >> CONFIG_LINE_BITS) {
        config_draft_problem(reading->draft, reading->line, "%s is set twice, first in %s", name,
                             config_draft_where(reading->draft, text->line, reading->line));
        return;
    }
    if (text->text != NULL)
        explicit_bzero(text->text, strlen(text->text));
    free(text->text);
    text->text = xstrdup(value);
    text->line = reading->line;
}

/* inih's handler; its own idea of the section is not used. 0 would make it report the line once more. */
static int on_key(void *user, const char *section, const char *name, const char *value)
{
    (void)section;
    struct reading *reading = user;
    if (reading->section[0] == '\0')
        config_draft_problem(reading->draft, reading->line,
                             "%s stands in no section: a [section] comes first", name);
    else if (value == NULL)
        config_draft_problem(reading->draft, reading->line, "%s has no value: write %s = …", name, name);
    else if (reading->table_section != NULL)
        take(reading, name, value);
    return 1;
}

static void parse(struct reading *reading)
{
    ini_use_stack = false;
    ini_max_line = LINE_BYTES;
    ini_initial_alloc = LINE_BYTES;
    ini_allow_multiline = false; /* an indented line is a key like any other */
    ini_allow_no_value = true;
    unsigned first = reading->line;
    int bad_line = ini_parse_stream(read_line, reading, on_key, reading);
    if (bad_line > 0)
        config_draft_problem(reading->draft, first + (unsigned)bad_line,
                             "neither a [section] nor a key = value");
}

/* line: where the file is asked for; 0 for the main one. */
static enum result read_file(struct config_draft *draft, const char *path, unsigned depth, unsigned line)
{
    unsigned start = (unsigned)draft->file_count << CONFIG_LINE_BITS;
    struct reading reading = {.draft = draft, .depth = depth, .line = start, .is_at_start = true};
    reading.path = draft->files[draft->file_count++] = xstrdup(path);
    reading.file = fopen(path, "re");
    if (reading.file == NULL) {
        config_draft_problem(draft, line, "%s%scannot be read: %s", depth > 0 ? path : "",
                             depth > 0 ? " " : "", strerror(errno));
        return RESULT_IO;
    }
    parse(&reading);
    bool is_failed = ferror(reading.file) != 0;
    int reason = errno;
    fclose(reading.file);
    if (is_failed)
        config_draft_problem(draft, start, "cannot be read: %s", strerror(reason));
    return is_failed ? RESULT_IO : RESULT_OK;
}

enum result config_read(struct config_draft *draft, const char *file)
{
    return read_file(draft, file, 0, 0);
}
