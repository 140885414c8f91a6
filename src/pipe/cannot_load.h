#pragma once

#include "base/error.h"

namespace penstock {

/// Thrown where a table cannot be loaded, for a row or for what it is: it is stopped, not the pipe.
struct CannotLoad {
    Error why;
};

}  // namespace penstock
