// SPDX-License-Identifier: Apache-2.0
// RedisData: what a Redis server keeps, in memory, and the commands on it that footfall sends. Values that can be
// copied, so that a test can put back an old dump. They answer as Redis 7 does, where what is asked is well-formed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "counting/hyperloglog.h"
#include "redis/reply.h"

namespace footfall::testing {

class RedisData {
 public:
  using Words = std::vector<std::string>;
  using Reply = redis::Reply;

  static bool writes(const Words& words) {
    for (const char* name : {"HSET", "HSETNX", "HDEL", "SADD", "ZADD", "ZREM", "ZREMRANGEBYSCORE", "SET", "DEL",
                             "EXPIREAT", "PFADD", "PFMERGE"}) {
      if (words[0] == name) return true;
    }
    return false;
  }

  // `now_ms` is the server's clock; at 0 nothing expires.
  Reply execute(const Words& words, std::int64_t now_ms = 0) {
    const std::string& name = words[0];
    if (name == "TIME") return array({text(std::to_string(now_ms / 1000)), text(std::to_string(now_ms % 1000 * 1000))});
    expire(now_ms);
    if (name == "HSET") {
      std::int64_t fresh = 0;
      for (std::size_t i = 2; i + 1 < words.size(); i += 2)
        fresh += hashes[words[1]].insert_or_assign(words[i], words[i + 1]).second;
      return integer(fresh);
    }
    if (name == "HSETNX") return integer(hashes[words[1]].emplace(words[2], words[3]).second);
    if (name == "HGET") {
      const auto hash = hashes.find(words[1]);
      if (hash == hashes.end()) return {};
      const auto field = hash->second.find(words[2]);
      return field == hash->second.end() ? Reply{} : text(field->second);
    }
    if (name == "HMGET") {
      Reply values = array({});
      const auto hash = hashes.find(words[1]);
      for (std::size_t i = 2; i < words.size(); ++i) {
        Reply& value = values.elements.emplace_back();
        if (hash == hashes.end()) continue;
        const auto field = hash->second.find(words[i]);
        if (field != hash->second.end()) value = text(field->second);
      }
      return values;
    }
    if (name == "HGETALL" || name == "HKEYS") {
      Reply all = array({});
      const auto hash = hashes.find(words[1]);
      if (hash == hashes.end()) return all;
      for (const auto& [field, value] : hash->second) {
        all.elements.push_back(text(field));
        if (name == "HGETALL") all.elements.push_back(text(value));
      }
      return all;
    }
    if (name == "HLEN") {
      const auto hash = hashes.find(words[1]);
      return integer(hash == hashes.end() ? 0 : static_cast<std::int64_t>(hash->second.size()));
    }
    if (name == "HEXISTS") {
      const auto hash = hashes.find(words[1]);
      return integer(hash != hashes.end() && hash->second.contains(words[2]));
    }
    if (name == "HSCAN") return scan(words, hashes[words[1]], [](const std::string& value) { return value; });
    if (name == "ZSCAN")
      return scan(words, sets[words[1]], [](double score) { return std::to_string(static_cast<std::int64_t>(score)); });
    if (name == "HDEL") {
      std::int64_t gone = 0;
      for (std::size_t i = 2; i < words.size(); ++i)
        gone += static_cast<std::int64_t>(hashes[words[1]].erase(words[i]));
      return integer(gone);
    }
    if (name == "SADD") return integer(hashes[words[1]].emplace(words[2], "").second);  // a hash without values
    if (name == "SMEMBERS") return execute({"HKEYS", words[1]}, now_ms);
    if (name == "ZADD") return add(words);
    if (name == "ZRANGE") return by_rank(words);
    if (name == "ZREM") {
      std::int64_t gone = 0;
      for (std::size_t i = 2; i < words.size(); ++i) gone += static_cast<std::int64_t>(sets[words[1]].erase(words[i]));
      return integer(gone);
    }
    if (name == "ZCOUNT" || name == "ZREMRANGEBYSCORE") return in_range(words);
    if (name == "ZRANGEBYSCORE" || name == "ZREVRANGEBYSCORE") return range(words);
    if (name == "GET") return value_of(words[1]);
    if (name == "SET") return set(words, now_ms);
    if (name == "DEL") {
      std::int64_t gone = 0;
      for (std::size_t i = 1; i < words.size(); ++i) gone += remove(words[i]);
      return integer(gone);
    }
    if (name == "EXPIREAT") {
      const std::string& key = words[1];
      if (!strings.contains(key) && !sets.contains(key) && !hashes.contains(key)) return integer(0);
      expiry_ms[key] = std::stoll(words[2]) * 1000;
      return integer(1);
    }
    if (name == "PFADD" || name == "PFCOUNT" || name == "PFMERGE") return sketch(words);
    return error("ERR unknown command '" + name + "'");
  }

  // Another order in which scans go through keys: that of another server with the same data.
  std::uint64_t scan_order = 0;

  // What is in it, to look at.
  std::map<std::string, std::string> strings;
  std::unordered_map<std::string, std::map<std::string, std::string>> hashes;
  std::map<std::string, std::map<std::string, double>> sets;  // key -> member -> score
  std::map<std::string, std::int64_t> expiry_ms;              // key -> when it goes

 private:
  std::int64_t remove(const std::string& key) {
    expiry_ms.erase(key);
    return static_cast<std::int64_t>(strings.erase(key) + sets.erase(key) + hashes.erase(key));
  }
  void expire(std::int64_t now_ms) {
    std::vector<std::string> gone;
    for (const auto& [key, at_ms] : expiry_ms) {
      if (at_ms <= now_ms) gone.push_back(key);
    }
    for (const std::string& key : gone) remove(key);
  }

  Reply value_of(const std::string& key) const {
    const auto value = strings.find(key);
    return value == strings.end() ? Reply{} : text(value->second);
  }
  // SET KEY VALUE [GET] [NX] [EX seconds | PX milliseconds]
  Reply set(const Words& words, std::int64_t now_ms) {
    const Reply before = value_of(words[1]);
    bool get = false;
    std::int64_t until_ms = 0;
    for (std::size_t i = 3; i < words.size(); ++i) {
      if (words[i] == "NX" && !before.is(Reply::Type::nil)) return {};
      if (words[i] == "GET") get = true;
      if (words[i] == "EX") until_ms = now_ms + std::stoll(words[++i]) * 1000;
      if (words[i] == "PX") until_ms = now_ms + std::stoll(words[++i]);
    }
    remove(words[1]);
    strings[words[1]] = words[2];
    if (until_ms != 0) expiry_ms[words[1]] = until_ms;
    if (get) return before;
    Reply ok;
    ok.type = Reply::Type::status;
    ok.text = "OK";
    return ok;
  }

  // ZADD KEY [GT] [CH] score member ...
  Reply add(const Words& words) {
    const bool raises = words[2] == "GT";
    const bool changes = words[raises ? 3 : 2] == "CH";
    std::int64_t count = 0;
    for (std::size_t i = 2 + std::size_t{raises} + std::size_t{changes}; i + 1 < words.size(); i += 2) {
      const double score = bound(words[i]).at;
      const auto [member, added] = sets[words[1]].emplace(words[i + 1], score);
      const bool changed = raises ? score > member->second : score != member->second;
      if (changed) member->second = score;
      count += added || (changed && changes) ? 1 : 0;
    }
    return integer(count);
  }
  // ZRANGE KEY FROM TO [REV] [WITHSCORES], by rank; a negative one counts from the end.
  Reply by_rank(const Words& words) {
    std::vector<std::pair<double, std::string>> all;
    for (const auto& [member, score] : sets[words[1]]) all.emplace_back(score, member);
    std::sort(all.begin(), all.end());
    const bool reversed = words.size() > 4 && words[4] == "REV";
    if (reversed) std::reverse(all.begin(), all.end());
    const auto rank = [&](const std::string& word) {
      const std::int64_t at = std::stoll(word);
      return at < 0 ? at + static_cast<std::int64_t>(all.size()) : at;
    };
    Reply range = array({});
    for (std::int64_t i = std::max<std::int64_t>(rank(words[2]), 0);
         i <= rank(words[3]) && i < static_cast<std::int64_t>(all.size()); ++i) {
      const auto& [score, member] = all[static_cast<std::size_t>(i)];
      range.elements.push_back(text(member));
      if (words.back() == "WITHSCORES")
        range.elements.push_back(text(std::to_string(static_cast<std::int64_t>(score))));
    }
    return range;
  }
  // "5", "(5" (without 5), "-inf", "+inf"
  struct Bound {
    double at;
    bool without;
  };
  static Bound bound(std::string_view word) {
    const bool without = word.starts_with("(");
    if (without) word.remove_prefix(1);
    if (word == "-inf") return {-std::numeric_limits<double>::infinity(), without};
    if (word == "+inf") return {std::numeric_limits<double>::infinity(), without};
    return {std::strtod(std::string(word).c_str(), nullptr), without};
  }
  // ZCOUNT or ZREMRANGEBYSCORE KEY FROM TO
  Reply in_range(const Words& words) {
    const auto set = sets.find(words[1]);
    if (set == sets.end()) return integer(0);
    const auto within = [low = bound(words[2]), high = bound(words[3])](const auto& entry) {
      const double score = entry.second;
      return (low.without ? score > low.at : score >= low.at) && (high.without ? score < high.at : score <= high.at);
    };
    if (words[0] == "ZCOUNT") return integer(std::count_if(set->second.begin(), set->second.end(), within));
    const auto gone = std::erase_if(set->second, within);
    if (set->second.empty()) remove(words[1]);
    return integer(static_cast<std::int64_t>(gone));
  }

  // Z[REV]RANGEBYSCORE KEY FROM TO WITHSCORES [LIMIT 0 count]
  Reply range(const Words& words) {
    const bool backwards = words[0] == "ZREVRANGEBYSCORE";
    const double low = bound(words[backwards ? 3 : 2]).at;
    std::vector<std::pair<double, std::string>> found;
    for (const auto& [member, score] : sets[words[1]]) {
      if (score >= low) found.emplace_back(score, member);
    }
    std::sort(found.begin(), found.end());
    if (backwards) std::reverse(found.begin(), found.end());
    if (words.size() > 7) found.resize(std::min<std::size_t>(found.size(), std::stoul(words[7])));
    Reply out = array({});
    for (const auto& [score, member] : found) {
      out.elements.push_back(text(member));
      out.elements.push_back(text(std::to_string(static_cast<std::int64_t>(score))));
    }
    return out;
  }

  // ?SCAN KEY cursor COUNT count. Elements have places by their hash, as in Redis: a cursor is where to go on, whatever
  // came or went. The one before comes again.
  template <class Elements, class Text>
  Reply scan(const Words& words, const Elements& elements, const Text& value_text) {
    const std::size_t count = std::stoul(words[4]);
    Reply list = array({});
    const auto give = [&](const auto& element) {
      list.elements.push_back(text(element.first));
      list.elements.push_back(text(value_text(element.second)));
    };
    if (words[2] == "0" && elements.size() <= count) {
      for (const auto& element : elements) give(element);
      return array({text("0"), std::move(list)});
    }
    // As many as are given, from the cursor on, and the one before it; elements of one place are given together.
    using Place = std::pair<std::uint64_t, const typename Elements::value_type*>;
    const std::uint64_t cursor = std::stoull(words[2]);
    std::vector<Place> from;
    std::optional<Place> before;
    for (const auto& element : elements) {
      const Place place{base::mix64(base::crc32c(element.first) ^ scan_order) | 1U, &element};
      if (place.first >= cursor) {
        from.push_back(place);
      } else if (!before || place.first > before->first) {
        before = place;
      }
    }
    const auto earlier = [](const Place& a, const Place& b) { return a.first < b.first; };
    const std::size_t some = std::min(from.size(), count + 2);
    std::partial_sort(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(some), from.end(), earlier);
    if (before) give(*before->second);
    std::size_t given = std::min(some, count + 1);
    if (given < from.size() && from[given - 1].first == from[given].first) {  // two of one place: seldom
      std::sort(from.begin(), from.end(), earlier);
      while (given < from.size() && from[given - 1].first == from[given].first) ++given;
    }
    for (std::size_t n = 0; n < given; ++n) give(*from[n].second);
    return array({text(given == from.size() ? "0" : std::to_string(from[given].first)), std::move(list)});
  }

  // PFADD KEY element ... | PFCOUNT KEY ... | PFMERGE TO KEY ...
  Reply sketch(const Words& words) {
    counting::HyperLogLog sum;
    for (std::size_t i = 1; i < words.size() && (i == 1 || words[0] != "PFADD"); ++i) {
      const auto value = strings.find(words[i]);
      counting::HyperLogLog one;
      if (value == strings.end()) continue;
      if (!one.load(value->second)) return error("WRONGTYPE Key is not a valid HyperLogLog string value.");
      sum.merge(one);
    }
    if (words[0] == "PFCOUNT") return integer(static_cast<std::int64_t>(sum.estimate()));
    bool rose = !strings.contains(words[1]);
    if (words[0] == "PFADD") {
      for (std::size_t i = 2; i < words.size(); ++i) rose = sum.add(words[i]) || rose;
    }
    strings[words[1]] = sum.save();
    if (words[0] == "PFADD") return integer(rose);
    Reply ok;
    ok.type = Reply::Type::status;
    ok.text = "OK";
    return ok;
  }

  static Reply integer(std::int64_t value) {
    Reply reply;
    reply.type = Reply::Type::integer;
    reply.integer = value;
    return reply;
  }
  static Reply text(std::string value) {
    Reply reply;
    reply.type = Reply::Type::text;
    reply.text = std::move(value);
    return reply;
  }
  static Reply array(std::vector<Reply> elements) {
    Reply reply;
    reply.type = Reply::Type::array;
    reply.elements = std::move(elements);
    return reply;
  }
  static Reply error(std::string what) {
    Reply reply;
    reply.type = Reply::Type::error;
    reply.text = std::move(what);
    return reply;
  }
};

}  // namespace footfall::testing
