// SPDX-License-Identifier: Apache-2.0
// Agents: a User-Agent to what is ranked of it: crawler or not, browser, system, kind of device.
//
// Regular expressions from the uap-core package and the crawler list of ruby-device-detector, read at start, run by RE2;
// results are cached by the hash of the agent, per thread, bounded. Without the files a short list of our own tells
// crawlers by the words they use ("bot", "crawler", "spider", ...), and that is said in the log.
// Tested by tests/unit/lookup/agents_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/errors.h"

namespace footfall::lookup {

struct Agent {
  bool bot = false;
  // Interned for the life of the process: "Chrome", "Windows", "mobile". Empty: unknown.
  std::string_view browser, system, device;
  std::uint64_t browser_hash = 0, system_hash = 0, device_hash = 0;  // base::table_hash
};

struct AgentFiles {
  std::string uap_regexes = "/usr/share/uap-core/regexes.yaml";
  std::string crawlers;  // compiled in at build time when empty
};

// Immutable after load; any thread.
class AgentDatabase {
 public:
  static std::shared_ptr<const AgentDatabase> load(const AgentFiles& files);
  Agent classify(std::string_view user_agent) const;  // slow: tens of microseconds
  // What was loaded, for the log: "uap-core 1,234 patterns; 700 crawlers".
  const std::string& description() const;
  ~AgentDatabase();

 private:
  AgentDatabase();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// One thread's cache before the database; at most `entries_max` agents, evicted by second chance.
class AgentCache {
 public:
  explicit AgentCache(std::shared_ptr<const AgentDatabase> database, std::size_t entries_max = 65'536);
  ~AgentCache();
  const Agent& find(std::string_view user_agent);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace footfall::lookup
