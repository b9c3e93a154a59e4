// SPDX-License-Identifier: Apache-2.0
#include "api/problems.h"

#include <array>

#include "api/text.h"
#include "http/response.h"

namespace footfall::api {

namespace {

// In the order of Problem.
constexpr std::array<ProblemInfo, static_cast<std::size_t>(Problem::count_)> kProblems{{
    {400, "malformed", "The request is malformed"},
    {401, "unauthorized", "A token is needed"},
    {403, "forbidden", "The token does not allow this"},
    {404, "not-found", "There is nothing here"},
    {404, "unknown-site", "No site has this name"},
    {405, "method-not-allowed", "The method does not fit here"},
    {408, "request-timeout", "The request did not arrive in time"},
    {409, "conflict", "The request contradicts the state"},
    {409, "in-progress", "The same request is not done yet", 1},
    {413, "too-large", "The body is too large"},
    {414, "target-too-long", "The address is too long"},
    {415, "unsupported-media-type", "The content type is not understood"},
    {417, "expectation-failed", "The expectation cannot be met"},
    {421, "wrong-node", "Another node answers for this key"},
    {422, "key-reused", "The key belongs to another request"},
    {429, "rate-limited", "Too many requests", 1},
    {429, "too-many-attempts", "Too many wrong tokens", 60},
    {429, "keys-full", "No more idempotency keys can be kept", 60},
    {431, "head-too-large", "The header fields are too large"},
    {500, "internal", "The server made a mistake"},
    {503, "unavailable", "Not now", 1},
    {505, "version-not-supported", "This version of HTTP is not spoken here"},
}};

}  // namespace

const ProblemInfo& info_of(Problem problem) {
  return kProblems.at(static_cast<std::size_t>(problem));
}

Problem problem_of(base::Errc code) {
  switch (code) {
    case base::Errc::malformed:
    case base::Errc::invalid_config:
      return Problem::malformed;
    case base::Errc::too_large:
      return Problem::too_large;
    case base::Errc::not_found:
      return Problem::not_found;
    case base::Errc::exists:
    case base::Errc::conflict:
    case base::Errc::in_use:
      return Problem::conflict;
    case base::Errc::denied:
      return Problem::unauthorized;
    case base::Errc::io:
    case base::Errc::no_room:
    case base::Errc::unavailable:
      return Problem::unavailable;
    case base::Errc::corrupt:
    case base::Errc::newer_format:
      return Problem::internal;
  }
  return Problem::internal;
}

Problem problem_of(http::ParseError error) {
  const int status = http::status_of(error);
  switch (status) {
    case 408:
      return Problem::request_timeout;
    case 413:
      return Problem::too_large;
    case 414:
      return Problem::target_too_long;
    case 417:
      return Problem::expectation_failed;
    case 431:
      return Problem::head_too_large;
    case 503:
      return Problem::unavailable;
    case 505:
      return Problem::version_not_supported;
    default:
      return Problem::malformed;
  }
}

std::string status_fields(const ProblemInfo& info) {
  if (info.status == 401) return "WWW-Authenticate: Bearer\r\n";
  if (info.retry_after_s > 0) return "Retry-After: " + std::to_string(info.retry_after_s) + "\r\n";
  return {};
}

void write_problem(std::string& out, Problem problem, std::string_view detail, std::string_view date, bool keep_alive,
                   std::string_view extra_fields, bool head_only) {
  const ProblemInfo& info = info_of(problem);
  std::string fields = status_fields(info);
  fields += extra_fields;
  const std::size_t begin = out.size();
  http::write_problem(out, info.status, info.type, info.title, one_line(detail), date, keep_alive, fields);
  if (head_only) out.resize(out.find("\r\n\r\n", begin) + 4);
}

void write_refused(std::string& out, http::ParseError error, std::string_view date, std::string_view extra_fields,
                   bool head_only) {
  const std::string detail = std::string(http::name_of(error)).append(": ").append(http::describe(error));
  write_problem(out, problem_of(error), detail, date, false, extra_fields, head_only);
}

}  // namespace footfall::api
