// SPDX-License-Identifier: Apache-2.0
// Connection: bytes in, requests out; answers in, bytes out. Free of I/O, so that it is tested without a socket.
//
//   receive(bytes) --> Requests --next()--> Request ...   each complete request, in order
//   answered(), unsent() <-- the caller sends, and keeps here what the socket did not take
//
// A body that is diverted goes to its sink as it comes. Otherwise it owns bytes only while a request or an answer is
// incomplete: an idle connection holds none, and has no parser of its own. Complete requests are parsed by one that all
// connections of a thread share; a request that ends half-way takes its progress along.
//
// Limits: at most kPipelineMax answers owed, kOutputMax of unsent output; beyond, input is kept back unread (and the
// caller stops reading, see wants_input()). After an error, `Connection: close` or HTTP/1.0 nothing more is processed.
//
// Ownership  keeps a pointer to the shared parser. Threading: that of its loop. Errors: error(), by name.
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

class Connection;

// The complete requests in what was received; keeps the rest in its connection when it goes.
class Requests {
 public:
  Requests(Connection& connection, std::string_view bytes);
  ~Requests();
  Requests(const Requests&) = delete;
  Requests& operator=(const Requests&) = delete;

  // The next one, or nullptr when there is none (for now). Its views live until the next call. Each one handed out
  // adds one to owed().
  const Request* next();
  // The request just handed out is costly to answer, or its answer depends on those before: no other is handed out
  // until no answer is owed.
  void pause();
  std::uint32_t handed_out() const { return handed_out_; }
  // The input failed: what is known of the request that was refused, or nullptr. Its views live as long as this.
  const Request* refused();

 private:
  void forget_partial();

  Connection& connection_;
  std::string_view input_;
  std::size_t at_ = 0;
  std::uint32_t handed_out_ = 0;
  bool from_held_;
  bool partial_is_spent_ = false;
};

class Connection {
 public:
  // `parser` is shared: it is used only inside Requests::next(), and reset there.
  explicit Connection(RequestParser& parser) : parser_(&parser) {}

  // Call with no bytes to continue with what was kept back (resumable()).
  Requests receive(std::string_view bytes) { return Requests(*this, bytes); }
  bool resumable() const { return keeps_back() && may_hand_out(); }
  bool keeps_back() const { return !held_.empty() && !partial_; }

  std::uint32_t owed() const { return owed_; }
  // `count` answers were given, in order.
  void answered(std::uint32_t count = 1);

  // The input is malformed: the caller answers with status_of(error()), behind the answers owed, and closes.
  bool failed() const { return error_ != ParseError::none; }
  ParseError error() const { return error_; }
  // No further request will be handed out; to be closed when all that is owed is sent.
  bool closing() const { return closing_; }
  void end_input();  // closing() from now on, what is held is thrown away
  // Input was thrown away, so that a plain close would cost the peer the answer (a reset overtakes it).
  bool discarded_input() const { return discarded_; }
  // The next request is the last, and says so: keep_alive is false.
  void last_request() { last_ = true; }

  bool wants_input() const { return may_hand_out() && (held_.empty() || partial_); }
  // A request has begun to arrive.
  bool mid_request() const { return partial_ != nullptr; }
  bool mid_body() const { return partial_ && partial_->head_complete(); }
  std::size_t held_bytes() const { return held_.size(); }
  // Of a request that is not complete, what came.
  std::uint64_t arrived_bytes() const { return held_.size() + (diverted() ? partial_->body_size() : 0); }
  // What a request whose body is missing takes up: what came of it, and a chunked body once more.
  std::size_t body_memory() const { return mid_body() ? held_.size() + partial_->joined_bytes() : 0; }
  // What is known of the request under way, or nullptr. Its views live until more input comes.
  const Request* known() { return partial_ && partial_->known(held_) ? &partial_->request() : nullptr; }
  // The same, once for each request whose head is complete and whose body is missing.
  const Request* take_head();
  // Of the request whose head that was: its body goes to `sink`, with what of it is there.
  void divert(std::unique_ptr<BodySink> sink);
  bool diverted() const { return partial_ && partial_->diverted(); }
  // Counts the requests that were completed: tells whether a request under way is the same as before.
  std::uint32_t completed() const { return completed_; }
  // True once, when the peer waits for "100 Continue" and nothing is owed before it.
  bool take_continue();

  // Bytes that the socket did not take.
  std::string& unsent() { return unsent_; }
  const std::string& unsent() const { return unsent_; }

 private:
  friend class Requests;
  void throw_input_away();
  void shed();
  bool may_hand_out() const {
    return !closing_ && !failed() && !paused_ && owed_ < kPipelineMax && unsent_.size() < kOutputMax;
  }

  RequestParser* parser_;
  std::string held_;
  std::string unsent_;
  std::unique_ptr<RequestParser> partial_;  // progress in held_
  std::uint32_t owed_ = 0;
  std::uint32_t completed_ = 0;
  ParseError error_ = ParseError::none;
  bool closing_ = false;
  bool paused_ = false;
  bool last_ = false;
  bool discarded_ = false;
  bool continue_sent_ = false;
  bool head_taken_ = false;
  bool receiving_ = false;  // a Requests is alive
};

}  // namespace footfall::http
