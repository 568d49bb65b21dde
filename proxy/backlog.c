/* The kept bytes of backlog.h. */
#include "proxy/backlog.h"

#include "protocol/xalloc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

size_t backlog_bytes(const struct backlog *backlog)
{
    return backlog->end - backlog->start;
}

struct span backlog_span(const struct backlog *backlog)
{
    if (backlog->data == NULL)
        return (struct span){0};
    return (struct span){backlog->data + backlog->start, backlog_bytes(backlog)};
}

static void reserve(struct backlog *backlog, size_t length_bytes)
{
    if (backlog->room - backlog->end >= length_bytes)
        return;
    size_t needed = backlog_bytes(backlog) + length_bytes;
    if (backlog->start > 0 && needed <= backlog->room) {
        memmove(backlog->data, backlog->data + backlog->start, backlog_bytes(backlog));
    } else {
        size_t room = backlog->room * 2 > needed ? backlog->room * 2 : needed;
        uint8_t *data = xmalloc(room);
        if (backlog->data != NULL)
            memcpy(data, backlog->data + backlog->start, backlog_bytes(backlog));
        free(backlog->data);
        backlog->data = data;
        backlog->room = room;
    }
    backlog->end -= backlog->start;
    backlog->start = 0;
}

void backlog_append(struct backlog *backlog, struct span bytes)
{
    if (bytes.length == 0)
        return;
    reserve(backlog, bytes.length);
    memcpy(backlog->data + backlog->end, bytes.data, bytes.length);
    backlog->end += bytes.length;
}

void backlog_consume(struct backlog *backlog, size_t length_bytes)
{
    assert(length_bytes <= backlog_bytes(backlog));
    backlog->start += length_bytes;
    if (backlog->start == backlog->end)
        backlog_release(backlog);
}

size_t backlog_take(struct backlog *backlog, uint8_t *ret_bytes)
{
    size_t length = backlog_bytes(backlog);
    if (length > 0)
        memcpy(ret_bytes, backlog->data + backlog->start, length);
    backlog_release(backlog);
    return length;
}

void backlog_release(struct backlog *backlog)
{
    free(backlog->data);
    *backlog = (struct backlog){0};
}
