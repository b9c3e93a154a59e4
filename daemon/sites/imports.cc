// SPDX-License-Identifier: Apache-2.0
#include "sites/imports.h"

#include <algorithm>

namespace footfall::sites {

Imports::Claim Imports::claim(SiteId site, std::string_view source, std::uint64_t position, std::int64_t now_s) {
  Claim claim{State::unknown, site, std::string(source), position, now_s, {}};
  const base::MutexLock lock(mutex_);
  const Key key{site, claim.source};
  const auto it = imports_.find(key);
  if (it == imports_.end()) return claim;
  claim.import = it->second;
  if (claim.import.position >= position) {
    claim.state = State::counted;
  } else {
    claim.state = claimed_.insert(key).second ? State::claimed : State::under_way;
  }
  return claim;
}

void Imports::settle(const Claim& claim) {
  const base::MutexLock lock(mutex_);
  const Key key{claim.site, claim.source};
  advance(key, claim.position, claim.at_s);
  claimed_.erase(key);
}

void Imports::release(const Claim& claim) {
  const base::MutexLock lock(mutex_);
  claimed_.erase({claim.site, claim.source});
}

std::optional<Import> Imports::find(SiteId site, std::string_view source) const {
  const base::MutexLock lock(mutex_);
  const auto it = imports_.find({site, std::string(source)});
  return it == imports_.end() ? std::nullopt : std::optional<Import>(it->second);
}

void Imports::advance(const Key& key, std::uint64_t position, std::int64_t at_s) {
  Import& import = imports_[key];
  import.position = std::max(import.position, position);
  import.active_s = std::max(import.active_s, at_s);
}

void Imports::set_progress(SiteId site, std::string_view source, std::uint64_t position, std::int64_t at_s) {
  const base::MutexLock lock(mutex_);
  advance({site, std::string(source)}, position, at_s);
}

void Imports::begin(SiteId site, std::string_view source, std::uint64_t key0, std::uint64_t key1, std::int64_t at_s) {
  const base::MutexLock lock(mutex_);
  Import& import = imports_[{site, std::string(source)}];
  import.key0 = key0;
  import.key1 = key1;
  import.open = true;
  import.active_s = std::max(import.active_s, at_s);
}

void Imports::end(SiteId site, std::string_view source) {
  const base::MutexLock lock(mutex_);
  Import& import = imports_[{site, std::string(source)}];
  import.key0 = 0;
  import.key1 = 0;
  import.open = false;
}

std::size_t Imports::sources(SiteId site) const {
  const base::MutexLock lock(mutex_);
  const auto begin = imports_.lower_bound({site, std::string()});
  return static_cast<std::size_t>(
      std::distance(begin, std::find_if(begin, imports_.end(), [&](const auto& e) { return e.first.first != site; })));
}

std::set<SiteId> Imports::open() const {
  const base::MutexLock lock(mutex_);
  std::set<SiteId> out;
  for (const auto& [key, import] : imports_) {
    if (import.open) out.insert(key.first);
  }
  return out;
}

std::vector<std::pair<SiteId, std::string>> Imports::idle(std::int64_t now_s) const {
  const base::MutexLock lock(mutex_);
  std::vector<Key> out;
  for (const auto& [key, import] : imports_) {
    if (import.open && import.active_s <= now_s - kImportIdle_s && !claimed_.contains(key)) out.push_back(key);
  }
  return out;
}

void Imports::save(base::ByteWriter& out) const {
  const base::MutexLock lock(mutex_);
  out.varint(imports_.size());
  for (const auto& [key, import] : imports_) {
    out.varint(key.first.value);
    out.string(key.second);
    out.u64(import.key0);
    out.u64(import.key1);
    out.u8(import.open ? 1 : 0);
    out.varint(import.position);
    out.svarint(import.active_s);
  }
}

bool Imports::load(base::ByteReader& in, std::size_t sites) {
  const std::uint64_t count = in.varint();
  if (count > in.remaining()) return false;
  const base::MutexLock lock(mutex_);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t site = in.varint();
    std::string source(in.string());
    Import import;
    import.key0 = in.u64();
    import.key1 = in.u64();
    import.open = in.u8() == 1;
    import.position = in.varint();
    import.active_s = in.svarint();
    if (!in.ok() || site == 0 || site > sites) return false;
    imports_.insert_or_assign({SiteId{static_cast<std::uint32_t>(site)}, std::move(source)}, import);
  }
  return true;
}

}  // namespace footfall::sites
