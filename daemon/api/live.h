// SPDX-License-Identifier: Apache-2.0
// LiveHub: server-sent events of one shard's subscribers.
//
// Once a second each topic (site, path, fields, rights) is rendered once; what changed goes to all its subscribers.
//
//   tick --> topic: render, compare --> changed --> push to each --> took it, or is behind: keeps only the newest
//
// A reader that is behind gets the newest text when it has caught up, never a backlog. A comment each 15 s keeps
// proxies awake. Whoever makes no progress for 10 s is cut. A site whose settings changed, and a token that expired,
// ends the streams that rested on them: clients come back, after a `retry` that is drawn for each, and are judged anew.
//
// Cost       a tick renders once per topic; a subscriber is about 64 bytes.
// Threading  that of its shard. on_close() may be called from inside any call to the sink.
// Tested by tests/unit/api/live_test.cc without a socket.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "api/read_context.h"
#include "api/stats.h"
#include "base/counter.h"
#include "base/errors.h"
#include "http/loop.h"

namespace footfall::api {

// The little of http::Loop that streams need.
class StreamSink {
 public:
  virtual ~StreamSink() = default;
  // Answers the request that is owed with `head` (complete head and first bytes of the body) and leaves it open.
  virtual void start_stream(http::ConnectionRef connection, std::string_view head) = 0;
  // False if earlier bytes are still unsent: nothing was taken.
  virtual bool push(http::ConnectionRef connection, std::string_view bytes) = 0;
  virtual bool drained(http::ConnectionRef connection) const = 0;  // nothing unsent
  virtual void close(http::ConnectionRef connection) = 0;
};

// A Loop (or what has its functions) as a sink.
template <class Loop>
class LoopSink final : public StreamSink {
 public:
  explicit LoopSink(Loop& loop) : loop_(loop) {}
  void start_stream(http::ConnectionRef connection, std::string_view head) override {
    loop_.begin_answer(connection).append(head);
    loop_.start_stream(connection);
  }
  bool push(http::ConnectionRef connection, std::string_view bytes) override { return loop_.push(connection, bytes); }
  bool drained(http::ConnectionRef connection) const override { return loop_.drained(connection); }
  void close(http::ConnectionRef connection) override { loop_.close(connection); }

 private:
  Loop& loop_;
};

struct LiveLimits {
  std::size_t subscribers_max = 10'000;  // per shard; past it unavailable
  std::int64_t comment_every_ms = 15'000;
  std::int64_t stalled_ms_max = 10'000;
  std::uint32_t retry_ms_min = 2'000, retry_ms_max = 6'000;
};

struct LiveCounters {
  base::Counter subscribers;  // a gauge
  base::Counter events, comments, evicted;
};

class LiveHub {
 public:
  explicit LiveHub(StreamSink& sink, const LiveLimits& limits = {});
  ~LiveHub();
  LiveHub(const LiveHub&) = delete;
  LiveHub& operator=(const LiveHub&) = delete;

  // Answers the request: head, `retry`, and the first event. `path` normalised, empty for the site alone; `fields` as
  // sent. malformed names the field; unavailable past subscribers_max. Then nothing was answered.
  // REQUIRES: refusal(context, Route::live) is nullopt.
  base::Result<void> subscribe(http::ConnectionRef connection, const ReadContext& context, std::string_view path,
                               std::string_view fields);
  // Once a second.
  void tick(std::int64_t now_ms);
  void on_close(http::ConnectionRef connection);
  // Sites or tokens changed: streams of sites whose settings are others now are ended.
  void on_directory(const sites::Directory& directory);
  // Ends all streams: the shard stops.
  void close_all();

  std::size_t topics() const { return topics_.size(); }
  std::size_t subscribers() const { return subscribers_.size(); }
  const LiveCounters& counters() const { return counters_; }  // any thread

 private:
  struct Topic;
  struct Subscriber;
  // site, all may be read, fields, path
  using TopicKey = std::tuple<const sites::Site*, bool, StatsFields, std::string>;

  Topic& topic_of(const ReadContext& context, std::string_view path, StatsFields fields);
  void forget(std::uint64_t key);
  void end(const std::vector<std::uint64_t>& keys);
  void serve(std::uint64_t key, Subscriber& subscriber, std::int64_t now_ms);

  StreamSink& sink_;
  const LiveLimits limits_;
  LiveCounters counters_;
  std::map<TopicKey, std::unique_ptr<Topic>> topics_;          // what is looked at -> how it stands
  std::unordered_map<std::uint64_t, Subscriber> subscribers_;  // generation and index of its connection -> reader
};

}  // namespace footfall::api
