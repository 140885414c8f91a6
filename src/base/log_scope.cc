#include "base/log_scope.h"

#include <utility>

namespace penstock {

namespace {

thread_local std::string scope;

}  // namespace

LogScope::LogScope(std::string name) : before_(std::exchange(scope, std::move(name))) {}

LogScope::~LogScope() {
    scope = std::move(before_);
}

const std::string& LogScope::current() {
    return scope;
}

}  // namespace penstock
