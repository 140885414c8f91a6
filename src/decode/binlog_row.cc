#include "decode/binlog_row.h"

#include <algorithm>
#include <bit>
#include <string>

#include "decode/charset.h"
#include "decode/compressed_column.h"
#include "decode/event_types.h"
#include "decode/json_binary.h"
#include "decode/json_diff.h"
#include "decode/map_check.h"
#include "decode/packed_decimal.h"
#include "decode/values.h"

namespace penstock {

namespace {

enum class Op : uint8_t {
    kCopy1,  // the bytes as they are: integers as wide as their target
    kCopy2,
    kCopy4,
    kCopy8,
    kSigned,  // an integer of `bytes` bytes, little-endian
    kUnsigned,
    kFloat,
    kDouble,
    kDecimal,
    kText,  // bytes of any kind, or UTF-8
    kChar,
    kTranscodedText,
    kTranscodedChar,
    kCompressedText,
    kCompressedTranscodedText,
    kBinary,
    kDate,
    kDateTime,
    kTimestamp,
    kTime,
    kOldDateTime,
    kOldDateTimeFraction,
    kOldTimestamp,
    kOldTime,
    kOldTimeFraction,
    kYear,
    kEnum,
    kSet,
    kBit,
    kJson,
    kVector,
    kGeometry,
    kFixed,
};

constexpr uint32_t kMicrosPerUnit[] = {0, 10'000, 100, 1};  // by bytes of the fraction

// The formats before MySQL 5.6, and MariaDB's with fractions of that time ("mariadb-5.3" in its column
// types), by fractional digits. The log does not tell the digits: they are the recorded column's.
constexpr uint32_t kOldTimestampBytes[] = {4, 5, 5, 6, 6, 7, 7};
constexpr uint32_t kOldDateTimeBytes[] = {8, 6, 6, 7, 7, 7, 8};
constexpr uint32_t kOldTimeBytes[] = {3, 4, 4, 5, 5, 5, 6};
constexpr uint64_t kOldTimeZero = 3'020'400;  // seconds; 0 is stored as this

// An index into them, also for a recorded definition that is damaged.
uint8_t old_digits(const SourceColumn& column) {
    return std::min<uint8_t>(column.fsp, 6);
}

// Micros of `count` units of 10^-digits seconds.
constexpr uint32_t old_micros(uint64_t count, uint32_t digits) {
    return static_cast<uint32_t>(count) * kPowersOfTen[6 - digits];
}

// Bytes of the fraction of a TIME2, DATETIME2 or TIMESTAMP2.
constexpr uint32_t fraction_bytes(uint32_t digits) {
    return (digits + 1) / 2;
}

Op integer_op(const ColumnRule& rule, uint32_t bytes) {
    bool same = rule.kind != TargetKind::kBool;
    switch (rule.kind) {
        case TargetKind::kInt8:
        case TargetKind::kUInt8:
            same = same && bytes == 1;
            break;
        case TargetKind::kInt16:
        case TargetKind::kUInt16:
            same = same && bytes == 2;
            break;
        case TargetKind::kInt32:
        case TargetKind::kUInt32:
            same = same && bytes == 4;
            break;
        default:
            same = same && bytes == 8;
    }
    if (!same) return rule.source->is_unsigned ? Op::kUnsigned : Op::kSigned;
    return bytes == 1 ? Op::kCopy1 : bytes == 2 ? Op::kCopy2 : bytes == 4 ? Op::kCopy4 : Op::kCopy8;
}

}  // namespace

struct BinlogRowDecoder::Extent {
    uint32_t prefix = 0;  // bytes of the length in front; 0: `size` bytes
    uint32_t size = 0;
    bool is_json = false;
};

struct BinlogRowDecoder::Step {
    Step(const TablePlan& plan, const TargetColumn& target, const TableMapColumn& column);

    ColumnRule rule;
    uint32_t field;  // index into the image
    Op op = Op::kText;
    uint8_t bytes = 0;      // integer, enum, set; of the fraction for times
    uint8_t precision = 0;  // decimal
    uint8_t scale = 0;      // decimal; fractional digits of the old temporal formats
    std::unique_ptr<Transcoder> transcoder;

  private:
    void choose_text(bool is_char);
};

struct BinlogRowDecoder::Scratch {
    std::string text;
    ColumnInflater inflater;
};

BinlogRowDecoder::Step::Step(const TablePlan& plan, const TargetColumn& target, const TableMapColumn& column)
    : rule(plan, target), field(target.source) {
    switch (rule.source->type) {
        case SourceType::kTinyInt:
            bytes = 1;
            op = integer_op(rule, bytes);
            break;
        case SourceType::kSmallInt:
            bytes = 2;
            op = integer_op(rule, bytes);
            break;
        case SourceType::kMediumInt:
            bytes = 3;
            op = integer_op(rule, bytes);
            break;
        case SourceType::kInt:
            bytes = 4;
            op = integer_op(rule, bytes);
            break;
        case SourceType::kBigInt:
            bytes = 8;
            op = integer_op(rule, bytes);
            break;
        case SourceType::kFloat:
            op = Op::kFloat;
            break;
        case SourceType::kDouble:
            op = Op::kDouble;
            break;
        case SourceType::kDecimal:
            op = Op::kDecimal;
            precision = static_cast<uint8_t>(column.metadata >> 8);
            scale = static_cast<uint8_t>(column.metadata & 0xff);
            break;
        case SourceType::kBit:
            op = Op::kBit;
            break;
        case SourceType::kChar:
            choose_text(true);
            break;
        case SourceType::kVarChar:
        case SourceType::kText:
            choose_text(false);
            break;
        case SourceType::kBinary:
            op = Op::kBinary;
            break;
        case SourceType::kVarBinary:
        case SourceType::kBlob:
            op = rule.source->compressed ? Op::kCompressedText : Op::kText;
            break;
        case SourceType::kDate:
            op = Op::kDate;
            break;
        case SourceType::kDateTime:
            scale = old_digits(*rule.source);
            op = column.type == kDateTime2Field ? Op::kDateTime
                 : scale == 0                   ? Op::kOldDateTime
                                                : Op::kOldDateTimeFraction;
            bytes = static_cast<uint8_t>(op == Op::kDateTime ? fraction_bytes(column.metadata)
                                                             : kOldDateTimeBytes[scale]);
            break;
        case SourceType::kTimestamp:
            scale = old_digits(*rule.source);
            op = column.type == kTimestamp2Field ? Op::kTimestamp : Op::kOldTimestamp;
            bytes = static_cast<uint8_t>(op == Op::kTimestamp ? fraction_bytes(column.metadata)
                                                              : kOldTimestampBytes[scale] - 4);
            break;
        case SourceType::kTime:
            scale = old_digits(*rule.source);
            op = column.type == kTime2Field ? Op::kTime : scale == 0 ? Op::kOldTime : Op::kOldTimeFraction;
            bytes = static_cast<uint8_t>(op == Op::kTime ? fraction_bytes(column.metadata)
                                                         : kOldTimeBytes[scale]);
            break;
        case SourceType::kYear:
            op = Op::kYear;
            break;
        case SourceType::kEnum:
            op = Op::kEnum;
            bytes = static_cast<uint8_t>(column.metadata);
            break;
        case SourceType::kSet:
            op = Op::kSet;
            bytes = static_cast<uint8_t>(column.metadata);
            break;
        case SourceType::kJson:
            op = Op::kJson;
            break;
        case SourceType::kVector:
            op = Op::kVector;
            break;
        case SourceType::kGeometry:
            op = Op::kGeometry;
            break;
        case SourceType::kUuid:
        case SourceType::kInet4:
        case SourceType::kInet6:
            op = Op::kFixed;
            bytes = rule.source->type == SourceType::kInet4 ? 4 : 16;
            break;
        case SourceType::kUnsupported:
            break;  // the rule has thrown
    }
}

void BinlogRowDecoder::Step::choose_text(bool is_char) {
    const std::string& charset = rule.source->charset;
    const bool compressed = rule.source->compressed;  // never a CHAR
    if (is_utf8(charset)) {
        op = is_char ? Op::kChar : compressed ? Op::kCompressedText : Op::kText;
        return;
    }
    op = is_char ? Op::kTranscodedChar : compressed ? Op::kCompressedTranscodedText : Op::kTranscodedText;
    transcoder = Transcoder::make(charset);
    if (transcoder == nullptr) {
        rule.fail("character set " + charset + " is not supported",
                  "Exclude the column from the mapping, or convert it to utf8mb4 at the source");
    }
}

BinlogRowDecoder::BinlogRowDecoder(const TablePlan& plan, const TableMap& map)
    : plan_(&plan), scratch_(std::make_unique<Scratch>()) {
    check_table_map(plan, map);
    extents_.reserve(map.columns.size());
    for (size_t i = 0; i < map.columns.size(); ++i) {
        const TableMapColumn& column = map.columns[i];
        const uint8_t fsp = i < plan.source.columns.size() ? old_digits(plan.source.columns[i]) : 0;
        Extent extent;
        switch (column.type) {
            case kTinyField:
            case kYearField:
                extent.size = 1;
                break;
            case kShortField:
                extent.size = 2;
                break;
            case kInt24Field:
            case kDateField:
            case kNewDateField:
                extent.size = 3;
                break;
            case kLongField:
            case kFloatField:
                extent.size = 4;
                break;
            case kLongLongField:
            case kDoubleField:
                extent.size = 8;
                break;
            case kTimeField:
                extent.size = kOldTimeBytes[fsp];
                break;
            case kTimestampField:
                extent.size = kOldTimestampBytes[fsp];
                break;
            case kDateTimeField:
                extent.size = kOldDateTimeBytes[fsp];
                break;
            case kTimestamp2Field:
                extent.size = 4 + fraction_bytes(column.metadata);
                break;
            case kDateTime2Field:
                extent.size = 5 + fraction_bytes(column.metadata);
                break;
            case kTime2Field:
                extent.size = 3 + fraction_bytes(column.metadata);
                break;
            case kNewDecimalField:
                extent.size = packed_decimal_size(column.metadata >> 8, column.metadata & 0xff);
                break;
            case kEnumField:
            case kSetField:
                extent.size = column.metadata;
                break;
            case kBitField:
                extent.size = (column.metadata + 7u) / 8;
                break;
            case kStringField:
            case kVarcharField:
            case kMariadbVarcharCompressedField:
                extent.prefix = column.metadata > 255 ? 2 : 1;
                break;
            case kNullField:
                break;
            default:  // BLOB, JSON, GEOMETRY, VECTOR: check_table_map has refused what is not known
                extent.prefix = column.metadata;
        }
        extent.is_json = column.type == kJsonField;
        extents_.push_back(extent);
    }
    steps_.reserve(plan.columns.size());
    for (const TargetColumn& target : plan.columns)
        steps_.emplace_back(plan, target, map.columns[target.source]);
}

BinlogRowDecoder::BinlogRowDecoder(BinlogRowDecoder&&) noexcept = default;
BinlogRowDecoder& BinlogRowDecoder::operator=(BinlogRowDecoder&&) noexcept = default;
BinlogRowDecoder::~BinlogRowDecoder() = default;

void BinlogRowDecoder::read(ByteReader& rows, ByteSpan present, RowImage& image) const {
    size_t count = extents_.size();
    image.fields.resize(count);
    if (present.size() != (count + 7) / 8) {
        throw Error(Disposition::kFailPipe, "decode", "rows event of another column count than its table map")
            .at_table(plan_->source.qualified_name());
    }
    bool full = true;
    for (size_t i = 0; i < count / 8; ++i) full = full && present[i] == 0xff;
    if (count % 8 != 0) full = full && static_cast<uint8_t>(present.back() | 0xff << count % 8) == 0xff;
    if (!full) return read_partial(rows, present, image);

    const uint8_t* nulls = rows.bytes((count + 7) / 8).data();
    Field* field = image.fields.data();
    for (size_t i = 0; i < count; ++i, ++field) {
        field->null = (nulls[i / 8] >> i % 8 & 1) != 0;
        if (field->null) {
            field->size = 0;
            continue;
        }
        const Extent& extent = extents_[i];
        auto size = extent.prefix == 0 ? extent.size : static_cast<uint32_t>(rows.le_n(extent.prefix));
        field->data = rows.bytes(size).data();
        field->size = size;
    }
}

// A column that is copied has to be there.
void BinlogRowDecoder::require_copied(ByteSpan present) const {
    for (const Step& step : steps_) {
        if ((present[step.field / 8] >> step.field % 8 & 1) != 0) continue;
        if (step.rule.source->generated) {
            step.rule.fail("the binary log has no value of this generated column",
                           "List it in excludedColumns of the table's mapping");
        }
        step.rule.fail("the binary log leaves out a value (binlog_row_image is not FULL)",
                       "SET GLOBAL binlog_row_image='FULL' at the source, then resync the table");
    }
}

// Columns that are left out have no bit among the NULL bits.
void BinlogRowDecoder::read_partial(ByteReader& rows, ByteSpan present, RowImage& image) const {
    size_t count = extents_.size(), sent = 0;
    auto is_present = [&](size_t i) { return (present[i / 8] >> i % 8 & 1) != 0; };
    for (size_t i = 0; i < count; ++i) sent += is_present(i) ? 1 : 0;
    require_copied(present);
    const uint8_t* nulls = rows.bytes((sent + 7) / 8).data();
    size_t bit = 0;
    for (size_t i = 0; i < count; ++i) {
        Field& field = image.fields[i];
        field = Field{nullptr, 0, true};
        if (!is_present(i)) continue;
        field.null = (nulls[bit / 8] >> bit % 8 & 1) != 0;
        ++bit;
        if (field.null) continue;
        const Extent& extent = extents_[i];
        field.size = extent.prefix == 0 ? extent.size : static_cast<uint32_t>(rows.le_n(extent.prefix));
        field.data = rows.bytes(field.size).data();
    }
}

void BinlogRowDecoder::append(const RowImage& image, Block& block) const {
    BlockColumn* out = block.columns.data();
    for (const Step& step : steps_) {
        const Field& field = image.fields[step.field];
        if (!image.json_diffs.empty() && !image.json_diffs[step.field].empty()) {
            append_json(step, field, image.json_diffs[step.field], *out);
        } else if (field.null) {
            out->append_null();
        } else {
            append_value(step, field, *out);
        }
        ++out;
    }
}

// The field's size is what its extent says: fixed-width reads need no further check.
void BinlogRowDecoder::append_value(const Step& step, Field field, BlockColumn& out) const {
    const ColumnRule& rule = step.rule;
    const uint8_t* p = field.data;
    std::string_view text(reinterpret_cast<const char*>(p), field.size);
    switch (step.op) {
        case Op::kCopy1:
            return out.append<uint8_t>(*p);
        case Op::kCopy2:
            return out.append(static_cast<uint16_t>(load_le<2>(p)));
        case Op::kCopy4:
            return out.append(static_cast<uint32_t>(load_le<4>(p)));
        case Op::kCopy8:
            return out.append(load_le<8>(p));
        case Op::kUnsigned:
        case Op::kSigned: {
            uint64_t value = step.bytes == 1   ? *p
                             : step.bytes == 2 ? load_le<2>(p)
                             : step.bytes == 3 ? load_le<3>(p)
                             : step.bytes == 4 ? load_le<4>(p)
                                               : load_le<8>(p);
            if (step.op == Op::kSigned) {
                int shift = 64 - 8 * step.bytes;
                value = static_cast<uint64_t>(static_cast<int64_t>(value << shift) >> shift);
            }
            return append_int(rule, out, value);
        }
        case Op::kFloat:
            return append_float(rule, out, std::bit_cast<float>(static_cast<uint32_t>(load_le<4>(p))));
        case Op::kDouble:
            return append_float(rule, out, std::bit_cast<double>(load_le<8>(p)));
        case Op::kDecimal: {
            bool negative = false, good = false;
            if (step.precision <= 18) {
                uint64_t value = 0;
                good = unpack_decimal(
                    p, step.precision, step.scale, negative,
                    [&](uint32_t digits, uint32_t group) { value = value * kPowersOfTen[digits] + group; });
                if (good) return append_decimal(rule, out, negative, value);
            } else {
                WideDecimal value;
                good = unpack_decimal(
                    p, step.precision, step.scale, negative,
                    [&](uint32_t digits, uint32_t group) { value.push(kPowersOfTen[digits], group); });
                if (good) return append_decimal(out, negative, value);
            }
            rule.fail("damaged decimal in the binary log");
        }
        case Op::kText:
            return out.append_string(text);
        case Op::kChar:
            return out.append_string(without_pad(text));
        case Op::kTranscodedText:
        case Op::kTranscodedChar:
        case Op::kCompressedTranscodedText: {
            if (step.op == Op::kCompressedTranscodedText) text = inflated(step, {p, field.size});
            uint64_t replaced = 0;
            std::string_view utf8 = step.transcoder->convert(text, replaced);
            if (replaced != 0 && rule.in_key) {
                rule.fail(
                    "a value has a character that Unicode lacks, which would become '?' in the sorting key",
                    "Correct the row at the source, or set tableEngine to MergeTree");
            }
            if (replaced != 0) out.count_adjusted();
            return out.append_string(step.op == Op::kTranscodedChar ? without_pad(utf8) : utf8);
        }
        case Op::kCompressedText:
            return out.append_string(inflated(step, {p, field.size}));
        case Op::kBinary:
            return append_binary(rule, out, text);
        case Op::kDate: {  // 15 bits of year, 4 of month, 5 of day
            auto v = static_cast<uint32_t>(load_le<3>(p));
            return append_date(rule, out, v >> 9, v >> 5 & 15, v & 31);
        }
        case Op::kDateTime: {  // 1 bit sign, 17 of year * 13 + month, 5 day, 5 hour, 6 minute, 6 second;
                               // fraction
            uint64_t v = load_be(p, 5) & 0x7fffffffff;
            auto year_month = static_cast<uint32_t>(v >> 22);
            DateTimeParts parts{
                year_month / 13,
                year_month % 13,
                static_cast<uint32_t>(v >> 17 & 31),
                static_cast<uint32_t>(v >> 12 & 31),
                static_cast<uint32_t>(v >> 6 & 63),
                static_cast<uint32_t>(v & 63),
                static_cast<uint32_t>(load_be(p + 5, step.bytes)) * kMicrosPerUnit[step.bytes]};
            return append_datetime(rule, out, parts);
        }
        case Op::kTimestamp:
            return append_timestamp(
                rule, out, static_cast<uint32_t>(load_be(p, 4)),
                static_cast<uint32_t>(load_be(p + 4, step.bytes)) * kMicrosPerUnit[step.bytes]);
        case Op::kTime: {  // offset binary: 1 bit sign, 1 spare, 10 hour, 6 minute, 6 second; fraction
            auto fraction_bits = static_cast<uint32_t>(8 * step.bytes);
            int64_t v =
                static_cast<int64_t>(load_be(p, 3u + step.bytes)) - (int64_t{0x800000} << fraction_bits);
            auto magnitude = static_cast<uint64_t>(v < 0 ? -v : v);
            auto hms = static_cast<uint32_t>(magnitude >> fraction_bits);
            auto fraction = static_cast<uint32_t>(magnitude & ((uint64_t{1} << fraction_bits) - 1));
            uint32_t seconds = (hms >> 12 & 0x3ff) * 3600 + (hms >> 6 & 63) * 60 + (hms & 63);
            return append_time(rule, out, v < 0, seconds, fraction * kMicrosPerUnit[step.bytes]);
        }
        case Op::kOldDateTime: {  // YYYYMMDDhhmmss as a decimal number
            uint64_t v = load_le<8>(p);
            auto day = static_cast<uint32_t>(v / 1'000'000 % 100'000'000),
                 clock = static_cast<uint32_t>(v % 1'000'000);
            return append_datetime(rule, out,
                                   DateTimeParts{day / 10'000, day / 100 % 100, day % 100, clock / 10'000,
                                                 clock / 100 % 100, clock % 100, 0});
        }
        case Op::kOldDateTimeFraction: {  // ((((year * 13 + month) * 32 + day) * 24 + hour) * 60 + minute) *
                                          // 60
                                          // + second, in units of 10^-digits
            uint64_t v = load_be(p, step.bytes);
            const uint32_t unit = kPowersOfTen[step.scale];
            DateTimeParts parts;
            parts.micros = old_micros(v % unit, step.scale);
            v /= unit;
            parts.second = static_cast<uint32_t>(v % 60);
            parts.minute = static_cast<uint32_t>(v / 60 % 60);
            parts.hour = static_cast<uint32_t>(v / 3600 % 24);
            parts.day = static_cast<uint32_t>(v / 86'400 % 32);
            auto year_month = static_cast<uint32_t>(v / (86'400 * 32));
            parts.month = year_month % 13;
            parts.year = year_month / 13;
            return append_datetime(rule, out, parts);
        }
        case Op::kOldTimestamp:  // without a fraction as a number of the machine, with one big-endian
            return append_timestamp(rule, out,
                                    static_cast<uint32_t>(step.bytes == 0 ? load_le<4>(p) : load_be(p, 4)),
                                    old_micros(load_be(p + 4, step.bytes), step.scale));
        case Op::kOldTimeFraction: {  // units of 10^-digits seconds, from kOldTimeZero below
            const uint32_t unit = kPowersOfTen[step.scale];
            int64_t v =
                static_cast<int64_t>(load_be(p, step.bytes)) - static_cast<int64_t>(kOldTimeZero * unit);
            auto magnitude = static_cast<uint64_t>(v < 0 ? -v : v);
            return append_time(rule, out, v < 0, static_cast<uint32_t>(magnitude / unit),
                               old_micros(magnitude % unit, step.scale));
        }
        case Op::kOldTime: {  // [-]hhmmss as a decimal number
            auto v = static_cast<int32_t>(static_cast<uint32_t>(load_le<3>(p)) << 8) >> 8;
            auto magnitude = static_cast<uint32_t>(v < 0 ? -v : v);
            uint32_t seconds = magnitude / 10'000 * 3600 + magnitude / 100 % 100 * 60 + magnitude % 100;
            return append_time(rule, out, v < 0, seconds, 0);
        }
        case Op::kYear:
            return append_int(rule, out, *p == 0 ? 0u : 1900u + *p);
        case Op::kEnum: {
            uint64_t index = step.bytes == 1 ? *p : load_le<2>(p);
            if (index == 0) return out.append_string({});
            if (index > rule.source->labels.size()) {
                rule.fail("number " + std::to_string(index) + " is not in " + rule.source->column_type,
                          "The recorded schema is not the source's; resync the table");
            }
            return out.append_string(rule.source->labels[index - 1]);
        }
        case Op::kSet: {
            uint64_t members = 0;
            for (uint32_t i = 0; i < step.bytes; ++i) members |= static_cast<uint64_t>(p[i]) << 8 * i;
            const std::vector<std::string>& labels = rule.source->labels;
            if (labels.size() < 64 && members >> labels.size() != 0) {
                rule.fail("members " + std::to_string(members) + " are not in " + rule.source->column_type,
                          "The recorded schema is not the source's; resync the table");
            }
            scratch_->text.clear();
            for (size_t i = 0; members != 0; ++i, members >>= 1) {
                if ((members & 1) == 0) continue;
                // As the server does it: an empty label in front leaves no comma behind.
                if (!scratch_->text.empty()) scratch_->text += ',';
                scratch_->text += labels[i];
            }
            return out.append_string(scratch_->text);
        }
        case Op::kBit:
            return append_int(rule, out, load_be(p, field.size));
        case Op::kJson:
            return append_json(step, field, {}, out);
        case Op::kVector:
            return append_vector(rule, out, {p, field.size});
        case Op::kGeometry:
            return append_geometry(rule, out, {p, field.size}, scratch_->text);
        case Op::kFixed: {
            FixedBinary value;
            if (!read_fixed({p, field.size}, step.bytes, value)) {
                rule.fail("a value of " + std::to_string(field.size) + " bytes came for " +
                          rule.source->column_type);
            }
            return append_fixed(rule, out, value);
        }
    }
}

std::string_view BinlogRowDecoder::inflated(const Step& step, ByteSpan stored) const {
    try {
        return scratch_->inflater.inflate(stored);
    } catch (const Error& error) {
        step.rule.fail(error.message());
    }
}

void BinlogRowDecoder::append_json(const Step& step, Field document, ByteSpan diffs, BlockColumn& out) const {
    scratch_->text.clear();
    try {
        if (diffs.empty()) {
            append_json_text({document.data, document.size}, scratch_->text);
        } else {
            append_json_text({document.data, document.size}, diffs, scratch_->text);
        }
    } catch (const Error& error) {
        step.rule.fail("binary JSON: " + error.message());
    }
    out.append_string(scratch_->text);
}

// Options of the values, length-encoded (1: JSON columns may be partial) | with that option, a bit for each
// JSON column of the table that says so | the image as always, but a partial value is its diffs, with their
// length in 4 bytes (MySQL source documentation, Rows_event, "value_options").
void BinlogRowDecoder::read_partial_update(ByteReader& rows, ByteSpan present, const RowImage& before,
                                           RowImage& after) const {
    constexpr uint64_t kPartialJson = 1;
    constexpr uint32_t kJsonPrefix = 4;
    after.json_diffs.clear();
    const uint64_t options = rows.lenenc();
    if (options == 0) return read(rows, present, after);
    if (options != kPartialJson) rows.fail("unknown options of a partial update");
    const size_t count = extents_.size();
    if (present.size() != (count + 7) / 8) rows.fail("column bitmap of another size than the table map's");
    require_copied(present);
    auto is_set = [](ByteSpan bits, size_t i) { return (bits[i / 8] >> i % 8 & 1) != 0; };
    size_t json_columns = 0, sent = 0;
    for (size_t i = 0; i < count; ++i) {
        json_columns += extents_[i].is_json ? 1 : 0;
        sent += is_set(present, i) ? 1 : 0;
    }
    const ByteSpan partial = rows.bytes((json_columns + 7) / 8);
    const ByteSpan nulls = rows.bytes((sent + 7) / 8);
    after.fields.resize(count);
    after.json_diffs.resize(count);
    size_t json = 0, bit = 0;
    for (size_t i = 0; i < count; ++i) {
        const Extent& extent = extents_[i];
        Field& field = after.fields[i];
        const bool is_partial = extent.is_json && is_set(partial, json++);
        field = Field{nullptr, 0, true};
        if (!is_set(present, i)) continue;
        field.null = is_set(nulls, bit++);
        if (field.null) continue;
        if (is_partial) {
            const ByteSpan diffs = rows.bytes(rows.le<kJsonPrefix>());
            if (before.fields[i].null) rows.fail("a partial update of a JSON document that is NULL");
            field = before.fields[i];
            after.json_diffs[i] = diffs;
            continue;
        }
        field.size = extent.prefix == 0 ? extent.size : static_cast<uint32_t>(rows.le_n(extent.prefix));
        field.data = rows.bytes(field.size).data();
    }
}

bool BinlogRowDecoder::same_key(const RowImage& a, const RowImage& b) const {
    for (uint32_t column : plan_->sorting_key) {
        uint32_t field = plan_->columns[column].source;
        const Field &x = a.fields[field], &y = b.fields[field];
        if (x.null != y.null) return false;
        if (!b.json_diffs.empty() && !b.json_diffs[field].empty()) return false;
        if (!x.null && (x.size != y.size || std::memcmp(x.data, y.data, x.size) != 0)) return false;
    }
    return true;
}

}  // namespace penstock
