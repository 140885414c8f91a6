#pragma once
// Every field that a pipe file may have, one row each: what feeds the checks, the defaults shown in
// docs/pipe-file.md and the suggestions for a misspelt name.

#include <cstdint>
#include <span>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "model/pipe_spec.h"

namespace penstock {

enum class FieldKind : uint8_t {
    kText,
    kInteger,
    kBoolean,
    kObject,
    kObjectList,  ///< the fields of its elements have the path "LIST[].NAME"
    kTextList,    ///< texts that are not empty
};

struct PipeField {
    std::string_view path;  ///< "source.mysql.port"
    FieldKind kind = FieldKind::kText;
    bool required = false;          ///< as soon as the object that it belongs to is there
    bool may_be_empty = true;       ///< text: "" is allowed; lists: [] is allowed
    bool unique = false;            ///< text lists: no value twice
    bool secret = false;            ///< its value is never shown
    bool unchecked_inside = false;  ///< objects and lists of other kinds of pipes: only their type is checked
    int64_t minimum = 0, maximum = 0;             ///< integers, inclusive
    std::span<const std::string_view> allowed{};  ///< texts; empty: any
    std::string_view preset{};                    ///< the default as JSON; empty: none
    std::string_view help{};
    /// Stores the checked value; for a kObjectList it is called before the fields of each element are. Null
    /// when Penstock does not use the field.
    void (*store)(PipeSpec&, const nlohmann::json&) = nullptr;
};

/// A parent's row comes before its fields' rows.
std::span<const PipeField> pipe_fields();

// The words of the enumerations, as they are written in a pipe file.
std::string_view word_of(ReplicationMode mode);
std::string_view word_of(ReplicationMechanism mechanism);
std::string_view word_of(TableEngine engine);
std::string_view word_of(InvalidDatePolicy policy);
std::string_view word_of(GeometryText text);

}  // namespace penstock
