// SPDX-License-Identifier: Apache-2.0
// A request line, "GET /path HTTP/1.1", to method and target.
//
// The method ends at the first space, the target at the last, if "HTTP/" follows it: a target may hold spaces. Two
// words are a request of HTTP/0.9. Anything else has no method. Tested by tests/unit/logs/request_line_test.cc.
#pragma once

#include <string_view>

#include "logs/line.h"

namespace footfall::logs {

inline void split_request(std::string_view request, Line& out) {
  out.method.reset();
  out.target = request;
  const std::size_t first = request.find(' ');
  if (first == std::string_view::npos) return;
  const std::size_t last = request.rfind(' ');
  if (last == first) {
    out.target = request.substr(first + 1);
  } else if (request.substr(last + 1, 5) == "HTTP/") {
    out.target = request.substr(first + 1, last - first - 1);
  } else {
    return;
  }
  out.method = request.substr(0, first);
}

}  // namespace footfall::logs
