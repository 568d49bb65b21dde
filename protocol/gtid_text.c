/* The words of GTID texts. */
#include "protocol/gtid_text.h"

#include <ctype.h>

void gtid_text_skip_blanks(struct reader *text)
{
    while (reader_left(text) > 0 && isspace(reader_peek_u8(text)))
        reader_skip(text, 1);
}

bool gtid_text_take(struct reader *text, char c)
{
    gtid_text_skip_blanks(text);
    if (reader_left(text) == 0 || reader_peek_u8(text) != (uint8_t)c)
        return false;
    reader_skip(text, 1);
    return true;
}

bool gtid_text_at_end(struct reader *text)
{
    gtid_text_skip_blanks(text);
    return reader_at_end(text);
}

bool gtid_text_next_is_digit(struct reader *text)
{
    gtid_text_skip_blanks(text);
    return reader_left(text) > 0 && isdigit(reader_peek_u8(text));
}

uint64_t gtid_text_number(struct reader *text, uint64_t max)
{
    gtid_text_skip_blanks(text);
    if (reader_left(text) == 0 || !isdigit(reader_peek_u8(text)))
        reader_fail(text);
    uint64_t number = 0;
    while (reader_left(text) > 0 && isdigit(reader_peek_u8(text))) {
        uint64_t digit = (uint64_t)(reader_u8(text) - '0');
        if (number > (max - digit) / 10) {
            reader_fail(text);
            return 0;
        }
        number = number * 10 + digit;
    }
    return number;
}

void gtid_text_uuid(struct reader *text, uint8_t ret_uuid[UUID_BYTES])
{
    gtid_text_skip_blanks(text);
    if (uuid_parse(reader_bytes(text, UUID_TEXT_BYTES), ret_uuid) != RESULT_OK)
        reader_fail(text);
}

static bool is_tag_character(uint8_t c)
{
    return isalnum(c) || c == '_';
}

void gtid_text_tag(struct reader *text, struct gtid_origin *origin)
{
    gtid_text_skip_blanks(text);
    struct span rest = {text->data + text->at, reader_left(text)};
    size_t length = 0;
    while (length < rest.length && is_tag_character(rest.data[length]))
        length++;
    struct span tag = reader_bytes(text, length);
    if (tag.length == 0 || gtid_origin_set_tag(origin, tag) != RESULT_OK)
        reader_fail(text);
}

void gtid_text_mariadb(struct reader *text, struct gtid_mariadb *ret_gtid)
{
    ret_gtid->domain = (uint32_t)gtid_text_number(text, UINT32_MAX);
    if (!gtid_text_take(text, '-'))
        reader_fail(text);
    ret_gtid->server = (uint32_t)gtid_text_number(text, UINT32_MAX);
    if (!gtid_text_take(text, '-'))
        reader_fail(text);
    ret_gtid->seq = gtid_text_number(text, UINT64_MAX);
}

void gtid_text_write_number(struct writer *writer, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    writer_bytes(writer, digits + at, sizeof digits - at);
}
