#pragma once
// One block into ClickHouse: encoded, compressed, inserted, tried again until it is in or a stop comes.

#include <functional>
#include <stop_token>
#include <string>

#include "base/byte_buffer.h"
#include "destination/clickhouse_client.h"
#include "encode/compress.h"
#include "model/block.h"
#include "model/column_form.h"
#include "pipe/progress.h"

namespace penstock {

/// Owns a connection and its buffers; one per thread.
class BlockWriter {
  public:
    /// `stop` ends the waiting between attempts, not an attempt under way.
    BlockWriter(const ClickHouseEndpoint& endpoint, Compression compression, Progress* progress,
                std::stop_token stop);

    /// Inserts the block under `token`, in the target's form (null: as planned): attempts that ClickHouse has
    /// seen already add nothing. Errors of kind kRetry are waited out, shown as trouble. Throws other errors
    /// at once, and the last kRetry one when a stop is requested, or when `may_retry`, asked in front of each
    /// attempt but the first, says no; the block may or may not be in then.
    void write(
        const Block& block, const std::string& token, const TableForm* form = nullptr,
        const std::function<bool()>& may_retry = [] { return true; });

  private:
    ClickHouseClient client_;
    Compressor compressor_;
    Progress* progress_;
    std::stop_token stop_;
    ByteBuffer body_;
};

}  // namespace penstock
