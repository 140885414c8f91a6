#include "secrets/rotation.h"

#include <cstdlib>
#include <optional>
#include <utility>

#include "base/error.h"
#include "secrets/key_file.h"

namespace penstock {

namespace {

std::string next_file(const std::string& file) {
    return file + ".next";
}

std::optional<MasterKey> key_of_variable(const char* name) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') return std::nullopt;
    return MasterKey::from_text(value, std::string("$") + name);
}

std::optional<MasterKey> key_of_file(const std::string& file) {
    std::optional<SecretText> text = read_key_file(file);
    if (!text) return std::nullopt;
    return MasterKey::from_text(text->get(), file);
}

[[noreturn]] void fail_wrong_key(const std::string& origin, const std::string& found,
                                 const std::string& sealed_under, const std::string& hint) {
    throw Error(Disposition::kUsage, "master key " + origin,
                found + ", but the catalog's secrets are sealed under the key " + sealed_under, hint);
}

MasterKey key_of_variable_for(const std::string& sealed_under, MasterKey key) {
    if (key.id() == sealed_under) return key;
    const std::string variable = kMasterKeyVariable;
    const std::string new_variable = kNewMasterKeyVariable;
    std::optional<MasterKey> next = key_of_variable(kNewMasterKeyVariable);
    fail_wrong_key(key.origin(), "it holds the key " + key.id(), sealed_under,
                   next && next->id() == sealed_under
                       ? "The rotation to $" + new_variable + " is done: set " + variable + " to that value"
                       : "Set " + variable + " to that key; after a rotation it is the value that " +
                             new_variable + " had, and a key that is in a file needs it unset");
}

MasterKey key_of_file_for(const std::string& sealed_under, const std::string& file) {
    std::optional<MasterKey> key = key_of_file(file);
    if (key && key->id() == sealed_under) return std::move(*key);
    if (std::optional<MasterKey> next = key_of_file(next_file(file)); next && next->id() == sealed_under) {
        replace_key_file(next_file(file), file);  // a rotation ended between its commit and this
        return MasterKey::load(file, false);
    }
    fail_wrong_key(file, key ? "it holds the key " + key->id() : "the file does not exist", sealed_under,
                   "Put the file with that key in its place, or set " + std::string(kMasterKeyVariable) +
                       " to that key");
}

}  // namespace

MasterKey load_master_key(Catalog& catalog, const std::string& file, bool make_if_missing) {
    std::optional<std::string> sealed_under = catalog.fact(kMasterKeyFact);
    if (!sealed_under || catalog.count_sealed() == 0) {
        MasterKey key = MasterKey::load(file, make_if_missing);
        if (sealed_under != key.id()) catalog.put_fact(kMasterKeyFact, key.id());
        return key;
    }
    if (std::optional<MasterKey> key = key_of_variable(kMasterKeyVariable)) {
        return key_of_variable_for(*sealed_under, std::move(*key));
    }
    return key_of_file_for(*sealed_under, file);
}

uint64_t rotate_master_key(Catalog& catalog, const MasterKey& old_key, const MasterKey& new_key) {
    if (old_key.id() == new_key.id()) {
        throw Error(Disposition::kUsage, "rotate the master key",
                    "the new key (" + new_key.origin() + ") is the one in use", "Give another key");
    }
    auto reseal_one = [&](const std::string& context, const std::string& sealed) {
        SecretText secret(old_key.open(sealed, context));
        return new_key.seal(secret.get(), context);
    };
    return catalog.reseal(reseal_one, kMasterKeyFact, new_key.id());
}

Rotation rotate_master_key(Catalog& catalog, const std::string& file) {
    MasterKey old_key = load_master_key(catalog, file, false);
    std::optional<MasterKey> new_key = key_of_variable(kNewMasterKeyVariable);
    const bool in_file = !key_of_variable(kMasterKeyVariable);
    if (in_file == new_key.has_value()) {
        throw Error(Disposition::kUsage, "rotate the master key",
                    in_file ? "$" + std::string(kNewMasterKeyVariable) + " is set, but the key is in " + file
                            : "$" + std::string(kNewMasterKeyVariable) + " is not set",
                    in_file ? "Unset it: the file gets a random key"
                            : "Set it to the new key; one is made by: head -c 32 /dev/urandom | base64");
    }
    if (in_file) {
        write_key_file(next_file(file), SecretText(MasterKey::generate_text()).get(), true);
        new_key.emplace(key_of_file(next_file(file)).value());  // what is used is what can be read again
    }
    Rotation rotation{.old_key_id = old_key.id(),
                      .new_key_id = new_key->id(),
                      .resealed = rotate_master_key(catalog, old_key, *new_key),
                      .file = in_file ? file : ""};
    if (in_file) replace_key_file(next_file(file), file);
    try {
        catalog.erase_remains();
    } catch (Error& e) {
        e.with_hint("The key is rotated all the same; rotate again to erase what the old one had sealed");
        throw;
    }
    return rotation;
}

}  // namespace penstock
