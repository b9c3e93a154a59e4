// SPDX-License-Identifier: Apache-2.0
// PresenceTable: the large form of Presence, for more visitors than one cares to scan.
//
// Linear hashing: bucket i holds the ids whose mix64 ends in i, by as many bits as there are buckets. To grow by one,
// the bucket that is next in turn is divided between itself and a new last one; to shrink, the last one goes back. A
// bucket is a cache line of five cells; what does not fit hangs off it in overflow buckets.
//
//     buckets  [ 0 | 1 | 2 | ... | n-1 ]         bucket: 5 ids (8 bytes) | 5 stamps (4 bytes) | overflow (4 bytes)
//                    |
//     overflow     [ 7 ] -> [ 2 ]                dense: a freed one is filled with the last
//
//     ring     [ visitors last seen in second s, at s mod window ]    sum: visitors in the window
//
// Expired cells are not searched for: they are overwritten by a new visitor of their chain, and dropped whenever a
// chain is rewritten (each split, each contraction). When overflow that nobody needs any longer adds up to more than 19
// bytes a visitor, each insertion also looks at two buckets in turn.
//
// Load: a split when more than 4.8 visitors of the window come to a bucket, a contraction below 4.5. That leaves 79 to
// 84 % of the visitors in their first cache line, and makes 18.1 to 19.1 bytes of each, overflow included, depending on
// how far the round of splits is: PresenceLarge.TakesAtMostTwentyBytesAVisitor prints what it finds. A larger load
// would save a byte and cost every other chain a second line. One hit of somebody present takes 12 ns at 1,000
// visitors, 111 ns at a million, 128 ns at ten million: tests/bench/presence_bench.cc (two shared cores, gcc 12).
// Tested by tests/unit/counting/presence_test.cc.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <vector>

#include "base/hash.h"
#include "counting/chunks.h"

namespace footfall::counting {

// 31 bits of UTC seconds and the `moved` mark; right within 34 years of the clock, which a window always is.
struct Stamp {
  std::uint32_t bits = 0;

  static constexpr std::uint32_t kMoved = 1U << 31U;
  static constexpr Stamp of(std::int64_t at_s, bool moved) {
    return {(static_cast<std::uint32_t>(at_s) & ~kMoved) | (moved ? kMoved : 0)};
  }
  bool moved() const { return (bits & kMoved) != 0; }
  // Seconds before `head_s`, which is not earlier.
  std::uint32_t age(std::int64_t head_s) const { return (static_cast<std::uint32_t>(head_s) - bits) & ~kMoved; }
  // Seconds from `earlier` to this one, which is not before it.
  std::int32_t later_than(Stamp earlier) const { return static_cast<std::int32_t>((bits - earlier.bits) & ~kMoved); }
  // The later second; moved if either is.
  static Stamp join(Stamp a, Stamp b, std::int64_t head_s) {
    const Stamp later = a.age(head_s) <= b.age(head_s) ? a : b;
    return {later.bits | ((a.bits | b.bits) & kMoved)};
  }
};

// Units      UTC seconds.
// Ownership  owns its buckets and its ring.
// Threading  none of its own.
// Errors     none.
class PresenceTable {
 public:
  PresenceTable(std::int64_t head_s, std::int32_t window_s);

  // Joins (at_s, moved) to what is known of `id`; answers as Presence::touch(). REQUIRES: id != 0,
  // head - window < at_s <= head.
  std::int32_t merge(std::uint64_t id, std::int64_t at_s, bool moved);
  // REQUIRES: now_s >= head. Contracts by at most kContractionsMax buckets.
  void advance(std::int64_t now_s);
  // Those who left under the old window stay away. Looks through all cells.
  void use_window(std::int32_t window_s);

  std::uint32_t online() const { return sum_; }
  // Neither a visitor nor a mark is left in the window.
  bool vacant() const { return live() == 0; }
  // An upper bound of what each_live() visits.
  std::size_t live() const { return sum_ + (marks_in_window() ? marks_ : 0); }
  std::size_t buckets() const { return buckets_.size(); }
  std::size_t cells() const { return cells_; }
  std::size_t memory_bytes() const;

  // A cell of this id is there, in the window or not.
  bool holds(std::uint64_t id) const;
  void prefetch(std::uint64_t id) const { __builtin_prefetch(&buckets_[home_of(id)], 1); }
  // The second bucket of the chain; for when prefetch() has brought the first.
  void prefetch_overflow(std::uint64_t id) const {
    const std::uint32_t next = buckets_[home_of(id)].overflow;
    if (next != 0) __builtin_prefetch(&overflow_[next - 1], 1);
  }

  // visit(id, stamp) of every visitor and mark in the window, in no order.
  template <class Visit>
  void each_live(const Visit& visit) const {
    for (std::size_t i = 0; i < buckets_.size(); ++i) each_live(buckets_[i], visit);
    for (std::size_t i = 0; i < overflow_.size(); ++i) each_live(overflow_[i], visit);
  }
  // The same of kWalkChains chains from `place` on; answers the place to go on from, 0 at the end. Anything may happen
  // between two calls. A place is a hash with its bits in reverse order: all hashes of a bucket follow one another
  // then, and so do those of the two that it is divided into, or goes back to. So no place before the answer holds a
  // hash that was not visited, whatever the number of buckets becomes. (As Redis's SCAN does it.)
  template <class Visit>
  std::uint64_t walk(std::uint64_t place, const Visit& visit) const {
    Stop stop = stop_at(place);
    for (unsigned chains = kWalkChains;; --chains) {
      const std::size_t home = stop.home;
      const std::uint64_t next = stop.next;
      if (next != 0) {
        stop = stop_at(next);
        __builtin_prefetch(&buckets_[stop.home]);
      }
      each_live_of_chain(home, visit);
      if (next == 0 || chains == 1) return next;
    }
  }

 private:
  static constexpr unsigned kCells = 5;
  static constexpr std::size_t kBucketsMin = 16;
  static constexpr std::size_t kContractionsMax = 4096;  // about 1 ms
  static constexpr unsigned kWalkChains = 128;           // about 600 visitors

  struct alignas(64) Bucket {
    std::array<std::uint64_t, kCells> ids{};  // 0: free
    std::array<Stamp, kCells> stamps{};
    std::uint32_t overflow = 0;  // index + 1 of the next overflow bucket of the chain; 0 ends it
  };
  static_assert(sizeof(Bucket) == 64);

  struct LooseCell {
    std::uint64_t id;
    Stamp stamp;
  };

  template <class Visit>
  void each_live(const Bucket& bucket, const Visit& visit) const {
    for (unsigned i = 0; i < kCells; ++i) {
      if (bucket.ids[i] != 0 && live(bucket.stamps[i])) visit(bucket.ids[i], bucket.stamps[i]);
    }
  }

  // With 2^k <= buckets < 2^(k+1): by k + 1 bits of the hash where that bucket is there already, else by k.
  std::size_t home_of(std::uint64_t id) const {
    const std::size_t half = std::bit_floor(buckets_.size());
    const std::size_t home = base::mix64(id) & (2 * half - 1);
    return home < buckets_.size() ? home : home & (half - 1);
  }
  bool live(Stamp stamp) const { return stamp.age(head_s_) < ring_.size(); }
  bool marks_in_window() const { return head_s_ - last_mark_s_ < static_cast<std::int64_t>(ring_.size()); }
  bool overfull() const { return live() * 10 > buckets_.size() * 48; }
  bool underfull() const { return live() * 10 < buckets_.size() * 45 && buckets_.size() > kBucketsMin; }

  bool wasteful() const { return (buckets_.size() + overflow_.size()) * sizeof(Bucket) > live() * 19; }

  std::uint32_t& slice(std::uint32_t age_s) {
    return ring_[head_slot_ >= age_s ? head_slot_ - age_s : head_slot_ + ring_.size() - age_s];
  }
  template <class Visit>
  void each_live_of_chain(std::size_t home, const Visit& visit) const {
    for (const Bucket* bucket = &buckets_[home];; bucket = &overflow_[bucket->overflow - 1]) {
      each_live(*bucket, visit);
      if (bucket->overflow == 0) return;
    }
  }
  // The chain that holds the hashes at `place` of a walk, and the place behind it.
  struct Stop {
    std::size_t home;
    std::uint64_t next;
  };
  Stop stop_at(std::uint64_t place) const;
  void enter(Stamp stamp);
  std::int32_t update(Stamp& known, Stamp stamp);
  void place(std::size_t home, std::uint64_t id, Stamp stamp);

  void rewrite(std::size_t home);
  void sweep();
  void split();
  void split_alone(std::size_t divided);
  void contract();
  void gather(std::size_t home);
  void scatter(std::size_t home, const LooseCell* cells, std::size_t count);
  void release_spare();
  void rebuild_ring();

  std::int64_t head_s_;
  std::size_t head_slot_ = 0;        // of the ring: head_s
  std::vector<std::uint32_t> ring_;  // one slot for each second of the window -> visitors last seen then
  std::uint32_t sum_ = 0;            // of the ring
  std::size_t cells_ = 0;            // in use, expired ones included
  std::size_t marks_ = 0;            // cells that are marks, expired ones included
  std::int64_t last_mark_s_;         // the latest second of any mark
  Chunks<Bucket> buckets_;
  Chunks<Bucket> overflow_;           // the first cell of each is in use
  std::size_t swept_ = 0;             // the bucket that sweep() looked at last
  std::vector<LooseCell> loose_;      // of the chains that are being rewritten; empty between calls
  std::vector<std::uint32_t> spare_;  // overflow buckets taken from those chains; empty between calls
};

}  // namespace footfall::counting
