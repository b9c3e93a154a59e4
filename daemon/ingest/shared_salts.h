// SPDX-License-Identifier: Apache-2.0
// SharedSalts: how the nodes of a cluster come to one chain of salts, so that a visitor of two nodes has one id. The
// oldest key that is still needed lies in Redis, sealed under the cluster's key; each node derives tomorrow's by
// itself.
//
//     PREFIX:{meta}:salts
//         absent              -> this node's own is set, unless another is there by then
//         of this chain       -> nothing; or where it is of an earlier day, this node's, so that the earlier key is
//         gone of another chain    -> adopted it does not open    -> an error that says so; nothing is written over it
//
// Everything may be repeated: two nodes that do it at once have the same chain when both have looked again. To be
// looked at each few seconds, and when Redis has forgotten something.
//
// A node that adopts a chain keeps its former one for the longest window: until then its hits carry both ids, as after
// a midnight, so that who is online with it is not counted twice. Who was seen before and after the change is two
// visitors of that day. (And of a node that adopts within a window after midnight, who was not seen since midnight may
// count twice for what is left of the window.)
//
// Ownership  keeps a reference to the salts; owns a copy of the key. Threading: that of the salts.
// Errors     of found(): denied, malformed, newer_format, conflict. Then this node goes on with its own chain, and who
// is
//            online is not counted once across nodes.
// Tested by tests/unit/ingest/shared_salts_test.cc, also with nodes and a model of Redis.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ingest/cluster_key.h"
#include "ingest/salts.h"

namespace footfall::ingest {

class SharedSalts {
 public:
  // `prefix` is that of the cluster's keys: salts of one cluster are none in another.
  SharedSalts(Salts& salts, const ClusterKey& key, std::string prefix)
      : salts_(salts), key_(key), prefix_(std::move(prefix)) {}

  std::string name() const { return prefix_ + ":{meta}:salts"; }

  struct Step {
    std::optional<std::string> value;  // what Redis is to have; none: what it has
    bool adopted = false;              // the keys are others now: shards are to be given Salts::keys()
  };
  // `value` is what Redis has; none: nothing.
  base::Result<Step> found(std::optional<std::string_view> value, std::int64_t now_s);

 private:
  std::string sealed() const;
  base::Result<sites::SaltsState> opened(std::string_view value) const;

  Salts& salts_;
  const ClusterKey key_;
  const std::string prefix_;
};

}  // namespace footfall::ingest
