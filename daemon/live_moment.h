// SPDX-License-Identifier: Apache-2.0
// Live moment: stops all shards at once, and notes where their streams stand and what the state then is.
//
//   control        post ------------- as_of, registry, sites... --------- journals what was observed -> answer
//   shard 0        ...pass | stopped: where it stands, sites... | pass...
//   shard 1         ...pass | stopped: where it stands, sites...| pass...
//                         all have arrived                every site is hashed
//
// A site's state changes under its lock alone, but the whole of it belongs to no single position unless nobody applies
// a block meanwhile. So the shards stop between two passes, each says through which block it has applied, and they hash
// the sites along with the control thread, each site by whoever is free. While they do, what clients send waits in the
// sockets; nothing is refused. Hashing after the stop would need a second copy of the state made during it, and most of
// the cost of a hash is that copy (save()); what remains is shared by all the threads there are.
//
// What was observed (peaks) and is in no block that was applied goes to the control stream, behind the stop: to the hit
// streams it could only be added behind blocks that are not applied yet.
//
// Threading  the control thread, while the shards run; one at a time. Shards wait for each other here, and nowhere
// else:
//            each comes between two passes, which wait for nobody.
// Cost       shards stop until the slowest pass under way has ended, and while the state is saved and hashed: about 0.3
// s
//            for a site with a million visitors online (2 cores, one of them busy); several sites use all cores.
// Tested by tests/integration/verify_test.py.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/errors.h"
#include "shard.h"
#include "store/moment.h"

namespace footfall {

struct LiveMoment {
  store::Moment moment;  // without the position of the control stream, incarnation and checkpoint
  // In the state, but in no block up to the positions.
  std::vector<std::pair<sites::SiteId, counting::Observation>> observations;
  std::int64_t gathered_us = 0;  // from the first shard that stopped to the last
  std::int64_t stopped_us = 0;   // from the first shard that stopped until all went on
};

// `positions` of streams that no shard writes stay as they are; the shards' are added. unavailable: a shard cannot
// write what it has counted (`memory` durability).
base::Result<LiveMoment> take_live_moment(const std::vector<std::unique_ptr<Shard>>& shards,
                                          const sites::Registry& registry, const base::Clock& clock);

}  // namespace footfall
