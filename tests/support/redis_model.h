// SPDX-License-Identifier: Apache-2.0
// RedisModel: Redis servers in memory, without sockets or time, for tests of what talks to them: single servers and
// replicas, sentinels, a cluster with slots that move. Bytes in, bytes out, as over a connection.
//
// It knows the few commands that footfall sends, and answers the errors that it has to live with. Time is a number that
// the test sets.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "redis/address.h"
#include "redis/key_slot.h"
#include "redis/reply.h"
#include "support/redis_data.h"

namespace footfall::testing {

class RedisModel {
 public:
  using Words = std::vector<std::string>;

  struct Server {
    enum class Mode { standalone, cluster, sentinel } mode = Mode::standalone;
    bool master = true;
    bool reachable = true;
    bool silent = false;  // stopped: it takes what it is sent, and does it when it goes on
    std::string password;
    std::string policy = "noeviction";
    std::string version = "7.0.15";
    std::string refuses;              // the error that every write gets; empty: none
    redis::Address sentinels_master;  // what a sentinel answers
    RedisData data;
    std::int64_t clock_ahead_ms = 0;  // of the model's
    std::set<unsigned> importing;     // slots
    std::map<unsigned, redis::Address> migrating;
    unsigned commands = 0;  // that were answered, beyond log-in and discovery

    // Everything is gone: FLUSHALL, or an old dump.
    void flush() { data = {}; }
  };
  std::int64_t now_ms = 0;

  Server& at(const redis::Address& address) { return servers_[address]; }
  bool reachable(const redis::Address& address) { return servers_.contains(address) && servers_[address].reachable; }
  // All slots from `first` to `last` are `address`'s.
  void give(unsigned first, unsigned last, const redis::Address& address) {
    for (unsigned slot = first; slot <= last; ++slot) owners_[slot] = address;
  }

  // One connection to a server.
  struct Connection {
    redis::Address to;
    redis::ReplyParser parser;  // a command has the shape of an array of texts
    bool logged_in = false;
    bool asking = false;
    std::string held;  // what came while the server was silent
  };
  // The server has gone on, and has not done what came before.
  bool owes(const Connection& connection) { return !connection.held.empty() && !servers_[connection.to].silent; }
  // What the server answers to `bytes`.
  std::string answer(Connection& connection, std::string_view bytes) {
    connection.held += bytes;
    if (servers_[connection.to].silent) return {};
    std::string out;
    connection.parser.feed(std::exchange(connection.held, {}));
    for (;;) {
      auto command = connection.parser.next();
      if (!command || !*command) return out;
      Words words;
      for (const redis::Reply& word : (*command)->elements) words.push_back(word.text);
      out += one(connection, servers_[connection.to], words);
    }
  }

 private:
  static std::string bulk(const std::string& text) {
    return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
  }

  std::string one(Connection& connection, Server& server, const Words& words) {
    const std::string& name = words[0];
    if (name == "AUTH") {
      if (server.password.empty() && words.size() == 2)
        return "-ERR AUTH <password> called without any password configured for the default user.\r\n";
      connection.logged_in = !server.password.empty() && words.back() == server.password;
      return connection.logged_in ? "+OK\r\n" : "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
    }
    if (!server.password.empty() && !connection.logged_in) return "-NOAUTH Authentication required.\r\n";
    if (name == "CLIENT" || name == "SELECT") return "+OK\r\n";
    if (name == "INFO") {
      const char* mode = server.mode == Server::Mode::cluster    ? "cluster"
                         : server.mode == Server::Mode::sentinel ? "sentinel"
                                                                 : "standalone";
      return bulk("# Server\r\nredis_version:" + server.version + "\r\nredis_mode:" + mode +
                  "\r\n\r\n# Memory\r\nmaxmemory_policy:" + server.policy +
                  "\r\nrole:" + (server.master ? "master" : "slave") + "\r\n");
    }
    if (name == "ROLE") return server.master ? "*1\r\n" + bulk("master") : "*1\r\n" + bulk("slave");
    if (name == "CLUSTER") return slots();
    if (name == "SENTINEL") {
      if (server.sentinels_master.port == 0) return "*-1\r\n";
      return "*2\r\n" + bulk(server.sentinels_master.host) + bulk(std::to_string(server.sentinels_master.port));
    }
    if (name == "ASKING") {
      connection.asking = true;
      return "+OK\r\n";
    }
    return keyed(connection, server, words);
  }

  std::string slots() const {
    std::string out;
    unsigned ranges = 0;
    for (unsigned first = 0; first < redis::kSlots;) {
      const auto owner = owners_.find(first);
      unsigned last = first;
      while (last + 1 < redis::kSlots && same_owner(last + 1, owner)) ++last;
      if (owner != owners_.end()) {
        ++ranges;
        out += "*3\r\n:" + std::to_string(first) + "\r\n:" + std::to_string(last) + "\r\n*3\r\n" +
               bulk(owner->second.host) + ":" + std::to_string(owner->second.port) + "\r\n" + bulk("id");
      }
      first = last + 1;
    }
    return "*" + std::to_string(ranges) + "\r\n" + out;
  }
  bool same_owner(unsigned slot, std::map<unsigned, redis::Address>::const_iterator owner) const {
    const auto other = owners_.find(slot);
    if (owner == owners_.end() || other == owners_.end()) return owner == owners_.end() && other == owners_.end();
    return other->second == owner->second;
  }

  std::string keyed(Connection& connection, Server& server, const Words& words) {
    const bool asking = std::exchange(connection.asking, false);
    if (words.size() > 1 && server.mode == Server::Mode::cluster) {
      const unsigned slot = redis::slot_of(words[1]);
      const auto owner = owners_.find(slot);
      if (owner == owners_.end()) return "-CLUSTERDOWN Hash slot not served\r\n";
      const bool imports = asking && server.importing.contains(slot);
      if (owner->second != connection.to && !imports) {
        return "-MOVED " + std::to_string(slot) + " " + owner->second.host + ":" + std::to_string(owner->second.port) +
               "\r\n";
      }
      const auto to = server.migrating.find(slot);
      if (to != server.migrating.end() && !server.data.strings.contains(words[1])) {
        return "-ASK " + std::to_string(slot) + " " + to->second.host + ":" + std::to_string(to->second.port) + "\r\n";
      }
    }
    ++server.commands;
    if (RedisData::writes(words)) {
      if (!server.refuses.empty()) return "-" + server.refuses + "\r\n";
      if (!server.master) return "-READONLY You can't write against a read only replica.\r\n";
    }
    return bytes_of(server.data.execute(words, now_ms + server.clock_ahead_ms));
  }

  static std::string bytes_of(const redis::Reply& reply) {
    switch (reply.type) {
      case redis::Reply::Type::nil:
        return "$-1\r\n";
      case redis::Reply::Type::integer:
        return ":" + std::to_string(reply.integer) + "\r\n";
      case redis::Reply::Type::status:
        return "+" + reply.text + "\r\n";
      case redis::Reply::Type::text:
        return bulk(reply.text);
      case redis::Reply::Type::error:
        return "-" + reply.text + "\r\n";
      case redis::Reply::Type::array:
        break;
    }
    std::string out = "*" + std::to_string(reply.elements.size()) + "\r\n";
    for (const redis::Reply& element : reply.elements) out += bytes_of(element);
    return out;
  }

  std::map<redis::Address, Server> servers_;
  std::map<unsigned, redis::Address> owners_;  // slot -> its master
};

}  // namespace footfall::testing
