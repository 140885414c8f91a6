#pragma once
// One text per value, the same from both sides if and only if the value is the same: what verify compares.

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "model/table_plan.h"

namespace penstock {

/// A canonical text; nothing is NULL.
using CanonicalValue = std::optional<std::string>;

/// One column as verify sees it. The plan outlives it.
///
///   integers, YEAR, BIT   decimal digits, "-" in front, no leading zeros
///   tinyint(1) as Bool    "false" for 0, else "true"
///   DECIMAL               as integers, with a point and no trailing zeros after it: "-0.5"
///   FLOAT, DOUBLE         the shortest digits that read back as the same number; zero has no sign
///   text, JSON, bytes     as they are
///   DATE                  "2024-01-31"; DATETIME, TIMESTAMP the same with " 23:59:59" and fsp digits
///   TIME                  "-838:59:59.000000"
///   UUID                  36 characters in lower case
///   INET4, INET6          as inet_ntop prints them
///   VECTOR                "[1,-0.5]", numbers as of FLOAT but with the sign of zero
///   geometry              "POINT(1 2)", "SRID=4326;MULTIPOINT(0 0,1 1)": names in upper case, no spaces but
///                         between coordinates, no brackets around the points of a MULTIPOINT
/// A target's wider column (model/column_form.h) has the same text as the planned one.
/// Dates outside 1900-01-01 to 2299-12-31 become what the pipe's invalidDates policy makes of them, and NULL
/// in a column that is not Nullable becomes the type's zero.
class VerifyColumn {
  public:
    VerifyColumn(const TablePlan& plan, uint32_t column);

    const std::string& name() const { return target_->name; }

    /// SQL whose text from_source or from_target understands.
    std::string source_expression() const;
    std::string target_expression() const;
    CanonicalValue from_source(std::optional<std::string_view> text) const;
    CanonicalValue from_target(std::optional<std::string_view> text) const;

    /// SQL that orders each side as compare() does, as long as can_order().
    std::string source_order() const;
    std::string target_order() const;
    std::strong_ordering compare(const CanonicalValue& a, const CanonicalValue& b) const;
    /// False for types whose order the servers do not share, and for texts of any length.
    bool can_order() const;
    /// True when ranges can be cut of it, with plain integer literals.
    bool is_integer() const;

  private:
    enum class Form : uint8_t {
        kInteger,
        kBool,
        kDecimal,
        kFloat,
        kDouble,
        kBytes,
        kDate,
        kDateTime,
        kTime,
        kWord,  // of one form on both sides: UUID
        kInet4,
        kInet6,
        kVector,
        kGeometry,
    };
    std::string zero() const;
    CanonicalValue date(std::string_view text) const;

    const TablePlan* plan_;
    const TargetColumn* target_;
    const SourceColumn* source_;
    Form form_;
};

}  // namespace penstock
