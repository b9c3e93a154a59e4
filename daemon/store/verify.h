// SPDX-License-Identifier: Apache-2.0
// Verify: reads a whole data directory, changes nothing, and says what is in it and what is wrong with it.
//
//   each checkpoint      read to its end; the older one, replayed to the newer one's positions, is the newer one
//   each stream          every segment from the oldest checkpoint on, every block, every record
//   history.sqlite       SQLite's own check; it is not behind the newest checkpoint
//
// Units      UTC seconds; counts are as of newest_s, the latest second in any record.
// Threading  one thread; nobody else uses the directory (DataDirectory::open_existing holds its lock).
// Errors     what is damaged is a line of `problems`, and the reading goes on where it can.
// Cost       reads each file about twice; the state twice in memory.
// Tested by tests/unit/store/verify_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "store/recovery.h"

namespace footfall::store {

struct VerifiedStream {
  std::string name;                                    // "control", "hits-000"
  std::uint64_t segments = 0;                          // files, those included that the checkpoints cover
  std::uint64_t blocks = 0, hits = 0, torn_bytes = 0;  // behind the oldest readable checkpoint
  std::uint64_t sequence = 0;                          // of the last block
};

struct VerifiedSite {
  std::string name;
  std::uint64_t total = 0, counted = 0;
  std::uint32_t online = 0;
};

struct VerifyReport {
  std::string incarnation;
  std::vector<std::uint64_t> checkpoints;  // that could be read, ascending
  std::vector<VerifiedStream> streams;
  std::vector<VerifiedSite> sites;  // by name
  std::string hash;                 // of the recovered state, as of as_of_s; empty: it could not be recovered
  std::int64_t newest_s = 0, as_of_s = 0;
  std::vector<std::string> problems;  // sentences: what, where, what to do. Empty: the directory is whole
  std::vector<std::string> warnings;  // what a start would cut or pass over without losing what was acknowledged
};

struct VerifyOptions {
  // The state is replayed to this vector of positions, that of a live daemon, instead of to the end.
  std::optional<std::map<journal::StreamId, std::uint64_t>> positions;  // stream -> sequence
  std::optional<std::int64_t> as_of_s;                                  // of the hash and online; absent: newest_s
};

VerifyReport verify(const DataDirectory& directory, const counting::Limits& limits, const VerifyOptions& options = {});

}  // namespace footfall::store
