#include "api/date_time.h"

#include <chrono>

namespace penstock {

namespace {

/// Takes fixed numbers of digits and single characters off the front of a text.
class Cursor {
  public:
    explicit Cursor(std::string_view text) : rest_(text) {}

    int digits(size_t count) {
        int value = 0;
        for (size_t i = 0; i < count; ++i) {
            if (!next_is_digit()) return fail();
            value = value * 10 + (rest_[0] - '0');
            rest_.remove_prefix(1);
        }
        return value;
    }
    char one_of(std::string_view allowed) {
        if (rest_.empty() || allowed.find(rest_[0]) == std::string_view::npos)
            return static_cast<char>(fail());
        char c = rest_[0];
        rest_.remove_prefix(1);
        return c;
    }
    bool next_is(char c) const { return !rest_.empty() && rest_[0] == c; }
    bool next_is_digit() const { return !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9'; }
    bool finished() const { return good_ && rest_.empty(); }

  private:
    int fail() {
        good_ = false;
        return 0;
    }

    std::string_view rest_;
    bool good_ = true;
};

/// The digits behind the point, as milliseconds; smaller parts are dropped.
int fraction(Cursor& cursor) {
    int ms = cursor.digits(1) * 100;
    for (int unit = 10; cursor.next_is_digit(); unit /= 10) ms += cursor.digits(1) * unit;
    return ms;
}

}  // namespace

std::optional<int64_t> parse_date_time(std::string_view text) {
    using namespace std::chrono;
    Cursor cursor(text);
    year y(cursor.digits(4));
    cursor.one_of("-");
    month m(static_cast<unsigned>(cursor.digits(2)));
    cursor.one_of("-");
    day d(static_cast<unsigned>(cursor.digits(2)));
    cursor.one_of("Tt ");
    int hour = cursor.digits(2);
    cursor.one_of(":");
    int minute = cursor.digits(2);
    cursor.one_of(":");
    int second = cursor.digits(2);
    int ms = 0;
    if (cursor.next_is('.')) {
        cursor.one_of(".");
        ms = fraction(cursor);
    }
    char sign = cursor.one_of("Zz+-");
    int offset = 0;
    if (sign == '+' || sign == '-') {
        int hours = cursor.digits(2);
        cursor.one_of(":");
        int minutes = cursor.digits(2);
        if (hours > 23 || minutes > 59) return std::nullopt;
        offset = (hours * 60 + minutes) * (sign == '-' ? -1 : 1);
    }
    if (!cursor.finished() || !(y / m / d).ok() || hour > 23 || minute > 59 || second > 59)
        return std::nullopt;
    sys_time<milliseconds> time =
        sys_days(y / m / d) + hours(hour) + minutes(minute - offset) + seconds(second) + milliseconds(ms);
    return time.time_since_epoch().count();
}

}  // namespace penstock
