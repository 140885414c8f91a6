#include "service/configuration.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <map>

#include <arpa/inet.h>
#include <nlohmann/json.hpp>

#include "base/environment.h"
#include "base/error.h"
#include "base/name_suggestion.h"
#include "base/text_file.h"
#include "pipe/pipe_file_document.h"
#include "service/service_url.h"

namespace penstock {

namespace {

using nlohmann::json;
using enum SettingKind;

const Setting& setting_of(std::string_view name) {
    for (const Setting& setting : configuration_settings()) {
        if (setting.name == name) return setting;
    }
    throw Error(Disposition::kUsage, std::string(name), "is not a setting");
}

std::string allowed_text(const Setting& setting) {
    switch (setting.kind) {
        case kInteger:
            return std::to_string(setting.minimum) + " to " + std::to_string(setting.maximum);
        case kBoolean:
            return "true or false";
        case kTextList:
            return "a list of texts";
        case kObjectList:
            return "a list of objects";
        case kText:
            break;
    }
    std::string words;
    for (std::string_view word : setting.allowed) words += (words.empty() ? "" : ", ") + std::string(word);
    if (words.empty()) return setting.may_be_empty ? "text" : "text that is not empty";
    return words;
}

/// A word of the environment or the command line as the setting's JSON; a text where it is not of its kind.
json value_of_word(const Setting& setting, const std::string& word) {
    if (setting.kind == kBoolean && (word == "true" || word == "false")) return word == "true";
    if (setting.kind == kInteger) {
        int64_t number = 0;
        auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
        if (error == std::errc() && end == word.data() + word.size()) return number;
    }
    return word;
}

json list_of_words(const std::string& text) {
    json list = json::array();
    for (size_t begin = 0; begin <= text.size();) {
        size_t end = std::min(text.find(',', begin), text.size());
        list.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return list;
}

bool is_text(const json& value) {
    return value.is_string() && !value.get_ref<const std::string&>().empty() &&
           value.get_ref<const std::string&>().find('\0') == std::string::npos;
}

class Loader {
  public:
    Loader() {
        for (const Setting& setting : configuration_settings()) {
            bool of_element = setting.name.find('[') != setting.name.npos;
            if (of_element || setting.preset.empty() || setting.kind == kObjectList) continue;
            setting.store(configuration_, json::parse(setting.preset));
        }
    }

    void take_file(const std::string& path) {
        file_ = path;
        json document = parse_document(read_text_file(path, "configuration file"), path);
        if (!document.is_object()) fail(path, "must be an object of settings");
        check_object("", "", document);
    }

    void take_environment() {
        for (const Setting& setting : configuration_settings()) {
            if (setting.environment.empty()) continue;
            const char* text = std::getenv(std::string(setting.environment).c_str());
            if (text == nullptr || *text == '\0') continue;
            const std::string origin = "$" + std::string(setting.environment);
            json value = setting.kind == kTextList ? list_of_words(text) : value_of_word(setting, text);
            check_value(setting, origin, "", value);
        }
    }

    void take_flags(const std::vector<GivenFlag>& flags) {
        for (const auto& [name, words] : flags) {
            const Setting& setting = setting_of(name);
            json value;
            if (setting.kind == kTextList) {
                value = words;
            } else if (setting.kind == kBoolean && words.empty()) {
                value = true;
            } else {
                value = value_of_word(setting, words.empty() ? "" : words.back());
            }
            check_value(setting, setting.flag(), "", value);
        }
    }

    Configuration finish() {
        check_listen();
        if (configuration_.tls_certificate.empty() != configuration_.tls_key.empty()) {
            const char* given = configuration_.tls_key.empty() ? "tls_certificate" : "tls_key";
            const char* missing = configuration_.tls_key.empty() ? "tls_key" : "tls_certificate";
            fail(origin_of(given), named(origin_of(given), given) + "needs " + missing + " too");
        }
        check_services();
        if (configuration_.master_key_file.empty()) {
            configuration_.master_key_file = configuration_.data_dir + "/master.key";
        }
        return std::move(configuration_);
    }

  private:
    [[noreturn]] static void fail(const std::string& origin, const std::string& message,
                                  const std::string& hint = {}) {
        throw Error(Disposition::kUsage, origin, message, hint);
    }
    /// The setting's name where the origin does not say it.
    std::string named(const std::string& origin, const std::string& name) const {
        return origin == file_ ? name + ": " : "";
    }
    /// Where the value in force comes from.
    std::string origin_of(const std::string& name) const {
        auto found = origins_.find(name);
        return found == origins_.end() ? "configuration" : found->second;
    }

    /// `pattern` is the object's path in the table of settings, `shown` the same with list indexes.
    void check_object(const std::string& pattern, const std::string& shown, const json& object) {
        std::vector<std::string_view> names;
        for (const Setting& setting : configuration_settings()) {
            if (!setting.name.starts_with(pattern)) continue;
            std::string_view rest = setting.name.substr(pattern.size());
            if (rest.find('[') == rest.npos) names.push_back(rest);
        }
        for (const auto& [name, value] : object.items()) {
            if (std::find(names.begin(), names.end(), name) != names.end()) continue;
            fail(file_, shown + name + ": unknown setting; " + name_suggestion(name, names));
        }
        for (std::string_view name : names) {
            const Setting& setting = setting_of(pattern + std::string(name));
            auto found = object.find(std::string(name));
            if (found != object.end() && !found->is_null()) {
                check_value(setting, file_, shown + std::string(name), *found);
            } else if (setting.required) {
                fail(file_, shown + std::string(name) + ": is required; allowed: " + allowed_text(setting));
            }
        }
    }

    /// `shown` is the setting's path in a file; empty where the origin says all.
    void check_value(const Setting& setting, const std::string& origin, const std::string& shown,
                     const json& value) {
        const std::string at = shown.empty() ? "" : shown + ": ";
        auto refuse = [&](const std::string& what) {
            fail(origin, at + what + "; allowed: " + allowed_text(setting));
        };
        const std::string text =
            setting.secret ? "the value" : value.dump(-1, ' ', false, json::error_handler_t::replace);
        switch (setting.kind) {
            case kText:
                if (!value.is_string()) refuse(text + " is not text" + (setting.secret ? "" : quotes(value)));
                if (!is_text(value) && !(setting.may_be_empty && value == ""))
                    refuse(text + " is not allowed");
                if (!setting.allowed.empty() &&
                    std::find(setting.allowed.begin(), setting.allowed.end(),
                              value.get_ref<const std::string&>()) == setting.allowed.end()) {
                    refuse(text + " is not allowed");
                }
                break;
            case kInteger:
                if (!value.is_number_integer()) refuse(text + " is not a whole number");
                if ((value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX) ||
                    value.get<int64_t>() < setting.minimum || value.get<int64_t>() > setting.maximum) {
                    refuse(text + " is out of range");
                }
                break;
            case kBoolean:
                if (!value.is_boolean()) refuse(text + " is neither");
                break;
            case kTextList:
                if (!value.is_array() || value.empty() || !std::all_of(value.begin(), value.end(), is_text)) {
                    refuse(text + " is not a list of texts");
                }
                break;
            case kObjectList:
                if (!value.is_array()) refuse("is not a list");
                for (size_t i = 0; i < value.size(); ++i) {
                    const std::string element = shown + "[" + std::to_string(i) + "]";
                    if (!value[i].is_object()) fail(origin, element + ": must be an object");
                    setting.store(configuration_, value[i]);
                    take_service(element, value[i]);
                }
                break;
        }
        origins_[std::string(setting.name)] = origin;
        if (setting.kind != kObjectList && setting.store != nullptr) setting.store(configuration_, value);
    }
    static std::string quotes(const json& value) { return value.is_primitive() ? " (put it in quotes)" : ""; }

    /// The settings of one service, into configuration_.services.back().
    void take_service(const std::string& shown, const json& object) {
        check_object("services[].", shown + ".", object);
        ServiceSettings& service = configuration_.services.back();
        auto given = [&](const char* name) {
            auto found = object.find(name);
            return found != object.end() && !found->is_null();
        };
        if (std::string problem = problem_with_service_url(service.url); !problem.empty()) {
            fail(file_, shown + ".url: " + problem);
        }
        if (given("password_file")) {
            if (given("password")) {
                fail(file_, shown + ".password_file: is given together with password", "Give one of them");
            }
            service.password =
                read_part(shown + ".password_file", object.at("password_file"), read_first_line);
        } else {
            service.password = expand_variable(service.password, file_, shown + ".password");
        }
        if (!given("ca_certificate_file")) return;
        service.ca_certificate =
            read_part(shown + ".ca_certificate_file", object.at("ca_certificate_file"), read_text_file);
        if (service.ca_certificate.find("-----BEGIN CERTIFICATE-----") == std::string::npos) {
            fail(file_, shown +
                            ".ca_certificate_file: " + object.at("ca_certificate_file").get<std::string>() +
                            " holds no certificate in PEM text");
        }
    }

    template <typename Read>
    std::string read_part(const std::string& shown, const std::string& path, Read read) const {
        try {
            return read(path, "file");
        } catch (const Error& e) {
            fail(file_, shown + ": " + e.operation() + ": " + e.message());
        }
    }

    void check_listen() const {
        const std::string origin = origin_of("listen");
        for (const std::string& text : configuration_.listen) {
            std::optional<ListenAddress> address = parse_listen_address(text);
            if (!address) {
                fail(origin, named(origin, "listen") + "\"" + text +
                                 "\" is no address; allowed: HOST:PORT, [V6]:PORT or *:PORT, "
                                 "with a port of 0 to 65535");
            }
            bool plain = configuration_.tls_certificate.empty() && !configuration_.allow_plain_http;
            if (!plain || address->loopback()) continue;
            fail(origin,
                 named(origin, "listen") + text +
                     " can be reached from other machines, and the API has no TLS",
                 "Set tls_certificate and tls_key, or allow_plain_http: true where a proxy adds TLS");
        }
    }

    void check_services() const {
        const std::vector<ServiceSettings>& services = configuration_.services;
        for (size_t i = 0; i < services.size(); ++i) {
            for (size_t j = 0; j < i; ++j) {
                if (services[i].name != services[j].name) continue;
                fail(file_, "services[" + std::to_string(i) + "].name: \"" + services[i].name +
                                "\" is the name of services[" + std::to_string(j) + "] too");
            }
        }
    }

    Configuration configuration_;
    std::string file_;
    std::map<std::string, std::string> origins_;
};

}  // namespace

Configuration load_configuration(const std::optional<std::string>& file,
                                 const std::vector<GivenFlag>& flags) {
    Loader loader;
    if (file) loader.take_file(*file);
    loader.take_environment();
    loader.take_flags(flags);
    return loader.finish();
}

bool ListenAddress::loopback() const {
    in_addr v4{};
    in6_addr v6{};
    if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
    if (inet_pton(AF_INET6, host.c_str(), &v6) == 1) return IN6_IS_ADDR_LOOPBACK(&v6);
    return host == "localhost";
}

std::optional<ListenAddress> parse_listen_address(std::string_view text) {
    ListenAddress address;
    size_t colon = text.rfind(':');
    if (colon == text.npos) return std::nullopt;
    std::string_view host = text.substr(0, colon), port = text.substr(colon + 1);
    auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
    if (error != std::errc() || end != port.data() + port.size()) return std::nullopt;
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
        in6_addr v6{};
        if (inet_pton(AF_INET6, std::string(host).c_str(), &v6) != 1) return std::nullopt;
    } else if (host.find_first_of(":[] \t/") != host.npos) {
        return std::nullopt;
    }
    if (host != "*") address.host = host;
    return address;
}

}  // namespace penstock
