#pragma once
// Every column type that Penstock copies, with values for it. A type is added here with one line (an add() in
// column_kinds.cc) and is then in tests/live_values_test.cc and tests/random_tables_test.cc.

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "source/server_info.h"

namespace penstock::test {

using Random = std::mt19937_64;

struct ColumnKind {
    std::string type;                             ///< SQL: "decimal(9,2)", "char(20) character set sjis"
    std::function<std::string(Random&)> literal;  ///< some value of it, as SQL, never NULL
    std::vector<std::string> edges;               ///< values at its ends and odd ones, as SQL
};

/// The kinds of this server. The same server gives the same list, so that a seed gives the same values.
std::vector<ColumnKind> column_kinds(const ServerInfo& info);

/// 0 to limit - 1. Not quite uniform, but the same on every machine.
uint64_t below(Random& random, uint64_t limit);
/// x'..' with every byte possible between.
std::string hex_literal(std::string_view bytes, const std::string& introducer = "");
/// UTF-8 of several scripts, at most `limit` characters.
std::string any_text(Random& random, size_t limit);
/// An SQL literal of such a text.
std::string text_literal(Random& random, size_t limit);

}  // namespace penstock::test
