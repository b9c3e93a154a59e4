// SPDX-License-Identifier: Apache-2.0
// Moment: what a live daemon was at one moment: how far its state included each stream, and what it counted then.
//
//   GET /v1/admin/verify                     the daemon stops its shards for it (live_moment.h)
//   footfall verify DIR --positions FILE     replays a copy of its directory to the same positions (verify.h)
//
// Both must give the same hash: then memory holds what the journal says, and a restart changes no number.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "journal/format.h"
#include "store/content_hash.h"

namespace footfall::store {

struct MomentSite {
  sites::SiteId id{};
  std::string name;  // the last one, if it was removed
  bool removed = false;
  std::uint64_t counted = 0, total = 0;
  std::uint32_t online = 0;
  std::string hash;
};

struct Moment {
  std::string incarnation;                               // of the directory, 32 hex digits
  std::uint64_t checkpoint = 0;                          // whose closed days are closed in the state; 0: none
  std::map<journal::StreamId, std::uint64_t> positions;  // stream -> sequence of the last block included
  std::int64_t as_of_s = 0;                              // of the hashes and of online; UTC
  std::string hash;                                      // content_hash.h
  std::vector<MomentSite> sites;                         // by id, removed ones too
};

// One site as of as_of_s, and its part of the whole hash. Observations are to be taken before: reading moves the clock.
// The registry is not changed meanwhile.
MomentSite moment_site(const sites::Registry& registry, sites::Site& site, std::int64_t as_of_s, ContentHash& hash)
    REQUIRES(site.mutex());

}  // namespace footfall::store
