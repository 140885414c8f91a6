#pragma once
// Event bodies that are formats of their own. Used by EventParser only.

#include "decode/binlog_event.h"

namespace penstock {

/// GTID_LOG_EVENT and ANONYMOUS_GTID_LOG_EVENT.
void parse_gtid(ByteReader& body, bool anonymous, GtidEvent& event);
/// GTID_TAGGED_LOG_EVENT (MySQL 8.3+).
GtidEvent parse_tagged_gtid(ByteReader& body);
/// MariaDB's GTID_EVENT.
MariadbGtidEvent parse_mariadb_gtid(ByteReader& body, uint32_t server_id);
/// MariaDB's GTID_LIST_EVENT.
MariadbGtidListEvent parse_mariadb_gtid_list(ByteReader& body);
/// XA_PREPARE_LOG_EVENT, of both flavours.
XaPrepareEvent parse_xa_prepare(ByteReader& body);

}  // namespace penstock
