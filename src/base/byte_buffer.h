#pragma once
// A growing byte array that does not zero what it is about to overwrite.

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>

#include "base/byte_reader.h"

namespace penstock {

/// Owns its bytes. Not copyable, movable. Growth doubles; clear() keeps the memory for the next block.
class ByteBuffer {
  public:
    ByteBuffer() = default;
    ByteBuffer(ByteBuffer&& other) noexcept { swap(other); }
    ByteBuffer& operator=(ByteBuffer&& other) noexcept {
        swap(other);
        return *this;
    }
    ByteBuffer(const ByteBuffer&) = delete;
    ByteBuffer& operator=(const ByteBuffer&) = delete;
    ~ByteBuffer() { std::free(data_); }

    const uint8_t* data() const { return data_; }
    uint8_t* data() { return data_; }
    size_t size() const { return size_; }
    size_t capacity() const { return capacity_; }
    bool empty() const { return size_ == 0; }
    ByteSpan span() const { return {data_, size_}; }

    void clear() { size_ = 0; }
    void reserve(size_t total) {
        if (total > capacity_) grow(total);
    }
    /// Makes room for n more bytes and returns where they go; the caller fills all of them.
    uint8_t* extend(size_t n) {
        if (capacity_ - size_ < n) grow(size_ + n);
        uint8_t* p = data_ + size_;
        size_ += n;
        return p;
    }
    /// Drops the last bytes so that `size` remain.
    void truncate(size_t size) {
        if (size < size_) size_ = size;
    }
    void append(const void* bytes, size_t n) {
        if (n != 0) std::memcpy(extend(n), bytes, n);
    }
    void append(ByteSpan bytes) { append(bytes.data(), bytes.size()); }
    void append(std::string_view text) { append(text.data(), text.size()); }
    void push_back(uint8_t byte) { *extend(1) = byte; }
    /// Appends an integer, float or other plain value as its little-endian bytes.
    template <typename T>
    void append_value(T value) {
        std::memcpy(extend(sizeof value), &value, sizeof value);
    }
    /// Appends an unsigned LEB128 number, ClickHouse's VarUInt.
    void append_varint(uint64_t value) {
        uint8_t* p = extend(10);
        size_t n = 0;
        while (value >= 0x80) {
            p[n++] = static_cast<uint8_t>(value) | 0x80;
            value >>= 7;
        }
        p[n++] = static_cast<uint8_t>(value);
        size_ -= 10 - n;
    }

    void swap(ByteBuffer& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(capacity_, other.capacity_);
    }

  private:
    void grow(size_t total) {
        size_t wanted = capacity_ * 2 > total ? capacity_ * 2 : total;
        void* p = std::realloc(data_, wanted);
        if (p == nullptr) throw std::bad_alloc();
        data_ = static_cast<uint8_t*>(p);
        capacity_ = wanted;
    }

    uint8_t* data_ = nullptr;
    size_t size_ = 0;
    size_t capacity_ = 0;
};

}  // namespace penstock
