// SPDX-License-Identifier: Apache-2.0
// Departed: takes out of Redis what runs of nodes left there that are gone: their rows of PREFIX:{meta}:nodes, and
// those of each PREFIX:{SITE}:adopted, which would grow with each crash for ever. Their slots stay: these are counts.
//
//   each hour, who takes PREFIX:{meta}:sweep (SET NX EX) for all:
//     TIME, scan nodes         -> who said within a day of Redis's clock that it is there
//     scan adopted, each site  -> runs that are none of these;  HMGET nodes: still none?  HDEL adopted
//                                 the old rows;                 HMGET nodes: still old?   HDEL nodes
//
// A run that was cut off for a day and is back says within five seconds that it is there, and with its next resync,
// which a new connection begins, what it has adopted. Who has adopted a reset is asked of runs that were there within a
// minute (Replicator::adopters()), so a row that is taken out was none of the answer; one that is taken out in the very
// moment in which its run is back makes that run, for a minute at most, one that has not adopted: who waits waits
// longer.
//
// Units      milliseconds of a clock that never steps; seconds of Redis's.
// Ownership  keeps a reference to the calls; after its end nothing is called back. Threading: that of the calls.
// Errors     what is not done is done an hour later.
// Tested by tests/unit/redis/departed_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "redis/calls.h"
#include "redis/pieces.h"

namespace footfall::redis {

class Departed {
 public:
  struct Options {
    std::string prefix = "footfall";
    std::int64_t each_s = 3600;
    std::int64_t gone_s = 86'400;
    std::size_t pairs_at_once = 1000;
  };

  // `sites`: names of all there are, removed ones too.
  Departed(Calls& calls, Options options, std::function<std::vector<std::string>()> sites)
      : calls_(calls), options_(std::move(options)), sites_(std::move(sites)) {}
  Departed(const Departed&) = delete;
  Departed& operator=(const Departed&) = delete;

  // To be called often.
  void tick(std::int64_t now_ms, bool up);

 private:
  struct Sweep;
  using SweepPtr = std::shared_ptr<Sweep>;

  std::string key(const std::string& tag, const char* what) const { return options_.prefix + ":{" + tag + "}:" + what; }
  Call calls() const;
  void begin();
  void look_at_nodes(const SweepPtr& sweep);
  void next_site(const SweepPtr& sweep);
  // Of these runs takes the rows out of this hash that are still gone; then goes on.
  void take_out(const SweepPtr& sweep, const std::string& hash, std::vector<std::string> runs,
                const std::function<void()>& then);

  Calls& calls_;
  const Options options_;
  const std::function<std::vector<std::string>()> sites_;
  std::int64_t due_ms_ = INT64_MIN;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace footfall::redis
