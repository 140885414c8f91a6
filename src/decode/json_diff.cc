#include "decode/json_diff.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "decode/json_binary.h"
#include "decode/json_container.h"

namespace penstock {

namespace {

using namespace json_binary;

enum Operation : uint8_t { kReplace = 0, kInsert = 1, kRemove = 2 };

/// One step of a path: a member's name, or the index of a cell, counted from the end for `last`.
struct Leg {
    bool is_member = false;
    std::string name;
    uint64_t index = 0;
    bool from_end = false;
};

/// A value. It stays as its bytes until a path leads into it.
struct Node {
    uint8_t type = kLiteral;
    ByteSpan bytes;
    bool open = false;  // `children` say what is inside, not `bytes`
    std::vector<Node> children;
    std::string name{};  // of a member: in the object around it

    bool is_object() const { return type == kSmallObject || type == kLargeObject; }
    bool is_array() const { return type == kSmallArray || type == kLargeArray; }

    /// `budget`: an honest document's entries and keys are no more than its bytes; overlapping ones must not
    /// multiply.
    void take_apart(size_t& budget) {
        if (open || !(is_object() || is_array())) return;
        open = true;
        auto take = [&](std::string_view key, uint8_t child_type, ByteSpan child) {
            if (key.size() + 1 > budget) fail("keys overlap");
            budget -= key.size() + 1;
            children.push_back(Node{child_type, child, false, {}, std::string(key)});
        };
        const bool large = type == kLargeObject || type == kLargeArray;
        large ? each_entry<4>(bytes, is_object(), take) : each_entry<2>(bytes, is_object(), take);
    }
};

void append_utf8(uint32_t c, std::string& out) {
    if (c < 0x80) {
        out += static_cast<char>(c);
    } else if (c < 0x800) {
        out += static_cast<char>(0xc0 | c >> 6);
        out += static_cast<char>(0x80 | (c & 63));
    } else if (c < 0x10000) {
        out += static_cast<char>(0xe0 | c >> 12);
        out += static_cast<char>(0x80 | (c >> 6 & 63));
        out += static_cast<char>(0x80 | (c & 63));
    } else {
        out += static_cast<char>(0xf0 | c >> 18);
        out += static_cast<char>(0x80 | (c >> 12 & 63));
        out += static_cast<char>(0x80 | (c >> 6 & 63));
        out += static_cast<char>(0x80 | (c & 63));
    }
}

/// Reads a path as the server writes it: $, then .name, ."name" as a JSON string, [7], [last], [last-7].
class PathReader {
  public:
    explicit PathReader(std::string_view text) : text_(text) {
        if (take() != '$') bad();
    }

    std::optional<Leg> next() {
        if (at_ == text_.size()) return std::nullopt;
        Leg leg;
        switch (take()) {
            case '.':
                leg.is_member = true;
                leg.name = peek() == '"' ? quoted_name() : plain_name();
                return leg;
            case '[':
                if (text_.substr(at_).starts_with("last")) {
                    at_ += 4;
                    leg.from_end = true;
                    if (peek() == '-') {
                        ++at_;
                        leg.index = number();
                    }
                } else {
                    leg.index = number();
                }
                if (take() != ']') bad();
                return leg;
            default:
                bad();
        }
    }

  private:
    [[noreturn]] static void bad() { fail("a path that cannot be read"); }
    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
    char take() {
        if (at_ == text_.size()) bad();
        return text_[at_++];
    }
    uint64_t number() {
        uint64_t n = 0;
        size_t start = at_;
        while (peek() >= '0' && peek() <= '9') n = n * 10 + static_cast<uint64_t>(text_[at_++] - '0');
        if (at_ == start || at_ - start > 10) bad();
        return n;
    }
    std::string plain_name() {
        size_t end = std::min(text_.find_first_of(".[", at_), text_.size());
        if (end == at_) bad();
        std::string name(text_.substr(at_, end - at_));
        at_ = end;
        return name;
    }
    uint32_t four_hex_digits() {
        uint32_t value = 0;
        for (int i = 0; i < 4; ++i) {
            const char c = take();
            const int digit = c >= '0' && c <= '9'   ? c - '0'
                              : c >= 'a' && c <= 'f' ? c - 'a' + 10
                              : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                     : -1;
            if (digit < 0) bad();
            value = value << 4 | static_cast<uint32_t>(digit);
        }
        return value;
    }
    std::string quoted_name() {
        std::string name;
        take();
        for (char c = take(); c != '"'; c = take()) {
            if (c != '\\') {
                name += c;
                continue;
            }
            c = take();
            switch (c) {
                case 'b':
                    name += '\b';
                    break;
                case 'f':
                    name += '\f';
                    break;
                case 'n':
                    name += '\n';
                    break;
                case 'r':
                    name += '\r';
                    break;
                case 't':
                    name += '\t';
                    break;
                case 'u': {
                    uint32_t unit = four_hex_digits();
                    if (unit >= 0xd800 && unit < 0xdc00) {  // the first half of a surrogate pair
                        if (take() != '\\' || take() != 'u') bad();
                        const uint32_t low = four_hex_digits();
                        if (low < 0xdc00 || low > 0xdfff) bad();
                        unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                    }
                    append_utf8(unit, name);
                    break;
                }
                default:
                    name += c;
            }
        }
        return name;
    }

    std::string_view text_;
    size_t at_ = 0;
};

/// The order of an object's keys: shorter ones first, then by bytes.
bool key_before(const Node& child, const std::string& name) {
    const std::string& key = child.name;
    return key.size() != name.size() ? key.size() < name.size() : key < name;
}

class Document {
  public:
    Document(Node root, size_t budget) : root_(std::move(root)), budget_(budget) {}
    const Node& root() const { return root_; }

    void apply(Operation operation, std::string_view path, Node value) {
        PathReader reader(path);
        std::vector<Leg> legs;
        while (std::optional<Leg> leg = reader.next()) {
            if (legs.size() == kMaxDepth) fail("a path of more than 100 steps");
            legs.push_back(std::move(*leg));
        }
        if (legs.empty()) {
            if (operation != kReplace) fail("the whole document cannot be inserted or removed");
            root_ = std::move(value);
            return;
        }
        Node* parent = &root_;
        for (size_t i = 0; i + 1 < legs.size(); ++i) parent = &find(*parent, legs[i]);
        const Leg& last = legs.back();
        switch (operation) {
            case kReplace: {
                Node& replaced = find(*parent, last);
                value.name = std::move(replaced.name);
                replaced = std::move(value);
                return;
            }
            case kInsert:
                return insert(*parent, last, std::move(value));
            case kRemove:
                return remove(*parent, last);
        }
    }

  private:
    using Child = std::vector<Node>::iterator;

    /// Where the leg leads, or would lead, in an opened container that has such legs.
    static Child position(Node& in, const Leg& leg, bool& there) {
        std::vector<Node>& children = in.children;
        if (leg.is_member) {
            Child at = std::lower_bound(children.begin(), children.end(), leg.name, key_before);
            there = at != children.end() && at->name == leg.name;
            return at;
        }
        const uint64_t size = children.size();
        if (leg.from_end) {
            there = leg.index < size;
            return there ? children.end() - static_cast<std::ptrdiff_t>(leg.index) - 1 : children.begin();
        }
        there = leg.index < size;
        return there ? children.begin() + static_cast<std::ptrdiff_t>(leg.index) : children.end();
    }

    Node& find(Node& in, const Leg& leg) {
        in.take_apart(budget_);
        if (leg.is_member ? !in.is_object() : !in.is_array()) {
            // What is no array is taken for one of a single cell.
            if (!leg.is_member && leg.index == 0) return in;
            fail("a path leads to nothing");
        }
        bool there = false;
        Child at = position(in, leg, there);
        if (!there) fail("a path leads to nothing");
        return *at;
    }

    void insert(Node& in, const Leg& leg, Node value) {
        in.take_apart(budget_);
        if (leg.is_member ? !in.is_object() : !in.is_array()) fail("there is no place for a value to insert");
        bool there = false;
        Child at = position(in, leg, there);
        if (leg.is_member && there) fail("a member to insert is there already");
        value.name = leg.name;
        in.children.insert(at, std::move(value));
    }

    void remove(Node& in, const Leg& leg) {
        in.take_apart(budget_);
        if (leg.is_member ? !in.is_object() : !in.is_array()) fail("a path leads to nothing");
        bool there = false;
        Child at = position(in, leg, there);
        if (!there) fail("a path leads to nothing");
        in.children.erase(at);
    }

    Node root_;
    size_t budget_;
};

Node document_node(ByteSpan document) {
    if (document.empty()) {  // no bytes at all are the literal null
        static constexpr uint8_t kNull[] = {0};
        return Node{kLiteral, ByteSpan(kNull, 1), false, {}};
    }
    return Node{document[0], document.subspan(1), false, {}};
}

void print(const Node& node, int depth, size_t& budget, std::string& out) {
    if (!node.open) return append_json_value(node.type, node.bytes, depth, budget, out);
    if (depth >= kMaxDepth) fail("nested more than 100 deep");
    out += node.is_object() ? '{' : '[';
    bool first = true;
    for (const Node& child : node.children) {
        if (!first) out += ", ";
        first = false;
        if (node.is_object()) {
            append_json_string(child.name, out);
            out += ": ";
        }
        print(child, depth + 1, budget, out);
    }
    out += node.is_object() ? '}' : ']';
}

}  // namespace

void append_json_text(ByteSpan document, ByteSpan diffs, std::string& out) {
    size_t budget = document.size() + diffs.size() + 1;
    Document edited(document_node(document), budget);
    ByteReader reader(diffs, "decode: partial JSON update");
    while (!reader.empty()) {
        const uint8_t operation = reader.u8();
        if (operation > kRemove) reader.fail("unknown operation");
        const std::string_view path = as_text(reader.lenenc_bytes());
        Node value;
        if (operation != kRemove) value = document_node(reader.lenenc_bytes());
        edited.apply(static_cast<Operation>(operation), path, std::move(value));
    }
    print(edited.root(), 0, budget, out);
}

}  // namespace penstock
