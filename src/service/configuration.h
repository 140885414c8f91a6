#pragma once
// What `penstock serve` is told: one table of settings feeds the configuration file, the environment, the
// command line, --help and docs/configuration.md.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "encode/compress.h"
#include "service/services.h"

namespace penstock {

/// Every setting with its value in force. load_configuration gives the defaults of the table.
struct Configuration {
    std::string data_dir;
    std::vector<std::string> listen;  ///< "HOST:PORT"
    std::string tls_certificate;      ///< both paths or neither
    std::string tls_key;
    bool allow_plain_http = false;
    std::string master_key_file;
    std::string library;
    std::optional<Compression> compression;  ///< none: as RunnerEnvironment has it
    uint64_t max_request_bytes = 0;
    uint32_t requests_per_minute = 0;  ///< 0: no limit
    uint32_t failed_sign_ins_per_minute = 0;
    std::string log_level;
    std::vector<ServiceSettings> services;
};

enum class SettingKind : uint8_t {
    kText,
    kInteger,
    kBoolean,
    kTextList,
    kObjectList,  ///< the settings of its elements are called "LIST[].NAME"; only in the file
};

struct Setting {
    std::string_view name;  ///< "max_request_bytes"
    SettingKind kind = SettingKind::kText;
    bool required = false;                        ///< in its object
    bool may_be_empty = false;                    ///< text: "" is allowed; lists: [] is allowed
    bool secret = false;                          ///< its value is never shown
    int64_t minimum = 0, maximum = 0;             ///< integers, inclusive
    std::span<const std::string_view> allowed{};  ///< texts; empty: any
    std::string_view preset{};                    ///< the default as JSON; empty: none
    std::string_view environment{};               ///< the variable that sets it; empty: none
    std::string_view help{};
    /// Stores the checked value; for a kObjectList it is called for each element, before its settings are.
    void (*store)(Configuration&, const nlohmann::json&) = nullptr;

    /// "--max-request-bytes"; empty where it can only be set in the file.
    std::string flag() const;
};

/// A list's row comes before the rows of its elements' settings.
std::span<const Setting> configuration_settings();

/// A flag of the command line: the setting's name and the words that were given (kBoolean: none).
using GivenFlag = std::pair<std::string, std::vector<std::string>>;

/// The file (none: only the rest), over it the environment (lists separated by commas), over it the flags.
/// Relative paths are taken from the working directory. `password: ${NAME}` in the file is taken from the
/// environment, as a whole value only. Throws Error(kUsage), one line: the file, variable or flag, the
/// setting, what is wrong, what is allowed. No secret is in it.
Configuration load_configuration(const std::optional<std::string>& file, const std::vector<GivenFlag>& flags);

/// "HOST:PORT", "[V6]:PORT", ":PORT" or "*:PORT" (every address); nothing for anything else.
struct ListenAddress {
    std::string host;  ///< without brackets; empty: every address
    uint16_t port = 0;
    bool loopback() const;  ///< only this machine can reach it
};
std::optional<ListenAddress> parse_listen_address(std::string_view text);

}  // namespace penstock
