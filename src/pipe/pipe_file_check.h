#pragma once
// The checks between a JSON body and a PipeSpec; used by pipe_file.cc.

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "model/pipe_spec.h"

namespace penstock {

enum class PasswordRule : uint8_t { kRequired, kOptional };

/// kStored: what was taken by rules of an earlier version is still a pipe.
enum class NameRule : uint8_t { kNew, kStored };

/// Checks every field against pipe_fields(), then the fields against each other. Throws Error(kUsage) with
/// all problems in one line (the first kShownProblems of them and the number of the others).
PipeSpec check_pipe_body(const nlohmann::json& body, const std::string& origin, PasswordRule password,
                         NameRule names = NameRule::kNew);

constexpr size_t kShownProblems = 5;

}  // namespace penstock
