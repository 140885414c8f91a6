// Takes the place of malloc, calloc and realloc, and hands on to glibc's own by their other names.

#include "count_allocations.h"

#include <atomic>
#include <cstddef>

namespace {
std::atomic<uint64_t> count;
}

extern "C" {
// NOLINTBEGIN(bugprone-reserved-identifier): glibc's names
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t n, size_t size);
void* __libc_realloc(void* old, size_t size);
// NOLINTEND(bugprone-reserved-identifier)

void* malloc(size_t size) {
    count.fetch_add(1, std::memory_order_relaxed);
    return __libc_malloc(size);
}
void* calloc(size_t n, size_t size) {
    count.fetch_add(1, std::memory_order_relaxed);
    return __libc_calloc(n, size);
}
void* realloc(void* old, size_t size) {
    count.fetch_add(1, std::memory_order_relaxed);
    return __libc_realloc(old, size);
}
}

namespace penstock {

uint64_t allocations() {
    return count.load(std::memory_order_relaxed);
}

}  // namespace penstock
