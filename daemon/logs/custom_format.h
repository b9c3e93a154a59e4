// SPDX-License-Identifier: Apache-2.0
// CustomFormat: a log format written in nginx's or in Apache's own syntax; '$' or '%' tells which.
//
//     $remote_addr [$time_local] "$request" $status "$http_referer" "$http_user_agent"      nginx: log_format
//     %h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-agent}i\"                          Apache: LogFormat
//
// It is compiled to steps, each a field and the literal text behind it. A field ends where that text begins; in quotes
// it ends at the first quote that no backslash escapes; times are taken by their own grammar. White space may trail.
// Other variables are skipped. A format without method or status reads as "GET" and 200: each of its lines is a hit.
// Tested by tests/unit/logs/custom_format_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/errors.h"
#include "logs/line.h"
#include "logs/timestamp.h"

namespace footfall::logs {

class CustomFormat {
 public:
  // invalid_config: what is wrong in `text`, and what would be right.
  static base::Result<CustomFormat> compile(std::string_view text);

  bool read(std::string_view line, Line& out);

 private:
  enum class Field : std::uint8_t {
    skip,
    client,
    time_local,
    time_bracketed,
    time_iso8601,
    time_s,
    time_ms,
    request,
    method,
    target,
    query,
    status,
    referrer,
    agent,
    host
  };
  struct Step {
    Field field;
    std::string behind;  // the literal up to the next field, or to the end
  };
  bool read_field(const Step& step, std::string_view value, Line& out);
  base::Result<void> add_nginx(std::string_view text);
  base::Result<void> add_apache(std::string_view text);
  void add(Field field);
  void add_literal(char c);
  bool has(Field field) const;

  std::string front_;  // the literal before the first field
  std::vector<Step> steps_;
  LocalTimeReader time_;
};

}  // namespace footfall::logs
