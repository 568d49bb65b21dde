/* The replicas of replica.h: their connections, what they say of themselves, their lives. */
#include "test/sim/replica.h"

#include "protocol/command.h"
#include "protocol/constants.h"
#include "protocol/xalloc.h"
#include "test/sim/dice.h"
#include "test/sim/replica_state.h"
#include "test/sim/schedule.h"
#include "test/sim/world.h"

#include <stdio.h>
#include <string.h>

static struct replica_model replicas[WORLD_REPLICAS_MAX];

static void on_come_back(void *argument);

bool replica_is_voter(const struct replica_model *replica)
{
    return replica->number < world_setup()->voters;
}

bool replica_is_by_position(const struct replica_model *replica)
{
    return replica->number == replicas_count() - 1;
}

size_t replicas_count(void)
{
    return world_setup()->voters + 2;
}

static unsigned group_of(const struct replica_model *replica)
{
    return GROUP_REPLICA + replica->number;
}

static void plan_come_back(struct replica_model *replica, uint64_t after_us)
{
    schedule_cancel(replica->come_back);
    replica->come_back = schedule_after(after_us, group_of(replica), on_come_back, replica);
}

static void forget_connection(struct replica_model *replica)
{
    replica->link = NULL;
    replica->group.is_open = false;
    replica->rx_length = replica->length = 0;
    if (replica_is_by_position(replica))
        replica->received = replica->executed = 0;
}

static void on_execute(void *argument)
{
    struct replica_model *replica = argument;
    replica->execute = 0;
    if (replica->executed < replica->received)
        replica->executed++;
    replica_plan_execution(replica);
}

void replica_plan_execution(struct replica_model *replica)
{
    if (replica->execute != 0 || replica->executed == replica->received)
        return;
    replica->execute = schedule_after(dice_between(100, world_setup()->execution_us_max), group_of(replica),
                                      on_execute, replica);
}

/* ---- what it says of itself ---- */

static void say_sql(struct replica_model *replica, const char *sql)
{
    uint8_t bytes[1024];
    struct writer writer;
    writer_init(&writer, bytes, sizeof(bytes));
    command_query_encode(&writer, span_of_text(sql), CAP_PROTOCOL_41);
    link_send_payload(replica->link, writer_span_written(&writer));
}

static void say_mysql_variables(struct replica_model *replica)
{
    char sql[512];
    snprintf(
        sql, sizeof(sql),
        "SET @replica_uuid = '0000000%u-0000-0000-0000-000000000000', @source_binlog_checksum = 'CRC32', "
        "@source_heartbeat_period = 3000000000",
        replica->number + 1);
    say_sql(replica, sql);
}

static void say_mariadb_variables(struct replica_model *replica)
{
    char sql[512];
    char state[GTID_TEXT_MAX] = "";
    if (replica->received > 0)
        gtid_format(&truth_of(replica->uids[replica->received - 1])->gtid, state);
    snprintf(sql, sizeof(sql),
             "SET @mariadb_slave_capability = 4, @master_binlog_checksum = 'CRC32'%s%s%s, "
             "@master_heartbeat_period = 3000000000",
             replica_is_by_position(replica) ? "" : ", @slave_connect_state = '",
             replica_is_by_position(replica) ? "" : state, replica_is_by_position(replica) ? "" : "'");
    say_sql(replica, sql);
}

static void say_dump_gtid(struct replica_model *replica)
{
    uint8_t set_bytes[2048];
    uint8_t bytes[4096];
    struct gtid_set set;
    struct writer writer;
    gtid_set_init(&set);
    for (size_t i = 0; i < replica->received; i++)
        gtid_set_add(&set, &truth_of(replica->uids[i])->gtid.mysql);
    writer_init(&writer, set_bytes, sizeof(set_bytes));
    gtid_set_encode(&writer, &set);
    gtid_set_release(&set);
    struct command_dump_gtid dump = {.server_id = 10 + replica->number, .position = BINLOG_START};
    dump.gtid_set = writer_span_written(&writer);
    writer_init(&writer, bytes, sizeof(bytes));
    command_dump_gtid_encode(&writer, &dump);
    link_send_payload(replica->link, writer_span_written(&writer));
}

static void say_dump(struct replica_model *replica)
{
    uint8_t bytes[128];
    struct writer writer;
    struct command_dump dump = {.position = BINLOG_START, .server_id = 10 + replica->number};
    dump.file = span_of_text(replica_is_by_position(replica) ? "binlog.000001" : "");
    writer_init(&writer, bytes, sizeof(bytes));
    command_dump_encode(&writer, &dump);
    link_send_payload(replica->link, writer_span_written(&writer));
}

/* What it says that it has, for the moment when the daemon hears it: earlier acks are over then. */
struct said {
    unsigned voter;
    size_t count;
    uint64_t uids[];
};

static struct said *said_new(const struct replica_model *replica)
{
    struct said *said = xmalloc(sizeof(*said) + replica->received * sizeof(said->uids[0]));
    said->voter = replica->number;
    said->count = replica->received;
    memcpy(said->uids, replica->uids, said->count * sizeof(said->uids[0]));
    return said;
}

static void on_heard(void *note)
{
    static bool has[TRUTH_TXNS_MAX + 1];
    const struct said *said = note;
    if (said->voter >= world_setup()->voters)
        return;
    memset(has, 0, sizeof(has));
    for (size_t i = 0; i < said->count; i++)
        has[said->uids[i]] = true;
    truth_on_attached(said->voter, has);
}

static void on_login(void *argument)
{
    struct replica_model *replica = argument;
    bool is_mysql = world_setup()->flavor == FLAVOR_MYSQL;
    replica->acked = replica->received;
    if (is_mysql)
        say_mysql_variables(replica);
    else
        say_mariadb_variables(replica);
    if (!replica_is_by_position(replica))
        say_sql(replica, "SET @rpl_semi_sync_replica = 1, @rpl_semi_sync_slave = 1");
    link_set_note(replica->link, said_new(replica));
    if (is_mysql && !replica_is_by_position(replica))
        say_dump_gtid(replica);
    else
        say_dump(replica);
}

/* ---- its connection ---- */

static void on_payload(void *argument, struct span payload)
{
    if (payload.length > 0 && payload.data[0] == 0xFF)
        replica_take_error(argument, payload);
}

static void on_closed(void *argument)
{
    struct replica_model *replica = argument;
    forget_connection(replica);
    plan_come_back(replica, dice_between(1000, 300000));
}

static void on_come_back(void *argument)
{
    struct replica_model *replica = argument;
    struct link_peer peer = {replica_on_bytes, on_payload, on_login, on_closed, on_heard, replica};
    replica->come_back = 0;
    if (replica->link != NULL)
        return;
    struct link *link = link_new(&peer);
    if (!world_accept(link_fd(link))) {
        link_leave(link, LINK_CUT);
        link_drop(link);
        plan_come_back(replica, dice_between(5000, 300000));
        return;
    }
    replica->link = link;
    replica->age = world_disk_age();
}

static void leave(struct replica_model *replica, enum link_end end)
{
    if (replica->link != NULL)
        link_leave(replica->link, end);
    forget_connection(replica);
}

/* What is in the relay log may go: MySQL's recovery, and MariaDB's every start, throw it away. */
void replica_die_at(unsigned number, bool is_power)
{
    struct replica_model *replica = &replicas[number];
    leave(replica, is_power ? LINK_VANISH : LINK_CLOSE);
    schedule_cancel_group(group_of(replica));
    replica->execute = replica->come_back = 0;
    if (is_power || world_setup()->flavor == FLAVOR_MARIADB || dice_chance(500))
        replica->received = replica->executed;
    replica_plan_execution(replica);
    world_figures()->replica_deaths++;
    world_note("replica %u: %s, has %zu", number, is_power ? "power lost" : "killed", replica->received);
    plan_come_back(replica, dice_between(5000, 2000000));
}

void replica_pause(unsigned number, uint64_t for_us)
{
    leave(&replicas[number], dice_chance(500) ? LINK_CUT : LINK_VANISH);
    plan_come_back(&replicas[number], for_us);
}

void replicas_hurry(void)
{
    for (size_t i = 0; i < replicas_count(); i++)
        if (replicas[i].link == NULL)
            plan_come_back(&replicas[i], dice_between(1000, 50000));
}

size_t replica_uids(unsigned number, const uint64_t **ret_uids)
{
    *ret_uids = replicas[number].uids;
    return replicas[number].received;
}

void replicas_reset(void)
{
    memset(replicas, 0, sizeof(replicas));
    for (unsigned i = 0; i < WORLD_REPLICAS_MAX; i++)
        replicas[i].number = i;
}

void replicas_start(void)
{
    for (size_t i = 0; i < replicas_count(); i++)
        plan_come_back(&replicas[i], dice_between(1000, 100000));
}
