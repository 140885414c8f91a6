#include "encode/native.h"

#include <fmt/format.h>

#include "base/error.h"

namespace penstock {

namespace {

/// A column's header: its name and type. `scratch` is reused.
void write_header(std::string_view name, std::string_view type, ByteBuffer& scratch, Compressor& out) {
    scratch.clear();
    scratch.append_varint(name.size());
    scratch.append(name);
    scratch.append_varint(type.size());
    scratch.append(type);
    out.write(scratch.span());
}

void check_rows(const Block& block, const TargetColumn& column, const BlockColumn& data) {
    uint32_t width = data.type().width();
    bool nulls_match = data.nulls().size() == (data.type().nullable ? block.rows : 0);
    bool values_match =
        width != 0 ? data.values().size() == block.rows * width : data.values().size() >= block.rows;
    if (nulls_match && values_match) return;
    throw Error(Disposition::kFailPipe, "encode a block",
                fmt::format("column {} holds {} bytes of values and {} of NULL marks, which is not {} rows",
                            column.name, data.values().size(), data.nulls().size(), block.rows),
                "This is a defect of Penstock; please report it")
        .at_table(block.plan->source.qualified_name());
}

}  // namespace

std::vector<std::string> native_column_names(const TablePlan& plan) {
    std::vector<std::string> names;
    names.reserve(plan.columns.size() + 2);
    for (const TargetColumn& column : plan.columns) names.push_back(column.name);
    names.emplace_back(MetaColumns::kIsDeleted);
    names.emplace_back(MetaColumns::kVersion);
    return names;
}

void encode_native(const Block& block, Compressor& out) {
    const std::vector<TargetColumn>& columns = block.plan->columns;
    ByteBuffer scratch;
    scratch.append_varint(columns.size() + 2);
    scratch.append_varint(block.rows);
    out.write(scratch.span());
    for (size_t i = 0; i < columns.size(); ++i) {
        check_rows(block, columns[i], block.columns[i]);
        write_header(columns[i].name, columns[i].type.wire_name(), scratch, out);
        out.write(block.columns[i].nulls());
        out.write(block.columns[i].values());
    }
    write_header(MetaColumns::kIsDeleted, "UInt8", scratch, out);
    out.write(block.is_deleted.span());
    write_header(MetaColumns::kVersion, "UInt64", scratch, out);
    out.write(block.version.span());
}

}  // namespace penstock
