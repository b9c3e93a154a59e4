// SPDX-License-Identifier: Apache-2.0
// Health: what /livez, /startupz and /readyz say. Live: the process answers, and no thread of it is stuck.
// Started: the data directory was read. Ready: it may be given traffic; with ?verbose each fact on a line of its own.
//
//   [+] recovery done
//   [+] journal open, durability kernel
//   [-] draining
//   not ready
//
// Tested by tests/unit/api/health_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/recovery_progress.h"

namespace footfall::api {

// Facts that the server gives.
struct Readiness {
  bool recovered = false;         // the data directory was read
  bool journal_open = false;      // every stream takes writes
  bool draining = false;          // SIGTERM was received
  std::string stuck;              // a thread that does not come to its tasks (watchdog.h); empty: none
  bool checkpoints_fail = false;  // degraded: start-ups get slower, nothing is lost
  std::string_view durability = "disk";
  std::vector<std::string> ledger;  // what does not balance, a sentence each; degraded: a number may be wrong
  std::string journal_detail;       // why the journal is not open, for people
  std::string control_detail;       // why changes or slots are refused: degraded, hits are taken
  std::uint64_t sites = 0;
  std::int64_t last_checkpoint_s = 0;  // 0: none yet
  bool redis = false;
  std::string redis_problem;  // why it cannot be used: degraded, nothing is lost
};

struct HealthAnswer {
  int status = 200;
  std::string body;  // text/plain
};
// `stuck`: as in Readiness.
HealthAnswer livez(std::string_view stuck = {});
// nullptr: it is done. "recovering: stream 2 of 5, 41 % of 120 MB, 1,234,567 hits"
HealthAnswer startupz(const store::RecoveryProgress* recovering);
// `query` as sent: verbose or not.
HealthAnswer readyz(const Readiness& facts, std::string_view query, std::int64_t now_s);

}  // namespace footfall::api
