// SPDX-License-Identifier: Apache-2.0
// Problems: every error that a client may see, in one table: its status, its stable `type` (the last part of RFC 9457's
// URI reference) and its title. Clients act on the type; the detail is for people.
// Tested by tests/unit/api/problems_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/errors.h"
#include "http/request_parser.h"

namespace footfall::api {

enum class Problem : std::uint8_t {
  malformed,
  unauthorized,
  forbidden,
  not_found,
  unknown_site,
  method_not_allowed,
  request_timeout,
  conflict,
  in_progress,
  too_large,
  target_too_long,
  unsupported_media_type,
  expectation_failed,
  wrong_node,
  key_reused,
  rate_limited,
  too_many_attempts,
  keys_full,
  head_too_large,
  internal,
  unavailable,
  version_not_supported,
  count_
};

struct ProblemInfo {
  int status;
  std::string_view type;
  std::string_view title;
  int retry_after_s = 0;  // 0: not said
};
const ProblemInfo& info_of(Problem problem);
Problem problem_of(base::Errc code);
Problem problem_of(http::ParseError error);

// The field that goes with the problem, as a complete line: WWW-Authenticate with 401, Retry-After where waiting helps.
std::string status_fields(const ProblemInfo& info);

// Appends a complete answer, with its status_fields(); `extra_fields` are
// complete lines. `date` is an IMF-fixdate. `head_only`: the answer to HEAD, which has no body.
void write_problem(std::string& out, Problem problem, std::string_view detail, std::string_view date, bool keep_alive,
                   std::string_view extra_fields = {}, bool head_only = false);

// The answer to a request that the http module refused: its detail names the error, and the connection closes.
void write_refused(std::string& out, http::ParseError error, std::string_view date, std::string_view extra_fields = {},
                   bool head_only = false);

}  // namespace footfall::api
