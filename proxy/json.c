/* The writer of json.h. */
#include "proxy/json.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

void json_init(struct json *json, FILE *out)
{
    *json = (struct json){.out = out};
}

/* The length of the UTF-8 sequence (RFC 3629) at text, which ends with a NUL; 0 if it is none. */
static size_t utf8_length(const unsigned char *text)
{
    static const struct {
        unsigned char first, last;            /* of lead bytes */
        unsigned char second_min, second_max; /* no overlong forms, surrogates, or more than U+10FFFF */
        size_t length;
    } rows[] = {
        {0xC2, 0xDF, 0x80, 0xBF, 2},
        {0xE0, 0xE0, 0xA0, 0xBF, 3},
        {0xE1, 0xEC, 0x80, 0xBF, 3},
        {0xED, 0xED, 0x80, 0x9F, 3},
        {0xEE, 0xEF, 0x80, 0xBF, 3},
        {0xF0, 0xF0, 0x90, 0xBF, 4},
        {0xF1, 0xF3, 0x80, 0xBF, 4},
        {0xF4, 0xF4, 0x80, 0x8F, 4},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (text[0] < rows[i].first || text[0] > rows[i].last)
            continue;
        if (text[1] < rows[i].second_min || text[1] > rows[i].second_max)
            return 0;
        for (size_t at = 2; at < rows[i].length; at++) {
            if ((text[at] & 0xC0) != 0x80)
                return 0;
        }
        return rows[i].length;
    }
    return 0;
}

static void put_string(FILE *out, const char *text)
{
    putc('"', out);
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0';) {
        size_t length = *at < 0x80 ? 1 : utf8_length(at);
        if (length == 0)
            fputs("\\ufffd", out);
        else if (length > 1)
            fwrite(at, 1, length, out);
        else if (*at < 0x20 || *at == 0x7F || strchr("\"\\<>&'", *at) != NULL)
            fprintf(out, "\\u%04x", *at);
        else
            putc(*at, out);
        at += length == 0 ? 1 : length;
    }
    putc('"', out);
}

static void begin_value(struct json *json, const char *key)
{
    if (json->has_value)
        putc(',', json->out);
    json->has_value = true;
    if (key != NULL) {
        put_string(json->out, key);
        putc(':', json->out);
    }
}

static void begin(struct json *json, const char *key, char bracket)
{
    begin_value(json, key);
    putc(bracket, json->out);
    json->has_value = false;
}

static void end(struct json *json, char bracket)
{
    putc(bracket, json->out);
    json->has_value = true;
}

void json_begin_object(struct json *json, const char *key)
{
    begin(json, key, '{');
}

void json_end_object(struct json *json)
{
    end(json, '}');
}

void json_begin_array(struct json *json, const char *key)
{
    begin(json, key, '[');
}

void json_end_array(struct json *json)
{
    end(json, ']');
}

void json_text(struct json *json, const char *key, const char *value)
{
    if (value == NULL) {
        json_null(json, key);
        return;
    }
    begin_value(json, key);
    put_string(json->out, value);
}

void json_number(struct json *json, const char *key, uint64_t value)
{
    begin_value(json, key);
    fprintf(json->out, "%" PRIu64, value);
}

void json_thousandths(struct json *json, const char *key, uint64_t value)
{
    begin_value(json, key);
    fprintf(json->out, "%" PRIu64 ".%03u", value / 1000, (unsigned)(value % 1000));
}

void json_bool(struct json *json, const char *key, bool value)
{
    begin_value(json, key);
    fputs(value ? "true" : "false", json->out);
}

void json_null(struct json *json, const char *key)
{
    begin_value(json, key);
    fputs("null", json->out);
}
