#pragma once
// For tests that hold the snapshot's path against the log's, for one table at a time on a real server.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "decode/binlog_row.h"
#include "decode/table_map.h"
#include "decode/text_row.h"
#include "source/binlog_stream.h"
#include "source/server_info.h"
#include "source/table_definition.h"
#include "support/servers.h"

namespace penstock::test {

class LiveTableTest : public testing::TestWithParam<const char*> {
  protected:
    void SetUp() override {
        endpoint_ = source_endpoint(GetParam());
        connection_ = std::make_unique<MysqlConnection>(MysqlConnection::open(endpoint_));
        info_ = read_server_info(*connection_);
        database_ = "penstock_values_" + std::to_string(getpid());
        connection_->execute("DROP DATABASE IF EXISTS " + database_);
        connection_->execute("CREATE DATABASE " + database_ + " CHARACTER SET utf8mb4");
        connection_->execute("USE " + database_);
        connection_->execute("SET sql_mode = 'ALLOW_INVALID_DATES'");
    }
    void TearDown() override {
        if (connection_ != nullptr) connection_->execute("DROP DATABASE " + database_);
    }

    TablePlan plan_of(const std::string& table) {
        TableSchema schema = read_table_schema(*connection_, info_, database_, table);
        TableMapping mapping;
        mapping.source_database = database_;
        mapping.source_table = mapping.target_table = table;
        for (const SourceColumn& column : schema.columns) {
            if (column.generated && !info_.logs_generated_columns())
                mapping.excluded_columns.push_back(column.name);
        }
        return make_table_plan(0, schema, mapping, PipeSpec{}, true);
    }

    Block snapshot(const TablePlan& plan) {
        std::string sql = "SELECT ";
        for (size_t i = 0; i < plan.columns.size(); ++i) {
            sql += (i > 0 ? ", " : "") + select_expression(plan.source.columns[plan.columns[i].source]);
        }
        sql += " FROM " + quote_table(database_, plan.source.name) + " ORDER BY id";
        TextRowDecoder decoder(plan);
        Block block(plan);
        RowStream rows = connection_->stream(sql);
        while (rows.next()) {
            decoder.append(rows.values(), rows.lengths(), block);
            block.finish_row(1, false);
        }
        return block;
    }

    // Row images of the table since `from`, until as many as asked for have come: inserts and after images in
    // `after`, deletes and before images in `before`.
    void read_log(const TablePlan& plan, const Position& from, uint64_t rows_wanted, Block* before,
                  Block* after) {
        BinlogStream stream = BinlogStream::open(endpoint_, info_, from);
        EventParser parser;
        std::map<uint64_t, BinlogRowDecoder> decoders;
        RowImage image;
        uint64_t rows_seen = 0;
        for (int events = 0; rows_seen < rows_wanted && events < 1'000'000; ++events) {
            parser.parse_all(stream.next(), [&](const Event& event) {
                if (const auto* map_event = std::get_if<TableMapEvent>(&event)) {
                    const TableMap map = read_table_map(*map_event);
                    if (map.database == database_ && map.table == plan.source.name) {
                        decoders.erase(map_event->table_id);
                        decoders.emplace(map_event->table_id, BinlogRowDecoder(plan, map));
                    }
                } else if (const auto* rows = std::get_if<RowsEvent>(&event)) {
                    auto decoder = decoders.find(rows->table_id);
                    if (decoder == decoders.end()) return;
                    ByteReader reader(rows->rows, "rows");
                    while (!reader.empty()) {
                        decoder->second.read(reader, rows->before_columns, image);
                        Block* out = rows->kind == RowsEvent::Kind::kInsert ? after : before;
                        if (out != nullptr) {
                            decoder->second.append(image, *out);
                            out->finish_row(1, false);
                        }
                        if (rows->kind == RowsEvent::Kind::kUpdate) {
                            decoder->second.read(reader, rows->after_columns, image);
                            decoder->second.append(image, *after);
                            after->finish_row(1, false);
                        }
                        ++rows_seen;
                    }
                }
            });
        }
        ASSERT_EQ(rows_seen, rows_wanted);
    }

    static void expect_equal(const TablePlan& plan, const Block& text, const Block& log);

    SourceEndpoint endpoint_;
    std::unique_ptr<MysqlConnection> connection_;
    ServerInfo info_;
    std::string database_;
};

// Bytes of each row's value, for messages.
inline std::vector<std::string> values_of(const BlockColumn& column, uint64_t rows) {
    std::vector<std::string> values;
    ByteReader reader(column.values(), "column");
    for (uint64_t i = 0; i < rows; ++i) {
        size_t size = column.type().width();
        if (size == 0) {
            for (int shift = 0;; shift += 7) {
                uint8_t byte = reader.u8();
                size |= static_cast<size_t>(byte & 0x7f) << shift;
                if (byte < 0x80) break;
            }
        }
        values.emplace_back(as_text(reader.bytes(size)));
    }
    return values;
}

inline void LiveTableTest::expect_equal(const TablePlan& plan, const Block& text, const Block& log) {
    ASSERT_EQ(text.rows, log.rows);
    for (size_t i = 0; i < plan.columns.size(); ++i) {
        const SourceColumn& column = plan.source.columns[plan.columns[i].source];
        EXPECT_EQ(as_text(text.columns[i].nulls()), as_text(log.columns[i].nulls())) << column.column_type;
        EXPECT_EQ(as_text(text.columns[i].array_ends()), as_text(log.columns[i].array_ends()))
            << column.column_type;
        if (column.charset.empty()) {  // the server does not tell which characters it replaced
            EXPECT_EQ(text.columns[i].adjusted(), log.columns[i].adjusted()) << column.column_type;
        }
        if (as_text(text.columns[i].values()) == as_text(log.columns[i].values())) continue;
        auto a = values_of(text.columns[i], text.rows), b = values_of(log.columns[i], log.rows);
        int shown = 0;
        for (size_t row = 0; row < a.size() && shown < 5; ++row) {
            if (a[row] == b[row]) continue;
            ++shown;
            bool long_values = a[row].size() > 200;
            ADD_FAILURE() << column.name << " " << column.column_type << " " << column.charset << " row "
                          << row + 1 << "\n  text   " << hex_digits(a[row].substr(0, 200)) << "\n  binlog "
                          << hex_digits(b[row].substr(0, 200)) << (long_values ? " ..." : "\n  ")
                          << (long_values ? "" : a[row] + "\n  " + b[row]);
        }
    }
}

}  // namespace penstock::test
