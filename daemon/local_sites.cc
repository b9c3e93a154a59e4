// SPDX-License-Identifier: Apache-2.0
#include "local_sites.h"

#include "base/hash.h"
#include "base/log.h"
#include "logs/host.h"

namespace footfall {

std::size_t LocalSites::TextHash::operator()(std::string_view text) const noexcept {
  return base::table_hash(text);
}

void LocalSites::set_directory(const sites::Directory& directory) {
  by_host_.clear();
  hosts_known_ = false;
  recent_ = nullptr;
  // First who is gone: a site that was renamed is in one part before and in another one now.
  for (std::size_t at = 0; at < parts_.size(); ++at) {
    if (parts_[at] == directory.parts[at] || parts_[at] == nullptr) continue;
    for (const auto& [name, entry] : *parts_[at]) {
      const auto local = by_name_.find(name);
      if (local == by_name_.end() || directory.find(name) != nullptr) continue;
      by_site_.erase(entry.site);
      by_name_.erase(local);
    }
  }
  for (std::size_t at = 0; at < parts_.size(); ++at) {
    if (parts_[at] == directory.parts[at]) continue;
    parts_[at] = directory.parts[at];
    if (parts_[at] == nullptr) continue;
    for (const auto& [name, entry] : *parts_[at]) {
      const std::size_t id = entry.site->id().value;
      if (part_of_.size() <= id) part_of_.resize(id + 1);
      part_of_[id] = static_cast<std::uint16_t>(at);
      if (by_name_.contains(name)) set(name, entry);
    }
  }
}

LocalSite* LocalSites::set(std::string_view name, const sites::Entry& entry) {
  std::unique_ptr<LocalSite>& local = by_name_[std::string(name)];
  if (local != nullptr && local->entry.settings == entry.settings && local->entry.site == entry.site)
    return local.get();
  const base::Result<std::shared_ptr<const lookup::TimeZone>> zone = lookup::TimeZone::find(entry.settings->timezone);
  // Settings were checked when they were made; a zone that the system lost since counts in UTC, and says so.
  if (!zone)
    base::log::warning("time_zone_unknown",
                       "site " + std::string(name) + ": " + zone.error().detail + "; counting its days in UTC");
  if (local == nullptr) {
    local = std::make_unique<LocalSite>();
  } else if (const auto old = by_site_.find(local->entry.site); old != by_site_.end() && old->second == local.get()) {
    by_site_.erase(old);  // another site has the name now; the one that had it may have another
  }
  local->entry = entry;
  local->zone = zone ? *zone : *lookup::TimeZone::find("UTC");
  local->keys = ingest::VisitorKeys(entry.settings->name, local->zone, salts_, entry.settings->window_s);
  by_site_[entry.site] = local.get();
  return local.get();
}

void LocalSites::set_salts(std::shared_ptr<const ingest::SaltKeys> salts) {
  salts_ = std::move(salts);
  for (auto& [name, local] : by_name_) {
    local->keys =
        ingest::VisitorKeys(local->entry.settings->name, local->zone, salts_, local->entry.settings->window_s);
  }
}

LocalSite* LocalSites::find(std::string_view name) {
  if (recent_ != nullptr && recent_->entry.settings->name == name) return recent_;
  if (const auto it = by_name_.find(name); it != by_name_.end()) return recent_ = it->second.get();
  const sites::Directory::Part* const part = parts_[sites::Directory::part_of(name)].get();
  if (part == nullptr) return nullptr;
  const auto entry = part->find(name);
  if (entry == part->end()) return nullptr;
  return recent_ = set(name, entry->second);
}

LocalSite* LocalSites::find(const sites::Site* site) {
  if (const auto it = by_site_.find(site); it != by_site_.end()) return it->second;
  const std::size_t id = site->id().value;
  const sites::Directory::Part* const part = id < part_of_.size() ? parts_[part_of_[id]].get() : nullptr;
  if (part == nullptr) return nullptr;
  for (const auto& [name, entry] : *part) {
    if (entry.site == site) return set(name, entry);
  }
  return nullptr;
}

LocalSite* LocalSites::find_host(std::string_view host) {
  if (!hosts_known_) {
    const auto each = [&](const auto& visit) {
      for (const auto& part : parts_) {
        if (part == nullptr) continue;
        for (const auto& [name, entry] : *part) visit(name, entry);
      }
    };
    each([&](std::string_view name, const sites::Entry& entry) {
      for (const std::string& text : entry.settings->hosts) {
        std::string_view& site = by_host_[logs::plain_host(text)];
        if (site.empty() || name < site) site = name;
      }
    });
    each([&](std::string_view name, const sites::Entry&) { by_host_[std::string(name)] = name; });
    hosts_known_ = true;
  }
  const auto it = by_host_.find(logs::plain_host(host));
  return it == by_host_.end() ? nullptr : find(it->second);
}

}  // namespace footfall
