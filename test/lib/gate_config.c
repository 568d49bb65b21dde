/* The config file of the ackgate under test: the fixture's own lines, then what the test has set, see gate.h.
 */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/lib/gate.h"
#include "test/lib/place.h"

static size_t key_length(const char *line)
{
    size_t length = strcspn(line, "=");

    while (length > 0 && line[length - 1] == ' ')
        length--;
    return length;
}

static struct gate_line *find_line(struct gate *gate, const char *section, const char *text)
{
    size_t length = key_length(text);

    for (size_t i = 0; i < gate->line_count; i++) {
        struct gate_line *line = &gate->line[i];
        if (strcmp(line->section, section) == 0 && key_length(line->text) == length &&
            strncmp(line->text, text, length) == 0)
            return line;
    }
    return NULL;
}

static void put_line(struct gate *gate, const char *section, const char *text, bool is_default)
{
    struct gate_line *line = find_line(gate, section, text);

    if (line && is_default)
        return;
    if (!line) {
        ck_assert_uint_lt(gate->line_count, GATE_LINES_MAX);
        line = &gate->line[gate->line_count++];
    }
    (void)snprintf(line->section, sizeof line->section, "%s", section);
    (void)snprintf(line->text, sizeof line->text, "%s", text);
}

void gate_set(struct gate *gate, const char *section, const char *format, ...)
{
    char text[sizeof gate->line[0].text];
    va_list args;

    va_start(args, format);
    int length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    ck_assert_msg(length > 0 && (size_t)length < sizeof text, "gate_set(): the line is too long");
    put_line(gate, section, text, false);
}

void gate_set_tls(struct gate *gate, const char *section, const char *mode, const char *dir, const char *name)
{
    gate_set(gate, section, "tls = %s", mode);
    gate_set(gate, section, "tls_cert = %s/%s.pem", dir, name);
    gate_set(gate, section, "tls_key = %s/%s-key.pem", dir, name);
}

void gate_unset(struct gate *gate, const char *section, const char *key)
{
    struct gate_line *line = find_line(gate, section, key);

    if (line)
        *line = gate->line[--gate->line_count];
}

void gate_add_voter(struct gate *gate, const char *name, uint32_t server_id)
{
    char section[sizeof gate->line[0].section];

    (void)snprintf(section, sizeof section, "replica %s", name);
    gate_set(gate, section, "server_id = %u", server_id);
}

void gate_remove_voter(struct gate *gate, const char *name)
{
    size_t kept = 0;
    for (size_t i = 0; i < gate->line_count; i++)
        if (strcmp(gate->line[i].section, place_format("replica %s", name)) != 0)
            gate->line[kept++] = gate->line[i];
    gate->line_count = kept;
}

static void put_default(struct gate *gate, const char *section, const char *text)
{
    put_line(gate, section, text, true);
}

static void put_defaults(struct gate *gate)
{
    put_default(gate, "ackgate", place_format("data_dir = %s", gate->data_dir));
    put_default(gate, "ackgate", "log_level = debug");
    put_default(gate, "ackgate", "shutdown_timeout = 2s");
    put_default(gate, "source", place_format("host = %s", gate->source_host));
    if (gate->source_host[0] != '/')
        put_default(gate, "source", place_format("port = %u", gate->source_port));
    put_default(gate, "source", "user = ackgate");
    put_default(gate, "source", "password = ackgate-pw");
    put_default(gate, "app", place_format("listen = 127.0.0.1:%u", gate->app_port));
    put_default(gate, "replication", place_format("listen = 127.0.0.1:%u", gate->replication_port));
    put_default(gate, "replication", "user = repl");
    put_default(gate, "replication", "password = repl-pw");
    put_default(gate, "admin", place_format("listen = 127.0.0.1:%u", gate->admin_port));
    put_default(gate, "admin", "user = admin");
    put_default(gate, "admin", "password = admin-pw");
    put_default(gate, "metrics", place_format("listen = 127.0.0.1:%u", gate->metrics_port));
    if (gate->rule[0])
        put_default(gate, "quorum", place_format("rule = %s", gate->rule));
}

/* Lines of one section together, sections in the order they came. */
void gate_write_config(struct gate *gate)
{
    char *text = NULL;
    size_t size = 0;
    bool is_written[GATE_LINES_MAX] = {false};

    put_defaults(gate);
    FILE *out = open_memstream(&text, &size);
    for (size_t i = 0; i < gate->line_count; i++) {
        if (is_written[i])
            continue;
        (void)fprintf(out, "[%s]\n", gate->line[i].section);
        for (size_t j = i; j < gate->line_count; j++) {
            if (strcmp(gate->line[j].section, gate->line[i].section) != 0)
                continue;
            (void)fprintf(out, "%s\n", gate->line[j].text);
            is_written[j] = true;
        }
        (void)fputc('\n', out);
    }
    (void)fclose(out);
    place_write_file(gate->config, text, 0600);
    free(text);
}
