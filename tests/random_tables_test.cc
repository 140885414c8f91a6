// Random tables with random rows and random changes on real servers: what the snapshot's path gives, what the
// binary log's path gives and what the server prints must be one, value by value. Many tables share one log
// stream; some go through the whole program to ClickHouse, and `penstock verify` compares.
//
// A failure prints the seed of its table. PENSTOCK_TEST_SEED=that PENSTOCK_TEST_TABLES=1 makes that table
// alone.

#include "support/random_tables.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "decode/binlog_row.h"
#include "decode/table_map.h"
#include "decode/text_row.h"
#include "pipe/verify_value.h"
#include "source/binlog_stream.h"
#include "source/table_definition.h"
#include "support/block_text.h"
#include "support/pipe_process.h"
#include "support/servers.h"

namespace penstock {
namespace {

using namespace test;

constexpr size_t kBatch = 50;  // tables that share a database and a log stream
constexpr size_t kTransactions = 8;
constexpr const char* kSession = "SET sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+05:30'";

uint64_t number_from(const char* variable, uint64_t standard) {
    const char* given = std::getenv(variable);
    return given != nullptr ? std::strtoull(given, nullptr, 10) : standard;
}

// What both paths and the server say of one table.
struct TableUnderTest {
    explicit TableUnderTest(RandomTable random_table) : table(std::move(random_table)) {}

    RandomTable table;
    std::vector<std::string> statements;  // that were run, for messages
    std::unique_ptr<TablePlan> plan;
    std::vector<VerifyColumn> columns;
    std::vector<RowText> rows;  // the snapshot's at the start, then as the log changes them

    std::string story() const {
        std::string text =
            fmt::format("replay with PENSTOCK_TEST_SEED={} PENSTOCK_TEST_TABLES=1\n", table.seed());
        for (const std::string& statement : statements) text += statement.substr(0, 1500) + ";\n";
        return text;
    }
};

// Two rows side by side, only the columns that differ.
std::string difference(const TablePlan& plan, const RowText& a, const RowText& b) {
    std::string text;
    for (size_t i = 0; i < a.size(); ++i) {
        if (a[i] == b[i]) continue;
        auto shown = [](const std::optional<std::string>& value) {
            return value ? hex_digits(value->substr(0, 100)) + " '" + value->substr(0, 100) + "'" : "NULL";
        };
        const SourceColumn& column = plan.source.columns[plan.columns[i].source];
        text += fmt::format("  {} {} {}\n    {}\n    {}\n", column.name,
                            column.column_type.str().substr(0, 60), column.charset, shown(a[i]), shown(b[i]));
    }
    return text;
}

// The same for a row and the one of `rows` that is most like it.
std::string nearest(const TablePlan& plan, const RowText& row, const std::vector<RowText>& rows) {
    auto same = [&](const RowText& other) {
        return std::inner_product(row.begin(), row.end(), other.begin(), size_t{0}, std::plus<>(),
                                  std::equal_to<>());
    };
    auto best = std::max_element(rows.begin(), rows.end(),
                                 [&](const RowText& a, const RowText& b) { return same(a) < same(b); });
    return difference(plan, row, best == rows.end() ? RowText(row.size()) : *best);
}

class RandomTablesTest : public testing::TestWithParam<const char*> {
  protected:
    void SetUp() override {
        endpoint_ = source_endpoint(GetParam());
        writer_ = std::make_unique<MysqlConnection>(MysqlConnection::open(endpoint_));
        reader_ = std::make_unique<MysqlConnection>(MysqlConnection::open(endpoint_));
        material_ = read_table_material(*writer_);
        seed_ = number_from("PENSTOCK_TEST_SEED", std::random_device{}());
        database_ = fmt::format("random_tables_{}", getpid());
    }
    void TearDown() override {
        if (writer_ != nullptr) writer_->execute("DROP DATABASE IF EXISTS " + database_);
    }

    void new_database() {
        writer_->execute("DROP DATABASE IF EXISTS " + database_);
        writer_->execute("CREATE DATABASE " + database_ + " CHARACTER SET utf8mb4");
        writer_->execute("USE " + database_);
        writer_->execute(kSession);
    }

    // Refused statements are part of the game (a duplicate key), as long as they are few.
    void run(const std::string& statement) {
        ++run_;
        try {
            writer_->execute(statement);
        } catch (const Error& error) {
            if (error.disposition() != Disposition::kFailPipe) throw;
            ++refused_;
            refusals_ += error.message() + "\n";
        }
    }
    void run(TableUnderTest& under_test, const std::string& statement) {
        under_test.statements.push_back(statement);
        run(statement);
    }
    void expect_few_refusals() const {
        EXPECT_LT(refused_ * 10, run_) << refused_ << " of " << run_ << " statements were refused:\n"
                                       << refusals_.substr(0, 5000);
    }

    RowText row_from_server(const TableUnderTest& under_test, const MysqlConnection::Row& row) const {
        RowText text;
        for (size_t i = 0; i < row.size(); ++i) {
            text.push_back(under_test.columns[i].from_source(row[i] ? std::optional<std::string_view>(*row[i])
                                                                    : std::nullopt));
        }
        return text;
    }

    // Rows of a block in verify's canonical texts.
    static std::vector<RowText> canonical(const TableUnderTest& under_test, const Block& block) {
        std::vector<RowText> rows = block_text(block);
        for (RowText& row : rows) {
            for (size_t i = 0; i < row.size(); ++i) {
                row[i] = under_test.columns[i].from_target(row[i] ? std::optional<std::string_view>(*row[i])
                                                                  : std::nullopt);
            }
        }
        return rows;
    }

    // The table as the snapshot's path has it, held against what the server prints.
    std::vector<RowText> snapshot(const TableUnderTest& under_test) {
        const TablePlan& plan = *under_test.plan;
        const std::string from = " FROM " + quote_table(database_, plan.source.name);
        std::string selected, printed;
        for (size_t i = 0; i < plan.columns.size(); ++i) {
            selected += (i > 0 ? ", " : "") + select_expression(plan.source.columns[plan.columns[i].source]);
            printed += (i > 0 ? ", " : "") + under_test.columns[i].source_expression();
        }
        TextRowDecoder decoder(plan);
        Block block(plan);
        {
            RowStream stream = reader_->stream("SELECT " + selected + from);
            while (stream.next()) {
                decoder.append(stream.values(), stream.lengths(), block);
                block.finish_row(1, false);
            }
        }
        std::vector<RowText> rows = canonical(under_test, block);
        MysqlConnection::Rows server = reader_->query("SELECT " + printed + from);
        EXPECT_EQ(rows.size(), server.size()) << under_test.story();
        for (size_t i = 0; i < rows.size(); ++i) {
            RowText expected = row_from_server(under_test, server.at(i));
            if (rows[i] == expected) continue;
            ADD_FAILURE() << "snapshot, then server\n"
                          << difference(plan, rows[i], expected) << under_test.story();
        }
        return rows;
    }

    void make_tables(size_t first, size_t count, bool keyless) {
        for (size_t i = 0; i < count; ++i) {
            TableUnderTest& made =
                tables_.emplace_back(RandomTable(material_, database_, seed_ + first + i, keyless));
            made.statements = made.table.create();
            try {
                for (const std::string& statement : made.statements) writer_->execute(statement);
            } catch (const Error& error) {
                ADD_FAILURE() << error.what() << "\n" << made.story();
                tables_.pop_back();
                continue;
            }
            run(made, made.table.insert(1 + made.table.seed() % 8));
        }
    }

    void plan_tables() {
        std::vector<std::pair<std::string, std::string>> names;
        for (const TableUnderTest& table : tables_) names.emplace_back(database_, table.table.name());
        std::vector<TableSchema> schemas = read_table_schemas(*reader_, material_.info, names);
        for (size_t i = 0; i < tables_.size(); ++i) {
            uint64_t seed = tables_[i].table.seed();
            TableMapping mapping;
            mapping.source_database = database_;
            mapping.source_table = mapping.target_table = names[i].second;
            for (const SourceColumn& column : schemas[i].columns) {
                if (column.generated && !material_.info.logs_generated_columns())
                    mapping.excluded_columns.push_back(column.name);
            }
            if (schemas[i].key.empty() || seed % 7 == 0) mapping.engine = TableEngine::kMergeTree;
            PipeSpec spec;
            spec.settings.allow_nullable_columns = seed % 5 != 0;
            spec.settings.tinyint1_as_bool = seed % 2 == 0;
            spec.settings.invalid_dates =
                seed % 3 == 0 ? InvalidDatePolicy::kNull : InvalidDatePolicy::kClamp;
            bool has_time64 = seed % 4 != 0;
            try {
                tables_[i].plan = std::make_unique<TablePlan>(
                    make_table_plan(static_cast<uint32_t>(i), schemas[i], mapping, spec, has_time64));
            } catch (const Error&) {
                ADD_FAILURE() << tables_[i].story();
                throw;
            }
            for (uint32_t c = 0; c < tables_[i].plan->columns.size(); ++c)
                tables_[i].columns.emplace_back(*tables_[i].plan, c);
        }
    }

    // Applies the log to the rows of each table until the mark comes.
    void follow_log(const Position& from, const std::string& mark);
    void apply(TableUnderTest& under_test, const BinlogRowDecoder& decoder, const RowsEvent& rows);

    SourceEndpoint endpoint_;
    std::unique_ptr<MysqlConnection> writer_, reader_;
    TableMaterial material_;
    uint64_t seed_ = 0;
    std::string database_;
    std::vector<TableUnderTest> tables_;
    size_t run_ = 0, refused_ = 0, changes_ = 0;
    std::string refusals_;
};

void RandomTablesTest::apply(TableUnderTest& under_test, const BinlogRowDecoder& decoder,
                             const RowsEvent& rows) {
    const TablePlan& plan = *under_test.plan;
    RowImage first, second;
    auto text_of = [&](const RowImage& image) {
        Block block(plan);
        decoder.append(image, block);
        block.finish_row(1, false);
        return canonical(under_test, block).front();
    };
    auto remove = [&](const RowText& row) {
        auto found = std::find(under_test.rows.begin(), under_test.rows.end(), row);
        if (found != under_test.rows.end()) {
            under_test.rows.erase(found);
            return;
        }
        ADD_FAILURE() << "the log removes a row that is not there; it, then the one most like it\n"
                      << nearest(plan, row, under_test.rows) << under_test.story();
    };
    ByteReader reader(rows.rows, "rows");
    while (!reader.empty()) {
        ++changes_;
        decoder.read(reader, rows.before_columns, first);
        RowText row = text_of(first);
        if (rows.kind == RowsEvent::Kind::kInsert) {
            under_test.rows.push_back(std::move(row));
            continue;
        }
        remove(row);
        if (rows.kind == RowsEvent::Kind::kDelete) continue;
        decoder.read(reader, rows.after_columns, second);
        RowText after = text_of(second);
        under_test.rows.push_back(after);
        bool same_key = true;
        for (uint32_t column : plan.sorting_key) same_key = same_key && row[column] == after[column];
        if (!same_key) {
            EXPECT_FALSE(decoder.same_key(first, second)) << "the old key would stay\n" << under_test.story();
        }
    }
}

void RandomTablesTest::follow_log(const Position& from, const std::string& mark) {
    std::map<std::string, TableUnderTest*, std::less<>> by_name;
    for (TableUnderTest& table : tables_) by_name.emplace(table.table.name(), &table);
    struct Mapped {
        TableUnderTest* table;
        BinlogRowDecoder decoder;
    };
    std::map<uint64_t, Mapped> mapped;
    BinlogStream stream = BinlogStream::open(endpoint_, material_.info, from);
    EventParser parser;
    bool marked = false;
    while (!marked) {
        parser.parse_all(stream.next(), [&](const Event& event) {
            if (const auto* map_event = std::get_if<TableMapEvent>(&event)) {
                const TableMap map = read_table_map(*map_event);
                mapped.erase(map_event->table_id);
                if (map.database != database_) return;
                marked = marked || map.table == mark;
                auto found = by_name.find(map.table);
                if (found == by_name.end()) return;
                mapped.emplace(map_event->table_id,
                               Mapped{found->second, BinlogRowDecoder(*found->second->plan, map)});
            } else if (const auto* rows = std::get_if<RowsEvent>(&event)) {
                auto found = mapped.find(rows->table_id);
                if (found != mapped.end()) apply(*found->second.table, found->second.decoder, *rows);
            }
        });
    }
}

TEST_P(RandomTablesTest, SnapshotLogAndServerAgree) {
    const size_t all = number_from("PENSTOCK_TEST_TABLES", 500);
    for (size_t first = 0; first < all && !HasFailure(); first += kBatch) {
        new_database();
        writer_->execute("CREATE TABLE the_mark (id int PRIMARY KEY)");
        tables_.clear();
        make_tables(first, std::min(kBatch, all - first), true);
        if (HasFatalFailure()) return;
        plan_tables();
        for (TableUnderTest& table : tables_) table.rows = snapshot(table);
        Position start = current_position(*reader_, material_.info, ReplicationMechanism::kFilePos);
        for (size_t round = 0; round < kTransactions; ++round) {
            for (TableUnderTest& table : tables_) {
                for (const std::string& statement : table.table.transaction()) run(table, statement);
            }
        }
        writer_->execute("INSERT INTO the_mark VALUES (1)");
        follow_log(start, "the_mark");
        for (TableUnderTest& table : tables_) {
            std::vector<RowText> now = snapshot(table);
            std::sort(now.begin(), now.end());
            std::sort(table.rows.begin(), table.rows.end());
            if (now == table.rows) continue;
            std::vector<RowText> only_there, only_here;
            std::set_difference(now.begin(), now.end(), table.rows.begin(), table.rows.end(),
                                std::back_inserter(only_there));
            std::set_difference(table.rows.begin(), table.rows.end(), now.begin(), now.end(),
                                std::back_inserter(only_here));
            ADD_FAILURE() << only_there.size() << " rows are in the snapshot only, " << only_here.size()
                          << " by the log only\n"
                          << (only_there.empty() ? "" : nearest(*table.plan, only_there[0], only_here))
                          << table.story();
        }
    }
    expect_few_refusals();
    std::printf("%zu tables, %zu statements, %zu refused, %zu row changes\n", all, run_, refused_, changes_);
    if (all >= 100) {
        EXPECT_GT(changes_, all * 3);
    }
}

// From MySQL to ClickHouse with the program itself. Some tables are large enough for several partitions, cut
// by whatever key they have.
TEST_P(RandomTablesTest, TheWholeProgramAgrees) {
    const size_t all = number_from("PENSTOCK_TEST_TABLES", 40);
    new_database();
    make_tables(0, all, false);
    if (HasFailure()) return;
    PipeChoice choice;
    choice.server = GetParam();
    choice.database = database_;
    choice.more_settings =
        "snapshotNumRowsPerPartition: 1000\nsnapshotNumberOfParallelTables: 2\ninitialLoadParallelism: 2\n";
    std::string story;
    for (TableUnderTest& table : tables_) {
        if (table.table.seed() % 6 == 0) {
            for (int i = 0; i < 6; ++i) run(table.table.insert(500));
        }
        TableSchema schema = read_table_schema(*reader_, material_.info, database_, table.table.name());
        nlohmann::json mapping = {{"sourceTable", table.table.name()}, {"targetTable", table.table.name()}};
        for (const SourceColumn& column : schema.columns) {
            if (column.generated && !material_.info.logs_generated_columns())
                mapping["excludedColumns"].push_back(column.name);
        }
        choice.mappings.push_back(mapping.dump());
        story += table.story() + "\n";
    }
    PipeProcess pipe(choice);
    pipe.start();
    auto change_all = [&] {
        for (TableUnderTest& table : tables_) {
            for (const std::string& statement : table.table.transaction()) run(table, statement);
        }
    };
    for (int round = 0; round < 2; ++round) change_all();  // while it loads
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log() << story;
    for (int round = 0; round < 6; ++round) change_all();
    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log() << story;
    EXPECT_EQ(pipe.pause(), 0) << pipe.log();
    Finished verified = pipe.verify();
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err << story;
    expect_few_refusals();
}

INSTANTIATE_TEST_SUITE_P(Servers, RandomTablesTest, testing::Values("MYSQL", "MARIADB", "MARIADB11"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace penstock
