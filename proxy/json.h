/*
 * Writes JSON text (RFC 8259) to a stream: commas and escapes by themselves, nesting by the caller.
 *
 * In an object every value has a key; in an array, and at the outermost level, the key is NULL. Foreign bytes
 * are safe as text: what is no UTF-8 becomes U+FFFD, and no character is written as itself that means
 * something to JSON or to HTML.
 */
#ifndef ACKGATE_PROXY_JSON_H
#define ACKGATE_PROXY_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
    FILE *out;      /* the caller's */
    bool has_value; /* on this level: the next one needs a comma */
};

void json_init(struct json *json, FILE *out);

void json_begin_object(struct json *json, const char *key);
void json_end_object(struct json *json);
void json_begin_array(struct json *json, const char *key);
void json_end_array(struct json *json);

void json_text(struct json *json, const char *key, const char *value); /* NULL: null */
void json_number(struct json *json, const char *key,
                 uint64_t value); /* below 2^53, to be exact in a browser */
void json_thousandths(struct json *json, const char *key, uint64_t value); /* 1234 is written 1.234 */
void json_bool(struct json *json, const char *key, bool value);
void json_null(struct json *json, const char *key);

#endif
