// SPDX-License-Identifier: Apache-2.0
// Recovery: the last good checkpoint, then the control stream, then each hit stream, in any order. The checkpointer runs
// the same code each minute, over closed segments only.
// Deterministic: the same files give the same canonical bytes.
// Tested by tests/unit/store/recovery_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/errors.h"
#include "journal/reader.h"
#include "sites/registry.h"
#include "store/data_directory.h"

namespace footfall::store {

// stream -> how far; what a state includes.
using Positions = std::map<journal::StreamId, journal::Position>;

struct RecoveredState {
  std::unique_ptr<sites::Registry> registry;
  Positions positions;
  std::uint64_t checkpoint = 0;       // number of the checkpoint it began with; 0: none
  std::uint64_t replayed_blocks = 0;
  std::uint64_t replayed_hits = 0;
  std::uint64_t torn_bytes = 0;
  std::int64_t newest_s = 0;          // the latest second in any record: the clock starts no earlier
};

// Replays up to the given segments (of streams in `through`; all of them where absent).
base::Result<RecoveredState> recover(const DataDirectory& directory, const counting::Limits& limits,
                                     const std::map<journal::StreamId, std::uint64_t>* through_segment = nullptr);

// SHA-free fingerprint of all canonical content: CRC32C pairs over save() of the registry and each site, in hex.
std::string content_hash(const sites::Registry& registry, std::int64_t now_s);

}  // namespace footfall::store
