// SPDX-License-Identifier: Apache-2.0
// Line: what a line of an access log says. Views point into the line that was read; nothing is unescaped or decoded,
// but for what JSON escapes (json_format.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace footfall::logs {

struct Line {
  std::int64_t time_s = 0;    // UTC seconds
  std::int32_t offset_s = 0;  // local time of the writer = time_s + offset_s; 0 where the log does not say
  std::string_view client;    // address or host name, as written
  // Absent where the request line is no request ("-", TLS bytes): `target` then holds all of it.
  std::optional<std::string_view> method;
  std::string_view target;  // with its query
  unsigned status = 0;
  // Absent where the format has none; "-" is kept as it stands.
  std::optional<std::string_view> referrer;
  std::optional<std::string_view> agent;
  std::optional<std::string_view> host;  // that the request was for, with its port if the log has it

  std::string_view path() const { return target.substr(0, target.find('?')); }
};

}  // namespace footfall::logs
