// SPDX-License-Identifier: Apache-2.0
// Removing what nobody needs of a stream. See departed.h.
#include "journal/departed.h"

#include "journal/format.h"

namespace footfall::journal {

base::Result<void> remove_segments(base::FileSystem& files, const std::string& directory, std::uint64_t through) {
  const base::Result<bool> there = files.exists(directory);
  if (!there) return there.error();
  if (!*there) return {};
  const auto names = files.list(directory);
  if (!names) return names.error();
  const std::string prefix = directory + "/";
  for (const std::string& name : *names) {
    const auto number = parse_segment_name(name);
    if (!number && !name.starts_with("spare-")) continue;
    if (number && *number > through) continue;
    if (base::Result<void> removed = files.remove(prefix + name); !removed) return removed;
  }
  return {};
}

base::Result<void> remove_files(base::FileSystem& files, const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    base::Result<void> removed = files.remove(path);
    if (!removed && removed.error().code != base::Errc::not_found) return removed;
  }
  return {};
}

}  // namespace footfall::journal
