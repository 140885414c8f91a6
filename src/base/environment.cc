#include "base/environment.h"

#include <cstdlib>

#include "base/error.h"

namespace penstock {

std::string expand_variable(const std::string& text, const std::string& origin, const std::string& field) {
    if (!text.starts_with("${") || !text.ends_with('}')) return text;
    std::string name = text.substr(2, text.size() - 3);
    bool good = !name.empty() && name.find_first_of("=${} \t") == std::string::npos;
    const char* value = good ? std::getenv(name.c_str()) : nullptr;
    if (value != nullptr) return value;
    std::string message = good ? "the environment has no variable " + name
                               : std::string("${...} must hold the name of an environment variable");
    throw Error(Disposition::kUsage, origin, field + ": " + message,
                good ? "Set it before penstock starts" : "");
}

}  // namespace penstock
