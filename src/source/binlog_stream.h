#pragma once
// The server's binary log as a stream of events, from a position on.
//
// Formats: MySQL internals manual, "COM_BINLOG_DUMP", "COM_BINLOG_DUMP_GTID", "COM_REGISTER_SLAVE"; MySQL
// source documentation, Gtid_set encoding; MariaDB KB, "COM_BINLOG_DUMP" and "Replication protocol".

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "base/byte_buffer.h"
#include "base/byte_reader.h"
#include "model/pipe_spec.h"
#include "model/position.h"
#include "source/mysql_connection.h"
#include "source/server_info.h"

namespace penstock {

struct BinlogStreamOptions {
    std::chrono::milliseconds heartbeat{500};  ///< a quiet log gives a heartbeat event this often
    std::chrono::seconds read_timeout{60};     ///< silence after which the link counts as lost
    /// Dumps by file start at an offset of at most this; what lies between is read and dropped. (The command
    /// has 32 bits for it; tests go lower.)
    uint64_t largest_start_offset = 0xffff'ffff;
    std::vector<LogFile> files{};  ///< that the server has, where known; see BinlogStream::offsets_certain
};

/// One dump on a connection of its own. One thread at a time, except interrupt().
class BinlogStream {
  public:
    /// Connects and starts the dump. `from` is a position of the server's own kind: MySQL GTID set, MariaDB
    /// GTID position, or file and offset; Position{} is refused. Call check_position_available first: it
    /// says more than the dump does. Throws as MysqlConnection does; 1236 is kFailPipe.
    static BinlogStream open(const SourceEndpoint& endpoint, const ServerInfo& info, const Position& from,
                             const BinlogStreamOptions& options = {});

    BinlogStream(BinlogStream&&) noexcept = default;
    BinlogStream& operator=(BinlogStream&&) noexcept = default;

    /// The next event, from its header on (the packet's OK byte is off), valid until the next call. Returns
    /// at least every heartbeat. Throws kRetry when the link is lost, silent, ended or interrupted;
    /// kFailPipe when the server refuses to go on (purged log).
    ByteSpan next();

    /// File and offset of the end of the event that next() returned last, kept from the rotate events and the
    /// headers; exact above 4 GiB in a dump by file. Artificial events and heartbeats do not move it.
    const FilePosition& log_position() const { return log_position_; }
    /// The offset is sure to be exact. A dump by GTIDs leaves out what lies before, and the 32 bits of a
    /// header do not tell how often 4 GiB: in a file that may be as large, only the next file begins anew.
    bool offsets_certain() const { return offsets_certain_; }

    /// Whole packets that next() returns before it goes on; they do not move the place.
    void unread(std::vector<std::vector<uint8_t>> packets) {
        unread_.assign(std::make_move_iterator(packets.begin()), std::make_move_iterator(packets.end()));
    }
    const std::string& address() const { return connection_.address(); }

    uint32_t server_id() const { return server_id_; }  ///< under which we are registered as a replica
    void interrupt() noexcept { connection_.interrupt(); }

  private:
    BinlogStream(MysqlConnection connection, uint32_t server_id);
    void track(ByteSpan event);

    MysqlConnection connection_;
    uint32_t server_id_;
    FilePosition log_position_;
    uint64_t skip_before_ = 0;  // file dumps: events that end at or before this offset are not returned
    std::deque<std::vector<uint8_t>> unread_;
    std::vector<uint8_t> current_;  // the one of unread_ that was returned
    std::vector<LogFile> files_;
    bool offsets_certain_ = false;
};

/// An id that other replicas are unlikely to have: the server ends an older dump of the same id.
uint32_t random_server_id();
/// Tells the server that this connection is a replica (SHOW REPLICAS) until it closes. Throws kFailPipe where
/// the user lacks REPLICATION SLAVE.
void register_replica(MysqlConnection& connection, uint32_t server_id);

// The dump commands' bodies, pure, for tests.

/// Body of COM_BINLOG_DUMP (0x12): offset 4 | flags 2 | server_id 4 | file name to the end.
ByteBuffer encode_file_dump(const FilePosition& from, uint32_t server_id);
/// Body of COM_BINLOG_DUMP_GTID (0x1e): flags 2 | server_id 4 | name size 4 | name | offset 8 | set size 4 |
/// set.
ByteBuffer encode_gtid_dump(const GtidSet& from, uint32_t server_id);
/// The binary form of a GTID set; see binlog_stream.cc for its layout. Tags only where the set has them.
ByteBuffer encode_gtid_set(const GtidSet& set);
/// The smallest offset that is at least `at_least` and equal to `log_pos` modulo 2^32.
uint64_t widen_log_pos(uint64_t at_least, uint32_t log_pos);

}  // namespace penstock
