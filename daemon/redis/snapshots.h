// SPDX-License-Identifier: Apache-2.0
// Snapshots in Redis: kept, listed, read. Keys are in proto/redis-keys.md:
//
//   PREFIX:{SITE}:snapshot:ID    the bytes                      written first,
//   PREFIX:{SITE}:snapshots      sorted set, ID by milliseconds and named here when it is whole
//   PREFIX:{meta}:sites          set: the sites that have any
//
// Saving the same one again changes nothing. Of a site the newest `kept` are kept. All keys of a site are in one slot.
//
// Ownership  keeps a reference to the calls. Threading: theirs. Errors: unavailable, not_found.
// Tested by tests/unit/redis/snapshots_test.cc against a real server.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "redis/calls.h"

namespace footfall::redis {

class Snapshots {
 public:
  struct Name {
    std::string site;
    std::string id;
    std::int64_t taken_ms = 0;
  };
  template <class T>
  using Then = std::function<void(base::Result<T>)>;

  Snapshots(Calls& calls, std::string prefix) : calls_(calls), prefix_(std::move(prefix)) {}

  void save(const Name& name, const std::string& bytes, std::size_t kept, Then<void> then);
  // Newest first; of a site that has none, an empty list.
  void list(const std::string& site, Then<std::vector<Name>> then);
  // In no order.
  void sites(const Then<std::vector<std::string>>& then);
  void load(const std::string& site, const std::string& id, Then<std::string> then);

 private:
  std::string key(const std::string& site, const std::string& what) const {
    return prefix_ + ":{" + site + "}:" + what;
  }
  void index(const Name& name, std::size_t kept, Then<void> then);
  void prune(const std::string& site, std::size_t kept, Then<void> then);

  Calls& calls_;
  const std::string prefix_;
};

}  // namespace footfall::redis
