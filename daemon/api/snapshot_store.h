// SPDX-License-Identifier: Apache-2.0
// SnapshotStore: where Admin finds snapshots; what is behind it may take seconds to answer, or fail to.
//
// Threading  the control thread; each `then` is called once, there, and not from within the call.
// Errors     unavailable: Redis is away, and why; not_found; corrupt and newer_format of what was loaded.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "sites/snapshot.h"

namespace footfall::api {

class SnapshotStore {
 public:
  struct Name {
    std::string site;
    std::string id;
    std::int64_t taken_ms = 0;
  };
  struct Taken {
    std::vector<Name> names;
    std::vector<std::string> failed;  // a sentence for each site of which none could be kept
  };
  template <class T>
  using Then = std::function<void(base::Result<T>)>;

  virtual ~SnapshotStore() = default;
  // Of these sites, which are registered, at their durable positions.
  virtual void take(std::vector<std::string> sites, Then<Taken> then) = 0;
  // Of one site, or with an empty name of all that Redis knows of; the newest of each site first.
  virtual void list(const std::string& site, Then<std::vector<Name>> then) = 0;
  // `id` may be "latest".
  virtual void load(const std::string& site, const std::string& id, Then<std::pair<Name, sites::Snapshot>> then) = 0;
};

}  // namespace footfall::api
