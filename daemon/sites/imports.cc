// SPDX-License-Identifier: Apache-2.0
#include "sites/imports.h"

#include <algorithm>

namespace footfall::sites {
namespace {

// Of an import as it is stored.
constexpr std::uint8_t kOpen = 1;
constexpr std::uint8_t kMarked = 2;

}  // namespace

Imports::Claim Imports::claim(SiteId site, std::string_view source, std::uint64_t position, std::int64_t now_s) {
  Claim claim{State::unknown, site, std::string(source), position, now_s, {}, {}};
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

Imports::Claim Imports::follow(SiteId site, std::string_view source, std::uint64_t after, std::uint64_t position,
                               std::string_view mark, std::int64_t now_s) {
  Claim claim{State::elsewhere, site, std::string(source), position, now_s, {}, std::string(mark)};
  const base::MutexLock lock(mutex_);
  const Key key{site, claim.source};
  const auto it = imports_.find(key);
  if (it != imports_.end()) claim.import = it->second;
  if (it != imports_.end() && claim.import.mark.empty()) {
    claim.state = State::other_kind;
  } else if (claim.import.position >= position) {
    claim.state = State::counted;
  } else if (claimed_.contains(key)) {
    claim.state = State::under_way;
  } else if (claim.import.position != after) {
    claim.state = State::elsewhere;
  } else if (it == imports_.end() && sources_of(site) >= kImportSourcesMax) {
    claim.state = State::full;
  } else {
    claimed_.insert(key);
    claim.state = State::claimed;
  }
  return claim;
}

void Imports::settle(const Claim& claim) {
  const base::MutexLock lock(mutex_);
  const Key key{claim.site, claim.source};
  advance(key, claim.position, claim.at_s, claim.mark);
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

void Imports::advance(const Key& key, std::uint64_t position, std::int64_t at_s, std::string_view mark) {
  Import& import = imports_[key];
  if (position > import.position) {
    import.position = position;
    import.mark = mark;
  }
  import.active_s = std::max(import.active_s, at_s);
}

void Imports::set_progress(SiteId site, std::string_view source, std::uint64_t position, std::int64_t at_s,
                           std::string_view mark) {
  const base::MutexLock lock(mutex_);
  advance({site, std::string(source)}, position, at_s, mark);
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
  return sources_of(site);
}

std::size_t Imports::sources_of(SiteId site) const {
  std::size_t sources = 0;
  for (auto it = imports_.lower_bound({site, std::string()}); it != imports_.end() && it->first.first == site; ++it)
    ++sources;
  // A follower's first part is on its way. (No lambda: clang cannot tell that the lock is held in it.)
  for (auto it = claimed_.lower_bound({site, std::string()}); it != claimed_.end() && it->first == site; ++it)
    sources += imports_.contains(*it) ? 0U : 1U;
  return sources;
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
    out.u8((import.open ? kOpen : 0U) | (import.mark.empty() ? 0U : kMarked));
    out.varint(import.position);
    out.svarint(import.active_s);
    if (!import.mark.empty()) out.string(import.mark);
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
    const std::uint8_t flags = in.u8();
    import.open = (flags & kOpen) != 0;
    import.position = in.varint();
    import.active_s = in.svarint();
    if ((flags & kMarked) != 0) import.mark = in.string();
    if (!in.ok() || flags > (kOpen | kMarked) || site == 0 || site > sites) return false;
    imports_.insert_or_assign({SiteId{static_cast<std::uint32_t>(site)}, std::move(source)}, import);
  }
  return true;
}

}  // namespace footfall::sites
