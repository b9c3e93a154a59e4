// SPDX-License-Identifier: Apache-2.0
#include "lookup/time_zones.h"

#include <algorithm>
#include <cstdlib>
#include <map>

#include "base/file_system.h"
#include "base/mutex.h"

namespace footfall::lookup {
namespace {

constexpr std::uint64_t kFileMax = 1U << 20U;
constexpr std::size_t kNameMax = 64;
constexpr int kYearMax = 2100;

// What may be a file's name below the database's folder: no "..", no dot at all, nothing absolute.
bool plausible(std::string_view name) {
  if (name.empty() || name.size() > kNameMax || name.front() == '/' || name.back() == '/') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '+' ||
           c == '-' || c == '/';
  });
}

// Zones are few (one per name in the database) and never change while the process runs.
struct Loaded {
  base::Mutex mutex;
  std::map<std::string, std::shared_ptr<const TimeZone>, std::less<>> zones GUARDED_BY(mutex);  // name -> zone
};
Loaded& loaded() {
  static Loaded zones;
  return zones;
}

base::Result<std::shared_ptr<const TimeZone>> load(std::string_view name) {
  base::Error unknown{base::Errc::not_found, "time zone \"" + std::string(name.substr(0, kNameMax)) +
                                                 "\" is not known; a name looks like \"Asia/Ho_Chi_Minh\" or \"UTC\""};
  if (name == "UTC") return std::make_shared<const TimeZone>("UTC", std::vector<TimeZone::Span>{{}});
  if (!plausible(name)) return unknown;
  const char* from_environment = std::getenv("TZDIR");
  const std::string folder = from_environment != nullptr ? from_environment : "/usr/share/zoneinfo";
  base::FileSystem& files = base::posix_file_system();
  const auto bytes = base::read_file(files, folder + "/" + std::string(name), kFileMax);
  if (!bytes) {
    if (const auto there = files.exists(folder); !there || !there.value()) {
      unknown.detail += "; there is no tz database in " + folder + ", install the package tzdata";
    }
    return unknown;
  }
  auto spans = parse_tzif(bytes.value(), kYearMax);
  if (!spans) {
    unknown.detail += " (" + folder + "/" + std::string(name) + ": " + spans.error().detail + ")";
    return unknown;
  }
  return std::make_shared<const TimeZone>(std::string(name), std::move(spans).value());
}

}  // namespace

TimeZone::TimeZone(std::string name, std::vector<Span> spans) : name_(std::move(name)), spans_(std::move(spans)) {}

const TimeZone::Span& TimeZone::span_at(std::int64_t utc_s) const {
  const auto behind = std::upper_bound(spans_.begin(), spans_.end(), utc_s,
                                       [](std::int64_t at_s, const Span& span) { return at_s < span.from_s; });
  return behind == spans_.begin() ? spans_.front() : *(behind - 1);
}

std::int64_t TimeZone::day_begin(std::int32_t local_day) const {
  const std::int64_t midnight_s = std::int64_t{local_day} * 86'400;  // on the local clock
  // Spans that end before any clock of the world can show that day need not be looked at.
  auto span = std::partition_point(spans_.begin(), spans_.end() - 1,
                                   [midnight_s](const Span& s) { return s.until_s <= midnight_s - 172'800; });
  for (; span + 1 != spans_.end(); ++span) {
    const std::int64_t begin_s = std::max(span->from_s, midnight_s - span->offset_s);
    if (begin_s < span->until_s) return begin_s;
  }
  return std::max(span->from_s, midnight_s - span->offset_s);
}

base::Result<std::shared_ptr<const TimeZone>> TimeZone::find(std::string_view name) {
  Loaded& kept = loaded();
  {
    const base::MutexLock lock(kept.mutex);
    if (const auto it = kept.zones.find(name); it != kept.zones.end()) return it->second;
  }
  auto zone = load(name);  // reads a file: not under the lock
  if (!zone) return zone;
  const base::MutexLock lock(kept.mutex);
  return kept.zones.emplace(std::string(name), zone.value()).first->second;
}

}  // namespace footfall::lookup
