// SPDX-License-Identifier: Apache-2.0
// Request: one complete HTTP/1.1 request as views into the bytes it was parsed from.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace footfall::http {

class BodySink;

enum class Method : std::uint8_t { get, head, post, put, delete_, options, other };
std::string_view to_string(Method method);

// The fields that somebody reads; all others are checked and dropped. Of repeated ones the values are joined with ", "
// where the field is a list or proxies repeat it (kJoined in request_parser.cc); any other repeated one is malformed.
enum class Field : std::uint8_t {
  host,
  user_agent,
  referer,
  origin,
  content_type,
  content_encoding,
  content_length,
  transfer_encoding,
  connection,
  authorization,
  x_forwarded_for,
  x_forwarded_proto,
  forwarded,
  accept,
  accept_encoding,
  if_none_match,
  sec_purpose,
  purpose,
  x_moz,
  idempotency_key,
  expect,
  last_event_id,
  access_control_request_method,
  count_
};
inline constexpr std::size_t kFields = static_cast<std::size_t>(Field::count_);

struct Request {
  Method method = Method::other;
  std::string_view path;   // as sent, before '?'; begins with '/', or is "*" of OPTIONS; not decoded
  std::string_view query;  // behind '?', without it; not decoded
  // Without surrounding white space; empty when absent. An absolute-form target's host stands in `host`.
  std::array<std::string_view, kFields> fields{};
  std::uint32_t present = 0;  // a bit per Field: tells an empty value from an absent field
  std::string_view body;      // complete, chunks joined
  BodySink* sink = nullptr;   // took the body instead, which is empty here
  bool keep_alive = true;     // false: `Connection: close`, HTTP/1.0, or the daemon is draining

  std::string_view field(Field f) const { return fields[static_cast<std::size_t>(f)]; }
  bool has(Field f) const { return ((present >> static_cast<unsigned>(f)) & 1U) != 0; }
};

}  // namespace footfall::http
