// SPDX-License-Identifier: Apache-2.0
// What the daemon is told about syslog. Tested by tests/unit/server/config_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "http/listen_address.h"
#include "logs/filter.h"
#include "logs/format.h"

namespace footfall {

struct SyslogOptions {
  std::vector<http::ListenAddress> listen;  // UDP, or a unix datagram socket; none by default
  bool insecure = false;                    // allows one that is not on loopback
  std::string site;                         // of lines that say nothing of their site; empty: they are refused
  logs::Format format;                      // of lines that do not begin with '{', which are JSON
  logs::Filter filter;                      // which of them are page hits
  std::uint32_t buffer_bytes = 8U << 20U;   // of each socket
};

}  // namespace footfall
