#pragma once
// What a request repeats: clients send whole objects back, of which only a part can change. A field that
// cannot is accepted with the value in force; with another one it is named. Pure: no I/O.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace penstock {

/// What may stand in a request besides what is repeated.
struct ChangeRules {
    /// Whether the field of this path ("source.mysql.host"), or what is in it, is not compared.
    std::function<bool(std::string_view path)> may_change;
    /// What to do instead about a field that cannot change.
    std::function<std::string(std::string_view path)> way_out;
};

/// Throws RequestError(kBadRequest) with every field of `given` that may not change and is not as in
/// `in_force`: the first kShownRepeats of them and the number of the others, then the ways out. null is not
/// given; "", [], {} and false are what is not there. A list named tableMappings is the same in any order,
/// and so are its excludedColumns; fields that its mappings leave out are not compared.
void require_as_in_force(const nlohmann::json& given, const nlohmann::json& in_force,
                         const ChangeRules& rules);

constexpr size_t kShownRepeats = 5;

/// Source schema, source table and target table tell a mapping from the others: those of equal keys are one.
std::string mapping_key(const nlohmann::json& mapping);
/// The same for readers: "shop.orders to orders".
std::string mapping_name(const nlohmann::json& mapping);

}  // namespace penstock
