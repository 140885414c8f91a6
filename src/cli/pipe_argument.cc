#include "cli/pipe_argument.h"

#include <filesystem>

#include "pipe/pipe_file.h"

namespace penstock {

Catalog open_existing_catalog(const CommonOptions& options) {
    const std::string path = options.catalog_path();
    if (!std::filesystem::exists(path)) {
        throw Error(Disposition::kUsage, "open the catalog", "there is none in " + options.data_dir,
                    "Run a pipe first (penstock run PIPE.yaml), or give --data-dir");
    }
    return Catalog(path);
}

PipeRecord find_pipe_argument(const Catalog& catalog, const std::string& argument) {
    std::string name = argument;
    if (std::filesystem::is_regular_file(argument)) name = load_pipe_file(argument).name;
    if (std::optional<PipeRecord> pipe = catalog.find_pipe(name)) return *pipe;
    std::string known;
    for (const PipeRecord& pipe : catalog.list_pipes()) known += (known.empty() ? "" : ", ") + pipe.name;
    throw Error(
        Disposition::kUsage, "find the pipe", "no pipe is called '" + name + "'",
        known.empty() ? "There are none yet; start one with: penstock run PIPE.yaml" : "There are: " + known);
}

}  // namespace penstock
