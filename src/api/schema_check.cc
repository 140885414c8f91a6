#include "api/schema_check.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/date_time.h"
#include "base/name_suggestion.h"

namespace penstock {

namespace {

using nlohmann::json;

constexpr size_t kShownProblems = 5;
constexpr size_t kShownText = 40;  // code points of a value in a problem

size_t code_points(std::string_view text) {
    return static_cast<size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; }));
}

/// The beginning of a text as a JSON string, so that it is one line whatever it holds.
std::string quoted(const std::string& text) {
    size_t end = 0, shown = 0;
    while (end < text.size() && shown < kShownText) {
        ++end;
        while (end < text.size() && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80) ++end;
        ++shown;
    }
    return json(text.substr(0, end) + (end < text.size() ? "..." : ""))
        .dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string kind_of(const json& value) {
    switch (value.type()) {
        case json::value_t::null:
            return "null";
        case json::value_t::object:
            return "an object";
        case json::value_t::array:
            return "a list";
        case json::value_t::string:
            return "text";
        case json::value_t::boolean:
            return "true or false";
        default:
            return "a number";
    }
}

std::string shown(const json& value, bool hide) {
    if (hide || value.is_null() || value.is_structured()) return kind_of(value);
    if (value.is_string()) return "the text " + quoted(value.get_ref<const std::string&>());
    return value.is_number() ? "the number " + value.dump() : value.dump();
}

bool is_type(const json& value, std::string_view type) {
    if (type == "null") return value.is_null();
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_boolean();
    if (type == "integer") return value.is_number_integer();
    return type == "number" && value.is_number();
}

std::string type_name(std::string_view type) {
    if (type == "object") return "an object";
    if (type == "array") return "a list";
    if (type == "string") return "text";
    if (type == "boolean") return "true or false";
    if (type == "integer") return "a whole number";
    if (type == "number") return "a number";
    return std::string(type);
}

std::vector<std::string> types_of(const json& schema) {
    auto found = schema.find("type");
    if (found == schema.end()) return {};
    return found->is_array() ? found->get<std::vector<std::string>>()
                             : std::vector<std::string>{found->get<std::string>()};
}

/// "bool, int8"; null is not counted as a word.
std::string words_of(const json& allowed) {
    std::string text;
    for (const json& word : allowed) {
        if (word.is_null()) continue;
        text += (text.empty() ? "" : ", ") + (word.is_string() ? word.get<std::string>() : word.dump());
    }
    return text;
}

class Checker {
  public:
    explicit Checker(const json& document) : document_(document) {}

    void check(const json& written, const std::string& at, const json& value) {
        const json& schema = resolved(written);
        auto choices = schema.find("oneOf");
        if (choices != schema.end()) {
            for (const json& choice : *choices) {
                bool null_choice = choice.value("type", json()) == "null";
                if (null_choice == value.is_null()) check(choice, at, value);
            }
            return;
        }
        if (!check_type(schema, at, value)) return;
        if (!check_enum(schema, at, value)) return;
        if (value.is_object()) check_object(schema, at, value);
        if (value.is_array()) check_list(schema, at, value);
        if (value.is_string()) check_text(schema, at, value.get_ref<const std::string&>());
        if (value.is_number()) check_number(schema, at, value);
    }

    std::string line() const {
        return count_ > kShownProblems ? fmt::format("{}; and {} more", line_, count_ - kShownProblems)
                                       : line_;
    }

  private:
    const json& resolved(const json& schema) const {
        auto reference = schema.find("$ref");
        if (reference == schema.end()) return schema;
        return resolved(document_.at(json::json_pointer(reference->get<std::string>().substr(1))));
    }

    void problem(const std::string& at, const std::string& what) {
        if (++count_ > kShownProblems) return;
        line_ += (line_.empty() ? "" : "; ") + at + ": " + what;
    }

    static bool secret(const json& schema) { return schema.value("format", "") == "password"; }

    bool check_type(const json& schema, const std::string& at, const json& value) {
        std::vector<std::string> types = types_of(schema);
        if (types.empty() ||
            std::any_of(types.begin(), types.end(), [&](const auto& type) { return is_type(value, type); })) {
            return true;
        }
        std::string wanted;
        for (const std::string& type : types) wanted += (wanted.empty() ? "" : " or ") + type_name(type);
        // Text in the place of an object may be an address with a password in it.
        bool hide = secret(schema) || schema.contains("properties") || schema.contains("items");
        std::string allowed = schema.contains("enum") ? "; allowed: " + words_of(schema["enum"]) : "";
        problem(at, "must be " + wanted + ", not " + shown(value, hide) + allowed);
        return false;
    }

    bool check_enum(const json& schema, const std::string& at, const json& value) {
        auto allowed = schema.find("enum");
        if (allowed == schema.end() || std::find(allowed->begin(), allowed->end(), value) != allowed->end()) {
            return true;
        }
        problem(at, shown(value, secret(schema)) + " is not allowed; allowed: " + words_of(*allowed));
        return false;
    }

    void check_object(const json& schema, const std::string& at, const json& object) {
        const json none = json::object();
        auto found = schema.find("properties");
        const json& properties = found == schema.end() ? none : *found;
        std::string prefix = at.empty() || depth_ == 0 ? "" : at + ".";
        ++depth_;
        for (const auto& [name, value] : object.items()) {
            auto property = properties.find(name);
            if (property != properties.end()) {
                check(*property, prefix + name, value);
            } else if (schema.value("additionalProperties", json()) == false) {
                problem(prefix + printable(name), "unknown field; " + suggestion(name, properties));
            }
        }
        if (auto required = schema.find("required"); required != schema.end()) {
            for (const auto& name : *required) check_present(properties, prefix, object, name);
        }
        --depth_;
    }

    void check_present(const json& properties, const std::string& prefix, const json& object,
                       const std::string& name) {
        if (object.contains(name)) return;
        auto property = properties.find(name);
        const json& schema = property == properties.end() ? properties : resolved(*property);
        std::string allowed = schema.contains("enum") ? "; allowed: " + words_of(schema["enum"]) : "";
        problem(prefix + name, "is required" + allowed);
    }

    /// A field's name as it was sent, kept to one line of modest length.
    static std::string printable(const std::string& name) {
        std::string text = quoted(name);
        return text.substr(1, text.size() - 2);
    }

    static std::string suggestion(const std::string& name, const json& properties) {
        std::vector<std::string_view> known;
        for (const auto& property : properties.items()) known.push_back(property.key());
        return known.empty() ? "none is known here"
                             : name_suggestion(std::string_view(name).substr(0, 100), known);
    }

    void check_list(const json& schema, const std::string& at, const json& list) {
        if (list.size() < schema.value("minItems", size_t{0})) {
            problem(at, fmt::format("must have at least {}", count(schema["minItems"], "entry", "entries")));
        }
        bool unique = schema.value("uniqueItems", false);
        auto items = schema.find("items");
        std::map<json, size_t> seen;
        ++depth_;
        for (size_t i = 0; i < list.size(); ++i) {
            std::string here = fmt::format("{}[{}]", at, i);
            if (items != schema.end()) check(*items, here, list[i]);
            if (!unique) continue;
            auto [first, added] = seen.emplace(list[i], i);
            if (!added) {
                problem(here, fmt::format("{} is in the list already, at [{}]", shown(list[i], false),
                                          first->second));
            }
        }
        --depth_;
    }

    static std::string count(uint64_t number, const char* one, const char* many) {
        return fmt::format("{} {}", number, number == 1 ? one : many);
    }

    void check_text(const json& schema, const std::string& at, const std::string& text) {
        if (text.find('\0') != std::string::npos) return problem(at, "must not hold a zero byte");
        size_t length = code_points(text);
        size_t least = schema.value("minLength", size_t{0});
        if (length < least) {
            return problem(at, length == 0 ? "must not be empty"
                                           : "must have at least " + count(least, "character", "characters"));
        }
        auto most = schema.find("maxLength");
        if (most != schema.end() && length > most->get<size_t>()) {
            return problem(at, fmt::format("must have at most {}, not {}",
                                           count(*most, "character", "characters"), length));
        }
        if (schema.value("format", "") == "date-time" && !parse_date_time(text)) {
            problem(at, "must be a time as 2030-01-31T12:00:00Z, not " + shown(text, false));
        }
    }

    void check_number(const json& schema, const std::string& at, const json& value) {
        auto low = schema.find("minimum"), high = schema.find("maximum");
        if ((low != schema.end() && value < *low) || (high != schema.end() && value > *high)) {
            return problem(at, "must be " + range_of(schema) + ", not " + value.dump());
        }
        auto step = schema.find("multipleOf");
        if (step != schema.end() && std::fmod(value.get<double>(), step->get<double>()) != 0) {
            problem(at, "must be a multiple of " + step->dump() + ", " + range_of(schema) + ", not " +
                            value.dump());
        }
    }

    static std::string range_of(const json& schema) {
        auto low = schema.find("minimum"), high = schema.find("maximum");
        if (low != schema.end() && high != schema.end()) return low->dump() + " to " + high->dump();
        if (low != schema.end()) return "at least " + low->dump();
        return high != schema.end() ? "at most " + high->dump() : "any number";
    }

    const json& document_;
    size_t depth_ = 0;  // 0: the value that has a name of its own
    size_t count_ = 0;  // problems; only the first are in line_
    std::string line_;
};

}  // namespace

std::string schema_problems(const json& document, const json& schema, const json& value,
                            std::string_view name) {
    Checker checker(document);
    checker.check(schema, std::string(name), value);
    return checker.line();
}

}  // namespace penstock
