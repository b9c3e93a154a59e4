// SPDX-License-Identifier: Apache-2.0
// Hit: one accepted ping as it was decided. It holds decisions only, no input: applying it asks no clock, no setting
// and no list, so a replay gives the same numbers. Hits of different streams may be applied in any order.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/strong_id.h"

namespace footfall::counting {

using PageId = base::StrongId<struct PageTag, std::uint32_t>;        // of one site; never reused
using LabelId = base::StrongId<struct LabelTag, std::uint32_t>;      // of one site; never reused
using VisitorId = base::StrongId<struct VisitorTag, std::uint64_t>;  // keyed hash; 0 means none

inline constexpr PageId kUnknownPage{0};  // "(unknown)": a hit without a path
inline constexpr PageId kOtherPage{1};    // "(other)": past the site's cap of pages
inline constexpr PageId kFirstPage{2};

inline constexpr LabelId kNoLabel{0};
inline constexpr LabelId kOtherLabel{1};  // "(other)": past the cap of labels per site, day and dimension
inline constexpr LabelId kFirstLabel{2};

enum class Kind : std::uint8_t { pageview, event, heartbeat };
inline constexpr unsigned kKinds = 3;

// What rankings are kept of. `page` is ranked by page id, all others by label id.
enum class Dimension : std::uint8_t { page, referrer, campaign, country, browser, system, device, event };
inline constexpr unsigned kDimensions = 8;
std::string_view name_of(Dimension dimension);  // "pages", "referrers", ...: as in /top/

// (number, reset id). The greatest wins; first (1, 0).
struct Epoch {
  std::uint32_t number = 1;
  std::uint64_t reset_id = 0;
  friend constexpr auto operator<=>(const Epoch&, const Epoch&) = default;
};

struct Hit {
  std::int64_t at_s = 0;          // UTC second of the hit, never ahead of the clock that decided it
  std::int32_t utc_offset_s = 0;  // of the site's time zone at at_s: local = at_s + utc_offset_s
  VisitorId visitor{};            // under the salt of the hit's local day
  VisitorId moved_from{};         // for one window after a rotation: the same visitor under the salt before; else 0
  PageId page = kUnknownPage;
  std::array<LabelId, kDimensions> labels{};  // indexed by Dimension; kNoLabel where there is none; [page] unused
  Kind kind = Kind::pageview;
  bool bot = false;               // counted apart
  bool counts = false;            // a pageview that adds one to the total
  bool touches_presence = false;  // refreshes online (not for bots, nor past online_pairs_max)
  bool adds_visitor = false;      // belongs in the day's distinct visitors (the salt of its day lives)
};

// Days since 1970-01-01 in the site's time zone.
using Day = std::int32_t;
constexpr std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  return a / b - ((a % b != 0) && ((a < 0) != (b < 0)) ? 1 : 0);
}
constexpr Day local_day(std::int64_t at_s, std::int32_t utc_offset_s) {
  return static_cast<Day>(floor_div(at_s + utc_offset_s, 86400));
}

}  // namespace footfall::counting
