#pragma once
// A request that is refused for what it asks, with the kind of refusal. HTTP status codes: RFC 9110.

#include <string>

#include "base/error.h"

namespace penstock {

enum class Refusal {
    kBadRequest = 400,  ///< what is asked makes no sense, or not now
    kForbidden = 403,
    kNotFound = 404,
    kConflict = 409,  ///< something else of that name is there
};

/// Thrown before anything was changed.
class RequestError : public Error {
  public:
    RequestError(Refusal refusal, std::string message, std::string hint = {})
        : Error(Disposition::kUsage, "request", std::move(message), std::move(hint)), refusal_(refusal) {}
    Refusal refusal() const { return refusal_; }

  private:
    Refusal refusal_;
};

}  // namespace penstock
