#include "source/prerequisites.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include <strings.h>

#include "model/table_plan.h"
#include "source/binlog_stream.h"
#include "source/log_prerequisites.h"
#include "source/mysql_connection.h"
#include "source/partition_key.h"
#include "source/replication_status.h"
#include "source/storage_engine.h"
#include "source/table_definition.h"

namespace penstock {
namespace {

using State = Prerequisite::State;

bool is_servers_own(const std::string& database) {
    for (const char* own : {"mysql", "sys", "information_schema", "performance_schema"}) {
        if (::strcasecmp(database.c_str(), own) == 0) return true;
    }
    return false;
}

/// One run of check_source: what is known so far, and the list that grows.
class SourceCheck {
  public:
    SourceCheck(const SourceEndpoint& endpoint, const SourceSettings& settings,
                const std::vector<TableMapping>& mappings, Listed listed)
        : endpoint_(endpoint), settings_(settings), mappings_(mappings), listed_(listed) {}

    std::vector<Prerequisite> run() {
        if (!connect()) return std::move(items_);
        check_server();
        if (settings_.mode != ReplicationMode::kSnapshot) {
            check_log();
            check_retention();
            check_dump();
            check_log_status();
            check_filters();
            check_start();
        }
        for (size_t begin = 0; begin < mappings_.size(); begin += kTablesAtOnce) {
            check_tables(begin, std::min(begin + kTablesAtOnce, mappings_.size()));
        }
        return std::move(items_);
    }

    std::vector<Prerequisite> run_for_log() {
        if (!connect()) return std::move(items_);
        check_log();
        check_log_status();
        check_filters();
        return std::move(items_);
    }

  private:
    void add(std::string name, State state, std::string found, std::string needed, std::string fix_sql = {}) {
        if (state == State::kOk && listed_ == Listed::kProblems) return;
        if (state == State::kOk) fix_sql = {};
        items_.push_back({std::move(name), state, std::move(found), std::move(needed), std::move(fix_sql)});
        items_.back().table = table_;
    }
    void add(Prerequisite item) {
        if (item.state == State::kOk && listed_ == Listed::kProblems) return;
        items_.push_back(std::move(item));
        items_.back().table = table_;
    }
    void require(std::string name, bool fulfilled, std::string found, std::string needed,
                 std::string fix_sql = {}) {
        add(std::move(name), fulfilled ? State::kOk : State::kFailed, std::move(found), std::move(needed),
            std::move(fix_sql));
    }

    /// Runs `action`; its error text, or nothing when it went well. A link that breaks ends as such a text
    /// too.
    std::optional<std::string> refused(const std::function<void()>& action) {
        try {
            action();
            return std::nullopt;
        } catch (const Error& e) {
            return e.message();
        }
    }

    bool connect() {
        const std::string needed = "the server reached and entered with the given user and password";
        try {
            connection_.emplace(MysqlConnection::open(endpoint_));
            info_ = read_server_info(*connection_);
            const std::string cipher = connection_->tls_cipher();
            add("connection", State::kOk,
                info_.display_name() + (cipher.empty() ? ", no TLS" : ", TLS " + cipher), needed);
        } catch (const Error& e) {
            add("connection", State::kFailed, e.what(), needed);
            items_.back().may_pass = e.disposition() == Disposition::kRetry;
            return false;
        }
        refused([&] {
            std::string user = connection_->query_value("SELECT CURRENT_USER()").value_or("");
            const size_t at = user.rfind('@');
            if (at != std::string::npos) user_ = "'" + user.substr(0, at) + "'@'" + user.substr(at + 1) + "'";
        });
        find_idle_roles();
        return true;
    }

    /// A role counts while it is active, which without a default role it is not.
    void find_idle_roles() {
        refused([&] {
            const std::string active = connection_->query_value("SELECT CURRENT_ROLE()").value_or("NONE");
            if (info_.mariadb() && active != "NONE") return;  // it has one at a time
            for (const auto& row :
                 connection_->query("SELECT role_name FROM information_schema.applicable_roles")) {
                const std::string role = row[0].value_or("");
                if (active.find("`" + role + "`") == std::string::npos) idle_roles_.push_back(role);
            }
        });
    }

    /// The statement that lets the user do what it may not: the grant, unless a role may hold it already.
    std::string granting(const std::string& grant) const {
        if (idle_roles_.empty()) return grant;
        return info_.mariadb() ? "SET DEFAULT ROLE " + quote_identifier(idle_roles_[0]) + " FOR " + user_
                               : "SET DEFAULT ROLE ALL TO " + user_;
    }

    void check_server() {
        const bool wants_mariadb = endpoint_.type.find("mariadb") != std::string::npos;
        // The flavour is detected; a wrong type in the pipe changes nothing but should be put right.
        add("flavour", wants_mariadb == info_.mariadb() ? State::kOk : State::kWarning, info_.display_name(),
            wants_mariadb ? "a MariaDB server, as the source's type says"
                          : "a MySQL server, as the source's type says (use type mariadb for MariaDB)");
        require("version", info_.mariadb() ? info_.at_least(10, 0, 2) : info_.at_least(5, 7),
                info_.version_text, info_.mariadb() ? "10.0.2 or newer" : "5.7 or newer");
    }

    void check_log() {
        for (Prerequisite& item : check_log_settings(info_, settings_)) add(std::move(item));
    }

    void check_retention() {
        // RDS and Aurora purge by a setting of their own, whatever the variables say; nobody else has the
        // table.
        std::optional<std::string> hours;
        const auto no_table = refused([&] {
            hours = connection_->query_value(
                "SELECT COALESCE(value, 'NULL') FROM mysql.rds_configuration WHERE name = 'binlog retention "
                "hours'");
        });
        if (no_table) hours.reset();
        if (auto item = check_log_retention(info_, hours)) add(std::move(*item));
    }

    std::string grant() const {
        return granting("GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO " + user_);
    }

    void check_dump() {
        // Asked of the server by doing it: roles, wildcards and partial revokes then count as they really do.
        auto no_dump = refused([&] { register_replica(*connection_, random_server_id()); });
        require("replication slave", !no_dump, no_dump.value_or("granted"), "the privilege to read the log",
                grant());
    }

    void check_log_status() {
        auto no_status = refused([&] {
            const bool renamed = !info_.mariadb() && info_.at_least(8, 2);
            log_status_ = connection_->query(renamed ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS");
        });
        const bool by_file = settings_.mechanism == ReplicationMechanism::kFilePos;
        add("replication client",
            !no_status ? State::kOk
            : by_file  ? State::kFailed
                       : State::kWarning,
            no_status.value_or("granted"),
            info_.mariadb()
                ? "the privilege to ask where the log stands (also called BINLOG MONITOR)"
                : "the privilege to ask where the log stands; without it a source that was put back "
                  "(restored or reset) cannot be told from the one before",
            grant());
        check_replica();
    }

    /// A replica that does not log what it applies has a log, but hardly anything in it.
    void check_replica() {
        std::optional<std::vector<ReplicationChannel>> channels;
        const bool unknown =
            refused([&] { channels = read_replication_channels(*connection_, info_); }) || !channels;
        const bool replica = !unknown && !channels->empty();
        if (replica) {
            const std::string trouble = replication_trouble(*channels);
            add("replication", trouble.empty() ? State::kOk : State::kWarning,
                trouble.empty() ? "runs" : trouble,
                "the replication of a source that is itself a replica runs");
        }
        if (info_.log_replica_updates) return;
        const char* variable =
            !info_.mariadb() && info_.at_least(8, 0, 26) ? "log_replica_updates" : "log_slave_updates";
        const std::string needed =
            std::string(variable) +
            " = ON where the source is itself a replica: else its log lacks what it applies (set it in "
            "the server's configuration, then restart)";
        if (unknown) {
            add(variable, State::kWarning, "OFF, and this user may not ask whether the server is a replica",
                needed,
                info_.mariadb() && info_.at_least(10, 5) ? "GRANT SLAVE MONITOR ON *.* TO " + user_
                                                         : "GRANT REPLICATION CLIENT ON *.* TO " + user_);
        } else {
            require(variable, !replica, replica ? "OFF on a replica" : "OFF, not a replica", needed);
        }
    }

    void check_filters() {
        if (log_status_.empty() || log_status_[0].size() < 4) return;
        auto listed = [&](size_t column, const std::string& database) {
            const std::string list = "," + log_status_[0][column].value_or("") + ",";
            return list.find("," + database + ",") != std::string::npos;
        };
        const bool only_some = !log_status_[0][2].value_or("").empty();
        std::vector<std::string> hidden;
        for (const TableMapping& mapping : mappings_) {
            const std::string& database = mapping.source_database;
            const bool logged = only_some ? listed(2, database) : !listed(3, database);
            if (!logged && std::find(hidden.begin(), hidden.end(), database) == hidden.end())
                hidden.push_back(database);
        }
        std::string found;
        for (const std::string& database : hidden)
            found += (found.empty() ? "not logged: " : ", ") + database;
        require("binlog filters", hidden.empty(), hidden.empty() ? "every mapped database is logged" : found,
                "binlog-do-db and binlog-ignore-db in the server's configuration must let the mapped "
                "databases pass");
    }

    /// By file, on a MySQL without GTIDs: see visible_position.h.
    void check_start() {
        if (info_.mariadb() || info_.gtid_mode == "ON" || mappings_.empty()) return;
        const auto no = refused([&] {
            ConnectionOptions options;
            options.lock_wait_timeout = std::chrono::seconds(1);
            MysqlConnection locker = MysqlConnection::open(endpoint_, options);
            for (const TableMapping& mapping : mappings_) {
                try {
                    locker.execute("LOCK TABLES " +
                                   quote_table(mapping.source_database, mapping.source_table) + " READ");
                } catch (const Error& e) {
                    if (e.disposition() != Disposition::kRetry)
                        throw;  // somebody holds it: the user may lock it
                }
                locker.execute("UNLOCK TABLES");
            }
        });
        add("lock tables", no ? State::kWarning : State::kOk, no.value_or("granted"),
            "the privilege to lock the tables for a moment when a load begins: without GTIDs nothing else "
            "proves "
            "that a commit which is in the log can be seen",
            "GRANT LOCK TABLES ON the databases TO " + user_);
    }

    void check_tables(size_t begin, size_t end) {
        std::vector<std::pair<std::string, std::string>> names;
        for (size_t i = begin; i < end; ++i)
            names.emplace_back(mappings_[i].source_database, mappings_[i].source_table);
        std::vector<TableSchema> schemas;
        // One that cannot be read is found below, where each is read alone.
        refused([&] { schemas = read_table_schemas(*connection_, info_, names); });
        const auto cascades = read_cascades(names);
        for (size_t i = begin; i < end; ++i) {
            table_ = names[i - begin].first + "." + names[i - begin].second;
            check_table(mappings_[i], schemas.empty() ? nullptr : &schemas[i - begin], cascades);
        }
        table_.clear();
    }

    /// By database and table: the foreign keys whose actions change rows. From MySQL 9.6 on those are in the
    /// log, and nowhere else.
    using Cascades = std::map<std::pair<std::string, std::string>, std::string>;
    Cascades read_cascades(const std::vector<std::pair<std::string, std::string>>& tables) {
        Cascades found;
        if (settings_.mode == ReplicationMode::kSnapshot || (!info_.mariadb() && info_.at_least(9, 6)))
            return found;
        std::map<std::string, std::string> names;  // by database
        for (const auto& [database, table] : tables) {
            std::string& list = names[database];
            list += (list.empty() ? "" : ", ") + quote_string(table);
        }
        for (const auto& [database, list] : names) {
            const std::string query =
                "SELECT constraint_schema, table_name, constraint_name, delete_rule, update_rule"
                " FROM information_schema.referential_constraints WHERE constraint_schema = " +
                quote_string(database) + " AND table_name IN (" + list +
                ") AND (delete_rule IN ('CASCADE', 'SET NULL', 'SET DEFAULT')"
                " OR update_rule IN ('CASCADE', 'SET NULL', 'SET DEFAULT')) ORDER BY 1, 2, 3";
            refused([&] {
                for (const MysqlConnection::Row& row : connection_->query(query)) {
                    std::string& text = found[{row[0].value_or(""), row[1].value_or("")}];
                    text += (text.empty() ? "" : ", ") + row[2].value_or("") + " (ON DELETE " +
                            row[3].value_or("") + " ON UPDATE " + row[4].value_or("") + ")";
                }
            });
        }
        return found;
    }

    /// `known`: the table's definition, unless it has to be read yet.
    void check_table(const TableMapping& mapping, const TableSchema* known, const Cascades& cascades) {
        const std::string& table = table_;
        const std::string quoted = quote_table(mapping.source_database, mapping.source_table);
        if (settings_.mode != ReplicationMode::kSnapshot && is_servers_own(mapping.source_database)) {
            require(
                "schema of " + table, false, "a schema of the server itself",
                "a schema of users: the log has no rows of what the server changes in its own tables (the "
                "mode snapshot can copy them)");
            return;
        }
        TableSchema schema;
        try {
            schema = known != nullptr ? *known
                                      : read_table_schema(*connection_, info_, mapping.source_database,
                                                          mapping.source_table);
        } catch (const Error& e) {
            return refuse_table(quoted, e);
        }
        add("table " + table, State::kOk, "there", "the table exists and this user sees it");

        auto excluded = [&](const std::string& column) {
            const auto& list = mapping.excluded_columns;
            return std::any_of(list.begin(), list.end(), [&](const std::string& name) {
                const std::optional<uint32_t> found = find_column(schema, name);
                return found && schema.columns[*found].name == column;
            });
        };
        std::string columns, unsupported;
        for (const SourceColumn& column : schema.columns) {
            if (excluded(column.name)) continue;
            columns += (columns.empty() ? "" : ", ") + quote_identifier(column.name);
            if (column.type != SourceType::kUnsupported) continue;
            unsupported += (unsupported.empty() ? "" : ", ") + column.name + " " + column.column_type;
        }
        // One question where all is granted. Invisible columns are not in the asterisk.
        auto select_from = [&](const std::string& what) {
            return refused([&] { connection_->query("SELECT " + what + " FROM " + quoted + " LIMIT 0"); });
        };
        const auto refused_whole = select_from("*" + (columns.empty() ? "" : ", " + columns));
        std::optional<std::string> unreadable;
        if (refused_whole) unreadable = select_from(columns.empty() ? "1" : columns);
        if (auto found = cascades.find({schema.database, schema.name}); found != cascades.end()) {
            add("foreign keys of " + table, State::kWarning, found->second,
                "no action but RESTRICT: this server does not log the rows that a foreign key changes, so "
                "the target keeps them as they were. Change the child rows yourself, before the parent's");
        }
        if (settings_.mode != ReplicationMode::kSnapshot && !info_.logs_generated_columns()) {
            std::string generated;
            for (const SourceColumn& column : schema.columns) {
                if (column.generated && !excluded(column.name))
                    generated += (generated.empty() ? "" : ", ") + column.name;
            }
            require("generated columns of " + table, generated.empty(),
                    generated.empty() ? "none" : generated,
                    "excludedColumns of the mapping lists them: this server does not log them when a row is "
                    "updated or deleted (the mode snapshot can copy them)");
        }
        const std::string select = granting("GRANT SELECT ON " + quoted + " TO " + user_);
        require("select on " + table, !unreadable, unreadable.value_or("granted"),
                "the privilege to read its rows", unreadable && is_denial(*unreadable) ? select : "");
        if (!unreadable && refused_whole && is_denial(*refused_whole) && !sees_every_column(schema)) {
            std::string unseen;
            for (const std::string& name : mapping.excluded_columns) {
                const bool seen = std::any_of(
                    schema.columns.begin(), schema.columns.end(), [&](const SourceColumn& column) {
                        return ::strcasecmp(column.name.str().c_str(), name.c_str()) == 0;
                    });
                if (!seen) unseen += (unseen.empty() ? "" : ", ") + quote_identifier(name);
            }
            add("columns of " + table, State::kFailed,
                "some are hidden from this user, who may not read them",
                "the definition of every column, also of excluded ones: each row of the log has them all. "
                "REFERENCES on a column shows its definition and none of its values",
                unseen.empty() ? select
                               : granting("GRANT REFERENCES (" + unseen + ") ON " + quoted + " TO " + user_));
        }
        require("column types of " + table, unsupported.empty(),
                unsupported.empty() ? "all supported" : unsupported,
                "types that Penstock copies; other columns can be left out with excludedColumns");
        check_key(mapping, schema, excluded);
        if (!mapping.partition_key.empty())
            add(check_partition_key(*connection_, schema, mapping.partition_key));

        check_engine(mapping, schema, "ALTER TABLE " + quoted + " ENGINE = InnoDB");
    }

    /// The message is of a privilege that is missing (MySQL manual, "Server Error Message Reference").
    static bool is_denial(const std::string& message) {
        for (const char* number : {"(error 1044)", "(error 1142)", "(error 1143)"}) {
            if (message.find(number) != std::string::npos) return true;
        }
        return false;
    }

    /// What a user without a privilege on a column is not shown, information_schema leaves out. For a table
    /// that it may not read as a whole.
    bool sees_every_column(const TableSchema& schema) {
        bool complete = true, readable = true;
        size_t place = 0;
        refused([&] {
            for (const auto& row : connection_->query(
                     "SELECT ordinal_position, privileges FROM information_schema.columns "
                     "WHERE table_schema = " +
                     quote_string(schema.database) + " AND table_name = " + quote_string(schema.name) +
                     " ORDER BY ordinal_position")) {
                complete = complete && row[0].value_or("") == std::to_string(++place);
                readable = readable && row[1].value_or("").find("select") != std::string::npos;
            }
        });
        // Each that is shown may be read, and all together may not: one is not shown.
        return complete && !readable;
    }

    /// The table is not there, not seen, or not one that can be copied. GRANT helps where it is not seen.
    void refuse_table(const std::string& quoted, const Error& why) {
        const std::optional<std::string> unreadable =
            refused([&] { connection_->query("SELECT 1 FROM " + quoted + " LIMIT 0"); });
        const std::string name = "table " + table_, needed = "the table exists and this user sees it";
        if (!unreadable)
            return add(name, State::kFailed, why.message(), "a table that can be copied. " + why.hint());
        if (is_denial(*unreadable)) {
            return add(name, State::kFailed, why.message(), needed,
                       granting("GRANT SELECT ON " + quoted + " TO " + user_));
        }
        add(name, State::kFailed, *unreadable,
            needed + " (check database and table name; letter case counts on most servers)");
    }

    /// Of some engines the log and the table hold different rows.
    bool check_logged_rows(const TableSchema& schema) {
        const std::optional<RowsElsewhere> elsewhere = rows_elsewhere(schema.storage_engine);
        const bool snapshot = settings_.mode == ReplicationMode::kSnapshot;
        const std::string name = "engine of " + schema.qualified_name();
        if (elsewhere) {
            const std::string found = schema.storage_engine + ": it " + std::string(elsewhere->why);
            const std::string way_out(elsewhere->way_out);
            add(name, snapshot ? State::kWarning : State::kFailed, found,
                snapshot
                    ? "an engine that keeps its rows itself: they are copied as they are when they are read"
                    : "an engine that keeps the rows that it logs (" + way_out +
                          "; or the replicationMode snapshot)");
        } else if (!snapshot && is_unknown_engine(schema.storage_engine)) {
            add(name, State::kWarning, schema.storage_engine.empty() ? "unknown" : schema.storage_engine,
                "an engine that keeps the rows that it logs: of this one Penstock does not know it");
        } else {
            return true;
        }
        return false;
    }

    /// A target that keeps every row has one twice that was written while the table was read: it may be in
    /// what was read, and is in the log.
    void check_engine(const TableMapping& mapping, const TableSchema& schema, const std::string& fix) {
        if (!check_logged_rows(schema)) return;
        const bool doubled =
            settings_.mode == ReplicationMode::kCdc && mapping.engine != TableEngine::kReplacingMergeTree;
        const State otherwise = doubled ? State::kFailed : State::kWarning;
        add("engine of " + schema.qualified_name(),
            reads_consistently(schema.storage_engine) ? State::kOk : otherwise, schema.storage_engine,
            doubled ? std::string("InnoDB: other engines cannot be read consistently while they are "
                                  "written, and this target would keep rows twice (") +
                          kConsistentWaysOut + ")"
                    : "InnoDB: other engines cannot be read consistently while they are written",
            fix);
    }

    void check_key(const TableMapping& mapping, const TableSchema& schema,
                   const std::function<bool(const std::string&)>& excluded) {
        std::string found, left_out;
        for (uint32_t index : schema.key) {
            const std::string& name = schema.columns.at(index).name;
            found += (found.empty() ? "" : ", ") + name;
            if (excluded(name)) left_out = name;
        }
        const bool chosen = mapping.use_custom_sorting_key && !mapping.sorting_keys.empty();
        const bool keyless_engine = mapping.engine != TableEngine::kReplacingMergeTree;
        const bool usable = !schema.key.empty() && left_out.empty();
        if (found.empty()) found = "no primary key and no NOT NULL unique key";
        if (!left_out.empty()) found += " (but " + left_out + " is excluded)";
        require(
            "key of " + schema.qualified_name(), usable || chosen || keyless_engine, found,
            std::string(left_out.empty() ? "a primary key or a NOT NULL unique key"
                                         : "a key that excludedColumns leaves whole") +
                "; or, the simplest, tableEngine: MergeTree in its mapping (every change becomes a row of "
                "its own); or useCustomSortingKey: true with sortingKeys: [columns that tell rows apart]",
            left_out.empty()
                ? "ALTER TABLE " + quote_table(schema.database, schema.name) +
                      " ADD COLUMN penstock_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY"
                : "");
    }

    const SourceEndpoint& endpoint_;
    const SourceSettings& settings_;
    const std::vector<TableMapping>& mappings_;
    Listed listed_;
    std::optional<MysqlConnection> connection_;
    ServerInfo info_;
    std::string user_ = "the pipe's user";
    std::vector<std::string> idle_roles_;  // that the user has, and that are not active
    std::string table_;                    // that is looked at
    MysqlConnection::Rows log_status_;
    std::vector<Prerequisite> items_;
};

}  // namespace

std::vector<Prerequisite> check_source(const SourceEndpoint& endpoint, const SourceSettings& settings,
                                       const std::vector<TableMapping>& mappings, Listed listed) {
    return SourceCheck(endpoint, settings, mappings, listed).run();
}

std::vector<Prerequisite> check_log_source(const SourceEndpoint& endpoint, const SourceSettings& settings,
                                           const std::vector<TableMapping>& mappings) {
    return SourceCheck(endpoint, settings, mappings, Listed::kProblems).run_for_log();
}

bool all_passed(const std::vector<Prerequisite>& items) {
    return std::none_of(items.begin(), items.end(),
                        [](const Prerequisite& p) { return p.state == State::kFailed; });
}

}  // namespace penstock
