// SPDX-License-Identifier: Apache-2.0
// Syslog datagrams: any bytes are read or refused, as a plain program reads or refuses them; what is read points into
// the datagram, and the line in it is read or refused in both formats that syslog takes by itself.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "logs/format.h"
#include "logs/syslog_message.h"
#include "support/plain_syslog.h"

namespace {

using namespace footfall;

void check(bool holds) {
  if (!holds) std::abort();
}

bool inside(std::string_view part, std::string_view whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string datagram(reinterpret_cast<const char*>(data), size);
  logs::SyslogMessage message;
  const logs::SyslogFault fault = logs::read_syslog(datagram, message);
  const testing::PlainSyslog plain = testing::read_plain_syslog(datagram);
  check(logs::name_of(fault) == plain.fault);
  if (fault != logs::SyslogFault::none) return 0;
  check(inside(message.tag, datagram) && inside(message.line, datagram));
  check(message.tag == plain.tag && message.line == plain.line);
  static logs::Format combined;
  static logs::Format json = *logs::Format::find("json");
  logs::Line line;
  const std::string copy(message.line);  // of its own, so that a read past its end is seen
  (void)combined.read(copy, line);
  (void)json.read(copy, line);
  return 0;
}
