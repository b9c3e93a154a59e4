// SPDX-License-Identifier: Apache-2.0
// RequestParser: bytes to a Request, strictly. Every deviation of RFC 9112 is refused with a named reason; nothing is
// repaired, because what two parsers read differently is how requests are smuggled.
//
// It works on a contiguous buffer that begins with the request. parse() either completes, or fails, or wants more; it
// remembers how far it came, so that a request that drips in costs linear time. The plain slow twin that it is fuzzed
// against lives in tests/.
// Tested by tests/unit/http/request_parser_test.cc; fuzzed by tests/fuzz/request_fuzz.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/request.h"

namespace footfall::http {

struct ParserLimits {
  std::size_t target_max = 8192;         // 414
  std::size_t head_max = 32768;          // 431
  std::size_t fields_max = 100;          // 431
  std::size_t body_max = 65536;          // 413
  std::size_t batch_body_max = 16U << 20U;  // 413, for targets that begin with batch_path
  std::string_view batch_path = "/v1/hits";
  std::size_t chunk_extension_max = 256;
};

// Why a request was refused: the `reason` of footfall_http_parse_errors_total. Add here, name_of(), status_of().
enum class ParseError : std::uint8_t {
  none, bad_method, bad_target, bad_version, bare_cr_or_lf, bad_field_name, bad_field_value, obs_fold, missing_host,
  repeated_host, bad_host, repeated_field, bad_content_length, bad_transfer_encoding, length_and_chunked, bad_chunk,
  target_too_long, head_too_large, too_many_fields, body_too_large, bad_expect, count_
};
std::string_view name_of(ParseError error);
int status_of(ParseError error);  // 400, 413, 414, 417, 431, 505

class RequestParser {
 public:
  enum class State : std::uint8_t { need_more, complete, failed };

  explicit RequestParser(const ParserLimits& limits) : limits_(limits) {}

  // `bytes` begins with the request and holds at least what the call before was given (moved elsewhere is fine).
  // complete: request() views into `bytes` (a chunked body: into the parser's own buffer) and consumed() tells its
  // length. need_more: call again with more. failed: error().
  State parse(std::string_view bytes);
  const Request& request() const { return request_; }
  std::size_t consumed() const { return consumed_; }
  ParseError error() const { return error_; }
  bool head_complete() const;      // the body is what is missing
  bool expects_continue() const;   // Expect: 100-continue stands unanswered
  void reset();                    // for the next request

 private:
  const ParserLimits& limits_;
  Request request_;
  std::size_t consumed_ = 0;
  ParseError error_ = ParseError::none;
  // the implementation adds its progress
};

}  // namespace footfall::http
