// TABLE_MAP_EVENT: table id 6 | flags 2 | database (length 1, bytes, 0) | table (the same) | column count |
// types, 1 each | metadata (length, bytes) | bitmap of nullable columns | optional metadata: type 1, length,
// value ...

#include "decode/table_map.h"

#include "decode/event_types.h"

namespace penstock {

namespace {

constexpr uint64_t kMaxColumns = 4096;  // MySQL manual, "Column Count Limits"

// Reads the metadata of one column; false for a type that is not known.
bool read_metadata(ByteReader& metadata, TableMapColumn& column) {
    switch (column.type) {
        case kTinyField:
        case kShortField:
        case kLongField:
        case kLongLongField:
        case kInt24Field:
        case kNullField:
        case kTimestampField:
        case kDateField:
        case kTimeField:
        case kDateTimeField:
        case kYearField:
        case kNewDateField:
            return true;
        case kFloatField:
        case kDoubleField:
        case kTimestamp2Field:
        case kDateTime2Field:
        case kTime2Field:
            column.metadata = metadata.u8();
            return true;
        case kTinyBlobField:
        case kMediumBlobField:
        case kLongBlobField:
        case kBlobField:
            column.type = kBlobField;
            [[fallthrough]];
        case kJsonField:
        case kGeometryField:
        case kVectorField:
        case kMariadbBlobCompressedField:
            column.metadata = metadata.u8();
            if (column.metadata < 1 || column.metadata > 4)
                metadata.fail("length of a BLOB is not 1 to 4 bytes");
            return true;
        case kVarcharField:
        case kVarStringField:
        case kMariadbVarcharCompressedField:
            if (column.type == kVarStringField) column.type = kVarcharField;
            column.metadata = metadata.u16();
            return true;
        case kBitField: {
            unsigned bits = metadata.u8();
            bits += metadata.u8() * 8u;
            if (bits < 1 || bits > 64) metadata.fail("BIT is not 1 to 64 bits wide");
            column.metadata = static_cast<uint16_t>(bits);
            return true;
        }
        case kNewDecimalField: {
            unsigned precision = metadata.u8(), scale = metadata.u8();
            if (precision < 1 || precision > 65 || scale > 30 || scale > precision) {
                metadata.fail("DECIMAL outside (65,30)");
            }
            column.metadata = static_cast<uint16_t>(precision << 8 | scale);
            return true;
        }
        case kStringField:
        case kEnumField:
        case kSetField: {
            // The real type, and the length; bits 8 and 9 of the length are in the type, inverted.
            unsigned real = metadata.u8(), length = metadata.u8();
            if ((real & 0x30) != 0x30) {
                length |= ((real & 0x30) ^ 0x30) << 4;
                real |= 0x30;
            }
            column.type = static_cast<uint8_t>(real);
            column.metadata = static_cast<uint16_t>(length);
            if (real != kStringField && real != kEnumField && real != kSetField)
                metadata.fail("bad string type");
            if ((real == kEnumField && length != 1 && length != 2) ||
                (real == kSetField && (length < 1 || length > 8))) {
                metadata.fail("bad width of an ENUM or SET");
            }
            return true;
        }
        default:
            return false;
    }
}

bool is_numeric(uint8_t type) {
    return type == kTinyField || type == kShortField || type == kInt24Field || type == kLongField ||
           type == kLongLongField || type == kNewDecimalField || type == kFloatField ||
           type == kDoubleField || type == kYearField;
}

void read_optional_metadata(ByteReader fields, TableMap& map) {
    while (!fields.empty()) {
        uint8_t type = fields.u8();
        ByteSpan value = fields.lenenc_bytes();
        if (type == kSignedness) {  // one bit a numeric column, highest first; set: unsigned
            size_t bit = 0;
            for (TableMapColumn& column : map.columns) {
                if (!is_numeric(column.type)) continue;
                if (bit / 8 >= value.size()) fields.fail("signs cut short");
                column.is_unsigned = (value[bit / 8] >> (7 - bit % 8) & 1) != 0;
                ++bit;
            }
            map.has_signedness = true;
        } else if (type == kColumnName) {
            ByteReader names(value, "binlog: column names of a table map");
            for (TableMapColumn& column : map.columns) column.name = as_text(names.lenenc_bytes());
            map.has_names = true;
        }
    }
}

}  // namespace

TableMap read_table_map(const TableMapEvent& event) {
    TableMap map;
    ByteReader body(event.definition, "binlog: table map event");
    map.database = as_text(body.lenenc_bytes());
    body.skip(1);
    map.table = as_text(body.lenenc_bytes());
    body.skip(1);
    uint64_t count = body.lenenc();
    if (count > kMaxColumns || count > body.remaining()) body.fail("more columns than a table can have");
    map.columns.resize(count);
    for (TableMapColumn& column : map.columns) column.type = body.u8();
    ByteReader metadata(body.lenenc_bytes(), "binlog: column metadata of a table map");
    map.first_unknown = map.columns.size();
    for (size_t i = 0; i < map.columns.size(); ++i) {
        if (!read_metadata(metadata, map.columns[i])) {
            map.first_unknown = i;
            break;
        }
    }
    if (map.first_unknown == map.columns.size() && !metadata.empty())
        metadata.fail("longer than its columns");
    ByteSpan nullable = body.bytes((count + 7) / 8);
    for (size_t i = 0; i < map.columns.size(); ++i) {
        map.columns[i].nullable = (nullable[i / 8] >> i % 8 & 1) != 0;
    }
    map.optional_metadata = body.rest();
    // With an unknown type it is not known which columns the signs belong to.
    if (map.first_unknown == map.columns.size()) {
        read_optional_metadata(ByteReader(map.optional_metadata, "binlog: optional metadata of a table map"),
                               map);
    }
    return map;
}

}  // namespace penstock
