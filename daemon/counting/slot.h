// SPDX-License-Identifier: Apache-2.0
// Slot: what one incarnation counted of a site in one epoch. Absolute: the latest is all that is needed, and one that
// comes late, twice, or not at all does no harm.
//
//     days     | 3 days | 9 days | 12 ...          ... | 19 990 | 19 991 | 19 992 |
//              [--------------- past -----------------] [--------- recent --------]
//
// The days are in two parts. Hits nearly always fall in the recent ones, so that the past, which grows for years, is
// seldom sent again: the recent part names it by its version. Both versions are sums of what is counted, hence
// functions of the durable state alone, and only ever rise.
//
// Tested by tests/unit/counting/remote_counts_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/incarnation.h"
#include "counting/hit.h"
#include "counting/saturating.h"

namespace footfall::counting {

inline constexpr std::size_t kSlotRecentDays = 3;                   // the last ones that have anything
inline constexpr std::size_t kSlotDaysMax = std::size_t{1} << 16U;  // 179 years; what is older is added to the oldest

struct SlotDay {
  Day day = 0;
  std::uint64_t hits = 0;  // counted pageviews
  std::uint64_t bots = 0;  // bot pageviews
  friend bool operator==(const SlotDay&, const SlotDay&) = default;
};

struct SlotPast {
  std::uint64_t version = 0;  // hits and bots of its days
  std::vector<SlotDay> days;  // ascending
  friend bool operator==(const SlotPast&, const SlotPast&) = default;
};

struct Slot {
  std::uint64_t counted = 0, bots = 0;   // of all its days
  std::uint64_t past_version = 0;        // 0: there is no past
  std::vector<SlotDay> recent;           // ascending, behind the past
  std::shared_ptr<const SlotPast> past;  // immutable; null: there is none, or whoever has this has it by its version

  std::uint64_t version() const {
    std::uint64_t sum = counted;
    add_saturating(sum, bots);
    return sum;
  }
  // Equal pasts are equal, be they shared or not.
  friend bool operator==(const Slot& a, const Slot& b);
};

// One of another node, or of an earlier incarnation of this one.
struct RemoteSlot {
  Epoch epoch;
  base::Incarnation incarnation{};
  Slot slot;
  friend bool operator==(const RemoteSlot&, const RemoteSlot&) = default;
};

// The same undivided, and without a bound on the days.
struct SlotCounts {
  std::uint64_t counted = 0, bots = 0;
  std::vector<SlotDay> days;  // ascending, each with something
};
Slot make_slot(SlotCounts counts);
SlotCounts whole(const Slot& slot);  // REQUIRES: it has its past
SlotCounts together(SlotCounts a, const SlotCounts& b);
// `counts` less `part`, which is what it was earlier.
SlotCounts without(SlotCounts counts, const SlotCounts& part);

//     days      n { difference to the day before (the first: the day itself):svarint hits:varint bots:varint }
void save_days(base::ByteWriter& out, const std::vector<SlotDay>& days);
// Fails on days that do not ascend, that hold nothing, or are more than `days_max`.
std::vector<SlotDay> load_days(base::ByteReader& in, std::uint64_t days_max = kSlotDaysMax);
// What the version of a past of these days is.
std::uint64_t version_of(const std::vector<SlotDay>& days);

}  // namespace footfall::counting
