#include "model/table_plan.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace penstock {
namespace {

SourceColumn column(std::string name, SourceType type, std::string text = "") {
    SourceColumn c;
    c.name = std::move(name);
    c.type = type;
    c.column_type = std::move(text);
    return c;
}

/// shop.orders (id int unsigned key, note varchar null, price decimal(10,2), flag tinyint(1))
TableSchema orders() {
    TableSchema schema;
    schema.database = "shop";
    schema.name = "orders";
    schema.columns = {column("id", SourceType::kInt), column("note", SourceType::kVarChar),
                      column("price", SourceType::kDecimal), column("flag", SourceType::kTinyInt)};
    schema.columns[0].is_unsigned = true;
    schema.columns[1].nullable = true;
    schema.columns[2].precision = 10;
    schema.columns[2].scale = 2;
    schema.columns[3].is_tinyint1 = true;
    schema.key = {0};
    schema.key_is_primary = true;
    return schema;
}

TableMapping mapping() {
    TableMapping m;
    m.source_database = "shop";
    m.source_table = "orders";
    m.target_table = "orders_copy";
    return m;
}

TablePlan plan_of(const TableSchema& schema, const TableMapping& m, const PipeSpec& spec = {}) {
    return make_table_plan(3, schema, m, spec, true);
}

std::string error_of(const TableSchema& schema, const TableMapping& m) {
    try {
        plan_of(schema, m);
    } catch (const Error& error) {
        EXPECT_EQ(error.disposition(), Disposition::kFailPipe);
        return error.what();
    }
    return "no error";
}

std::string ddl(SourceColumn c, bool has_time64 = true, SourceSettings settings = {}) {
    return target_type_of(c, settings, has_time64).ddl_name();
}

SourceColumn with(SourceColumn c, bool is_unsigned, bool nullable = false) {
    c.is_unsigned = is_unsigned;
    c.nullable = nullable;
    return c;
}

SourceColumn digits(SourceType type, uint8_t precision, uint8_t scale, uint8_t fsp) {
    SourceColumn c = column("c", type);
    c.precision = precision;
    c.scale = scale;
    c.fsp = fsp;
    return c;
}

TEST(TargetTypeOf, IntegersKeepWidthAndSign) {
    struct Row {
        SourceType type;
        const char* with_sign;
        const char* without;
    };
    for (const Row& row :
         {Row{SourceType::kTinyInt, "Int8", "UInt8"}, Row{SourceType::kSmallInt, "Int16", "UInt16"},
          Row{SourceType::kMediumInt, "Int32", "UInt32"}, Row{SourceType::kInt, "Int32", "UInt32"},
          Row{SourceType::kBigInt, "Int64", "UInt64"}}) {
        EXPECT_EQ(ddl(column("c", row.type)), row.with_sign);
        EXPECT_EQ(ddl(with(column("c", row.type), true)), row.without);
        EXPECT_EQ(ddl(with(column("c", row.type), false, true)),
                  std::string("Nullable(") + row.with_sign + ")");
    }
}

TEST(TargetTypeOf, TinyintOneIsBoolUnlessAskedOtherwise) {
    SourceColumn c = column("c", SourceType::kTinyInt);
    c.is_tinyint1 = true;
    EXPECT_EQ(ddl(c), "Bool");
    SourceSettings settings;
    settings.tinyint1_as_bool = false;
    EXPECT_EQ(ddl(c, true, settings), "Int8");
    c.is_unsigned = true;
    EXPECT_EQ(ddl(c, true, settings), "UInt8");
}

TEST(TargetTypeOf, DecimalsAreExact) {
    EXPECT_EQ(ddl(digits(SourceType::kDecimal, 1, 0, 0)), "Decimal(1, 0)");
    EXPECT_EQ(ddl(digits(SourceType::kDecimal, 65, 30, 0)), "Decimal(65, 30)");
    struct Row {
        uint8_t precision;
        uint32_t width;
    };
    for (Row row : {Row{9, 4}, Row{10, 8}, Row{18, 8}, Row{19, 16}, Row{38, 16}, Row{39, 32}, Row{65, 32}}) {
        EXPECT_EQ(target_type_of(digits(SourceType::kDecimal, row.precision, 0, 0), {}, true).width(),
                  row.width)
            << int{row.precision};
    }
}

TEST(TargetTypeOf, DatesAndTimes) {
    EXPECT_EQ(ddl(column("c", SourceType::kDate)), "Date32");
    EXPECT_EQ(ddl(digits(SourceType::kDateTime, 0, 0, 0)), "DateTime64(0, 'UTC')");
    EXPECT_EQ(ddl(digits(SourceType::kDateTime, 0, 0, 6)), "DateTime64(6, 'UTC')");
    EXPECT_EQ(ddl(with(digits(SourceType::kTimestamp, 0, 0, 3), false, true)),
              "Nullable(DateTime64(3, 'UTC'))");
    EXPECT_EQ(ddl(digits(SourceType::kTime, 0, 0, 0)), "Time64(6)");
    EXPECT_EQ(ddl(digits(SourceType::kTime, 0, 0, 2), false), "DateTime64(6, 'UTC')");
    EXPECT_EQ(ddl(column("c", SourceType::kYear)), "Int16");
}

TEST(TargetTypeOf, EverythingElse) {
    for (SourceType type : {SourceType::kChar, SourceType::kVarChar, SourceType::kText, SourceType::kBinary,
                            SourceType::kVarBinary, SourceType::kBlob, SourceType::kSet, SourceType::kJson}) {
        EXPECT_EQ(ddl(column("c", type)), "String");
    }
    EXPECT_EQ(ddl(column("c", SourceType::kEnum)), "LowCardinality(String)");
    SourceColumn nullable_enum = with(column("c", SourceType::kEnum), false, true);
    EXPECT_EQ(ddl(nullable_enum), "LowCardinality(Nullable(String))");
    EXPECT_EQ(target_type_of(nullable_enum, {}, true).wire_name(), "Nullable(String)");
    EXPECT_EQ(ddl(column("c", SourceType::kFloat)), "Float32");
    EXPECT_EQ(ddl(column("c", SourceType::kDouble)), "Float64");
    EXPECT_EQ(ddl(column("c", SourceType::kBit)), "UInt64");
}

TEST(TargetTypeOf, NullsCanBeRefused) {
    SourceSettings settings;
    settings.allow_nullable_columns = false;
    EXPECT_EQ(ddl(with(column("c", SourceType::kInt), false, true), true, settings), "Int32");
}

TEST(TablePlan, TakesTheTableAsItIs) {
    PipeSpec spec;
    spec.target_database = "warehouse";
    spec.settings.delete_on_merge = true;
    spec.settings.invalid_dates = InvalidDatePolicy::kError;
    TablePlan plan = plan_of(orders(), mapping(), spec);
    EXPECT_EQ(plan.id, 3u);
    EXPECT_EQ(plan.target_database, "warehouse");
    EXPECT_EQ(plan.target_table, "orders_copy");
    EXPECT_TRUE(plan.delete_on_merge);
    EXPECT_EQ(plan.invalid_dates, InvalidDatePolicy::kError);
    ASSERT_EQ(plan.columns.size(), 4u);
    EXPECT_EQ(plan.columns[2].type.ddl_name(), "Decimal(10, 2)");
    EXPECT_EQ(plan.columns[3].source, 3u);
    EXPECT_EQ(plan.sorting_key, std::vector<uint32_t>{0});
    EXPECT_FALSE(plan.has_nullable_key());
}

TEST(TablePlan, ExcludedColumnsLeaveAndTheKeyFollows) {
    TableSchema schema = orders();
    schema.key = {3, 1};
    TableMapping m = mapping();
    m.excluded_columns = {"ID", "price"};
    TablePlan plan = plan_of(schema, m);
    ASSERT_EQ(plan.columns.size(), 2u);
    EXPECT_EQ(plan.columns[0].name, "note");
    EXPECT_EQ(plan.columns[1].source, 3u);
    EXPECT_EQ(plan.sorting_key, (std::vector<uint32_t>{1, 0}));
    EXPECT_TRUE(plan.has_nullable_key());
}

TEST(TablePlan, AnExcludedColumnMayHaveAnyType) {
    TableSchema schema = orders();
    schema.columns[1].type = SourceType::kUnsupported;
    schema.columns[1].column_type = "geometry";
    EXPECT_EQ(error_of(schema, mapping()),
              "plan the table: column note has the type geometry, which Penstock does not copy (table "
              "shop.orders). List it in excludedColumns of the table's mapping");
    TableMapping m = mapping();
    m.excluded_columns = {"note"};
    EXPECT_EQ(plan_of(schema, m).columns.size(), 3u);
}

TEST(TablePlan, ASortingKeyOfOnesOwn) {
    TableMapping m = mapping();
    m.use_custom_sorting_key = true;
    m.sorting_keys = {"note", "id"};
    EXPECT_EQ(plan_of(orders(), m).sorting_key, (std::vector<uint32_t>{1, 0}));
    EXPECT_TRUE(plan_of(orders(), m).has_nullable_key());
    m.use_custom_sorting_key = false;
    EXPECT_EQ(plan_of(orders(), m).sorting_key, std::vector<uint32_t>{0});
}

TEST(TablePlan, RowsThatDifferAtTheSourceDifferInTheTarget) {
    TableSchema schema = orders();
    schema.key = {0, 3};
    TableMapping m = mapping();
    m.use_custom_sorting_key = true;
    m.sorting_keys = {"price"};
    TablePlan plan = plan_of(schema, m);
    EXPECT_EQ(plan.sorting_key, (std::vector<uint32_t>{2, 0, 3}));
    EXPECT_EQ(plan.columns[3].type.ddl_name(), "Int8");  // a Bool would merge 1 and 2
    EXPECT_TRUE(plan.columns[3].in_key);
    EXPECT_FALSE(plan.columns[1].in_key);
    m.engine = TableEngine::kMergeTree;
    EXPECT_EQ(plan_of(schema, m).sorting_key, (std::vector<uint32_t>{2}));
    m.engine = TableEngine::kReplacingMergeTree;
    m.sorting_keys = {"note"};
    PipeSpec spec;
    spec.settings.allow_nullable_columns = false;
    EXPECT_THROW(plan_of(schema, m, spec), Error);
}

// An ENUM's '' may be that label or the value of no label; a SET's "a" may or may not have the empty label
// too.
TEST(TablePlan, LabelsOfAKeyTellValuesApart) {
    TableSchema schema = orders();
    schema.columns[1] = column("size", SourceType::kEnum, "enum('','s')");
    schema.columns[1].labels = {"", "s"};
    schema.key = {1};
    EXPECT_EQ(
        error_of(schema, mapping()),
        "plan the table: column size of the sorting key has a label that is empty or there twice, so two "
        "of its values become one (table shop.orders). Set tableEngine to MergeTree to keep every change "
        "as a row, or give the table a key without it");
    schema.columns[1].labels = {"?", "s", "?"};
    EXPECT_NE(error_of(schema, mapping()), "no error");
    schema.columns[1].labels = {"m", "s"};
    EXPECT_EQ(error_of(schema, mapping()), "no error");
    schema.columns[1].labels = {"", "s"};
    schema.key = {0};  // which tells rows apart, whatever else sorts them
    TableMapping m = mapping();
    m.use_custom_sorting_key = true;
    m.sorting_keys = {"size"};
    EXPECT_EQ(error_of(schema, m), "no error");
    schema.key = {};
    EXPECT_NE(error_of(schema, m), "no error");
    m.engine = TableEngine::kMergeTree;
    EXPECT_EQ(error_of(schema, m), "no error");
}

TEST(TablePlan, WithoutAKeyTheWayOutIsNamed) {
    TableSchema schema = orders();
    schema.key.clear();
    EXPECT_EQ(
        error_of(schema, mapping()),
        "plan the table: the table has no primary key and no unique key without NULLs (table shop.orders). "
        "The simplest: tableEngine: MergeTree in its mapping, which makes every change a row of its own; or "
        "useCustomSortingKey: true with sortingKeys: [columns that tell rows apart]");
    TableMapping m = mapping();
    m.engine = TableEngine::kMergeTree;
    EXPECT_TRUE(plan_of(schema, m).sorting_key.empty());
}

TEST(TablePlan, WrongNamesAreNamed) {
    auto contains = [](const std::string& text, const char* part) {
        EXPECT_NE(text.find(part), std::string::npos) << text;
    };
    TableMapping m = mapping();
    m.excluded_columns = {"nope"};
    contains(error_of(orders(), m), "excludedColumns names column nope, which the table does not have");
    m.excluded_columns = {"id"};
    contains(error_of(orders(), m), "column id is excluded but belongs to the table's key");
    m.use_custom_sorting_key = true;
    m.sorting_keys = {"id"};
    contains(error_of(orders(), m), "column id is excluded but belongs to the sortingKeys");
    m.sorting_keys = {"idd"};
    contains(error_of(orders(), m), "sortingKeys names column idd");
    m.sorting_keys = {"note", "Note"};
    contains(error_of(orders(), m), "sortingKeys names column note twice");
    m = mapping();
    m.partition_key = "day";
    contains(error_of(orders(), m), "partitionKey names column day");
    m = mapping();
    m.excluded_columns = {"id", "note", "price", "flag"};
    contains(error_of(orders(), m), "no column is left to copy");
    TableSchema schema = orders();
    schema.columns[1].name = "_peerdb_version";
    contains(error_of(schema, mapping()),
             "column _peerdb_version has the name of a column that Penstock adds");
}

TEST(TablePlan, ThePartitionColumnMayBeExcluded) {
    TableMapping m = mapping();
    m.partition_key = "PRICE";
    m.excluded_columns = {"price"};
    EXPECT_EQ(plan_of(orders(), m).partition_column, "price");
}

}  // namespace
}  // namespace penstock
