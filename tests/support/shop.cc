#include "support/shop.h"

#include <fmt/format.h>

namespace penstock::test {
namespace {

const char* const kTables[] = {
    "CREATE TABLE by_int (id INT NOT NULL PRIMARY KEY, a BIGINT, b VARCHAR(100), c DOUBLE)",
    "CREATE TABLE by_pair (k1 SMALLINT UNSIGNED NOT NULL, k2 DATE NOT NULL, k3 BIGINT NOT NULL, a INT,"
    " b VARCHAR(60), PRIMARY KEY (k1, k2, k3))",
    "CREATE TABLE by_text (k VARCHAR(64) NOT NULL PRIMARY KEY, a INT, b TEXT)"
    " CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
    "CREATE TABLE every_type ("
    " id BIGINT UNSIGNED NOT NULL PRIMARY KEY,"
    " t TINYINT, tu TINYINT UNSIGNED, flag TINYINT(1), s SMALLINT, su SMALLINT UNSIGNED,"
    " m MEDIUMINT, mu MEDIUMINT UNSIGNED, i INT, iu INT UNSIGNED, b BIGINT, bu BIGINT UNSIGNED,"
    " d1 DECIMAL(9,2), d2 DECIMAL(18,6), d3 DECIMAL(38,10), d4 DECIMAL(65,30), d5 DECIMAL(5,0) UNSIGNED,"
    " f FLOAT, fd DOUBLE,"
    " c CHAR(20), v VARCHAR(200), l VARCHAR(50) CHARACTER SET latin1, tx MEDIUMTEXT,"
    " bi BINARY(8), vb VARBINARY(40), bl BLOB,"
    " dt DATE, t0 DATETIME, t3 DATETIME(3), t6 DATETIME(6), ts0 TIMESTAMP NULL, ts6 TIMESTAMP(6) NULL,"
    " tm TIME, tm6 TIME(6), y YEAR,"
    " e ENUM('small','medium','it''s large','\xc3\xa9norme'), st SET('a','b','cd','e'), bt BIT(1), bt64 "
    "BIT(64), j JSON)",
};

/// Column values of every_type after id, as SQL, from one number n: SQL expressions so that one INSERT ...
/// SELECT can fill the table. `n` is an SQL expression of an integer.
std::string every_type_expressions(const std::string& n) {
    const char* text =
        "$n % 256 - 128, $n % 256, $n % 2, $n % 65536 - 32768, $n % 65536,"
        " $n % 16777216 - 8388608, $n % 16777216, $n * 7919 - 2000000000, $n * 7919,"
        " $n * 92233720368 - 9223372036854775807, 18446744073709551615 - $n,"
        " $n / 100, -$n / 1000, $n * 12345678901234567.0123456789, -$n * 0.000000000000000000000000000001, "
        "$n % 100000,"
        " $n / 7, $n / 3 * 1e10,"
        " CONCAT('c', $n), CONCAT('v\\\\ \\'\\t\\n', $n, '\xf0\x9f\x98\x80'), CONCAT('\xc3\xbc\xe2\x82\xac', "
        "$n),"
        " REPEAT(CONCAT('long ', $n), $n % 20),"
        " CONCAT($n % 10000, ''), UNHEX(LEFT(SHA2($n, 256), 16)), UNHEX(CONCAT('00', LEFT(SHA2($n, 224), "
        "40))),"
        " '2000-01-01' + INTERVAL $n % 40000 DAY, '1970-01-01' + INTERVAL $n * 1000 SECOND,"
        " '1999-12-31 23:59:59.999' + INTERVAL $n SECOND, '2038-01-19 03:14:07.123456' + INTERVAL $n SECOND,"
        " '2001-01-01' + INTERVAL $n MINUTE, '2001-01-01 00:00:00.000001' + INTERVAL $n MINUTE,"
        " SEC_TO_TIME($n % 6000000 - 3000000), SEC_TO_TIME($n % 6000 / 7 - 400), 1901 + $n % 255,"
        " $n % 4 + 1, $n % 16, $n % 2, $n * 1000003,"
        " CONCAT('{\"n\": ', $n, ', \"list\": [1.5, true, null, \"x\\\\\\\\u00e9\"], \"big\": "
        "18446744073709551615}')";
    std::string out = text;
    size_t at = 0;
    while ((at = out.find("$n", at)) != std::string::npos) out.replace(at, 2, n);
    return out;
}

}  // namespace

void create_shop(MysqlConnection& connection, const std::string& database, uint32_t rows) {
    connection.execute("DROP DATABASE IF EXISTS " + database);
    connection.execute("CREATE DATABASE " + database + " CHARACTER SET utf8mb4");
    connection.execute("USE " + database);
    for (const char* table : kTables) connection.execute(table);
    connection.execute("CREATE TEMPORARY TABLE digits (d INT)");
    connection.execute("INSERT INTO digits VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)");
    for (const char* name : {"d2", "d3", "d4", "d5"}) {
        connection.execute(fmt::format("CREATE TEMPORARY TABLE {} AS SELECT * FROM digits", name));
    }
    connection.execute(
        "CREATE TEMPORARY TABLE numbers AS SELECT digits.d + 10 * d2.d + 100 * d3.d + 1000 * d4.d + 10000 * "
        "d5.d AS n"
        " FROM digits, d2, d3, d4, d5");
    const std::string from = fmt::format(" FROM numbers WHERE n < {} ORDER BY n", rows);
    connection.execute("INSERT INTO by_int SELECT n * 3 - 1000, n, CONCAT('row ', n), n / 7" + from);
    connection.execute(
        "INSERT INTO by_pair SELECT n % 50, '2020-01-01' + INTERVAL n % 900 DAY, n, n, CONCAT('p', n)" +
        from);
    connection.execute(
        "INSERT INTO by_text SELECT CONCAT(ELT(n % 4 + 1, 'Ab', 'aB', '\xc3\xa9', 'z_'), LEFT(SHA2(n, 256), "
        "32)), n, REPEAT('x', n % 50)" +
        from);
    connection.execute("INSERT INTO every_type SELECT n, " + every_type_expressions("n") + from);
}

ShopWriter::ShopWriter(MysqlConnection& connection, std::string database, uint32_t rows, uint64_t seed)
    : connection_(connection),
      database_(std::move(database)),
      rows_(rows),
      next_id_(rows * 4),
      random_(seed) {
    connection_.execute("USE " + database_);
}

uint64_t ShopWriter::run(uint64_t changes, const std::atomic<bool>& stop) {
    changes_ = 0;
    while (changes_ < changes && !stop) transaction();
    return changes_;
}

void ShopWriter::transaction() {
    uint32_t kind = below(10);
    if (kind < 5) {
        statement();
        return;
    }
    uint64_t before = changes_;
    connection_.execute("BEGIN");
    for (uint32_t i = 0, n = 1 + below(12); i < n; ++i) statement();
    if (kind == 9) {
        connection_.execute("ROLLBACK");
        changes_ = before;
    } else {
        connection_.execute("COMMIT");
    }
}

void ShopWriter::statement() {
    auto run = [this](const std::string& sql, uint64_t changed) {
        connection_.execute(sql);
        changes_ += changed;
    };
    const uint32_t id = below(rows_);
    switch (below(16)) {
        case 0: {
            std::string values;
            uint32_t n = 1 + below(20);
            for (uint32_t i = 0; i < n; ++i, ++next_id_) {
                values +=
                    fmt::format("{}({}, {}, 'new {}', NULL)", i ? "," : "", next_id_, below(1000), next_id_);
            }
            return run("INSERT INTO by_int VALUES " + values, n);
        }
        case 1:
            return run(fmt::format("UPDATE by_int SET a = {}, b = IF(a % 2, NULL, 'changed'), c = {} / 13"
                                   " WHERE id BETWEEN {} AND {}",
                                   below(100000), below(100000), id * 3 - 1000, id * 3 - 1000 + 60),
                       20);
        case 2:  // a key change, to a key that may have been used and left before
            return run(fmt::format("UPDATE IGNORE by_int SET id = {} WHERE id = {}",
                                   -static_cast<int>(below(5000)) - 2000, id * 3 - 1000),
                       1);
        case 3:
            return run(
                fmt::format("DELETE FROM by_int WHERE id BETWEEN {} AND {}", id * 3 - 1000, id * 3 - 995), 2);
        case 4:
            return run(
                fmt::format("REPLACE INTO by_int VALUES ({}, {}, 'back', 0.5)", id * 3 - 1000, below(1000)),
                1);
        case 5:
            return run(fmt::format("INSERT INTO by_pair VALUES ({}, '2024-02-29', {}, {}, 'n')"
                                   " ON DUPLICATE KEY UPDATE a = a + 1",
                                   below(60), below(rows_), below(1000)),
                       1);
        case 6:
            return run(
                fmt::format("UPDATE by_pair SET a = a + 1, b = NULL WHERE k3 BETWEEN {} AND {} AND k1 = {}",
                            id, id + 500, below(50)),
                10);
        case 7:  // key changes of many rows at once
            return run(fmt::format("UPDATE IGNORE by_pair SET k2 = k2 + INTERVAL 1 DAY WHERE k1 = {} AND k3 "
                                   "BETWEEN {} AND {}",
                                   below(50), id, id + 300),
                       6);
        case 8:
            return run(fmt::format("DELETE FROM by_pair WHERE k1 = {} AND k3 BETWEEN {} AND {}", below(50),
                                   id, id + 100),
                       2);
        case 9:
            return run(fmt::format("INSERT IGNORE INTO by_text VALUES ('New{}', {}, '\xf0\x9f\x9a\x80')",
                                   below(20000), id),
                       1);
        case 10:  // only the letter case of the key changes: the same key there, another here
            return run(
                fmt::format("UPDATE IGNORE by_text SET k = IF(HEX(k) = HEX(UPPER(k)), LOWER(k), UPPER(k))"
                            " WHERE k = CONCAT(ELT({} % 4 + 1, 'Ab', 'aB', '\xc3\xa9', 'z_'), LEFT(SHA2({}, "
                            "256), 32))",
                            id, id),
                1);
        case 11:
            return run(fmt::format("DELETE FROM by_text WHERE k = CONCAT(ELT({} % 4 + 1, 'Ab', 'aB', "
                                   "'\xc3\xa9', 'z_'), LEFT(SHA2({}, 256), 32))",
                                   id, id),
                       1);
        case 12:
            return run(fmt::format("REPLACE INTO every_type SELECT {}, {}", next_id_++,
                                   every_type_expressions(std::to_string(id))),
                       1);
        case 13:
            return run(
                fmt::format("UPDATE every_type SET t = NULL, d4 = -d4, f = {} / 9, v = 'new', ts6 = ts6 + "
                            "INTERVAL 1 DAY,"
                            " tm6 = NULL, e = 'it''s large', st = '', j = '[{}, \"x\", {{}}]', bl = NULL"
                            " WHERE id BETWEEN {} AND {}",
                            below(1000), below(1000), id, id + 10),
                10);
        case 14:  // another key
            return run(fmt::format("UPDATE IGNORE every_type SET id = {} WHERE id = {}",
                                   next_id_++ + 18000000000000000000ull, id),
                       1);
        default:
            return run(fmt::format("DELETE FROM every_type WHERE id BETWEEN {} AND {}", id, id + 1), 2);
    }
}

}  // namespace penstock::test
