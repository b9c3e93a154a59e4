// SPDX-License-Identifier: Apache-2.0
// SnapshotTurns: that of several nodes one takes a site's snapshot, once in each interval.
//
//     PREFIX:{SITE}:snapshots:turn    NODE          whoever takes it now; goes by itself after kTaking_ms
//                                     NODE TOTAL    it was kept, with that total; goes by itself when the next may be
//                                     taken
//
//     begin:  GET -> NODE, another's             not ours
//                 -> NODE TOTAL                  not ours; what the latest has
//                 -> ours, without a total       ours: the answer to SET was lost, or the last try failed
//                 -> none: SET NX PX             ours, if nobody was first
//     end:    SET PX
//
// Redis ends a turn, by its own clock: no node's takes part. A node that dies in its turn holds up others for
// kTaking_ms; one that takes longer than that finds that another has begun too, and there is a snapshot more.
//
// Ownership  keeps a reference to the calls. Threading: theirs. Errors: unavailable.
// Tested by tests/unit/redis/snapshot_turns_test.cc; tests/unit/server/snapshot_keeper_test.cc has many nodes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "redis/calls.h"

namespace footfall::redis {

class SnapshotTurns {
 public:
  static constexpr std::int64_t kTaking_ms = 30'000;

  struct Turn {
    bool ours = false;
    std::optional<std::uint64_t> total;  // of the snapshot that was kept in this interval
  };
  template <class T>
  using Then = std::function<void(base::Result<T>)>;

  // `node`: the incarnation's text.
  SnapshotTurns(Calls& calls, std::string prefix, std::string node)
      : calls_(calls), prefix_(std::move(prefix)), node_(std::move(node)) {}

  void begin(const std::string& site, Then<Turn> then);
  // The snapshot was kept: nobody takes another one for that long.
  void end(const std::string& site, std::uint64_t total, std::int64_t for_ms, Then<void> then);

 private:
  std::string key(const std::string& site) const { return prefix_ + ":{" + site + "}:snapshots:turn"; }

  Calls& calls_;
  const std::string prefix_;
  const std::string node_;
};

}  // namespace footfall::redis
