#include "source/key_literal.h"

#include "base/error.h"
#include "source/mysql_connection.h"

namespace penstock {
namespace {

enum class Form { kNumber, kFloat, kTime, kWord, kText, kBytes, kNone };

Form form_of(const SourceColumn& column) {
    switch (column.type) {
        case SourceType::kTinyInt:
        case SourceType::kSmallInt:
        case SourceType::kMediumInt:
        case SourceType::kInt:
        case SourceType::kBigInt:
        case SourceType::kDecimal:
        case SourceType::kYear:
        case SourceType::kBit:
        case SourceType::kEnum:
        case SourceType::kSet:
            return Form::kNumber;
        case SourceType::kFloat:
        case SourceType::kDouble:
            return Form::kFloat;
        case SourceType::kDate:
        case SourceType::kDateTime:
        case SourceType::kTimestamp:
        case SourceType::kTime:
            return Form::kTime;
        case SourceType::kUuid:
        case SourceType::kInet4:
        case SourceType::kInet6:
            return Form::kWord;
        case SourceType::kChar:
        case SourceType::kVarChar:
        case SourceType::kText:
            return column.charset.empty() ? Form::kNone : Form::kText;
        case SourceType::kBinary:
        case SourceType::kVarBinary:
        case SourceType::kBlob:
            return Form::kBytes;
        default:
            return Form::kNone;
    }
}

/// The order of `key` against `bound`, where `last` compares the last column and `strict` those before it.
std::string compare(const std::vector<const SourceColumn*>& key, const KeyBound& bound, const char* strict,
                    const char* last) {
    std::string sql;
    for (size_t i = bound.size(); i-- > 0;) {
        const std::string name = quote_identifier(key[i]->name);
        if (i + 1 == bound.size()) {
            sql = name + " " + last + " " + bound[i];
        } else {
            sql = "(" + name + " " + strict + " " + bound[i] + " OR (" + name + " = " + bound[i] + " AND " +
                  sql + "))";
        }
    }
    if (bound.size() == 1) return sql;
    return quote_identifier(key[0]->name) + " " + strict + "= " + bound[0] + " AND " + sql;
}

}  // namespace

bool can_bound(const SourceColumn& column) {
    return form_of(column) != Form::kNone;
}

std::string key_expression(const SourceColumn& column) {
    const std::string name = quote_identifier(column.name);
    switch (form_of(column)) {
        case Form::kText:
        case Form::kBytes:
            return "HEX(" + name + ")";
        case Form::kFloat:
            return name + " + 0E0";  // all digits of a FLOAT, whose own text is rounded
        case Form::kNumber:
            if (column.type == SourceType::kBit || column.type == SourceType::kEnum ||
                column.type == SourceType::kSet || column.type == SourceType::kYear) {
                return name + " + 0";
            }
            return name;
        default:
            return name;
    }
}

std::string key_literal(const SourceColumn& column, const std::string& value) {
    const Form form = form_of(column);
    const bool hex = form == Form::kText || form == Form::kBytes;
    const char* allowed = hex                   ? "0123456789ABCDEF"
                          : form == Form::kTime ? "0123456789-:. "
                          : form == Form::kWord ? "0123456789abcdefABCDEF-:."
                                                : "0123456789-+.eE";
    if (form == Form::kNone || value.find_first_not_of(allowed) != std::string::npos ||
        (value.empty() && !hex)) {
        throw Error(
            Disposition::kFailPipe, "cut a table into partitions",
            "column " + column.name + " (" + column.column_type + ") gave the key value \"" + value + "\"",
            "Choose another snapshot partition column");
    }
    switch (form) {
        case Form::kText:
            return "_" + column.charset + " x'" + value + "'";
        case Form::kBytes:
            return "x'" + value + "'";
        case Form::kTime:
        case Form::kWord:
            return "'" + value + "'";
        case Form::kFloat:
            return value.find_first_of("eE") == std::string::npos ? value + "E0" : value;
        default:
            return value;
    }
}

std::string at_or_after(const std::vector<const SourceColumn*>& key, const KeyBound& bound) {
    return compare(key, bound, ">", ">=");
}

std::string before(const std::vector<const SourceColumn*>& key, const KeyBound& bound) {
    return compare(key, bound, "<", "<");
}

std::string strictly_after(const std::vector<const SourceColumn*>& key, const KeyBound& bound) {
    return compare(key, bound, ">", ">");
}

}  // namespace penstock
