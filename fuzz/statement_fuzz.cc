// Statements of query events. Input: the statement.

#include "decode/sql_tokens.h"
#include "decode/statement.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace penstock;
    using Kind = LogStatement::Kind;
    std::string_view query = as_text({data, size});
    const QueryEvent event{
        "shop", query,
        size % 2 == 0 ? SqlDialect::kAnsiQuotes | SqlDialect::kMssql : SqlDialect::kNoBackslashEscapes,
        size % 3 == 0};
    LogStatement statement = read_statement(event);
    size_t bytes = 0;
    for (const StatementTable& table : statement.tables) bytes += table.table.size();
    require(bytes <= size, "names come from the statement");
    switch (statement.kind) {
        case Kind::kAlterTable:
        case Kind::kTruncate:
        case Kind::kRenameTable:
        case Kind::kDropDatabase:
            if (statement.kind != Kind::kRenameTable) {
                require(!statement.tables.empty(), "the statement's table is named");
            }
            break;
        default:
            break;
    }
    return 0;
}
