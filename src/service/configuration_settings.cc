#include <string>
#include <type_traits>

#include <nlohmann/json.hpp>

#include "service/configuration.h"

namespace penstock {

namespace {

using nlohmann::json;
using enum SettingKind;

constexpr std::string_view kCompressions[] = {"auto", "zstd", "lz4", "none"};
constexpr std::string_view kLogLevels[] = {"debug", "info", "warning", "error"};

template <auto Member, typename Object>
void assign(Object& object, const json& value) {
    using Field = std::remove_reference_t<decltype(object.*Member)>;
    if constexpr (std::is_integral_v<Field> && !std::is_same_v<Field, bool>) {
        object.*Member = static_cast<Field>(value.get<int64_t>());
    } else {
        object.*Member = value.get<Field>();
    }
}
template <auto Member>
void to(Configuration& configuration, const json& value) {
    assign<Member>(configuration, value);
}
template <auto Member>
void to_service(Configuration& configuration, const json& value) {
    assign<Member>(configuration.services.back(), value);
}

void store_compression(Configuration& configuration, const json& value) {
    configuration.compression.reset();
    if (value == "zstd") configuration.compression = Compression::kZstd;
    if (value == "lz4") configuration.compression = Compression::kLz4;
    if (value == "none") configuration.compression = Compression::kNone;
}

constexpr int64_t kMegabyte = int64_t{1} << 20;

const Setting kSettings[] = {
    {.name = "data_dir",
     .preset = "\"./penstock-data\"",
     .environment = "PENSTOCK_DATA_DIR",
     .help = "Where the pipes' state and the embedded ClickHouse live.",
     .store = to<&Configuration::data_dir>},
    {.name = "listen",
     .kind = kTextList,
     .preset = "[\"127.0.0.1:8125\"]",
     .environment = "PENSTOCK_LISTEN",
     .help = "Addresses of the API, each `HOST:PORT`; port 0 takes a free one, `*:PORT` is every address.",
     .store = to<&Configuration::listen>},
    {.name = "tls_certificate",
     .environment = "PENSTOCK_TLS_CERTIFICATE",
     .help = "PEM file with the API's certificate and its chain; makes the API HTTPS.",
     .store = to<&Configuration::tls_certificate>},
    {.name = "tls_key",
     .environment = "PENSTOCK_TLS_KEY",
     .help = "PEM file with the certificate's key.",
     .store = to<&Configuration::tls_key>},
    {.name = "allow_plain_http",
     .kind = kBoolean,
     .preset = "false",
     .environment = "PENSTOCK_ALLOW_PLAIN_HTTP",
     .help =
         "Let other machines reach the API without TLS, for example behind a proxy that adds it. Keys and "
         "passwords then travel as they are.",
     .store = to<&Configuration::allow_plain_http>},
    {.name = "master_key_file",
     .environment = "PENSTOCK_MASTER_KEY_FILE",
     .help = "File with the key that seals stored passwords, made at the first start; `DATA_DIR/master.key` "
             "if not given. `$PENSTOCK_MASTER_KEY`, the key itself, goes before it.",
     .store = to<&Configuration::master_key_file>},
    {.name = "library",
     .environment = "PENSTOCK_CHDB_LIBRARY",
     .help = "The embedded ClickHouse's `libchdb.so`; looked for if not given.",
     .store = to<&Configuration::library>},
    {.name = "compression",
     .allowed = kCompressions,
     .preset = "\"auto\"",
     .environment = "PENSTOCK_COMPRESSION",
     .help = "Of what is sent to ClickHouse; `auto` is none to a loopback address and zstd to any other.",
     .store = store_compression},
    {.name = "max_request_bytes",
     .kind = kInteger,
     .minimum = 1024,
     .maximum = 1024 * kMegabyte,
     .preset = "4194304",
     .environment = "PENSTOCK_MAX_REQUEST_BYTES",
     .help = "The largest body that the API takes.",
     .store = to<&Configuration::max_request_bytes>},
    {.name = "requests_per_minute",
     .kind = kInteger,
     .minimum = 0,
     .maximum = 1'000'000,
     .preset = "1200",
     .environment = "PENSTOCK_REQUESTS_PER_MINUTE",
     .help = "Requests of one API key; 0 is no limit.",
     .store = to<&Configuration::requests_per_minute>},
    {.name = "failed_sign_ins_per_minute",
     .kind = kInteger,
     .minimum = 0,
     .maximum = 1'000'000,
     .preset = "20",
     .environment = "PENSTOCK_FAILED_SIGN_INS_PER_MINUTE",
     .help = "Wrong secrets of one key id from one address, and ten times as many of any; 0 is no limit.",
     .store = to<&Configuration::failed_sign_ins_per_minute>},
    {.name = "log_level",
     .allowed = kLogLevels,
     .preset = "\"info\"",
     .environment = "PENSTOCK_LOG_LEVEL",
     .help = "What the log on stderr shows.",
     .store = to<&Configuration::log_level>},
    {.name = "services",
     .kind = kObjectList,
     .may_be_empty = true,
     .preset = "[]",
     .help = "ClickHouse services beside the embedded one. One that is called `default` takes its place.",
     .store = [](Configuration& configuration, const json&) { configuration.services.emplace_back(); }},
    {.name = "services[].name",
     .required = true,
     .help = "Its name; it keeps its id as long as it keeps that.",
     .store = to_service<&ServiceSettings::name>},
    {.name = "services[].url",
     .required = true,
     .help = "`http://HOST[:PORT]` or `https://HOST[:PORT]` of its HTTP interface.",
     .store = to_service<&ServiceSettings::url>},
    {.name = "services[].user",
     .preset = "\"default\"",
     .help = "The account that makes and fills the tables.",
     .store = to_service<&ServiceSettings::user>},
    {.name = "services[].password",
     .may_be_empty = true,
     .secret = true,
     .help = "Its password. `${NAME}` as the whole value is read from the environment.",
     .store = to_service<&ServiceSettings::password>},
    {.name = "services[].password_file",
     .help = "File whose first line is the password, instead of `password`."},
    {.name = "services[].ca_certificate_file",
     .help =
         "PEM file of the authority that signed the service's certificate; the system's authorities if not "
         "given."},
    {.name = "services[].cluster",
     .help = "Name of a cluster whose servers all get the tables, `ON CLUSTER` and with Replicated engines.",
     .store = to_service<&ServiceSettings::cluster>},
};

}  // namespace

std::span<const Setting> configuration_settings() {
    return kSettings;
}

std::string Setting::flag() const {
    if (kind == kObjectList || name.find('[') != name.npos) return "";
    std::string flag = "--" + std::string(name);
    for (char& c : flag) {
        if (c == '_') c = '-';
    }
    return flag;
}

}  // namespace penstock
