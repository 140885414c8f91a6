#include "pipe/pipe_file_document.h"

#include <charconv>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <vector>

#include <nlohmann/json.hpp>
#include <yaml-cpp/yaml.h>

#include "base/error.h"

namespace penstock {

namespace {

using nlohmann::json;

/// Aliases can make a small text a huge document; 15,000 mappings with all their fields are far below this.
constexpr size_t kMaxNodes = 500'000;
constexpr int kMaxDepth = 64;

constexpr const char* kQuote = "a value that begins with one of ! & * % @ ` needs quotes";

[[noreturn]] void fail(const std::string& origin, size_t line, size_t column, const std::string& message) {
    throw Error(Disposition::kUsage, origin,
                "line " + std::to_string(line) + ", column " + std::to_string(column) + ": " + message);
}

bool one_of(std::string_view text, std::initializer_list<std::string_view> words) {
    for (std::string_view word : words) {
        if (text == word) return true;
    }
    return false;
}

/// The whole text as a number in the given base, nothing when it is not one or does not fit.
template <typename Integer>
std::optional<Integer> whole_integer(std::string_view text, int base) {
    Integer value{};
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
    return value;
}

bool looks_like_float(std::string_view text) {
    size_t digits = 0;
    for (char c : text) {
        if (c >= '0' && c <= '9') {
            ++digits;
        } else if (c != '.' && c != 'e' && c != 'E' && c != '+' && c != '-') {
            return false;
        }
    }
    return digits > 0;
}

/// A plain scalar by the core schema.
json plain_scalar(const std::string& text) {
    if (one_of(text, {"", "~", "null", "Null", "NULL"})) return nullptr;
    if (one_of(text, {"true", "True", "TRUE"})) return true;
    if (one_of(text, {"false", "False", "FALSE"})) return false;
    std::string_view digits = text;
    int base = 10;
    if (digits.starts_with("0x") || digits.starts_with("0o")) {
        base = digits[1] == 'x' ? 16 : 8;
        digits.remove_prefix(2);
        if (digits.starts_with('-') || digits.starts_with('+')) return text;
    } else if (digits.starts_with('+')) {
        digits.remove_prefix(1);
        if (digits.starts_with('-')) return text;
    }
    if (auto number = whole_integer<int64_t>(digits, base)) return *number;
    if (auto number = whole_integer<uint64_t>(digits, base)) return *number;
    if (base != 10 || !looks_like_float(digits)) return text;
    double value = 0;
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size()) return text;
    return value;
}

class YamlConverter {
  public:
    explicit YamlConverter(const std::string& origin) : origin_(origin) {}

    json convert(const YAML::Node& node, int depth = 0) {
        if (depth > kMaxDepth) fail_at(node, "nested too deeply");
        if (++nodes_ > kMaxNodes) fail_at(node, "the document is too large");
        switch (node.Type()) {
            case YAML::NodeType::Undefined:
            case YAML::NodeType::Null:
                return nullptr;
            case YAML::NodeType::Scalar:
                return scalar(node);
            case YAML::NodeType::Sequence: {
                json list = json::array();
                for (const YAML::Node& element : node) list.push_back(convert(element, depth + 1));
                return list;
            }
            case YAML::NodeType::Map:
                break;
        }
        json object = json::object();
        for (const auto& entry : node) {
            const YAML::Node& key = entry.first;
            if (!key.IsScalar()) fail_at(key, "a field name must be text");
            const std::string& name = key.Scalar();
            if (object.contains(name)) fail_at(key, "the field " + name + " is given twice");
            object[name] = convert(entry.second, depth + 1);
        }
        return object;
    }

  private:
    json scalar(const YAML::Node& node) {
        const std::string& tag = node.Tag();
        if (tag == "?" || tag.empty()) return plain_scalar(node.Scalar());
        if (tag == "!" || tag == "tag:yaml.org,2002:str") return node.Scalar();  // "!": quoted or a block
        fail_at(node, std::string("unknown tag; ") + kQuote);                    // its text may be a password
    }

    [[noreturn]] void fail_at(const YAML::Node& node, const std::string& message) {
        YAML::Mark mark = node.Mark();
        fail(origin_, static_cast<size_t>(mark.line + 1), static_cast<size_t>(mark.column + 1), message);
    }

    const std::string& origin_;
    size_t nodes_ = 0;
};

/// What the library says, without the part of the text that it may quote.
std::string reason_of(const YAML::Exception& error) {
    std::string reason = error.msg.substr(0, error.msg.find(':'));
    if (reason.find("anchor") != std::string::npos) reason += std::string("; ") + kQuote;
    return "not valid YAML: " + reason;
}

json parse_yaml(std::string_view text, const std::string& origin) {
    try {
        std::vector<YAML::Node> documents = YAML::LoadAll(std::string(text));
        if (documents.empty()) throw Error(Disposition::kUsage, origin, "the file is empty");
        if (documents.size() > 1) {
            throw Error(Disposition::kUsage, origin,
                        "the file holds " + std::to_string(documents.size()) + " documents",
                        "Leave one of them");
        }
        return YamlConverter(origin).convert(documents.front());
    } catch (const YAML::Exception& e) {
        if (e.mark.is_null()) throw Error(Disposition::kUsage, origin, reason_of(e));
        fail(origin, static_cast<size_t>(e.mark.line + 1), static_cast<size_t>(e.mark.column + 1),
             reason_of(e));
    }
}

void line_and_column(std::string_view text, size_t offset, size_t& line, size_t& column) {
    line = column = 1;
    for (size_t i = 0; i < offset && i < text.size(); ++i) {
        ++column;
        if (text[i] == '\n') {
            ++line;
            column = 1;
        }
    }
}

json parse_json(std::string_view text, const std::string& origin) {
    std::vector<std::set<std::string>> names;  // of the open objects, by depth
    std::string twice;
    auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
        auto level = static_cast<size_t>(depth);
        if (event == json::parse_event_t::object_start) {
            names.resize(level + 1);
            names.emplace_back();
        } else if (event == json::parse_event_t::key) {
            if (!names.back().insert(parsed.get<std::string>()).second) twice = parsed.get<std::string>();
        } else if (event == json::parse_event_t::object_end) {
            names.pop_back();
        }
        return true;
    };
    json document;
    try {
        document = json::parse(text, watch);
    } catch (const json::parse_error& e) {
        // The library's text ends with what it read last, which may be part of a password.
        std::string reason = e.what();
        reason = reason.substr(0, reason.find("; last read"));
        size_t dash = reason.find(" - ");
        reason = dash == std::string::npos ? "" : ": " + reason.substr(dash + 3);
        size_t line = 1, column = 1;
        line_and_column(text, e.byte > 0 ? e.byte - 1 : 0, line, column);
        fail(origin, line, column, "not valid JSON" + reason);
    }
    if (!twice.empty()) {
        throw Error(Disposition::kUsage, origin, "the field " + twice + " is given twice in one object");
    }
    return document;
}

}  // namespace

json parse_document(std::string_view text, const std::string& origin) {
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
    bool must_be_json = origin.ends_with(".json");
    size_t first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) throw Error(Disposition::kUsage, origin, "the file is empty");
    if (must_be_json || (text[first] == '{' && json::accept(text))) return parse_json(text, origin);
    return parse_yaml(text, origin);
}

}  // namespace penstock
