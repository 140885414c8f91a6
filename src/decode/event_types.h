#pragma once
// Numbers of the binary log: event types and column types.
// Sources: MySQL internals manual, "Binary Log Event Types" and enum_field_types; MariaDB KB, "Replication
// Protocol" (types from 160 on are MariaDB's).

#include <cstdint>

namespace penstock {

enum EventType : uint8_t {
    kQueryEvent = 2,
    kStopEvent = 3,
    kRotateEvent = 4,
    kIntvarEvent = 5,
    kAppendBlockEvent = 9,
    kDeleteFileEvent = 11,
    kRandEvent = 13,
    kUserVarEvent = 14,
    kFormatDescriptionEvent = 15,
    kXidEvent = 16,
    kBeginLoadQueryEvent = 17,
    kExecuteLoadQueryEvent = 18,
    kTableMapEvent = 19,
    kWriteRowsV1Event = 23,
    kUpdateRowsV1Event = 24,
    kDeleteRowsV1Event = 25,
    kIncidentEvent = 26,
    kHeartbeatEvent = 27,
    kIgnorableEvent = 28,
    kRowsQueryEvent = 29,
    kWriteRowsEvent = 30,
    kUpdateRowsEvent = 31,
    kDeleteRowsEvent = 32,
    kGtidEvent = 33,
    kAnonymousGtidEvent = 34,
    kPreviousGtidsEvent = 35,
    kTransactionContextEvent = 36,
    kViewChangeEvent = 37,
    kXaPrepareEvent = 38,
    kPartialUpdateRowsEvent = 39,
    kTransactionPayloadEvent = 40,
    kHeartbeatV2Event = 41,
    kGtidTaggedEvent = 42,
    kMariadbAnnotateRowsEvent = 160,
    kMariadbCheckpointEvent = 161,
    kMariadbGtidEvent = 162,
    kMariadbGtidListEvent = 163,
    kMariadbStartEncryptionEvent = 164,
    kMariadbQueryCompressedEvent = 165,
    kMariadbWriteRowsCompressedV1Event = 166,
    kMariadbUpdateRowsCompressedV1Event = 167,
    kMariadbDeleteRowsCompressedV1Event = 168,
    kMariadbWriteRowsCompressedEvent = 169,
    kMariadbUpdateRowsCompressedEvent = 170,
    kMariadbDeleteRowsCompressedEvent = 171,
    kMariadbPartialRowDataEvent = 172,
};

enum FieldType : uint8_t {
    kTinyField = 1,
    kShortField = 2,
    kLongField = 3,
    kFloatField = 4,
    kDoubleField = 5,
    kNullField = 6,
    kTimestampField = 7,  // before MySQL 5.6, MariaDB with mysql56_temporal_format=OFF
    kLongLongField = 8,
    kInt24Field = 9,
    kDateField = 10,
    kTimeField = 11,
    kDateTimeField = 12,
    kYearField = 13,
    kNewDateField = 14,
    kVarcharField = 15,
    kBitField = 16,
    kTimestamp2Field = 17,
    kDateTime2Field = 18,
    kTime2Field = 19,
    kMariadbBlobCompressedField = 140,
    kMariadbVarcharCompressedField = 141,
    kVectorField = 242,
    kJsonField = 245,
    kNewDecimalField = 246,
    kEnumField = 247,
    kSetField = 248,
    kTinyBlobField = 249,
    kMediumBlobField = 250,
    kLongBlobField = 251,
    kBlobField = 252,
    kVarStringField = 253,
    kStringField = 254,
    kGeometryField = 255,
};

/// Fields of a table map's optional metadata.
enum MapMetadata : uint8_t {
    kSignedness = 1,
    kDefaultCharset = 2,
    kColumnCharset = 3,
    kColumnName = 4,
    kSetLabels = 5,
    kEnumLabels = 6,
    kSimplePrimaryKey = 8,
    kPrimaryKeyWithPrefix = 9,
    kEnumSetDefaultCharset = 10,
    kEnumSetColumnCharset = 11,
};

}  // namespace penstock
