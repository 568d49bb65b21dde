/*
 * The two families of servers, which differ in GTIDs, some events and some packets.
 */
#ifndef ACKGATE_PROTOCOL_FLAVOR_H
#define ACKGATE_PROTOCOL_FLAVOR_H

enum flavor {
    FLAVOR_UNKNOWN = 0,
    FLAVOR_MYSQL,
    FLAVOR_MARIADB,
};

/* "unknown", "mysql" or "mariadb"; the words of the config file and the admin tables. */
const char *flavor_name(enum flavor flavor);

#endif
