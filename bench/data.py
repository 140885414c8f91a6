"""Tables of the workloads, and their rows: made by ClickHouse as text, loaded by LOAD DATA LOCAL."""

DATABASE = "bench"

# name -> (columns of CREATE TABLE, the SELECT list that makes row `number`)
# Hashes and not rand(): the same rows in every run, and rand() of a constant range is one value for many rows.
SYSBENCH = ("id INT NOT NULL PRIMARY KEY, k INT NOT NULL, c CHAR(120) NOT NULL, pad CHAR(60) NOT NULL",
            "number + 1, cityHash64(number) % 1000000, arrayStringConcat(arrayMap(i -> leftPad(toString(cityHash64(number, i) % 100000000000), 11, '0'),"
            " range(10)), '-'), arrayStringConcat(arrayMap(i -> leftPad(toString(cityHash64(number, i + 20) % 100000000000), 11, '0'),"
            " range(5)), '-')")


def wide():
    """100 columns of the types that both sides know."""
    kinds = [("INT", "toInt32(rand({i}) % 2000000000)"), ("BIGINT", "toInt64(rand64({i}) % 4000000000000000000)"),
             ("SMALLINT", "rand({i}) % 30000"), ("DOUBLE", "rand({i}) / 7"), ("DECIMAL(12,2)", "rand({i}) % 1000000 / 100"),
             ("VARCHAR(40)", "hex(rand64({i}))"), ("DATETIME", "toDateTime(rand({i}) % 1600000000 + 86400)"),
             ("DATE", "toDate(rand({i}) % 20000 + 1)"), ("TEXT", "hex(rand64({i}))"),
             ("INT", "if(rand({i}) % 3 = 0, NULL, toInt32(rand({j}) % 1000))")]
    columns, values = ["id INT NOT NULL PRIMARY KEY"], ["number + 1"]
    for i in range(1, 100):
        kind, value = kinds[i % len(kinds)]
        columns.append(f"c{i} {kind}" + (" NOT NULL" if i % len(kinds) != 9 else ""))
        values.append(value.format(i=i, j=i + 1000))
    return ", ".join(columns), ", ".join(values)


TABLES = {
    "snapshot-narrow": (10_000_000, "id INT NOT NULL PRIMARY KEY, a INT NOT NULL, b INT NOT NULL, c BIGINT NOT NULL, d BIGINT NOT NULL",
                        "number + 1, toInt32(rand(1) / 3), toInt32(rand(2) / 3), rand64(3) % 1000000000, rand(4)"),
    "snapshot-sysbench": (5_000_000, *SYSBENCH),
    "snapshot-wide": (500_000, *wide()),
    "snapshot-text": (1_000_000, "id INT NOT NULL PRIMARY KEY, body TEXT NOT NULL",
                      "number + 1, arrayStringConcat(arrayMap(i -> hex(cityHash64(number, i)), range(125)), ' ')"),
    # Half of the keys lie close together, the rest far apart: two clusters at the ends of the range.
    "snapshot-skewed": (5_000_000, SYSBENCH[0].replace("id INT", "id BIGINT"),
                        "if(number % 2 = 0, toInt64(number), toInt64(number) * toInt64(900000000000)) + 1" +
                        SYSBENCH[1].removeprefix("number + 1")),
    "snapshot-uuid": (3_000_000, SYSBENCH[0].replace("id INT NOT NULL", "id CHAR(36) CHARACTER SET ascii NOT NULL"),
                      "toString(generateUUIDv4())" + SYSBENCH[1].removeprefix("number + 1")),
}


def create(source, name, columns, more=""):
    source.sql(f"CREATE DATABASE IF NOT EXISTS {DATABASE}; DROP TABLE IF EXISTS {DATABASE}.{name}; "
               f"CREATE TABLE {DATABASE}.{name} ({columns}{more}) CHARACTER SET utf8mb4;")


def fill(lab, source, name, values, rows, first=0, log=False):
    """Rows in the order of their keys, several files at a time being more than one server would thank us for."""
    path = lab.files / f"{name}.tsv"
    if not path.exists():
        lab.clickhouse.query_to_file(f"SELECT {values} FROM numbers({first}, {rows}) ORDER BY 1 FORMAT TSV", path,
                                     max_bytes_before_external_sort=1 << 30)
    source.sql(("" if log else "SET sql_log_bin = 0; ") + "SET unique_checks = 0; "
               f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE {DATABASE}.{name};"
               f"ANALYZE TABLE {DATABASE}.{name};")
