#include "base/text_file.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "base/error.h"

namespace penstock {

std::string read_text_file(const std::string& path, const std::string& kind) {
    std::error_code unknown;
    if (std::filesystem::is_directory(path, unknown)) {
        throw Error(Disposition::kUsage, path, "is a directory, not a " + kind);
    }
    std::ifstream file(path, std::ios::binary);
    if (!file)
        throw Error(Disposition::kUsage, path, std::string("cannot open the file: ") + std::strerror(errno));
    std::ostringstream text;
    text << file.rdbuf();
    if (file.bad()) throw Error(Disposition::kUsage, path, "cannot read the file");
    return text.str();
}

std::string read_first_line(const std::string& path, const std::string& kind) {
    std::string text = read_text_file(path, kind);
    return text.substr(0, text.find_first_of("\r\n"));
}

}  // namespace penstock
