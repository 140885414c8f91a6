#pragma once
// ClickHouse column types that Penstock writes.

#include <cstdint>
#include <string>

namespace penstock {

/// The numbers are stored in the catalog: never renumber.
enum class TargetKind : uint8_t {
    kBool = 1,
    kInt8 = 2,
    kInt16 = 3,
    kInt32 = 4,
    kInt64 = 5,
    kUInt8 = 6,
    kUInt16 = 7,
    kUInt32 = 8,
    kUInt64 = 9,
    kFloat32 = 10,
    kFloat64 = 11,
    kDecimal32 = 12,   ///< precision 1 to 9
    kDecimal64 = 13,   ///< 10 to 18
    kDecimal128 = 14,  ///< 19 to 38
    kDecimal256 = 15,  ///< 39 to 76
    kString = 16,
    kLowCardinalityString = 17,  ///< sent as String in a Native block; the server converts
    kDate32 = 18,                ///< Int32 days since 1970-01-01
    kDateTime64 = 19,            ///< Int64 ticks of 10^-scale s since 1970-01-01 UTC
    kTime64 = 20,                ///< Int64 ticks of 10^-scale s, signed
    kUuid = 21,                  ///< two UInt64, the half that is printed first in front
    kIpv4 = 22,                  ///< UInt32
    kIpv6 = 23,                  ///< 16 bytes in network order
    kFloat32Array = 24,          ///< never Nullable: ClickHouse has no NULL array
};

struct TargetType {
    TargetKind kind = TargetKind::kString;
    bool nullable = false;
    uint8_t precision = 0;  ///< decimal
    uint8_t scale = 0;      ///< decimal: digits after the point; DateTime64, Time64: fractional digits

    bool operator==(const TargetType&) const = default;

    /// The type for CREATE TABLE: "LowCardinality(Nullable(String))", "DateTime64(6, 'UTC')", ...
    std::string ddl_name() const;
    /// The type that a Native block declares: ddl_name() with LowCardinality taken off.
    std::string wire_name() const;
    /// Bytes of one value; 0 for strings, which are stored as VarUInt length and bytes, and for arrays.
    uint32_t width() const;
};

}  // namespace penstock
