// SPDX-License-Identifier: Apache-2.0
// BodySink: takes the body of one request as it arrives, so that it is never held as a whole. The handler gives one to
// the loop when the head is there (LoopHandler::on_head()); the complete request comes with it, and an empty body.
//
// Ownership  the connection's, until the request that it came with was handled.
// Threading  that of the loop.
#pragma once

#include <cstddef>
#include <string_view>

namespace footfall::http {

class BodySink {
 public:
  BodySink() = default;
  BodySink(const BodySink&) = delete;
  BodySink& operator=(const BodySink&) = delete;
  virtual ~BodySink() = default;
  // The next bytes, chunks joined, however they were split on their way.
  virtual void take(std::string_view bytes) = 0;
  // What it holds, in bytes: counted against LoopLimits::body_memory_max.
  virtual std::size_t memory() const = 0;
};

}  // namespace footfall::http
