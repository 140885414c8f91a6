#pragma once
// The pipe file: the body of the API's POST in YAML or JSON, checked. docs/pipe-file.md lists every field.

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "model/pipe_spec.h"

namespace penstock {

/// Reads and checks a pipe file. A password written as `${NAME}` (the whole value) is taken from the
/// environment. Throws Error(kUsage), one line: file, field path
/// (`source.mysql.tableMappings[1].targetTable`) or line and column, what is wrong, what is allowed. All
/// problems are in that line (from the sixth on, only their number). The password's value is never part of
/// it.
PipeSpec load_pipe_file(const std::string& path);

/// The same for text that is already in memory; `origin` stands for the file's name.
PipeSpec parse_pipe_text(std::string_view text, const std::string& origin);

/// Checks a JSON body (the API's). The environment is not read. `origin` begins the error line.
PipeSpec parse_pipe_spec(const nlohmann::json& body, const std::string& origin = "pipe");

/// The pipe as the catalog stores it and the API shows it: every setting with its value in force, without
/// the password. from_json reads it back, with an empty password.
nlohmann::json to_json(const PipeSpec& spec);
PipeSpec from_json(const nlohmann::json& stored);

/// One mapping as within to_json, and a list of such back.
nlohmann::json mapping_to_json(const TableMapping& mapping);
std::vector<TableMapping> mappings_from_json(const nlohmann::json& list);

}  // namespace penstock
