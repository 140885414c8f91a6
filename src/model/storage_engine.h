#pragma once
// What the source's storage engines do, by the name that information_schema.TABLES has.

#include <string_view>

namespace penstock {

/// Its tables take changes back with their transaction, and are read as of one moment.
inline bool is_transactional(std::string_view storage_engine) {
    return storage_engine == "InnoDB" || storage_engine == "ROCKSDB";
}

}  // namespace penstock
