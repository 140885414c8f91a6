// log_reader HOST PORT USER FROM TO (transport | decode TABLE...): reads a server's binary log between two
// places (FILE:OFFSET), and drops it: as it comes, or after every row of the tables (DATABASE.TABLE) has been
// decoded into columns. The password is in PENSTOCK_BENCH_PASSWORD. Prints the number of rows decoded.

#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "decode/binlog_row.h"
#include "decode/table_map.h"
#include "source/binlog_stream.h"
#include "source/table_definition.h"

namespace penstock {
namespace {

constexpr uint64_t kRowsPerBlock = 100'000;

FilePosition place(const std::string& text) {
    const size_t colon = text.rfind(':');
    if (colon == std::string::npos) throw std::runtime_error("not FILE:OFFSET: " + text);
    return {text.substr(0, colon), std::stoull(text.substr(colon + 1))};
}

class Decoder {
  public:
    Decoder(MysqlConnection& connection, const ServerInfo& info, const std::vector<std::string>& tables) {
        for (const std::string& name : tables) {
            const size_t dot = name.find('.');
            TableMapping mapping;
            mapping.source_database = name.substr(0, dot);
            mapping.source_table = mapping.target_table = name.substr(dot + 1);
            TableSchema schema =
                read_table_schema(connection, info, mapping.source_database, mapping.source_table);
            plans_.push_back(std::make_unique<TablePlan>(
                make_table_plan(static_cast<uint32_t>(plans_.size()), schema, mapping, PipeSpec{}, true)));
        }
    }

    void take(const Event& event) {
        if (const auto* map_event = std::get_if<TableMapEvent>(&event)) return take_map(*map_event);
        const auto* rows_event = std::get_if<RowsEvent>(&event);
        if (rows_event == nullptr) return;
        auto found = tables_.find(rows_event->table_id);
        if (found == tables_.end()) return;
        Table& table = *found->second;
        ByteReader rows(rows_event->rows, "rows");
        while (!rows.empty()) {
            table.decoder.read(rows, rows_event->before_columns, image_);
            if (rows_event->kind == RowsEvent::Kind::kUpdate)
                table.decoder.read(rows, rows_event->after_columns, image_);
            table.decoder.append(image_, table.block);
            table.block.finish_row(++rows_, false);
        }
        if (table.block.rows >= kRowsPerBlock) table.block.clear();
    }
    uint64_t rows() const { return rows_; }

  private:
    struct Table {
        Table(const TablePlan& plan, const TableMap& map, std::string bytes)
            : definition(std::move(bytes)), decoder(plan, map), block(plan) {}
        std::string definition;
        BinlogRowDecoder decoder;
        Block block;
    };

    void take_map(const TableMapEvent& event) {
        auto found = tables_.find(event.table_id);
        if (found != tables_.end() && found->second->definition == as_text(event.definition)) return;
        tables_.erase(event.table_id);
        const TableMap map = read_table_map(event);
        for (const auto& plan : plans_) {
            if (plan->source.database != map.database || plan->source.name != map.table) continue;
            tables_[event.table_id] =
                std::make_unique<Table>(*plan, map, std::string(as_text(event.definition)));
        }
    }

    std::vector<std::unique_ptr<TablePlan>> plans_;
    std::map<uint64_t, std::unique_ptr<Table>> tables_;
    RowImage image_;
    uint64_t rows_ = 0;
};

int run(const std::vector<std::string>& arguments) {
    if (arguments.size() < 6 || (arguments[5] != "transport" && arguments[5] != "decode")) {
        std::fputs("log_reader HOST PORT USER FROM TO (transport | decode TABLE...)\n", stderr);
        return 2;
    }
    SourceEndpoint source;
    source.host = arguments[0];
    source.port = static_cast<uint16_t>(std::stoi(arguments[1]));
    source.username = arguments[2];
    if (const char* password = std::getenv("PENSTOCK_BENCH_PASSWORD")) source.password = password;
    source.disable_tls = true;
    const FilePosition to = place(arguments[4]);
    MysqlConnection connection = MysqlConnection::open(source);
    const ServerInfo info = read_server_info(connection);
    const bool decode = arguments[5] == "decode";
    Decoder decoder(connection, info, {arguments.begin() + 6, arguments.end()});
    BinlogStream stream = BinlogStream::open(source, info, Position(place(arguments[3])));
    EventParser parser;
    const EventParser::Take take = [&](const Event& event) { decoder.take(event); };
    while (!stream.log_position().at_or_after(to)) {
        const ByteSpan packet = stream.next();
        if (decode) parser.parse_all(packet, take);
    }
    std::printf("%llu\n", static_cast<unsigned long long>(decoder.rows()));
    return 0;
}

}  // namespace
}  // namespace penstock

int main(int count, char** words) {
    try {
        return penstock::run({words + 1, words + count});
    } catch (const std::exception& e) {
        std::fprintf(stderr, "log_reader: %s\n", e.what());
        return 1;
    }
}
