#pragma once
// Values of a planned column as those of a target's wider one (model/column_form.h).

#include "base/byte_reader.h"
#include "model/column_form.h"

namespace penstock {

/// Writes rows x form.width bytes to `to`. `values` are rows of `width` bytes, form.values is not kAsPlanned.
/// No branch and no call per value.
void widen(ByteSpan values, uint32_t width, const ColumnForm& form, uint8_t* to);

}  // namespace penstock
