#include "pipe/block_writer.h"

#include <spdlog/spdlog.h>

#include "base/backoff.h"
#include "encode/native.h"

namespace penstock {

using std::chrono::milliseconds;

BlockWriter::BlockWriter(const ClickHouseEndpoint& endpoint, Compression compression, Progress* progress,
                         std::stop_token stop)
    : client_(endpoint), compressor_(compression), progress_(progress), stop_(std::move(stop)) {}

void BlockWriter::write(const Block& block, const std::string& token) {
    body_.clear();
    compressor_.begin(body_);
    encode_native(block, compressor_);
    compressor_.finish();

    InsertRequest request;
    request.database = block.plan->target_database;
    request.table = block.plan->target_table;
    request.columns = native_column_names(*block.plan);
    request.body = body_.span();
    request.content_encoding = compressor_.encoding();
    request.token = token;
    request.rows = block.rows;

    Backoff backoff(milliseconds(500), milliseconds(30'000));
    while (true) {
        try {
            client_.insert(request);
            return;
        } catch (Error& e) {
            e.at_table(request.database + "." + request.table);
            if (e.disposition() != Disposition::kRetry) throw;
            milliseconds delay = backoff.next();
            progress_->set_trouble(e.what());
            spdlog::warn("{}; trying again in {} ms", e.what(), delay.count());
            if (!sleep_unless_stopped(stop_, delay)) throw;
        }
    }
}

}  // namespace penstock
