// SPDX-License-Identifier: Apache-2.0
// Presence: how many distinct visitors were seen in the last `window` seconds.
//
// Up to 128 visitors are two plain arrays that are scanned. Beyond, they move to a linear-hashing table of 12-byte
// cells (64-bit id, 32-bit stamp), five to a 64-byte bucket, one bucket split at a time, beside a ring of per-second
// counts. Each visitor is counted in the slice of their latest hit; a hit moves them. When the clock advances, the
// slices that leave the window are dropped whole. Expired cells are reused in place.
//
//       head                        oldest, dropped next
//     [ s0 | s1 | s2 |  ...  | s(window-1) ]
//
// A stamp is 31 bits of UTC seconds, compared by serial-number arithmetic (RFC 1982), and one bit `moved`: a cell whose
// visitor lives on under another id after a salt's rotation. What is known of an id merges by the later stamp and by
// `moved` or not, so hits and marks may be applied in any order, as long as no hit of an id is later than its mark by a
// whole window (there is none: the mark comes with the first hit under the new id).
//
// touch() is O(1) and about one cache miss; online() is O(1) in the table, a scan of at most 128 stamps otherwise.
// Memory is 17 to 20 bytes a visitor in a large table, 28 to 60 in a small one and in the arrays; an idle Presence
// holds nothing. No call copies a whole table, but for a change of the window, save() and load().
// Source: Litwin, "Linear hashing" (VLDB 1980).
// Tested by tests/unit/counting/presence_test.cc; fuzzed there against a std::map. Speed:
// tests/bench/presence_bench.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "counting/hit.h"

namespace footfall::counting {

// What is known of somebody in the window.
struct Seen {
  VisitorId visitor{};
  std::int64_t at_s = 0;  // of the latest hit
  bool moved = false;     // a mark: the visitor lives on under another id
  friend bool operator==(const Seen&, const Seen&) = default;
};

// Units      UTC seconds, given by the caller, between -2^40 and 2^40.
// Ownership  owns its cells; keeps no pointer into a request.
// Threading  none of its own: guarded by the lock of its site.
// Errors     none; how many visitors may be present is bounded by the caller (online_pairs_max).
class Presence {
 public:
  // `window_s` in [15, 3600] (any from 1 to 65535 works). A visitor is online at t with a hit in (t - window_s, t].
  // The window is given to each call rather than stored: pages share their site's. With another window than the call
  // before had, those who had left stay away, and all cells are looked through once. (Of a site that is another
  // second for each page: SiteState says by forget() who stays away.)
  Presence() = default;
  Presence(Presence&&) noexcept;
  Presence& operator=(Presence&&) noexcept;
  ~Presence();

  // What touch() and move_away() answer where nothing was known in the window, or not that the visitor moved.
  static constexpr std::int32_t kNews = INT32_MAX;

  // Notes a hit of `visitor` (not 0) at `at_s`. Older than what is known of the visitor, or outside the window: no
  // change. Answers how many seconds later than the latest hit known before; 0 where nothing changed.
  std::int32_t touch(VisitorId visitor, std::int64_t at_s, std::int32_t window_s);
  // The visitor goes on under another id: from `at_s` on, this id is never counted, whatever hits of it still arrive.
  // The mark leaves the window as a visitor does. Answers as touch() does.
  std::int32_t move_away(VisitorId old_id, std::int64_t at_s, std::int32_t window_s);
  // Moves the clock; never back. Gives memory back in small steps, all of it when nobody is left.
  void advance(std::int64_t now_s, std::int32_t window_s);
  // Lets everybody go who was not seen after until_s, marks too.
  void forget(std::int64_t until_s);
  // Distinct visitors in (now_s - window_s, now_s], where now_s is not before the latest hit or advance.
  std::uint32_t online(std::int64_t now_s, std::int32_t window_s);

  // Cells in use, marks and expired ones included: what online_pairs_max bounds, and for memory metrics.
  std::size_t cells() const;
  std::size_t memory_bytes() const;  // beyond the object itself
  // A touch of the visitor takes no new cell. A scan of at most 128, or of one bucket.
  bool holds(VisitorId visitor) const;
  void prefetch(VisitorId visitor) const;
  void prefetch_overflow(VisitorId visitor) const;  // some hits after prefetch(): what that found to be needed as well
  void prefetch() const { __builtin_prefetch(form_.get(), 1); }  // for online()

  // A walk over all of them in slices, between which anything may happen: who is here, or has moved, all the while is
  // given at least once. Adds a slice of those not seen before from_s to `out`, a few hundred at most, and answers the
  // place to go on from. It begins at place 0, and has ended when that is the answer.
  std::uint64_t walk(std::uint64_t place, std::int64_t from_s, std::vector<Seen>& out) const;

  // The visitors still inside the window (of any length) at now_s (or at the clock, if that is later) and moved marks,
  // sorted by id: the same for equal content.
  void save(base::ByteWriter& out, std::int64_t now_s, std::int32_t window_s) const;
  // Adds what was saved to this (empty or not); false (and unchanged) if the bytes are malformed.
  bool load(base::ByteReader& in, std::int32_t window_s);

 private:
  struct Form;
  struct Small;
  struct Table;
  struct Release {
    void operator()(Form* form) const noexcept;
  };
  static constexpr std::int64_t kNever = INT64_MIN / 4;

  Small* small() const;
  Table* table() const;
  std::int32_t merge(std::uint64_t id, std::int64_t at_s, bool moved, std::int32_t window_s);
  std::int32_t merge_small(std::uint64_t id, std::uint32_t stamp_bits);
  void move_clock(std::int64_t now_s, std::int32_t window_s);
  void use_window(std::int32_t window_s);
  void turn_to_table();
  void turn_to_small();
  void give_back();

  std::int64_t head_s_ = kNever;         // the clock: the latest second of any call
  std::unique_ptr<Form, Release> form_;  // null: nobody is here
};

}  // namespace footfall::counting
