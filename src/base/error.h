#pragma once
// The one error type of Penstock. Thrown where the fact is known; caught in one place per thread, which
// asks only for the disposition.

#include <exception>
#include <string>
#include <utility>

namespace penstock {

/// What the pipe does about an error.
enum class Disposition {
    kRetry,     ///< Transient (network, server restart, overload): try again from the checkpoint.
    kFailPipe,  ///< Needs a person or a resync: the pipe becomes Failed.
    kUsage,     ///< The request itself is wrong (bad file, bad flag): nothing was started.
};

/// An error as one line: "OPERATION: MESSAGE (table T, at POSITION). HINT".
/// Every part but operation and message may be empty. Never put a secret in any part.
class Error : public std::exception {
  public:
    Error(Disposition disposition, std::string operation, std::string message, std::string hint = {})
        : disposition_(disposition),
          operation_(std::move(operation)),
          message_(std::move(message)),
          hint_(std::move(hint)) {
        render();
    }

    /// Adds where it happened; a part that is already set is kept (the innermost frame knows best).
    Error& at_table(std::string table) {
        if (table_.empty()) table_ = std::move(table);
        render();
        return *this;
    }
    Error& at_position(std::string position) {
        if (position_.empty()) position_ = std::move(position);
        render();
        return *this;
    }
    Error& with_hint(std::string hint) {
        if (hint_.empty()) hint_ = std::move(hint);
        render();
        return *this;
    }

    Disposition disposition() const { return disposition_; }
    const std::string& operation() const { return operation_; }
    const std::string& message() const { return message_; }
    const std::string& hint() const { return hint_; }
    const std::string& table() const { return table_; }
    const std::string& position() const { return position_; }
    const char* what() const noexcept override { return line_.c_str(); }

  private:
    void render();

    Disposition disposition_;
    std::string operation_, message_, hint_, table_, position_;
    std::string line_;
};

}  // namespace penstock
