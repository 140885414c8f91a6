#pragma once
// For tests of what the program makes of statements in a real log: which mapped tables it stops.

#include <map>
#include <string>
#include <vector>

#include "batch/change_batcher.h"
#include "support/live_table.h"

namespace penstock::test {

/// Tables that stop, by name, with their reasons.
using Stops = std::map<std::string, std::string>;

class StatementTest : public LiveTableTest {
  protected:
    bool mariadb() const { return info_.mariadb(); }

    /// Which of `tables` stop in a pipe that maps them.
    Stops stops_after(const std::vector<std::string>& tables, const std::vector<std::string>& statements) {
        Stops stops;
        for (const TableStop& stop : changes_after(tables, statements).stops)
            stops[tables.at(stop.table)] = stop.reason;
        return stops;
    }

    /// What a pipe that maps `tables` of database_ makes of `statements`, which one session of its own gives.
    /// A name may be spelled as the server takes it for one of them.
    Chunk changes_after(const std::vector<std::string>& tables, const std::vector<std::string>& statements) {
        plans_.clear();
        for (const std::string& table : tables) {
            plans_.push_back(plan_of(table));
            plans_.back().id = static_cast<uint32_t>(plans_.size() - 1);
        }
        const Position start = here();
        {
            MysqlConnection session = MysqlConnection::open(endpoint_);
            session.execute("USE " + database_);
            session.execute("SET SESSION sql_mode = ''");
            for (const std::string& sql : statements) session.execute(sql);
        }
        const Position end = here();
        std::vector<MappedTable> mapped;
        for (const TablePlan& plan : plans_) mapped.push_back(MappedTable{&plan});
        ChangeBatcher batcher(std::move(mapped), {start, 1, 1}, size_t{64} << 20, std::nullopt,
                              info_.names());
        BinlogStream stream = BinlogStream::open(endpoint_, info_, start);
        EventParser parser;
        for (int events = 0; !batcher.position().file()->at_or_after(*end.file()) && events < 10'000;
             ++events) {
            parser.parse_all(stream.next(),
                             [&](const Event& event) { batcher.feed(event, parser.header()); });
        }
        return batcher.take(true);
    }

    Position here() { return current_position(*connection_, info_, ReplicationMechanism::kFilePos); }

  private:
    std::vector<TablePlan> plans_;  // of the last changes
};

}  // namespace penstock::test
