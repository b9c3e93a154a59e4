// SPDX-License-Identifier: Apache-2.0
// Traffic: the requests of one thread of the generator, one after another, and when each is due.
//
//   what:  made up (pages and visitors by number, header shapes in turn), or the page hits of logs
//   as:    a pixel, what the page script posts, or batches
//   when:  at once (closed loop), at a rate, along a curve, or as in the log
//
// Of `threads` threads each takes every threads-th request. Deterministic: the same options give the same requests.
// Tested by tests/unit/load/traffic_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/errors.h"
#include "load/curve.h"
#include "load/log_hits.h"
#include "load/shapes.h"
#include "logs/format.h"

namespace footfall::load {

enum class RequestKind : std::uint8_t { pixel, script, mixed };

struct TrafficOptions {
  std::string site, host, base;  // host: of the header; base: before each path
  RequestKind kind = RequestKind::pixel;
  std::vector<Shape> shapes;  // taken in turn; at least one
  std::uint64_t pages = 100, visitors = 1000;
  std::uint64_t hits_max = UINT64_MAX;
  std::uint64_t batch = 0;  // hits of a batch; 0: none
  std::string token;        // of batches
  bool close = false;       // one request a connection

  double rate = 0;                     // hits a second; 0: at once
  std::shared_ptr<const Curve> curve;  // instead of a rate
  double speed = 0;                    // of curve and log; 0: the log's hits at once

  std::vector<std::string> logs;  // instead of made up hits
  std::optional<logs::Format> format;
  std::function<bool(const logs::Line&)> passes;
};

// Threading  one thread.
class Traffic {
 public:
  // `options` outlives it. REQUIRES: thread < threads.
  Traffic(const TrafficOptions& options, unsigned thread, unsigned threads);

  // When the next request is due, in ns since the begin; nullopt: there is none, or outcome() is an error.
  std::optional<std::int64_t> due();
  // Appends it, and says how many hits it has. REQUIRES: due() has a value.
  std::uint64_t append(std::string& out);
  base::Result<void> outcome() const { return log_ ? log_->outcome() : base::Result<void>(); }

 private:
  struct Item {
    std::string target, referrer, agent, address;  // target: encoded, as it stands in a request; address: "" none
    double at_s = 0;                               // of a log
  };
  // The hit of this number; false: there is none.
  bool make(std::uint64_t number, Item& item);
  bool from_log(Item& item);
  void append_ping(std::string& out, const Item& item);
  void append_batch(std::string& out);

  const TrafficOptions& options_;
  const unsigned thread_, threads_;
  std::uint64_t request_ = 0;  // its number over all threads
  std::uint64_t log_position_ = 0;
  std::optional<LogHits> log_;
  std::vector<Item> items_;  // of the next request, when due() has made it
  std::size_t filled_ = 0;   // of them, in use
  std::string body_;
  bool made_ = false;
  std::int64_t due_ns_ = 0;
};

// Percent-encoded for the value of a query; what comes after 2,000 bytes is left out.
std::string encoded(std::string_view text);
// "10.x.y.z", made of the number.
std::string address_of(std::uint64_t visitor);

}  // namespace footfall::load
