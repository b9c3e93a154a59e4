// SPDX-License-Identifier: Apache-2.0
// RedisValues: what a RedisModel's server holds besides plain strings, and the commands on it: sorted sets, hashes,
// HyperLogLogs, expiry by the server's clock. They answer as Redis 7 does, for what footfall sends.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "counting/hyperloglog.h"

namespace footfall::testing {

class RedisValues {
 public:
  using Words = std::vector<std::string>;
  using Strings = std::map<std::string, std::string>;
  using Set = std::map<std::string, double>;        // member -> score
  using Hash = std::map<std::string, std::string>;  // field -> value

  // `strings` are the server's own. None: a command that is not known here.
  std::optional<std::string> answer(const Words& words, Strings& strings, std::int64_t now_ms) {
    if (words[0] == "TIME") {
      return "*2\r\n" + bulk(std::to_string(now_ms / 1000)) + bulk(std::to_string(now_ms % 1000 * 1000));
    }
    if (words.size() < 2) return std::nullopt;
    expire(strings, now_ms);
    const std::string& key = words[1];
    if (words[0] == "ZADD") return add(words);
    if (words[0] == "ZCOUNT") return number(count(key, words[2], words[3]));
    if (words[0] == "ZREMRANGEBYSCORE") return number(remove(key, words[2], words[3]));
    if (words[0] == "EXPIREAT") return number(expire_at(key, std::stoll(words[2]) * 1000, strings));
    if (words[0] == "HSETNX") return number(hashes[key].emplace(words[2], words[3]).second ? 1 : 0);
    if (words[0] == "HGETALL") return all_of(key);
    if (words[0] == "SET" && words.size() > 3) return set(words, strings, now_ms);
    if (words[0] == "DEL") {
      expiry_ms.erase(key);
      return number(static_cast<std::int64_t>(strings.erase(key) + sets.erase(key) + hashes.erase(key)));
    }
    if (words[0] == "PFADD") return sketch_add(words, strings);
    if (words[0] == "PFCOUNT") return sketch_count(words, strings);
    if (words[0] == "PFMERGE") return sketch_merge(words, strings);
    return std::nullopt;
  }

  static bool writes(const Words& words) {
    for (const char* name : {"ZADD", "ZREMRANGEBYSCORE", "EXPIREAT", "HSETNX", "SET", "DEL", "PFADD", "PFMERGE"}) {
      if (words[0] == name) return true;
    }
    return false;
  }

  std::map<std::string, Set> sets;                // key -> a sorted set; never an empty one
  std::map<std::string, Hash> hashes;             // key -> a hash
  std::map<std::string, std::int64_t> expiry_ms;  // key -> when it goes

 private:
  static std::string bulk(const std::string& text) {
    return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
  }
  static std::string number(std::int64_t value) { return ":" + std::to_string(value) + "\r\n"; }

  void expire(Strings& strings, std::int64_t now_ms) {
    for (auto at = expiry_ms.begin(); at != expiry_ms.end();) {
      if (at->second > now_ms) {
        ++at;
        continue;
      }
      strings.erase(at->first);
      sets.erase(at->first);
      hashes.erase(at->first);
      at = expiry_ms.erase(at);
    }
  }
  std::int64_t expire_at(const std::string& key, std::int64_t at_ms, const Strings& strings) {
    if (!strings.contains(key) && !sets.contains(key) && !hashes.contains(key)) return 0;
    expiry_ms[key] = at_ms;
    return 1;
  }

  // "5", "(5" (without 5), "-inf", "+inf"
  struct Bound {
    double at;
    bool without;
  };
  static Bound bound(std::string_view text) {
    const bool without = text.starts_with("(");
    if (without) text.remove_prefix(1);
    if (text == "-inf") return {-std::numeric_limits<double>::infinity(), without};
    if (text == "+inf") return {std::numeric_limits<double>::infinity(), without};
    return {std::strtod(std::string(text).c_str(), nullptr), without};
  }
  static bool within(double score, const Bound& low, const Bound& high) {
    return (low.without ? score > low.at : score >= low.at) && (high.without ? score < high.at : score <= high.at);
  }

  // ZADD key GT score member ...
  std::string add(const Words& words) {
    if (words[2] != "GT" || words.size() % 2 == 0) return "-ERR syntax error\r\n";
    std::int64_t added = 0;
    for (std::size_t i = 3; i + 1 < words.size(); i += 2) {
      const double score = std::strtod(words[i].c_str(), nullptr);
      const auto [member, is_new] = sets[words[1]].emplace(words[i + 1], score);
      if (is_new) ++added;
      member->second = std::max(member->second, score);
    }
    return number(added);
  }
  std::int64_t count(const std::string& key, const std::string& low, const std::string& high) const {
    const auto set = sets.find(key);
    if (set == sets.end()) return 0;
    return std::count_if(
        set->second.begin(), set->second.end(),
        [low = bound(low), high = bound(high)](const auto& member) { return within(member.second, low, high); });
  }
  std::int64_t remove(const std::string& key, const std::string& low, const std::string& high) {
    const auto set = sets.find(key);
    if (set == sets.end()) return 0;
    const auto removed = std::erase_if(set->second, [low = bound(low), high = bound(high)](const auto& member) {
      return within(member.second, low, high);
    });
    if (set->second.empty()) {
      sets.erase(set);
      expiry_ms.erase(key);
    }
    return static_cast<std::int64_t>(removed);
  }

  std::string all_of(const std::string& key) const {
    const auto hash = hashes.find(key);
    if (hash == hashes.end()) return "*0\r\n";
    std::string out = "*" + std::to_string(hash->second.size() * 2) + "\r\n";
    for (const auto& [field, value] : hash->second) out += bulk(field) + bulk(value);
    return out;
  }

  // SET key value [NX] [EX seconds]
  std::string set(const Words& words, Strings& strings, std::int64_t now_ms) {
    std::int64_t until_ms = 0;
    for (std::size_t i = 3; i < words.size(); ++i) {
      if (words[i] == "NX") {
        if (strings.contains(words[1])) return "$-1\r\n";
      } else if (words[i] == "EX" && i + 1 < words.size()) {
        until_ms = now_ms + std::stoll(words[++i]) * 1000;
      } else {
        return "-ERR syntax error\r\n";
      }
    }
    strings[words[1]] = words[2];
    expiry_ms.erase(words[1]);
    if (until_ms != 0) expiry_ms[words[1]] = until_ms;
    return "+OK\r\n";
  }

  static bool load(counting::HyperLogLog& sketch, const Strings& strings, const std::string& key) {
    const auto value = strings.find(key);
    return value == strings.end() || sketch.load(value->second);
  }
  static constexpr const char* kNoSketch = "-WRONGTYPE Key is not a valid HyperLogLog string value.\r\n";

  static std::string sketch_add(const Words& words, Strings& strings) {
    counting::HyperLogLog sketch;
    if (!load(sketch, strings, words[1])) return kNoSketch;
    bool rose = !strings.contains(words[1]);
    for (std::size_t i = 2; i < words.size(); ++i) rose = sketch.add(words[i]) || rose;
    strings[words[1]] = sketch.save();
    return number(rose ? 1 : 0);
  }
  static std::string sketch_count(const Words& words, const Strings& strings) {
    counting::HyperLogLog sum;
    for (std::size_t i = 1; i < words.size(); ++i) {
      counting::HyperLogLog sketch;
      if (!load(sketch, strings, words[i])) return kNoSketch;
      sum.merge(sketch);
    }
    return number(static_cast<std::int64_t>(sum.estimate()));
  }
  static std::string sketch_merge(const Words& words, Strings& strings) {
    counting::HyperLogLog sum;
    for (std::size_t i = 1; i < words.size(); ++i) {
      counting::HyperLogLog sketch;
      if (!load(sketch, strings, words[i])) return kNoSketch;
      sum.merge(sketch);
    }
    strings[words[1]] = sum.save();
    return "+OK\r\n";
  }
};

}  // namespace footfall::testing
