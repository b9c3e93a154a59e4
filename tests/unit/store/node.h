// SPDX-License-Identifier: Apache-2.0
// Node: a daemon without its network, for tests of the store: a registry, writers, decide and apply, a checkpointer;
// all on one thread. crash() drops everything that is in memory; start() recovers.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "journal/writer.h"
#include "sites/batch_claim.h"
#include "sites/decide.h"
#include "sites/registry.h"
#include "store/checkpoint.h"
#include "store/checkpointer.h"
#include "store/content_hash.h"
#include "store/data_directory.h"
#include "store/history.h"
#include "store/moment.h"
#include "store/nodes_stream.h"
#include "store/own_slot.h"
#include "store/recovery.h"
#include "store/set_aside.h"

namespace footfall::testing {

// Files of which nothing is synced.
base::FileSystem& unsynced_files();

struct Ping {
  std::string site;
  std::string path;
  std::uint64_t visitor = 1;
  std::int64_t at_s = 0;
  std::string browser;
  bool bot = false;
  std::uint64_t moved_from = 0;
  counting::Kind kind = counting::Kind::pageview;
};

class Node {
 public:
  Node(std::string path, base::ManualClock& clock) : path_(std::move(path)), clock_(clock) {
    limits.pages_max = 30;
    limits.labels_max = 5;
    limits.visitors_exact_max = 12;
  }

  // Opens, recovers and begins new segments. Errors of recovery are answered.
  base::Result<void> start(unsigned streams);
  void crash();
  // Of one of many nodes: leaves a ticket, which is answered, and is gone.
  base::Result<base::Incarnation> stop();
  bool running() const { return directory_ != nullptr; }

  // Decides, journals and applies; what was observed goes along. The claim's record is in the block of the hits.
  base::Result<void> hit(unsigned stream, const std::vector<Ping>& pings, sites::BatchClaim claim = {});
  // Claims the key NODE/name for a batch of which `body` stands for the digest; what came of it is its key().state.
  sites::BatchClaim claim(const std::string& name, std::uint8_t body = 0, std::string_view answer = "{}");
  // With `ack_after_sync`: syncs the stream, and applies what hit() left waiting.
  base::Result<void> commit(unsigned stream);
  // After a failure: what waited is given up, and the stream's writer goes on in a new segment. The claims of what was
  // written are given back when that one is synced.
  base::Result<void> reopen(unsigned stream);
  journal::Writer& writer(unsigned stream) { return *writers_[stream]; }
  journal::Writer& control_writer() { return *control_; }
  // Checks, writes and applies.
  base::Result<void> change(std::string id, sites::Action action);
  // As the control thread learns what other nodes counted.
  base::Result<std::vector<counting::Learnt>> learn(const std::vector<store::SlotOfSite>& slots) {
    return nodes_->learn(slots, control_sequence());
  }
  store::NodesStream& nodes() { return *nodes_; }
  // The clock of every site moves to now; what was observed is journaled.
  void tick();
  base::Result<void> checkpoint() { return checkpointer_->run_once(); }

  // As it would be without the journal: bytes are written to a stream as they are.
  base::Result<void> append_raw(unsigned stream, std::string_view payload, std::uint64_t control_sequence);

  // As GET /v1/admin/verify answers it: what was observed and is in no block goes to the control stream.
  store::Moment moment();
  std::string hash() const { return store::content_hash(*registry_, clock_.utc_s()); }
  counting::Summary summary(std::string_view site) const;

  sites::Registry& registry() { return *registry_; }
  store::Checkpointer& checkpointer() { return *checkpointer_; }
  store::History& history() { return *history_; }
  store::Reserve& reserve() { return *reserve_; }
  const store::DataDirectory& directory() const { return *directory_; }
  const store::RecoveredState& recovered() const { return recovered_; }  // but for its registry, which is the node's
  unsigned streams() const { return static_cast<unsigned>(writers_.size()); }
  std::uint64_t control_sequence() const { return control_->durable_through(); }
  std::string segment_path(unsigned stream, std::uint64_t number) const;
  std::int64_t now_s() const { return clock_.utc_s(); }

  counting::Limits limits;
  bool accept_loss = false;  // of start()
  // It is one of many nodes, and this says whether a start finds its ticket in Redis.
  std::function<bool()> takes_ticket;
  base::FileSystem* files = &unsynced_files();
  std::uint64_t segment_bytes = 32U << 10U;
  std::uint64_t reserve_bytes = 4U << 10U;
  store::CheckpointLimits triggers{1, 1U << 30U};
  bool ack_after_sync = false;              // `disk` durability: hits are applied by commit()
  std::optional<std::string> history_path;  // elsewhere than in the directory
  const char* history_vfs = nullptr;        // what SQLite reaches `files` through, where they are not the system's
  // What happens on other threads while a change is made: the clock goes on, hits come.
  std::function<void()> between_expect_and_write, between_write_and_apply;
  std::function<void()> after_roll;           // while a checkpoint is made, too
  std::vector<std::uint64_t> commits;         // by stream: those that succeeded
  std::uint64_t rolls = 0;                    // of all streams, for checkpoints
  std::vector<store::ClosedDay> closed_days;  // as the checkpointer told
  std::vector<std::uint64_t> applied_hits;    // by stream, since it began; what a checkpoint is compared with
  std::uint64_t closed_as_of = 0;             // the number of the checkpoint that told it last

 private:
  journal::WriterOptions writer_options(journal::StreamId stream) const;
  base::Result<std::unique_ptr<journal::Writer>> open_writer(journal::StreamId stream);
  store::LiveSide live_side();
  store::ClosedStream roll(unsigned stream);
  void add_observations(sites::Site& site, std::string& payload);
  struct Waiting {
    std::vector<sites::Group> groups;
    sites::BatchClaim claim;
  };
  base::Result<void> apply(unsigned stream, Waiting block);

  std::string path_;
  base::ManualClock& clock_;
  std::unique_ptr<store::DataDirectory> directory_;
  store::RecoveredState recovered_;
  std::unique_ptr<sites::Registry> registry_;
  std::unique_ptr<journal::Writer> control_;
  std::unique_ptr<store::NodesStream> nodes_;
  std::vector<std::unique_ptr<journal::Writer>> writers_;
  std::vector<std::vector<Waiting>> waiting_;             // per stream: appended, not applied
  std::vector<std::vector<sites::BatchClaim>> given_up_;  // per stream: of blocks that may still be replayed
  std::unique_ptr<store::History> history_;
  std::unique_ptr<store::Reserve> reserve_;
  std::unique_ptr<store::Checkpointer> checkpointer_;
};

// A FileSystem whose calls that change something fail once `left` of them have passed. Nothing is synced: a test ends
// no power supply, and has no time to wait for a disk.
class FailingFileSystem final : public base::FileSystem {
 public:
  explicit FailingFileSystem(base::FileSystem& under) : under_(under) {}
  std::optional<std::uint64_t> left;  // absent: nothing fails

  base::Result<std::unique_ptr<base::File>> open(const std::string& path, base::OpenMode mode) override;
  base::Result<void> rename(const std::string& from, const std::string& to) override;
  base::Result<void> remove(const std::string& path) override;
  base::Result<bool> exists(const std::string& path) override { return under_.exists(path); }
  base::Result<void> make_directory(const std::string& path) override { return under_.make_directory(path); }
  base::Result<std::vector<std::string>> list(const std::string& directory) override { return under_.list(directory); }
  base::Result<void> sync_directory(const std::string& path) override;
  base::Result<std::unique_ptr<base::File>> lock(const std::string& path) override { return under_.lock(path); }

  base::Result<void> spend();

 private:
  base::FileSystem& under_;
};

}  // namespace footfall::testing
