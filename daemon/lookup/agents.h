// SPDX-License-Identifier: Apache-2.0
// Agents: a User-Agent to what is ranked of it: crawler or not, browser, system, kind of device.
//
//   bot?      an empty agent (no browser sends none), our own list of words (crawlers, HTTP libraries, headless
//   browsers:
//             HeadlessChrome is a bot), device-detector's bots.yml, or what uap-core calls a spider
//   browser   family of the first user_agent_parsers entry that matches: "Chrome Mobile"
//   system    family of the first os_parsers entry: "Windows", "Android"
//   device    desktop, mobile, tablet, tv, console or bot, by device_kind()
//
// The lists are read once, at start (about 0.2 s), and run by lookup/patterns.h. Names that an expression takes from
// the agent through a wildcard are not used: whoever sends agents could invent labels without end. Without uap-core all
// agents that are no bots have empty names, and the description says so. Tested by tests/unit/lookup/agents_test.cc,
// also against uap-core's own examples.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/errors.h"

namespace footfall::lookup {

struct Agent {
  bool bot = false;
  // Interned for the life of the process: "Chrome", "Windows", "mobile". Empty: unknown, or a bot's.
  std::string_view browser, system, device;
  std::uint64_t browser_hash = 0, system_hash = 0, device_hash = 0;  // base::table_hash
};

struct AgentFiles {
  std::string uap_regexes = "/usr/share/uap-core/regexes.yaml";
  std::string crawlers;  // a bots.yml; empty: the list that was compiled in
};

// Immutable after load; any thread.
class AgentDatabase {
 public:
  // A file that is missing or unreadable is left out, and named in the description.
  static std::shared_ptr<const AgentDatabase> load(const AgentFiles& files);
  Agent classify(std::string_view user_agent) const;  // slow: tens of microseconds; looks at the first 1,024 bytes
  // The same, kept: lives as long as the database. What is kept is bounded; past the bound names are left out.
  const Agent& classify_and_keep(std::string_view user_agent) const;
  // What was loaded, for the log: "uap-core 1,162 patterns; 312 crawlers (2 not usable)".
  const std::string& description() const;
  ~AgentDatabase();

 private:
  AgentDatabase();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// "desktop", "mobile", "tablet", "tv", "console"; "" when nothing tells. An iPad that asks for desktop pages says
// Macintosh, and is a desktop here.
std::string_view device_kind(std::string_view user_agent);

// One thread's cache before the database; at most `entries_max` agents (rounded up to a power of two, at least 8),
// evicted by second chance in groups of eight. It keeps hashes, not agents: 33 bytes an entry.
class AgentCache {
 public:
  struct Found {
    const Agent& agent;  // lives as long as the database
    // 16 bytes that stand for the whole text, the same in every process: what a visitor's id is made of. Until the next
    // call.
    std::string_view digest;
  };
  explicit AgentCache(std::shared_ptr<const AgentDatabase> database, std::size_t entries_max = 65'536);
  ~AgentCache();
  Found find(std::string_view user_agent);
  std::uint64_t misses() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace footfall::lookup
