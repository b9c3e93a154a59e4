// SPDX-License-Identifier: Apache-2.0
// Settings: what is acceptable, and how it is stored.
// Tested by tests/unit/sites/settings_test.cc.
#include "sites/settings.h"

#include <algorithm>
#include <array>

namespace footfall::sites {
namespace {

using base::Errc;
using base::Error;

constexpr std::array<std::string_view, 4> kGroupings{"none", "comma", "dot", "space"};
constexpr std::array<std::string_view, 3> kVisibilities{"counter", "full", "private"};
constexpr std::array<std::string_view, 5> kWidgetExtensions{".svg", ".png", ".txt", ".json", ".html"};
constexpr unsigned kStrictOrigin = 1, kCountBots = 2, kLimited = 4, kExcludes = 8, kAllFlags = 15;  // as stored
constexpr std::size_t kNameMax = 253;
constexpr std::size_t kHostsMax = 100;
constexpr std::size_t kExclusionsMax = 100;  // of addresses, and of paths: each ping is held against all
constexpr std::size_t kPathMax = 1024;       // as of a page's

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

// Labels of letters, digits and hyphens, joined by dots: the shape of a site's name and of a host.
bool has_name_shape(std::string_view text) {
  if (text.empty() || text.size() > kNameMax || !is_alnum(text.front()) || !is_alnum(text.back())) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return is_alnum(c) || c == '.' || c == '-'; });
}

bool has_language_shape(std::string_view text) {
  if (text.size() < 2 || text.size() > 35) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_alnum(c) || (c >= 'A' && c <= 'Z') || c == '-'; });
}

// "/a", or "/a*".
bool has_path_shape(std::string_view text) {
  if (text.empty() || text.size() > kPathMax || text.front() != '/') return false;
  return text.find('*') >= text.size() - 1;
}

bool matches(std::string_view pattern, std::string_view path) {
  if (pattern.back() != '*') return path == pattern;
  pattern.remove_suffix(1);
  if (path.starts_with(pattern)) return true;
  return pattern.size() > 1 && pattern.back() == '/' && path == pattern.substr(0, pattern.size() - 1);
}

base::Result<void> check_exclusions(const Settings& settings) {
  const auto too_many = [](const char* setting, std::size_t entries) {
    return Error{Errc::too_large, std::string(setting) + " has " + std::to_string(entries) + " entries, at most " +
                                      std::to_string(kExclusionsMax) + " are kept"};
  };
  if (settings.exclude_addresses.size() > kExclusionsMax)
    return too_many("exclude_addresses", settings.exclude_addresses.size());
  if (settings.exclude_paths.size() > kExclusionsMax) return too_many("exclude_paths", settings.exclude_paths.size());
  for (std::size_t i = 0; i < settings.exclude_paths.size(); ++i) {
    if (has_path_shape(settings.exclude_paths[i])) continue;
    return Error{Errc::malformed, "exclude_paths[" + std::to_string(i) +
                                      "] must be a path of the site, such as /preview, or the begin of paths with a * "
                                      "behind it, such as /admin/*"};
  }
  return {};
}

}  // namespace

std::string_view to_string(Grouping grouping) {
  return kGroupings[static_cast<std::size_t>(grouping)];
}
std::string_view to_string(Visibility visibility) {
  return kVisibilities[static_cast<std::size_t>(visibility)];
}

base::Result<Grouping> grouping_from(std::string_view text) {
  const auto it = std::find(kGroupings.begin(), kGroupings.end(), text);
  if (it == kGroupings.end()) return Error{Errc::malformed, "grouping must be none, comma, dot or space"};
  return static_cast<Grouping>(it - kGroupings.begin());
}

base::Result<Visibility> visibility_from(std::string_view text) {
  const auto it = std::find(kVisibilities.begin(), kVisibilities.end(), text);
  if (it == kVisibilities.end()) return Error{Errc::malformed, "visibility must be counter, full or private"};
  return static_cast<Visibility>(it - kVisibilities.begin());
}

bool valid_site_name(std::string_view name) {
  return has_name_shape(name) && std::none_of(kWidgetExtensions.begin(), kWidgetExtensions.end(),
                                              [&](std::string_view extension) { return name.ends_with(extension); });
}

base::Result<void> check(const Settings& settings) {
  if (!valid_site_name(settings.name)) {
    return Error{Errc::malformed,
                 "name must be 1 to 253 of a-z, 0-9, '.' and '-', begin and end with a letter or digit, and not end in "
                 ".svg, .png, .txt, .json or .html"};
  }
  if (settings.hosts.size() > kHostsMax) {
    return Error{Errc::too_large, "hosts has " + std::to_string(settings.hosts.size()) + " entries, at most " +
                                      std::to_string(kHostsMax) + " are kept"};
  }
  for (std::size_t i = 0; i < settings.hosts.size(); ++i) {
    if (!has_name_shape(settings.hosts[i])) {
      return Error{Errc::malformed,
                   "hosts[" + std::to_string(i) +
                       "] must be a host name in lower case without scheme and port, such as www.example.vn"};
    }
  }
  if (settings.timezone.empty() || settings.timezone.size() > 64) {
    return Error{Errc::malformed, "timezone must be an IANA name, such as Asia/Ho_Chi_Minh"};
  }
  if (!has_language_shape(settings.lang))
    return Error{Errc::malformed, "lang must be a language tag, such as vi or en"};
  if (settings.window_s < 15 || settings.window_s > 3600) {
    return Error{Errc::malformed, "window_s must be from 15 to 3600"};
  }
  if (settings.hits_per_second_max > kHitsPerSecondMax) {
    return Error{Errc::malformed,
                 "hits_per_second_max must be at most " + std::to_string(kHitsPerSecondMax) + "; 0 is no limit"};
  }
  return check_exclusions(settings);
}

bool is_excluded(const Settings& settings, std::string_view path, const base::Address* from) {
  const auto holds = [&](const base::Cidr& range) { return range.contains(*from); };
  if (from != nullptr && std::ranges::any_of(settings.exclude_addresses, holds)) return true;
  const auto names = [&](const std::string& pattern) { return matches(pattern, path); };
  return !path.empty() && std::ranges::any_of(settings.exclude_paths, names);
}

std::string group_digits(std::uint64_t number, Grouping grouping) {
  return group_digits(std::to_string(number), grouping);
}

std::string group_digits(std::string digits, Grouping grouping) {
  constexpr std::array<char, 4> kSeparators{'\0', ',', '.', ' '};
  const char separator = kSeparators[static_cast<std::size_t>(grouping)];
  if (separator == '\0') return digits;
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, separator);
  }
  return digits;
}

void encode(const Settings& settings, base::ByteWriter& out) {
  out.string(settings.name);
  out.varint(settings.hosts.size());
  for (const std::string& host : settings.hosts) out.string(host);
  out.string(settings.timezone);
  out.string(settings.lang);
  out.u8(static_cast<std::uint8_t>(settings.grouping));
  out.u8(static_cast<std::uint8_t>(settings.visibility));
  out.svarint(settings.window_s);
  const bool limited = settings.hits_per_second_max > 0;
  const bool excludes = !settings.exclude_addresses.empty() || !settings.exclude_paths.empty();
  out.u8(static_cast<std::uint8_t>((settings.strict_origin ? kStrictOrigin : 0U) |
                                   (settings.count_bots ? kCountBots : 0U) | (limited ? kLimited : 0U) |
                                   (excludes ? kExcludes : 0U)));
  if (limited) out.varint(settings.hits_per_second_max);
  if (!excludes) return;
  out.varint(settings.exclude_addresses.size());
  for (const base::Cidr& range : settings.exclude_addresses) out.string(base::text_of(range));
  out.varint(settings.exclude_paths.size());
  for (const std::string& path : settings.exclude_paths) out.string(path);
}

namespace {

bool decode_exclusions(base::ByteReader& in, Settings& settings) {
  const std::uint64_t ranges = in.varint();
  if (ranges > in.remaining()) return false;
  for (std::uint64_t i = 0; i < ranges; ++i) {
    const base::Result<base::Cidr> range = base::parse_cidr(in.string());
    if (!range) return false;
    settings.exclude_addresses.push_back(*range);
  }
  const std::uint64_t paths = in.varint();
  if (paths > in.remaining()) return false;
  for (std::uint64_t i = 0; i < paths; ++i) settings.exclude_paths.emplace_back(in.string());
  return in.ok() && std::ranges::all_of(settings.exclude_paths, has_path_shape) && ranges + paths > 0;
}

}  // namespace

bool decode(base::ByteReader& in, Settings& settings) {
  settings.name = in.string();
  const std::uint64_t hosts = in.varint();
  if (hosts > in.remaining()) return false;
  settings.hosts.clear();
  for (std::uint64_t i = 0; i < hosts; ++i) settings.hosts.emplace_back(in.string());
  settings.timezone = in.string();
  settings.lang = in.string();
  const std::uint8_t grouping = in.u8();
  const std::uint8_t visibility = in.u8();
  const std::int64_t window_s = in.svarint();
  const std::uint8_t flags = in.u8();
  if (!in.ok() || grouping >= kGroupings.size() || visibility >= kVisibilities.size() || flags > kAllFlags)
    return false;
  if (window_s < 15 || window_s > 3600) return false;
  settings.grouping = static_cast<Grouping>(grouping);
  settings.visibility = static_cast<Visibility>(visibility);
  settings.window_s = static_cast<std::int32_t>(window_s);
  settings.strict_origin = (flags & kStrictOrigin) != 0;
  settings.count_bots = (flags & kCountBots) != 0;
  settings.hits_per_second_max = 0;
  settings.exclude_addresses.clear();
  settings.exclude_paths.clear();
  if ((flags & kLimited) != 0) {
    const std::uint64_t limit = in.varint();
    if (!in.ok() || limit == 0 || limit > kHitsPerSecondMax) return false;
    settings.hits_per_second_max = static_cast<std::uint32_t>(limit);
  }
  return (flags & kExcludes) == 0 || decode_exclusions(in, settings);
}

}  // namespace footfall::sites
