// SPDX-License-Identifier: Apache-2.0
// Random histories: hits, changes, checkpoints, crashes and days that pass, in any order. After each crash what is
// recovered has the fingerprint of what was live; and history and state together hold each hit once, by a brute-force
// count.
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <random>
#include <tuple>

#include "node.h"
#include "store/verify.h"
#include "support/rng_seed.h"
#include "support/temporary_directory.h"

namespace footfall::store {
namespace {

using counting::Day;
using counting::Epoch;
using testing::Node;
using testing::Ping;

constexpr std::int64_t kBegin = 1'700'000'000;

class RandomHistoryTest : public ::testing::Test {
 protected:
  std::uint64_t below(std::uint64_t bound) { return rng_() % bound; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  std::int64_t now_s() const { return clock_.utc_s(); }
  void pass_s(std::uint64_t seconds) { clock_.advance_ms(static_cast<std::int64_t>(seconds) * 1000); }

  void start() {
    const auto started = node_->start(static_cast<unsigned>(1 + below(4)));
    ASSERT_TRUE(started) << to_string(started.error());
  }

  // --- steps ---

  void hits() {
    const auto sites = node_->registry().entries();
    if (sites.empty()) return;
    std::vector<Ping> pings;
    for (std::uint64_t n = 1 + below(20); n > 0; --n) {
      const auto& entry = sites[below(sites.size())];
      // Hits are up to 20 hours late, in an import up to ten days.
      std::int64_t late_s = one_in(4) ? static_cast<std::int64_t>(below(72'000)) : 0;
      if (importing_.contains(entry.site->id()) && one_in(2)) {
        late_s = static_cast<std::int64_t>(below(864'000));
        opened_anew_ = true;
      }
      const std::uint64_t page = below(40);
      const std::int64_t at_s = now_s() - late_s;
      const Visitor visitor = visitor_at(at_s, entry.settings->window_s);
      pings.push_back(Ping{entry.settings->name, page == 0 ? "" : "/" + std::to_string(page), visitor.id, at_s,
                           one_in(5) ? "" : "browser " + std::to_string(below(9)), one_in(10), visitor.moved_from});
    }
    // Some are batches with a key: a new one, or one that was sent before (by now perhaps expired, or passed by the
    // next number of its name).
    sites::BatchClaim claim;
    if (one_in(4)) {
      const std::uint64_t batch = one_in(2) ? ++batches_ : 1 + below(batches_ + 1);
      const std::string name = one_in(2) ? "batch-" + std::to_string(batch) : "series/" + std::to_string(batch);
      claim = node_->claim(name, static_cast<std::uint8_t>(batch), std::to_string(batch));
      if (claim.key().state == sites::BatchKeys::State::passed) return;
      if (claim.key().state == sites::BatchKeys::State::counted) {
        EXPECT_EQ(claim.key().key.answer, std::to_string(batch));
        return;
      }
      ASSERT_EQ(claim.key().state, sites::BatchKeys::State::claimed);
    }
    const auto done = node_->hit(static_cast<unsigned>(below(node_->streams())), pings, std::move(claim));
    ASSERT_TRUE(done) << to_string(done.error());
    for (const Ping& ping : pings) expect(ping);
  }

  void expect(const Ping& ping) {
    sites::Site& site = *node_->registry().find(ping.site);
    base::MutexLock lock(site.mutex());
    const Epoch epoch = site.state().epoch();
    ++(ping.bot ? expected_bots_ : expected_counted_)[{site.id(), epoch}];
  }

  struct Visitor {
    std::uint64_t id, moved_from;
  };
  // One of 60, under the salt of the hit's six hours; for one window after a rotation a hit says who it was before.
  Visitor visitor_at(std::int64_t at_s, std::int32_t window_s) {
    constexpr std::int64_t kRotation_s = 21'600;
    const std::uint64_t id = static_cast<std::uint64_t>(at_s / kRotation_s) * 1'000 + 1 + below(60);
    return {id, at_s % kRotation_s < window_s ? id - 1'000 : 0};
  }

  // The daemon's other threads go on.
  void meanwhile() {
    if (one_in(3)) pass_s(below(200));
    if (one_in(3)) node_->tick();
    if (one_in(3)) hits();
  }

  std::string id() { return "c" + std::to_string(++changes_); }

  void change() {
    sites::Registry& registry = node_->registry();
    const auto sites = registry.entries();
    const std::string name = sites.empty() ? "" : sites[below(sites.size())].settings->name;
    const sites::SiteId site = sites.empty() ? sites::SiteId{} : registry.find(name)->id();
    switch (below(10)) {
      case 0: {
        sites::Settings settings;
        settings.name = "site-" + std::to_string(below(6)) + ".vn";
        settings.timezone = one_in(2) ? "UTC" : "Asia/Ho_Chi_Minh";
        return make(registry.plan_add(settings, rng_()));
      }
      case 1:
        return make(
            registry.plan_seed_amount(name, std::nullopt, static_cast<std::int64_t>(below(2000)) - 1000, now_s()));
      case 2:
        return make(registry.plan_seed_total(name, "/" + std::to_string(1 + below(50)), below(1000), now_s()));
      case 3:
        return make(registry.plan_reset(name, rng_(), now_s()));
      case 4:
      case 5:
        return make(registry.plan_undo("c" + std::to_string(1 + below(changes_ + 1)), now_s()));
      case 6:
      case 7: {
        if (name.empty()) return;
        sites::Settings settings = *registry.settings(site);
        settings.lang = one_in(2) ? "vi" : "en";
        settings.count_bots = one_in(2);
        constexpr std::array<std::int32_t, 5> kWindows_s{15, 60, 300, 1'800, 3'600};
        if (one_in(2)) settings.window_s = kWindows_s[below(kWindows_s.size())];
        return make(registry.plan_change(name, settings));
      }
      case 8:
        if (one_in(3)) return make(registry.plan_remove(name));
        return;
      default:
        if (name.empty()) return;
        if (importing_.contains(site)) return make(base::Result<sites::ImportEnded>(sites::ImportEnded{site, "log"}));
        return make(base::Result<sites::ImportBegun>(sites::ImportBegun{site, "log", rng_(), rng_()}));
    }
  }

  // What cannot be planned is not made; what was planned is never refused.
  template <class T>
  void make(const base::Result<T>& plan) {
    if (!plan) return;
    node_->between_expect_and_write = node_->between_write_and_apply = [this] { meanwhile(); };
    const auto done = node_->change(id(), *plan);
    node_->between_expect_and_write = node_->between_write_and_apply = nullptr;
    ASSERT_TRUE(done) << to_string(done.error());
    importing_ = node_->registry().imports().open();
  }

  void checkpoint() {
    node_->after_roll = [this] { meanwhile(); };
    const auto done = node_->checkpoint();
    node_->after_roll = nullptr;
    ASSERT_TRUE(done) << to_string(done.error());
    opened_anew_ = false;
  }

  void crash() {
    const Moment moment = node_->moment();
    if (one_in(2)) hits();
    node_->tick();
    const std::string live = node_->hash();
    const std::string live_folded = folded(node_->registry());
    std::uint64_t newest = 0;
    for (const std::uint64_t number : list_checkpoints(node_->directory()).value()) newest = number;
    const std::string path = node_->directory().file("checkpoint/" + std::to_string(newest) + ".ckpt");
    node_->crash();
    expect_reached(moment);
    const bool fall_back = newest > 1 && one_in(4);
    if (fall_back) std::ofstream(path, std::ios::binary | std::ios::trunc) << "damaged";
    if (one_in(4)) std::ofstream(path + ".tmp") << "unfinished";
    start();
    if (!fall_back) {
      ASSERT_EQ(node_->hash(), live);
    } else {
      EXPECT_EQ(node_->recovered().checkpoint, newest - 1);
      // Days that the damaged checkpoint had closed are open again. A day that it closed, and that an import then
      // opened anew, had its visitors counted in two sets; now they are in one, and the number is better than what was
      // live.
      const auto again = recover(node_->directory(), node_->limits);
      ASSERT_TRUE(again);
      if (!opened_anew_) {
        ASSERT_EQ(folded(*again->registry), live_folded);
      }
    }
    EXPECT_LE(node_->recovered().newest_s, now_s());
  }

  // The journal gives at the moment's positions what was live then.
  void expect_reached(const Moment& moment) {
    const auto directory = DataDirectory::open_existing(base::posix_file_system(), temporary_->file("data"));
    ASSERT_TRUE(directory);
    const VerifyReport report =
        verify(**directory, node_->limits, node_->now_s(), &moment);  // an earlier round may have damaged a file
    EXPECT_EQ(report.state.hash, moment.hash) << (report.problems.empty() ? "" : report.problems.back());
  }

  // The fingerprint when every day is closed. The registry is of no more use then.
  std::string folded(const sites::Registry& registry) const {
    for (sites::Site* site : registry.all_sites()) {
      base::MutexLock lock(site->mutex());
      for (const auto& [epoch, day] : site->state().open_days(INT32_MAX)) site->state().close_day(epoch, day);
    }
    return content_hash(registry, now_s());
  }

  // --- the oracle ---

  // Each counted hit stands in the rankings of one day of its epoch once: in the history, or in the state.
  void check_each_hit_is_there_once() {
    std::map<std::pair<sites::SiteId, Epoch>, std::uint64_t> found;
    for (sites::Site* site : node_->registry().all_sites()) {
      for (const auto& [key, count] : expected_counted_) {
        if (key.first != site->id()) continue;
        for (const HistoryRow& row :
             node_->history().top(site->id(), {key.second}, counting::Dimension::page, 0, INT32_MAX, 1000).value()) {
          found[key] += row.count;
        }
      }
      base::MutexLock lock(site->mutex());
      for (const auto& [epoch, day] : site->state().open_days(INT32_MAX)) {
        for (const counting::Ranked& ranked : site->state().ranking(epoch, day, counting::Dimension::page)) {
          found[{site->id(), epoch}] += ranked.count;
        }
      }
    }
    EXPECT_EQ(found, expected_counted_);
  }

  // What a summary says is what the included epochs were hit, each alone.
  void check_totals() {
    for (sites::Site* site : node_->registry().all_sites()) {
      base::MutexLock lock(site->mutex());
      std::uint64_t counted = 0;
      std::uint64_t bots = 0;
      for (const Epoch& epoch : site->state().included()) {
        const auto hit = expected_counted_.find({site->id(), epoch});
        if (hit != expected_counted_.end()) counted += hit->second;
        const auto bot = expected_bots_.find({site->id(), epoch});
        if (bot != expected_bots_.end()) bots += bot->second;
      }
      const counting::Summary summary =
          site->state().summary(now_s(), counting::calendar_of(counting::local_day(now_s(), 0)));
      EXPECT_EQ(summary.counted, counted) << site->id().value;
      EXPECT_EQ(summary.bots, bots);
      const counting::PageTable pages = site->state().pages(now_s(), counting::PageSort::total, 10'000);
      std::uint64_t sum = pages.rest;
      for (const counting::PageRow& row : pages.rows) sum += row.counted;
      EXPECT_EQ(sum, counted);
    }
  }

  void run(int steps) {
    start();
    for (int step = 0; step < steps && !HasFatalFailure(); ++step) {
      SCOPED_TRACE("step " + std::to_string(step));
      const std::uint64_t what = below(100);
      if (what < 50) {
        hits();
      } else if (what < 75) {
        change();
      } else if (what < 85) {
        pass_s(one_in(4) ? below(100'000) : below(400));
        if (one_in(2)) node_->tick();
      } else if (what < 93) {
        checkpoint();
      } else {
        crash();
        check_totals();
        check_each_hit_is_there_once();
      }
    }
    crash();
    check_totals();
    check_each_hit_is_there_once();
  }

  std::mt19937_64 rng_{testing::rng_seed()};
  base::ManualClock clock_{kBegin * 1000};
  std::unique_ptr<testing::TemporaryDirectory> temporary_;
  std::unique_ptr<Node> node_;
  std::uint64_t changes_ = 0;
  std::uint64_t batches_ = 0;  // keys that were drawn
  std::set<sites::SiteId> importing_;
  bool opened_anew_ = false;  // an import has brought days since the last checkpoint that it may have closed
  std::map<std::pair<sites::SiteId, Epoch>, std::uint64_t> expected_counted_, expected_bots_;
};

TEST_F(RandomHistoryTest, WhatIsRecoveredIsWhatWasLive) {
  for (int round = 0; round < 8 && !HasFailure(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round) + ", FOOTFALL_SEED=" + std::to_string(testing::rng_seed()));
    temporary_ = std::make_unique<testing::TemporaryDirectory>();
    node_ = std::make_unique<Node>(temporary_->file("data"), clock_);
    changes_ = batches_ = 0;
    importing_.clear();
    opened_anew_ = false;
    expected_counted_.clear();
    expected_bots_.clear();
    run(120);
    node_.reset();
  }
}

}  // namespace
}  // namespace footfall::store
