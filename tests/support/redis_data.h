// SPDX-License-Identifier: Apache-2.0
// RedisData: what a Redis server keeps, in memory, and the commands on it that footfall sends. Values that can be
// copied, so that a test can put back an old dump.
#pragma once

#include <cstdlib>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "redis/reply.h"

namespace footfall::testing {

class RedisData {
 public:
  using Words = std::vector<std::string>;

  redis::Reply execute(const Words& words) {
    const std::string& name = words[0];
    if (name == "HSET") {
      auto& hash = hashes_[words[1]];
      std::int64_t fresh = 0;
      for (std::size_t i = 2; i + 1 < words.size(); i += 2)
        fresh += hash.insert_or_assign(words[i], words[i + 1]).second;
      return integer(fresh);
    }
    if (name == "HGET") {
      const auto hash = hashes_.find(words[1]);
      if (hash == hashes_.end()) return {};
      const auto field = hash->second.find(words[2]);
      return field == hash->second.end() ? redis::Reply{} : text(field->second);
    }
    if (name == "HGETALL") {
      redis::Reply all = array();
      const auto hash = hashes_.find(words[1]);
      if (hash == hashes_.end()) return all;
      for (const auto& [field, value] : hash->second) {
        all.elements.push_back(text(field));
        all.elements.push_back(text(value));
      }
      return all;
    }
    if (name == "HKEYS") {
      redis::Reply all = array();
      for (const auto& [field, value] : hashes_[words[1]]) all.elements.push_back(text(field));
      return all;
    }
    if (name == "HDEL") {
      std::int64_t gone = 0;
      for (std::size_t i = 2; i < words.size(); ++i)
        gone += static_cast<std::int64_t>(hashes_[words[1]].erase(words[i]));
      return integer(gone);
    }
    if (name == "ZADD") {  // KEY GT [CH] SCORE MEMBER ...
      auto& set = sets_[words[1]];
      const bool changes = words[3] == "CH";
      std::int64_t count = 0;
      for (std::size_t i = changes ? 4 : 3; i + 1 < words.size(); i += 2) {
        const double score = number(words[i]);
        const auto [member, added] = set.emplace(words[i + 1], score);
        const bool raised = !added && score > member->second;
        if (raised) member->second = score;
        count += added || (raised && changes) ? 1 : 0;
      }
      return integer(count);
    }
    if (name == "GET") return value_of(words[1]);
    if (name == "SET") {  // KEY VALUE [GET]
      redis::Reply before = value_of(words[1]);
      values_[words[1]] = words[2];
      if (words.size() > 3) return before;
      redis::Reply ok;
      ok.type = redis::Reply::Type::status;
      ok.text = "OK";
      return ok;
    }
    if (name == "ZRANGEBYSCORE") {  // KEY FROM +inf WITHSCORES
      redis::Reply range = array();
      for (const auto& [member, score] : sets_[words[1]]) {
        if (score < number(words[2])) continue;
        range.elements.push_back(text(member));
        range.elements.push_back(text(text_of(score)));
      }
      return range;
    }
    redis::Reply error;
    error.type = redis::Reply::Type::error;
    error.text = "ERR unknown command '" + name + "'";
    return error;
  }

 private:
  redis::Reply value_of(const std::string& key) const {
    const auto value = values_.find(key);
    return value == values_.end() ? redis::Reply{} : text(value->second);
  }
  static redis::Reply integer(std::int64_t value) {
    redis::Reply reply;
    reply.type = redis::Reply::Type::integer;
    reply.integer = value;
    return reply;
  }
  static redis::Reply text(std::string value) {
    redis::Reply reply;
    reply.type = redis::Reply::Type::text;
    reply.text = std::move(value);
    return reply;
  }
  static redis::Reply array() {
    redis::Reply reply;
    reply.type = redis::Reply::Type::array;
    return reply;
  }
  static double number(const std::string& word) {
    return word == "+inf" ? std::numeric_limits<double>::infinity() : std::strtod(word.c_str(), nullptr);
  }
  static std::string text_of(double score) { return std::to_string(static_cast<std::int64_t>(score)); }

  std::map<std::string, std::string> values_;
  std::map<std::string, std::map<std::string, std::string>> hashes_;
  std::map<std::string, std::map<std::string, double>> sets_;
};

}  // namespace footfall::testing
