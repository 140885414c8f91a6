#include "service/repeated_fields.h"

#include <algorithm>
#include <map>
#include <set>

#include "service/request_error.h"

namespace penstock {

namespace {

using nlohmann::json;

const json kNull;
constexpr size_t kShownText = 60;  // bytes of a value in a problem

const json& member(const json& object, const std::string& name) {
    if (!object.is_object()) return kNull;
    auto found = object.find(name);
    return found == object.end() ? kNull : *found;
}

std::string text_at(const json& mapping, const char* field) {
    const json& value = member(mapping, field);
    return value.is_string() ? value.get<std::string>() : "";
}

bool is_nothing(const json& value) {
    return value.is_null() || value == false || value == "" || (value.is_structured() && value.empty());
}

std::string shown(const json& value) {
    std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
    return text.size() > kShownText ? text.substr(0, kShownText) + "..." : text;
}

class Comparison {
  public:
    explicit Comparison(const ChangeRules& rules) : rules_(rules) {}

    void compare(const json& given, const json& in_force, const std::string& at) {
        if (given.is_null() || (!at.empty() && rules_.may_change(at))) return;
        if (given.is_object()) {
            for (const auto& [name, value] : given.items()) {
                compare(value, member(in_force, name), at.empty() ? name : at + "." + name);
            }
        } else if (at.ends_with("tableMappings") && given.is_array() && in_force.is_array()) {
            compare_mappings(given, in_force, at);
        } else if (given != in_force && !(is_nothing(given) && is_nothing(in_force)) &&
                   !(at.ends_with("].excludedColumns") && same_names(given, in_force))) {
            problem(at,
                    "cannot change" + (in_force.is_null() ? "" : " from " + shown(in_force)) + " to " +
                        shown(given),
                    at);
        }
    }

    void throw_if_any() const {
        if (problems_ == 0) return;
        std::string line = line_;
        if (problems_ > kShownRepeats) line += "; and " + std::to_string(problems_ - kShownRepeats) + " more";
        throw RequestError(Refusal::kBadRequest, line, ways_out_);
    }

  private:
    void compare_mappings(const json& given, const json& in_force, const std::string& at) {
        std::map<std::string, const json*> missing;
        for (const json& mapping : in_force) missing.emplace(mapping_key(mapping), &mapping);
        const std::map<std::string, const json*> known = missing;
        for (size_t i = 0; i < given.size(); ++i) {
            const std::string key = mapping_key(given[i]), here = at + "[" + std::to_string(i) + "]";
            auto found = known.find(key);
            if (found == known.end()) {
                problem(here, "the pipe has no mapping of " + mapping_name(given[i]), at);
            } else {
                compare(given[i], *found->second, here);
                missing.erase(key);
            }
        }
        for (const auto& [key, mapping] : missing) {
            problem(at, "lacks the mapping of " + mapping_name(*mapping), at);
        }
    }

    static bool same_names(const json& a, const json& b) {
        const json none = json::array();
        auto as_set = [&](const json& list) {
            std::set<json> names;
            for (const json& name : list.is_array() ? list : none) names.insert(name);
            return names;
        };
        return a.is_array() && as_set(a) == as_set(b);
    }

    void problem(const std::string& where, const std::string& what, const std::string& path) {
        if (++problems_ > kShownRepeats) return;
        line_ += (line_.empty() ? "" : "; ") + where + ": " + what;
        const std::string way = rules_.way_out(path);
        if (ways_out_.find(way) == ways_out_.npos) ways_out_ += (ways_out_.empty() ? "" : ". ") + way;
    }

    const ChangeRules& rules_;
    size_t problems_ = 0;
    std::string line_, ways_out_;
};

}  // namespace

void require_as_in_force(const json& given, const json& in_force, const ChangeRules& rules) {
    Comparison comparison(rules);
    comparison.compare(given, in_force, "");
    comparison.throw_if_any();
}

std::string mapping_key(const json& mapping) {
    std::string key;  // no name holds a zero byte
    for (const char* field : {"sourceSchemaName", "sourceTable", "targetTable"}) {
        key.append(text_at(mapping, field)).append(1, '\0');
    }
    return key;
}

std::string mapping_name(const json& mapping) {
    return text_at(mapping, "sourceSchemaName") + "." + text_at(mapping, "sourceTable") + " to " +
           text_at(mapping, "targetTable");
}

}  // namespace penstock
