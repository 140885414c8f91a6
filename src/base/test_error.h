#pragma once
// For tests: what a call says when it throws the Error that it must throw.

#include <string>

#include <gtest/gtest.h>

#include "base/error.h"

namespace penstock {

/// The whole line. A failure of the test when nothing is thrown, or an Error of another disposition.
template <typename Work>
std::string error_line(Work&& work, Disposition expected = Disposition::kFailPipe) {
    try {
        work();
    } catch (const Error& e) {
        EXPECT_EQ(e.disposition(), expected) << e.what();
        return e.what();
    }
    ADD_FAILURE() << "no error";
    return {};
}

template <typename Work>
std::string usage_error(Work&& work) {
    return error_line(work, Disposition::kUsage);
}

}  // namespace penstock
