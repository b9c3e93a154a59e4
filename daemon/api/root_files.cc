// SPDX-License-Identifier: Apache-2.0
#include "api/root_files.h"

#include <cstddef>

namespace footfall::api {

namespace embedded {
extern const unsigned char kFavicon[];
extern const std::size_t kFaviconSize;
}  // namespace embedded

std::string robots_text(std::string_view base_path) {
  std::string text = "User-agent: *\n";
  for (const std::string_view closed : {"/hit", "/v1/"}) {  // "/hit" is also "/hit.gif"
    text.append("Disallow: ").append(base_path).append(closed).append("\n");
  }
  return text;
}

std::string_view favicon() {
  return {reinterpret_cast<const char*>(embedded::kFavicon), embedded::kFaviconSize};
}

}  // namespace footfall::api
