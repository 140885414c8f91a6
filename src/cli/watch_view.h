#pragma once
// What a person sees of a pipe at work.

#include <map>
#include <string>
#include <vector>

#include "cli/api_client.h"
#include "cli/number_text.h"
#include "cli/terminal.h"

namespace penstock {

/// True while the table of a pipe (as the API shows it) is being loaded or put in place.
bool table_is_loading(const ApiClient::json& table);
/// True when the table is out of the flow until it is resynced.
bool table_is_stopped(const ApiClient::json& table);

/// What a person sees of a pipe at work. Knows the past only for rates. Pure.
class WatchView {
  public:
    using json = ApiClient::json;

    explicit WatchView(std::string name) : name_(printable(name)) {}

    /// `progress` and `tables` are results of the API, `now_seconds` any clock that only goes forward.
    void add(const json& progress, const json& tables, double now_seconds);
    /// Trouble in asking the API itself; empty: none.
    void set_connection_trouble(const std::string& text) { connection_trouble_ = printable(text); }

    /// For a terminal: the pipe, its trouble, a bar for each table that is being loaded.
    std::vector<std::string> lines(const Screen& screen) const;
    /// One line for elsewhere.
    std::string summary() const;
    /// Differs when something happened that must be said at once: state, trouble, a table, a tenth of the
    /// load.
    std::string milestone() const;

  private:
    struct Table {
        std::string name;
        bool loading = false, resyncing = false;
        uint64_t loaded = 0, estimated = 0, partitions_loaded = 0, partitions_total = 0;
        double rows_per_second = 0;

        bool done() const { return partitions_total > 0 && partitions_loaded == partitions_total; }
        bool begun() const { return loaded > 0 || partitions_loaded > 0; }
    };
    bool loading() const;
    std::string load_text() const;
    std::string changes_text() const;
    std::string table_line(const Table& table, size_t name_width) const;

    std::string name_, connection_trouble_;
    json progress_;
    std::vector<Table> tables_;
    uint64_t loaded_ = 0, estimated_ = 0;  // rows of the tables that are being loaded
    RateMeter rows_, changes_;
    std::map<std::string, RateMeter> table_rows_;
};

}  // namespace penstock
