/* The flavours' names. */
#include "protocol/flavor.h"

const char *flavor_name(enum flavor flavor)
{
    switch (flavor) {
    case FLAVOR_MYSQL:
        return "mysql";
    case FLAVOR_MARIADB:
        return "mariadb";
    case FLAVOR_UNKNOWN:
        break;
    }
    return "unknown";
}
