#include "destination/quoting.h"

namespace penstock {

namespace {

std::string quoted(std::string_view text, char quote) {
    std::string out(1, quote);
    for (char c : text) {
        if (c == '\\' || c == quote) out += '\\';
        if (c == '\0') {
            out += "\\0";
        } else {
            out += c;
        }
    }
    return out += quote;
}

}  // namespace

std::string quote_target_identifier(std::string_view name) {
    return quoted(name, '`');
}

std::string quote_target_identifiers(const std::vector<std::string>& names) {
    std::string out;
    for (const std::string& name : names) {
        if (!out.empty()) out += ", ";
        out += quote_target_identifier(name);
    }
    return out;
}

std::string quote_target_literal(std::string_view text) {
    return quoted(text, '\'');
}

std::string quoted_target(std::string_view database, std::string_view table) {
    return quote_target_identifier(database) + "." + quote_target_identifier(table);
}

}  // namespace penstock
