#include "destination/query_rows.h"

#include <algorithm>
#include <string_view>

namespace penstock {

char unescaped(char c) {
    constexpr std::string_view kNames = "btnfr0";
    constexpr std::string_view kMeant{"\b\t\n\f\r\0", 6};
    size_t at = kNames.find(c);
    return at == kNames.npos ? c : kMeant[at];
}

namespace {

/// The fields of one line of TabSeparated output.
std::vector<std::string> split_fields(std::string_view line) {
    std::vector<std::string> fields(1);
    for (size_t i = 0; i < line.size(); ++i) {
        if (line[i] == '\t') {
            fields.emplace_back();
        } else if (line[i] == '\\' && i + 1 < line.size()) {
            fields.back() += unescaped(line[++i]);
        } else {
            fields.back() += line[i];
        }
    }
    return fields;
}

}  // namespace

std::vector<std::vector<std::string>> query_rows(ClickHouseClient& client, const std::string& sql,
                                                 const ClickHouseParameters& parameters) {
    std::string answer = client.query(sql + " FORMAT TabSeparated", parameters);
    std::vector<std::vector<std::string>> rows;
    std::string_view rest = answer;
    while (!rest.empty()) {
        size_t end = std::min(rest.find('\n'), rest.size());
        rows.push_back(split_fields(rest.substr(0, end)));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return rows;
}

std::string table_uuid(const std::string& text) {
    return text.find_first_not_of("0-") == std::string::npos ? std::string() : text;
}

}  // namespace penstock
