#include "pipe/dictionary_watch.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "catalog/catalog.h"
#include "source/storage_engine.h"
#include "source/table_definition.h"

namespace penstock {
namespace {

std::string describe(const SourceColumn& column) {
    return column.column_type + (column.charset.empty() ? "" : " CHARACTER SET " + column.charset.str()) +
           (column.nullable ? "" : " NOT NULL");
}

// "tinytext", "text(5)": the word of a column type.
std::string_view word_of(const SourceColumn& column) {
    const std::string_view text = column.column_type;
    return text.substr(0, text.find_first_of("( "));
}

// Widths that only a display has, and comments, defaults and collations, change no value.
bool same_values(const SourceColumn& recorded, const SourceColumn& now) {
    const bool sized_by_word = recorded.type == SourceType::kText || recorded.type == SourceType::kBlob;
    return recorded.type == now.type && recorded.is_unsigned == now.is_unsigned &&
           (recorded.nullable || !now.nullable) && recorded.is_tinyint1 == now.is_tinyint1 &&
           recorded.compressed == now.compressed && recorded.length == now.length &&
           recorded.precision == now.precision && recorded.scale == now.scale && recorded.fsp == now.fsp &&
           recorded.charset == now.charset && recorded.labels == now.labels &&
           (!sized_by_word || word_of(recorded) == word_of(now));
}

// The key that is read now is the recorded one, or a part of it: so that one is a key still. Else another
// index may have been chosen for it.
bool is_part_of(const std::vector<uint32_t>& key, const std::vector<uint32_t>& recorded) {
    return (!key.empty() || recorded.empty()) && std::all_of(key.begin(), key.end(), [&](uint32_t column) {
               return std::find(recorded.begin(), recorded.end(), column) != recorded.end();
           });
}

bool may_read_all(MysqlConnection& connection, const TableSchema& table) {
    try {
        connection.query("SELECT * FROM " + quote_table(table.database, table.name) + " LIMIT 0");
        return true;
    } catch (const Error& e) {
        if (e.disposition() == Disposition::kRetry) throw;
        return false;
    }
}

}  // namespace

void AlteredTables::add(uint32_t table, std::string difference) {
    std::lock_guard lock(mutex_);
    tables_[table] = std::move(difference);
    any_ = true;
}

std::map<uint32_t, std::string> AlteredTables::take() {
    std::lock_guard lock(mutex_);
    any_ = false;
    return std::exchange(tables_, {});
}

std::string difference_of(const TablePlan& plan, const TableSchema& now) {
    const TableSchema& recorded = plan.source;
    if (const auto elsewhere = rows_elsewhere(now.storage_engine); elsewhere)
        return "its engine is " + now.storage_engine + ", which " + std::string(elsewhere->why);
    if (recorded.columns.size() != now.columns.size()) {
        return "it has " + std::to_string(now.columns.size()) + " columns, recorded were " +
               std::to_string(recorded.columns.size());
    }
    for (const TargetColumn& target : plan.columns) {
        const SourceColumn &before = recorded.columns[target.source], &after = now.columns[target.source];
        if (before.name != after.name) return "column " + before.name + " is now called " + after.name.str();
        if (!same_values(before, after))
            return "column " + before.name + " is now " + describe(after) + ", recorded was " +
                   describe(before);
    }
    return {};
}

std::map<uint32_t, std::string> DictionaryWatch::find_differences(MysqlConnection& connection,
                                                                  const ServerInfo& info) const {
    std::vector<const TablePlan*> plans;
    std::vector<std::pair<std::string, std::string>> names;
    for (const TableRecord& table : context_.catalog->tables(context_.pipe_id)) {
        if (table.stopped()) continue;
        const TablePlan& plan = context_.plans.at(table.table_index);
        plans.push_back(&plan);
        names.emplace_back(plan.source.database, plan.source.name);
    }
    std::vector<std::optional<TableSchema>> now(plans.size());
    auto read_each = [&] {
        for (size_t i = 0; i < names.size(); ++i) {
            try {
                now[i] = read_table_schema(connection, info, names[i].first, names[i].second);
            } catch (const Error& e) {  // not there or not seen: the log tells, or nothing comes any more
                if (e.disposition() == Disposition::kRetry) throw;
            }
        }
    };
    try {
        std::vector<TableSchema> all = read_table_schemas(connection, info, names);
        for (size_t i = 0; i < all.size(); ++i) now[i] = std::move(all[i]);
    } catch (const Error& e) {
        if (e.disposition() == Disposition::kRetry) throw;
        read_each();
    }
    std::map<uint32_t, std::string> differences;
    for (size_t i = 0; i < plans.size(); ++i) {
        if (!now[i]) continue;
        const TablePlan& plan = *plans[i];
        std::string difference = difference_of(plan, *now[i]);
        if (!difference.empty() && now[i]->columns.size() < plan.source.columns.size() &&
            !may_read_all(connection, plan.source)) {
            continue;  // columns that it may not see
        }
        if (difference.empty() && !is_append_only(plan) && !is_part_of(now[i]->key, plan.source.key) &&
            !has_unique_key(connection, info, plan.source)) {
            difference = "its key of before is no key any more";
        }
        if (!difference.empty()) differences[plan.id] = std::move(difference);
    }
    return differences;
}

void DictionaryWatch::look(MysqlConnection& connection, const ServerInfo& info) {
    constexpr std::chrono::seconds kBetweenLooks{60};
    const auto time = std::chrono::steady_clock::now();
    const bool asked = altered_.take_asked();
    if (!asked && suspects_.empty() && time - looked_at_ < kBetweenLooks) return;
    looked_at_ = time;
    // In this order: what of the log is applied may have stopped tables, which are not looked at then.
    const std::optional<Checkpoint> applied = context_.catalog->checkpoint(context_.pipe_id);
    const std::map<uint32_t, std::string> differences = find_differences(connection, info);
    std::erase_if(suspects_, [&](const auto& suspect) {
        auto found = differences.find(suspect.first);
        return found == differences.end() || found->second != suspect.second.difference;
    });
    for (const auto& [table, difference] : differences) {
        auto [suspect, is_new] = suspects_.try_emplace(table, Suspect{difference, std::nullopt});
        if (is_new) continue;
        std::optional<Position>& end = suspect->second.log_end;
        if (!end) {
            end = current_position(connection, info, context_.spec.settings.mechanism);
        } else if (applied && applied->position.reached(*end)) {
            altered_.add(table, difference);
        }
    }
}

}  // namespace penstock
