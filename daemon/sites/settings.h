// SPDX-License-Identifier: Apache-2.0
// Settings: what an owner chooses for a site. Immutable once made: a change is a new object, which reaches each shard
// by a posted message.
// Tested by tests/unit/sites/settings_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "base/errors.h"
#include "base/strong_id.h"

namespace footfall::sites {

using SiteId = base::StrongId<struct SiteTag, std::uint32_t>;  // of a node; never reused

enum class Grouping : std::uint8_t { none, comma, dot, space };  // of digits in threes, as people see them
enum class Visibility : std::uint8_t { counter, full, private_ };
inline constexpr std::uint32_t kHitsPerSecondMax = 10'000'000;  // of a limit

struct Settings {
  std::string name;                // [a-z0-9.-], 1..253, alphanumeric at both ends, not ending in a widget's extension
  std::vector<std::string> hosts;  // lower case, without port; a ping's Origin or Referer must be one of them
  std::string timezone = "UTC";    // IANA name
  std::string lang = "en";
  Grouping grouping = Grouping::comma;
  Visibility visibility = Visibility::counter;
  std::int32_t window_s = 300;                // 15..3600
  bool strict_origin = false;                 // refuse pings without Origin or Referer
  bool count_bots = false;                    // bots are in the total and online, too
  std::uint32_t hits_per_second_max = 0;      // that each node takes; 0: no limit
  std::vector<base::Cidr> exclude_addresses;  // pings from there are refused
  // Pings of these pages are refused: normalised paths, or "/admin/*" (what begins with /admin/, and /admin itself).
  std::vector<std::string> exclude_paths;

  friend bool operator==(const Settings&, const Settings&) = default;
};

std::string_view to_string(Grouping grouping);
std::string_view to_string(Visibility visibility);  // "counter", "full", "private"
base::Result<Grouping> grouping_from(std::string_view text);
base::Result<Visibility> visibility_from(std::string_view text);

// Says which setting is wrong, and what would be right. Time zones are checked by the caller (lookup).
base::Result<void> check(const Settings& settings);
bool valid_site_name(std::string_view name);
// Costs nothing where nothing is excluded. `path` normalised; empty: unknown. `from` null: unknown.
bool is_excluded(const Settings& settings, std::string_view path, const base::Address* from);
// "41.450.791"; of digits as they are, also with zeros in front.
std::string group_digits(std::uint64_t number, Grouping grouping);
std::string group_digits(std::string digits, Grouping grouping);

void encode(const Settings& settings, base::ByteWriter& out);
bool decode(base::ByteReader& in, Settings& settings);

}  // namespace footfall::sites
