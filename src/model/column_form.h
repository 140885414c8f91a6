#pragma once
// How the values of a planned column go into the column that a target has: people tune their tables.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/table_plan.h"

namespace penstock {

/// What a Native block declares for a column, and how values that are laid out as planned become those of it.
struct ColumnForm {
    enum class Values : uint8_t {
        kAsPlanned,  ///< the same bytes
        kInteger,    ///< little-endian two's complement, made wider and multiplied: decimals and ticks too
        kFloat,      ///< Float32 as Float64
    };

    std::string wire_type{};  ///< "Nullable(Int64)": the target's own type with LowCardinality taken off
    Values values = Values::kAsPlanned;
    bool adds_nulls = false;  ///< Nullable there and not in the plan: none of the rows is NULL
    bool is_signed = true;    ///< kInteger: of the planned values
    uint8_t width = 0;        ///< kInteger: bytes of a value there
    uint8_t power = 0;        ///< kInteger: times 10 to this

    bool operator==(const ColumnForm&) const = default;
};

/// The forms of all columns of a plan, in their order.
struct TableForm {
    std::vector<ColumnForm> columns{};
};

struct ColumnFit {
    bool fits = false;
    ColumnForm form{};     ///< if it fits
    std::string reason{};  ///< if it does not and the types alone do not say why
};

/// Whether the type `actual`, as ClickHouse prints it, holds every value of the planned column exactly:
///
///   integers           wider ones, of the other sign where the range holds; Bool as any integer
///   Float32            Float64
///   Decimal(p, s)      no fewer digits in front of the point and none fewer after it
///   DateTime64(s)      more digits, as far as they reach: 9 end in 2262. In another time zone a TIMESTAMP is
///                      the same instant, a DATETIME would show other digits
///   Time64(s)          more digits
///   any other          itself
///
/// with or without LowCardinality, Nullable where the plan is not. Pure.
ColumnFit fit_column(const TablePlan& plan, const TargetColumn& column, std::string_view actual);

}  // namespace penstock
