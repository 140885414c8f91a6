#pragma once
// Key values as SQL: how to read one so that nothing is lost, and how to write it back as a literal that the
// server compares with the column by the column's own rules.

#include <string>
#include <vector>

#include "model/table_schema.h"

namespace penstock {

/// False for types that no range can be made of (JSON, unsupported).
bool can_bound(const SourceColumn& column);

/// The expression whose text is given to key_literal: the column itself, its bytes in hexadecimal (strings),
/// or its number (bit, enum, set).
std::string key_expression(const SourceColumn& column);

/// A literal for what key_expression read. Strings carry the column's charset as an introducer, so that the
/// column's collation decides and no conversion takes place. Throws Error(kFailPipe) for text that is not
/// what key_expression gives.
std::string key_literal(const SourceColumn& column, const std::string& value);

/// A boundary: one literal per key column, or for the first ones only, and at least one.
using KeyBound = std::vector<std::string>;

/// Rows at or after (before, strictly after) the bound in the order of the key columns. Of one column:
/// "`a` >= 5". Of more: "`a` >= 5 AND (`a` > 5 OR (`a` = 5 AND `b` >= 7))", whose first part lets the server
/// read an index range. For a fixed bound, at_or_after and before are each other's negation.
std::string at_or_after(const std::vector<const SourceColumn*>& key, const KeyBound& bound);
std::string before(const std::vector<const SourceColumn*>& key, const KeyBound& bound);
std::string strictly_after(const std::vector<const SourceColumn*>& key, const KeyBound& bound);

}  // namespace penstock
