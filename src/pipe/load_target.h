#pragma once
// The table that the load of an append-only target is written to.

#include <stop_token>
#include <string>
#include <vector>

#include "catalog/records.h"
#include "destination/clickhouse_client.h"
#include "model/table_plan.h"
#include "pipe/context.h"

namespace penstock {

/// A row that is inserted twice stays twice in such a target, and an INSERT of an attempt that was given up,
/// of a process that was killed say, may still come in when the next one is under way. So each attempt is
/// written to a table of a name of its own ("orders_load_5f3a9c01"), made like the target, and put in the
/// target's place when it is whole: what comes late finds no table.
///
/// Where that cannot be it is written to the target itself: a Null engine keeps nothing that could be
/// exchanged, materialized views see what is inserted into the table of their name only, and databases other
/// than Atomic and Replicated cannot exchange. What is left of attempts before is ended there, as far as
/// ClickHouse has it already.
///
/// One thread. Every function throws what ClickHouseClient::query throws.
class LoadTarget {
  public:
    /// `context` and `plan` outlive it.
    LoadTarget(PipeContext& context, const TablePlan& plan);

    /// To insert by: of the table that begin, or resume, has chosen.
    const TablePlan& plan() const { return plan_; }
    /// Its statements are found as those of this table's load.
    const ClickHouseEndpoint& endpoint() const { return endpoint_; }

    /// What the attempt of `record` has written goes, and it is forgotten in the catalog: the next one begins
    /// on a clean target.
    void clear(const TableRecord& record, const std::stop_token& stop);
    /// Makes the table of a new attempt. Throws CannotLoad when the target does not fit any more.
    void begin();
    /// Goes on with the attempt of `record`.
    void resume(const TableRecord& record);
    /// Where the rows of that attempt are: the table that it is written to may have become the target
    /// already.
    std::string place_of_rows(const TableRecord& record);
    /// When all is in: in one step it becomes the target, whose UUID is stored. False, and nothing done, when
    /// somebody has altered the target meanwhile: the attempt has to be repeated with the target as it is
    /// now. Throws CannotLoad when there are rows in the target, which are nobody's of this load. May be
    /// repeated after a crash anywhere in it.
    bool put_in_place(const TableRecord& record);

  private:
    PipeContext& context_;
    const TablePlan& target_;
    TablePlan plan_;
    ClickHouseEndpoint endpoint_;
    std::string
        definition_;  ///< of the target when the attempt began; empty: not known, or written to itself
};

/// Before any load of the pipe (or intake) begins in this process: none of one before is under way at
/// ClickHouse afterwards. Throws as end_queries.
void end_loads(const PipeContext& context, const std::stop_token& stop);

/// Drops the tables that loads of these were written to and that are of no use any more.
void drop_load_tables(const ClickHouseEndpoint& endpoint, const std::string& database,
                      const std::vector<TableRecord>& tables);

}  // namespace penstock
