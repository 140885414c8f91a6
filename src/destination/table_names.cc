#include "destination/table_names.h"

#include <algorithm>
#include <cctype>
#include <cstdint>

#include <fmt/format.h>

namespace penstock {
namespace {

constexpr size_t kDigits = 8;

/// FNV-1a, with its upper bits folded in.
uint32_t hash_of(std::string_view id, std::string_view table) {
    uint64_t hash = 0xcbf29ce484222325;
    for (std::string_view text : {id, std::string_view("\0", 1), table}) {
        for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
    return static_cast<uint32_t>(hash ^ (hash >> 32));
}

bool continues_character(char c) {
    return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

}  // namespace

size_t escaped_size(std::string_view name) {
    size_t size = 0;
    for (char c : name) size += std::isalnum(static_cast<unsigned char>(c)) || c == '_' ? 1 : 3;
    return size;
}

std::string temporary_name(std::string_view database, std::string_view table, std::string_view part,
                           std::string_view id) {
    const size_t taken = part.size() + kDigits;
    const size_t in_database = kMaxBothNames - std::min(kMaxBothNames, escaped_size(database) + taken);
    const size_t room = std::min(kMaxTableName - taken, in_database);
    std::string_view kept = table;
    while (escaped_size(kept) > room) {
        do kept.remove_suffix(1);
        while (!kept.empty() && continues_character(table[kept.size()]));
    }
    return fmt::format("{}{}{:08x}", kept, part, hash_of(id, table));
}

}  // namespace penstock
