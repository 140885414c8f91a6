// Texts of positions. Input: a byte that chooses the kind, then the text; for sets, two of them with '|'
// between.

#include "fuzz.h"
#include "model/position.h"

namespace penstock {
namespace {

template <typename T>
void round_trip(std::string_view text) {
    T value;
    if (!survives([&] { value = T::parse(text); })) return;
    std::string written = value.to_string();
    T again;
    require(survives([&] { again = T::parse(written); }), "its own text can be read");
    require(again == value, "reads back as the same");
    require(again.to_string() == written, "writes the same text again");
}

void set_algebra(std::string_view text) {
    GtidSet a, b;
    size_t bar = text.find('|');
    if (bar == std::string_view::npos) return;
    if (!survives([&] { a = GtidSet::parse(text.substr(0, bar)); })) return;
    if (!survives([&] { b = GtidSet::parse(text.substr(bar + 1)); })) return;
    require(a.contains(a) && a.minus(a).empty(), "a set holds itself");
    GtidSet both = a;
    both.add(b);
    require(both.contains(a) && both.contains(b), "a union holds its parts");
    GtidSet rest = both.minus(a);
    require(b.contains(rest), "what is not of one part is of the other");
    rest.add(a);
    require(rest == both, "minus and add give the set again");
    require(a.contains(b) == b.minus(a).empty(), "contains is nothing left over");
}

void advance_contains(std::string_view text) {
    MariadbGtidPos a, b;
    size_t bar = text.find('|');
    if (bar == std::string_view::npos) return;
    if (!survives([&] { a = MariadbGtidPos::parse(text.substr(0, bar)); })) return;
    if (!survives([&] { b = MariadbGtidPos::parse(text.substr(bar + 1)); })) return;
    require(a.contains(a), "a position is at itself");
    for (const auto& [domain, gtid] : b.last()) a.advance(gtid);
    require(a.contains(b), "a position is at what it advanced to");
}

}  // namespace
}  // namespace penstock

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace penstock;
    ByteSpan input(data, size);
    uint8_t kind = take_byte(input);
    std::string_view text = as_text(input);
    switch (kind % 6) {
        case 0:
            round_trip<GtidSet>(text);
            break;
        case 1:
            round_trip<MariadbGtidPos>(text);
            break;
        case 2:
            round_trip<Position>(text);
            break;
        case 3:
            round_trip<MariadbGtid>(text);
            break;
        case 4:
            set_algebra(text);
            break;
        default:
            advance_contains(text);
    }
    return 0;
}
