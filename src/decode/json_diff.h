#pragma once
// MySQL's partial updates of JSON columns (binlog_row_value_options=PARTIAL_JSON): what changed, applied to
// the document of the before image.
//
// Layout of a partial value, after its length (MySQL source documentation, Json_diff; WL#2955): diffs one
// after the other, each:
//   operation 1 (0 replace, 1 insert, 2 remove) | length of path, length-encoded | path ($.a[3]."b c") |
//   unless removed: length of value, length-encoded | value in binary form, type in front
// No diffs at all: the document stays as it is.

#include <string>

#include "base/byte_reader.h"

namespace penstock {

/// Appends the text of `document` after `diffs` to `out`, as the server prints it. Only what lies on a path
/// is taken apart. Throws Error(kFailPipe) for damaged bytes, and for a diff that does not fit the document:
/// something to replace or remove is not there, something to insert is there already.
void append_json_text(ByteSpan document, ByteSpan diffs, std::string& out);

}  // namespace penstock
