#pragma once
// A geometry as the servers store and send it, to well-known text.
//
// Layout (MySQL manual, "Internal Geometry Storage Format"; OGC 06-103r4, "Well-known Binary"):
//   value:     SRID 4, little-endian | WKB
//   WKB:       byte order 1 (1: little-endian, which is what servers store; 0: big-endian) | kind 4 | body
//   kinds:     1 POINT: x 8, y 8 (doubles)            4 MULTIPOINT         count 4, then as many WKB
//              2 LINESTRING: count 4, points           5 MULTILINESTRING   of kind 1, 2, 3, or any
//              3 POLYGON: count 4, rings as 2          6 MULTIPOLYGON
//                                                      7 GEOMETRYCOLLECTION
//
// Coordinates are written in the order of storage, x before y: of a geographic SRS that is longitude before
// latitude, as ClickHouse's readWKT functions take them (MySQL 8's ST_AsText swaps them for such an SRS).

#include <string>

#include "base/byte_reader.h"

namespace penstock {

/// Appends "POINT(1 2)", "MULTIPOINT((0 0),(1 1))", "GEOMETRYCOLLECTION EMPTY", ...; numbers with the fewest
/// digits that read back as the same double. `with_srid` puts "SRID=4326;" in front (EWKT).
/// Throws Error(kFailPipe) for bytes that are not a geometry, or one nested more than 1000 deep.
void append_wkt(ByteSpan value, bool with_srid, std::string& out);

}  // namespace penstock
