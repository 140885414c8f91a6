#pragma once
// The master key of a catalog: which one it is, and how another takes its place.
//
// The catalog's fact "master_key_id" names the key under which all its secrets are sealed; it changes in the
// transaction that seals them anew. With the key in a file a rotation goes
//
//   FILE.next written, durable   crash before here: FILE opens everything
//   catalog sealed anew          crash before here: FILE opens everything, FILE.next is replaced by the next
//   try FILE.next renamed to FILE    crash before here: FILE.next opens everything; load_master_key renames
//   it
//
// so that at every moment one of the two files holds the key that the fact names.

#include <cstdint>
#include <string>

#include "catalog/catalog.h"
#include "secrets/master_key.h"

namespace penstock {

constexpr const char* kNewMasterKeyVariable = "PENSTOCK_NEW_MASTER_KEY";
constexpr const char* kMasterKeyFact = "master_key_id";

/// The key of this catalog, from where MasterKey::load takes it, or from FILE.next after a rotation that was
/// cut short. A catalog without sealed secrets takes the key that is given. The caller holds the
/// DataDirectoryLock. Throws Error(kUsage): as MasterKey::load, and when the key given is not the one the
/// secrets are sealed under; then no key file is made either.
MasterKey load_master_key(Catalog& catalog, const std::string& file, bool make_if_missing);

/// Seals everything in the catalog under `new_key`, in one transaction; returns how many secrets that were.
/// Throws Error, and changes nothing, when one of them does not open with `old_key`.
uint64_t rotate_master_key(Catalog& catalog, const MasterKey& old_key, const MasterKey& new_key);

struct Rotation {
    std::string old_key_id, new_key_id;
    uint64_t resealed = 0;  ///< secrets
    std::string file;       ///< where the new key is; empty: in $PENSTOCK_NEW_MASTER_KEY
};

/// The whole rotation. A key in `file` is replaced by a random one. With a key from $PENSTOCK_MASTER_KEY the
/// new one is $PENSTOCK_NEW_MASTER_KEY. Ends by erasing what the old seals left in the catalog's file. The
/// caller holds the DataDirectoryLock. Throws Error(kUsage) as load_master_key, and without a (different) new
/// key.
Rotation rotate_master_key(Catalog& catalog, const std::string& file);

}  // namespace penstock
