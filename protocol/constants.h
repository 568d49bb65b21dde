/*
 * The numbers of the client/server protocol that both flavours of server share, plus MariaDB's own.
 *
 * MySQL's manual: "Capabilities Flags", "SERVER_STATUS_flags_enum", "Command Phase", "Error Message
 * Reference"; MariaDB's: "Connection" (extended capabilities) and "OK_Packet". The names differ from the
 * client libraries' on purpose, so that a file may include both.
 */
#ifndef ACKGATE_PROTOCOL_CONSTANTS_H
#define ACKGATE_PROTOCOL_CONSTANTS_H

#include <stdint.h>

/* Capabilities: 32 bits of MySQL's, above them MariaDB's extended ones as one 64-bit set. */
#define CAP_LONG_PASSWORD       (UINT64_C(1) << 0) /* unset by MariaDB: "the extended bits are there" */
#define CAP_FOUND_ROWS          (UINT64_C(1) << 1)
#define CAP_LONG_FLAG           (UINT64_C(1) << 2)
#define CAP_CONNECT_WITH_DB     (UINT64_C(1) << 3)
#define CAP_NO_SCHEMA           (UINT64_C(1) << 4)
#define CAP_COMPRESS            (UINT64_C(1) << 5)
#define CAP_ODBC                (UINT64_C(1) << 6)
#define CAP_LOCAL_FILES         (UINT64_C(1) << 7)
#define CAP_IGNORE_SPACE        (UINT64_C(1) << 8)
#define CAP_PROTOCOL_41         (UINT64_C(1) << 9)
#define CAP_INTERACTIVE         (UINT64_C(1) << 10)
#define CAP_SSL                 (UINT64_C(1) << 11)
#define CAP_IGNORE_SIGPIPE      (UINT64_C(1) << 12)
#define CAP_TRANSACTIONS        (UINT64_C(1) << 13)
#define CAP_RESERVED            (UINT64_C(1) << 14)
#define CAP_SECURE_CONNECTION   (UINT64_C(1) << 15)
#define CAP_MULTI_STATEMENTS    (UINT64_C(1) << 16)
#define CAP_MULTI_RESULTS       (UINT64_C(1) << 17)
#define CAP_PS_MULTI_RESULTS    (UINT64_C(1) << 18)
#define CAP_PLUGIN_AUTH         (UINT64_C(1) << 19)
#define CAP_CONNECT_ATTRS       (UINT64_C(1) << 20)
#define CAP_PLUGIN_AUTH_LENENC  (UINT64_C(1) << 21)
#define CAP_EXPIRED_PASSWORDS   (UINT64_C(1) << 22)
#define CAP_SESSION_TRACK       (UINT64_C(1) << 23)
#define CAP_DEPRECATE_EOF       (UINT64_C(1) << 24)
#define CAP_OPTIONAL_METADATA   (UINT64_C(1) << 25)
#define CAP_ZSTD                (UINT64_C(1) << 26)
#define CAP_QUERY_ATTRIBUTES    (UINT64_C(1) << 27)
#define CAP_MULTI_FACTOR        (UINT64_C(1) << 28)
#define CAP_EXTENSION           (UINT64_C(1) << 29)
#define CAP_SSL_VERIFY_CERT     (UINT64_C(1) << 30)
#define CAP_REMEMBER_OPTIONS    (UINT64_C(1) << 31)
#define CAP_MARIADB_PROGRESS    (UINT64_C(1) << 32)
#define CAP_MARIADB_MULTI       (UINT64_C(1) << 33)
#define CAP_MARIADB_BULK        (UINT64_C(1) << 34)
#define CAP_MARIADB_METADATA    (UINT64_C(1) << 35) /* extended type information in column definitions */
#define CAP_MARIADB_CACHE       (UINT64_C(1) << 36) /* column definitions may be left out */
#define CAP_MARIADB_BULK_RESULT (UINT64_C(1) << 37) /* one result for each row of a bulk execution */
#define CAPS_KNOWN              ((UINT64_C(1) << 38) - 1)

/* Status flags of OK and EOF packets. */
#define STATUS_IN_TRANSACTION        0x0001u
#define STATUS_AUTOCOMMIT            0x0002u
#define STATUS_MORE_RESULTS          0x0008u
#define STATUS_NO_GOOD_INDEX         0x0010u
#define STATUS_NO_INDEX              0x0020u
#define STATUS_CURSOR_EXISTS         0x0040u
#define STATUS_LAST_ROW_SENT         0x0080u
#define STATUS_DB_DROPPED            0x0100u
#define STATUS_NO_BACKSLASH_ESCAPES  0x0200u
#define STATUS_METADATA_CHANGED      0x0400u
#define STATUS_QUERY_SLOW            0x0800u
#define STATUS_OUT_PARAMETERS        0x1000u
#define STATUS_READ_ONLY_TRANSACTION 0x2000u
#define STATUS_SESSION_STATE_CHANGED 0x4000u

/* First byte of a command. */
enum {
    COMMAND_SLEEP = 0x00,
    COMMAND_QUIT = 0x01,
    COMMAND_INIT_DB = 0x02,
    COMMAND_QUERY = 0x03,
    COMMAND_FIELD_LIST = 0x04,
    COMMAND_CREATE_DB = 0x05,
    COMMAND_DROP_DB = 0x06,
    COMMAND_REFRESH = 0x07,
    COMMAND_SHUTDOWN = 0x08,
    COMMAND_STATISTICS = 0x09,
    COMMAND_PROCESS_INFO = 0x0A,
    COMMAND_CONNECT = 0x0B,
    COMMAND_PROCESS_KILL = 0x0C,
    COMMAND_DEBUG = 0x0D,
    COMMAND_PING = 0x0E,
    COMMAND_TIME = 0x0F,
    COMMAND_DELAYED_INSERT = 0x10,
    COMMAND_CHANGE_USER = 0x11,
    COMMAND_BINLOG_DUMP = 0x12,
    COMMAND_TABLE_DUMP = 0x13,
    COMMAND_CONNECT_OUT = 0x14,
    COMMAND_REGISTER_REPLICA = 0x15, /* COM_REGISTER_SLAVE */
    COMMAND_STMT_PREPARE = 0x16,
    COMMAND_STMT_EXECUTE = 0x17,
    COMMAND_STMT_SEND_LONG_DATA = 0x18,
    COMMAND_STMT_CLOSE = 0x19,
    COMMAND_STMT_RESET = 0x1A,
    COMMAND_SET_OPTION = 0x1B,
    COMMAND_STMT_FETCH = 0x1C,
    COMMAND_DAEMON = 0x1D,
    COMMAND_BINLOG_DUMP_GTID = 0x1E,
    COMMAND_RESET_CONNECTION = 0x1F,
    COMMAND_CLONE = 0x20,
    COMMAND_SUBSCRIBE_GROUP = 0x21,
    COMMAND_MARIADB_STMT_BULK_EXECUTE = 0xFA,
    COMMAND_MARIADB_MULTI = 0xFE
};

/* Column types, as column definitions and query attributes name them. */
enum {
    COLUMN_TYPE_DECIMAL = 0x00,
    COLUMN_TYPE_TINY = 0x01,
    COLUMN_TYPE_SHORT = 0x02,
    COLUMN_TYPE_LONG = 0x03,
    COLUMN_TYPE_FLOAT = 0x04,
    COLUMN_TYPE_DOUBLE = 0x05,
    COLUMN_TYPE_NULL = 0x06,
    COLUMN_TYPE_TIMESTAMP = 0x07,
    COLUMN_TYPE_LONGLONG = 0x08,
    COLUMN_TYPE_INT24 = 0x09,
    COLUMN_TYPE_DATE = 0x0A,
    COLUMN_TYPE_TIME = 0x0B,
    COLUMN_TYPE_DATETIME = 0x0C,
    COLUMN_TYPE_YEAR = 0x0D,
    COLUMN_TYPE_VARCHAR = 0x0F,
    COLUMN_TYPE_BIT = 0x10,
    COLUMN_TYPE_BOOL = 0xF4,
    COLUMN_TYPE_JSON = 0xF5,
    COLUMN_TYPE_NEWDECIMAL = 0xF6,
    COLUMN_TYPE_BLOB = 0xFC,
    COLUMN_TYPE_VAR_STRING = 0xFD,
    COLUMN_TYPE_STRING = 0xFE
};

#define COLUMN_FLAG_NOT_NULL 0x0001u
#define COLUMN_FLAG_UNSIGNED 0x0020u
#define COLUMN_FLAG_BINARY   0x0080u
#define COLUMN_FLAG_NUMBER   0x8000u

/* Character set and collation ids. */
#define CHARSET_LATIN1       8
#define CHARSET_UTF8MB3      33
#define CHARSET_UTF8MB4      45 /* utf8mb4_general_ci, known to every server and client */
#define CHARSET_BINARY       63
#define CHARSET_UTF8MB4_0900 255

/* Types of the entries of a session-state change. */
enum {
    TRACK_SYSTEM_VARIABLES = 0,
    TRACK_SCHEMA = 1,
    TRACK_STATE_CHANGE = 2,
    TRACK_GTIDS = 3,
    TRACK_TRANSACTION_CHARACTERISTICS = 4,
    TRACK_TRANSACTION_STATE = 5
};

/* Names of authentication plugins. */
#define PLUGIN_NATIVE  "mysql_native_password"
#define PLUGIN_SHA2    "caching_sha2_password"
#define PLUGIN_ED25519 "client_ed25519"
#define PLUGIN_CLEAR   "mysql_clear_password"
#define PLUGIN_SHA256  "sha256_password"
#define PLUGIN_DIALOG  "dialog"

/* Server error numbers. */
enum {
    ERROR_CODE_TOO_MANY_CONNECTIONS = 1040,
    ERROR_CODE_BAD_HANDSHAKE = 1043,
    ERROR_CODE_DB_ACCESS_DENIED = 1044,
    ERROR_CODE_ACCESS_DENIED = 1045,
    ERROR_CODE_NO_DB = 1046,
    ERROR_CODE_UNKNOWN_COMMAND = 1047,
    ERROR_CODE_BAD_DB = 1049,
    ERROR_CODE_SERVER_SHUTDOWN = 1053,
    ERROR_CODE_BAD_FIELD = 1054,
    ERROR_CODE_PARSE = 1064,
    ERROR_CODE_NO_SUCH_THREAD = 1094,
    ERROR_CODE_UNKNOWN = 1105,
    ERROR_CODE_NO_SUCH_TABLE = 1146,
    ERROR_CODE_HOST_NOT_PRIVILEGED = 1130,
    ERROR_CODE_PACKET_TOO_LARGE = 1153,
    ERROR_CODE_READ = 1158,
    ERROR_CODE_PACKETS_OUT_OF_ORDER = 1156,
    ERROR_CODE_READ_TIMEOUT = 1159,
    ERROR_CODE_DURING_COMMIT = 1180,
    ERROR_CODE_UNKNOWN_VARIABLE = 1193,
    ERROR_CODE_SPECIFIC_ACCESS_DENIED = 1227,
    ERROR_CODE_WRONG_VALUE_FOR_VARIABLE = 1231,
    ERROR_CODE_NOT_SUPPORTED_YET = 1235,
    ERROR_CODE_SOURCE_FATAL_READING_BINLOG = 1236,
    ERROR_CODE_READ_ONLY_VARIABLE = 1238,
    ERROR_CODE_AUTH_PLUGIN_UNSUPPORTED = 1251,
    ERROR_CODE_OPTION_PREVENTS_STATEMENT = 1290,
    ERROR_CODE_UNSUPPORTED_PREPARE = 1295,
    ERROR_CODE_QUERY_INTERRUPTED = 1317,
    ERROR_CODE_SECURE_TRANSPORT_REQUIRED = 3159
};

/* The SQLSTATE that goes with a server error number: five characters; "HY000" for those not listed. */
const char *error_code_sqlstate(uint16_t code);

#endif
