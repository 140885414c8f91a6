#include "source/prerequisites.h"

#include "source/log_prerequisites.h"
#include "source/storage_engine.h"
#include "source/test_server.h"

namespace penstock {
namespace {

using State = Prerequisite::State;

const Prerequisite* find(const std::vector<Prerequisite>& items, const std::string& name) {
    for (const Prerequisite& item : items) {
        if (item.name == name) return &item;
    }
    return nullptr;
}

State state_of(const std::vector<Prerequisite>& items, const std::string& name) {
    const Prerequisite* item = find(items, name);
    if (item == nullptr) {
        ADD_FAILURE() << "no item " << name;
        return State::kFailed;
    }
    return item->state;
}

class PrerequisitesTest : public ServerTest {
  protected:
    TableMapping mapping(const std::string& table) {
        TableMapping m;
        m.source_database = database_;
        m.source_table = table;
        m.target_table = table;
        return m;
    }
    std::string named(const std::string& item, const std::string& table) {
        return item + " " + database_ + "." + table;
    }
};

TEST_P(PrerequisitesTest, AGoodSourcePasses) {
    sql("CREATE TABLE t (a INT PRIMARY KEY)");
    for (auto mechanism : {ReplicationMechanism::kGtid, ReplicationMechanism::kFilePos}) {
        SourceSettings settings;
        settings.mechanism = mechanism;
        auto items = check_source(endpoint_, settings, {mapping("t")});
        for (const Prerequisite& item : items) {
            EXPECT_EQ(item.state, State::kOk) << item.name << ": " << item.found;
            EXPECT_FALSE(item.found.empty()) << item.name;
            EXPECT_FALSE(item.needed.empty()) << item.name;
            EXPECT_EQ(item.fix_sql, "") << item.name;
        }
        EXPECT_TRUE(all_passed(items));
        EXPECT_EQ(find(items, "gtid_mode") != nullptr,
                  !mariadb() && mechanism == ReplicationMechanism::kGtid);
        EXPECT_GE(items.size(), 15u);
    }
}

TEST_P(PrerequisitesTest, SnapshotModeAsksNothingOfTheLog) {
    sql("CREATE TABLE t (a INT PRIMARY KEY)");
    SourceSettings settings;
    settings.mode = ReplicationMode::kSnapshot;
    auto items = check_source(new_user("snap", {"SELECT ON " + database_ + ".*"}), settings, {mapping("t")});
    EXPECT_TRUE(all_passed(items));
    for (const char* name :
         {"log_bin", "binlog_format", "replication slave", "log retention", "binlog filters"}) {
        EXPECT_EQ(find(items, name), nullptr) << name;
    }
}

TEST_P(PrerequisitesTest, ALeastPrivilegeUserPasses) {
    sql("CREATE TABLE t (a INT PRIMARY KEY)");
    SourceEndpoint user =
        new_user("least", {"REPLICATION SLAVE, REPLICATION CLIENT ON *.*", "SELECT ON " + database_ + ".t"});
    for (const Prerequisite& item : check_source(user, {}, {mapping("t")})) {
        EXPECT_NE(item.state, State::kFailed) << item.name << ": " << item.found;
    }
}

TEST_P(PrerequisitesTest, MissingPrivilegesCarryTheGrantThatFixesThem) {
    sql("CREATE TABLE t (a INT PRIMARY KEY)");
    sql("CREATE TABLE u (a INT PRIMARY KEY, b INT)");
    SourceEndpoint user =
        new_user("poor", {"SELECT ON " + database_ + ".t", "SELECT (a) ON " + database_ + ".u"});
    SourceSettings settings;
    settings.mechanism = ReplicationMechanism::kFilePos;
    TableMapping partial = mapping("u");
    auto items = check_source(user, settings, {mapping("t"), mapping("u"), mapping("hidden")});
    EXPECT_FALSE(all_passed(items));
    EXPECT_EQ(state_of(items, named("select on", "t")), State::kOk);
    EXPECT_EQ(state_of(items, "replication slave"), State::kFailed);
    EXPECT_EQ(state_of(items, "replication client"), State::kFailed);
    EXPECT_EQ(state_of(items, named("table", "hidden")), State::kFailed);
    for (const Prerequisite& item : items) {
        EXPECT_EQ(item.found.find(user.password), std::string::npos);
        if (item.state != State::kFailed || item.fix_sql.find("GRANT") == std::string::npos) continue;
        if (item.name == named("table", "hidden")) sql("CREATE TABLE hidden (a INT PRIMARY KEY)");
        sql(item.fix_sql);  // the fix is real SQL, for this very user
    }
    EXPECT_TRUE(all_passed(check_source(user, settings, {mapping("t"), mapping("hidden")})));
}

// The log has every column in every row, so that its definition must be seen; its values need not be.
TEST_P(PrerequisitesTest, ColumnsThatAreNotGranted) {
    sql("CREATE TABLE t (a INT PRIMARY KEY, secret TEXT, v INT)");
    sql("CREATE TABLE pair (a INT, b INT, v INT, PRIMARY KEY (a, b))");
    const std::string t = database_ + ".t", pair = database_ + ".pair";
    SourceEndpoint user = new_user("columns", {"REPLICATION SLAVE, REPLICATION CLIENT ON *.*",
                                               "SELECT (a, v) ON " + t, "SELECT (a, v) ON " + pair});
    TableMapping mapped = mapping("t");
    mapped.excluded_columns = {"secret"};
    auto items = check_source(user, {}, {mapped, mapping("pair")});
    ASSERT_EQ(state_of(items, named("columns of", "t")), State::kFailed);
    const std::string fix = find(items, named("columns of", "t"))->fix_sql;
    EXPECT_TRUE(fix.starts_with("GRANT REFERENCES (`secret`) ON ")) << fix;
    sql(fix);
    EXPECT_EQ(state_of(items, named("select on", "t")), State::kOk);
    EXPECT_EQ(state_of(items, named("columns of", "pair")), State::kFailed);
    sql(find(items, named("columns of", "pair"))->fix_sql);
    items = check_source(user, {}, {mapped, mapping("pair")});
    EXPECT_TRUE(all_passed(items));
    items = check_source(user, {}, {mapping("t")});  // not excluded: it has to be read
    EXPECT_EQ(state_of(items, named("select on", "t")), State::kFailed);
    sql(find(items, named("select on", "t"))->fix_sql);
    EXPECT_TRUE(all_passed(check_source(user, {}, {mapping("t")})));
}

TEST_P(PrerequisitesTest, ARoleThatIsNotActiveIsToBeMadeSo) {
    sql("CREATE TABLE t (a INT PRIMARY KEY)");
    const std::string role = "penstock_idle_" + std::to_string(getpid());
    sql("DROP ROLE IF EXISTS " + role);
    sql("CREATE ROLE " + role);
    sql("GRANT REPLICATION SLAVE, REPLICATION CLIENT, SELECT ON *.* TO " + role);
    SourceEndpoint user = new_user("idle", {});
    sql("GRANT " + role + " TO '" + user.username + "'@'%'");
    auto items = check_source(user, {}, {mapping("t")});
    for (const std::string& name : {std::string("replication slave"), named("table", "t")}) {
        ASSERT_EQ(state_of(items, name), State::kFailed) << name;
        EXPECT_TRUE(find(items, name)->fix_sql.starts_with("SET DEFAULT ROLE "))
            << find(items, name)->fix_sql;
    }
    sql(find(items, named("table", "t"))->fix_sql);
    EXPECT_TRUE(all_passed(check_source(user, {}, {mapping("t")})));
    sql("DROP ROLE " + role);
}

TEST_P(PrerequisitesTest, AGrantIsAdvisedOnlyWhereItHelps) {
    sql("CREATE TABLE t (a INT PRIMARY KEY)");
    sql("CREATE VIEW v AS SELECT * FROM t");
    SourceEndpoint user =
        new_user("all", {"REPLICATION SLAVE, REPLICATION CLIENT ON *.*", "SELECT ON " + database_ + ".*"});
    TableMapping nowhere = mapping("t");
    nowhere.source_database = "penstock_no_such_database";
    for (const bool root : {true, false}) {
        std::vector<TableMapping> mappings = {mapping("no"), mapping("v")};
        if (root) mappings.push_back(nowhere);  // of others it is not told
        auto items = check_source(root ? endpoint_ : user, {}, mappings);
        for (const Prerequisite& item : items)
            EXPECT_EQ(item.fix_sql.find("GRANT SELECT"), std::string::npos) << item.name << item.fix_sql;
        EXPECT_NE(find(items, named("table", "no"))->found.find("doesn't exist"), std::string::npos);
        EXPECT_NE(find(items, named("table", "v"))->found.find("it is a VIEW"), std::string::npos);
        EXPECT_NE(find(items, named("table", "v"))->needed.find("Map the tables under it"),
                  std::string::npos);
    }
}

TEST_P(PrerequisitesTest, EnginesWhoseRowsTheLogDoesNotHave) {
    sql("CREATE TABLE part (a INT PRIMARY KEY) ENGINE = MyISAM");
    sql("CREATE TABLE whole (a INT PRIMARY KEY) ENGINE = MERGE UNION = (part)");
    std::vector<std::string> tables = {"whole"};
    if (!mariadb()) {  // a plugin there, which its test servers do not have
        sql("CREATE TABLE hole (a INT PRIMARY KEY) ENGINE = BLACKHOLE");
        tables.emplace_back("hole");
    }
    for (const std::string& table : tables) {
        for (const ReplicationMode mode : {ReplicationMode::kCdc, ReplicationMode::kCdcOnly}) {
            SourceSettings settings;
            settings.mode = mode;
            auto items = check_source(endpoint_, settings, {mapping(table)});
            const Prerequisite* engine = find(items, named("engine of", table));
            EXPECT_EQ(engine->state, State::kFailed);
            EXPECT_EQ(engine->fix_sql, "");
            EXPECT_EQ(engine->needed.find("InnoDB"), std::string::npos) << engine->needed;
        }
        SourceSettings snapshot;
        snapshot.mode = ReplicationMode::kSnapshot;
        auto items = check_source(endpoint_, snapshot, {mapping(table)});
        EXPECT_EQ(state_of(items, named("engine of", table)), State::kWarning);
        EXPECT_EQ(find(items, named("engine of", table))->fix_sql, "");
        EXPECT_TRUE(all_passed(items));
    }
    for (const char* engine : {"MEMORY", "CSV", "InnoDB", "Aria", "ROCKSDB", "myisam"}) {
        EXPECT_FALSE(rows_elsewhere(engine)) << engine;
        EXPECT_FALSE(is_unknown_engine(engine)) << engine;
    }
    for (const char* engine : {"FEDERATED", "CONNECT", "SPIDER", "S3", "BLACKHOLE", "MRG_MyISAM",
                               "ndbcluster", "Columnstore", "SEQUENCE", "OQGRAPH"}) {
        EXPECT_TRUE(rows_elsewhere(engine)) << engine;
    }
    EXPECT_TRUE(is_unknown_engine("XENGINE"));
}

TEST_P(PrerequisitesTest, RolesCount) {
    sql("CREATE TABLE t (a INT PRIMARY KEY)");
    const std::string role = "penstock_role_" + std::to_string(getpid());
    sql("DROP ROLE IF EXISTS " + role);
    sql("CREATE ROLE " + role);
    sql("GRANT REPLICATION SLAVE, REPLICATION CLIENT, SELECT ON *.* TO " + role);
    SourceEndpoint user = new_user("roles", {});
    const std::string name = "'" + user.username + "'@'%'";
    sql("GRANT " + role + " TO " + name);
    sql(mariadb() ? "SET DEFAULT ROLE " + role + " FOR " + name : "SET DEFAULT ROLE " + role + " TO " + name);
    EXPECT_TRUE(all_passed(check_source(user, {}, {mapping("t")})));
    sql("DROP ROLE " + role);
}

TEST_P(PrerequisitesTest, TablesAreLookedAt) {
    sql("CREATE TABLE keyless (a INT)");
    sql("CREATE TABLE old (a INT PRIMARY KEY) ENGINE = MyISAM");
    sql("CREATE TABLE odd (a INT PRIMARY KEY, g POINT)");
    sql("CREATE VIEW v AS SELECT * FROM keyless");
    auto items = check_source(
        endpoint_, {}, {mapping("keyless"), mapping("old"), mapping("odd"), mapping("v"), mapping("no")});
    EXPECT_EQ(state_of(items, named("key of", "keyless")), State::kFailed);
    EXPECT_EQ(state_of(items, named("engine of", "old")), State::kWarning);
    // Rows that stay as they were inserted would come twice.
    for (const TableEngine engine : {TableEngine::kMergeTree, TableEngine::kNull}) {
        TableMapping kept = mapping("old");
        kept.engine = engine;
        const auto refused = check_source(endpoint_, {}, {kept});
        EXPECT_EQ(state_of(refused, named("engine of", "old")), State::kFailed);
        for (const char* way : {"ENGINE = InnoDB", "ReplacingMergeTree", "snapshot"}) {
            EXPECT_NE(find(refused, named("engine of", "old"))->needed.find(way), std::string::npos) << way;
        }
        for (const ReplicationMode mode : {ReplicationMode::kSnapshot, ReplicationMode::kCdcOnly}) {
            SourceSettings settings;
            settings.mode = mode;
            EXPECT_EQ(state_of(check_source(endpoint_, settings, {kept}), named("engine of", "old")),
                      State::kWarning);
        }
    }
    EXPECT_EQ(state_of(items, named("column types of", "odd")), State::kOk);
    EXPECT_EQ(find(items, named("column types of", "odd"))->found, "all supported");
    EXPECT_EQ(state_of(items, named("table", "v")), State::kFailed);
    EXPECT_EQ(state_of(items, named("table", "no")), State::kFailed);
    sql(find(items, named("key of", "keyless"))->fix_sql);

    TableMapping odd = mapping("odd");
    odd.excluded_columns = {"g"};
    TableMapping append = mapping("keyless");
    append.engine = TableEngine::kMergeTree;
    EXPECT_TRUE(all_passed(check_source(endpoint_, {}, {odd, append, mapping("keyless")})));
    odd.excluded_columns = {"g", "A"};  // names of columns are the same in either case
    items = check_source(endpoint_, {}, {odd});
    EXPECT_EQ(state_of(items, named("key of", "odd")), State::kFailed);
    EXPECT_EQ(find(items, named("key of", "odd"))->found, "a (but a is excluded)");
    EXPECT_EQ(find(items, named("key of", "odd"))->fix_sql, "");  // it has a primary key
}

TEST_P(PrerequisitesTest, ATableMoreIsOneQuestionMore) {
    constexpr int kTables = 100;
    std::vector<TableMapping> mappings;
    for (int i = 0; i < kTables; ++i) {
        const std::string table = "t" + std::to_string(i);
        sql("CREATE TABLE " + table + " (a INT PRIMARY KEY)");
        mappings.push_back(mapping(table));
    }
    SourceEndpoint user = new_user("often", {"SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.*"});
    sql("ALTER USER '" + user.username + "'@'%' WITH MAX_QUERIES_PER_HOUR " + std::to_string(kTables + 60));
    EXPECT_TRUE(all_passed(check_source(user, {}, mappings)));
}

TEST_P(PrerequisitesTest, ForeignKeysWhoseActionsAreNotLoggedAreSaid) {
    sql("CREATE TABLE parent (a INT PRIMARY KEY)");
    sql("CREATE TABLE child (a INT PRIMARY KEY, CONSTRAINT follows FOREIGN KEY (a) REFERENCES parent (a)"
        " ON DELETE CASCADE)");
    sql("CREATE TABLE strict (a INT PRIMARY KEY, FOREIGN KEY (a) REFERENCES parent (a))");
    auto items = check_source(endpoint_, {}, {mapping("parent"), mapping("child"), mapping("strict")});
    EXPECT_EQ(find(items, named("foreign keys of", "parent")), nullptr);
    EXPECT_EQ(find(items, named("foreign keys of", "strict")), nullptr);
    const Prerequisite* child = find(items, named("foreign keys of", "child"));
    if (!mariadb() && info_.at_least(9, 6)) {
        EXPECT_EQ(child, nullptr);
        return;
    }
    ASSERT_NE(child, nullptr);
    EXPECT_EQ(child->state, State::kWarning);
    EXPECT_TRUE(child->found.starts_with("follows (ON DELETE CASCADE ON UPDATE ")) << child->found;
}

TEST_P(PrerequisitesTest, OneTableThatIsMissingHidesNoOther) {
    sql("CREATE TABLE a (a INT PRIMARY KEY)");
    sql("CREATE TABLE b (a INT)");
    auto items = check_source(endpoint_, {}, {mapping("a"), mapping("no"), mapping("b")});
    EXPECT_EQ(state_of(items, named("table", "a")), State::kOk);
    EXPECT_EQ(state_of(items, named("table", "no")), State::kFailed);
    EXPECT_EQ(state_of(items, named("key of", "b")), State::kFailed);

    items = check_source(endpoint_, {}, {mapping("a"), mapping("no"), mapping("b")}, Listed::kProblems);
    std::vector<std::string> failed;
    for (const Prerequisite& item : items) {
        EXPECT_NE(item.state, State::kOk) << item.name;
        if (item.state == State::kFailed) failed.push_back(item.name);
    }
    EXPECT_EQ(failed, (std::vector<std::string>{named("table", "no"), named("key of", "b")}));
}

TEST_P(PrerequisitesTest, TheServersOwnTablesCannotBeFollowed) {
    TableMapping own;
    own.source_database = "MySQL";
    own.source_table = own.target_table = mariadb() ? "global_priv" : "user";
    EXPECT_EQ(state_of(check_source(endpoint_, {}, {own}), "schema of MySQL." + own.source_table),
              State::kFailed);
    SourceSettings snapshot;
    snapshot.mode = ReplicationMode::kSnapshot;
    EXPECT_EQ(find(check_source(endpoint_, snapshot, {own}), "schema of MySQL." + own.source_table), nullptr);
    EXPECT_EQ(find(check_source(endpoint_, {}, {mapping("none")}), named("schema of", "none")), nullptr);
}

TEST_P(PrerequisitesTest, GeneratedColumnsThatTheLogLacksAreRefused) {
    sql("CREATE TABLE g (a INT PRIMARY KEY, b INT AS (a + 1) STORED, c INT AS (a + 2) VIRTUAL)");
    TableMapping copied = mapping("g"), left_out = mapping("g");
    left_out.excluded_columns = {"b", "c"};
    SourceSettings snapshot;
    snapshot.mode = ReplicationMode::kSnapshot;
    auto items = check_source(endpoint_, {}, {copied});
    if (info_.logs_generated_columns()) {
        EXPECT_TRUE(all_passed(items));
    } else {
        EXPECT_EQ(state_of(items, named("generated columns of", "g")), State::kFailed);
        EXPECT_EQ(find(items, named("generated columns of", "g"))->found, "b, c");
    }
    EXPECT_TRUE(all_passed(check_source(endpoint_, {}, {left_out})));
    EXPECT_TRUE(all_passed(check_source(endpoint_, snapshot, {copied})));
}

TEST_P(PrerequisitesTest, AnUnreachableServerIsTheOnlyItem) {
    SourceEndpoint wrong = endpoint_;
    wrong.password = "not-the-secret";
    auto items = check_source(wrong, {}, {mapping("t")});
    ASSERT_EQ(items.size(), 1u);
    EXPECT_EQ(items[0].name, "connection");
    EXPECT_EQ(items[0].state, State::kFailed);
    EXPECT_EQ(items[0].found.find("not-the-secret"), std::string::npos);
}

TEST_P(PrerequisitesTest, TheOtherFlavourIsSaid) {
    SourceEndpoint other = endpoint_;
    other.type = mariadb() ? "mysql" : "mariadb";
    EXPECT_EQ(state_of(check_source(other, {}, {}), "flavour"), State::kWarning);
}

INSTANTIATE_TEST_SUITE_P(Servers, PrerequisitesTest, testing::Values("MYSQL", "MARIADB", "MARIADB11"));

ServerInfo good_mysql() {
    ServerInfo info;
    info.version = 80400;
    info.log_bin = true;
    info.binlog_format = "ROW";
    info.binlog_row_image = "FULL";
    info.binlog_row_metadata = "FULL";
    info.gtid_mode = "ON";
    info.server_id = 1;
    return info;
}

TEST(LogPrerequisites, EachSettingIsAnItemOfItsOwn) {
    EXPECT_TRUE(all_passed(check_log_settings(good_mysql(), {})));
    struct Case {
        const char* name;
        void (*spoil)(ServerInfo&);
        const char* fix;
        State state = State::kFailed;
    };
    const Case cases[] = {
        {"log_bin", [](ServerInfo& i) { i.log_bin = false; }, ""},
        {"server_id", [](ServerInfo& i) { i.server_id = 0; }, "SET PERSIST server_id = 1"},
        {"binlog_format", [](ServerInfo& i) { i.binlog_format = "STATEMENT"; },
         "SET PERSIST binlog_format = 'ROW'"},
        {"binlog_row_image", [](ServerInfo& i) { i.binlog_row_image = "MINIMAL"; },
         "SET PERSIST binlog_row_image = 'FULL'"},
        {"binlog_row_metadata", [](ServerInfo& i) { i.binlog_row_metadata = "MINIMAL"; },
         "SET PERSIST binlog_row_metadata = 'FULL'", State::kWarning},
        {"gtid_mode", [](ServerInfo& i) { i.gtid_mode = "OFF_PERMISSIVE"; },
         "SET GLOBAL enforce_gtid_consistency = ON; SET GLOBAL gtid_mode = OFF_PERMISSIVE; SET GLOBAL "
         "gtid_mode = "
         "ON_PERMISSIVE; SET GLOBAL gtid_mode = ON"},
    };
    for (const Case& c : cases) {
        ServerInfo info = good_mysql();
        c.spoil(info);
        for (const Prerequisite& item : check_log_settings(info, {})) {
            EXPECT_EQ(item.state, item.name == c.name ? c.state : State::kOk)
                << item.name << " for " << c.name;
            EXPECT_EQ(item.fix_sql, item.name == c.name ? c.fix : "") << item.name;
        }
    }
    ServerInfo off = good_mysql();
    off.gtid_mode = "OFF";
    SourceSettings by_file;
    by_file.mechanism = ReplicationMechanism::kFilePos;
    EXPECT_TRUE(all_passed(check_log_settings(off, by_file)));
    ServerInfo old = good_mysql();
    old.version = 50700;
    old.binlog_row_metadata = "";
    EXPECT_EQ(state_of(check_log_settings(old, {}), "binlog_row_metadata"), State::kWarning);
}

TEST(LogPrerequisites, Retention) {
    ServerInfo info = good_mysql();
    EXPECT_EQ(check_log_retention(info, std::nullopt), std::nullopt);
    info.retention_seconds = 3600;
    EXPECT_EQ(check_log_retention(info, std::nullopt)->state, State::kWarning);
    EXPECT_EQ(check_log_retention(info, std::nullopt)->fix_sql,
              "SET PERSIST binlog_expire_logs_seconds = 259200");
    info.retention_seconds = 86400;
    EXPECT_EQ(check_log_retention(info, std::nullopt)->state, State::kOk);
    EXPECT_EQ(check_log_retention(info, "NULL")->state, State::kWarning);
    EXPECT_EQ(check_log_retention(info, "23")->state, State::kWarning);
    info.retention_seconds = 0;
    EXPECT_EQ(check_log_retention(info, std::nullopt)->state, State::kOk);
    EXPECT_EQ(check_log_retention(info, "24")->state, State::kOk);
}

}  // namespace
}  // namespace penstock
