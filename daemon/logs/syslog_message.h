// SPDX-License-Identifier: Apache-2.0
// A syslog datagram, to who sent it and the line that it carries.
//
//     RFC 5424   <190>1 2026-11-29T06:52:00.123Z web-1 nginx 812 access [id a="b"] LINE
//     RFC 3164   <190>Nov 29 06:52:00 web-1 nginx[812]: LINE        with or without host, with or without tag
//     short      <190>LINE                                          HAProxy's "short" and "iso", too
//     raw        LINE
//
// What stands before the line is read by its shape alone: the time of a hit is the line's own. The tag, or the app-name
// of RFC 5424, is what ends the header in all of them but the last two. Line endings, NULs and RFC 5424's byte order
// mark go. Linear, allocates nothing.
// Tested by tests/unit/logs/syslog_message_test.cc; fuzzed by tests/fuzz/syslog_fuzz.cc against
// tests/support/plain_syslog.h, which is written another way.
#pragma once

#include <cstdint>
#include <string_view>

namespace footfall::logs {

// What is wrong with a datagram.
enum class SyslogFault : std::uint8_t {
  none,
  priority,   // "<" that no number from 0 to 191 and ">" follow
  header,     // RFC 5424's, with a field missing or structured data that does not end
  empty,      // nothing behind the header
  truncated,  // longer than what is read of one
  line,       // no line of the format
  count_
};
std::string_view name_of(SyslogFault fault);

struct SyslogMessage {
  std::string_view tag;   // without the process id; empty: none
  std::string_view line;  // not empty
};

// Views into `datagram`. none, priority, header or empty.
SyslogFault read_syslog(std::string_view datagram, SyslogMessage& out);

}  // namespace footfall::logs
