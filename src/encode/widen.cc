#include "encode/widen.h"

#include <array>
#include <cstring>
#include <type_traits>

namespace penstock {
namespace {

__extension__ using Int128 = __int128;
__extension__ using UInt128 = unsigned __int128;

/// Modulo 2^256, the lowest limb first: as a number of 32 bytes lies in memory.
struct UInt256 {
    std::array<uint64_t, 4> limbs{};

    template <typename From>
    static UInt256 of(From value) {
        UInt256 wide;
        if constexpr (std::is_same_v<From, UInt256>) {
            wide = value;
        } else {
            const bool negative = value < From{0};
            wide.limbs.fill(negative ? ~uint64_t{0} : 0);
            const auto low = static_cast<UInt128>(value);
            wide.limbs[0] = static_cast<uint64_t>(low);
            wide.limbs[1] = static_cast<uint64_t>(low >> 64);
        }
        return wide;
    }
    UInt256 operator*(const UInt256& other) const {
        UInt256 product;
        for (size_t i = 0; i < 4; ++i) {
            UInt128 carry = 0;
            for (size_t j = 0; i + j < 4; ++j) {
                carry += static_cast<UInt128>(limbs[i]) * other.limbs[j] + product.limbs[i + j];
                product.limbs[i + j] = static_cast<uint64_t>(carry);
                carry >>= 64;
            }
        }
        return product;
    }
};

template <typename To, typename From>
To extended(From value) {
    if constexpr (std::is_same_v<To, UInt256>) {
        return UInt256::of(value);
    } else {
        return static_cast<To>(value);
    }
}

template <typename To>
To power_of_ten(unsigned power) {
    To result = extended<To>(1U);
    for (; power > 0; --power) result = static_cast<To>(result * extended<To>(10U));
    return result;
}

template <typename From, typename To, typename Convert>
void convert_rows(ByteSpan values, uint8_t* to, const Convert& convert) {
    const uint8_t* from = values.data();
    for (size_t rows = values.size() / sizeof(From); rows > 0; --rows) {
        From value;
        std::memcpy(&value, from, sizeof value);
        const To wide = convert(value);
        std::memcpy(to, &wide, sizeof wide);
        from += sizeof value;
        to += sizeof wide;
    }
}

/// To is unsigned: a product modulo 2^n is the same for both signs.
template <typename From, typename To>
void widen_integers(ByteSpan values, unsigned power, uint8_t* to) {
    if constexpr (sizeof(From) <= sizeof(To)) {
        if (power == 0) {
            return convert_rows<From, To>(values, to, [](const From& v) { return extended<To>(v); });
        }
        const To factor = power_of_ten<To>(power);
        convert_rows<From, To>(values, to,
                               [&](const From& v) { return static_cast<To>(extended<To>(v) * factor); });
    }
}

template <typename From>
void widen_from(ByteSpan values, const ColumnForm& form, uint8_t* to) {
    switch (form.width) {
        case 2:
            return widen_integers<From, uint16_t>(values, form.power, to);
        case 4:
            return widen_integers<From, uint32_t>(values, form.power, to);
        case 8:
            return widen_integers<From, uint64_t>(values, form.power, to);
        case 16:
            return widen_integers<From, UInt128>(values, form.power, to);
        default:
            return widen_integers<From, UInt256>(values, form.power, to);
    }
}

template <typename Signed, typename Unsigned>
void widen_from(ByteSpan values, const ColumnForm& form, uint8_t* to) {
    form.is_signed ? widen_from<Signed>(values, form, to) : widen_from<Unsigned>(values, form, to);
}

}  // namespace

void widen(ByteSpan values, uint32_t width, const ColumnForm& form, uint8_t* to) {
    if (form.values == ColumnForm::Values::kFloat) {
        return convert_rows<float, double>(values, to, [](float v) { return static_cast<double>(v); });
    }
    switch (width) {
        case 1:
            return widen_from<int8_t, uint8_t>(values, form, to);
        case 2:
            return widen_from<int16_t, uint16_t>(values, form, to);
        case 4:
            return widen_from<int32_t, uint32_t>(values, form, to);
        case 8:
            return widen_from<int64_t, uint64_t>(values, form, to);
        case 16:
            return widen_from<Int128>(values, form, to);  // decimals only
        default:
            return widen_from<UInt256>(values, form, to);
    }
}

}  // namespace penstock
