#pragma once
// Times as the API writes them: ISO 8601 in UTC with milliseconds, "2030-01-31T12:00:00.000Z".

#include <cstdint>
#include <string>

namespace penstock {

/// `milliseconds` since 1970-01-01 UTC.
std::string iso_time(int64_t milliseconds);

}  // namespace penstock
