#pragma once
// What somebody may have meant with a name that nobody knows.

#include <string>
#include <string_view>
#include <vector>

namespace penstock {

/// "did you mean port?" for the one of `known` that is nearest, without regard to case; where none is near,
/// "known here: host, port".
std::string name_suggestion(std::string_view name, const std::vector<std::string_view>& known);

}  // namespace penstock
