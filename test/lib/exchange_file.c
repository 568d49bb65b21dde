/* The files of exchange.h. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/xalloc.h"
#include "test/lib/exchange.h"
#include "test/lib/place.h"

enum { EXCHANGES_MAX = 2000 };

static int is_text(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);

    return length > 4 && strcmp(entry->d_name + length - 4, ".txt") == 0;
}

/* What stands after the prefix, or NULL. */
static char *after(char *text, const char *prefix)
{
    size_t length = strlen(prefix);

    return strncmp(text, prefix, length) == 0 ? text + length + strspn(text + length, " ") : NULL;
}

/* Without its family; NULL if that is the other one. */
static char *for_family(char *line, enum family family)
{
    char *of_mysql = after(line, "mysql:");
    char *of_mariadb = after(line, "mariadb:");

    if (of_mysql)
        return family == FAMILY_MYSQL ? of_mysql : NULL;
    if (of_mariadb)
        return family == FAMILY_MARIADB ? of_mariadb : NULL;
    return line;
}

static void read_line(struct exchange_list *list, char *line, char *where, char **group, enum family family)
{
    char *of_group = after(line, "==");
    char *text = for_family(line, family);

    if (of_group)
        *group = of_group;
    if (of_group || !text || *line == '\0' || *line == '#')
        return;
    char *loose = after(text, "~");
    if (list->count == EXCHANGES_MAX)
        fail_at(HERE, "more than %d exchanges", EXCHANGES_MAX);
    list->items[list->count++] = (struct exchange){
        .text = loose ? loose : text, .place = where, .group = *group, .is_loose = loose != NULL};
}

static void read_file(struct exchange_list *list, const char *dir, const char *name, enum family family)
{
    char *text = place_read_file(place_format("%s/%s", dir, name), NULL);
    char *group = place_format("%s", name), *kept = text ? place_format("%s", text) : NULL;
    unsigned number = 0;

    free(text);
    while (kept && *kept) {
        char *line = strsep(&kept, "\n");
        read_line(list, line, place_format("%s:%u", name, ++number), &group, family);
    }
}

struct exchange_list exchange_read(const char *dir, enum family family)
{
    struct exchange_list list = {.items = xcalloc(EXCHANGES_MAX, sizeof *list.items)};
    struct dirent **entries;
    int count = scandir(dir, &entries, is_text, alphasort);

    if (count <= 0)
        fail_at(HERE, "no exchanges in %s", dir);
    for (int i = 0; i < count; i++) {
        read_file(&list, dir, entries[i]->d_name, family);
        free(entries[i]);
    }
    free(entries);
    return list;
}
