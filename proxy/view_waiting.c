/* One transaction of view_waiting.h in words. */
#include "proxy/view_waiting.h"

#include "proxy/quorum.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

void view_waiting_show(const struct view_waiting_list *list, size_t index, struct view_waiting *ret_view)
{
    char gtid[GTID_TEXT_MAX];
    char name[BINLOG_NAME_MAX];
    assert(index < list->count);
    const struct view_waiting_item *item = &list->items[index];
    struct view_waiting *view = ret_view;
    snprintf(view->gtid, sizeof(view->gtid), "%s", gtid_format(&item->gtid, gtid));
    name[0] = '\0';
    if (list->base[0] != '\0')
        binlog_name_format(list->base, item->end.file, name);
    snprintf(view->end.file, sizeof(view->end.file), "%.*s", VIEW_FILE - 1, name);
    view->end.offset = item->end.offset;
    view->waiting_ms = item->waiting_us / 1000;
    view->session_id = item->session_id;
    quorum_format_voters(list->voters, item->acked_by, view->acked_by, sizeof(view->acked_by));
    quorum_format_voters(list->voters, item->missing, view->missing, sizeof(view->missing));
}
