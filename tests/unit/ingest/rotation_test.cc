// SPDX-License-Identifier: Apache-2.0
// Rotation: across local midnights, restarts and changes of the window, each person who is online is counted once,
// whichever shard took their hits, however late they came, and in whichever order the streams are replayed.
//
// The oracle knows persons, not ids: who was heard of last, when, and where. What is tested is the file of salts, the
// keys that each shard looks up, and the state, live and replayed.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <set>

#include "base/hash.h"
#include "counting/site_state.h"
#include "ingest/client_address.h"
#include "ingest/salts.h"
#include "ingest/visitor.h"
#include "support/fault_fs.h"
#include "support/rng_seed.h"

namespace footfall::ingest {
namespace {

using counting::Hit;
using counting::PageId;
using counting::SiteState;

constexpr unsigned kStreams = 3;
constexpr unsigned kPersons = 12;
constexpr std::array<std::string_view, 3> kPages{"/a", "/b", "/c"};
constexpr std::array<std::int32_t, 4> kWindows_s{15, 60, 300, 3600};

class RotationTest : public ::testing::Test {
 protected:
  RotationTest() {
    EXPECT_TRUE(files_.make_directory("/d"));
    EXPECT_TRUE(files_.sync_directory("/"));
  }

  std::uint64_t below(std::uint64_t bound) { return rng_() % bound; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }

  // A daemon begins in this zone, at this second; nothing is there but the file of salts, if there was one.
  void begin(std::string_view zone, std::int64_t now_s, std::int32_t window_s) {
    zone_ = lookup::TimeZone::find(zone).value();
    now_s_ = now_s;
    window_s_ = first_window_s_ = window_s;
    floor_s_ = INT64_MIN;
    heard_.clear();
    windows_.clear();
    last_.clear();
    last_on_.clear();
    days_.clear();
    state_ = fresh();
    open_salts();
  }
  void open_salts() {
    auto opened = Salts::open(files_, "/d/salts", now_s_);
    ASSERT_TRUE(opened) << opened.error().detail;
    salts_ = *std::move(opened);
    look_up_keys();
  }
  void look_up_keys() {
    for (VisitorKeys& keys : keys_) keys = VisitorKeys("site", zone_, salts_->keys(), window_s_);
  }
  std::int32_t offset_s() const { return zone_->offset_at(now_s_); }

  SiteState fresh() const {
    SiteState state(counting::Limits{}, first_window_s_);
    for (const std::string_view path : kPages) state.reserve_page(path, base::table_hash(path));
    return state;
  }

  // --- what happens ---

  void pass(std::int64_t seconds) {
    now_s_ += seconds;
    if (const auto rotated = salts_->rotate(now_s_); rotated && *rotated && one_in(2)) look_up_keys();
    state_.advance(now_s_, offset_s());
  }

  void hit(unsigned person, std::int64_t at_s) {
    const unsigned stream = static_cast<unsigned>(below(kStreams));
    const std::size_t page = below(kPages.size());
    Address address;
    address.bytes[10] = address.bytes[11] = 0xFF;
    address.bytes[15] = static_cast<std::uint8_t>(person);
    const DayKeys* const keys = keys_[stream].find(at_s);
    ASSERT_NE(keys, nullptr) << "no key at " << at_s << ", " << now_s_ - at_s << " s ago";
    Hit hit;
    hit.at_s = at_s;
    hit.utc_offset_s = keys->utc_offset_s;
    hit.visitor = keys->visitor(address.bytes.data(), "agent");
    hit.moved_from = keys->moved_from(at_s, address.bytes.data(), "agent");
    hit.page = PageId{counting::kFirstPage.value + static_cast<std::uint32_t>(page)};
    hit.counts = hit.touches_presence = hit.adds_visitor = true;
    state_.apply({}, {&hit, 1});
    heard_[stream].push_back(hit);
    const auto raise = [at_s](std::int64_t& last) { last = std::max(last, at_s); };
    raise(last_.try_emplace(person, at_s).first->second);
    raise(last_on_.try_emplace({page, person}, at_s).first->second);
    days_[counting::local_day(at_s, keys->utc_offset_s)].insert(person);
  }

  void change_window(std::int32_t window_s) {
    state_.expect_window(window_s);
    state_.set_window(window_s, now_s_);
    windows_.emplace_back(window_s, now_s_);
    floor_s_ = std::max(floor_s_, now_s_ - window_s_);
    window_s_ = window_s;
    look_up_keys();
  }

  // kill -9, or the power: what is left are the files.
  void restart() {
    salts_.reset();
    if (one_in(2)) files_.cut_power(rng_);
    if (one_in(2)) now_s_ += static_cast<std::int64_t>(below(5));
    open_salts();
    state_ = replayed();
    if (one_in(2)) {  // by way of a checkpoint
      std::string bytes;
      base::ByteWriter out(bytes);
      state_.save(out, now_s_);
      base::ByteReader in(bytes);
      state_ = fresh();
      ASSERT_TRUE(state_.load(in));
    }
    state_.advance(now_s_, offset_s());
  }

  // Changes first, then the streams, in any order.
  SiteState replayed() {
    SiteState state = fresh();
    for (std::size_t i = 0; i < kPages.size(); ++i)
      state.define_page(PageId{counting::kFirstPage.value + static_cast<std::uint32_t>(i)}, kPages[i]);
    for (const auto& [window_s, at_s] : windows_) state.set_window(window_s, at_s);
    std::array<unsigned, kStreams> order{0, 1, 2};
    std::shuffle(order.begin(), order.end(), rng_);
    for (const unsigned stream : order) state.replay({}, heard_[stream]);
    return state;
  }

  // --- what must be ---

  bool is_online(std::int64_t last_s) const { return last_s > std::max(now_s_ - window_s_, floor_s_); }

  void check(SiteState& state) {
    const auto online = std::count_if(last_.begin(), last_.end(), [&](const auto& e) { return is_online(e.second); });
    const counting::Day today = counting::local_day(now_s_, offset_s());
    const counting::Summary summary = state.summary(now_s_, counting::calendar_of(today));
    ASSERT_EQ(summary.online, static_cast<std::uint32_t>(online));
    ASSERT_EQ(summary.today.visitors, days_[today].size());
    ASSERT_EQ(summary.yesterday.visitors, days_[today - 1].size());
    for (std::size_t page = 0; page < kPages.size(); ++page) {
      const auto here = std::count_if(last_on_.begin(), last_on_.end(),
                                      [&](const auto& e) { return e.first.first == page && is_online(e.second); });
      const auto row = state.page(kPages[page], base::table_hash(kPages[page]), now_s_);
      ASSERT_EQ(row ? row->online : 0, static_cast<std::uint32_t>(here)) << kPages[page];
    }
  }

  void run(std::string_view zone, std::int64_t midnight_s, std::int32_t window_s) {
    SCOPED_TRACE(std::string(zone) + ", midnight " + std::to_string(midnight_s) + ", window " +
                 std::to_string(window_s));
    begin(zone, midnight_s - 2 * window_s - static_cast<std::int64_t>(below(60)), window_s);
    for (int step = 0; now_s_ < midnight_s + 2 * window_s_ && step < 600 && !HasFatalFailure(); ++step) {
      SCOPED_TRACE("step " + std::to_string(step) + ", " + std::to_string(now_s_ - midnight_s) + " s after midnight");
      pass(static_cast<std::int64_t>(below(static_cast<std::uint64_t>(window_s_) / 8 + 2)));
      for (std::uint64_t n = below(4); n > 0; --n) {
        const std::int64_t late_s =
            one_in(4) ? static_cast<std::int64_t>(below(static_cast<std::uint64_t>(window_s_) + 60)) : 0;
        hit(static_cast<unsigned>(below(kPersons)), now_s_ - late_s);
      }
      if (one_in(40)) change_window(kWindows_s[below(kWindows_s.size())]);
      if (one_in(12)) restart();
      check(state_);
      if (one_in(4)) {
        SiteState again = replayed();
        check(again);
      }
    }
  }

  std::mt19937_64 rng_{testing::rng_seed()};
  testing::FaultFs files_;
  std::shared_ptr<const lookup::TimeZone> zone_;
  std::int64_t now_s_ = 0, floor_s_ = INT64_MIN;
  std::int32_t window_s_ = 300, first_window_s_ = 300;
  std::unique_ptr<Salts> salts_;
  std::array<VisitorKeys, kStreams> keys_;  // of each shard; some get a new set of salts later than others
  SiteState state_{counting::Limits{}, 300};
  std::map<unsigned, std::vector<Hit>> heard_;                        // stream -> its journal
  std::vector<std::pair<std::int32_t, std::int64_t>> windows_;        // each change, and when
  std::map<unsigned, std::int64_t> last_;                             // person -> latest hit
  std::map<std::pair<std::size_t, unsigned>, std::int64_t> last_on_;  // (page, person) -> latest hit there
  std::map<counting::Day, std::set<unsigned>> days_;                  // local day -> persons
};

TEST_F(RotationTest, EachPersonIsOnlineOnceAcrossMidnightsRestartsAndShards) {
  struct Midnight {
    const char* zone;
    const char* what;
    counting::Day day;  // that begins
  };
  // Ascending: the file of salts goes on from one to the next.
  for (const Midnight& midnight : {
           Midnight{"Pacific/Apia", "the 30th was skipped", 15'339},
           Midnight{"Asia/Beirut", "midnight itself is skipped", 19'078},
           Midnight{"Asia/Ho_Chi_Minh", "a usual one", 20'000},
           Midnight{"America/Sao_Paulo", "a usual one, late in UTC", 20'001},
           Midnight{"UTC", "a usual one", 20'100},
           Midnight{"Pacific/Kiritimati", "the first on earth", 20'200},
           Midnight{"Asia/Ho_Chi_Minh", "the day after a sleep", 20'300},
       }) {
    const std::int64_t midnight_s = lookup::TimeZone::find(midnight.zone).value()->day_begin(midnight.day);
    for (const std::int32_t window_s : kWindows_s) {
      if (HasFailure()) return;
      run(midnight.zone, midnight_s + (window_s == 3600 ? 86'400 : 0), window_s);
      if (midnight.day == 15'339) break;  // two days in one run
    }
  }
}

// Errors: without the file nobody is known again. Who is there is counted anew, until the old ids leave the window.
TEST_F(RotationTest, WithoutTheFileThoseOnlineAreCountedAnew) {
  begin("UTC", 20'000 * std::int64_t{86'400} + 43'200, 300);
  for (unsigned person = 0; person < kPersons; ++person) hit(person, now_s_);
  check(state_);
  salts_.reset();
  ASSERT_TRUE(files_.remove("/d/salts"));
  open_salts();
  EXPECT_TRUE(salts_->is_new());
  pass(10);
  for (unsigned person = 0; person < kPersons; ++person) hit(person, now_s_);
  EXPECT_EQ(state_.online(now_s_), 2 * kPersons);
  pass(290);
  EXPECT_EQ(state_.online(now_s_), kPersons);
  EXPECT_EQ(state_.summary(now_s_, counting::calendar_of(20'000)).today.visitors, 2 * kPersons);
}

}  // namespace
}  // namespace footfall::ingest
