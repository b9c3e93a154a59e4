// SPDX-License-Identifier: Apache-2.0
// VhostFormat: the Combined Log Format behind the name of the virtual host, as Apache's "vhost_combined" writes it.
//
//     example.vn:443 client ident user [17/May/2015:08:05:32 +0000] "GET / HTTP/1.1" 200 1234 "referrer" "agent"
//
// Tested by tests/unit/logs/format_test.cc.
#pragma once

#include <string_view>

#include "logs/common_format.h"
#include "logs/line.h"

namespace footfall::logs {

class VhostFormat {
 public:
  bool read(std::string_view line, Line& out) {
    const std::size_t space = line.find(' ');
    if (space == 0 || space == std::string_view::npos || !rest_.read(line.substr(space + 1), out)) return false;
    out.host = line.substr(0, space);
    return true;
  }

 private:
  CommonFormat rest_;
};

}  // namespace footfall::logs
