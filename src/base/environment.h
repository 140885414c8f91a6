#pragma once
// Secrets that a file takes from the environment.

#include <string>

namespace penstock {

/// A text that is `${NAME}` as a whole stands for the environment's variable NAME, any other for itself.
/// Throws Error(kUsage), with `origin` and `field` in it, when there is no such variable. The value is never
/// part of the error.
std::string expand_variable(const std::string& text, const std::string& origin, const std::string& field);

}  // namespace penstock
