// SPDX-License-Identifier: Apache-2.0
// SiteState: everything that is counted of one site, single-threaded and pure: no clock, socket or file.
//
//     decide                         apply                            read
//     reserve_page/label/rank  -->   apply(epoch, hits)          -->  summary, pages, series, top
//     (ids, places under caps)       (what is durable)                (never sees a reservation)
//
// Counted numbers, seeds, buckets, visitors, rankings and peaks belong to an epoch; presence does not. A reset begins
// the next epoch and says which epochs are summed; no number moves. Hits may be applied in any order: counts add,
// stamps and peaks merge by max, sets by union. Observations (peaks, the highest online of a minute) are made while
// the clock advances in the live state only, and are journaled as what was seen; a replay calls observe(), and never
// advances. A second is seen once, when the clock has left it: what comes late is counted, but was not online then.
//
// Another window, set at second T: whoever was not online at T under the window before is gone until a new hit, and
// hits that old do not bring anybody back. So who is online is a function of each visitor's latest hit, the window, the
// floor (the latest T - window before) and now:
//
//     online at now:   latest hit > max(now - window, floor)          15 s -> 3600 s at T:
//                                                                        floor = T - 15 | T ......... now
//
// A replay knows the floor before the first hit (changes come first), and gives the same in any order. Live, nobody
// that the rule keeps may be let go before the change is on disk: expect_window() comes before T is read. To keep
// everybody for the longest window there is (3600 s) would need no floor, and twelve times the cells.
//
//     site_state.cc        decide, apply, change        epoch_counts   what an epoch counts
//     site_state_read.cc   read, close days             page_presence  who is online on each page
//     site_state_save.cc   bytes                        observer       what is seen while the clock advances
//     site_state_slots.cc  other nodes                  page_walk      the table of pages, read in short holds
//                                                       page_marks     pages that are read as another
//                                                       remote_counts  what other nodes counted
//
// Exactness: totals, pages and online are exact; daily visitors exact up to visitors_exact_max, then +-0.81 %.
// Cost: tests/bench/site_state_bench.cc; a site that was never hit holds this object and one set node.
// Tested by tests/unit/counting/site_state_test.cc against a brute-force oracle, in shuffled order too.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "counting/buckets.h"
#include "counting/hit.h"
#include "counting/page_marks.h"
#include "counting/page_walk.h"
#include "counting/peak.h"
#include "counting/presence_news.h"
#include "counting/rankings.h"
#include "counting/remote_counts.h"
#include "counting/saturating.h"
#include "counting/visitor_news.h"
#include "counting/visitors.h"

namespace footfall::counting {

class EpochCounts;

// Page and label ids at or past it are taken for (other): no bytes from outside make a table longer.
inline constexpr std::uint32_t kIdsMax = 1U << 21U;

struct Limits {
  std::uint32_t pages_max = 100'000;  // per site (so of a day's ranking, too), at most kIdsMax / 2; past it (other)
  std::uint32_t labels_max = 1'000;   // per site, day and dimension; past it (other). Not of pages
  std::uint32_t labels_known_max = 1'000'000;  // texts interned per site, at most kIdsMax / 2; past it (other)
  std::uint32_t visitors_exact_max = Visitors::kExactMaxDefault;
  bool seconds_of_online = true;  // keep the last hour's online by second (live state only)
};

// Counts of a day, or of several.
struct PeriodCounts {
  std::uint64_t hits = 0;      // counted pageviews
  std::uint64_t visitors = 0;  // of a day distinct; of more, the sum of its days
  std::uint64_t bots = 0;
  bool visitors_exact = true;
};

// One site's numbers from one moment, of the included epochs. Those of other nodes are in counted, total, bots, and the
// hits and bots of periods; visitors, online and peaks are the node's own.
struct Summary {
  std::uint64_t counted = 0;
  std::uint64_t counted_here = 0;  // of the node's own numbers: what its pages add up to
  bool others = false;             // something is known that other nodes counted, in whatever epoch
  Wide seeds = 0;                  // of several epochs: beyond 63 bits at most by a few
  std::int64_t seed = 0;           // as it is shown
  std::uint64_t total = 0;         // counted + seeds, saturating at 0 and 2^64 - 1
  std::uint64_t bots = 0;
  std::uint32_t online = 0;
  Peak peak_today, peak;
  PeriodCounts today, yesterday, month, year;
  Epoch epoch;
};

// The same hits, counted in several places: for the ledger. Of all epochs. Where all is well in_days is counted, which
// is the sum of the pages, and bots_in_days is bots.
struct Books {
  std::uint64_t hits = 0;  // ever applied, of all kinds, bots among them
  std::uint64_t counted = 0, in_days = 0;
  std::uint64_t bots = 0, bots_in_days = 0;
};

// The local day, and with it month and year, that "today" means.
struct Calendar {
  Day today = 0;
  Day month_begin = 0;  // the first day of today's month
  Day year_begin = 0;
};
Calendar calendar_of(Day today);  // proleptic Gregorian; Howard Hinnant, "chrono-compatible low-level date algorithms"

// Units      UTC seconds and local day numbers, given by the caller; clocks that step back are held.
// Ownership  owns all of it. Views that it hands out are valid while the lock of the site is held.
// Threading  none of its own: guarded by the lock of its Site.
// Errors     none; what contradicts is answered with false.
class SiteState {
 public:
  SiteState(const Limits& limits, std::int32_t window_s);
  SiteState(SiteState&&) noexcept;
  SiteState& operator=(SiteState&&) noexcept;
  ~SiteState();

  // --- deciding: reserves places; readers see nothing of it ---
  PageId reserve_page(std::string_view path, std::uint64_t hash);  // empty: kUnknownPage; past the cap: kOtherPage
  // empty: kNoLabel; past a cap: kOtherLabel. REQUIRES: dimension is not `page`.
  LabelId reserve_label(Day day, Dimension dimension, std::string_view text, std::uint64_t hash);
  Epoch epoch() const { return epoch_; }
  std::size_t pages_known() const;  // of those that Limits::pages_max bounds
  void prefetch(std::uint64_t path_hash, VisitorId visitor) const;
  // A hit of the visitor on the page takes no new cell of presence: for a caller at online_pairs_max.
  bool holds_presence(PageId page, VisitorId visitor) const;

  // --- definitions, as a replayed stream brings them; false if they contradict what is known (corruption) ---
  bool define_page(PageId id, std::string_view path);
  bool define_label(LabelId id, std::string_view text);
  PageId find_page(std::string_view path, std::uint64_t hash) const;  // kUnknownPage: none has it
  std::string_view page_path(PageId id) const;  // "(unknown)", "(other)" for the two; empty if not defined
  std::string_view label_text(LabelId id) const;
  // Each id that the hit bears is defined, or an applied hit bears it too.
  bool knows(const Hit& hit) const;

  // --- applying ---
  // Live: the clock advances to the hits' seconds first, and what is observed on the way is kept for
  // take_observations().
  void apply(const Epoch& epoch, std::span<const Hit> hits);
  // While replaying: nothing is observed.
  void replay(const Epoch& epoch, std::span<const Hit> hits);
  void observe(const Observation& seen);  // merges; as replayed from the journal
  // Live: moves the clock to now_s, observing every whole second that ended.
  void advance(std::int64_t now_s, std::int32_t utc_offset_s);
  // What was observed since the last call and must be journaled: the highest of each minute that began or rose, with
  // the first second at which it was so; a peak that rose is among them. In general none or one.
  std::vector<Observation> take_observations();

  // --- changes ---
  void begin_epoch(const Epoch& next);                 // a reset: `next` is current, and alone is summed
  void set_included(const std::set<Epoch>& included);  // an undo: which epochs are summed
  const std::set<Epoch>& included() const { return included_; }
  void add_seed(const Epoch& epoch, std::int64_t amount);                    // of the site
  void add_page_seed(const Epoch& epoch, PageId page, std::int64_t amount);  // of the page alone
  // Another window from the second `at_s` on. REQUIRES (live): expect_window(window_s) at `at_s` or before.
  void set_window(std::int32_t window_s, std::int64_t at_s);
  // Live, before the second of a change is read: from now on nobody is let go whom set_window(window_s) would keep.
  // With window_s() itself the change is given up.
  void expect_window(std::int32_t window_s);
  std::int32_t window_s() const { return window_s_; }
  // What pages are read as. REQUIRES: see PageMarks; a page that is marked, and its target, are defined.
  void mark_pages(std::span<const PageId> pages, PageId into);
  void unmark_pages(std::span<const PageId> pages);
  const PageMarks& page_marks() const;

  // --- what other nodes counted (remote_counts.h) ---
  // REQUIRES: `incarnation` is not the node's own.
  Learnt learn(const Epoch& epoch, const base::Incarnation& incarnation, const Slot& slot);
  // What learn() would answer.
  Learnt would_learn(const Epoch& epoch, const base::Incarnation& incarnation, const Slot& slot) const;
  const Slot* learnt(const Epoch& epoch, const base::Incarnation& incarnation) const;  // null: nothing
  std::vector<RemoteSlot> learnt() const;                                              // all, by epoch
  // What the node itself counted, in each epoch in which it counted anything; whole, with their pasts.
  std::vector<std::pair<Epoch, Slot>> own_slots() const;
  // `own`, one of own_slots(), was counted under the incarnation `before`: it stays in every number that is read, but
  // is that one's from now on, as a slot that may grow.
  void inherit(const Epoch& epoch, const base::Incarnation& before, const Slot& own);

  // --- reading: counts of the included epochs, summed ---
  // A clock that is given to a reader moves on as advance() moves it, once anything was applied live.
  Summary summary(std::int64_t now_s, const Calendar& calendar);
  std::uint32_t online(std::int64_t now_s);
  // Looks only; no page is made. nullopt if the path was never hit (nor seeded), or is removed. Of a page that is read
  // as another that one's row.
  std::optional<PageRow> page(std::string_view path, std::uint64_t hash, std::int64_t now_s);
  // The node's own. A PageWalk in one hold of the lock: for a site that nobody else waits for.
  PageTable pages(std::int64_t now_s, PageSort sort, std::size_t limit);
  // Cells with key in [from, to), ascending.
  std::vector<Cell> minutes(std::int64_t from_s, std::int64_t to_s) const;
  std::vector<Cell> hours(std::int64_t from_s, std::int64_t to_s) const;
  // Those of other nodes among them; visitors: closed plus open sets, of the node's own.
  std::vector<Cell> days(Day from, Day to) const;
  // (second, online) of the last hour, ascending; seconds during which nobody was online are absent.
  std::vector<std::pair<std::int64_t, std::uint32_t>> seconds(std::int64_t from_s, std::int64_t to_s) const;
  // Of the days in [from, to] that are still open.
  std::vector<Ranked> top(Dimension dimension, Day from, Day to, std::size_t limit) const;

  // --- telling other nodes who is here (PresenceNews): begins with the first call, and costs nothing before it ---
  PresenceTold take_presence();
  // One at a time: a walk that is begun ends the one before. `everybody`: also those who were told of by earlier ones.
  // REQUIRES: take_presence() was called; now_s is not before the clock of the hits that were applied.
  PresenceWalk begin_presence_walk(bool everybody, std::int64_t now_s);
  // Adds a slice to `out`, a few hundred at most; true when the walk has ended. Moved marks are among them.
  bool walk_presence(PresenceWalk& walk, std::vector<Seen>& out) const;

  // The same of the visitors of each day and epoch. The sets stay open for as long as the day does.
  VisitorsTold take_visitors();
  // Days from `first` on that have a visitor set, per epoch.
  std::vector<EpochDay> visitor_days(Day first) const;
  DaySet visitors_of(const EpochDay& day) const;  // empty if it has none; a copy of visitors_exact_max ids or 12 KB

  // --- closing days ---
  // Days up to `last` whose visitor sets and rankings are still held, per epoch.
  std::vector<std::pair<Epoch, Day>> open_days(Day last) const;
  std::vector<Ranked> ranking(const Epoch& epoch, Day day, Dimension dimension) const;
  // Folds the day's visitor set into its bucket and forgets its rankings (which are in the history by then).
  void close_day(const Epoch& epoch, Day day);

  std::uint64_t hits() const;          // ever applied, as in books(), at no cost
  Books books() const;                 // looks at every day
  std::size_t presence_pairs() const;  // cells of site and pages, which online_pairs_max bounds
  std::size_t memory_bytes() const;

  // Canonical bytes: equal content gives equal bytes, whatever the order in which it came. Presence as of now_s.
  void save(base::ByteWriter& out, std::int64_t now_s) const;
  // Replaces the content, window and epochs included; false (and unchanged) if the bytes are malformed.
  bool load(base::ByteReader& in);

 private:
  friend class PageWalk;
  // A day of the included epochs, its open visitors among the cell's.
  struct DayCounts {
    Cell cell;
    bool visitors_exact = true;
  };
  struct PastDays;
  struct Body;  // everything that hits bring; none until something is reserved, applied or seeded

  Body& body();
  void move_clock(std::int64_t now_s, std::int32_t utc_offset_s);
  std::int64_t read_clock(std::int64_t now_s);
  template <class Before>
  void add(const Epoch& epoch, std::span<const Hit> hits, const Before& before);
  void add_run(const Epoch& epoch, EpochCounts& counts, std::span<const Hit> run);
  void raise_floor(std::int64_t floor_s);
  template <class Visit>
  void each_included(const Visit& visit) const;  // visit(const EpochCounts&)
  template <class Visit>
  void each_remote(const Visit& visit) const;  // the same of other nodes: visit(const RemoteCounts::Sums&)
  DayCounts day_of(Day day) const;
  static void add_day(PeriodCounts& sum, const DayCounts& day);
  std::vector<Day> days_held(Day from, Day to) const;
  const PastDays& past_days(const Calendar& calendar);
  PageRow row_of(PageId page) const;  // without path and online; of a page that is not read by itself nothing
  std::uint32_t online_of(PageId page, std::int64_t at_s);  // the same

  Limits limits_;
  std::int32_t window_s_;
  std::int32_t kept_s_;               // window_s_, or the longer one that is expected: what presence is asked with
  std::int64_t floor_s_ = INT64_MIN;  // who was not seen after it is not online, whatever the window
  Epoch epoch_;
  std::set<Epoch> included_;
  std::unique_ptr<Body> body_;
  std::unique_ptr<PresenceNews> presence_news_;  // none: nobody asked
  std::unique_ptr<VisitorNews> visitor_news_;    // the same
};

}  // namespace footfall::counting
