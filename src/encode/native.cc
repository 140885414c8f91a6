#include "encode/native.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "encode/widen.h"

namespace penstock {

namespace {

constexpr size_t kSentAtOnce = size_t{256} << 10;   // of compressed bytes
constexpr size_t kWidenedAtOnce = size_t{8} << 10;  // rows: what is made of them stays in the cache

void check_rows(const Block& block, const TargetColumn& column, const BlockColumn& data) {
    uint32_t width = data.type().width();
    bool nulls_match = data.nulls().size() == (data.type().nullable ? block.rows : 0);
    bool values_match =
        width != 0 ? data.values().size() == block.rows * width : data.values().size() >= block.rows;
    if (data.type().kind == TargetKind::kFloat32Array) {
        ByteSpan ends = data.array_ends();
        values_match = ends.size() == block.rows * 8 &&
                       data.values().size() == (ends.empty() ? 0 : load_le<8>(&ends.back() - 7) * 4);
    }
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

ByteSpan NativeReader::header(std::string_view name, std::string_view type) {
    scratch_.clear();
    scratch_.append_varint(name.size());
    scratch_.append(name);
    scratch_.append_varint(type.size());
    scratch_.append(type);
    return scratch_.span();
}

/// The marks of the next rows, none of which is NULL; empty at the end of the column.
ByteSpan NativeReader::added_nulls() {
    const size_t rows = std::min<size_t>(block_.rows - done_, kWidenedAtOnce);
    done_ += rows;
    scratch_.clear();
    if (rows != 0) std::memset(scratch_.extend(rows), 0, rows);
    return scratch_.span();
}

/// The values of the next rows; empty at the end of the column.
ByteSpan NativeReader::widened(const BlockColumn& data, const ColumnForm& form) {
    const size_t rows = std::min<size_t>(block_.rows - done_, kWidenedAtOnce), width = data.type().width();
    const ByteSpan values = data.values().subspan(done_ * width, rows * width);
    done_ += rows;
    scratch_.clear();
    if (rows != 0) widen(values, data.type().width(), form, scratch_.extend(rows * form.width));
    return scratch_.span();
}

ByteSpan NativeReader::next() {
    const std::vector<TargetColumn>& columns = block_.plan->columns;
    if (step_ == Step::kBlock) {
        step_ = Step::kHeader;
        scratch_.append_varint(columns.size() + 2);
        scratch_.append_varint(block_.rows);
        return scratch_.span();
    }
    // Two columns of ours follow those of the plan. A piece may be empty: no NULL marks, no rows.
    while (column_ < columns.size() + 2) {
        const size_t ours = column_ < columns.size() ? 0 : column_ - columns.size() + 1;
        const ColumnForm* form = form_ != nullptr && ours == 0 ? &form_->columns[column_] : nullptr;
        ByteSpan piece;
        switch (step_) {
            case Step::kBlock:
            case Step::kHeader:
                step_ = Step::kNulls;
                if (ours == 1) return header(MetaColumns::kIsDeleted, "UInt8");
                if (ours == 2) return header(MetaColumns::kVersion, "UInt64");
                check_rows(block_, columns[column_], block_.columns[column_]);
                return header(columns[column_].name,
                              form != nullptr ? form->wire_type : columns[column_].type.wire_name());
            case Step::kNulls:
                if (form != nullptr && form->adds_nulls) {
                    if (piece = added_nulls(); !piece.empty()) return piece;
                    done_ = 0;
                }
                step_ = Step::kArrayEnds;
                if (ours == 0) piece = block_.columns[column_].nulls();
                break;
            case Step::kArrayEnds:
                step_ = Step::kValues;
                if (ours == 0) piece = block_.columns[column_].array_ends();
                break;
            case Step::kValues:
                if (form != nullptr && form->values != ColumnForm::Values::kAsPlanned) {
                    if (piece = widened(block_.columns[column_], *form); !piece.empty()) return piece;
                    done_ = 0;
                    step_ = Step::kHeader;
                    ++column_;
                    break;
                }
                step_ = Step::kHeader;
                if (ours == 0) piece = block_.columns[column_].values();
                if (ours == 1) piece = block_.is_deleted.span();
                if (ours == 2) piece = block_.version.span();
                ++column_;
                break;
        }
        if (!piece.empty()) return piece;
    }
    return {};
}

ByteSpan NativeFrame::next() {
    buffer_.clear();
    if (!std::exchange(begun_, true)) compressor_.begin(buffer_);
    while (!ended_ && buffer_.size() < kSentAtOnce) {
        if (reader_) {
            ByteSpan piece = reader_->next();
            if (!piece.empty()) {
                if (compressor_.compression() == Compression::kNone) return piece;
                compressor_.write(piece);
                continue;
            }
            reader_.reset();
        }
        if (const Block* block = next_block_()) {
            reader_.emplace(*block, form_);
        } else {
            compressor_.finish();
            ended_ = true;
        }
    }
    return buffer_.span();
}

void encode_native(const Block& block, Compressor& out, const TableForm* form) {
    NativeReader reader(block, form);
    for (ByteSpan piece = reader.next(); !piece.empty(); piece = reader.next()) out.write(piece);
}

}  // namespace penstock
