// SPDX-License-Identifier: Apache-2.0
// Crash states: scripted runs of a node over a FaultFs, and recovery from each disk that a kill or a power cut at any
// moment of them may leave. Every hit has a page of its own, so that a loss, a double and a hole are each seen: once
// its day is closed it must be in the history instead of the state. Every change is in the audit log, or replayed.
//
//   hits (one at a time, groups, late), batches with a key that are sent again, on any stream, whatever came of them,
//   slots of another node, syncs, changes, ticks, days that end, checkpoints, rolls, recycling, failed writes and
//   syncs, kills and restarts, each with a slot of its own or the one that the stop before left
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
#include "support/sqlite_vfs.h"

namespace footfall::store {
namespace {

using testing::CrashState;
using testing::Disk;
using testing::FaultFs;
using testing::Node;
using testing::Ping;
using testing::SqliteVfs;

constexpr std::int64_t kBegin = 1'700'000'000;
constexpr std::int64_t kDay_s = 86'400;
constexpr std::size_t kNever = SIZE_MAX;

// Positions of the log from which on a crash must, or must not, show it.
struct Event {
  unsigned stream = 0;
  std::uint64_t sequence = 0;  // of its block; of a slot: its version
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
  bool past = false;               // of an earlier day: never sent again, since its key may expire
};

struct Figures {
  std::uint64_t shown = 0, recoveries = 0, acknowledged = 0, nested = 0, with_closed_days = 0, lost = 0, doubled = 0;
  std::uint64_t batches = 0, tries = 0, replayed = 0, under_way = 0, begins = 0;
  std::unordered_set<std::uint64_t> distinct, journals, histories;  // whole disks, and their parts
};

// SQLite moves its log into the database after so many pages, not after 1,000: what a run writes gets there.
int checkpoint_often(sqlite3* db, const char** /*error*/, const void* /*api*/) {
  return sqlite3_wal_autocheckpoint(db, 12);
}

class CrashStatesTest : public ::testing::Test {
 protected:
  // The same seed gives the same salts of SQLite's log.
  void SetUp() override {
    sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, static_cast<int>(1 + below(1U << 30U)), nullptr);
    ASSERT_EQ(sqlite3_auto_extension(reinterpret_cast<void (*)()>(checkpoint_often)), SQLITE_OK);
  }
  void TearDown() override {
    node_.reset();
    sqlite3_reset_auto_extension();
    sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, 0, nullptr);
  }
  std::uint64_t below(std::uint64_t bound) { return rng_() % bound; }

  // ---- The run ----

  void begin(bool disk_mode) {
    node_.reset();
    disk_.remove_all();
    hits_.clear();
    changes_.clear();
    batches_.clear();
    tries_.clear();
    learns_.clear();
    elsewhere_ = {};
    epochs_ = {counting::Epoch{}};
    disk_mode_ = disk_mode;
    node_ = std::make_unique<Node>("/data", clock_);
    node_->limits.pages_max = 100'000;
    node_->limits.visitors_exact_max = 100'000;
    node_->files = &disk_;
    node_->segment_bytes = 7U << 10U;
    node_->ack_after_sync = disk_mode;
    node_->history_vfs = vfs_.name();
    node_->takes_ticket = [this] { return below(2) == 0; };
    ASSERT_NO_FATAL_FAILURE(start());
    for (const char* name : {"a.vn", "b.vn"}) {
      sites::Settings settings;
      settings.name = name;
      change(node_->registry().plan_add(settings, 1));
    }
  }

  // With fewer streams at times: what the others held stays, and nobody writes them.
  void start(unsigned streams = kStreams) {
    streams_ = streams;
    const auto started = node_->start(streams_);
    ASSERT_TRUE(started) << to_string(started.error());
    for (unsigned stream = 0; stream < kStreams; ++stream) note_durable(stream);
  }

  void hit() {
    const auto stream = static_cast<unsigned>(below(streams_));
    std::vector<Ping> pings;
    const std::size_t first = hits_.size();
    for (std::uint64_t n = below(12) == 0 ? 20 : 1 + below(3); n > 0; --n) {
      Event& event = hits_.emplace_back();
      event.stream = stream;
      event.name = "/" + std::to_string(hits_.size());
      event.tried = disk_.position();
      const std::int64_t late_s = below(10) == 0 ? static_cast<std::int64_t>(below(4)) * kDay_s : 0;
      const std::int64_t at_s = std::max(kBegin, clock_.utc_s() - late_s);
      pings.push_back(Ping{below(4) == 0 ? "b.vn" : "a.vn", event.name, hits_.size(), at_s, "", false});
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
    if (sent.past) return;
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
    const auto stream = static_cast<unsigned>(below(streams_));
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

  // One more hit that another node counted.
  void learn() {
    ++elsewhere_.counted;
    const counting::Day today = counting::local_day(clock_.utc_s(), 0);
    if (elsewhere_.days.empty() || elsewhere_.days.back().day != today) elsewhere_.days.push_back({.day = today});
    ++elsewhere_.days.back().hits;
    Event& event = learns_.emplace_back();
    event.sequence = elsewhere_.counted;
    event.tried = disk_.position();
    if (node_->learn({{node_->registry().find("a.vn"), {{}, kElsewhere, counting::make_slot(elsewhere_)}}}))
      event.acknowledged = disk_.position();
  }

  void sync() {
    const auto stream = static_cast<unsigned>(below(streams_));
    if (disk_mode_ ? node_->commit(stream).has_value() : node_->writer(stream).sync().has_value()) note_durable(stream);
  }

  std::uint64_t durable_through(unsigned stream) const {
    if (stream < streams_) return node_->writer(stream).durable_through();
    const auto& positions = node_->recovered().positions;
    const auto at = positions.find(journal::StreamId{static_cast<std::uint16_t>(stream + 1)});
    return at == positions.end() ? 0 : at->second.sequence;
  }

  // After a sync that came back, or a restart.
  void note_durable(unsigned stream, bool synced = true) {
    const std::uint64_t through = durable_through(stream);
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
    for (unsigned stream = 0; stream < streams_; ++stream) {
      if (!node_->writer(stream).failed()) continue;
      for (std::vector<Event>* events : {&hits_, &tries_}) {
        for (Event& event : *events) {
          if (event.stream == stream && disk_mode_ && event.acknowledged == kNever) event.refused = true;
        }
      }
      ASSERT_TRUE(node_->reopen(stream));
    }
    if (node_->nodes().failed()) {
      ASSERT_TRUE(node_->nodes().mend());
    }
    if (node_->control_writer().failed()) {
      ASSERT_TRUE(node_->control_writer().reopen(node_->control_writer().durable_through()));
      ASSERT_TRUE(node_->control_writer().sync());
    }
    for (Event& change : changes_) {
      if (change.refused) change.gone = std::min(change.gone, disk_.position());
    }
  }

  template <class T>
  void change(const base::Result<T>& plan) {
    if (!plan) return;
    Event& event = changes_.emplace_back();
    event.name = "c" + std::to_string(changes_.size());
    event.tried = disk_.position();
    const auto done = node_->change(event.name, *plan);
    ASSERT_TRUE(done || disk_.faulty()) << to_string(done.error());
    if (done) {
      event.acknowledged = disk_.position();
    } else {
      event.refused = true;
    }
  }
  void some_change() {
    const char* name = below(2) == 0 ? "a.vn" : "b.vn";
    switch (below(4)) {
      case 0: {
        const auto reset = node_->registry().plan_reset(name, rng_(), clock_.utc_s());
        if (reset) epochs_.insert(reset->next);
        return change(reset);
      }
      case 1:
        return change(node_->registry().plan_undo("c" + std::to_string(3 + below(changes_.size())), clock_.utc_s()));
      default:
        return change(node_->registry().plan_seed_amount(name, std::nullopt, 1000, clock_.utc_s()));
    }
  }

  void fault() {
    if (below(4) == 0) {
      // A change that is not in force; what is counted and learnt behind it was not made under it.
      disk_.fail_syncs();
      some_change();
      disk_.heal();
      hit();
      learn();
    } else if (below(2) == 0) {
      disk_.fail_writes_after(below(2));
      if (below(3) == 0) learn();
      for (int i = 0; i < 3; ++i) below(2) == 0 ? hit() : batch();
    } else {
      disk_.fail_syncs_after(below(3));
      below(3) == 0 ? learn() : sync();
    }
    mend();
    // What was refused is sent again at once, perhaps on another stream.
    for (std::uint64_t n = below(4); n > 0 && !batches_.empty(); --n) {
      send(batches_.back());
      sync();
    }
  }

  void pass_s(std::int64_t seconds) {
    clock_.advance_ms(seconds * 1000);
    node_->tick();
  }

  // The next checkpoint closes days.
  void days_end() {
    for (Batch& batch : batches_) batch.past = true;
    pass_s(3 * kDay_s);
    hit();
  }

  void checkpoint(bool may_fail = true) {
    if (may_fail && below(4) == 0) disk_.fail_writes_after(below(30));
    if (may_fail && below(6) == 0) node_->after_roll = [this] { disk_.fail_syncs_after(below(4)); };
    const std::vector<std::uint64_t> before = node_->commits;
    static_cast<void>(node_->checkpoint());
    node_->after_roll = nullptr;
    // In disk mode it syncs each stream that has not failed, as far as it comes.
    for (unsigned stream = 0; stream < streams_; ++stream)
      note_durable(stream, node_->commits[stream] > before[stream]);
    mend();
  }

  // What SQLite does when it is closed belongs to a stop, not to a kill.
  void kill() {
    vfs_.end_process();
    node_->crash();
  }

  void run(int steps) {
    for (int step = 0; step < steps && !HasFailure(); ++step) {
      if (step == steps / 2) {  // once for sure
        days_end();
        checkpoint(false);
      }
      const std::uint64_t dice = below(100);
      if (dice < 35) {
        hit();
      } else if (dice < 54) {
        batch();
      } else if (dice < 66) {
        sync();
      } else if (dice < 70) {
        learn();
      } else if (dice < 76) {
        some_change();
      } else if (dice < 83) {
        checkpoint();
      } else if (dice < 88) {
        fault();
      } else if (dice < 96) {
        if (below(2) == 0) {
          pass_s(1);
        } else {
          days_end();
        }
      } else {
        if (below(3) > 0) {
          kill();
        } else if (below(2) == 0) {
          node_->crash();
        } else {
          ASSERT_TRUE(node_->stop());
        }
        start(below(4) == 0 ? 1 : kStreams);
      }
    }
  }

  // ---- The proof ----

  struct Recovered {
    std::string error;
    std::string hash;
    std::uint64_t checkpoint = 0;
    std::vector<std::string> replayed;            // changes behind the checkpoint
    std::map<std::string, std::uint64_t> counts;  // page -> counted in its open days, in any epoch
    std::set<std::string> changes;
    std::set<std::string> keys;  // of batches
    std::map<sites::SiteId, std::set<counting::Epoch>> included;
    std::uint64_t elsewhere = 0;                     // version of the other node's slot
    std::map<sites::SiteId, std::uint64_t> missing;  // of what the included epochs counted: not in open days
    std::map<sites::SiteId, std::uint64_t> shown;    // counted, with the other node's
  };
  struct Looked {  // into the history
    struct Row {
      sites::SiteId site;
      counting::Epoch epoch;
      std::string page;
      std::uint64_t count = 0;
      bool operator==(const Row&) const = default;
    };
    std::string error;
    std::vector<Row> rows;
    std::vector<std::string> audit;
  };

  template <class Outcome>
  static Outcome failed(const base::Error& error) {
    Outcome out;
    out.error = to_string(error);
    return out;
  }

  // What another node would show: this one's own slot and those that it knows.
  static std::uint64_t told(const counting::SiteState& site, const base::Incarnation& slot) {
    std::uint64_t sum = 0;
    for (const auto& [epoch, own] : site.own_slots()) {
      if (site.learnt(epoch, slot) != nullptr) return kNever;  // one of the two would be taken for the other
      sum += site.included().contains(epoch) ? own.counted : 0;
    }
    for (const counting::RemoteSlot& known : site.learnt())
      sum += site.included().contains(known.epoch) ? known.slot.counted : 0;
    return sum;
  }

  Recovered recover_from(FaultFs& files) const {
    Recovered out;
    auto directory = DataDirectory::open(files, "/data");
    if (!directory) return failed<Recovered>(directory.error());
    auto state = recover(**directory, node_->limits);
    if (!state) return failed<Recovered>(state.error());
    out.hash = content_hash(*state->registry, clock_.utc_s());
    out.checkpoint = state->checkpoint;
    for (const sites::Change& change : state->changes) out.replayed.push_back(change.id);
    for (sites::Site* site : state->registry->all_sites()) {
      base::MutexLock lock(site->mutex());
      const auto summary = site->state().summary(clock_.utc_s(), counting::calendar_of(19'675));
      std::uint64_t& missing = out.missing[site->id()];
      missing = summary.counted_here;
      out.shown[site->id()] = summary.counted;
      if (told(site->state(), (*directory)->slot()) != summary.counted) out.error = "what is told is not what is shown";
      if (const counting::Slot* slot = site->state().learnt({}, kElsewhere)) out.elsewhere = slot->version();
      out.included[site->id()] = site->state().included();
      for (const auto& [epoch, day] : site->state().open_days(INT32_MAX)) {
        for (const counting::Ranked& ranked : site->state().ranking(epoch, day, counting::Dimension::page)) {
          out.counts[std::string(site->state().page_path(counting::PageId{ranked.id}))] += ranked.count;
          if (site->state().included().contains(epoch)) missing -= ranked.count;
        }
      }
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
  // As a start does, behind a recovery that began with this checkpoint.
  Looked look_into_history(FaultFs& files, std::uint64_t checkpoint) const {
    const SqliteVfs vfs(files);
    const std::string path = "/data/history.sqlite";
    if (auto written = History::write_log_anew(files, path); !written) return failed<Looked>(written.error());
    auto history = History::open(path, vfs.name());
    if (!history) return failed<Looked>(history.error());
    if (auto done = (*history)->forget_beyond(checkpoint); !done) return failed<Looked>(done.error());
    Looked out;
    for (const std::uint32_t id : {1U, 2U}) {
      for (const counting::Epoch& epoch : epochs_) {
        auto rows =
            (*history)->top(sites::SiteId{id}, {epoch}, counting::Dimension::page, INT32_MIN, INT32_MAX, SIZE_MAX);
        if (!rows) return failed<Looked>(rows.error());
        for (HistoryRow& row : *rows) out.rows.push_back({row.site, epoch, std::move(row.label), row.count});
      }
    }
    auto audit = (*history)->audit(SIZE_MAX);
    if (!audit) return failed<Looked>(audit.error());
    for (AuditEntry& entry : *audit) out.audit.push_back(std::move(entry.id));
    std::reverse(out.audit.begin(), out.audit.end());
    return out;
  }

  // Of the disk without the history's files, and of those alone.
  static std::pair<std::uint64_t, std::uint64_t> hashes_of_parts(const Disk& disk) {
    const auto data = disk.find("/data");
    if (!data) return {disk.hash(), 0};
    const auto hash = [&](bool of_history) {
      Disk part = disk;
      std::erase_if(part.change_names(*data), [of_history](const auto& entry) {
        return entry.first.starts_with("history.sqlite") != of_history;
      });
      return part.hash();
    };
    return {hash(false), hash(true)};
  }

  const Looked& look_once(FaultFs& files, std::uint64_t history, std::uint64_t checkpoint) {
    return known_or(looked_, base::mix64(history + checkpoint), [&] { return look_into_history(files, checkpoint); });
  }
  // Most neighbours differ in one of the two parts.
  template <class Part, class Make>
  static const Part& known_or(std::unordered_map<std::uint64_t, Part>& known, std::uint64_t key, const Make& make) {
    constexpr std::size_t kKnownMax = 4'000;
    if (known.size() >= kKnownMax && !known.contains(key)) known.clear();
    const auto [entry, fresh] = known.try_emplace(key);
    if (fresh) entry->second = make();
    return entry->second;
  }

  // What is wrong with it; empty: nothing.
  std::string judge(const Recovered& found, const Looked& looked, const CrashState& crash) {
    if (!found.error.empty()) return found.error;
    if (!looked.error.empty()) return looked.error;
    std::map<std::string, std::uint64_t> counts = found.counts;
    std::map<sites::SiteId, std::uint64_t> missing = found.missing;
    for (const Looked::Row& row : looked.rows) {
      counts[row.page] += row.count;
      const auto included = found.included.find(row.site);
      if (included == found.included.end()) return "the history has a site that is not there";
      if (included->second.contains(row.epoch)) missing[row.site] -= row.count;
    }
    for (const auto& [site, count] : missing) {
      if (count != 0) return "a site's counted is not the sum of its pages";
    }
    std::array<std::string, kStreams> hole{};  // per stream: the first hit that is not there
    std::size_t seen = 0;
    for (const Event& hit : hits_) {
      const auto at = counts.find(hit.name);
      const std::uint64_t count = at == counts.end() ? 0 : at->second;
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
      if (std::string wrong = judge(batch, found, counts, crash, seen); !wrong.empty()) return wrong;
    }
    if (seen != counts.size()) return "there are pages that were never hit";
    bool said = found.elsewhere == 0;
    for (const Event& learnt : learns_) {
      if (learnt.acknowledged <= crash.position && learnt.sequence > found.elsewhere)
        return "slot " + std::to_string(learnt.sequence) + " was learnt, and is lost";
      said |= learnt.sequence == found.elsewhere && learnt.tried < crash.position;
    }
    if (!said) return "a slot is there before it came";
    std::vector<std::string> told = looked.audit;
    told.insert(told.end(), found.replayed.begin(), found.replayed.end());
    if (told.size() != found.changes.size()) return "the audit log and the changes behind it are not the changes";
    bool ended = false;
    std::size_t next = 0;
    for (const Event& change : changes_) {
      const bool there = found.changes.contains(change.name);
      if (change.refused && !there) continue;
      if (there && change.gone <= crash.position) return change.name + " was refused, and is there";
      if (there && ended) return "there is a hole in the changes before " + change.name;
      if (there && change.tried >= crash.position) return change.name + " is there before it came";
      if (!there && change.acknowledged <= crash.position) return change.name + " was acknowledged, and is lost";
      if (there && told[next++] != change.name) return "the audit log has " + told[next - 1] + " for " + change.name;
      ended |= !there;
    }
    return {};
  }

  // All of its hits are there once, and its key; or none, and not its key.
  std::string judge(const Batch& batch, const Recovered& found, const std::map<std::string, std::uint64_t>& counts,
                    const CrashState& crash, std::size_t& seen) {
    // One of an earlier day is whole or absent; its key may have expired.
    const bool counted = batch.past ? counts.contains(batch.pages.front()) : found.keys.contains(batch.key);
    for (const std::string& page : batch.pages) {
      const auto at = counts.find(page);
      const std::uint64_t count = at == counts.end() ? 0 : at->second;
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
    return static_cast<std::size_t>(
        std::count_if(hits_.begin(), hits_.end(), is) + std::count_if(tries_.begin(), tries_.end(), is) +
        std::count_if(learns_.begin(), learns_.end(), is) + std::count_if(changes_.begin(), changes_.end(), is));
  }

  void open_writers(FaultFs& files, const DataDirectory& directory, RecoveredState& state) const {
    for (std::uint16_t id = 0; id <= kStreams; ++id) {
      const journal::StreamId stream{id};
      ASSERT_TRUE(journal::Writer::open(
          files, {directory.stream_directory(stream), stream, directory.incarnation(), node_->segment_bytes},
          state.positions[stream]));
    }
  }

  base::Result<std::unique_ptr<NodesStream>> open_nodes(FaultFs& files, const DataDirectory& directory,
                                                        const RecoveredState& state) const {
    return NodesStream::open(files,
                             {directory.stream_directory(journal::kNodesStream), journal::kNodesStream,
                              directory.incarnation(), node_->segment_bytes},
                             state.positions);
  }

  // Recovery ends in new segments and a history that knows of no later checkpoint. Whatever it was cut off at, it gives
  // the same.
  void cut_recovery(const Disk& disk, const Recovered& found, const Looked& looked) {
    FaultFs files{disk};
    {
      auto directory = DataDirectory::open(files, "/data");
      ASSERT_TRUE(directory);
      auto state = recover(**directory, node_->limits);
      ASSERT_TRUE(state);
      open_writers(files, **directory, *state);
      ASSERT_TRUE(open_nodes(files, **directory, *state));
      look_into_history(files, state->checkpoint);
    }
    each_crash_state(files, 2, rng_, [&](const CrashState& crash) {
      if (HasFailure() || !figures_.distinct.insert(crash.hash).second) return;
      ++figures_.nested;
      FaultFs copy{crash.disk};
      SCOPED_TRACE("recovery cut off at position " + std::to_string(crash.position));
      const Recovered again = recover_from(copy);
      expect_the_same(again, look_once(copy, hashes_of_parts(crash.disk).second, again.checkpoint), found, looked);
    });
  }

  // A start has its slot; whatever it was cut off at, the same is shown and told.
  void cut_begin_of_slot(const Disk& disk, const Recovered& found) {
    FaultFs files{disk};
    {
      auto directory = DataDirectory::open(files, "/data");
      ASSERT_TRUE(directory);
      auto state = recover(**directory, node_->limits);
      ASSERT_TRUE(state);
      open_writers(files, **directory, *state);
      auto nodes = open_nodes(files, **directory, *state);
      ASSERT_TRUE(nodes);
      ASSERT_TRUE(begin_slot(**directory, **nodes, state->registry->all_sites(),
                             state->positions[journal::kControlStream].sequence, slot_of_start(**directory, false)));
    }
    const auto slot_in = [](FaultFs& of) { return DataDirectory::open(of, "/data").value()->slot(); };
    FaultFs before{disk};
    const base::Incarnation slot_before = slot_in(before), slot_after = slot_in(files);
    EXPECT_NE(slot_before, slot_after);
    each_crash_state(files, 4, rng_, [&](const CrashState& crash) {
      if (HasFailure()) return;
      ++figures_.begins;
      FaultFs copy{crash.disk};
      SCOPED_TRACE("a slot's begin cut off at position " + std::to_string(crash.position));
      const base::Incarnation slot = slot_in(copy);
      EXPECT_TRUE(slot == slot_before || slot == slot_after);
      const Recovered again = recover_from(copy);
      EXPECT_EQ(again.error, "");
      EXPECT_EQ(again.shown, found.shown);
      EXPECT_EQ(again.missing, found.missing);
    });
  }

  static void expect_the_same(const Recovered& again, const Looked& looked_again, const Recovered& found,
                              const Looked& looked) {
    EXPECT_EQ(again.error, "");
    EXPECT_EQ(again.hash, found.hash);
    EXPECT_EQ(looked_again.error, "");
    EXPECT_EQ(looked_again.audit, looked.audit);
    EXPECT_EQ(looked_again.rows, looked.rows);
  }

  void prove(unsigned subsets) {
    kill();
    std::size_t position = 0;
    std::size_t acknowledged = 0;
    std::unordered_set<std::uint64_t> judged;  // (disk, what was acknowledged)
    states_.clear();
    looked_.clear();
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
      const auto [journal, history] = hashes_of_parts(crash.disk);
      figures_.journals.insert(journal);
      figures_.histories.insert(history);
      FaultFs files{crash.disk};
      const Recovered& found = known_or(states_, journal, [&] { return recover_from(files); });
      const Looked& looked = look_once(files, history, found.checkpoint);
      figures_.with_closed_days += looked.rows.empty() ? 0U : 1U;
      const std::string wrong = judge(found, looked, crash);
      if (!wrong.empty()) {
        ADD_FAILURE() << wrong << "; position " << crash.position << " of " << disk_.position()
                      << (crash.killed ? ", killed" : ", power cut") << (disk_mode_ ? ", disk" : ", kernel");
        return;
      }
      if (fresh && figures_.recoveries % 16 == 0) {
        SCOPED_TRACE("recovered twice");
        const Recovered again = recover_from(files);
        expect_the_same(again, look_into_history(files, again.checkpoint), found, looked);
      }
      if (fresh && figures_.recoveries % 800 == 0) cut_recovery(crash.disk, found, looked);
      if (fresh && figures_.recoveries % 1600 == 0) cut_begin_of_slot(crash.disk, found);
    });
    figures_.acknowledged += acknowledged_at(kNever - 1);
  }

  static constexpr unsigned kStreams = 2;
  static constexpr base::Incarnation kElsewhere{1, 2, 3};
  std::mt19937_64 rng_{testing::rng_seed()};
  base::ManualClock clock_{kBegin * 1000};
  FaultFs disk_;
  SqliteVfs vfs_{disk_};
  std::unique_ptr<Node> node_;
  bool disk_mode_ = false;
  unsigned streams_ = kStreams;  // that are written
  std::vector<Event> hits_, changes_, tries_, learns_;
  counting::SlotCounts elsewhere_;  // by the other node
  std::vector<Batch> batches_;
  std::set<counting::Epoch> epochs_;  // of either site, at any time
  Figures figures_;
  // What was recovered and found, by the hash of the part of the disk that it came from.
  std::unordered_map<std::uint64_t, Recovered> states_;
  std::unordered_map<std::uint64_t, Looked> looked_;
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
  std::cout << "runs=" << runs << " states=" << figures_.distinct.size() << " journals=" << figures_.journals.size()
            << " histories=" << figures_.histories.size() << " shown=" << figures_.shown
            << " recoveries=" << figures_.recoveries << " in_recovery=" << figures_.nested
            << " begins=" << figures_.begins << " batches=" << figures_.batches << " tries=" << figures_.tries
            << " replayed=" << figures_.replayed << " under_way=" << figures_.under_way
            << " with_closed_days=" << figures_.with_closed_days << " acknowledged=" << figures_.acknowledged
            << " lost=" << figures_.lost << " doubled=" << figures_.doubled << '\n';
  EXPECT_GE(figures_.distinct.size(), kStatesMin);
  EXPECT_GT(figures_.with_closed_days, 0U);
}

}  // namespace
}  // namespace footfall::store
