// SPDX-License-Identifier: Apache-2.0
// TsvFormat: tab-separated columns that the first line names, as the Internet Traffic Archive's logs are passed on.
//
//     host  logname  time  method  url  response  bytes
//
// Needed are host, time (UTC seconds), method, url and response, in any order; others are skipped. There is no agent.
// Times are of the years 1 to 9999. Numbers are read leniently: white space around them, a sign, underscores between
// digits. Tested by tests/unit/logs/tsv_format_test.cc.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "base/errors.h"
#include "logs/line.h"

namespace footfall::logs {

class TsvFormat {
 public:
  // malformed names the columns that are missing.
  base::Result<void> read_header(std::string_view line);
  // REQUIRES: read_header() succeeded.
  bool read(std::string_view line, Line& out) const;

 private:
  enum Column : std::size_t { host, time, method, url, response, kColumns };
  std::array<std::size_t, kColumns> index_{};  // Column -> place in the line
  std::size_t last_ = 0;                       // the greatest of them
};

// "+1_431_849_932 " -> 1431849932. False if it is no integer, or beyond 18 digits.
bool read_integer(std::string_view text, std::int64_t& out);

}  // namespace footfall::logs
