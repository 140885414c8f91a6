#include "support/column_kinds.h"

#include <cmath>
#include <cstdio>
#include <initializer_list>
#include <utility>

#include "base/byte_reader.h"
#include "source/mysql_connection.h"

namespace penstock::test {

uint64_t below(Random& random, uint64_t limit) {
    return random() % limit;
}

std::string hex_literal(std::string_view bytes, const std::string& introducer) {
    return introducer + "x'" + hex_digits(bytes) + "'";
}

namespace {

void append_utf8(std::string& text, uint32_t c) {
    if (c < 0x80) {
        text += static_cast<char>(c);
    } else if (c < 0x800) {
        text += static_cast<char>(0xc0 | c >> 6);
        text += static_cast<char>(0x80 | (c & 63));
    } else if (c < 0x10000) {
        text += static_cast<char>(0xe0 | c >> 12);
        text += static_cast<char>(0x80 | (c >> 6 & 63));
        text += static_cast<char>(0x80 | (c & 63));
    } else {
        text += static_cast<char>(0xf0 | c >> 18);
        text += static_cast<char>(0x80 | (c >> 12 & 63));
        text += static_cast<char>(0x80 | (c >> 6 & 63));
        text += static_cast<char>(0x80 | (c & 63));
    }
}

}  // namespace

std::string any_text(Random& random, size_t limit) {
    static constexpr uint32_t kRanges[][2] = {{0x01, 0x7f},       {0x20, 0x7e},     {0xa0, 0xff},
                                              {0x400, 0x45f},     {0x3041, 0x3096}, {0x4e00, 0x9fa5},
                                              {0x1f600, 0x1f64f}, {0x20, 0x20}};
    std::string text;
    for (size_t i = below(random, limit + 1); i > 0; --i) {
        const auto& range = kRanges[below(random, std::size(kRanges))];
        append_utf8(text, range[0] + static_cast<uint32_t>(below(random, range[1] - range[0] + 1)));
    }
    return text;
}

std::string text_literal(Random& random, size_t limit) {
    return hex_literal(any_text(random, limit), "_utf8mb4 ");
}

namespace {

// Numbers of all magnitudes, not only huge ones.
int64_t any_int(Random& random, int bits, bool is_unsigned) {
    uint64_t value = random() >> below(random, 64);
    if (bits < 64) value &= (uint64_t{1} << bits) - 1;
    if (is_unsigned || bits == 64) return static_cast<int64_t>(value);
    return static_cast<int64_t>(value << (64 - bits)) >> (64 - bits);
}

std::string digits(Random& random, size_t count) {
    std::string text;
    for (size_t i = 0; i < count; ++i) text += static_cast<char>('0' + below(random, 10));
    return text;
}

std::string any_decimal(Random& random, uint32_t precision, uint32_t scale, bool is_unsigned) {
    std::string text = !is_unsigned && below(random, 2) != 0 ? "-" : "";
    text += '0' + digits(random, below(random, precision - scale + 1));
    if (scale > 0) text += '.' + digits(random, below(random, scale + 1)) + '0';
    return text;
}

std::string any_double(Random& random) {
    char text[40];
    if (below(random, 3) == 0) {
        std::snprintf(text, sizeof text, "%d.%de0", static_cast<int>(below(random, 1000)),
                      static_cast<int>(below(random, 1000)));
        return text;
    }
    double value =
        (static_cast<double>(random()) - 9e18) * std::pow(10.0, static_cast<int>(below(random, 600)) - 320);
    std::snprintf(text, sizeof text, "%.17e", value);
    return text;
}

std::string two(uint64_t value) {
    return (value < 10 ? "0" : "") + std::to_string(value);
}

std::string any_date(Random& random) {
    return std::to_string(1000 + below(random, 9000)) + '-' + two(1 + below(random, 12)) + '-' +
           two(1 + below(random, 28));
}
std::string any_clock(Random& random, uint32_t fsp) {
    std::string text = two(below(random, 24)) + ':' + two(below(random, 60)) + ':' + two(below(random, 60));
    return fsp == 0 ? text : text + '.' + digits(random, fsp);
}

std::string any_bytes(Random& random, size_t limit) {
    std::string bytes;
    for (size_t i = below(random, limit + 1); i > 0; --i) bytes += static_cast<char>(below(random, 256));
    return bytes;
}

std::string any_json(Random& random, int depth) {
    switch (below(random, depth > 3 ? 6 : 9)) {
        case 0:
            return std::to_string(any_int(random, 64, false));
        case 1:
            return std::to_string(static_cast<uint64_t>(random()));
        case 2:
            return any_double(random);
        case 3: {
            std::string quoted = "\"";
            for (char c : any_text(random, 8)) {
                if (c == '"' || c == '\\') quoted += '\\';
                if (static_cast<uint8_t>(c) >= 0x20) quoted += c;
            }
            return quoted + "\"";
        }
        case 4:
            return below(random, 3) == 0 ? "null" : below(random, 2) == 0 ? "true" : "false";
        case 5:
            return std::to_string(any_int(random, 16, false));
        case 6: {
            std::string text = "[";
            for (size_t i = below(random, 5); i > 0; --i)
                text += any_json(random, depth + 1) + (i > 1 ? "," : "");
            return text + "]";
        }
        default: {
            std::string text = "{";
            for (size_t i = below(random, 5); i > 0; --i) {
                text += "\"" + digits(random, below(random, 4)) + "k\":" + any_json(random, depth + 1) +
                        (i > 1 ? "," : "");
            }
            return text + "}";
        }
    }
}

std::string any_point(Random& random) {
    return any_double(random) + " " + std::to_string(any_int(random, 16, false));
}

// Well-formed text of a geometry of this kind; "geometry" takes any.
std::string any_geometry(Random& random, const std::string& kind) {
    static constexpr const char* kKinds[] = {
        "point",           "linestring",   "polygon",           "multipoint",
        "multilinestring", "multipolygon", "geometrycollection"};
    if (kind == "geometry") return any_geometry(random, kKinds[below(random, std::size(kKinds))]);
    std::string at = std::to_string(any_int(random, 16, false));
    std::string line = "(" + any_point(random) + "," + any_point(random) + ",7 0.1)";
    std::string ring = "((" + at + " 0,1e9 0,1e9 0.5," + at + " 0))";
    if (kind == "point") return "point(" + any_point(random) + ")";
    if (kind == "linestring") return kind + line;
    if (kind == "polygon") return kind + ring;
    if (kind == "multipoint") return "multipoint(" + any_point(random) + "," + any_point(random) + ")";
    if (kind == "multilinestring") return "multilinestring(" + line + "," + line + ")";
    if (kind == "multipolygon") return "multipolygon(" + ring + ")";
    return "geometrycollection(point(" + any_point(random) + "),linestring" + line + ")";
}

std::string any_hex(Random& random, size_t digits_wanted) {
    std::string text;
    while (text.size() < digits_wanted) text += "0123456789abcdef"[below(random, 16)];
    return text;
}

std::string quoted(const std::string& text) {
    return "'" + text + "'";
}

}  // namespace

std::vector<ColumnKind> column_kinds(const ServerInfo& info) {
    const bool mariadb = info.mariadb();
    std::vector<ColumnKind> columns;
    auto add = [&](std::string type, std::function<std::string(Random&)> literal,
                   std::vector<std::string> edges = {}) {
        columns.push_back({std::move(type), std::move(literal), std::move(edges)});
    };
    auto text = [](size_t limit) { return [=](Random& r) { return text_literal(r, limit); }; };
    auto bytes = [](size_t limit) { return [=](Random& r) { return hex_literal(any_bytes(r, limit)); }; };

    for (auto [name, bits] : std::initializer_list<std::pair<const char*, int>>{
             {"tinyint", 8}, {"smallint", 16}, {"mediumint", 24}, {"int", 32}, {"bigint", 64}}) {
        int width = bits;
        uint64_t top = ~uint64_t{0} >> (64 - width);
        add(name, [=](Random& r) { return std::to_string(any_int(r, width, false)); },
            {"0", "-1", std::to_string(top >> 1), "-" + std::to_string((top >> 1) + 1)});
        add(std::string(name) + " unsigned",
            [=](Random& r) { return std::to_string(static_cast<uint64_t>(any_int(r, width, true))); },
            {"0", std::to_string(top)});
    }
    add("tinyint(1)", [](Random& r) { return std::to_string(any_int(r, 8, false)); }, {"0", "1", "2", "-1"});
    add("int(9) unsigned zerofill", [](Random& r) { return std::to_string(below(r, 100000)); },
        {"0", "4294967295"});
    for (auto [precision, scale] : std::initializer_list<std::pair<uint32_t, uint32_t>>{{1, 0},
                                                                                        {5, 5},
                                                                                        {9, 2},
                                                                                        {10, 0},
                                                                                        {18, 9},
                                                                                        {19, 4},
                                                                                        {30, 30},
                                                                                        {38, 10},
                                                                                        {39, 1},
                                                                                        {65, 0},
                                                                                        {65, 30}}) {
        uint32_t p = precision, s = scale;
        std::string most =
            std::string(p - s, '9') + (s > 0 ? (p == s ? "0." : ".") + std::string(s, '9') : "");
        add("decimal(" + std::to_string(p) + "," + std::to_string(s) + ")",
            [=](Random& r) { return any_decimal(r, p, s, false); }, {"0", "-0", most, "-" + most});
    }
    add("decimal(12,3) unsigned zerofill", [](Random& r) { return any_decimal(r, 12, 3, true); },
        {"0", "1.5"});
    std::vector<std::string> real_edges = {
        "0",    "-0e0", "1e0/3",     "16777217", "1e-320", "3.4028234663852886e38", "1.17549435e-38",
        "-2.5", "1e15", "123456.789"};
    add("float", any_double, real_edges);
    add("float unsigned", [](Random& r) { return std::to_string(below(r, 100000)) + ".25"; }, {"0", "0.1"});
    add("float(7,3)", [](Random& r) { return std::to_string(below(r, 9999)) + "." + digits(r, 3); },
        {"-1.005"});
    add("double", any_double,
        {"0", "-0e0", "1e0/3", "1.7976931348623157e308", "5e-324", "9007199254740993", "1e22"});
    add("double(12,4)", [](Random& r) { return std::to_string(below(r, 9999999)) + "." + digits(r, 5); },
        {"-0.0001"});
    for (int width : {1, 7, 8, 9, 31, 33, 63, 64}) {
        add("bit(" + std::to_string(width) + ")",
            [=](Random& r) { return std::to_string(static_cast<uint64_t>(any_int(r, width, true))); },
            {"0", "1", std::to_string(~uint64_t{0} >> (64 - width))});
    }
    for (const char* charset :
         {"utf8mb4", "utf8mb3", "ascii", "latin1", "latin2", "cp1251", "koi8r", "greek", "sjis", "cp932",
          "ujis", "gbk", "big5", "euckr", "gb2312", "ucs2", "utf16", "utf32"}) {
        add(std::string("varchar(40) character set ") + charset, text(40), {"''", "' '", "'a  '"});
        add(std::string("char(20) character set ") + charset, text(20), {"''", "' '", "' a  '"});
    }
    add("char(255) character set utf8mb4", text(80), {"repeat('\xe2\x82\xac', 255)"});
    add("varchar(300) character set latin1", text(40), {"repeat(_latin1 x'80', 300)"});
    add("tinytext", text(50), {"''"});
    add("text character set latin1", text(300), {"repeat('x', 65535)"});
    add("mediumtext", text(300), {"repeat('y', 70000)"});
    add("longtext character set cp1251", text(300), {"''"});
    add("binary(1)", bytes(1), {"x'00'", "x'20'"});
    add("binary(20)", bytes(20), {"x'00'", "x'0000ff'", "x'2020'", "''", "repeat(x'00', 20)"});
    add("binary(255)", bytes(255), {"repeat(x'20', 255)"});
    add("varbinary(300)", bytes(300), {"x'00'", "x'2000'"});
    add("tinyblob", bytes(255));
    add("blob", bytes(1000), {"repeat(x'ff', 65535)"});
    add("mediumblob", bytes(1000));
    add("longblob", bytes(1000), {"repeat(x'00', 200000)"});
    add("date", [](Random& r) { return quoted(any_date(r)); },
        {"'0000-00-00'", "'2024-00-15'", "'2024-02-00'", "'0000-05-01'", "'1900-01-01'", "'1899-12-31'",
         "'2299-12-31'", "'2300-01-01'", "'9999-12-31'", "'1970-01-01'", "'1969-12-31'", "'2024-02-29'",
         "'2023-02-30'"});
    for (uint32_t fsp = 0; fsp <= 6; ++fsp) {
        std::string n = "(" + std::to_string(fsp) + ")";
        std::string most = fsp == 0 ? "" : "." + std::string(fsp, '9'),
                    least = fsp == 0 ? "" : "." + std::string(fsp - 1, '0') + "1";
        add("datetime" + n, [=](Random& r) { return quoted(any_date(r) + ' ' + any_clock(r, fsp)); },
            {"'0000-00-00 00:00:00'", "'2024-00-00 10:11:12'", "'2299-12-31 23:59:59" + most + "'",
             "'9999-12-31 23:59:59" + most + "'", "'1000-01-01 00:00:00'",
             "'1969-12-31 23:59:59" + most + "'", "'1900-01-01 00:00:00" + least + "'",
             "'2024-02-30 00:00:00'"});
        add("timestamp" + n + " null",
            [=](Random& r) {
                return quoted(std::to_string(1971 + below(r, 66)) + any_date(r).substr(4) + ' ' +
                              any_clock(r, fsp));
            },
            {"'0000-00-00 00:00:00'", "'1970-01-01 00:00:01" + least + "'",
             "'2038-01-19 03:14:07" + most + "'"});
        add("time" + n,
            [=](Random& r) {
                return quoted((below(r, 2) ? "-" : "") + std::to_string(below(r, 838)) +
                              any_clock(r, fsp).substr(2));
            },
            {"'00:00:00'", "'-838:59:59'", "'838:59:59'", "'-00:00:00" + least + "'",
             "'-00:00:01" + most + "'", "'-01:00:00'"});
    }
    add("year", [](Random& r) { return std::to_string(1901 + below(r, 255)); }, {"0", "1901", "2155"});
    add("enum('','a','b\xc3\xa9','c,d','it''s')", [](Random& r) { return std::to_string(below(r, 6)); },
        {"0", "'nope'"});
    add("enum('\xc3\xa9t\xc3\xa9','\xe2\x82\xac') character set latin1",
        [](Random& r) { return std::to_string(below(r, 3)); });
    std::string many;
    for (int i = 1; i <= 300; ++i) many += (i > 1 ? ",'m" : "'m") + std::to_string(i) + "'";
    add("enum(" + many + ")", [](Random& r) { return std::to_string(below(r, 301)); }, {"300"});
    for (uint32_t size : {3u, 9u, 17u, 33u, 64u}) {
        std::string members;
        for (uint32_t i = 0; i < size; ++i)
            members += (i > 0 ? ",'\xc3\xbc" : "'\xc3\xbc") + std::to_string(i) + "'";
        add("set(" + members + ")",
            [=](Random& r) {
                return std::to_string(static_cast<uint64_t>(any_int(r, static_cast<int>(size), true)));
            },
            {"0", std::to_string(~uint64_t{0} >> (64 - size))});
    }
    add("json", [](Random& r) { return hex_literal(any_json(r, 0), "_utf8mb4 "); },
        {"'{}'", "'[]'", "'null'", "'\"\"'", "'{\"a\": [1, {\"b\": null}], \"\": true}'",
         "'{\"bb\": 1, \"a\": 2, \"ccc\": 3}'",
         "'\"\\\\u0001\\\\b\\\\f\\\\n\\\\r\\\\t\\\\\"\\\\\\\\/\\\\u20ac\"'",
         "'[1e15, 1e14, 1e-15, 1e-16, -0.0, 0.1, 1e308, 5e-324, 123456789012345678]'",
         "concat('[\"', repeat('z', 70000), '\", 65536, -32769, 4294967296]')",
         "concat('{\"', repeat('k', 200), '\": [', repeat('100000,', 20000), '1]}')"});
    for (const char* name : {"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring",
                             "multipolygon", "geometrycollection"}) {
        std::string kind = name;
        add(kind, [=](Random& r) { return "ST_GeomFromText('" + any_geometry(r, kind) + "')"; });
    }
    if (mariadb ? info.at_least(11, 7) : info.at_least(9, 0)) {
        std::string from_text = mariadb ? "VEC_FromText('[" : "STRING_TO_VECTOR('[";
        add("vector(3)", [=](Random& r) {
            return from_text + std::to_string(any_int(r, 20, false)) + ",0.1,-1e" +
                   std::to_string(below(r, 38)) + "]')";
        });
    }
    if (mariadb) {
        add("uuid",
            [](Random& r) {
                return quoted(any_hex(r, 8) + "-" + any_hex(r, 4) + "-" + any_hex(r, 4) + "-" +
                              any_hex(r, 4) + "-" + any_hex(r, 12));
            },
            {"'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"});
        add("inet6", [](Random& r) { return quoted(any_hex(r, 4) + "::" + any_hex(r, below(r, 5))); },
            {"'::'", "'::ffff:192.0.2.1'"});
        if (info.at_least(10, 10)) {
            add("inet4",
                [](Random& r) {
                    return quoted(std::to_string(below(r, 256)) + ".0.255." + std::to_string(below(r, 256)));
                },
                {"'0.0.0.0'", "'255.255.255.255'"});
        }
        add("varchar(200) compressed", text(200), {"''", "repeat('a', 200)"});
        add("varbinary(300) compressed", bytes(300), {"''", "repeat(x'61', 300)"});
        add("mediumtext compressed character set latin1", text(300), {"repeat('d', 100000)"});
        add("blob compressed", bytes(1000), {"repeat(x'00', 65535)"});
    }
    if (!mariadb) {
        add("json",
            [](Random& r) {
                return "json_array(cast(" + any_decimal(r, 30, 10, false) + " as decimal(30,10)), cast('" +
                       any_clock(r, 6) + "' as time(6)), cast('" + any_date(r) + "' as date), cast('" +
                       any_date(r) + " 01:02:03.4' as datetime(3)), " + hex_literal(any_bytes(r, 200)) +
                       ", cast(0.1e0 as float), " + any_double(r) + ")";
            },
            {"json_object('d', 0.50, 'n', cast(-123456789.987654321 as decimal(40,20)), 't', "
             "cast('-01:02:03.5' as "
             "time(1)), 'y', cast(2024 as year), 'ts', cast('2024-01-02 03:04:05' as datetime), 'b', "
             "b'1010', 'c', "
             "repeat(x'61', 57), 'e', repeat(x'61', 58))"});
    }
    return columns;
}

}  // namespace penstock::test
