// SPDX-License-Identifier: Apache-2.0
// Registry: all sites of a node, tokens, known change ids and imports. What the control stream says, applied.
//
//   plan_*()  ->  check()  ->  control stream, fsynced  ->  apply()  ->  directory() to the shards
//
// A plan reads what is in force and fixes it in an Action (the difference to a total, the next epoch, a page's id).
// check() says whether apply() will succeed; what was checked and written never fails in a replay.
// There are two at times: the live one, and the checkpointer's, which replays closed segments onto the last checkpoint.
//
// Undo takes back one change, once. Resets are taken back last first: each holds what was summed before it, and while a
// later one stands, that one decides what is summed.
//
// Units      UTC seconds.
// Ownership  owns its sites for as long as it lives, removed ones too.
// Threading  one thread (the control thread) but for imports() and the locks inside Site; shards get a Directory, an
//            immutable table, by message.
// Errors     each sentence names the site or change, and what would be right.
// Memory     about 500 bytes for a site without a hit, and its Directory entry.
// Tested by tests/unit/sites/registry_test.cc.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/errors.h"
#include "base/mutex.h"
#include "sites/changes.h"
#include "sites/imports.h"
#include "sites/site.h"

namespace footfall::sites {

using Token = TokenAdded;

// One site as shards see it.
struct Entry {
  Site* site = nullptr;
  std::shared_ptr<const Settings> settings;
};

struct NameHash {
  std::size_t operator()(std::string_view name) const noexcept;  // base::table_hash
};

// What shards look up: immutable, one per change of sites or tokens.
struct Directory {
  std::unordered_map<std::string_view, Entry, NameHash> by_name;  // site name, a view of its settings' -> site
  std::vector<Token> tokens;
  std::uint64_t control_sequence = 0;

  const Entry* find(std::string_view name) const {
    const auto it = by_name.find(name);
    return it == by_name.end() ? nullptr : &it->second;
  }
};

class Registry {
 public:
  // Known change ids, newest first: an older id is forgotten, and with it the way to undo it.
  static constexpr std::size_t kChangesKept = 10'000;

  explicit Registry(const counting::Limits& limits) : limits_(limits) {}

  // --- planning: of the live registry. Nothing changes but that a page's id is reserved ---
  // exists: the name is taken; malformed: the settings are not acceptable. `reset_id` is random.
  base::Result<SiteAdded> plan_add(const Settings& settings, std::uint64_t reset_id) const;
  base::Result<SiteChanged> plan_change(std::string_view name, const Settings& after) const;
  base::Result<SiteRemoved> plan_remove(std::string_view name) const;
  // The difference that makes the total of the site, or of a page of it, `total` at this moment; or just `amount`.
  // conflict: it would take off more than there is; too_large: see Seeded.
  base::Result<Seeded> plan_seed_total(std::string_view name, const std::optional<std::string>& page,
                                       std::uint64_t total, std::int64_t now_s) const;
  base::Result<Seeded> plan_seed_amount(std::string_view name, const std::optional<std::string>& page,
                                        std::int64_t amount, std::int64_t now_s) const;
  base::Result<Reset> plan_reset(std::string_view name, std::uint64_t reset_id, std::int64_t now_s) const;
  base::Result<Undone> plan_undo(std::string_view change_id, std::int64_t now_s) const;

  // --- changing ---
  // Ok if apply() would succeed. not_found (site, or the change to undo), exists (a name, a token), conflict (made for
  // a state that is not in force any more), malformed.
  base::Result<void> check(const Change& change) const;
  // Live, before the second of a change is read: what may not be let go meanwhile is kept (counting::SiteState,
  // expect_window()). Then apply(), or give_up() if it could not be written.
  void expect(const Action& action);
  void give_up();
  // Applies a change; nothing happens (and ok) if its id is known already. Errors leave everything as it was.
  base::Result<void> apply(const Change& change);
  bool knows(std::string_view change_id) const { return find_change(change_id) != nullptr; }
  // The change with this id, while it is kept (the last kChangesKept): for undo and for a repeated answer.
  const Change* find_change(std::string_view change_id) const;

  // --- looking up ---
  Site* find(SiteId id) const;                     // removed ones too
  Site* find(std::string_view name) const;         // registered ones
  const Settings* settings(SiteId id) const;       // nullptr when removed
  const Settings* last_settings(SiteId id) const;  // those in force, or the last ones of a removed site
  SiteId next_site_id() const { return SiteId{static_cast<std::uint32_t>(sites_.size() + 1)}; }
  std::vector<Entry> entries() const;    // registered now, by name
  std::vector<Site*> all_sites() const;  // removed ones too, by id
  const std::vector<Token>& tokens() const { return tokens_; }
  std::shared_ptr<const Directory> directory(std::uint64_t control_sequence) const;

  Imports& imports() { return imports_; }
  const Imports& imports() const { return imports_; }

  // Everything but the sites' counts, which the checkpoint keeps in chunks of their own. Canonical.
  void save(base::ByteWriter& out) const;
  // REQUIRES: empty. False if the bytes are malformed; the registry is of no use then.
  bool load(base::ByteReader& in);

 private:
  struct Slot {
    std::unique_ptr<Site> site;
    std::shared_ptr<const Settings> settings;  // the last ones when removed
    bool removed = false;
  };
  struct Kept {
    Change change;
    std::string undone_by;  // id of the change that took it back; empty: it stands
  };
  struct Check;  // what is wrong with an action, if anything
  struct Apply;

  const Slot* slot(SiteId id) const {
    return id.value == 0 || id.value > sites_.size() ? nullptr : &sites_[id.value - 1];
  }
  Slot* slot(SiteId id) { return const_cast<Slot*>(static_cast<const Registry*>(this)->slot(id)); }
  base::Result<const Slot*> registered(SiteId id) const;
  base::Result<const Slot*> registered(std::string_view name) const;
  base::Result<const Kept*> undoable(std::string_view change_id) const;
  base::Result<Seeded> plan_seed(std::string_view name, const std::optional<std::string>& page, std::int64_t now_s,
                                 std::optional<std::uint64_t> total, std::int64_t amount) const;
  void expect_window(SiteId id, std::int32_t window_s);
  void remember(const Change& change);
  void forget_import_keys(SiteId site, std::string_view source);

  counting::Limits limits_;
  std::vector<Slot> sites_;                                         // site id - 1 -> site
  std::unordered_map<std::string_view, SiteId, NameHash> by_name_;  // registered name, a view of its settings' -> id
  std::vector<Token> tokens_;
  std::map<std::string, Kept, std::less<>> changes_;  // id -> change
  std::deque<std::string_view> change_order_;         // ids as applied; views of changes_' keys

  Imports imports_;
};

}  // namespace footfall::sites
