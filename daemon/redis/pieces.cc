// SPDX-License-Identifier: Apache-2.0
#include "redis/pieces.h"

#include <algorithm>
#include <memory>

namespace footfall::redis {
namespace {

struct Scan {
  Call call;
  std::string command, key, at_once;
  std::function<void(const std::vector<Reply>&, const More&)> piece;
};

void go_on(const std::shared_ptr<Scan>& scan, const std::string& cursor) {
  scan->call({scan->command, scan->key, cursor, "COUNT", scan->at_once}, [scan](const Reply& reply) {
    static const std::vector<Reply> kNone;
    if (reply.elements.size() != 2) return scan->piece(kNone, {});  // no server answers so
    const std::string& next = reply.elements[0].text;
    More more;
    if (next != "0") more = [scan, next] { go_on(scan, next); };
    scan->piece(reply.elements[1].elements, more);
  });
}

struct Reading {
  Call call;
  std::string key;
  std::vector<std::string> fields;
  std::size_t at_once;
  std::function<void(std::span<const std::string>, const std::vector<Reply>&, bool)> piece;
};

void go_on(const std::shared_ptr<Reading>& reading, std::size_t first) {
  const std::size_t end = std::min(reading->fields.size(), first + reading->at_once);
  const std::span<const std::string> fields = std::span(reading->fields).subspan(first, end - first);
  std::vector<std::string> words{"HMGET", reading->key};
  words.insert(words.end(), fields.begin(), fields.end());
  reading->call(words, [reading, fields, end](const Reply& reply) {
    const bool last = end == reading->fields.size();
    if (reply.elements.size() == fields.size()) reading->piece(fields, reply.elements, last);
    if (!last) go_on(reading, end);
  });
}

// Commands of one field each, kPieceCommands of them together.
struct Asking {
  Call call;
  std::vector<std::vector<std::string>> commands;
  std::size_t next = 0;
  std::size_t pending = 0;
  std::function<void(std::size_t command, const Reply&)> each;
  std::function<void()> done;
};

void go_on(const std::shared_ptr<Asking>& asking) {
  if (asking->next == asking->commands.size()) return asking->done();
  const std::size_t first = asking->next;
  std::size_t bytes = 0;
  for (; asking->next < asking->commands.size() && asking->next - first < kPieceCommands; ++asking->next) {
    for (const std::string& word : asking->commands[asking->next]) bytes += word.size();
    if (bytes > kPieceBytes && asking->next > first) break;
  }
  const std::size_t end = asking->next;
  asking->pending = end - first;
  for (std::size_t i = first; i < end; ++i) {
    asking->call(asking->commands[i], [asking, i](const Reply& reply) {
      asking->each(i, reply);
      if (--asking->pending == 0) go_on(asking);
    });
  }
}

struct Writing {
  Call call;
  std::string key;
  Pairs pairs;
  std::function<void()> done;
};

void go_on(const std::shared_ptr<Writing>& writing, std::size_t next) {
  if (next == writing->pairs.size()) return writing->done();
  std::vector<std::string> words{"HSET", writing->key};
  for (std::size_t bytes = 0; next < writing->pairs.size(); ++next) {
    const auto& [field, value] = writing->pairs[next];
    bytes += field.size() + value.size();
    if (bytes > kPieceBytes && words.size() > 2) break;
    words.insert(words.end(), {field, value});
  }
  writing->call(words, [writing, next](const Reply&) { go_on(writing, next); });
}

}  // namespace

void scan(const Call& call, const std::string& command, const std::string& key, std::size_t at_once,
          std::function<void(const std::vector<Reply>& elements, const More& more)> piece) {
  go_on(std::make_shared<Scan>(Scan{call, command, key, std::to_string(at_once), std::move(piece)}), "0");
}

void read_fields(
    const Call& call, const std::string& key, std::vector<std::string> fields, std::size_t at_once,
    std::function<void(std::span<const std::string> fields, const std::vector<Reply>& values, bool last)> piece) {
  if (fields.empty()) return;
  go_on(std::make_shared<Reading>(Reading{call, key, std::move(fields), at_once, std::move(piece)}), 0);
}

void which_are_there(const Call& call, const std::string& key, std::vector<std::string> fields,
                     std::function<void(std::vector<std::string> there)> done) {
  const auto asking = std::make_shared<Asking>();
  const auto there = std::make_shared<std::vector<std::string>>();
  asking->call = call;
  for (const std::string& field : fields) asking->commands.push_back({"HEXISTS", key, field});
  asking->each = [fields = std::move(fields), there](std::size_t i, const Reply& reply) {
    if (reply.integer == 1) there->push_back(fields[i]);
  };
  asking->done = [there, done = std::move(done)] { done(std::move(*there)); };
  go_on(asking);
}

void write_fields(const Call& call, const std::string& key, Pairs pairs, std::function<void()> done) {
  go_on(std::make_shared<Writing>(Writing{call, key, std::move(pairs), std::move(done)}), 0);
}

void write_missing(const Call& call, const std::string& key, Pairs pairs,
                   std::function<void(std::size_t written)> done) {
  const auto asking = std::make_shared<Asking>();
  const auto written = std::make_shared<std::size_t>(0);
  asking->call = call;
  for (auto& pair : pairs) {
    asking->commands.push_back({"HSETNX", key, std::move(pair.first), std::move(pair.second)});
  }
  asking->each = [written](std::size_t, const Reply& reply) { *written += reply.integer == 1 ? 1 : 0; };
  asking->done = [written, done = std::move(done)] { done(*written); };
  go_on(asking);
}

}  // namespace footfall::redis
