#include "decode/map_check.h"

#include <algorithm>
#include <string>

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

}  // namespace

void check_table_map(const TablePlan& plan, const TableMap& map) {
    auto refuse = [&](const std::string& message, const char* hint) {
        throw Error(Disposition::kFailPipe, "decode", message, hint).at_table(plan.source.qualified_name());
    };
    const std::vector<SourceColumn>& recorded = plan.source.columns;
    if (recorded.size() != map.columns.size()) {
        refuse("the table was recorded with " + std::to_string(recorded.size()) +
                   " columns, the binary log has " + std::to_string(map.columns.size()),
               kHint);
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
    ByteReader fields(map.optional_metadata, "binlog: optional metadata of a table map");
    while (!fields.empty()) {
        uint8_t type = fields.u8();
        ByteSpan value = fields.lenenc_bytes();
        if (type == kEnumLabels) check_labels(plan, map, value, kEnumField);
        if (type == kSetLabels) check_labels(plan, map, value, kSetField);
    }
}

}  // namespace penstock
