// SPDX-License-Identifier: Apache-2.0
// AnswerQueue: answers that wait until a block of the journal is durable, in the order in which they must leave.
//
//   hold(a: block 7)  hold(b: block 7)  hold(c: block 8)      release(through 7) -> a b
//
// Blocks become durable in order, so the queue is one FIFO. A later answer of a connection that already waits must wait
// too, whatever it is: holds() tells.
//
// Threading  one thread. Cost: O(1) an answer; 8 bytes for each slot of the loop, kept.
// Tested by tests/unit/server/answer_queue_test.cc.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "http/loop.h"

namespace footfall {

// Answer: has `connection` (http::ConnectionRef) and `block` (the sequence that it waits for).
template <class Answer>
class AnswerQueue {
 public:
  bool empty() const { return queue_.empty(); }
  std::size_t size() const { return queue_.size(); }

  // An answer of this connection waits.
  bool holds(http::ConnectionRef connection) const {
    return connection.index < waiting_.size() && waiting_[connection.index].generation == connection.generation &&
           waiting_[connection.index].count > 0;
  }

  // It waits for the answer held before it, too.
  void hold(Answer answer) {
    if (!queue_.empty()) answer.block = std::max(answer.block, queue_.back().block);
    const http::ConnectionRef connection = answer.connection;
    if (connection.index >= waiting_.size()) waiting_.resize(connection.index + 1);
    Waiting& waiting = waiting_[connection.index];
    if (waiting.generation != connection.generation) waiting = {connection.generation, 0};
    ++waiting.count;
    queue_.push_back(std::move(answer));
  }

  // Gives those that wait for nothing beyond `through` to `give`, in order.
  template <class Give>
  void release(std::uint64_t through, const Give& give) {
    while (!queue_.empty() && queue_.front().block <= through) {
      const Answer answer = std::move(queue_.front());
      queue_.pop_front();
      Waiting& waiting = waiting_[answer.connection.index];
      if (waiting.generation == answer.connection.generation) --waiting.count;
      give(answer);
    }
  }

 private:
  struct Waiting {
    std::uint32_t generation = 0;
    std::uint32_t count = 0;
  };

  std::deque<Answer> queue_;
  std::vector<Waiting> waiting_;  // connection index -> how many of its answers are in the queue
};

}  // namespace footfall
