#include "model/target_type.h"

#include <fmt/format.h>

namespace penstock {

namespace {

std::string plain_name(const TargetType& type) {
    switch (type.kind) {
        case TargetKind::kBool:
            return "Bool";
        case TargetKind::kInt8:
            return "Int8";
        case TargetKind::kInt16:
            return "Int16";
        case TargetKind::kInt32:
            return "Int32";
        case TargetKind::kInt64:
            return "Int64";
        case TargetKind::kUInt8:
            return "UInt8";
        case TargetKind::kUInt16:
            return "UInt16";
        case TargetKind::kUInt32:
            return "UInt32";
        case TargetKind::kUInt64:
            return "UInt64";
        case TargetKind::kFloat32:
            return "Float32";
        case TargetKind::kFloat64:
            return "Float64";
        case TargetKind::kDecimal32:
        case TargetKind::kDecimal64:
        case TargetKind::kDecimal128:
        case TargetKind::kDecimal256:
            return fmt::format("Decimal({}, {})", type.precision, type.scale);
        case TargetKind::kString:
        case TargetKind::kLowCardinalityString:
            return "String";
        case TargetKind::kDate32:
            return "Date32";
        case TargetKind::kDateTime64:
            return fmt::format("DateTime64({}, 'UTC')", type.scale);
        case TargetKind::kTime64:
            return fmt::format("Time64({})", type.scale);
        case TargetKind::kUuid:
            return "UUID";
        case TargetKind::kIpv4:
            return "IPv4";
        case TargetKind::kIpv6:
            return "IPv6";
        case TargetKind::kFloat32Array:
            return "Array(Float32)";
    }
    return "String";
}

}  // namespace

std::string TargetType::wire_name() const {
    return nullable ? "Nullable(" + plain_name(*this) + ")" : plain_name(*this);
}

std::string TargetType::ddl_name() const {
    // ClickHouse wants Nullable inside LowCardinality.
    return kind == TargetKind::kLowCardinalityString ? "LowCardinality(" + wire_name() + ")" : wire_name();
}

uint32_t TargetType::width() const {
    switch (kind) {
        case TargetKind::kBool:
        case TargetKind::kInt8:
        case TargetKind::kUInt8:
            return 1;
        case TargetKind::kInt16:
        case TargetKind::kUInt16:
            return 2;
        case TargetKind::kInt32:
        case TargetKind::kUInt32:
        case TargetKind::kFloat32:
        case TargetKind::kDecimal32:
        case TargetKind::kDate32:
        case TargetKind::kIpv4:
            return 4;
        case TargetKind::kInt64:
        case TargetKind::kUInt64:
        case TargetKind::kFloat64:
        case TargetKind::kDecimal64:
        case TargetKind::kDateTime64:
        case TargetKind::kTime64:
            return 8;
        case TargetKind::kDecimal128:
        case TargetKind::kUuid:
        case TargetKind::kIpv6:
            return 16;
        case TargetKind::kDecimal256:
            return 32;
        case TargetKind::kString:
        case TargetKind::kLowCardinalityString:
        case TargetKind::kFloat32Array:
            return 0;
    }
    return 0;
}

}  // namespace penstock
