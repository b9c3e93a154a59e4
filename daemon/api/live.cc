// SPDX-License-Identifier: Apache-2.0
#include "api/live.h"

#include "base/hash.h"
#include "http/response.h"

namespace footfall::api {

namespace {

constexpr std::string_view kComment = ":\n\n";

std::uint64_t key_of(http::ConnectionRef connection) {
  return std::uint64_t{connection.generation} << 32U | connection.index;
}
http::ConnectionRef connection_of(std::uint64_t key) {
  return {static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32U)};
}

}  // namespace

struct LiveHub::Topic {
  TopicKey key;
  ReadContext context;
  std::string path;
  StatsFields fields = 0;
  StatsText shown;
  std::string event;          // "data: {...}\n\n"
  std::uint64_t version = 0;  // of `event`
  std::size_t subscribers = 0;

  // True if the numbers are others than before.
  bool render(std::int64_t now_ms) {
    context.now_ms = now_ms;
    StatsText text = stats_text(context, path, fields);
    if (version != 0 && text.same_numbers(shown)) return false;
    shown = std::move(text);
    event = "data: " + shown.text + "\n\n";
    ++version;
    return true;
  }
};

struct LiveHub::Subscriber {
  Topic* topic = nullptr;
  std::uint64_t version = 0;  // of the newest event that it took
  std::int64_t last_sent_ms = 0;
  std::int64_t stalled_since_ms = -1;  // -1: it takes what it is sent
  std::int64_t rights_until_s = 0;
};

LiveHub::LiveHub(StreamSink& sink, const LiveLimits& limits) : sink_(sink), limits_(limits) {}
LiveHub::~LiveHub() = default;

LiveHub::Topic& LiveHub::topic_of(const ReadContext& context, std::string_view path, StatsFields fields) {
  TopicKey key{context.site, context.may_read_all, fields, std::string(path)};
  std::unique_ptr<Topic>& topic = topics_[key];
  if (topic == nullptr) {
    topic = std::make_unique<Topic>();
    topic->key = std::move(key);
    topic->context = context;
    topic->path = path;
    topic->fields = fields;
  }
  return *topic;
}

base::Result<void> LiveHub::subscribe(http::ConnectionRef connection, const ReadContext& context, std::string_view path,
                                      std::string_view fields) {
  const base::Result<StatsFields> wanted = stats_fields(fields);
  if (!wanted) return wanted.error();
  if (subscribers_.size() >= limits_.subscribers_max) {
    return base::Error{base::Errc::unavailable,
                       "live: this node streams to as many readers as it may; poll /stats instead"};
  }
  Topic& topic = topic_of(context, path, *wanted);
  // A newcomer sees the present; the others get it at the next tick, when their version is behind.
  topic.render(context.now_ms);
  ++topic.subscribers;

  Subscriber reader;
  reader.topic = &topic;
  reader.version = topic.version;
  reader.last_sent_ms = context.now_ms;
  reader.rights_until_s = context.rights_until_s;
  const std::uint32_t spread = limits_.retry_ms_max - limits_.retry_ms_min + 1;
  const std::uint64_t retry_ms = limits_.retry_ms_min + base::random_u64() % spread;
  std::string head;
  http::write_stream_head(head, "text/event-stream", http::imf_fixdate(context.now_ms / 1000),
                          std::string("X-Accel-Buffering: no\r\n").append(vary_field(context)));
  head.append("retry: ").append(std::to_string(retry_ms)).append("\n").append(topic.event);
  subscribers_.emplace(key_of(connection), reader);
  counters_.subscribers.set(subscribers_.size());
  counters_.events.add();
  sink_.start_stream(connection, head);
  return {};
}

void LiveHub::serve(std::uint64_t key, Subscriber& subscriber, std::int64_t now_ms) {
  const http::ConnectionRef connection = connection_of(key);
  const Topic& topic = *subscriber.topic;
  const bool behind = subscriber.version != topic.version;
  const bool silent = now_ms - subscriber.last_sent_ms >= limits_.comment_every_ms;
  if (!behind && !silent) {
    if (subscriber.stalled_since_ms >= 0 && sink_.drained(connection)) subscriber.stalled_since_ms = -1;
    return;
  }
  const std::uint64_t version = topic.version;
  // push() may close the connection, and on_close() then takes the subscriber away: it is not touched before it is
  // found again.
  const bool taken = sink_.push(connection, behind ? std::string_view(topic.event) : kComment);
  const auto found = subscribers_.find(key);
  if (found == subscribers_.end()) return;
  Subscriber& still = found->second;
  if (!taken) {
    if (still.stalled_since_ms < 0) still.stalled_since_ms = now_ms;
    return;
  }
  (behind ? counters_.events : counters_.comments).add();
  still.version = version;
  still.last_sent_ms = now_ms;
  still.stalled_since_ms = sink_.drained(connection) ? -1 : now_ms;
}

void LiveHub::tick(std::int64_t now_ms) {
  if (subscribers_.empty()) return;
  for (const auto& [key, topic] : topics_) topic->render(now_ms);

  std::vector<std::uint64_t> readers;  // a copy: the sink may close some while it is pushed to
  readers.reserve(subscribers_.size());
  for (const auto& [key, subscriber] : subscribers_) readers.push_back(key);
  std::vector<std::uint64_t> ended;
  for (const std::uint64_t key : readers) {
    auto found = subscribers_.find(key);
    if (found == subscribers_.end()) continue;
    const std::int64_t rights_until_s = found->second.rights_until_s;
    if (rights_until_s != 0 && rights_until_s <= now_ms / 1000) {
      ended.push_back(key);
      continue;
    }
    serve(key, found->second, now_ms);
    found = subscribers_.find(key);
    if (found == subscribers_.end()) continue;
    const std::int64_t since_ms = found->second.stalled_since_ms;
    if (since_ms >= 0 && now_ms - since_ms >= limits_.stalled_ms_max) {
      counters_.evicted.add();
      ended.push_back(key);
    }
  }
  end(ended);
}

void LiveHub::forget(std::uint64_t key) {
  const auto found = subscribers_.find(key);
  if (found == subscribers_.end()) return;
  Topic* const topic = found->second.topic;
  subscribers_.erase(found);
  counters_.subscribers.set(subscribers_.size());
  if (--topic->subscribers == 0) topics_.erase(TopicKey(topic->key));
}

void LiveHub::end(const std::vector<std::uint64_t>& keys) {
  for (const std::uint64_t key : keys) {
    forget(key);
    sink_.close(connection_of(key));
  }
}

void LiveHub::on_close(http::ConnectionRef connection) {
  forget(key_of(connection));
}

void LiveHub::on_directory(const sites::Directory& directory) {
  std::vector<std::uint64_t> ended;
  for (const auto& [key, subscriber] : subscribers_) {
    const ReadContext& context = subscriber.topic->context;
    const sites::Entry* const entry = directory.find(context.settings->name);
    const bool same = entry != nullptr && entry->site == context.site && entry->settings == context.settings;
    if (!same) ended.push_back(key);
  }
  end(ended);
}

void LiveHub::close_all() {
  std::vector<std::uint64_t> all;
  for (const auto& [key, subscriber] : subscribers_) all.push_back(key);
  end(all);
}

}  // namespace footfall::api
