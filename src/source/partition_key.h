#pragma once
// Whether a mapping's partitionKey divides the load of its table.

#include <string>

#include "model/table_schema.h"
#include "source/mysql_connection.h"
#include "source/prerequisites.h"

namespace penstock {

/// Failed: the table has no such column, or it is no integer, date, datetime or timestamp. A warning: no
/// index that the optimizer uses begins with it, so that plan_partitions makes one partition.
Prerequisite check_partition_key(MysqlConnection& connection, const TableSchema& schema,
                                 const std::string& partition_key);

}  // namespace penstock
