// SPDX-License-Identifier: Apache-2.0
// Trouble with Redis, and what the log says of it: a line when it begins, one when it has ended, and one when what is
// to be done becomes something else; none for each try.
//
//     well --- for kGraceMs ---> told: "... refused, is it running?" --- another kind, not told yet ---> told too
//                                  |
//                                  +--- nothing for kSettledMs ---> "... again, after 12 s"
//
// What comes and goes within kSettledMs is one trouble. A connection that is lost and made again at once is none.
//
// Units: milliseconds of a clock that never steps, given by the caller. Threading: none. Errors: none.
// Tested by tests/unit/redis/trouble_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

namespace footfall::redis {

struct Trouble {
  std::string kind;  // one word for all that asks for the same to be done: "oom"
  std::string what;  // what, where, and what to do: a sentence
};

class TroubleLog {
 public:
  static constexpr std::int64_t kGraceMs = 1000;
  static constexpr std::int64_t kSettledMs = 3000;

  struct Line {
    bool ended;
    std::string text;
  };

  // To be called each second or more often, with what keeps Redis from being used now.
  std::optional<Line> look(const std::optional<Trouble>& trouble, std::int64_t now_ms);

 private:
  std::optional<std::int64_t> since_ms_;  // of the trouble that is there, told or not
  std::int64_t last_ms_ = 0;              // when it was last seen
  std::set<std::string> told_;            // its kinds
};

}  // namespace footfall::redis
