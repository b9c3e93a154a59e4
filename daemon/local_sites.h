// SPDX-License-Identifier: Apache-2.0
// LocalSites: the registered sites as one shard sees them, each with its time zone and the keys of its visitors.
//
// A LocalSite is made when its site is first asked for: of most of many sites a shard never hears.
//
// Cost       what is kept of a site that nobody asked for: two bytes.
// Ownership  owns its LocalSites; Sites belong to the Registry. A pointer holds until the next set_directory().
// Threading  the shard's thread.
// Tested by tests/unit/server/local_sites_test.cc, and by tests/integration/ with the shard.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/salts.h"
#include "ingest/visitor.h"
#include "lookup/time_zones.h"
#include "sites/decide.h"
#include "sites/registry.h"

namespace footfall {

struct LocalSite {
  sites::Entry entry;
  std::shared_ptr<const lookup::TimeZone> zone;
  ingest::VisitorKeys keys;
  std::vector<const sites::Candidate*> in_block;  // its part of the block that is being made
  counting::Epoch epoch;                          // under which its part of the last block was counted
};

class LocalSites {
 public:
  // Costs what changed since the one before.
  void set_directory(const sites::Directory& directory);
  void set_salts(std::shared_ptr<const ingest::SaltKeys> salts);

  LocalSite* find(std::string_view name);  // nullptr: not registered
  LocalSite* find(const sites::Site* site);
  // By a site's name or one of its hosts, as a request names it (logs/host.h); of several that of the first name.
  LocalSite* find_host(std::string_view host);

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept;  // base::table_hash
  };

  LocalSite* set(std::string_view name, const sites::Entry& entry);

  decltype(sites::Directory::parts) parts_;  // that were seen last
  std::vector<std::uint16_t> part_of_;       // site id -> the part that it was seen in last
  std::shared_ptr<const ingest::SaltKeys> salts_;
  // site name -> the site as this shard sees it, of those that were asked for
  boost::unordered_flat_map<std::string, std::unique_ptr<LocalSite>, TextHash, std::equal_to<>> by_name_;
  boost::unordered_flat_map<const sites::Site*, LocalSite*> by_site_;
  // host -> site name, a view of its settings'; made when it is first asked for, since few ask
  boost::unordered_flat_map<std::string, std::string_view, TextHash, std::equal_to<>> by_host_;
  bool hosts_known_ = false;
  LocalSite* recent_ = nullptr;  // that was found by name last: mostly the next one's too
};

}  // namespace footfall
