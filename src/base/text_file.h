#pragma once
// Small files as a whole.

#include <string>

namespace penstock {

/// Throws Error(kUsage) that begins with the path: a directory, missing, not readable. `kind` names it there
/// ("pipe file").
std::string read_text_file(const std::string& path, const std::string& kind);

/// Without the line end; empty when the file is. Throws as read_text_file does.
std::string read_first_line(const std::string& path, const std::string& kind);

}  // namespace penstock
