#pragma once
// Which targets a resync is to load anew, and how the catalog keeps it (PipeRecord::resync_wanted).

#include <algorithm>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace penstock {

struct ResyncWanted {
    bool all = false;
    std::vector<std::string> targets{};  ///< of no meaning when all

    bool none() const { return !all && targets.empty(); }
    bool wants(const std::string& target) const {
        return all || std::find(targets.begin(), targets.end(), target) != targets.end();
    }
    /// Both wishes.
    void join(const ResyncWanted& other) {
        all = all || other.all;
        for (const std::string& target : other.targets) {
            if (!wants(target)) targets.push_back(target);
        }
    }

    /// Empty for none, `true` for all, else a JSON list of names.
    std::string to_text() const {
        if (all) return "true";
        return targets.empty() ? "" : nlohmann::json(targets).dump();
    }
    static ResyncWanted parse(const std::string& text) {
        if (text.empty()) return {};
        const nlohmann::json stored = nlohmann::json::parse(text);
        if (stored.is_boolean()) return {.all = stored.get<bool>()};
        return {.targets = stored.get<std::vector<std::string>>()};
    }
};

}  // namespace penstock
