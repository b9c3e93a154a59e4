// SPDX-License-Identifier: Apache-2.0
// RequestParser: bytes to a Request, strictly. Every deviation of RFC 9112 is refused with a named reason; nothing is
// repaired, because what two parsers read differently is how requests are smuggled.
//
// It works on a contiguous buffer that begins with the request, and goes over each byte once:
//
//   leading -> method -> target -> version -> field_start <-> field_name -> field_space -> field_value
//                                                 | empty line
//              complete <- sized_body  <----------+----------> chunk_size -> chunk_data -> trailers -> complete
//
// parse() completes, or fails, or wants more; it remembers where it was, so that a request that drips in costs linear
// time, and a message gives the same result however it is split. The reason given is that of the first offending byte.
//
// Decisions where RFC 9112 leaves one: one empty line before a request is skipped, a second is refused. HTTP/1.0 is
// answered and closed. Versions other than 1.0 and 1.1 get 505. Targets are visible ASCII. A host is a name of letters,
// digits and "-._~", an IPv4 address or a bracketed IPv6 address; user information is refused. Repeated fields: see
// Field.
//
// divert() has the rest of a body go to a BodySink; of it nothing is kept here, nor need it be by the caller.
//
// Cost: no allocation but for chunked bodies and repeated fields; lines that stood in the head before are not read
// again (head_memo.h). The plain slow twin that it is fuzzed against is tests/support/plain_parser.h. Tested by
// tests/unit/http/request_parser_test.cc; fuzzed by tests/fuzz/request_fuzz.cc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "http/body_sink.h"
#include "http/head_memo.h"
#include "http/request.h"

namespace footfall::http {

struct ParserLimits {
  std::size_t target_max = 8192;            // 414
  std::size_t head_max = 32768;             // 431; trailers have as much again
  std::size_t fields_max = 100;             // 431; trailers included
  std::size_t body_max = 65536;             // 413
  std::size_t batch_body_max = 16U << 20U;  // 413, where the path is batch_path
  std::string_view batch_path = "/v1/hits";
  std::size_t chunk_extension_max = 256;
  // What chunking may add to a body, beyond as much as the body: whoever sends a byte per chunk is refused.
  std::size_t chunk_overhead_max = 16384;
};

// Why a request was refused: the `reason` of footfall_http_parse_errors_total. Add here, name_of(), status_of().
enum class ParseError : std::uint8_t {
  none,
  bad_method,
  bad_target,
  bad_version,
  unsupported_version,
  bare_cr_or_lf,
  bad_field_name,
  bad_field_value,
  obs_fold,
  missing_host,
  repeated_host,
  bad_host,
  repeated_field,
  bad_content_length,
  bad_transfer_encoding,
  length_and_chunked,
  bad_chunk,
  target_too_long,
  head_too_large,
  too_many_fields,
  body_too_large,
  bad_expect,
  // Not of the parser: what its callers refuse for want of time or of room.
  late,
  no_room,
  too_many_connections,
  count_
};
std::string_view name_of(ParseError error);   // "bare_cr_or_lf"
std::string_view describe(ParseError error);  // a sentence for people
int status_of(ParseError error);              // 400, 408, 413, 414, 417, 431, 503, 505

class RequestParser {
 public:
  enum class State : std::uint8_t { need_more, complete, failed };

  // Keeps a pointer to `limits`.
  explicit RequestParser(const ParserLimits& limits) : limits_(&limits) {}

  // `bytes` begins with the request and holds at least what the call before was given (moved elsewhere is fine).
  // complete: request() views into `bytes` (a chunked body and joined fields: into the parser's own buffers, until
  // reset()) and consumed() tells its length. need_more: call again with more. failed: error().
  State parse(std::string_view bytes);
  const Request& request() const { return request_; }
  Request& request() { return request_; }
  std::size_t consumed() const { return position_; }
  ParseError error() const { return error_; }
  // The body is what is missing.
  bool head_complete() const { return phase_ >= Phase::sized_body || trailers_; }
  // What is known of a request that is not complete, or was refused: fills method, path and query of request() beside
  // the fields that were read. False while the path is not known. `bytes` as parse() was given them, moved or not.
  bool known(std::string_view bytes);
  // What is held apart from `bytes`: a chunked body, or what the sink holds.
  std::size_t joined_bytes() const { return chunks_.size() + (sink_ ? sink_->memory() : 0); }
  // From now on the body goes to `sink`, with what of it has come. REQUIRES: head_complete(), need_more was answered;
  // `bytes` as parse() was given them.
  void divert(std::unique_ptr<BodySink> sink, std::string_view bytes);
  // Bytes from shed_from() on, shed() of them, were handed to the sink: the caller may take them out, and then says so.
  std::size_t shed_from() const { return body_at_; }
  std::size_t shed() const {
    return sink_ && phase_ != Phase::done ? (trailers_ ? section_ : position_) - body_at_ : 0;
  }
  void forget_shed();
  bool diverted() const { return sink_ != nullptr; }
  // Of a diverted body with a Content-Length: the next bytes need not be appended to the head. How many were taken.
  bool takes_apart() const { return diverted() && phase_ == Phase::sized_body; }
  std::size_t take_body(std::string_view bytes);
  std::uint64_t body_size() const { return body_size_; }  // that came of a chunked or diverted body
  // `Expect: 100-continue` stands, and no byte of the body had come when parse() returned.
  bool expects_continue() const { return expects_continue_; }
  void reset();  // for the next request

 private:
  enum class Phase : std::uint8_t {
    leading,
    method,
    target,
    version,
    field_start,
    field_name,
    field_space,
    field_value,
    // behind the head
    sized_body,
    chunk_size,
    chunk_extension,
    chunk_data,
    chunk_end,
    done
  };
  enum class Step : std::uint8_t { go_on, more, fail };

  Step head(const char* begin, const char* end);
  Step leading(const char*& p, const char* end);
  Step method(const char*& p, const char* end, const char* begin);
  Step target(const char*& p, const char* end, const char* begin);
  Step version(const char*& p, const char* end);
  Step field_start(const char*& p, const char* end, const char* begin);
  Step field_name(const char*& p, const char* end, const char* begin);
  Step field_value(const char*& p, const char* end, const char* begin);
  Step store(std::string_view value);
  bool store_known(Field field, std::string_view value, std::uint32_t settled);
  Step store_repeated(std::string_view& stored, std::string_view value);
  void plain_request_line(const char*& p, const char* end);
  bool whole_lines(const char*& p, const char* end);
  bool whole_lines(const char*& p, const char* end, HeadMemo* memo);
  Step end_of_head(const char* begin);
  bool target_form_is_valid(std::string_view text);
  Step body(std::string_view bytes);
  Step chunk_size(std::string_view bytes);
  Step chunk_extension(std::string_view bytes);
  Step wrong(const char* p, const char* end, ParseError otherwise);
  Step refuse(ParseError error);
  void rebase(const char* base);
  void split_target(std::string_view target);
  void finish(const char* begin);

  const ParserLimits* limits_;
  const char* base_ = nullptr;  // where the bytes of the last call stood
  std::size_t position_ = 0;    // all before it is done with
  std::size_t mark_ = 0;        // where the current method, target, name or value begins
  std::size_t section_ = 0;     // where the head, or the trailer section, begins
  std::size_t target_at_ = 0, target_size_ = 0;
  std::size_t authority_size_ = 0;  // of an absolute-form target, with its scheme
  std::size_t body_at_ = 0;
  std::uint64_t length_ = 0;  // Content-Length (with a sink: what is left of it), or what is left of the current chunk
  std::uint64_t body_size_ = 0;  // of a chunked or diverted body, so far
  std::size_t body_max_ = 0;
  std::size_t chunk_overhead_ = 0;
  std::uint32_t fields_seen_ = 0;
  std::uint32_t joined_ = 0;  // a bit per Field whose view is into *joined_values_
  std::uint16_t run_ = 0;     // digits of a chunk size, bytes of a chunk extension
  Phase phase_ = Phase::leading;
  ParseError error_ = ParseError::none;
  Field current_ = Field::count_;  // count_: a field that nobody reads
  bool version_1_0_ = false;
  bool chunked_ = false;
  bool trailers_ = false;
  bool skipped_line_ = false;
  bool expects_continue_ = false;
  Request request_;
  OwnHeadMemo memo_;
  std::string chunks_;
  std::unique_ptr<BodySink> sink_;
  std::unique_ptr<std::array<std::string, kFields>> joined_values_;
};

}  // namespace footfall::http
