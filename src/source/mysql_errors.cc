#include "source/mysql_errors.h"

#include <algorithm>
#include <iterator>

#include "source/dump_errors.h"

namespace penstock {
namespace {

constexpr unsigned kTransient[] = {
    1020,                                // record has changed since last read
    1021,                                // disk full at the server
    1028,                                // sort aborted
    1037,                                // out of memory
    1038,                                // out of sort memory
    1040,                                // too many connections
    1041,                                // out of resources
    1042,                                // bad host: the server could not resolve us
    1043,                                // bad handshake
    1053,                                // server shutdown in progress
    1077,                                // normal shutdown
    1079,                                // shutdown complete
    1080,                                // forced close of a thread
    1105,                                // unknown error: Aurora's zero-downtime restart answers with it
    1135,                                // cannot create a thread
    1152,                                // aborted connection
    1156, 1157, 1158, 1159, 1160, 1161,  // packets out of order, network reads and writes
    1180,                                // error during commit
    1184,                                // new aborted connection
    1203,                                // the user's connections
    1205,                                // lock wait timeout
    1206,                                // lock table full
    1213,                                // deadlock
    1220,                                // slave threads
    1226,                                // the user's resource limit
    1290,                                // running with an option that forbids the statement
    1317,                                // query execution was interrupted
    1412,                                // table definition has changed
    1637,                                // too many concurrent transactions
    1836,                                // read-only mode
    1927,                                // MariaDB: connection was killed
    1969,                                // MariaDB: max_statement_time
    3024,                                // max_execution_time
    3032,                                // server in offline mode
    3168,                                // server is not available
    3572,                                // statement aborted because a lock could not be had at once
    4031,                                // disconnected for inactivity
};

constexpr unsigned kPermanentClient[] = {
    2001,                                // socket could not be created
    2007,                                // protocol version
    2014,                                // commands out of sync
    2019,                                // character set
    2020,                                // a packet above max_allowed_packet
    2047,                                // unknown protocol
    2049,                                // old authentication refused
    2054,                                // not implemented
    2058, 2059, 2060, 2061, 5010, 5012,  // authentication plugins
    5008,                                // library versions
};

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

template <size_t N>
bool in(const unsigned (&list)[N], unsigned number) {
    return std::find(std::begin(list), std::end(list), number) != std::end(list);
}

/// The certificate is not what the user demanded: no retry will change that.
bool certificate_refused(std::string_view message) {
    return contains(message, "certificate") || contains(message, "Validation") ||
           contains(message, "does not support it");
}

}  // namespace

Disposition disposition_of_mysql_error(unsigned number, std::string_view message) {
    bool retry = false;
    if (number == 1236) {
        retry = passes_by_itself(dump_error_of(message));
    } else if (number == 2026) {
        retry = !certificate_refused(message);
    } else if ((number >= 2000 && number < 3000) || (number >= 5000 && number < 5100)) {
        retry = !in(kPermanentClient, number);
    } else {
        retry = in(kTransient, number);
    }
    return retry ? Disposition::kRetry : Disposition::kFailPipe;
}

std::string hint_of_mysql_error(unsigned number, std::string_view message, std::string_view username) {
    std::string user = "'" + std::string(username) + "'@'%'";
    switch (number) {
        case 1040:
        case 1203:
        case 1226:
            return "Raise the limit (SET GLOBAL max_connections = ...; ALTER USER " + user +
                   " WITH MAX_USER_CONNECTIONS 0) or lower the pipe's parallelism";
        case 1044:
        case 1142:
        case 1143:
            return "Allow it: GRANT SELECT ON the database or table TO " + user;
        case 1045:
        case 1698:
            return "Check the user name and the password, and that the user may enter from this host";
        case 1049:
            return "Check the database name in the table mappings";
        case 1129:
            return "Unblock this host at the server: FLUSH HOSTS, or TRUNCATE performance_schema.host_cache";
        case 1130:
            return "Let the user in from this host: CREATE USER " + user + " IDENTIFIED BY ...";
        case 1146:
            return "Check the table name in the table mappings; letter case counts on most servers";
        case 1220:
        case 1227:
            return "Allow it: GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO " + user;
        case 1236:
            return hint_of_dump_error(dump_error_of(message));
        case 1862:
            return "The password has expired: ALTER USER " + user +
                   " IDENTIFIED BY ... PASSWORD EXPIRE NEVER";
        case 2002:
        case 2003:
            return "Check host and port, and that the server runs and a firewall lets this machine in";
        case 2005:
            return "Check the host name";
        case 2026:
            if (contains(message, "does not support it")) {
                return "Turn TLS on at the server, or set disableTls where nobody can listen";
            }
            if (certificate_refused(message)) {
                return "Set caCertificate to the authority that signed the server's certificate, and tlsHost "
                       "to the name in it where that is not the host; or set skipCertVerification";
            }
            return {};
        case 2058:
        case 2059:
        case 2061:
        case 5010:
        case 5012:
            return "Use an account with caching_sha2_password, mysql_native_password or ed25519; a plugin "
                   "that "
                   "sends the password in clear text is used over verified TLS or a Unix socket only";
        case 3118:
            return "Unlock the account: ALTER USER " + user + " ACCOUNT UNLOCK";
        case 3159:
            return "The server demands TLS: set disableTls to false";
        default:
            return {};
    }
}

}  // namespace penstock
