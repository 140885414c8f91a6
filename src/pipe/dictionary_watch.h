#pragma once
// Is a table at the source still what was recorded? A statement that changes it stops it when the log comes
// to it; not every change is in the log (sql_log_bin = 0, DDL on a replica that is the source), and a log
// without full row metadata does not tell it either.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "model/position.h"
#include "model/table_plan.h"
#include "pipe/context.h"
#include "source/mysql_connection.h"
#include "source/server_info.h"

namespace penstock {

/// What the watch has found out, for the flow, which stops the tables when it connects anew. Any thread.
class AlteredTables {
  public:
    void add(uint32_t table, std::string difference);
    bool any() const { return any_; }
    /// By TablePlan::id, each with what is different; none after that.
    std::map<uint32_t, std::string> take();

    /// The stream begins anew: look at the next occasion.
    void ask() { asked_ = true; }
    bool take_asked() { return asked_.exchange(false); }

  private:
    std::mutex mutex_;
    std::map<uint32_t, std::string> tables_;  // guarded by mutex_
    std::atomic<bool> any_{false}, asked_{true};
};

/// What makes the values or the identity of a plan's rows other than recorded, as one clause; empty: nothing
/// does. Columns that are not copied count by their number alone. `now` without its key.
std::string difference_of(const TablePlan& plan, const TableSchema& now);

/// One thread.
class DictionaryWatch {
  public:
    /// Both outlive it.
    DictionaryWatch(PipeContext& context, AlteredTables& altered) : context_(context), altered_(altered) {}

    /// To be called every few seconds. Looks at the definitions of the tables that flow once a minute, when
    /// it was asked, and while a table is suspected: the dictionary may be ahead of the log, and of what is
    /// applied of it, so a difference counts when it is still there behind all that was in the log after it
    /// was seen. What this user may not see says nothing.
    void look(MysqlConnection& connection, const ServerInfo& info);

  private:
    struct Suspect {
        std::string difference;
        std::optional<Position> log_end;  // after it was seen
    };
    std::map<uint32_t, std::string> find_differences(MysqlConnection& connection,
                                                     const ServerInfo& info) const;

    PipeContext& context_;
    AlteredTables& altered_;
    std::map<uint32_t, Suspect> suspects_;  // by TablePlan::id
    std::chrono::steady_clock::time_point looked_at_{};
};

}  // namespace penstock
