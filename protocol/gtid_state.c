/* Either flavour's state; every function asks the flavour once. */
#include "protocol/gtid_state.h"

#include "protocol/xalloc.h"

#include <assert.h>

void gtid_state_init(struct gtid_state *state, enum flavor flavor)
{
    *state = (struct gtid_state){.flavor = flavor};
    if (flavor == FLAVOR_MYSQL)
        gtid_set_init(&state->set);
    else if (flavor == FLAVOR_MARIADB)
        gtid_list_init(&state->list);
}

void gtid_state_release(struct gtid_state *state)
{
    if (state->flavor == FLAVOR_MYSQL)
        gtid_set_release(&state->set);
    else if (state->flavor == FLAVOR_MARIADB)
        gtid_list_release(&state->list);
}

void gtid_state_clear(struct gtid_state *state)
{
    if (state->flavor == FLAVOR_MYSQL)
        gtid_set_clear(&state->set);
    else if (state->flavor == FLAVOR_MARIADB)
        gtid_list_clear(&state->list);
}

static void set_flavor(struct gtid_state *state, enum flavor flavor)
{
    if (state->flavor != flavor) {
        gtid_state_release(state);
        gtid_state_init(state, flavor);
    }
}

void gtid_state_copy(struct gtid_state *state, const struct gtid_state *other)
{
    if (state == other)
        return;
    set_flavor(state, other->flavor);
    if (state->flavor == FLAVOR_MYSQL)
        gtid_set_copy(&state->set, &other->set);
    else if (state->flavor == FLAVOR_MARIADB)
        gtid_list_copy(&state->list, &other->list);
}

void gtid_state_move(struct gtid_state *state, struct gtid_state *other)
{
    if (state == other)
        return;
    gtid_state_release(state);
    *state = *other;
    gtid_state_init(other, state->flavor);
}

void gtid_state_add(struct gtid_state *state, const struct gtid *gtid)
{
    if (gtid_is_none(gtid))
        return;
    assert(state->flavor == gtid->flavor);
    if (state->flavor == FLAVOR_MYSQL)
        gtid_set_add(&state->set, &gtid->mysql);
    else
        gtid_list_update(&state->list, &gtid->mariadb);
}

void gtid_state_add_state(struct gtid_state *state, const struct gtid_state *other)
{
    assert(state->flavor == other->flavor);
    if (state->flavor == FLAVOR_MYSQL)
        gtid_set_add_set(&state->set, &other->set);
    else if (state->flavor == FLAVOR_MARIADB && state != other)
        gtid_list_add_list(&state->list, &other->list);
}

bool gtid_state_is_empty(const struct gtid_state *state)
{
    if (state->flavor == FLAVOR_MYSQL)
        return gtid_set_is_empty(&state->set);
    return state->flavor != FLAVOR_MARIADB || gtid_list_is_empty(&state->list);
}

bool gtid_state_equal(const struct gtid_state *a, const struct gtid_state *b)
{
    if (a->flavor != b->flavor)
        return false;
    if (a->flavor == FLAVOR_MYSQL)
        return gtid_set_equal(&a->set, &b->set);
    return a->flavor != FLAVOR_MARIADB || gtid_list_equal(&a->list, &b->list);
}

bool gtid_state_contains(const struct gtid_state *state, const struct gtid *gtid)
{
    if (gtid_is_none(gtid))
        return true;
    if (gtid->flavor != state->flavor)
        return false;
    if (state->flavor == FLAVOR_MYSQL)
        return gtid_set_contains(&state->set, &gtid->mysql);
    return gtid_list_contains(&state->list, &gtid->mariadb);
}

bool gtid_state_contains_state(const struct gtid_state *state, const struct gtid_state *other)
{
    if (gtid_state_is_empty(other))
        return true;
    if (state->flavor != other->flavor)
        return false;
    if (state->flavor == FLAVOR_MYSQL)
        return gtid_set_contains_set(&state->set, &other->set);
    return gtid_list_contains_list(&state->list, &other->list);
}

static bool visit_interval(void *context, const struct gtid_origin *origin, int64_t start, int64_t end)
{
    return gtid_set_contains_range(context, origin, start, end);
}

static bool visit_gtid(void *context, const struct gtid_mariadb *gtid)
{
    return gtid_list_contains(context, gtid);
}

enum result gtid_state_contains_text(const struct gtid_state *state, struct span text, bool *ret_contains)
{
    if (state->flavor == FLAVOR_MYSQL)
        return gtid_set_parse_each(text, visit_interval, (void *)&state->set, ret_contains);
    if (state->flavor == FLAVOR_MARIADB)
        return gtid_list_parse_each(text, visit_gtid, (void *)&state->list, ret_contains);
    *ret_contains = text.length == 0;
    return RESULT_OK;
}

enum result gtid_state_parse(struct gtid_state *state, struct span text)
{
    assert(state->flavor != FLAVOR_UNKNOWN);
    if (state->flavor == FLAVOR_MYSQL)
        return gtid_set_parse(&state->set, text);
    return gtid_list_parse(&state->list, text);
}

enum result gtid_state_decode(struct gtid_state *state, uint8_t event_type, struct span body)
{
    if (state->flavor == FLAVOR_MYSQL && event_type == BINLOG_PREVIOUS_GTIDS)
        return gtid_set_decode(&state->set, body);
    if (state->flavor == FLAVOR_MARIADB && event_type == BINLOG_MARIADB_GTID_LIST)
        return gtid_list_decode(&state->list, body);
    return RESULT_UNSUPPORTED;
}

void gtid_state_write(struct writer *writer, const struct gtid_state *state)
{
    if (state->flavor == FLAVOR_MYSQL)
        gtid_set_write(writer, &state->set);
    else if (state->flavor == FLAVOR_MARIADB)
        gtid_list_write(writer, &state->list);
}

char *gtid_state_format(const struct gtid_state *state)
{
    if (state->flavor == FLAVOR_MYSQL)
        return gtid_set_format(&state->set);
    return state->flavor == FLAVOR_MARIADB ? gtid_list_format(&state->list) : xstrdup("");
}
