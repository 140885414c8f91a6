#include "model/position.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "base/error.h"

namespace penstock {

namespace {

constexpr uint64_t kMaxGno = INT64_MAX - 1;  // MySQL manual, "GTID Format and Storage": below 2^63 - 1

[[noreturn]] void bad(const char* kind, std::string_view part, std::string_view text, const char* why) {
    std::string message = "bad " + std::string(kind) + " '" + std::string(part) + "': " + why;
    if (part != text) message += " (in '" + std::string(text) + "')";
    throw Error(Disposition::kFailPipe, "position", message);
}

bool is_space(char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

std::string_view trim(std::string_view text) {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

// Takes the part up to the next separator off the front of `rest`, trimmed.
std::string_view take_part(std::string_view& rest, char separator) {
    size_t at = rest.find(separator);
    std::string_view part = rest.substr(0, at);
    rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + 1);
    return trim(part);
}

template <typename T>
bool parse_number(std::string_view text, T& value) {
    if (text.empty()) return false;
    auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    return code == std::errc() && end == text.data() + text.size();
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool is_tag(std::string_view part) {
    auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
    if (part.empty() || part.size() > 32 || !letter(part[0])) return false;
    return std::all_of(part.begin(), part.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return result;
}

// The digits after the last dot of a binlog file name; false when there are none.
bool file_number(std::string_view file, uint64_t& number) {
    size_t dot = file.rfind('.');
    return dot != std::string_view::npos && parse_number(file.substr(dot + 1), number);
}

}  // namespace

GtidSource GtidSource::parse_uuid(std::string_view text) {
    GtidSource source;
    size_t digits = 0;
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '-' && text.size() == 36 && (i == 8 || i == 13 || i == 18 || i == 23)) continue;
        int digit = hex_digit(text[i]);
        if (digit < 0 || digits == 32) bad("GTID", text, text, "a server UUID has 32 hexadecimal digits");
        uint8_t& byte = source.uuid[digits / 2];
        byte = static_cast<uint8_t>(byte << 4 | digit);
        ++digits;
    }
    if (digits != 32) bad("GTID", text, text, "a server UUID has 32 hexadecimal digits");
    return source;
}

std::string GtidSource::to_string() const {
    static const char kDigits[] = "0123456789abcdef";
    std::string text;
    text.reserve(36 + (tag.empty() ? 0 : tag.size() + 1));
    for (size_t i = 0; i < uuid.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        text += kDigits[uuid[i] >> 4];
        text += kDigits[uuid[i] & 15];
    }
    if (!tag.empty()) text += ':' + tag;
    return text;
}

GtidSet GtidSet::parse(std::string_view text) {
    GtidSet set;
    std::string_view rest = text;
    while (!rest.empty()) {
        std::string_view entry = take_part(rest, ',');
        if (entry.empty()) continue;  // the server accepts and prints no empty entries, but allows "a,,b"
        std::string_view parts = entry;
        std::string_view uuid = take_part(parts, ':');
        GtidSource source;
        try {
            source = GtidSource::parse_uuid(uuid);
        } catch (const Error&) {
            bad("GTID set", uuid, text, "a server UUID has 32 hexadecimal digits");
        }
        if (parts.empty()) bad("GTID set", entry, text, "no interval after the server UUID");
        bool wants_interval = true;  // after the UUID or a tag
        while (!parts.empty()) {
            std::string_view part = take_part(parts, ':');
            if (is_tag(part)) {
                if (wants_interval && !source.tag.empty())
                    bad("GTID set", entry, text, "no interval after a tag");
                source.tag = lower(part);
                wants_interval = true;
                continue;
            }
            std::string_view bounds = part;
            std::string_view first = take_part(bounds, '-');
            Interval interval;
            if (!parse_number(first, interval.first)) {
                bad("GTID set", part, text, "neither an interval like 1-5 nor a tag");
            }
            interval.last = interval.first;
            if (part.find('-') != std::string_view::npos && !parse_number(trim(bounds), interval.last)) {
                bad("GTID set", part, text, "an interval is two numbers like 1-5");
            }
            if (interval.first < 1 || interval.last > kMaxGno) {
                bad("GTID set", part, text, "transaction numbers go from 1 to 2^63 - 2");
            }
            if (interval.first > interval.last) bad("GTID set", part, text, "the interval runs backwards");
            set.add(source, interval);
            wants_interval = false;
        }
        if (wants_interval) bad("GTID set", entry, text, "no interval after a tag");
    }
    return set;
}

std::string GtidSet::to_string() const {
    std::string text;
    const GtidSource* previous = nullptr;
    for (const auto& [source, list] : intervals_) {
        if (previous != nullptr && previous->uuid == source.uuid) {
            text += ':' + source.tag;
        } else {
            if (!text.empty()) text += ',';
            text += source.to_string();
        }
        for (const Interval& interval : list) {
            text += ':' + std::to_string(interval.first);
            if (interval.last != interval.first) text += '-' + std::to_string(interval.last);
        }
        previous = &source;
    }
    return text;
}

void GtidSet::add(const GtidSource& source, uint64_t gno) {
    add(source, Interval{gno, gno});
}

void GtidSet::add(const GtidSource& source, Interval interval) {
    std::vector<Interval>& list = intervals_[source];
    // The usual case first: the next transaction of the last interval.
    if (!list.empty() && interval.first == list.back().last + 1) {
        list.back().last = interval.last;
        return;
    }
    // Intervals that overlap or touch the new one: [from, to).
    auto from = std::find_if(list.begin(), list.end(),
                             [&](const Interval& i) { return i.last + 1 >= interval.first; });
    auto to = std::find_if(from, list.end(), [&](const Interval& i) { return i.first > interval.last + 1; });
    if (from != to) {
        interval.first = std::min(interval.first, from->first);
        interval.last = std::max(interval.last, (to - 1)->last);
    }
    list.insert(list.erase(from, to), interval);
}

void GtidSet::add(const GtidSet& other) {
    for (const auto& [source, list] : other.intervals_) {
        for (const Interval& interval : list) add(source, interval);
    }
}

bool GtidSet::contains(const GtidSource& source, uint64_t gno) const {
    auto found = intervals_.find(source);
    if (found == intervals_.end()) return false;
    const std::vector<Interval>& list = found->second;
    const auto after = std::upper_bound(list.begin(), list.end(), gno,
                                        [](uint64_t number, const Interval& i) { return number < i.first; });
    return after != list.begin() && gno <= std::prev(after)->last;
}

bool GtidSet::contains(const GtidSet& other) const {
    return other.minus(*this).empty();
}

GtidSet GtidSet::minus(const GtidSet& other) const {
    GtidSet result;
    for (const auto& [source, list] : intervals_) {
        auto found = other.intervals_.find(source);
        if (found == other.intervals_.end()) {
            result.intervals_[source] = list;
            continue;
        }
        for (Interval left : list) {
            bool empty = false;
            for (const Interval& taken : found->second) {
                if (taken.last < left.first) continue;
                if (taken.first > left.last) break;
                if (taken.first > left.first) result.add(source, Interval{left.first, taken.first - 1});
                if (taken.last >= left.last) {
                    empty = true;
                    break;
                }
                left.first = taken.last + 1;
            }
            if (!empty) result.add(source, left);
        }
    }
    return result;
}

MariadbGtid MariadbGtid::parse(std::string_view text) {
    MariadbGtid gtid;
    std::string_view rest = text;
    std::string_view domain = take_part(rest, '-');
    std::string_view server = take_part(rest, '-');
    if (!parse_number(domain, gtid.domain) || !parse_number(server, gtid.server_id) ||
        !parse_number(trim(rest), gtid.sequence)) {
        bad("MariaDB GTID", text, text, "expected DOMAIN-SERVER-SEQUENCE like 0-1-100");
    }
    return gtid;
}

std::string MariadbGtid::to_string() const {
    return std::to_string(domain) + '-' + std::to_string(server_id) + '-' + std::to_string(sequence);
}

MariadbGtidPos MariadbGtidPos::parse(std::string_view text) {
    MariadbGtidPos position;
    std::string_view rest = text;
    while (!rest.empty()) {
        std::string_view part = take_part(rest, ',');
        if (part.empty() && trim(text).empty()) break;
        MariadbGtid gtid;
        try {
            gtid = MariadbGtid::parse(part);
        } catch (const Error&) {
            bad("MariaDB GTID position", part, text, "expected DOMAIN-SERVER-SEQUENCE like 0-1-100");
        }
        if (position.last_.count(gtid.domain) != 0) {
            bad("MariaDB GTID position", part, text, "the domain is there twice");
        }
        position.advance(gtid);
    }
    return position;
}

std::string MariadbGtidPos::to_string() const {
    std::string text;
    for (const auto& [domain, gtid] : last_) {
        if (!text.empty()) text += ',';
        text += gtid.to_string();
    }
    return text;
}

bool MariadbGtidPos::contains(const MariadbGtid& gtid) const {
    auto found = last_.find(gtid.domain);
    return found != last_.end() && gtid.sequence <= found->second.sequence;
}

bool MariadbGtidPos::contains(const MariadbGtidPos& other) const {
    return std::all_of(other.last_.begin(), other.last_.end(),
                       [&](const auto& entry) { return contains(entry.second); });
}

bool FilePosition::at_or_after(const FilePosition& other) const {
    if (file == other.file) return offset >= other.offset;
    uint64_t mine = 0, theirs = 0;
    if (file_number(file, mine) && file_number(other.file, theirs) && mine != theirs) return mine > theirs;
    return file > other.file;
}

Position Position::parse(std::string_view text) {
    if (text.empty()) return {};
    constexpr std::string_view kMysql = "mysql-gtid:", kMariadb = "mariadb-gtid:", kFile = "file:";
    const auto file_position = [&](std::string_view rest) {
        size_t colon = rest.rfind(':');
        FilePosition position;
        if (colon == std::string_view::npos || colon == 0 ||
            !parse_number(rest.substr(colon + 1), position.offset)) {
            bad("file position", rest, text, "expected NAME:OFFSET");
        }
        position.file = std::string(rest.substr(0, colon));
        return position;
    };
    if (text.starts_with(kFile)) return Position(file_position(text.substr(kFile.size())));
    const size_t at = text.find('@');
    const std::string_view gtids = text.substr(0, at);
    Position position;
    if (gtids.starts_with(kMysql)) {
        position = Position(GtidSet::parse(gtids.substr(kMysql.size())));
    } else if (gtids.starts_with(kMariadb)) {
        position = Position(MariadbGtidPos::parse(gtids.substr(kMariadb.size())));
    } else {
        bad("position", text, text, "expected mysql-gtid:SET, mariadb-gtid:POSITION or file:NAME:OFFSET");
    }
    if (at == std::string_view::npos) return position;
    const std::string_view place = text.substr(at + 1);
    const size_t slash = place.find('/');
    if (slash == std::string_view::npos || slash == 0)
        bad("place", place, text, "expected SERVER/NAME:OFFSET");
    position.place_ = {std::string(place.substr(0, slash)), file_position(place.substr(slash + 1))};
    return position;
}

std::string Position::to_string() const {
    if (const FilePosition* pos = file()) return "file:" + pos->file + ':' + std::to_string(pos->offset);
    if (none()) return {};
    std::string text =
        mysql() != nullptr ? "mysql-gtid:" + mysql()->to_string() : "mariadb-gtid:" + mariadb()->to_string();
    if (place() != nullptr)
        text += '@' + place_.server + '/' + place_.at.file + ':' + std::to_string(place_.at.offset);
    return text;
}

void Position::set_place(std::string_view server, std::string_view file, uint64_t offset) {
    place_.server.assign(server);  // in place: it is called at each commit
    place_.at.file.assign(file);
    place_.at.offset = offset;
}

bool Position::reached(const Position& other) const {
    if (other.none()) return true;
    if (none()) return false;
    if (value_.index() != other.value_.index()) {
        throw Error(Disposition::kFailPipe, "position",
                    "cannot compare '" + to_string() + "' with '" + other.to_string() + "'",
                    "The replication mechanism or the server's flavour changed; resync the pipe");
    }
    if (comparable_by_place(other)) return place_.at.at_or_after(other.place_.at);
    if (mysql() != nullptr) return mysql()->contains(*other.mysql());
    if (mariadb() != nullptr) return mariadb()->contains(*other.mariadb());
    return file()->at_or_after(*other.file());
}

}  // namespace penstock
