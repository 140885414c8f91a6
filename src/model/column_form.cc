#include "model/column_form.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

namespace penstock {
namespace {

/// What is between `head` and the bracket that ends the text.
std::optional<std::string_view> inside(std::string_view text, std::string_view head) {
    if (!text.starts_with(head) || !text.ends_with(')')) return std::nullopt;
    return text.substr(head.size(), text.size() - head.size() - 1);
}

/// A number at the front, taken off the text.
std::optional<uint8_t> take_number(std::string_view& text) {
    uint8_t number = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (code != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    return number;
}

struct Integer {
    bool is_signed;
    unsigned bytes;

    bool holds(const Integer& other) const {
        return is_signed == other.is_signed ? bytes >= other.bytes : is_signed && bytes > other.bytes;
    }
};

std::optional<Integer> integer(std::string_view name) {
    const bool is_signed = !name.starts_with('U');
    if (!is_signed) name.remove_prefix(1);
    if (!name.starts_with("Int")) return std::nullopt;
    name.remove_prefix(3);
    for (unsigned bytes = 1; bytes <= 32; bytes *= 2) {
        if (name == std::to_string(bytes * 8)) return Integer{is_signed, bytes};
    }
    return std::nullopt;
}

struct Decimal {
    uint8_t precision, scale;

    bool holds(const Decimal& other) const {
        return scale >= other.scale && precision - scale >= other.precision - other.scale;
    }
    unsigned bytes() const { return precision <= 9 ? 4 : precision <= 18 ? 8 : precision <= 38 ? 16 : 32; }
};

std::optional<Decimal> decimal(std::string_view name) {
    std::optional<std::string_view> text = inside(name, "Decimal(");
    if (!text) return std::nullopt;
    const std::optional<uint8_t> precision = take_number(*text);
    if (!precision || !text->starts_with(", ")) return std::nullopt;
    text->remove_prefix(2);
    const std::optional<uint8_t> scale = take_number(*text);
    if (!scale || !text->empty()) return std::nullopt;
    return Decimal{*precision, *scale};
}

/// DateTime64 or Time64, whose values are ticks of 8 bytes.
struct Ticks {
    uint8_t scale;
    std::string_view zone;  ///< as it is written behind the scale: ", 'UTC'"
};

std::optional<Ticks> ticks(std::string_view name, std::string_view head) {
    std::optional<std::string_view> text = inside(name, head);
    if (!text) return std::nullopt;
    const std::optional<uint8_t> scale = take_number(*text);
    if (!scale) return std::nullopt;
    return Ticks{*scale, *text};
}

constexpr std::string_view kDateTime64 = "DateTime64(", kTime64 = "Time64(";
constexpr uint8_t kNanoseconds = 9;

ColumnForm as_integers(bool is_signed, unsigned from_bytes, unsigned to_bytes, int power) {
    ColumnForm form;
    form.width = static_cast<uint8_t>(to_bytes);
    form.power = static_cast<uint8_t>(power);
    form.is_signed = is_signed;
    if (from_bytes != to_bytes || power != 0) form.values = ColumnForm::Values::kInteger;
    return form;
}

/// Types without LowCardinality and Nullable. `source`: of the column.
ColumnFit fit_plain(SourceType source, std::string_view planned, std::string_view actual) {
    if (planned == actual) return {true, {}, {}};
    if (planned == "Float32" && actual == "Float64") {
        return {true, {.values = ColumnForm::Values::kFloat, .width = sizeof(double)}, {}};
    }
    const auto from = planned == "Bool" ? Integer{false, 0} : integer(planned);
    if (const auto to = integer(actual); from && to) {
        if (!to->holds(*from)) return {};
        return {true, as_integers(from->is_signed, std::max(from->bytes, 1U), to->bytes, 0), {}};
    }
    const auto digits = decimal(planned), more_digits = decimal(actual);
    if (digits && more_digits) {
        if (!more_digits->holds(*digits)) return {};
        return {true,
                as_integers(true, digits->bytes(), more_digits->bytes(), more_digits->scale - digits->scale),
                {}};
    }
    for (const std::string_view head : {kDateTime64, kTime64}) {
        const auto few = ticks(planned, head), many = ticks(actual, head);
        if (!few || !many || many->scale < few->scale) continue;
        if (few->zone != many->zone && source != SourceType::kTimestamp)
            return {false, {}, "a DATETIME keeps its digits in UTC only"};
        const bool reaches_2299 =
            head == kDateTime64 && source != SourceType::kTimestamp && source != SourceType::kTime;
        if (reaches_2299 && many->scale == kNanoseconds)
            return {false, {}, "9 digits of a second end in the year 2262"};
        return {true, as_integers(true, 8, 8, many->scale - few->scale), {}};
    }
    return {};
}

}  // namespace

ColumnFit fit_column(const TablePlan& plan, const TargetColumn& column, std::string_view actual) {
    if (const auto text = inside(actual, "LowCardinality(")) actual = *text;
    const auto nested = inside(actual, "Nullable(");
    const bool takes_null = nested.has_value();
    if (nested) actual = *nested;
    if (column.type.nullable && !takes_null) return {false, {}, "it takes no NULL"};

    TargetType plain = column.type;
    plain.nullable = false;
    const std::vector<SourceColumn>& sources = plan.source.columns;
    const SourceType source =
        column.source < sources.size() ? sources[column.source].type : SourceType::kUnsupported;
    ColumnFit fit = fit_plain(source, plain.wire_name(), actual);
    fit.form.wire_type = takes_null ? fmt::format("Nullable({})", actual) : std::string(actual);
    fit.form.adds_nulls = takes_null && !column.type.nullable;
    return fit;
}

}  // namespace penstock
