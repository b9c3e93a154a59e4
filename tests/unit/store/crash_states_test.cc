// SPDX-License-Identifier: Apache-2.0
// Crash states: scripted runs of a node over a FaultFs, and recovery from each disk that a kill or a power cut at any
// moment of them may leave. Every hit has a page of its own, so that a loss, a double and a hole are each seen.
//
//   hits (one at a time, and groups), batches with a key that are sent again, on any stream, whatever came of them,
//   syncs, changes, ticks, checkpoints, rolls, recycling, failed writes and syncs, kills and restarts
//                           x kernel (the write acknowledges), disk (the sync does)
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <iostream>
#include <random>
#include <set>
#include <span>
#include <unordered_map>
#include <unordered_set>

#include "base/hash.h"
#include "node.h"
#include "support/crash_states.h"
#include "support/fault_fs.h"
#include "support/rng_seed.h"
#include "support/sanitizer.h"

namespace footfall::store {
namespace {

using testing::CrashState;
using testing::Disk;
using testing::FaultFs;
using testing::Node;
using testing::Ping;

constexpr std::int64_t kBegin = 1'700'000'000;
constexpr std::size_t kNever = SIZE_MAX;

// Positions of the log from which on a crash must, or must not, show it.
struct Event {
  unsigned stream = 0;
  std::uint64_t sequence = 0;  // of its block
  std::string name;            // the hit's page, or the change's id
  std::size_t tried = kNever;
  std::size_t acknowledged = kNever;
  std::size_t durable = kNever;  // a sync of it came back
  bool refused = false;
  std::size_t gone = kNever;  // refused, and its successor's header is durable: never seen again
};

// Sent again and again under its key. Each time that it was claimed is an Event of its own, by its key.
struct Batch {
  std::string key;                 // without the incarnation
  std::vector<std::string> pages;  // one a hit
};

struct Figures {
  std::uint64_t shown = 0, recoveries = 0, acknowledged = 0, nested = 0, lost = 0, doubled = 0;
  std::uint64_t batches = 0, tries = 0, replayed = 0, under_way = 0;
  std::unordered_set<std::uint64_t> distinct;
};

class CrashStatesTest : public ::testing::Test {
 protected:
  std::uint64_t below(std::uint64_t bound) { return rng_() % bound; }

  // ---- The run ----

  void begin(bool disk_mode) {
    node_.reset();
    disk_.remove_all();
    hits_.clear();
    changes_.clear();
    batches_.clear();
    tries_.clear();
    disk_mode_ = disk_mode;
    node_ = std::make_unique<Node>("/data", clock_);
    node_->limits.pages_max = 100'000;
    node_->limits.visitors_exact_max = 100'000;
    node_->files = &disk_;
    node_->segment_bytes = 7U << 10U;
    node_->ack_after_sync = disk_mode;
    node_->history_path = ":memory:";
    ASSERT_NO_FATAL_FAILURE(start());
    for (const char* name : {"a.vn", "b.vn"}) {
      sites::Settings settings;
      settings.name = name;
      change(node_->registry().plan_add(settings, 1));
    }
  }

  void start() {
    const auto started = node_->start(kStreams);
    ASSERT_TRUE(started) << to_string(started.error());
    for (unsigned stream = 0; stream < kStreams; ++stream) note_durable(stream);
  }

  void hit() {
    const auto stream = static_cast<unsigned>(below(kStreams));
    std::vector<Ping> pings;
    const std::size_t first = hits_.size();
    for (std::uint64_t n = below(12) == 0 ? 20 : 1 + below(3); n > 0; --n) {
      Event& event = hits_.emplace_back();
      event.stream = stream;
      event.name = "/" + std::to_string(hits_.size());
      event.tried = disk_.position();
      pings.push_back(Ping{below(4) == 0 ? "b.vn" : "a.vn", event.name, hits_.size(), clock_.utc_s(), "", false});
    }
    append(stream, pings, {}, {hits_.begin() + static_cast<std::ptrdiff_t>(first), hits_.end()});
  }

  // A new batch, or one of those before.
  void batch() {
    const bool fresh = batches_.empty() || below(3) == 0;
    if (fresh) {
      Batch& made = batches_.emplace_back();
      made.key = "batch-" + std::to_string(batches_.size());
      for (std::uint64_t n = 1 + below(3); n > 0; --n) made.pages.push_back("/" + made.key + "/" + std::to_string(n));
      ++figures_.batches;
    }
    send(fresh ? batches_.back() : batches_[below(batches_.size())]);
  }

  void send(const Batch& sent) {
    sites::BatchClaim claim = node_->claim(sent.key, 1, sent.key);
    switch (claim.key().state) {
      case sites::BatchKeys::State::counted:
        EXPECT_EQ(claim.key().key.answer, sent.key);
        ++figures_.replayed;
        return;
      case sites::BatchKeys::State::under_way:
        ++figures_.under_way;
        return;
      case sites::BatchKeys::State::claimed:
        break;
      default:
        FAIL() << sent.key << " was neither counted nor claimed";
    }
    ++figures_.tries;
    const auto stream = static_cast<unsigned>(below(kStreams));
    std::vector<Ping> pings;
    for (const std::string& page : sent.pages)
      pings.push_back(Ping{below(4) == 0 ? "b.vn" : "a.vn", page, 1, clock_.utc_s(), "", false});
    Event& event = tries_.emplace_back();
    event.stream = stream;
    event.name = sent.key;
    event.tried = disk_.position();
    append(stream, pings, std::move(claim), {tries_.end() - 1, tries_.end()});
  }

  void append(unsigned stream, const std::vector<Ping>& pings, sites::BatchClaim claim, std::span<Event> events) {
    const std::uint64_t before = node_->writer(stream).position().sequence;
    (void)node_->hit(stream, pings, std::move(claim));
    // Where only the observations behind it failed the block itself was written.
    const bool written = node_->writer(stream).position().sequence > before;
    for (Event& event : events) {
      event.sequence = before + 1;
      event.refused = !written;
      if (written && !disk_mode_) event.acknowledged = disk_.position();
    }
  }

  void sync() {
    const auto stream = static_cast<unsigned>(below(kStreams));
    if (disk_mode_ ? node_->commit(stream).has_value() : node_->writer(stream).sync().has_value()) note_durable(stream);
  }

  // After a sync that came back, or a restart.
  void note_durable(unsigned stream, bool synced = true) {
    const std::uint64_t through = node_->writer(stream).durable_through();
    for (std::vector<Event>* events : {&hits_, &tries_}) {
      for (Event& event : *events) {
        if (event.stream != stream) continue;
        if (event.refused) {
          if (synced) event.gone = std::min(event.gone, disk_.position());
        } else if (event.sequence <= through) {
          event.durable = std::min(event.durable, disk_.position());
          if (disk_mode_) event.acknowledged = std::min(event.acknowledged, disk_.position());
        }
      }
    }
  }

  // Of the streams that a fault has stopped.
  void mend() {
    disk_.heal();
    for (unsigned stream = 0; stream < kStreams; ++stream) {
      if (!node_->writer(stream).failed()) continue;
      for (std::vector<Event>* events : {&hits_, &tries_}) {
        for (Event& event : *events) {
          if (event.stream == stream && disk_mode_ && event.acknowledged == kNever) event.refused = true;
        }
      }
      ASSERT_TRUE(node_->reopen(stream));
    }
    if (node_->control_writer().failed()) {
      ASSERT_TRUE(node_->control_writer().reopen(node_->control_writer().durable_through()));
    }
  }

  template <class T>
  void change(const base::Result<T>& plan) {
    if (!plan) return;
    Event& event = changes_.emplace_back();
    event.name = "c" + std::to_string(changes_.size());
    event.tried = disk_.position();
    const auto done = node_->change(event.name, *plan);
    ASSERT_TRUE(done) << to_string(done.error());
    event.acknowledged = disk_.position();
  }
  void some_change() {
    const char* name = below(2) == 0 ? "a.vn" : "b.vn";
    switch (below(4)) {
      case 0:
        return change(node_->registry().plan_reset(name, rng_(), clock_.utc_s()));
      case 1:
        return change(node_->registry().plan_undo("c" + std::to_string(3 + below(changes_.size())), clock_.utc_s()));
      default:
        return change(node_->registry().plan_seed_amount(name, std::nullopt, 1000, clock_.utc_s()));
    }
  }

  void fault() {
    if (below(2) == 0) {
      disk_.fail_writes_after(below(2));
      for (int i = 0; i < 3; ++i) below(2) == 0 ? hit() : batch();
    } else {
      disk_.fail_syncs();
      sync();
    }
    mend();
    // What was refused is sent again at once, perhaps on another stream.
    for (std::uint64_t n = below(4); n > 0 && !batches_.empty(); --n) {
      send(batches_.back());
      sync();
    }
  }

  void checkpoint() {
    if (below(4) == 0) disk_.fail_writes_after(below(6));
    const bool made = node_->checkpoint().has_value();
    // In disk mode it syncs each stream, as far as it comes.
    for (unsigned stream = 0; stream < kStreams; ++stream) note_durable(stream, made && disk_mode_);
    mend();
  }

  void kill_and_restart() {
    node_->crash();
    start();
  }

  void run(int steps) {
    for (int step = 0; step < steps && !HasFailure(); ++step) {
      const std::uint64_t dice = below(100);
      if (dice < 35) {
        hit();
      } else if (dice < 55) {
        batch();
      } else if (dice < 72) {
        sync();
      } else if (dice < 79) {
        some_change();
      } else if (dice < 86) {
        checkpoint();
      } else if (dice < 91) {
        fault();
      } else if (dice < 96) {
        clock_.advance_ms(1000);
        node_->tick();
      } else {
        kill_and_restart();
      }
    }
  }

  // ---- The proof ----

  struct Recovered {
    std::string error;
    std::string hash;
    std::map<std::string, std::uint64_t> counts;  // page -> counted, in any epoch
    std::set<std::string> changes;
    std::set<std::string> keys;  // of batches
  };

  Recovered recover_from(const Disk& disk) const {
    FaultFs files{disk};
    return recover_from(files);
  }
  Recovered recover_from(FaultFs& files) const {
    Recovered out;
    auto directory = DataDirectory::open(files, "/data");
    if (!directory) return {to_string(directory.error()), {}, {}, {}, {}};
    auto state = recover(**directory, node_->limits);
    if (!state) return {to_string(state.error()), {}, {}, {}, {}};
    out.hash = content_hash(*state->registry, clock_.utc_s());
    for (sites::Site* site : state->registry->all_sites()) {
      base::MutexLock lock(site->mutex());
      std::uint64_t included = 0;
      for (const auto& [epoch, day] : site->state().open_days(INT32_MAX)) {
        for (const counting::Ranked& ranked : site->state().ranking(epoch, day, counting::Dimension::page)) {
          out.counts[std::string(site->state().page_path(counting::PageId{ranked.id}))] += ranked.count;
          if (site->state().included().contains(epoch)) included += ranked.count;
        }
      }
      const auto summary = site->state().summary(clock_.utc_s(), counting::calendar_of(19'675));
      if (summary.counted != included) out.error = "a site's counted is not the sum of its pages";
    }
    for (const Event& change : changes_) {
      if (state->registry->knows(change.name)) out.changes.insert(change.name);
    }
    const std::string node = (*directory)->incarnation_text() + "/";
    for (const Batch& batch : batches_) {
      if (state->registry->batch_keys().claim(node + batch.key, {}, clock_.utc_s()).state ==
          sites::BatchKeys::State::other_body)
        out.keys.insert(batch.key);
    }
    return out;
  }

  // What is wrong with it; empty: nothing.
  std::string judge(const Recovered& found, const CrashState& crash) {
    if (!found.error.empty()) return found.error;
    std::array<std::string, kStreams> hole{};  // per stream: the first hit that is not there
    std::size_t seen = 0;
    for (const Event& hit : hits_) {
      const auto at = found.counts.find(hit.name);
      const std::uint64_t count = at == found.counts.end() ? 0 : at->second;
      seen += count > 0 ? 1 : 0;
      if (count > 1) return ++figures_.doubled, hit.name + " is counted " + std::to_string(count) + " times";
      if (count > 0 && hit.tried >= crash.position) return hit.name + " is there before it came";
      if (count > 0 && hit.gone <= crash.position) return hit.name + " was refused, and is there";
      const std::size_t kept = disk_mode_ || crash.killed ? std::min(hit.acknowledged, hit.durable) : hit.durable;
      if (count == 0 && kept <= crash.position) return ++figures_.lost, hit.name + " was acknowledged, and is lost";
      if (hit.refused) continue;
      if (count > 0 && !hole[hit.stream].empty()) return hole[hit.stream] + " is a hole before " + hit.name;
      if (count == 0) hole[hit.stream] = hit.name;
    }
    for (const Batch& batch : batches_) {
      if (std::string wrong = judge(batch, found, crash, seen); !wrong.empty()) return wrong;
    }
    if (seen != found.counts.size()) return "there are pages that were never hit";
    bool ended = false;
    for (const Event& change : changes_) {
      const bool there = found.changes.contains(change.name);
      if (there && ended) return "there is a hole in the changes before " + change.name;
      if (there && change.tried >= crash.position) return change.name + " is there before it came";
      if (!there && change.acknowledged <= crash.position) return change.name + " was acknowledged, and is lost";
      ended |= !there;
    }
    return {};
  }

  // All of its hits are there once, and its key; or none, and not its key.
  std::string judge(const Batch& batch, const Recovered& found, const CrashState& crash, std::size_t& seen) {
    const bool counted = found.keys.contains(batch.key);
    for (const std::string& page : batch.pages) {
      const auto at = found.counts.find(page);
      const std::uint64_t count = at == found.counts.end() ? 0 : at->second;
      seen += count > 0 ? 1 : 0;
      if (count > 1) return ++figures_.doubled, page + " is counted " + std::to_string(count) + " times";
      if (counted != (count == 1))
        return page + (counted ? " is not there, but its key is" : " is there without its key");
    }
    bool tried = false;
    for (const Event& event : tries_) {
      if (event.name != batch.key) continue;
      tried |= event.tried < crash.position && event.gone > crash.position;
      const std::size_t kept = disk_mode_ || crash.killed ? std::min(event.acknowledged, event.durable) : event.durable;
      if (!counted && kept <= crash.position) return ++figures_.lost, batch.key + " was acknowledged, and is lost";
    }
    if (counted && !tried) return batch.key + " is there before it came, or although it was refused";
    return {};
  }

  std::size_t acknowledged_at(std::size_t position) const {
    const auto is = [position](const Event& event) {
      return event.acknowledged <= position || event.durable <= position || event.gone <= position;
    };
    return static_cast<std::size_t>(std::count_if(hits_.begin(), hits_.end(), is) +
                                    std::count_if(tries_.begin(), tries_.end(), is) +
                                    std::count_if(changes_.begin(), changes_.end(), is));
  }

  // Recovery ends in new segments. Whatever it was cut off at, it gives the same.
  void cut_recovery(const Disk& disk, const std::string& hash) {
    FaultFs files{disk};
    {
      auto directory = DataDirectory::open(files, "/data");
      ASSERT_TRUE(directory);
      auto state = recover(**directory, node_->limits);
      ASSERT_TRUE(state);
      for (std::uint16_t id = 0; id <= kStreams; ++id) {
        const journal::StreamId stream{id};
        ASSERT_TRUE(journal::Writer::open(
            files, {(*directory)->stream_directory(stream), stream, (*directory)->incarnation(), node_->segment_bytes},
            state->positions[stream]));
      }
    }
    each_crash_state(files, 2, rng_, [&](const CrashState& crash) {
      if (HasFailure() || !figures_.distinct.insert(crash.hash).second) return;
      ++figures_.nested;
      const Recovered again = recover_from(crash.disk);
      EXPECT_EQ(again.error, "");
      EXPECT_EQ(again.hash, hash) << "recovery cut off at position " << crash.position;
    });
  }

  void prove(unsigned subsets) {
    node_->crash();
    std::size_t position = 0;
    std::size_t acknowledged = 0;
    std::unordered_set<std::uint64_t> judged;  // (disk, what was acknowledged)
    each_crash_state(disk_, subsets, rng_, [&](const CrashState& crash) {
      if (HasFailure()) return;
      ++figures_.shown;
      if (crash.position != position) {
        position = crash.position;
        acknowledged = acknowledged_at(position);
      }
      const bool fresh = figures_.distinct.insert(crash.hash).second;
      if (!judged.insert(base::mix64(crash.hash + 2 * acknowledged + (crash.killed ? 1 : 0))).second) return;
      ++figures_.recoveries;
      FaultFs files{crash.disk};
      const Recovered found = recover_from(files);
      const std::string wrong = judge(found, crash);
      if (!wrong.empty()) {
        ADD_FAILURE() << wrong << "; position " << crash.position << " of " << disk_.position()
                      << (crash.killed ? ", killed" : ", power cut") << (disk_mode_ ? ", disk" : ", kernel");
        return;
      }
      if (fresh && figures_.recoveries % 8 == 0) {
        EXPECT_EQ(recover_from(files).hash, found.hash) << "recovered twice";
      }
      if (fresh && figures_.recoveries % 400 == 0) cut_recovery(crash.disk, found.hash);
    });
    figures_.acknowledged += acknowledged_at(kNever - 1);
  }

  static constexpr unsigned kStreams = 2;
  std::mt19937_64 rng_{testing::rng_seed()};
  base::ManualClock clock_{kBegin * 1000};
  FaultFs disk_;
  std::unique_ptr<Node> node_;
  bool disk_mode_ = false;
  std::vector<Event> hits_, changes_, tries_;
  std::vector<Batch> batches_;
  Figures figures_;
};

constexpr std::size_t kStatesMin = testing::kSanitized ? 5'000 : 100'000;
constexpr int kRunsMin = testing::kSanitized ? 2 : 4;  // of each acknowledgement at least one

TEST_F(CrashStatesTest, NoCrashLosesOrDoublesWhatWasAcknowledged) {
  int runs = 0;
  for (; (runs < kRunsMin || figures_.distinct.size() < kStatesMin) && !HasFailure(); ++runs) {
    SCOPED_TRACE("run " + std::to_string(runs) + ", FOOTFALL_SEED=" + std::to_string(testing::rng_seed()));
    begin(runs % 2 == 1);
    run(testing::kSanitized ? 40 : 110);
    prove(6);
  }
  std::cout << "runs=" << runs << " states=" << figures_.distinct.size() << " shown=" << figures_.shown
            << " recoveries=" << figures_.recoveries << " in_recovery=" << figures_.nested
            << " batches=" << figures_.batches << " tries=" << figures_.tries << " replayed=" << figures_.replayed
            << " under_way=" << figures_.under_way << " acknowledged=" << figures_.acknowledged
            << " lost=" << figures_.lost << " doubled=" << figures_.doubled << '\n';
  EXPECT_GE(figures_.distinct.size(), kStatesMin);
}

}  // namespace
}  // namespace footfall::store
