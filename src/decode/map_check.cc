#include "decode/map_check.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "decode/charset.h"
#include "decode/event_types.h"

namespace penstock {

namespace {

constexpr const char* kHint = "The table was altered at the source; resync the table";

// What a table map's column is, in SQL's words as far as the map tells.
std::string describe(const TableMapColumn& column) {
    std::string n = std::to_string(column.metadata);
    switch (column.type) {
        case kTinyField:
            return "tinyint";
        case kShortField:
            return "smallint";
        case kInt24Field:
            return "mediumint";
        case kLongField:
            return "int";
        case kLongLongField:
            return "bigint";
        case kFloatField:
            return "float";
        case kDoubleField:
            return "double";
        case kNewDecimalField:
            return "decimal(" + std::to_string(column.metadata >> 8) + ',' +
                   std::to_string(column.metadata & 0xff) + ')';
        case kBitField:
            return "bit(" + n + ')';
        case kDateField:
        case kNewDateField:
            return "date";
        case kTimeField:
            return "time (old format)";
        case kDateTimeField:
            return "datetime (old format)";
        case kTimestampField:
            return "timestamp (old format)";
        case kTime2Field:
            return "time(" + n + ')';
        case kDateTime2Field:
            return "datetime(" + n + ')';
        case kTimestamp2Field:
            return "timestamp(" + n + ')';
        case kYearField:
            return "year";
        case kStringField:
            return "char or binary of " + n + " bytes";
        case kVarcharField:
            return "varchar or varbinary of " + n + " bytes";
        case kBlobField:
            return "text or blob with " + n + " bytes of length";
        case kEnumField:
            return "enum of " + n + " bytes";
        case kSetField:
            return "set of " + n + " bytes";
        case kJsonField:
            return "json";
        case kMariadbBlobCompressedField:
        case kMariadbVarcharCompressedField:
            return "a COMPRESSED column of " + n + " bytes";
        case kGeometryField:
            return "geometry";
        case kVectorField:
            return "vector";
        default:
            return "type number " + std::to_string(column.type);
    }
}

// Most bytes of one character; 0 when this file does not know.
uint32_t bytes_per_character(const std::string& charset) {
    if (charset == "utf8mb4" || charset == "utf16" || charset == "utf16le" || charset == "utf32") return 4;
    if (charset == "utf8mb3" || charset == "utf8") return 3;
    if (charset == "ucs2" || charset == "gbk" || charset == "sjis" || charset == "cp932" ||
        charset == "big5" || charset == "gb2312" || charset == "euckr") {
        return 2;
    }
    if (charset == "ascii" || charset.starts_with("latin") || charset.starts_with("cp")) return 1;
    return 0;
}

bool characters_match(const SourceColumn& recorded, uint32_t bytes) {
    uint32_t each = bytes_per_character(recorded.charset);
    return each != 0 ? bytes == recorded.length * each
                     : bytes >= recorded.length && bytes <= recorded.length * 4;
}

// Bytes of the length of a TEXT or BLOB by its SQL name; 0 for a name that is not one.
uint32_t length_bytes(const std::string& column_type) {
    if (column_type.starts_with("tiny")) return 1;
    if (column_type.starts_with("text") || column_type.starts_with("blob")) return 2;
    if (column_type.starts_with("medium")) return 3;
    if (column_type.starts_with("long")) return 4;
    return 0;
}

bool temporal_matches(const SourceColumn& recorded, const TableMapColumn& came, uint8_t type,
                      uint8_t old_type) {
    if (came.type == type) return came.metadata == recorded.fsp;
    return came.type == old_type;  // whose map does not tell its digits
}

bool matches(const SourceColumn& recorded, const TableMapColumn& came) {
    const uint8_t varchar_field = recorded.compressed ? kMariadbVarcharCompressedField : kVarcharField;
    const uint8_t blob_field = recorded.compressed ? kMariadbBlobCompressedField : kBlobField;
    const uint32_t head = recorded.compressed ? 1 : 0;  // the byte in front counts
    switch (recorded.type) {
        case SourceType::kTinyInt:
            return came.type == kTinyField;
        case SourceType::kSmallInt:
            return came.type == kShortField;
        case SourceType::kMediumInt:
            return came.type == kInt24Field;
        case SourceType::kInt:
            return came.type == kLongField;
        case SourceType::kBigInt:
            return came.type == kLongLongField;
        case SourceType::kDecimal:
            return came.type == kNewDecimalField &&
                   came.metadata == (recorded.precision << 8 | recorded.scale);
        case SourceType::kFloat:
            return came.type == kFloatField && came.metadata == 4;
        case SourceType::kDouble:
            return came.type == kDoubleField && came.metadata == 8;
        case SourceType::kBit:
            return came.type == kBitField && came.metadata == recorded.length;
        case SourceType::kChar:
            return came.type == kStringField && characters_match(recorded, came.metadata);
        case SourceType::kVarChar:
            return came.type == varchar_field && characters_match(recorded, came.metadata - head);
        case SourceType::kText:
        case SourceType::kBlob: {
            uint32_t bytes = length_bytes(recorded.column_type);
            return came.type == blob_field && (bytes == 0 || came.metadata == bytes);
        }
        case SourceType::kBinary:
            return came.type == kStringField && came.metadata == recorded.length;
        case SourceType::kVarBinary:
            return came.type == varchar_field && came.metadata - head == recorded.length;
        case SourceType::kDate:
            return came.type == kDateField || came.type == kNewDateField;
        case SourceType::kDateTime:
            return temporal_matches(recorded, came, kDateTime2Field, kDateTimeField);
        case SourceType::kTimestamp:
            return temporal_matches(recorded, came, kTimestamp2Field, kTimestampField);
        case SourceType::kTime:
            return temporal_matches(recorded, came, kTime2Field, kTimeField);
        case SourceType::kYear:
            return came.type == kYearField;
        case SourceType::kEnum:
            return came.type == kEnumField && came.metadata == (recorded.labels.size() < 256 ? 1 : 2);
        case SourceType::kSet: {
            size_t bytes = (recorded.labels.size() + 7) / 8;
            return came.type == kSetField && came.metadata == (bytes > 4 ? 8 : bytes);
        }
        case SourceType::kJson:
            return came.type == kJsonField;
        case SourceType::kGeometry:
            return came.type == kGeometryField;
        case SourceType::kVector:
            return came.type == kVectorField ||
                   (came.type == kVarcharField && came.metadata == recorded.length);  // MariaDB
        case SourceType::kUuid:
        case SourceType::kInet6:
            return came.type == kStringField && came.metadata == 16;
        case SourceType::kInet4:
            return came.type == kStringField && came.metadata == 4;
        case SourceType::kUnsupported:
            return true;  // never copied
    }
    return false;
}

bool has_sign(SourceType type) {
    return type <= SourceType::kDouble;
}

// Labels of the map's ENUM columns, or of its SET columns, in order: per column a count, then the labels in
// the column's character set.
void check_labels(const TablePlan& plan, const TableMap& map, ByteSpan value, uint8_t type) {
    ByteReader reader(value, "binlog: labels of a table map");
    for (size_t i = 0; i < map.columns.size(); ++i) {
        if (map.columns[i].type != type) continue;
        const SourceColumn& recorded = plan.source.columns[i];
        std::unique_ptr<Transcoder> transcoder;
        if (!is_utf8(recorded.charset)) transcoder = Transcoder::make(recorded.charset);
        bool comparable = is_utf8(recorded.charset) || transcoder != nullptr;
        comparable = comparable && (recorded.type == SourceType::kEnum || recorded.type == SourceType::kSet);
        uint64_t count = reader.lenenc(), replaced = 0;
        bool same = count == recorded.labels.size();
        for (uint64_t label = 0; label < count; ++label) {
            std::string_view text = as_text(reader.lenenc_bytes());
            if (!same || !comparable) continue;
            if (transcoder != nullptr) text = transcoder->convert(text, replaced);
            same = text == recorded.labels[label];
        }
        if (same || !comparable) continue;
        throw Error(Disposition::kFailPipe, "decode",
                    "column " + recorded.name + " was recorded as " + recorded.column_type +
                        ", the binary log has other labels",
                    kHint)
            .at_table(plan.source.qualified_name());
    }
}

// Columns that the log has collations of; MariaDB counts geometries among them.
bool has_collation(uint8_t type, bool mariadb) {
    return type == kStringField || type == kVarcharField || type == kBlobField || type == kVectorField ||
           type == kMariadbBlobCompressedField || type == kMariadbVarcharCompressedField ||
           (mariadb && type == kGeometryField);
}

std::string_view recorded_charset(const SourceColumn& column) {
    switch (column.type) {
        case SourceType::kChar:
        case SourceType::kVarChar:
        case SourceType::kText:
            return column.charset.str();
        case SourceType::kBinary:
        case SourceType::kVarBinary:
        case SourceType::kBlob:
            return "binary";
        default:
            return {};  // of others the server's layout says it
    }
}

// Collations by column of the map, 0 for one that has none; none where they cannot be of a server of this
// kind. They come in the order of columns: one each, or the one of most, then place and collation of each
// other.
std::optional<std::vector<uint64_t>> read_collations(const TableMap& map, ByteSpan value, bool by_default,
                                                     bool mariadb) {
    ByteReader reader(value, "binlog: collations of a table map");
    std::vector<size_t> columns;
    for (size_t i = 0; i < map.columns.size(); ++i) {
        if (has_collation(map.columns[i].type, mariadb)) columns.push_back(i);
    }
    std::vector<uint64_t> collations(map.columns.size(), 0);
    if (by_default) {
        const uint64_t of_most = reader.lenenc();
        for (size_t i : columns) collations[i] = of_most;
    }
    for (size_t n = 0; !reader.empty(); ++n) {
        const uint64_t place = by_default ? reader.lenenc() : n;
        if (place >= columns.size()) return std::nullopt;
        collations[columns[place]] = reader.lenenc();
        if (!by_default && reader.empty() && n + 1 != columns.size()) return std::nullopt;
    }
    return collations;
}

// What is another character set than recorded, as a message; empty: nothing.
std::string charset_difference(const TablePlan& plan, const std::vector<uint64_t>& collations) {
    for (const TargetColumn& target : plan.columns) {
        const SourceColumn& recorded = plan.source.columns[target.source];
        const std::string_view before = recorded_charset(recorded);
        const std::string_view now =
            column_charset_of_collation(static_cast<uint16_t>(collations[target.source]));
        if (before.empty() || now.empty() || before == now) continue;
        return "column " + recorded.name + " was recorded as " + recorded.column_type.str() +
               " of character set " + std::string(before) + ", the binary log has it in " + std::string(now);
    }
    return {};
}

void check_charsets(const TablePlan& plan, const TableMap& map, ByteSpan value, bool by_default) {
    std::string difference;
    for (const bool mariadb : {false, true}) {  // the map does not tell which of them wrote it
        const auto collations = read_collations(map, value, by_default, mariadb);
        if (!collations) continue;
        difference = charset_difference(plan, *collations);
        if (difference.empty()) return;
    }
    if (difference.empty()) return;
    throw Error(Disposition::kFailPipe, "decode", difference, kHint).at_table(plan.source.qualified_name());
}

// The table's primary key by the log, in the order of columns: their places, each with the length of its
// prefix where one of them has one.
std::vector<uint32_t> read_primary_key(ByteSpan value, bool with_prefixes) {
    ByteReader reader(value, "binlog: primary key of a table map");
    std::vector<uint32_t> key;
    while (!reader.empty()) {
        key.push_back(static_cast<uint32_t>(reader.lenenc()));
        if (with_prefixes) reader.lenenc();
    }
    std::sort(key.begin(), key.end());
    return key;
}

void check_primary_key(const TablePlan& plan, const std::vector<uint32_t>& came) {
    std::vector<uint32_t> recorded = plan.source.key;
    std::sort(recorded.begin(), recorded.end());
    if (recorded == came) return;
    auto list = [&](const std::vector<uint32_t>& key) {
        std::string text;
        for (uint32_t i : key) {
            text += text.empty() ? "" : ", ";
            text += i < plan.source.columns.size() ? plan.source.columns[i].name.str() : "?";
        }
        return text.empty() ? std::string("none") : "(" + text + ")";
    };
    throw Error(
        Disposition::kFailPipe, "decode",
        "the primary key was recorded as " + list(recorded) + ", in the binary log it is " + list(came),
        kHint)
        .at_table(plan.source.qualified_name());
}

// MariaDB logs a hash for each unique index over columns that are too long for an index, behind all columns.
// A map without names does not tell them from others.
bool are_hash_columns(const TablePlan& plan, const TableMap& map) {
    const size_t recorded = plan.source.columns.size();
    if (!map.has_names && map.columns.size() - recorded > plan.source.hash_columns) return false;
    return std::all_of(map.columns.begin() + static_cast<std::ptrdiff_t>(recorded), map.columns.end(),
                       [&](const TableMapColumn& column) {
                           return column.type == kLongLongField &&
                                  (!map.has_names || column.name.starts_with("DB_ROW_HASH_"));
                       });
}

}  // namespace

void check_table_map(const TablePlan& plan, const TableMap& map) {
    auto refuse = [&](const std::string& message, const char* hint) {
        throw Error(Disposition::kFailPipe, "decode", message, hint).at_table(plan.source.qualified_name());
    };
    const std::vector<SourceColumn>& recorded = plan.source.columns;
    if (recorded.size() > map.columns.size() ||
        (recorded.size() < map.columns.size() && !are_hash_columns(plan, map))) {
        refuse("the table was recorded with " + std::to_string(recorded.size()) +
                   " columns, the binary log has " + std::to_string(map.columns.size()),
               "The table was altered at the source, or the pipe's user may not see all of its columns "
               "(penstock check tells); then resync the table");
    }
    if (map.first_unknown < map.columns.size()) {
        refuse("column " + recorded[map.first_unknown].name + " (" + recorded[map.first_unknown].column_type +
                   ") has a type that Penstock does not know: number " +
                   std::to_string(map.columns[map.first_unknown].type),
               "Rows of this table cannot be read; remove the table from the pipe");
    }
    for (size_t i = 0; i < recorded.size(); ++i) {
        const SourceColumn& column = recorded[i];
        const TableMapColumn& came = map.columns[i];
        bool copied = std::any_of(plan.columns.begin(), plan.columns.end(),
                                  [&](const TargetColumn& target) { return target.source == i; });
        if (map.has_names && came.name != column.name) {
            refuse("column " + std::to_string(i + 1) + " was recorded as " + column.name +
                       ", the binary log names it " + std::string(came.name),
                   kHint);
        }
        // The length of a value of the old formats depends on what was recorded, also where it is not copied.
        bool old_format =
            came.type == kTimeField || came.type == kDateTimeField || came.type == kTimestampField;
        if (!copied && !old_format) continue;
        if (!matches(column, came)) {
            refuse("column " + column.name + " was recorded as " + column.column_type +
                       ", the binary log has " + describe(came),
                   kHint);
        }
        if (map.has_signedness && has_sign(column.type) && came.is_unsigned != column.is_unsigned) {
            refuse("column " + column.name + " was recorded as " + column.column_type +
                       ", the binary log has it " + (came.is_unsigned ? "unsigned" : "signed"),
                   kHint);
        }
        if (came.nullable && !column.nullable) {
            refuse("column " + column.name + " was recorded as NOT NULL, in the binary log it can be NULL",
                   kHint);
        }
    }
    std::vector<uint32_t> primary_key;
    ByteReader fields(map.optional_metadata, "binlog: optional metadata of a table map");
    while (!fields.empty()) {
        uint8_t type = fields.u8();
        ByteSpan value = fields.lenenc_bytes();
        if (type == kEnumLabels) check_labels(plan, map, value, kEnumField);
        if (type == kSetLabels) check_labels(plan, map, value, kSetField);
        if (type == kDefaultCharset || type == kColumnCharset)
            check_charsets(plan, map, value, type == kDefaultCharset);
        if (type == kSimplePrimaryKey || type == kPrimaryKeyWithPrefix)
            primary_key = read_primary_key(value, type == kPrimaryKeyWithPrefix);
    }
    // The key comes with the names, or there is none.
    if (map.has_names && plan.source.key_is_primary && plan.engine == TableEngine::kReplacingMergeTree)
        check_primary_key(plan, primary_key);
}

}  // namespace penstock
