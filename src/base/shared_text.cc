#include "base/shared_text.h"

#include <functional>
#include <mutex>
#include <set>

namespace penstock {

const std::string SharedText::kEmpty;

const std::string* SharedText::share(std::string_view text) {
    if (text.empty()) return &kEmpty;
    static std::mutex mutex;
    static auto& texts = *new std::set<std::string, std::less<>>;  // outlives every thread
    std::lock_guard lock(mutex);
    auto place = texts.lower_bound(text);
    if (place == texts.end() || *place != text) place = texts.emplace_hint(place, text);
    return &*place;
}

}  // namespace penstock
