// SPDX-License-Identifier: Apache-2.0
// Snapshot: what a site's counter shows at one moment, as bytes that outlive the node: its total and each page's, its
// settings, and its days as they were. Restoring one begins a new epoch with these totals as its seed.
//
// Not in it: visitors (they are one day's, and salted), rankings, who is online. proto/redis-keys.md has its grammar.
//
// Units      UTC milliseconds; local day numbers of the site's time zone.
// Ownership  owns all of it. Threading: take_snapshot() takes the site's lock in short holds, as PageWalk does.
// Errors     decode(): corrupt, newer_format.
// Tested by tests/unit/sites/snapshot_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/errors.h"
#include "counting/buckets.h"
#include "counting/hit.h"
#include "sites/settings.h"
#include "sites/site.h"

namespace footfall::sites {

struct Snapshot {
  struct Page {
    std::string path;
    std::uint64_t total = 0;
    friend bool operator==(const Page&, const Page&) = default;
  };

  std::string node;  // its incarnation
  std::int64_t taken_ms = 0;
  Settings settings;
  counting::Epoch epoch;  // that was current
  std::uint64_t total = 0;
  std::uint64_t counted = 0;
  std::uint64_t bots = 0;
  std::vector<counting::Cell> days;  // ascending
  std::vector<Page> pages;           // the greatest total first

  friend bool operator==(const Snapshot&, const Snapshot&) = default;
};

// `node` and `settings` are noted as given.
Snapshot take_snapshot(Site& site, const Settings& settings, std::string node, std::int64_t now_ms);

std::string encode(const Snapshot& snapshot);
base::Result<Snapshot> decode_snapshot(std::string_view bytes);

}  // namespace footfall::sites
