#pragma once
// What the errors of a MySQL or MariaDB server, and of Connector/C, mean for a pipe.
// Numbers: MySQL manual, "Server Error Message Reference"; MariaDB KB, "MariaDB Error Codes"; Connector/C's
// errmsg.h.

#include <string>
#include <string_view>

#include "base/error.h"

namespace penstock {

/// What the pipe does about an error number of a server (1000 to 1999, 3000 and up) or of Connector/C (2000
/// to 2999, 5000 to 5099). Numbers that are not known to pass by themselves are kFailPipe.
Disposition disposition_of_mysql_error(unsigned number, std::string_view message);

/// The way out, with SQL where SQL is the way; empty when nothing useful is known.
std::string hint_of_mysql_error(unsigned number, std::string_view message, std::string_view username);

}  // namespace penstock
