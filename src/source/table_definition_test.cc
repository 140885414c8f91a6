#include "source/table_definition.h"

#include "source/test_server.h"

namespace penstock {
namespace {

SourceColumn parsed(const std::string& type, bool mysql_json = true) {
    SourceColumn column;
    parse_column_type(type, mysql_json, column);
    return column;
}

TEST(ColumnType, NumbersAndSizes) {
    EXPECT_EQ(parsed("int(10) unsigned zerofill").type, SourceType::kInt);
    EXPECT_TRUE(parsed("int(10) unsigned zerofill").is_unsigned);
    EXPECT_FALSE(parsed("bigint").is_unsigned);
    EXPECT_TRUE(parsed("tinyint(1)").is_tinyint1);
    EXPECT_FALSE(parsed("tinyint(1) unsigned").is_tinyint1);
    EXPECT_FALSE(parsed("tinyint(4)").is_tinyint1);
    EXPECT_FALSE(parsed("tinyint").is_tinyint1);
    EXPECT_EQ(parsed("decimal(65,30) unsigned").precision, 65);
    EXPECT_EQ(parsed("decimal(65,30) unsigned").scale, 30);
    EXPECT_TRUE(parsed("decimal(65,30) unsigned").is_unsigned);
    EXPECT_EQ(parsed("float(7,3)").type, SourceType::kFloat);
    EXPECT_EQ(parsed("bit(64)").length, 64u);
    EXPECT_EQ(parsed("varchar(255)").length, 255u);
    EXPECT_EQ(parsed("varbinary(16)").type, SourceType::kVarBinary);
    EXPECT_EQ(parsed("datetime(6)").fsp, 6);
    EXPECT_EQ(parsed("timestamp").fsp, 0);
    EXPECT_EQ(parsed("time(3)").fsp, 3);
    EXPECT_EQ(parsed("year(4)").type, SourceType::kYear);
    EXPECT_EQ(parsed("mediumtext").type, SourceType::kText);
    EXPECT_EQ(parsed("json").type, SourceType::kJson);
    EXPECT_EQ(parsed("json", false).type, SourceType::kText);
    EXPECT_EQ(parsed("timestamp /* mariadb-5.3 */").type, SourceType::kTimestamp);
}

TEST(ColumnType, UnknownOnesAreUnsupported) {
    for (const char* type : {"xmltype", "", "enum('a'"}) {
        EXPECT_EQ(parsed(type).type, SourceType::kUnsupported) << type;
    }
}

TEST(ColumnType, LaterOnes) {
    for (const char* type : {"geometry", "point", "geomcollection", "geometrycollection", "multipolygon"})
        EXPECT_EQ(parsed(type).type, SourceType::kGeometry) << type;
    EXPECT_EQ(parsed("vector(3)").type, SourceType::kVector);
    EXPECT_EQ(parsed("vector(3)").length, 12u);
    EXPECT_EQ(parsed("uuid").type, SourceType::kUuid);
    EXPECT_EQ(parsed("inet4").type, SourceType::kInet4);
    EXPECT_EQ(parsed("inet6").type, SourceType::kInet6);
    SourceColumn compressed = parsed("varchar(100) /*M!100301 COMPRESSED*/");
    EXPECT_EQ(compressed.type, SourceType::kVarChar);
    EXPECT_TRUE(compressed.compressed);
    EXPECT_EQ(compressed.length, 100u);
    EXPECT_TRUE(parsed("blob /*M!100301 COMPRESSED*/").compressed);
    EXPECT_FALSE(parsed("enum('COMPRESSED')").compressed);
    EXPECT_EQ(parsed("time(3) /* mariadb-5.3 */").fsp, 3);
}

TEST(ColumnType, Labels) {
    using Labels = std::vector<std::string>;
    EXPECT_EQ(parsed("enum('a','b')").labels, (Labels{"a", "b"}));
    EXPECT_EQ(parsed("set('it''s','x,y','(z)','')").labels, (Labels{"it's", "x,y", "(z)", ""}));
    EXPECT_EQ(parsed(R"(enum('a\\b','c\nd','''','e\0f','unsigned'))").labels,
              (Labels{"a\\b", "c\nd", "'", std::string("e\0f", 3), "unsigned"}));
    EXPECT_FALSE(parsed("enum('unsigned')").is_unsigned);
}

class TableDefinitionTest : public ServerTest {};

TEST_P(TableDefinitionTest, EveryType) {
    sql("CREATE TABLE t (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, ti TINYINT, b BOOL NOT "
        "NULL, si SMALLINT "
        "UNSIGNED, mi MEDIUMINT, i INT, d DECIMAL(20,6), f FLOAT, dbl DOUBLE, bits BIT(9), c CHAR(10) "
        "CHARACTER SET latin1, "
        "vc VARCHAR(300) CHARACTER SET utf8mb3, tx TEXT, bin BINARY(16), vb VARBINARY(20), bl LONGBLOB, da "
        "DATE, dt "
        "DATETIME(3), ts TIMESTAMP(6) NULL, tm TIME(2), y YEAR, e "
        "ENUM('x','it''s','a,b','b\\\\s','n\\nl','\xC3\xA9') "
        "CHARACTER SET latin1, s SET('r','g'), j JSON, gen INT AS (i + 1) STORED, gv INT AS (i + 2) VIRTUAL, "
        "dflt TIMESTAMP DEFAULT CURRENT_TIMESTAMP, g POINT)");
    const TableSchema t = schema_of("t");
    EXPECT_EQ(t.qualified_name(), database_ + ".t");
    EXPECT_EQ(t.storage_engine, "InnoDB");
    EXPECT_EQ(t.key, std::vector<uint32_t>{0});
    EXPECT_TRUE(t.key_is_primary);
    const SourceType expected[] = {
        SourceType::kBigInt,    SourceType::kTinyInt,   SourceType::kTinyInt,
        SourceType::kSmallInt,  SourceType::kMediumInt, SourceType::kInt,
        SourceType::kDecimal,   SourceType::kFloat,     SourceType::kDouble,
        SourceType::kBit,       SourceType::kChar,      SourceType::kVarChar,
        SourceType::kText,      SourceType::kBinary,    SourceType::kVarBinary,
        SourceType::kBlob,      SourceType::kDate,      SourceType::kDateTime,
        SourceType::kTimestamp, SourceType::kTime,      SourceType::kYear,
        SourceType::kEnum,      SourceType::kSet,       mariadb() ? SourceType::kText : SourceType::kJson,
        SourceType::kInt,       SourceType::kInt,       SourceType::kTimestamp,
        SourceType::kGeometry};
    ASSERT_EQ(t.columns.size(), std::size(expected));
    for (size_t i = 0; i < t.columns.size(); ++i)
        EXPECT_EQ(t.columns[i].type, expected[i]) << t.columns[i].name;
    auto column = [&](const std::string& name) {
        for (const SourceColumn& c : t.columns) {
            if (c.name == name) return c;
        }
        return SourceColumn{};
    };
    EXPECT_TRUE(column("id").is_unsigned);
    EXPECT_FALSE(column("id").nullable);
    EXPECT_TRUE(column("ti").nullable);
    EXPECT_TRUE(column("b").is_tinyint1);
    EXPECT_EQ(column("d").precision, 20);
    EXPECT_EQ(column("c").charset, "latin1");
    EXPECT_EQ(column("vc").charset, "utf8mb3");
    EXPECT_EQ(column("vc").length, 300u);
    EXPECT_EQ(column("tx").charset, "utf8mb4");
    EXPECT_EQ(column("bin").charset, "");
    EXPECT_EQ(column("bin").length, 16u);
    EXPECT_EQ(column("ts").fsp, 6);
    EXPECT_EQ(column("bits").length, 9u);
    EXPECT_EQ(column("e").labels, (std::vector<std::string>{"x", "it's", "a,b", "b\\s", "n\nl", "\xC3\xA9"}));
    EXPECT_EQ(column("e").charset, "latin1");
    EXPECT_EQ(column("s").labels, (std::vector<std::string>{"r", "g"}));
    EXPECT_TRUE(column("gen").generated);
    EXPECT_TRUE(column("gv").generated);
    EXPECT_FALSE(column("dflt").generated);
}

TEST_P(TableDefinitionTest, LabelsBeyondTheBasicPlaneAreExact) {
    sql("CREATE TABLE t (id INT PRIMARY KEY, e ENUM('a','\xF0\x9F\x90\x98','?') NOT NULL, s "
        "SET('\xF0\x9F\x90\x98','b\\\\'))");
    const TableSchema t = schema_of("t");
    EXPECT_EQ(t.columns[1].labels, (std::vector<std::string>{"a", "\xF0\x9F\x90\x98", "?"}));
    std::vector<std::string> members;
    std::string list;
    for (int i = 0; i < 64; ++i) {
        members.push_back("?" + std::to_string(i));
        list += (i > 0 ? ", '" : "'") + members.back() + "'";
    }
    sql("CREATE TABLE wide (id INT PRIMARY KEY, s SET(" + list + ") CHARACTER SET utf8mb4)");
    EXPECT_EQ(schema_of("wide").columns[1].labels, members);
    EXPECT_EQ(t.columns[2].labels, (std::vector<std::string>{"\xF0\x9F\x90\x98", "b\\"}));

    SourceEndpoint reader = new_user("reader", {"SELECT ON " + database_ + ".*"});
    auto connection = MysqlConnection::open(reader);
    Error e = error_of([&] { read_table_schema(connection, info_, database_, "t"); });
    EXPECT_EQ(e.disposition(), Disposition::kFailPipe);
    EXPECT_NE(e.hint().find("TEMPORARY"), std::string::npos) << e.what();
}

TEST_P(TableDefinitionTest, KeyChoice) {
    sql("CREATE TABLE two (a INT, b INT, c INT, PRIMARY KEY (c, a))");
    EXPECT_EQ(schema_of("two").key, (std::vector<uint32_t>{2, 0}));

    sql("CREATE TABLE uniq (a INT NULL, b INT NOT NULL, c INT NOT NULL, d VARCHAR(50) NOT NULL, "
        "UNIQUE KEY k_null (a), UNIQUE KEY k_prefix (d(5)), UNIQUE KEY k_two (c, b), UNIQUE KEY k_b (b), "
        "UNIQUE KEY k_c (c))");
    EXPECT_EQ(schema_of("uniq").key, std::vector<uint32_t>{1});
    EXPECT_FALSE(schema_of("uniq").key_is_primary);

    sql("CREATE TABLE none (a INT NULL, b INT NOT NULL, UNIQUE KEY k (b, a), KEY (b))");
    EXPECT_TRUE(schema_of("none").key.empty());

    if (!mariadb()) {
        sql("CREATE TABLE fun (a INT NOT NULL, UNIQUE KEY k ((a + 1)))");
        EXPECT_TRUE(schema_of("fun").key.empty());
        sql("SET SESSION sql_generate_invisible_primary_key = ON");
        sql("CREATE TABLE gipk (a INT)");
        const TableSchema gipk = schema_of("gipk");
        ASSERT_EQ(gipk.columns.size(), 2u);
        EXPECT_EQ(gipk.columns[0].name, "my_row_id");
        EXPECT_EQ(gipk.key, std::vector<uint32_t>{0});
    }
}

TEST_P(TableDefinitionTest, InvisibleColumnsAreThere) {
    sql("CREATE TABLE t (a INT PRIMARY KEY, b INT INVISIBLE, c INT)");
    ASSERT_EQ(schema_of("t").columns.size(), 3u);
    EXPECT_EQ(schema_of("t").columns[1].name, "b");
}

TEST_P(TableDefinitionTest, RefusalsNameTheTable) {
    sql("CREATE TABLE t (a INT PRIMARY KEY)");
    sql("CREATE VIEW v AS SELECT * FROM t");
    for (const char* table : {"missing", "v", "T"}) {
        Error e = error_of([&] { schema_of(table); });
        EXPECT_EQ(e.disposition(), Disposition::kFailPipe);
        EXPECT_EQ(e.table(), database_ + "." + table);
    }
    if (mariadb()) {
        sql("CREATE TABLE sv (a INT PRIMARY KEY) WITH SYSTEM VERSIONING");
        EXPECT_NE(std::string(error_of([&] { schema_of("sv"); }).what()).find("system-versioned"),
                  std::string::npos);
        sql("CREATE SEQUENCE sq");
        EXPECT_EQ(error_of([&] { schema_of("sq"); }).disposition(), Disposition::kFailPipe);
    }
}

TEST_P(TableDefinitionTest, ManyAtOnceInTheOrderAsked) {
    sql("CREATE TABLE b (x INT PRIMARY KEY)");
    sql("CREATE TABLE a (y INT PRIMARY KEY, z INT)");
    auto schemas =
        read_table_schemas(*connection_, info_, {{database_, "b"}, {database_, "a"}, {database_, "b"}});
    ASSERT_EQ(schemas.size(), 3u);
    EXPECT_EQ(schemas[0], schema_of("b"));
    EXPECT_EQ(schemas[1], schema_of("a"));
    EXPECT_EQ(schemas[2], schema_of("b"));
    std::vector<std::pair<std::string, std::string>> many;
    for (size_t i = 0; i <= kTablesAtOnce; ++i) many.emplace_back(database_, i % 2 == 0 ? "b" : "a");
    schemas = read_table_schemas(*connection_, info_, many);
    ASSERT_EQ(schemas.size(), many.size());
    for (size_t i = 0; i < schemas.size(); ++i) ASSERT_EQ(schemas[i].name, many[i].second) << i;
    auto tables = list_tables(*connection_);
    EXPECT_NE(std::find(tables.begin(), tables.end(), std::pair(database_, std::string("a"))), tables.end());
    for (const auto& [database, table] : tables) EXPECT_NE(database, "mysql");
}

INSTANTIATE_TEST_SUITE_P(Servers, TableDefinitionTest, testing::Values("MYSQL", "MARIADB", "MARIADB11"));

}  // namespace
}  // namespace penstock
