// Pipes and their transitions; the tables' part is catalog_tables.cc, the batches' catalog_progress.cc.
#include "catalog/catalog.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>
#include <utility>

#include <sys/random.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/text_file.h"
#include "catalog/migrations.h"
#include "catalog/session.h"
#include "catalog/sqlite.h"

namespace penstock {

namespace {

constexpr const char* kNoPipe = "the catalog has no such pipe";

int64_t system_now() {
    using std::chrono::milliseconds;
    auto since = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<milliseconds>(since).count();
}

constexpr const char* kPipeColumns =
    "SELECT id, name, spec, state, state_reason, resume_state, service_id, sealed_password, resync_wanted,"
    " created_at, updated_at FROM pipes JOIN specs ON pipe_id = id WHERE parent_id IS NULL ";

PipeRecord pipe_of(const Statement& row) {
    return {.id = row.text(0),
            .name = row.text(1),
            .spec_json = row.text(2),
            .state = row.text(3),
            .state_reason = row.text(4),
            .resume_state = row.text(5),
            .service_id = row.text(6),
            .sealed_password = row.text(7),
            .resync_wanted = row.text(8),
            .created_at = row.integer(9),
            .updated_at = row.integer(10)};
}

std::string identity_of(const std::string& path) {
    struct stat file {};
    if (::stat(path.c_str(), &file) != 0) throw std::system_error(errno, std::generic_category(), path);
    return read_first_line("/proc/sys/kernel/random/boot_id", "file of the system") + ":" +
           std::to_string(file.st_dev) + ":" + std::to_string(file.st_ino);
}

/// The newest kKeptTransitions of a pipe are kept.
template <typename Transaction>
void add_transition(Transaction& write, std::string_view pipe_id, std::string_view from, std::string_view to,
                    std::string_view reason, int64_t now) {
    write.run(
        "INSERT INTO transitions (pipe_id, number, from_state, to_state, reason, time)"
        " SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4, ?5 FROM transitions WHERE pipe_id = ?1",
        pipe_id, from, to, reason, now);
    write.run(
        "DELETE FROM transitions WHERE pipe_id = ?1"
        " AND number <= (SELECT max(number) FROM transitions WHERE pipe_id = ?1) - ?2",
        pipe_id, Catalog::kKeptTransitions);
}

}  // namespace

std::string make_uuid() {
    std::array<uint8_t, 16> bytes{};
    size_t filled = 0;
    while (filled < bytes.size()) {
        ssize_t n = getrandom(bytes.data() + filled, bytes.size() - filled, 0);
        if (n < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "getrandom");
        if (n > 0) filled += static_cast<size_t>(n);
    }
    bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0f) | 0x40);  // version 4
    bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3f) | 0x80);  // the variant of RFC 9562
    constexpr const char* kDigits = "0123456789abcdef";
    std::string text;
    for (size_t i = 0; i < bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        text += kDigits[bytes[i] >> 4];
        text += kDigits[bytes[i] & 0x0f];
    }
    return text;
}

Catalog::Catalog(const std::string& path, CatalogOptions options) : options_(std::move(options)) {
    if (!options_.now) options_.now = system_now;
    database_ = std::make_unique<Database>(path, Disposition::kUsage);
    prepare_catalog(*database_);
    database_->set_fatal(Disposition::kFailPipe);
    file_identity_ = identity_of(path);
}

Catalog::~Catalog() = default;

void Catalog::create_pipe(const PipeRecord& pipe) {
    Write write(*this, "create the pipe");
    Statement taken = write.prepare("SELECT id = ?1 FROM pipes WHERE id = ?1 OR name = ?2");
    if (taken.bind(pipe.id, pipe.name).step()) {
        throw Error(Disposition::kUsage, "create the pipe",
                    taken.integer(0) != 0 ? "the id " + pipe.id + " is in use"
                                          : "a pipe named \"" + pipe.name + "\" exists already");
    }
    int64_t now = write.now();
    write.run(
        "INSERT INTO pipes (id, name, state, state_reason, resume_state, service_id, sealed_password,"
        " created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        pipe.id, pipe.name, pipe.state, pipe.state_reason, pipe.resume_state, pipe.service_id,
        pipe.sealed_password, now, now);
    write.run("INSERT INTO specs (pipe_id, spec) VALUES (?, ?)", pipe.id, pipe.spec_json);
    add_transition(write, pipe.id, "", pipe.state, pipe.state_reason, now);
    write.commit();
}

std::optional<PipeRecord> Catalog::find_pipe(std::string_view name) const {
    Read read(*this, "find the pipe");
    Statement row = read.prepare(std::string(kPipeColumns) + "AND name = ?");
    if (!row.bind(name).step()) return std::nullopt;
    return pipe_of(row);
}

std::optional<PipeRecord> Catalog::get_pipe(std::string_view pipe_id) const {
    Read read(*this, "find the pipe");
    Statement row = read.prepare(std::string(kPipeColumns) + "AND id = ?");
    if (!row.bind(pipe_id).step()) return std::nullopt;
    return pipe_of(row);
}

std::vector<PipeRecord> Catalog::list_pipes() const {
    Read read(*this, "list the pipes");
    Statement row = read.prepare(std::string(kPipeColumns) + "ORDER BY name");
    std::vector<PipeRecord> pipes;
    while (row.step()) pipes.push_back(pipe_of(row));
    return pipes;
}

void Catalog::update_spec(std::string_view pipe_id, std::string_view spec_json) {
    change_pipe(pipe_id, {.spec_json = std::string(spec_json)});
}

void Catalog::delete_pipe(std::string_view pipe_id) {
    Write write(*this, "delete the pipe");
    write.run_on(kNoPipe, "DELETE FROM pipes WHERE id = ?", pipe_id);
    write.commit();
}

template <typename Transaction>
void Catalog::apply(Transaction& write, std::string_view pipe_id, const PipeChange& change) {
    auto set = [&](const char* column, const std::optional<std::string>& value) {
        if (!value) return;
        write.run_on(kNoPipe, std::string("UPDATE pipes SET ") + column + " = ?, updated_at = ? WHERE id = ?",
                     *value, write.now(), pipe_id);
    };
    if (change.name) {
        Statement taken = write.prepare("SELECT 1 FROM pipes WHERE name = ? AND id <> ?");
        if (taken.bind(*change.name, pipe_id).step()) {
            throw Error(Disposition::kUsage, "rename the pipe",
                        "a pipe named \"" + *change.name + "\" exists already");
        }
    }
    set("name", change.name);
    if (change.spec_json) {
        write.run_on(kNoPipe, "UPDATE specs SET spec = ? WHERE pipe_id = ?", *change.spec_json, pipe_id);
        write.run("UPDATE pipes SET updated_at = ? WHERE id = ?", write.now(), pipe_id);
    }
    set("sealed_password", change.sealed_password);
    set("resync_wanted", change.resync_wanted);
}

void Catalog::change_pipe(std::string_view pipe_id, const PipeChange& change) {
    Write write(*this, "change the pipe");
    apply(write, pipe_id, change);
    write.commit();
}

void Catalog::record_transition(std::string_view pipe_id, std::string_view from, std::string_view to,
                                std::string_view reason, std::string_view resume_state,
                                const PipeChange& change) {
    Write write(*this, "record the transition");
    Statement stored = write.prepare("SELECT state FROM pipes WHERE id = ?");
    if (!stored.bind(pipe_id).step()) write.fail(kNoPipe);
    if (stored.text(0) != from) {
        write.fail("the pipe is " + stored.text(0) + ", not " + std::string(from));
    }
    int64_t now = write.now();
    add_transition(write, pipe_id, from, to, reason, now);
    write.run(
        "UPDATE pipes SET state = ?2, state_reason = ?3, updated_at = ?4,"
        " resume_state = CASE ?5 WHEN '' THEN resume_state ELSE ?5 END WHERE id = ?1",
        pipe_id, to, reason, now, resume_state);
    apply(write, pipe_id, change);
    write.commit();
}

std::vector<Transition> Catalog::transitions(std::string_view pipe_id, uint64_t limit,
                                             uint64_t before) const {
    Read read(*this, "list the transitions");
    Statement row = read.prepare(
        "SELECT number, from_state, to_state, reason, time FROM transitions WHERE pipe_id = ? AND number < ?"
        " ORDER BY number DESC LIMIT ?");
    std::vector<Transition> list;
    row.bind(pipe_id, std::min<uint64_t>(before, INT64_MAX), std::min<uint64_t>(limit, INT64_MAX));
    while (row.step()) {
        list.push_back({.number = row.number(0),
                        .from = row.text(1),
                        .to = row.text(2),
                        .reason = row.text(3),
                        .time = row.integer(4)});
    }
    std::ranges::reverse(list);
    return list;
}

void Catalog::put_source_identity(std::string_view pipe_id, std::string_view identity) {
    Write write(*this, "store the source's identity");
    write.run_on(kNoPipe, "UPDATE pipes SET source_identity = ? WHERE id = ?", identity, pipe_id);
    write.commit();
}

std::string Catalog::source_identity(std::string_view pipe_id) const {
    Read read(*this, "read the source's identity");
    Statement row = read.prepare("SELECT source_identity FROM pipes WHERE id = ?");
    return row.bind(pipe_id).step() ? row.text(0) : std::string();
}

}  // namespace penstock
