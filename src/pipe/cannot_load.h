#pragma once

#include "base/error.h"
#include "model/table_plan.h"

namespace penstock {

/// Thrown where a table cannot be loaded, for a row or for what it is: it is stopped, not the pipe.
struct CannotLoad {
    Error why;
};

/// Reads something of the table at its source: what waiting does not cure there is the table's alone (it was
/// dropped, altered, or its rows may not be read any more).
template <typename Read>
auto of_table(const TablePlan& plan, Read&& read) {
    try {
        return read();
    } catch (const Error& e) {
        if (e.disposition() != Disposition::kFailPipe) throw;
        Error why = e;
        throw CannotLoad{
            why.at_table(plan.source.qualified_name()).with_hint("Resync the table, or remove it")};
    }
}

}  // namespace penstock
