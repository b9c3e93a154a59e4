// SPDX-License-Identifier: Apache-2.0
// Connection: bytes in, requests out; answers in, bytes out. Free of I/O, so that it is tested without a socket.
//
//   receive(bytes) --> on_request(Request) ...      each complete request, in order, views valid during the call
//   answer bytes   --> output                       in request order; the caller sends
//
// It owns bytes only while a request or an answer is incomplete: an idle connection holds none.
// Limits: at most pipeline_max answers owed (receive() then keeps the rest unread until some are given), 64 KiB of
// unsent output. After an error, `Connection: close` or HTTP/1.0 without keep-alive nothing more is processed.
// Tested by tests/unit/http/connection_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "http/request_parser.h"

namespace footfall::http {

inline constexpr unsigned kPipelineMax = 128;
inline constexpr std::size_t kOutputMax = 64U << 10U;

class Connection {
 public:
  explicit Connection(const ParserLimits& limits) : limits_(&limits) {}

  // Hands every complete request in what is held plus `bytes` to `on_request(const Request&)`; each call adds one to
  // owed(). What is incomplete is kept (copied). Stops early when kPipelineMax answers are owed, or after the last
  // request that may be processed. A malformed request makes failed() true, with error(): the caller answers it, behind the
  // answers already owed, and closes.
  template <class OnRequest>
  void receive(std::string_view bytes, OnRequest&& on_request);
  // Continues with what was kept back, once answers were given.
  template <class OnRequest>
  void resume(OnRequest&& on_request) { receive({}, on_request); }

  unsigned owed() const { return owed_; }
  void answered() { --owed_; }        // one answer was produced (in order)
  bool failed() const { return error_ != ParseError::none; }
  ParseError error() const { return error_; }
  bool closing() const { return closing_; }  // no further request will be read; close when all owed is sent
  void close_after_answers() { closing_ = true; }
  bool wants_input() const { return !closing_ && !failed() && owed_ < kPipelineMax && unsent_.size() < kOutputMax; }
  bool mid_request() const { return !held_.empty(); }  // a request has begun to arrive

  // Bytes that the socket did not take.
  std::string& unsent() { return unsent_; }

 private:
  const ParserLimits* limits_;
  std::string held_;
  std::string unsent_;
  std::unique_ptr<RequestParser> partial_;  // progress in held_
  std::uint32_t owed_ = 0;
  ParseError error_ = ParseError::none;
  bool closing_ = false;
};

}  // namespace footfall::http
