// SPDX-License-Identifier: Apache-2.0
#include "cli/unreadable.h"

#include <array>

#include "cli/text.h"

namespace footfall::cli {
namespace {

struct Packer {
  std::string_view magic, name, unpack;
};
constexpr std::array<Packer, 3> kPackers{{
    {{"\xFD"
      "7zXZ",
      5},
     "xz",
     "xzcat"},
    {"BZh", "bzip2", "bzcat"},
    {"\x28\xB5\x2F\xFD", "zstd", "zstdcat"},
}};

}  // namespace

base::Result<void> Readability::judge(std::string_view format) const {
  if (readable_ > 0 || unreadable_ == 0) return {};
  std::string what = "none of the " + grouped(unreadable_) + " lines could be read";
  for (const Packer& packer : kPackers) {
    if (!std::string_view(first_).starts_with(packer.magic)) continue;
    what += "; this is compressed with " + std::string(packer.name) +
            ", which is not understood: " + std::string(packer.unpack) + " FILE | footfall ... -";
    return base::Error{base::Errc::malformed, what};
  }
  what += " as --format " + std::string(format) + "; name the log's own, or look at the lines: analyze --unreadable 3";
  return base::Error{base::Errc::malformed, what};
}

}  // namespace footfall::cli
