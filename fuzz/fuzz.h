#pragma once
// What the fuzz targets share. The rule of all: for any bytes, a result or a penstock::Error; never a crash,
// another exception, or memory out of proportion to the input.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "base/byte_reader.h"
#include "base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace penstock {

/// Ends the program, which the fuzzer counts as a crash, when a property does not hold.
inline void require(bool holds, const char* property) {
    if (holds) return;
    std::fprintf(stderr, "property broken: %s\n", property);
    std::abort();
}

/// Reads every byte, so that a sanitizer sees a view that is no longer valid.
inline void touch(ByteSpan bytes) {
    static volatile uint8_t sink;
    uint8_t sum = sink;
    for (uint8_t byte : bytes) sum = static_cast<uint8_t>(sum ^ byte);
    sink = sum;
}
inline void touch(std::string_view text) {
    touch(as_bytes(text));
}

/// Runs `action`; true when it gave a result, false when it threw the Error that is allowed.
template <typename Action>
bool survives(Action&& action) {
    try {
        std::forward<Action>(action)();
        return true;
    } catch (const Error& error) {
        require(error.disposition() == Disposition::kFailPipe, "damaged bytes fail the pipe");
        require(!error.message().empty(), "an error says what is wrong");
        return false;
    }
}

/// The input's front byte, taken off; 0 when it is empty.
inline uint8_t take_byte(ByteSpan& input) {
    if (input.empty()) return 0;
    uint8_t byte = input[0];
    input = input.subspan(1);
    return byte;
}

}  // namespace penstock
