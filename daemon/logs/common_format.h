// SPDX-License-Identifier: Apache-2.0
// CommonFormat: the Common and the Combined Log Format, and anything appended to them.
//
//     client ident user [17/May/2015:08:05:32 +0000] "GET / HTTP/1.1" 200 1234 "referrer" "agent" ...
//
// Two grammars, tried in this order. Strict: a quoted text ends at the first quote that no backslash escapes. Loose:
// the request holds bare quotes, as servers of the nineties wrote them; it ends at the last quote that status and size
// follow. In both the user may hold anything, so the time is the first "[...] \"" from which the rest of the line fits.
//
// Written by hand: memchr() and no regular expression, linear in the line's length whatever it holds. Under 0.1 us a
// line. Tested by tests/unit/logs/common_format_test.cc, there also against a slow oracle; fuzzed against an
// independent program by tests/integration/analyze_fuzz_test.py.
#pragma once

#include <string_view>

#include "logs/line.h"
#include "logs/timestamp.h"

namespace footfall::logs {

class CommonFormat {
 public:
  // `line` without its line ending. False if it is not readable; `out` is then undefined.
  bool read(std::string_view line, Line& out);

 private:
  LocalTimeReader time_;
};

}  // namespace footfall::logs
