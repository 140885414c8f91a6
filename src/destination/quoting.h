#pragma once
// Names and texts inside ClickHouse SQL. Source: ClickHouse docs, "Syntax": identifiers and literals.

#include <string>
#include <string_view>
#include <vector>

namespace penstock {

/// `name` in backticks, with \ and ` escaped: read back as it was, whatever its characters.
std::string quote_target_identifier(std::string_view name);
/// The names quoted and joined by ", ".
std::string quote_target_identifiers(const std::vector<std::string>& names);
/// `text` in single quotes, with \ and ' escaped.
std::string quote_target_literal(std::string_view text);
/// `database`.`table`, each quoted.
std::string quoted_target(std::string_view database, std::string_view table);

}  // namespace penstock
