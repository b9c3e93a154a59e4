// SPDX-License-Identifier: Apache-2.0
#include "cli/rotated_logs.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

namespace footfall::cli {
namespace {

constexpr std::array<std::string_view, 6> kPacked = {".gz", ".bz2", ".xz", ".zst", ".Z", ".lzma"};
constexpr std::size_t kNumberDigitsMax = 6;  // more are a date, or seconds

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// What tells a rotated file from others: ".12", "-20261129", ".2026-11-29_10"; empty: it is none.
std::string_view suffix_of(std::string_view name, std::string_view log) {
  const auto good = [](std::string_view suffix) {
    constexpr std::string_view kMarks = "-_.T:";
    return suffix.size() > 1 && kMarks.substr(0, 3).find(suffix[0]) != std::string_view::npos && is_digit(suffix[1]) &&
           std::all_of(suffix.begin() + 1, suffix.end(),
                       [&](char c) { return is_digit(c) || kMarks.find(c) != std::string_view::npos; });
  };
  if (name.starts_with(log) && good(name.substr(log.size()))) return name.substr(log.size());
  const std::size_t dot = log.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return {};
  const std::string_view stem = log.substr(0, dot);
  const std::string_view extension = log.substr(dot);
  if (name.size() <= log.size() || !name.starts_with(stem) || !name.ends_with(extension)) return {};
  const std::string_view middle = name.substr(stem.size(), name.size() - log.size());
  return good(middle) ? middle : std::string_view();
}

struct Found {
  RotatedLog log;
  std::string name;    // without what it is packed with
  std::string suffix;  // without its first mark
  bool packed = false;

  bool numbered() const {
    return suffix.size() <= kNumberDigitsMax && std::all_of(suffix.begin(), suffix.end(), is_digit);
  }
};

// Within one way of naming.
bool older(const Found& a, const Found& b) {
  if (!a.numbered()) return a.suffix < b.suffix;
  const auto value = [](const Found& found) { return std::stoul(found.suffix); };
  return value(a) > value(b);
}

}  // namespace

std::vector<RotatedLog> rotated_logs(const std::string& path) {
  namespace fs = std::filesystem;
  const fs::path log(path);
  const fs::path directory = log.has_parent_path() ? log.parent_path() : fs::path(".");
  const std::string log_name = log.filename();
  std::vector<Found> numbered;
  std::vector<Found> dated;
  std::set<std::string> plain;  // names of what is not packed
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    Found found;
    found.name = entry->path().filename();
    for (const std::string_view packed : kPacked) {
      if (!found.name.ends_with(packed)) continue;
      found.name.resize(found.name.size() - packed.size());
      found.packed = true;
      found.log.readable = packed == ".gz";
      break;
    }
    const std::string_view suffix = suffix_of(found.name, log_name);
    if (suffix.empty()) continue;
    found.suffix = suffix.substr(1);
    found.log.path = entry->path();
    struct stat status {};
    if (stat(found.log.path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    found.log.inode = status.st_ino;
    found.log.modified_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
    if (!found.packed) plain.insert(found.name);
    (found.numbered() ? numbered : dated).push_back(std::move(found));
  }
  const auto newest = [](const std::vector<Found>& all) {
    std::int64_t latest = INT64_MIN;
    for (const Found& found : all) latest = std::max(latest, found.log.modified_ns);
    return latest;
  };
  std::sort(numbered.begin(), numbered.end(), older);
  std::sort(dated.begin(), dated.end(), older);
  // Who changed from one way to the other has both: those of the way that is in use are the newer ones.
  const bool numbers_first = newest(numbered) <= newest(dated);
  std::vector<RotatedLog> out;
  for (std::vector<Found>* all : {numbers_first ? &numbered : &dated, numbers_first ? &dated : &numbered}) {
    for (Found& found : *all) {
      if (!found.packed || !plain.contains(found.name)) out.push_back(std::move(found.log));
    }
  }
  return out;
}

}  // namespace footfall::cli
