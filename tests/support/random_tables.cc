#include "support/random_tables.h"

#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/format.h>

namespace penstock::test {
namespace {

bool starts_with_any(std::string_view type, std::initializer_list<const char*> names) {
    return std::any_of(names.begin(), names.end(), [&](const char* name) { return type.starts_with(name); });
}

bool is_text(std::string_view type) {
    return starts_with_any(type, {"char", "varchar", "tinytext", "text", "mediumtext", "longtext"}) &&
           type.find("compressed") == type.npos;
}

// What a column can do for a key: nothing (an empty label would make two keys one, which is refused), be in
// it with its front, or as a whole. A type that is not listed is taken for one that can be a key, as most
// can.
enum class KeyUse { kNone, kFront, kWhole };
KeyUse key_use(std::string_view type) {
    if (starts_with_any(type, {"json", "vector", "geometry", "point", "linestring", "polygon", "multi"}) ||
        type.find("compressed") != type.npos ||
        (starts_with_any(type, {"enum", "set"}) &&
         (type.find("('',") != type.npos || type.find("('')") != type.npos))) {
        return KeyUse::kNone;
    }
    if (is_text(type) || starts_with_any(type, {"tinyblob", "blob", "mediumblob", "longblob", "varbinary"}) ||
        type.starts_with("binary(255)")) {
        return KeyUse::kFront;
    }
    return KeyUse::kWhole;
}

// A date in a key must be one that ClickHouse holds: 'YYYY-...' gets a year that fits.
std::string fitting_date(std::string literal) {
    if (literal.size() < 6 || literal[0] != '\'') return literal;
    literal.replace(1, 4, std::to_string(1900 + std::stoul(literal.substr(1, 4)) % 400));
    return literal;
}

std::string label_literal(const std::string& label) {
    std::string sql = "'";
    for (char c : label) {
        if (c == '\'' || c == '\\') sql += '\\';
        sql += c;
    }
    return sql + "'";
}

// Types that char_length() and the like do not take.
bool takes_no_text_function(std::string_view type) {
    return (key_use(type) == KeyUse::kNone && type != "json") || starts_with_any(type, {"uuid", "inet"});
}

// Labels with whatever a label may hold; only ASCII that every character set has, unless `unicode`.
ColumnKind random_enum(Random& random, bool is_set, const std::string& charset, bool unicode) {
    static const std::array<const char*, 9> kPieces = {"'", ",", " ", "(", ")", "%", "?", "''", "A"};
    constexpr std::array<size_t, 4> kEnumSizes = {1, 5, 255, 300}, kSetSizes = {1, 8, 30, 64};
    size_t count = (is_set ? kSetSizes : kEnumSizes)[below(random, 4)];
    std::string type = is_set ? "set(" : "enum(";
    for (size_t i = 0; i < count; ++i) {
        // The dash ends the number: without it, "1" and a text "1x" would be "11" and a text "x".
        std::string label = i == 0 && below(random, 2) == 0 ? "" : std::to_string(i) + "-";
        for (size_t n = below(random, 4); n > 0 && !label.empty(); --n) {
            const char* piece = kPieces[below(random, kPieces.size())];
            if (!is_set || *piece != ',') label += piece;
        }
        if (unicode && !is_set && !label.empty()) label += any_text(random, 4);
        if (!label.empty()) label += '.';  // trailing spaces are not kept
        type += (i > 0 ? "," : "") + label_literal(label);
    }
    ColumnKind kind;
    kind.type = type + ")" + charset;
    kind.literal = [=](Random& r) {
        return is_set ? std::to_string(r() >> (64 - count)) : std::to_string(below(r, count + 1));
    };
    kind.edges = {"0", std::to_string(count)};
    if (is_set) kind.edges.back() = std::to_string(~uint64_t{0} >> (64 - count));
    return kind;
}

// A default must be one that the column takes as it is: no character that its set lacks, no number too large.
std::string default_of(const ColumnKind& kind, Random& random) {
    if (is_text(kind.type)) return label_literal("d'% " + std::to_string(random() % 100));
    if (starts_with_any(kind.type, {"float", "double"})) return std::to_string(random() % 100) + ".25";
    return kind.literal(random);
}

std::string random_name(Random& random, const std::string& base) {
    static const std::array<const char*, 6> kMiddles = {" ",   "`", "\"'", "\xc3\xa9\xc3\x9f", "\xe8\xa1\xa8",
                                                        "\\%s"};
    std::string name = base;
    for (size_t n = below(random, 4) == 0 ? 1 + below(random, 3) : 0; n > 0; --n)
        name += kMiddles[below(random, kMiddles.size())];
    return name == base ? name : name + "x";
}

}  // namespace

struct RandomTable::Column {
    std::string name;  // quoted
    ColumnKind kind;
    bool nullable = true;
    bool in_key = false;
    bool has_default = false;
    bool generated = false;
    std::string definition;           // after the type
    std::vector<std::string> values;  // of a key column: those given before, so that keys come back
};

RandomTable::~RandomTable() = default;
RandomTable::RandomTable(RandomTable&&) noexcept = default;

TableMaterial read_table_material(MysqlConnection& connection) {
    TableMaterial material;
    material.info = read_server_info(connection);
    material.kinds = column_kinds(material.info);
    for (auto& row :
         connection.query("SELECT COLLATION_NAME, CHARACTER_SET_NAME FROM information_schema.COLLATIONS "
                          "WHERE CHARACTER_SET_NAME IS NOT NULL AND CHARACTER_SET_NAME <> 'binary' "
                          "ORDER BY COLLATION_NAME")) {
        material.collations.emplace_back(row[0].value(), row[1].value());
    }
    return material;
}

RandomTable::RandomTable(const TableMaterial& material, std::string database, uint64_t seed, bool keyless)
    : mysql_(!material.info.mariadb()), random_(seed), seed_(seed) {
    name_ = random_name(random_, "t" + std::to_string(seed % 100'000));
    qualified_ = quote_table(database, name_);
    size_t count = 1 + below(9);
    for (size_t i = 0; i < count; ++i) add_column(material, i);
    choose_key(keyless);
    for (size_t i = below(3); i > 0; --i) add_generated_column(columns_.size());
}

void RandomTable::add_column(const TableMaterial& material, size_t index) {
    Column& column = columns_.emplace_back();
    column.name = quote_identifier(random_name(random_, "c" + std::to_string(index)));
    const auto& [collation, charset] = material.collations[below(material.collations.size())];
    std::string collated = " character set " + charset + " collate " + collation;
    if (uint64_t choice = below(12); choice < 2) {
        column.kind = random_enum(random_, choice == 1, collated, charset == "utf8mb4" || charset == "utf16");
    } else {
        column.kind = material.kinds[below(material.kinds.size())];
        if (is_text(column.kind.type) && below(2) == 0) {
            column.kind.type.resize(
                std::min(column.kind.type.size(), column.kind.type.find(" character set")));
            column.kind.type += collated;
        }
    }
    column.nullable = below(3) != 0;
    // "timestamp null": a TIMESTAMP is NOT NULL where nothing is said.
    if (column.kind.type.ends_with(" null")) column.kind.type.resize(column.kind.type.size() - 5);
    if (below(5) == 0 && !starts_with_any(column.kind.type, {"enum", "set"}) &&
        !takes_no_text_function(column.kind.type)) {
        column.has_default = true;
        column.definition = " DEFAULT (" + default_of(column.kind, random_) + ")";
    }
    column.definition += column.nullable ? " NULL" : " NOT NULL";
    // MariaDB wants a default for an invisible column that is not NULL. One column stays visible.
    if (index > 0 && below(8) == 0 && (column.nullable || column.has_default))
        column.definition += " INVISIBLE";
}

void RandomTable::add_generated_column(size_t index) {
    static const std::array<std::pair<const char*, const char*>, 3> kExpressions = {
        {{"int", "char_length({})"},
         {"varchar(50) character set latin1", "left(hex({}), 50)"},
         {"bigint", "length({})"}}};
    const Column& from = columns_[below(columns_.size())];
    if (takes_no_text_function(from.kind.type)) return;
    if (from.name == "`id`") return;  // MariaDB logs what it made before the row had its number
    if (from.kind.type.starts_with("timestamp")) return;  // its text depends on the session's time zone
    if (!mysql_ && from.kind.type.starts_with("char"))
        return;  // its length depends on the session's sql_mode
    std::string base = from.name;
    const auto& [type, expression] = kExpressions[below(kExpressions.size())];
    Column& column = columns_.emplace_back();
    column.name = quote_identifier("g" + std::to_string(index));
    column.kind.type = type;
    column.generated = true;
    column.definition =
        fmt::format(" GENERATED ALWAYS AS ({}) {}", fmt::format(fmt::runtime(expression), base),
                    below(2) == 0 ? "STORED" : "VIRTUAL");
}

// A primary key or a unique key without NULLs, of one to three columns; or none.
void RandomTable::choose_key(bool keyless) {
    for (size_t i = 0; i < columns_.size() && key_.size() < 3; ++i) {
        if (key_use(columns_[i].kind.type) != KeyUse::kNone && (key_.empty() || below(3) == 0))
            key_.push_back(i);
    }
    if (keyless && below(12) == 0) key_.clear();
    if (key_.empty()) {
        if (!keyless || (mysql_ && below(2) == 0)) {
            invisible_key_ = mysql_;
            if (!mysql_) {
                Column& column = columns_.emplace_back();
                column.name = "`id`";
                column.kind.type = "bigint unsigned";
                column.definition = " NOT NULL AUTO_INCREMENT";
                column.generated = true;  // as far as values go: the server gives them
                key_sql_ = ", PRIMARY KEY (`id`)";
            }
        }
        return;
    }
    std::shuffle(key_.begin(), key_.end(), random_);
    std::string parts;
    bool whole = true;
    for (size_t index : key_) {
        Column& column = columns_[index];
        column.in_key = true;
        column.nullable = false;
        if (column.definition.find("NOT NULL") == column.definition.npos)
            column.definition.replace(column.definition.find(" NULL"), 5, " NOT NULL");
        if (size_t at = column.definition.find(" INVISIBLE"); at != column.definition.npos)
            column.definition.erase(at, 10);
        bool front = key_use(column.kind.type) == KeyUse::kFront;
        whole = whole && !front;
        parts += (parts.empty() ? "" : ", ") + column.name + (front ? "(20)" : "");
    }
    key_sql_ = (whole && below(3) == 0 ? ", UNIQUE KEY a_key (" : ", PRIMARY KEY (") + parts + ")";
}

std::vector<std::string> RandomTable::create() {
    std::vector<std::string> statements;
    if (mysql_) {
        statements.push_back(
            fmt::format("SET SESSION sql_generate_invisible_primary_key = {}", invisible_key_ ? 1 : 0));
    }
    std::string sql = "CREATE TABLE " + qualified_ + " (";
    for (size_t i = 0; i < columns_.size(); ++i) {
        sql += (i > 0 ? ", " : "") + columns_[i].name + " " + columns_[i].kind.type + columns_[i].definition;
    }
    statements.push_back(sql + key_sql_ + ") CHARACTER SET utf8mb4");
    return statements;
}

std::string RandomTable::value(Column& column) {
    if (column.in_key) {
        if (!column.values.empty() && below(3) != 0) return column.values[below(column.values.size())];
        std::string literal = column.kind.literal(random_);
        if (column.kind.type.starts_with("date")) literal = fitting_date(literal);
        if (column.values.size() < 12) column.values.push_back(literal);
        return literal;
    }
    if (column.nullable && below(6) == 0) return "NULL";
    if (column.has_default && below(4) == 0) return "DEFAULT";
    if (!column.kind.edges.empty() && below(4) == 0)
        return column.kind.edges[below(column.kind.edges.size())];
    return column.kind.literal(random_);
}

std::string RandomTable::insert(size_t rows) {
    std::vector<Column*> given;
    for (Column& column : columns_) {
        bool leave_out = column.generated || (!column.in_key && column.nullable && below(10) == 0);
        if (!leave_out) given.push_back(&column);
    }
    std::string names, values;
    for (const Column* column : given) names += (names.empty() ? "" : ", ") + column->name;
    for (size_t row = 0; row < rows; ++row) {
        values += row > 0 ? ", (" : "(";
        for (Column* column : given) values += (column == given.front() ? "" : ", ") + value(*column);
        values += ")";
    }
    static const std::array<const char*, 3> kVerbs = {"INSERT IGNORE", "INSERT IGNORE", "REPLACE"};
    return fmt::format("{} INTO {} ({}) VALUES {}", kVerbs[below(kVerbs.size())], qualified_, names, values);
}

// In an order that the seed decides, so that a replay takes the same.
std::string RandomTable::some_rows() {
    return fmt::format(" ORDER BY rand({}) LIMIT {}", below(1'000'000), 1 + below(4));
}

std::string RandomTable::change() {
    std::vector<Column*> plain, keys;
    for (Column& column : columns_) {
        if (column.in_key) keys.push_back(&column);
        if (!column.in_key && !column.generated) plain.push_back(&column);
    }
    switch (below(8)) {
        case 0:
        case 1:
            return insert(1 + below(4));
        case 2:
            return "DELETE FROM " + qualified_ + some_rows();
        case 3:
            if (keys.empty()) break;
            return fmt::format("UPDATE IGNORE {} SET {} = {}", qualified_, keys[0]->name, value(*keys[0])) +
                   some_rows();
        default:
            break;
    }
    if (plain.empty()) return insert(1 + below(4));
    std::string sets;
    size_t first = below(plain.size()), many = 1 + below(plain.size());
    for (size_t i = 0; i < many; ++i) {
        Column& column = *plain[(first + i) % plain.size()];
        sets += (i > 0 ? ", " : "") + column.name + " = " + value(column);
    }
    return "UPDATE IGNORE " + qualified_ + " SET " + sets + some_rows();
}

std::vector<std::string> RandomTable::transaction() {
    std::vector<std::string> statements;
    if (mysql_ && below(4) == 0) {
        compress_ = !compress_;
        statements.push_back(
            fmt::format("SET SESSION binlog_transaction_compression = {}", compress_ ? 1 : 0));
    }
    uint64_t kind = below(10);
    if (kind < 5) {
        statements.push_back(change());
        return statements;
    }
    statements.emplace_back("BEGIN");
    for (size_t n = 1 + below(4); n > 0; --n) statements.push_back(change());
    if (kind == 5) {
        statements.emplace_back("SAVEPOINT s");
        statements.push_back(change());
        statements.emplace_back("ROLLBACK TO SAVEPOINT s");
        statements.push_back(change());
    }
    statements.emplace_back(kind == 6 ? "ROLLBACK" : "COMMIT");
    return statements;
}

}  // namespace penstock::test
