// SPDX-License-Identifier: Apache-2.0
// JsonFormat: an access log of one JSON object a line, as nginx writes it with log_format ... escape=json.
//
//     {"time":"1448323200.123","client":"192.0.2.1","host":"example.vn","method":"GET","uri":"/p?a=1","status":"200",
//      "referrer":"https://...","agent":"Mozilla/5.0 ..."}
//
// Needed are time (UTC seconds, a fraction is cut off; or ISO 8601), client and uri. Without a method or a status it
// is GET and 200. A value is a string, a number, true, false or null, which is as good as absent; objects and lists
// are not read. Keys that are not named here are passed over; of a key that comes twice the last value counts.
//
// Written by hand, because servers put bytes that are no UTF-8 into their logs as they come, which a JSON library
// refuses: here they are read as they stand. What JSON escapes is unescaped, into a buffer of the format's own.
// Tested by tests/unit/logs/json_format_test.cc, against simdjson where the line is JSON in the strict sense; fuzzed
// by tests/fuzz/logs_fuzz.cc and syslog_fuzz.cc.
#pragma once

#include <string>
#include <string_view>

#include "logs/line.h"

namespace footfall::logs {

class JsonFormat {
 public:
  // Views of `out` point into the line, or into a buffer that the next read() uses again.
  bool read(std::string_view line, Line& out);

 private:
  std::string unescaped_;
};

}  // namespace footfall::logs
