// SPDX-License-Identifier: Apache-2.0
// DaemonClock: how far the daemon's clock is from this machine's, told by the Date of its answers. Without I/O.
//
// The daemon refuses hits that are ahead of its clock, so they are sent as seconds of that one. A Date is a whole
// second d, and was written between the moment of sending and that of receiving; so the difference of the clocks lies
// in
//
//     sent                      d .. d + 1                   received
//      |------------- (d - received, d + 1 - sent) -------------|
//
// What is known already stands while it lies there; else it moves to the nearer end and no further. So clocks that
// agree are left alone, however slow an answer is, and one that is an hour off is known with the first quick answer.
//
// Units      milliseconds of UTC, but for the Date.
// Threading  one thread; LocalClock by any.
// Errors     what is no Date changes nothing.
// Tested by tests/unit/client_cpp/daemon_clock_test.cc.
#pragma once

#include <cstdint>
#include <string_view>

namespace footfall::client {

// This machine's, as it was set when this was made; it runs on when somebody sets that one.
class LocalClock {
 public:
  LocalClock();
  std::int64_t now_ms() const;

 private:
  std::int64_t begin_ms_;
};

class DaemonClock {
 public:
  // `date`: an IMF-fixdate, as "Sun, 06 Nov 1994 08:49:37 GMT". REQUIRES: sent_ms <= received_ms.
  void learn(std::int64_t sent_ms, std::int64_t received_ms, std::string_view date);

  // To be added to a second of this machine's.
  std::int64_t difference_s() const;

 private:
  std::int64_t difference_ms_ = 0;
};

}  // namespace footfall::client
