// SPDX-License-Identifier: Apache-2.0
// FaultFs: files in memory that fail when told to, and that write down what was done to them, so that a test can take
// the power away at any moment of a run.
//
//   calls --> cache (what the process reads)        Disk: nodes, files share their bytes until one changes
//        `--> log: write, size, sync, names ...     in order, since the begin; crash_states.h makes disks of it
//
// A position is a number of log entries. A test that notes position() when it acknowledges something knows at each
// crash what must be there. A sync that failed is in the log: what it should have written stays in the cache, but no
// later sync writes it (as Linux does).
//
// Threads: any; one lock. Locks exclude within this object. Tested by tests/unit/store/crash_states_test.cc.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file_system.h"

namespace footfall::testing {

using NodeId = std::uint32_t;  // index into Disk's nodes

// What a disk holds, or the cache over it. A value: a copy is cheap, and shares the bytes that neither has changed.
class Disk {
 public:
  using Names = std::map<std::string, NodeId>;  // name in a directory -> node
  static constexpr NodeId kRoot = 0;

  Disk() { add(true); }
  NodeId add(bool directory);
  std::size_t size() const { return nodes_.size(); }
  bool is_directory(NodeId node) const { return nodes_[node].names != nullptr; }
  const std::string& bytes(NodeId node) const { return nodes_[node].bytes->bytes; }
  std::string& change_bytes(NodeId node);
  const Names& names(NodeId node) const { return *nodes_[node].names; }
  Names& change_names(NodeId node);
  std::optional<NodeId> find(std::string_view path) const;
  // Of names and bytes, of all that has a name.
  std::uint64_t hash() const { return hash(kRoot); }

 private:
  struct Bytes {
    std::string bytes;
    mutable std::uint64_t hash = 0;  // 0: not known
  };
  struct Node {
    std::shared_ptr<Bytes> bytes;  // of a file
    std::shared_ptr<Names> names;  // of a directory
  };
  std::uint64_t hash(NodeId node) const;

  std::vector<Node> nodes_;
};

// One entry of the log.
struct DiskOp {
  enum class Kind {
    write,       // bytes at `offset`
    grow,        // to at least `offset` bytes
    resize,      // to `offset` bytes
    sync,        // of a file
    sync_fails,  // of a file
    names,       // of the directory `node`, at once: a file made, removed or renamed
    sync_names   // of a directory
  };
  Kind kind;
  NodeId node = 0;
  std::uint64_t offset = 0;
  std::shared_ptr<const std::string> bytes;
  std::vector<std::pair<std::string, std::optional<NodeId>>> names;  // name -> what has it from then on
  bool directory = false;                                            // names: what is made is one
};

class FaultFs final : public base::FileSystem {
 public:
  FaultFs() = default;
  explicit FaultFs(Disk disk) : begin_(disk), cache_(std::move(disk)) {}

  // ---- Faults ----

  // The next `count` writes succeed; those after them fail, having written half of their bytes.
  void fail_writes_after(std::uint64_t count) { writes_left_ = count; }
  // The next `count` syncs succeed, of files and directories; those after them fail.
  void fail_syncs_after(std::uint64_t count) { syncs_left_ = count; }
  void fail_syncs() { fail_syncs_after(0); }
  void fail_renames() { renames_fail_ = true; }
  // Files may grow by this much, all together; what is removed or cut off makes room again.
  void set_room(std::uint64_t bytes) { room_ = bytes; }
  void heal() {
    writes_left_ = syncs_left_ = room_ = UINT64_MAX;
    renames_fail_ = false;
  }
  // Some call may fail.
  bool faulty() const {
    return writes_left_ != UINT64_MAX || syncs_left_ != UINT64_MAX || room_ != UINT64_MAX || renames_fail_;
  }
  std::uint64_t writes() const { return writes_; }
  std::uint64_t syncs() const { return syncs_; }

  // ---- The log ----

  std::size_t position() const { return log_.size(); }
  const std::deque<DiskOp>& log() const { return log_; }
  const Disk& begin() const { return begin_; }  // what the log began with; all of it is on the device
  const Disk& cache() const { return cache_; }  // what the process reads
  // Begins anew with this disk. Open files must not be used afterwards.
  void load(Disk disk);
  // Goes on with a disk as a power cut may have left it. Open files must not be used afterwards.
  void cut_power(std::mt19937_64& random);
  void remove_all() { load(Disk()); }

  // For tests that look at or change the bytes: what is changed so is not in the log.
  std::string& content(const std::string& path) { return cache_.change_bytes(*cache_.find(path)); }

  // ---- FileSystem ----

  base::Result<std::unique_ptr<base::File>> open(const std::string& path, base::OpenMode mode) override;
  base::Result<void> rename(const std::string& from, const std::string& to) override;  // within one directory
  base::Result<void> remove(const std::string& path) override;
  base::Result<bool> exists(const std::string& path) override;
  base::Result<void> make_directory(const std::string& path) override;
  base::Result<std::vector<std::string>> list(const std::string& directory) override;
  base::Result<void> sync_directory(const std::string& path) override;
  base::Result<std::unique_ptr<base::File>> lock(const std::string& path) override;

 private:
  class OpenFile;
  class Lock;

  std::optional<NodeId> parent_of(const std::string& path) const;
  NodeId make(NodeId parent, const std::string& name, bool directory);
  void note(DiskOp op) { log_.push_back(std::move(op)); }
  bool take_room(NodeId node, std::uint64_t size);
  void give_room(std::uint64_t bytes);

  std::mutex mutex_;
  Disk begin_;
  Disk cache_;
  std::deque<DiskOp> log_;
  std::set<NodeId> locked_;
  bool take_sync();  // false: it fails
  std::uint64_t writes_left_ = UINT64_MAX;
  std::uint64_t syncs_left_ = UINT64_MAX;
  std::uint64_t room_ = UINT64_MAX;
  std::uint64_t writes_ = 0;
  std::uint64_t syncs_ = 0;
  bool renames_fail_ = false;
};

}  // namespace footfall::testing
