// SPDX-License-Identifier: Apache-2.0
// Registry: all sites of a node, tokens, known change ids and imports. What the control stream says, applied.
//
// There are two at times: the live one, and the checkpointer's, which replays closed segments onto the last checkpoint.
//
// Threading  sites are found and changed on the control thread; shards get a Directory, an immutable table, by message.
// Tested by tests/unit/sites/registry_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/errors.h"
#include "sites/changes.h"
#include "sites/site.h"

namespace footfall::sites {

struct Token {
  std::string id;
  std::array<std::uint8_t, 32> digest{};
  std::uint32_t scopes = 0;
  std::optional<SiteId> site;
  std::int64_t expires_s = 0;
};

// One site as shards see it.
struct Entry {
  Site* site = nullptr;
  std::shared_ptr<const Settings> settings;
};

// What shards look up: immutable, one per change of sites or tokens.
struct Directory {
  std::unordered_map<std::string, Entry> by_name;  // site name -> site
  std::vector<Token> tokens;
  std::uint64_t control_sequence = 0;
};

struct Import {
  std::uint64_t key0 = 0, key1 = 0;  // of its visitors
  bool open = true;
  std::uint64_t position = 0;        // everything before it was counted
};

class Registry {
 public:
  explicit Registry(const counting::Limits& limits) : limits_(limits) {}

  // Applies a change; nothing happens (and ok) if its id is known already. Errors leave everything as it was:
  // not_found (site, or the change to undo), exists (a name), conflict (cannot be undone any more).
  base::Result<void> apply(const Change& change);
  bool knows(std::string_view change_id) const;
  // The change with this id, while it is kept (the last `changes_kept`): for undo and for a repeated answer.
  const Change* find_change(std::string_view change_id) const;

  Site* find(SiteId id);
  Site* find(std::string_view name);
  const Settings* settings(SiteId id) const;  // nullptr when removed
  SiteId next_site_id() const { return SiteId{next_site_}; }
  std::vector<Entry> entries() const;         // registered now, by name
  std::vector<Site*> all_sites() const;       // removed ones too, by id
  const std::vector<Token>& tokens() const { return tokens_; }
  std::shared_ptr<const Directory> directory(std::uint64_t control_sequence) const;

  Import* find_import(SiteId site, std::string_view source);
  void set_progress(SiteId site, std::string_view source, std::uint64_t position);

  // Everything but the sites' counts, which the checkpoint keeps in chunks of their own.
  void save(base::ByteWriter& out) const;
  bool load(base::ByteReader& in);

 private:
  struct Slot {
    std::unique_ptr<Site> site;
    std::shared_ptr<const Settings> settings;  // null when removed
  };

  counting::Limits limits_;
  std::uint32_t next_site_ = 1;
  std::map<SiteId, Slot> sites_;                         // id -> site
  std::unordered_map<std::string, SiteId> by_name_;      // name -> id
  std::vector<Token> tokens_;
  std::map<std::string, Change, std::less<>> changes_;   // id -> change
  std::map<std::pair<SiteId, std::string>, Import> imports_;  // (site, source) -> how far
};

}  // namespace footfall::sites
