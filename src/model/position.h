#pragma once
// Positions in a source's binary log.

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace penstock {

/// A server's UUID with an optional tag (MySQL 8.3+: "uuid:tag:1-5").
struct GtidSource {
    std::array<uint8_t, 16> uuid{};
    std::string tag;  ///< lower case, at most 32 characters; empty for untagged

    /// "3e11fa47-71ca-11e1-9e33-c80aa9429562" (hyphens optional), tag left empty; throws Error(kFailPipe).
    static GtidSource parse_uuid(std::string_view text);
    std::string to_string() const;  ///< "3e11fa47-71ca-11e1-9e33-c80aa9429562" or "...:tag"
    auto operator<=>(const GtidSource&) const = default;
};

/// MySQL's set of executed transactions. Text form: MySQL manual, "GTID Sets", with ranges inclusive.
class GtidSet {
  public:
    struct Interval {
        uint64_t first = 0, last = 0;  ///< inclusive, first <= last, first >= 1
        bool operator==(const Interval&) const = default;
    };

    /// Throws Error(kFailPipe) naming the bad part. Whitespace and newlines between parts are allowed.
    static GtidSet parse(std::string_view text);
    std::string to_string() const;  ///< canonical: sorted, merged, no spaces; "" when empty

    void add(const GtidSource& source, uint64_t gno);
    void add(const GtidSource& source, Interval interval);
    void add(const GtidSet& other);
    bool contains(const GtidSource& source, uint64_t gno) const;
    bool contains(const GtidSet& other) const;
    GtidSet minus(const GtidSet& other) const;
    bool empty() const { return intervals_.empty(); }
    const std::map<GtidSource, std::vector<Interval>>& intervals() const { return intervals_; }
    bool operator==(const GtidSet&) const = default;

  private:
    std::map<GtidSource, std::vector<Interval>> intervals_;  // sorted, disjoint, not adjacent
};

struct MariadbGtid {
    uint32_t domain = 0;
    uint32_t server_id = 0;
    uint64_t sequence = 0;

    static MariadbGtid parse(std::string_view text);  ///< "0-1-100"; throws Error(kFailPipe)
    std::string to_string() const;
    auto operator<=>(const MariadbGtid&) const = default;
};

/// MariaDB's position: the last GTID of each domain. Text form "0-1-100,2-5-7", as @@gtid_binlog_pos.
class MariadbGtidPos {
  public:
    static MariadbGtidPos parse(std::string_view text);  ///< throws Error(kFailPipe)
    std::string to_string() const;

    void advance(const MariadbGtid& gtid) { last_[gtid.domain] = gtid; }
    void forget(uint32_t domain) { last_.erase(domain); }
    const std::map<uint32_t, MariadbGtid>& last() const { return last_; }
    /// At or before this position, by sequence within its domain. That is the log's order only where the
    /// server keeps to gtid_strict_mode: where the places are known, they decide (Position::reached).
    bool contains(const MariadbGtid& gtid) const;
    bool contains(const MariadbGtidPos& other) const;
    bool empty() const { return last_.empty(); }
    bool operator==(const MariadbGtidPos&) const = default;

  private:
    std::map<uint32_t, MariadbGtid> last_;
};

/// The byte after the last event taken, in a binlog file; offsets above 4 GiB are exact.
struct FilePosition {
    std::string file;
    uint64_t offset = 4;

    /// Compares the numeric suffix of the file names, then offsets.
    bool at_or_after(const FilePosition& other) const;
    bool operator==(const FilePosition&) const = default;
};

/// A place in the log of one server.
struct LogPlace {
    std::string server;  ///< ServerInfo::identity()
    FilePosition at;
    bool operator==(const LogPlace&) const = default;
};

/// Where a pipe is. GTIDs may know their place: everything before it in that server's log is in the position.
/// Text form, also stored in the catalog: "mysql-gtid:SET", "mariadb-gtid:POS", both with or without
/// "@SERVER/NAME:OFFSET", "file:NAME:OFFSET", "" for none.
class Position {
  public:
    Position() = default;
    explicit Position(GtidSet set) : value_(std::move(set)) {}
    explicit Position(MariadbGtidPos pos) : value_(std::move(pos)) {}
    explicit Position(FilePosition pos) : value_(std::move(pos)) {}

    static Position parse(std::string_view text);  ///< throws Error(kFailPipe)
    std::string to_string() const;

    bool none() const { return std::holds_alternative<std::monostate>(value_); }
    /// True when everything in `other` is in this position; both must be of one kind, else Error. Two places
    /// of one server decide by the log's order, which numbers do not know; without them the numbers do.
    bool reached(const Position& other) const;
    GtidSet* mysql() { return std::get_if<GtidSet>(&value_); }
    MariadbGtidPos* mariadb() { return std::get_if<MariadbGtidPos>(&value_); }
    FilePosition* file() { return std::get_if<FilePosition>(&value_); }
    const GtidSet* mysql() const { return std::get_if<GtidSet>(&value_); }
    const MariadbGtidPos* mariadb() const { return std::get_if<MariadbGtidPos>(&value_); }
    const FilePosition* file() const { return std::get_if<FilePosition>(&value_); }
    const LogPlace* place() const { return place_.server.empty() ? nullptr : &place_; }
    /// Of GTIDs; a file position is its own place.
    void set_place(std::string_view server, std::string_view file, uint64_t offset);
    void forget_place() { place_ = LogPlace(); }
    /// Both know their place, in the log of one server.
    bool comparable_by_place(const Position& other) const {
        return place() != nullptr && place_.server == other.place_.server;
    }
    bool operator==(const Position&) const = default;

  private:
    LogPlace place_;
    std::variant<std::monostate, GtidSet, MariadbGtidPos, FilePosition> value_;
};

}  // namespace penstock
