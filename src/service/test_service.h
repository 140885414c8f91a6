#pragma once
// A data directory with its catalog and key, for tests of the service layer.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "catalog/catalog.h"
#include "secrets/master_key.h"
#include "service/request_error.h"
#include "service/services.h"

namespace penstock {

class DataDirectory {
  public:
    DataDirectory() : path_(mkdtemp(std::string("/tmp/penstock-service-XXXXXX").data())) {
        catalog_ = std::make_unique<Catalog>(file());
    }
    ~DataDirectory() {
        catalog_.reset();
        std::filesystem::remove_all(path_);
    }
    DataDirectory(const DataDirectory&) = delete;
    DataDirectory& operator=(const DataDirectory&) = delete;

    const std::string& path() const { return path_; }
    std::string file() const { return path_ + "/catalog.sqlite"; }
    Catalog& catalog() { return *catalog_; }
    const MasterKey& key() const { return key_; }
    std::unique_ptr<Services> services(const std::vector<ServiceSettings>& configured = {}) {
        return std::make_unique<Services>(*catalog_, key_, EmbeddedEngineSettings{.data_dir = path_},
                                          configured);
    }

  private:
    std::string path_;
    std::unique_ptr<Catalog> catalog_;
    const MasterKey key_ = MasterKey::from_text(MasterKey::generate_text(), "test");
};

/// The RequestError that the action throws; a failure when it throws none.
template <typename Action>
RequestError refused(Action&& action) {
    try {
        action();
    } catch (const RequestError& e) {
        return e;
    }
    ADD_FAILURE() << "nothing was refused";
    return RequestError(Refusal::kBadRequest, "");
}

}  // namespace penstock
