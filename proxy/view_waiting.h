/*
 * The transactions that wait for the quorum, as a plain copy: quick to take on the replication loop, and made
 * readable one by one on whatever thread shows them.
 */
#ifndef ACKGATE_PROXY_VIEW_WAITING_H
#define ACKGATE_PROXY_VIEW_WAITING_H

#include "protocol/binlog_rotate.h"
#include "protocol/gtid.h"
#include "protocol/position.h"
#include "proxy/config.h"
#include "proxy/view.h"

struct view_waiting_item {
    struct gtid gtid;
    struct position end;
    uint64_t waiting_us;
    uint64_t session_id; /* the source's connection that wrote it; 0: not known */
    uint32_t acked_by;   /* masks of voters */
    uint32_t missing;
};

struct view_waiting_list {
    char base[BINLOG_NAME_MAX];                    /* of the source's files; "": none yet */
    struct config_voter voters[CONFIG_VOTERS_MAX]; /* their names; what else they point to is the config's */
    size_t count;
    struct view_waiting_item items[]; /* the oldest first */
};

void view_waiting_show(const struct view_waiting_list *list, size_t index, struct view_waiting *ret_view);

#endif
