// SPDX-License-Identifier: Apache-2.0
#include "redis/online_parts.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <string>

namespace footfall::redis {
namespace {

template <class T>
std::optional<T> number(const std::string& text) {
  T out{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return out;
}

// At least `parts`.
std::uint32_t enough_for(std::uint64_t online, std::uint32_t part_size, std::uint32_t parts) {
  while (online > std::uint64_t{parts} * part_size && parts < OnlineParts::kPartsMax) parts *= 2;
  return parts;
}

}  // namespace

std::vector<OnlineParts::Entry> OnlineParts::merge(const Reply& hash) {
  const std::map<std::uint32_t, std::int64_t> before = std::exchange(since_ms_, {});
  for (std::size_t i = 0; i + 1 < hash.elements.size(); i += 2) {
    const auto parts = number<std::uint32_t>(hash.elements[i].text);
    const auto since_ms = number<std::int64_t>(hash.elements[i + 1].text);
    if (!parts || !since_ms || *parts < 2 || *parts > kPartsMax || !std::has_single_bit(*parts)) continue;
    since_ms_.emplace(*parts, *since_ms);
  }
  std::vector<Entry> missing;
  for (const auto& [parts, since_ms] : before) {
    if (since_ms_.emplace(parts, since_ms).second) missing.push_back({parts, since_ms});
  }
  return missing;
}

std::uint32_t OnlineParts::read_at(std::int64_t redis_ms) const {
  for (auto at = since_ms_.rbegin(); at != since_ms_.rend(); ++at) {
    if (at->second <= redis_ms) return at->first;
  }
  return 1;
}

std::vector<std::uint32_t> OnlineParts::written_at(std::int64_t redis_ms) const {
  std::vector<std::uint32_t> out{read_at(redis_ms)};
  for (const auto& [parts, since_ms] : since_ms_) {
    if (since_ms > redis_ms) out.push_back(parts);
  }
  const std::uint32_t lately = read_at(redis_ms - kGraceMs);
  if (std::find(out.begin(), out.end(), lately) == out.end()) out.push_back(lately);
  std::sort(out.begin(), out.end());
  return out;
}

std::optional<OnlineParts::Entry> OnlineParts::growth(std::uint64_t online, std::uint32_t part_size,
                                                      std::int64_t redis_ms) const {
  const std::uint32_t parts = read_at(redis_ms);
  if (!since_ms_.empty() && since_ms_.rbegin()->first != parts) return std::nullopt;
  const std::uint32_t enough = enough_for(online, part_size, parts);
  return enough == parts ? std::nullopt : std::optional(Entry{enough, redis_ms + lead_ms(online)});
}

std::optional<OnlineParts::Entry> OnlineParts::first(std::uint64_t online, std::uint32_t part_size,
                                                     std::int64_t redis_ms) const {
  const std::uint32_t enough = enough_for(online, part_size, 1);
  return divided() || enough == 1 ? std::nullopt : std::optional(Entry{enough, redis_ms - kGraceMs});
}

}  // namespace footfall::redis
