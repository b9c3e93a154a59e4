// SPDX-License-Identifier: Apache-2.0
// RemoteCounts: what other nodes counted of a site, by their latest slots, and the sums of those.
//
//     (epoch, incarnation) -> Slot                     the greatest version stays, so in any order the same
//     epoch -> counted, bots, days                     kept up to date by each slot's difference: what readers add
//
// An incarnation that this directory's counts began under (it was restored from a backup) is a slot like the others.
// Its counts are in the node's own numbers too, as of then: that much is the epoch's base. It is taken off the sums,
// and off what the node says of itself:
//
//     own numbers          | base            | counted since |
//     slot of the incarnation before         | what it counted after the backup |
//     shown:               own + slots - base            own slot: own - base
//
// Units      local day numbers.
// Ownership  owns its slots; a slot's past is shared with whoever gave it, and never changes.
// Threading  none of its own: guarded by the lock of its Site.
// Errors     told by Learnt. At kRemoteSlotsMax a new incarnation is refused; those that are known go on.
// Cost       a slot takes about 200 bytes and 24 a day; learning one is a search for each of its recent days, and for
//            each of its past days where the past changed. Reading is one search for a day.
// Tested by tests/unit/counting/remote_counts_test.cc against the list of all that was learnt.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "base/bytes.h"
#include "base/incarnation.h"
#include "counting/slot.h"

namespace footfall::counting {

inline constexpr std::size_t kRemoteSlotsMax = std::size_t{1} << 16U;  // of a site, in all epochs

enum class Learnt : std::uint8_t {
  news,          // it is in the sums
  known,         // it, or a later one, is there already
  past_missing,  // it comes without its past, and there is another here: it has to come whole
  full           // kRemoteSlotsMax
};

// What a slot is to one that is held; null: none is.
Learnt check(const Slot* held, const Slot& slot);

class RemoteCounts {
 public:
  struct DaySum {
    Day day = 0;
    Wide hits = 0, bots = 0;
  };
  // Below nothing where a slot lies; readers clamp what they show.
  struct Sums {
    Wide counted = 0, bots = 0;
    std::vector<DaySum> days;  // ascending

    const DaySum* find(Day day) const;  // null: nothing
  };

  // What learn() would answer.
  Learnt check(const Epoch& epoch, const base::Incarnation& incarnation, const Slot& slot) const;
  Learnt learn(const Epoch& epoch, const base::Incarnation& incarnation, const Slot& slot);
  // `own` was counted under the incarnation `before`: it becomes that one's, and a part of the base. Once.
  void inherit(const Epoch& epoch, const base::Incarnation& before, const Slot& own);

  const Slot* find(const Epoch& epoch, const base::Incarnation& incarnation) const;  // null: none
  const Sums* sums(const Epoch& epoch) const;                                        // null: nothing in the epoch
  // What the node's own numbers have of incarnations before; zeros if there were none.
  const SlotCounts& base(const Epoch& epoch) const;
  // By epoch, then incarnation.
  std::vector<RemoteSlot> all() const;
  // Something was counted that is not in the node's own numbers.
  bool others() const;

  bool empty() const { return epochs_.empty(); }
  std::size_t memory_bytes() const;
  // Canonical.
  void save(base::ByteWriter& out) const;
  // REQUIRES: new. False if the bytes are malformed.
  bool load(base::ByteReader& in);

 private:
  struct OfEpoch {
    std::map<base::Incarnation, Slot> slots;  // incarnation -> its latest
    SlotCounts base;
    Sums sums;
  };

  static void add(Sums& sums, const std::vector<SlotDay>& days, int sign);
  void put(OfEpoch& of, const base::Incarnation& incarnation, const Slot& slot);

  std::map<Epoch, OfEpoch> epochs_;
  std::size_t slots_ = 0;  // in all epochs
};

}  // namespace footfall::counting
