#include "cli/pipe_text.h"

#include <gtest/gtest.h>

namespace penstock {
namespace {

using json = ApiClient::json;

const json kPipe = json::parse(R"({"id": "8f7c", "serviceId": "s1", "name": "shop", "state": "Running",
    "createdAt": "2026-01-02T03:04:05.678Z", "updatedAt": "2026-01-02T03:05:00.000Z",
    "source": {"mysql": {"type": "mariadb", "host": "db", "port": 3306,
        "settings": {"replicationMode": "cdc", "syncIntervalSeconds": 10, "useCompression": false},
        "tableMappings": [{"sourceSchemaName": "shop", "sourceTable": "orders", "targetTable": "orders_copy",
            "tableEngine": "ReplacingMergeTree", "sortingKeys": ["a", "b"], "excludedColumns": []}]}},
    "destination": {"database": "shop"}})");

TEST(PipeText, ListsPipes) {
    EXPECT_EQ(pipes_text(json::array({kPipe}), Screen{}),
              "NAME  STATE    MODE  TABLES  SOURCE   DATABASE  CREATED              ID\n"
              "shop  Running  cdc        1  db:3306  shop      2026-01-02 03:04:05  8f7c\n");
    EXPECT_EQ(pipes_text(json::array(), Screen{}),
              "no pipes yet; make one with: penstock pipe create PIPE.yaml\n");
}

TEST(PipeText, ShowsAPipe) {
    EXPECT_EQ(pipe_text(kPipe, Screen{}),
              "shop  Running\n"
              "  id                              8f7c\n"
              "  service                         s1\n"
              "  created                         2026-01-02T03:04:05.678Z\n"
              "  updated                         2026-01-02T03:05:00.000Z\n"
              "  source                          mariadb db:3306\n"
              "  destination database            shop\n"
              "  replicationMode                 cdc\n"
              "  syncIntervalSeconds             10\n"
              "  useCompression                  false\n"
              "\n"
              "SOURCE       TARGET       ENGINE              SORTING KEY  EXCLUDED  PARTITION KEY\n"
              "shop.orders  orders_copy  ReplacingMergeTree  a, b\n");
}

TEST(PipeText, ShowsTables) {
    const json tables =
        json::parse(R"([{"sourceSchemaName": "shop", "sourceTable": "orders", "targetTable": "orders",
        "state": "Running", "resyncing": true, "rowsLoaded": 12345, "rowsEstimated": 20000, "partitionsLoaded": 1,
        "partitionsTotal": 2, "inserted": 5, "updated": 6, "deleted": 7, "adjusted": 8,
        "adjustedColumns": [{"column": "born", "values": 7}, {"column": "flag", "values": 1}]}])");
    EXPECT_EQ(tables_text(tables, Screen{}),
              "TARGET  SOURCE       STATE             ROWS LOADED  OF ABOUT  PARTITIONS  INSERTED  UPDATED  "
              "DELETED  ADJUSTED\n"
              "orders  shop.orders  Running (resync)       12,345    20,000         1/2         5        6   "
              "     7         8\n"
              "\n"
              "TARGET  COLUMN  VALUES ADJUSTED\n"
              "orders  born                  7\n"
              "orders  flag                  1\n");
    EXPECT_EQ(tables_text(json::array(), Screen{}), "none\n");
}

TEST(PipeText, ShowsPartitionsBatchesAndEvents) {
    const json partitions = json::parse(
        R"([{"targetTable": "orders", "partition": 3, "predicate": "id >= 7", "estimatedRows": 1000,
        "rows": 999, "attempts": 2, "state": "done"}])");
    EXPECT_EQ(partitions_text(partitions, Screen{}),
              "TARGET  PARTITION  STATE  ROWS  OF ABOUT  ATTEMPTS  PREDICATE\n"
              "orders          3  done    999     1,000         2  id >= 7\n");
    const json batches =
        json::parse(R"([{"batch": 12, "position": "uuid:1-5", "startedAt": "2026-01-02T23:59:59.500Z",
        "finishedAt": "2026-01-03T00:00:00.750Z", "blocks": 2, "bytes": 123456, "inserted": 1, "updated": 2, "deleted": 3,
        "adjusted": 0}])");
    EXPECT_EQ(
        batches_text(batches, Screen{}),
        "BATCH  FINISHED             TOOK  BLOCKS      SIZE  INSERTED  UPDATED  DELETED  ADJUSTED  POSITION\n"
        "   12  2026-01-03 00:00:00  1.2s       2  123.5 kB         1        2        3         0  "
        "uuid:1-5\n");
    const json events =
        json::parse(R"([{"number": 1, "time": "2026-01-02T03:04:05.678Z", "from": "Running", "to": "Paused",
        "reason": "asked to"}])");
    EXPECT_EQ(events_text(events, Screen{}),
              "NUMBER  TIME                 FROM     TO      REASON\n"
              "     1  2026-01-02 03:04:05  Running  Paused  asked to\n");
}

TEST(TimeText, KeepsWhatIsNoTime) {
    EXPECT_EQ(time_text("2026-01-31T10:20:30Z"), "2026-01-31 10:20:30");
    EXPECT_EQ(time_text("soon"), "soon");
    EXPECT_EQ(time_text(""), "");
    EXPECT_LT(seconds_between("", "2026-01-31T10:20:30Z"), 0);
    EXPECT_DOUBLE_EQ(seconds_between("2026-02-28T23:59:59.5Z", "2026-03-01T00:00:01Z"), 1.5);
}

}  // namespace
}  // namespace penstock
