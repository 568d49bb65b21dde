/* Positions and binlog file names. */
#include "protocol/position.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NUMBER_DIGITS_MIN 6

int position_compare(struct position a, struct position b)
{
    if (a.file != b.file)
        return a.file < b.file ? -1 : 1;
    return (a.offset > b.offset) - (a.offset < b.offset);
}

bool position_equal(struct position a, struct position b)
{
    return position_compare(a, b) == 0;
}

bool position_is_none(struct position position)
{
    return position.file == 0 && position.offset == 0;
}

struct position position_min(struct position a, struct position b)
{
    return position_compare(a, b) <= 0 ? a : b;
}

struct position position_max(struct position a, struct position b)
{
    return position_compare(a, b) >= 0 ? a : b;
}

bool binlog_base_is_valid(struct span base)
{
    if (base.length == 0 || base.length >= BINLOG_BASE_MAX)
        return false;
    for (size_t i = 0; i < base.length; i++) {
        uint8_t byte = base.data[i];
        if (byte < 0x20 || byte == 0x7F || byte == '/' || byte == '\\')
            return false;
    }
    return true;
}

/* The number of a file name's last part; 0 when it is none, or not in the one form that is written. */
static uint64_t parse_number(struct span digits)
{
    if (digits.length < NUMBER_DIGITS_MIN || (digits.length > NUMBER_DIGITS_MIN && digits.data[0] == '0'))
        return 0;
    uint64_t number = 0;
    for (size_t i = 0; i < digits.length; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return 0;
        number = number * 10 + (uint64_t)(digits.data[i] - '0');
        if (number > BINLOG_NUMBER_MAX)
            return 0;
    }
    return number;
}

enum result binlog_name_parse(struct span name, struct span *ret_base, uint64_t *ret_file)
{
    if (name.length >= BINLOG_NAME_MAX)
        return RESULT_TOO_LARGE;
    const uint8_t *dot = name.length == 0 ? NULL : memrchr(name.data, '.', name.length);
    if (dot == NULL)
        return RESULT_MALFORMED;
    struct span base = {name.data, (size_t)(dot - name.data)};
    struct span digits = {dot + 1, name.length - base.length - 1};
    if (base.length >= BINLOG_BASE_MAX)
        return RESULT_TOO_LARGE;
    uint64_t number = parse_number(digits);
    if (!binlog_base_is_valid(base) || number == 0)
        return RESULT_MALFORMED;
    if (ret_base != NULL)
        *ret_base = base;
    if (ret_file != NULL)
        *ret_file = number;
    return RESULT_OK;
}

void binlog_name_format(const char *base, uint64_t file, char ret_name[BINLOG_NAME_MAX])
{
    assert(binlog_base_is_valid(span_of_text(base)));
    assert(file >= 1 && file <= BINLOG_NUMBER_MAX);
    int length = snprintf(ret_name, BINLOG_NAME_MAX, "%s.%06" PRIu64, base, file);
    assert(length > 0 && length < BINLOG_NAME_MAX);
    (void)length;
}
