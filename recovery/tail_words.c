/* The words of tail_words.h. */
#include "recovery/tail_words.h"

#include <string.h>

static struct span cut(struct span *text, uint8_t separator)
{
    const uint8_t *at = text->length == 0 ? NULL : memchr(text->data, separator, text->length);
    struct span part = {text->data, at == NULL ? text->length : (size_t)(at - text->data)};
    size_t used = at == NULL ? part.length : part.length + 1;
    if (text->length > 0)
        text->data += used;
    text->length -= used;
    return part;
}

struct span words_line(struct span *text)
{
    return cut(text, '\n');
}

struct span words_next(struct span *line)
{
    return cut(line, ' ');
}

bool words_number(struct span word, uint64_t max, uint64_t *ret_number)
{
    uint64_t number = 0;
    if (word.length == 0 || word.length > 20)
        return false;
    for (size_t i = 0; i < word.length; i++) {
        uint64_t digit = (uint64_t)word.data[i] - '0';
        if (digit > 9 || number > (UINT64_MAX - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    if (number > max)
        return false;
    *ret_number = number;
    return true;
}

static int hex_digit(uint8_t byte, const char *digits)
{
    const char *at = byte == 0 ? NULL : strchr(digits, byte);
    return at == NULL ? -1 : (int)(at - digits);
}

bool words_hex32(struct span word, uint32_t *ret_number)
{
    uint32_t number = 0;
    if (word.length != 8)
        return false;
    for (size_t i = 0; i < word.length; i++) {
        int digit = hex_digit(word.data[i], "0123456789abcdef");
        if (digit < 0)
            return false;
        number = number << 4 | (uint32_t)digit;
    }
    *ret_number = number;
    return true;
}

bool words_pair(struct span word, uint64_t *ret_first, uint64_t *ret_second)
{
    struct span first = cut(&word, ':');
    return words_number(first, INT64_MAX, ret_first) && words_number(word, INT64_MAX, ret_second);
}

bool words_value(struct span *line, const char *key, struct span *ret_value)
{
    struct span value = words_next(line);
    if (value.length == 0 || memchr(value.data, '=', value.length) == NULL)
        return false;
    if (!span_is_text(cut(&value, '='), key))
        return false;
    *ret_value = value;
    return true;
}

static bool is_plain(uint8_t byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
           (byte != 0 && strchr("._:/@+-", byte) != NULL);
}

void words_encode(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        uint8_t byte = (uint8_t)*text;
        if (is_plain(byte))
            putc(byte, out);
        else
            fprintf(out, "%%%02X", byte);
    }
}

static bool decode_byte(struct span word, size_t *at, uint8_t *ret_byte)
{
    uint8_t byte = word.data[*at];
    if (byte != '%') {
        *ret_byte = byte;
        *at += 1;
        return is_plain(byte);
    }
    if (word.length - *at < 3)
        return false;
    int high = hex_digit(word.data[*at + 1], "0123456789ABCDEF");
    int low = hex_digit(word.data[*at + 2], "0123456789ABCDEF");
    if (high < 0 || low < 0)
        return false;
    *ret_byte = (uint8_t)(high << 4 | low);
    *at += 3;
    return *ret_byte != 0 && !is_plain(*ret_byte);
}

bool words_decode(struct span word, char *ret_text, size_t text_max)
{
    size_t length = 0;
    for (size_t at = 0; at < word.length; length++) {
        uint8_t byte;
        if (length + 1 >= text_max || !decode_byte(word, &at, &byte))
            return false;
        ret_text[length] = (char)byte;
    }
    ret_text[length] = '\0';
    return true;
}
