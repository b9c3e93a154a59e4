// SPDX-License-Identifier: Apache-2.0
#include "http/connection.h"

#include <cassert>
#include <utility>

namespace footfall::http {

Requests::Requests(Connection& connection, std::string_view bytes)
    : connection_(connection), input_(bytes), from_held_(!connection.held_.empty()) {
  if (connection.partial_ && connection.partial_->takes_apart())
    bytes.remove_prefix(connection.partial_->take_body(bytes));
  if (from_held_) input_ = connection.held_.append(bytes);
  connection.receiving_ = true;
}

const Request* Requests::next() {
  Connection& c = connection_;
  if (partial_is_spent_) forget_partial();
  if (at_ == input_.size() || !c.may_hand_out()) return nullptr;
  RequestParser* parser = c.partial_.get();
  if (parser == nullptr) {
    parser = c.parser_;
    parser->reset();
  }
  switch (parser->parse(input_.substr(at_))) {
    case RequestParser::State::complete: {
      at_ += parser->consumed();
      partial_is_spent_ = c.partial_ != nullptr;
      ++handed_out_;
      ++c.owed_;
      ++c.completed_;
      c.continue_sent_ = c.head_taken_ = false;
      Request& request = parser->request();
      if (c.last_) request.keep_alive = false;
      if (!request.keep_alive) c.closing_ = true;
      return &request;
    }
    case RequestParser::State::need_more:
      if (!c.partial_) c.partial_ = std::make_unique<RequestParser>(std::move(*parser));
      return nullptr;
    case RequestParser::State::failed:
      c.error_ = parser->error();
      return nullptr;
  }
  return nullptr;
}

void Requests::pause() {
  connection_.paused_ = connection_.owed_ != 0;
}

const Request* Requests::refused() {
  if (!connection_.failed()) return nullptr;
  RequestParser* parser = connection_.partial_ ? connection_.partial_.get() : connection_.parser_;
  return parser->known(input_.substr(at_)) ? &parser->request() : nullptr;
}

void Requests::forget_partial() {
  connection_.partial_.reset();
  partial_is_spent_ = false;
}

Requests::~Requests() {
  Connection& c = connection_;
  c.receiving_ = false;
  if (partial_is_spent_) forget_partial();
  if (c.closing_ || c.failed()) {
    c.discarded_ = c.discarded_ || c.failed() || at_ != input_.size();
    c.throw_input_away();
  } else if (!from_held_) {
    c.held_.assign(input_.substr(at_));
  } else if (at_ == input_.size()) {
    std::string().swap(c.held_);
  } else {
    c.held_.erase(0, at_);
  }
  c.shed();
}

void Connection::answered(std::uint32_t count) {
  assert(count <= owed_);
  owed_ -= count;
  if (owed_ == 0) paused_ = false;
}

void Connection::end_input() {
  closing_ = true;
  if (receiving_) return;  // somebody may be looking at it
  discarded_ = discarded_ || !held_.empty();
  throw_input_away();
}

void Connection::throw_input_away() {
  partial_.reset();
  std::string().swap(held_);
}

const Request* Connection::take_head() {
  if (head_taken_ || !mid_body()) return nullptr;
  head_taken_ = true;
  return known();
}

void Connection::divert(std::unique_ptr<BodySink> sink) {
  partial_->divert(std::move(sink), held_);
  shed();
}

// What the sink has taken is not held here.
void Connection::shed() {
  if (!partial_ || partial_->shed() == 0) return;
  held_.erase(partial_->shed_from(), partial_->shed());
  partial_->forget_shed();
}

bool Connection::take_continue() {
  if (!partial_ || continue_sent_ || owed_ != 0 || !partial_->expects_continue()) return false;
  continue_sent_ = true;
  return true;
}

}  // namespace footfall::http
