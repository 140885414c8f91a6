#include "pipe/pipe_file_check.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <map>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/control_characters.h"
#include "base/error.h"
#include "base/name_suggestion.h"
#include "destination/table_names.h"
#include "pipe/pipe_file_fields.h"

namespace penstock {

namespace {

using nlohmann::json;

constexpr std::string_view kMappings = "source.mysql.tableMappings";
constexpr std::string_view kPassword = "source.mysql.credentials.password";
constexpr size_t kMaxHostLength = 255;
constexpr size_t kMaxSocketPath = 107;  // sockaddr_un::sun_path without its final zero

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return result;
}

std::string_view last_part(std::string_view path) {
    return path.substr(path.rfind('.') + 1);
}
std::string_view parent_of(std::string_view path) {
    size_t dot = path.rfind('.');
    return dot == std::string_view::npos ? std::string_view() : path.substr(0, dot);
}

std::string joined(std::span<const std::string_view> words) {
    std::string text;
    for (std::string_view word : words) text += (text.empty() ? "" : ", ") + std::string(word);
    return text;
}

const char* kind_name(FieldKind kind) {
    switch (kind) {
        case FieldKind::kText:
            return "text";
        case FieldKind::kInteger:
            return "a whole number";
        case FieldKind::kBoolean:
            return "true or false";
        case FieldKind::kObject:
            return "an object";
        case FieldKind::kObjectList:
            return "a list of objects";
        case FieldKind::kTextList:
            return "a list of texts";
    }
    return "";
}

/// What a value is, for an error; without the value itself where it may be long or secret.
std::string describe(const json& value, bool secret) {
    switch (value.type()) {
        case json::value_t::null:
            return "null";
        case json::value_t::object:
            return "an object";
        case json::value_t::array:
            return "a list";
        case json::value_t::string: {
            if (secret) return "text";
            const auto& text = value.get_ref<const std::string&>();
            return "the text \"" + (text.size() > 40 ? text.substr(0, 40) + "..." : text) + "\"";
        }
        case json::value_t::boolean:
            return secret ? "true or false" : value.dump();
        default:
            return secret ? "a number" : "the number " + value.dump();
    }
}

class Checker {
  public:
    Checker(PasswordRule password, NameRule names) : password_(password), names_(names) {}

    PipeSpec check(const json& body) {
        if (body.is_object()) {
            check_object("", "", body);
            check_together(body);
        } else {
            problems_.push_back("must be an object with the fields name, source and destination");
        }
        return std::move(spec_);
    }

    const std::vector<std::string>& problems() const { return problems_; }

  private:
    void problem(std::string_view where, const std::string& what) {
        problems_.push_back(std::string(where) + ": " + what);
    }

    /// `pattern` is the object's path in the table of fields, `shown` the same with list indexes.
    void check_object(std::string_view pattern, const std::string& shown, const json& object) {
        std::vector<const PipeField*> fields;
        for (const PipeField& field : pipe_fields()) {
            if (parent_of(field.path) == pattern) fields.push_back(&field);
        }
        std::string prefix = shown.empty() ? "" : shown + ".";
        for (const auto& [name, value] : object.items()) {
            bool known = std::any_of(fields.begin(), fields.end(), [&name = name](const PipeField* f) {
                return last_part(f->path) == name;
            });
            if (!known) problem(prefix + name, "unknown field" + suggestion(name, fields));
        }
        for (const PipeField* field : fields) {
            auto found = object.find(std::string(last_part(field->path)));
            std::string where = prefix + std::string(last_part(field->path));
            if (found != object.end() && !absent(*field, *found)) {
                check_field(*field, where, *found);
            } else if (field->required &&
                       !(field->path == kPassword && password_ == PasswordRule::kOptional)) {
                problem(where, "is required" + allowed_words(*field));
            }
        }
    }

    /// null is "not given", except where it is YAML's reading of the word null.
    static bool absent(const PipeField& field, const json& value) {
        return value.is_null() && null_word(field).empty();
    }
    static std::string_view null_word(const PipeField& field) {
        for (std::string_view word : field.allowed) {
            if (lower(word) == "null") return word;
        }
        return {};
    }
    static std::string allowed_words(const PipeField& field) {
        return field.allowed.empty() ? "" : "; allowed: " + joined(field.allowed);
    }

    static std::string suggestion(const std::string& name, const std::vector<const PipeField*>& fields) {
        std::vector<std::string_view> names;
        for (const PipeField* field : fields) names.push_back(last_part(field->path));
        return "; " + name_suggestion(name, names);
    }

    void check_field(const PipeField& field, const std::string& where, const json& value) {
        switch (field.kind) {
            case FieldKind::kText:
                return check_text(field, where, value);
            case FieldKind::kInteger:
                return check_integer(field, where, value);
            case FieldKind::kBoolean:
                if (!value.is_boolean()) return wrong_type(field, where, value);
                return store(field, value);
            case FieldKind::kObject:
                if (!value.is_object()) return wrong_type(field, where, value);
                if (!field.unchecked_inside) check_object(field.path, where, value);
                return;
            case FieldKind::kObjectList:
                return check_object_list(field, where, value);
            case FieldKind::kTextList:
                return check_text_list(field, where, value);
        }
    }

    void wrong_type(const PipeField& field, const std::string& where, const json& value) {
        std::string hint;
        bool scalar = value.is_number() || value.is_boolean();
        if (field.kind == FieldKind::kText && scalar) hint = "; put it in quotes";
        // Text in the place of an object may be an address with a password in it.
        bool hide = field.secret || field.kind == FieldKind::kObject || field.kind == FieldKind::kObjectList;
        problem(where, std::string("must be ") + kind_name(field.kind) + ", not " + describe(value, hide) +
                           hint + allowed_words(field));
    }

    void store(const PipeField& field, const json& value) {
        if (field.store != nullptr) field.store(spec_, value);
    }

    void check_text(const PipeField& field, const std::string& where, const json& value) {
        if (value.is_null()) return store(field, std::string(null_word(field)));
        if (!value.is_string()) return wrong_type(field, where, value);
        const auto& text = value.get_ref<const std::string&>();
        if (text.find('\0') != std::string::npos) return problem(where, "must not hold a zero byte");
        if (!field.allowed.empty()) {
            if (std::find(field.allowed.begin(), field.allowed.end(), text) == field.allowed.end()) {
                return problem(where, "\"" + text + "\" is not allowed" + allowed_words(field));
            }
        } else if (!field.may_be_empty && text.find_first_not_of(" \t\r\n") == std::string::npos) {
            return problem(where, "must not be empty");
        }
        store(field, value);
    }

    void check_integer(const PipeField& field, const std::string& where, const json& value) {
        if (!value.is_number_integer()) return wrong_type(field, where, value);
        bool fits = value.is_number_unsigned()
                        ? value.get<uint64_t>() >= static_cast<uint64_t>(field.minimum) &&
                              value.get<uint64_t>() <= static_cast<uint64_t>(field.maximum)
                        : value.get<int64_t>() >= field.minimum && value.get<int64_t>() <= field.maximum;
        if (!fits) {
            return problem(where, value.dump() + " is out of range; allowed: " +
                                      std::to_string(field.minimum) + " to " + std::to_string(field.maximum));
        }
        store(field, value);
    }

    void check_text_list(const PipeField& field, const std::string& where, const json& value) {
        if (!value.is_array()) return wrong_type(field, where, value);
        std::map<std::string, size_t> seen;
        bool good = true;
        for (size_t i = 0; i < value.size(); ++i) {
            std::string at = where + "[" + std::to_string(i) + "]";
            if (!value[i].is_string() || value[i].get_ref<const std::string&>().empty()) {
                problem(at, "must be text that is not empty, not " + describe(value[i], field.secret));
                good = false;
                continue;
            }
            auto [first, added] = seen.emplace(value[i].get<std::string>(), i);
            if (!added && field.unique) {
                problem(at, "\"" + first->first + "\" is in the list already, at [" +
                                std::to_string(first->second) + "]");
                good = false;
            }
        }
        if (good) store(field, value);
    }

    void check_object_list(const PipeField& field, const std::string& where, const json& value) {
        if (!value.is_array()) return wrong_type(field, where, value);
        if (value.empty() && !field.may_be_empty) return problem(where, "must have at least one entry");
        for (size_t i = 0; i < value.size(); ++i) {
            std::string at = where + "[" + std::to_string(i) + "]";
            store(field, value[i]);
            if (!value[i].is_object()) {
                problem(at, "must be an object, not " + describe(value[i], true));
            } else if (!field.unchecked_inside) {
                check_object(std::string(field.path) + "[]", at, value[i]);
            }
        }
    }

    /// What no single field shows. Values that were refused are still at their defaults here.
    void check_together(const json& body) {
        check_endpoint(body);
        if (names_ == NameRule::kNew) check_names();
        std::map<std::string, size_t> targets;
        for (size_t i = 0; i < spec_.mappings.size(); ++i) {
            const TableMapping& mapping = spec_.mappings[i];
            std::string at = std::string(kMappings) + "[" + std::to_string(i) + "]";
            if (!mapping.target_table.empty()) check_target(i, at, targets);
        }
        for (size_t i = 0; i < spec_.mappings.size(); ++i) {
            const TableMapping& mapping = spec_.mappings[i];
            std::string at = std::string(kMappings) + "[" + std::to_string(i) + "]";
            if (!mapping.use_custom_sorting_key) continue;
            if (mapping.sorting_keys.empty()) {
                problem(at + ".sortingKeys",
                        "is required when useCustomSortingKey is true; name at least one column");
            }
            for (const std::string& key : mapping.sorting_keys) {
                const auto& excluded = mapping.excluded_columns;
                if (std::find(excluded.begin(), excluded.end(), key) != excluded.end()) {
                    problem(at + ".sortingKeys", "the column \"" + key + "\" is also in excludedColumns");
                }
            }
        }
    }

    /// What stored pipes may have had before these rules.
    void check_names() {
        if (has_control_characters(spec_.name)) problem("name", "must not hold control characters");
        if (has_control_characters(spec_.target_database))
            problem("destination.database", "must not hold control characters");
        for (std::string_view own : {"system", "information_schema", "INFORMATION_SCHEMA"}) {
            if (spec_.target_database != own) continue;
            problem("destination.database", "\"" + spec_.target_database + "\" is ClickHouse's own");
        }
        const size_t database = escaped_size(spec_.target_database);
        if (database + kTemporaryPart > kMaxBothNames) {
            problem("destination.database",
                    "is too long for ClickHouse; allowed: " + std::to_string(kMaxBothNames - kTemporaryPart) +
                        " bytes, where all but letters, digits and _ count as 3");
        }
        for (size_t i = 0; i < spec_.mappings.size(); ++i) {
            const std::string at = std::string(kMappings) + "[" + std::to_string(i) + "]";
            if (has_control_characters(spec_.mappings[i].target_table))
                problem(at + ".targetTable", "must not hold control characters");
            const size_t size = escaped_size(spec_.mappings[i].target_table);
            if (size > kMaxTableName || size + database > kMaxBothNames) {
                problem(at + ".targetTable",
                        "is too long for ClickHouse; allowed: " + std::to_string(kMaxTableName) +
                            " bytes, and " + std::to_string(kMaxBothNames) +
                            " together with destination.database, where all but "
                            "letters, digits and _ count as 3");
            }
        }
    }

    void check_target(size_t i, const std::string& at, std::map<std::string, size_t>& targets) {
        const TableMapping& mapping = spec_.mappings[i];
        auto [first, added] = targets.emplace(mapping.target_table, i);
        if (added) return;
        const TableMapping& other = spec_.mappings[first->second];
        std::string there = std::string(kMappings) + "[" + std::to_string(first->second) + "]";
        if (mapping.source_database == other.source_database && mapping.source_table == other.source_table) {
            problem(at, "is the same mapping as " + there);
        } else {
            problem(at + ".targetTable", "\"" + mapping.target_table + "\" is the target of " + there +
                                             " too; each mapping needs its own");
        }
    }

    void check_endpoint(const json& body) {
        const json* mysql = nullptr;
        auto source = body.find("source");
        if (source != body.end() && source->is_object()) {
            auto found = source->find("mysql");
            if (found != source->end() && found->is_object()) mysql = &*found;
        }
        if (mysql == nullptr) return;
        if (mysql->value("authentication", json()) == "IAM_ROLE") {
            problem("source.mysql.authentication",
                    "IAM_ROLE is not supported yet by this build; allowed: basic");
        }
        const std::string& host = spec_.source.host;
        bool socket = host.starts_with('/');
        if (socket) {
            if (host.size() > kMaxSocketPath) {
                problem("source.mysql.host",
                        "a socket's path has at most " + std::to_string(kMaxSocketPath) + " bytes");
            }
            return;
        }
        bool plain = std::all_of(host.begin(), host.end(), [](unsigned char c) {
            return std::isalnum(c) || c == '.' || c == '-' || c == '_' || c == ':' || c == '%';
        });
        if (!plain || host.size() > kMaxHostLength) {
            problem("source.mysql.host", "is not a host; allowed: a name, an address, or a socket's path");
        }
    }

    const PasswordRule password_;
    const NameRule names_;
    PipeSpec spec_;
    std::vector<std::string> problems_;
};

}  // namespace

PipeSpec check_pipe_body(const json& body, const std::string& origin, PasswordRule password, NameRule names) {
    Checker checker(password, names);
    PipeSpec spec = checker.check(body);
    const std::vector<std::string>& problems = checker.problems();
    if (problems.empty()) return spec;
    std::string line;
    for (size_t i = 0; i < problems.size() && i < kShownProblems; ++i) {
        line += (i == 0 ? "" : "; ") + problems[i];
    }
    if (problems.size() > kShownProblems) {
        line += "; and " + std::to_string(problems.size() - kShownProblems) + " more problems";
    }
    throw Error(Disposition::kUsage, origin, line);
}

}  // namespace penstock
