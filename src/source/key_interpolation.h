#pragma once
// Guesses of keys that lie between two others, so that a table can be cut without being read.

#include <cstdint>
#include <string>
#include <vector>

#include "model/table_schema.h"

namespace penstock {

/// The keys of a range as numbers. Integers, decimals, dates and points in time are numbers already. Strings
/// are fractions, whose digits are the characters that a sample of the range has behind what its first and
/// its last key begin with: guesses of UUIDs are hexadecimal then, those of zero-padded counters decimal, and
/// none has a character that the column could not store. Keys of other types, and in character sets of
/// several bytes a character other than UTF-8, have no guesses.
class KeyInterpolation {
  public:
    /// `sample` is the first key of the range, the last, then others, as key_expression gives them. The
    /// column must outlive this.
    KeyInterpolation(const SourceColumn& column, const std::vector<std::string>& sample);

    /// Literals of the characters whose order guesses() must be told; empty where that is known.
    const std::vector<std::string>& characters() const { return characters_; }

    /// Up to pieces - 1 literals that cut the range into parts of equal width. `ranks` are the places of
    /// characters() in the column's collation, the same for characters that it takes for equal. Guesses and
    /// no more: a collation can order strings otherwise than by their characters.
    std::vector<std::string> guesses(uint64_t pieces, const std::vector<uint64_t>& ranks) const;

    /// Guesses ascend as the server compares them: integers and decimals, whose order is that of numbers.
    bool guesses_ascend() const;

  private:
    using Characters = std::vector<std::string>;  // each in hexadecimal

    std::vector<std::string> string_guesses(uint64_t pieces, const std::vector<uint64_t>& ranks) const;

    const SourceColumn& column_;
    std::string first_, last_;
    // Strings: what the first and the last key begin with, how they go on, and what occurs there.
    std::string prefix_;
    Characters first_rest_, last_rest_, alphabet_;
    std::vector<std::string> characters_;
};

}  // namespace penstock
