#pragma once
// Where a stream of the log goes on, decided anew for every connection, and proved before it does.

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "model/log_anchor.h"
#include "model/pipe_spec.h"
#include "model/position.h"
#include "source/binlog_stream.h"
#include "source/server_info.h"

namespace penstock {

/// How the log is read from a position on.
struct LogStart {
    /// From the anchor's very place, which is proved first; else from the position, by its kind.
    bool by_anchor = false;
    /// By GTIDs: the end of the log before the dump. Up to there the stream may leave out transactions that
    /// the position holds already, so until it has passed there its places say nothing of what lies before.
    /// nullopt: not known, because the user may not ask.
    std::optional<FilePosition> log_end;
    std::optional<std::vector<LogFile>> files;  ///< of the server; nullopt: the user may not ask
};

/// Decides, asking the server on `connection`. On the server of the anchor the place itself counts, where its
/// file is there; after a move to another one, and where the file is purged, numbers do. Throws as
/// check_position_available does, and kFailPipe where the log is shorter than what was read of it: the source
/// was put back. `known_server`: the position was read on this server.
LogStart plan_log_start(MysqlConnection& connection, const ServerInfo& info, const Position& position,
                        const LogAnchor& anchor, bool known_server);

/// Opens the stream. With start.by_anchor the last transaction is read again and must be the very one of
/// before; the stream goes on behind it. Throws as BinlogStream does, kFailPipe where the transaction is
/// another, kRetry on a stop.
BinlogStream open_log(const SourceEndpoint& endpoint, const ServerInfo& info, const Position& position,
                      const LogAnchor& anchor, const LogStart& start, const BinlogStreamOptions& options,
                      const std::stop_token& stop);

/// The server still has the file that is named, with the same head, and at least up to `seen.end`; or has
/// purged it. Throws kFailPipe otherwise: the source was put back. `files`: nullopt where the user may not
/// ask; then the head alone counts.
void require_seen(const SourceEndpoint& endpoint, const ServerInfo& info,
                  const std::optional<std::vector<LogFile>>& files, const LogAnchor& seen);

/// The anchor of a place of which no transaction is known yet. Opens a dump there for a moment.
LogAnchor anchor_at(const SourceEndpoint& endpoint, const ServerInfo& info, const FilePosition& place);

}  // namespace penstock
