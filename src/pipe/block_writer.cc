#include "pipe/block_writer.h"

#include <utility>

#include <spdlog/spdlog.h>

#include "base/backoff.h"
#include "encode/native.h"

namespace penstock {

using std::chrono::milliseconds;

BlockWriter::BlockWriter(const ClickHouseEndpoint& endpoint, Compression compression, Progress* progress,
                         std::stop_token stop)
    : client_(endpoint), compressor_(compression), progress_(progress), stop_(std::move(stop)) {}

void BlockWriter::write(const Block& block, const std::string& token, const TableForm* form,
                        const std::function<bool()>& may_retry) {
    InsertStream request;
    request.database = block.plan->target_database;
    request.table = block.plan->target_table;
    request.columns = native_column_names(*block.plan);
    request.content_encoding = compressor_.encoding();
    request.token = token;
    request.distinct_keys = block.distinct_keys;

    Backoff backoff(milliseconds(500), milliseconds(30'000));
    for (bool first = true, refused = false;; first = false) {
        try {
            if (!first && !may_retry()) {
                refused = true;
                throw Error(Disposition::kRetry, "insert", "the target has changed");
            }
            // Encoded while it is sent, each time anew: the bytes are the same, and no copy is held.
            const Block* left = &block;
            NativeFrame frame(
                compressor_, body_, [&left] { return std::exchange(left, nullptr); }, form);
            request.next = [&frame] { return frame.next(); };
            client_.require_written(client_.insert_stream(request), block.rows,
                                    "insert into " + request.database + "." + request.table);
            return;
        } catch (Error& e) {
            e.at_table(request.database + "." + request.table);
            if (e.disposition() != Disposition::kRetry || refused) throw;
            milliseconds delay = backoff.next();
            progress_->set_trouble(e.what());
            spdlog::warn("{}; trying again in {} ms", e.what(), delay.count());
            if (!sleep_unless_stopped(stop_, delay)) throw;
        }
    }
}

}  // namespace penstock
