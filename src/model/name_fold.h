#pragma once
// How a source compares names: of databases, tables, columns and savepoints. The one place that knows it.

#include <cstdint>
#include <string>
#include <string_view>

namespace penstock {

enum class NameFold : uint8_t {
    kExact,      ///< byte by byte
    kLowerCase,  ///< letters in lower case, as utf8mb3_general_ci has it; accents matter
    kGeneralCi,  ///< the weights of utf8mb3_general_ci: accents matter neither
    kUnicode14,  ///< MariaDB's utf8mb3_general1400_as_ci: case by Unicode 14, accents matter
};

/// `name` (UTF-8) in a form that equal names share; not for people to read. Names hold no character beyond
/// the BMP, to which the servers' own is '?'. Bytes that are not UTF-8 stay.
std::string fold_name(std::string_view name, NameFold fold);
bool same_name(std::string_view a, std::string_view b, NameFold fold);

/// What a server compares by. These are facts of servers, see tests/names_test.cc.
struct NameRules {
    NameFold tables = NameFold::kExact;  ///< of databases too: kLowerCase unless lower_case_table_names is 0
    NameFold savepoints = NameFold::kGeneralCi;  ///< MariaDB from 11.5 on: kUnicode14
    NameFold columns = NameFold::kLowerCase;     ///< likewise
};

}  // namespace penstock
