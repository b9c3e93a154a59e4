// SPDX-License-Identifier: Apache-2.0
// Registry: all sites of a node, tokens, known change ids, imports and batch keys. What the control stream says,
// applied.
//
//   plan_*()  ->  check()  ->  control stream, fsynced  ->  apply()  ->  directory() to the shards
//
// A plan reads what is in force and fixes it in an Action (the difference to a total, the next epoch, a page's id).
// check() says whether apply() will succeed; what was checked and written never fails in a replay.
// There are two at times: the live one, and the checkpointer's, which replays closed segments onto the last checkpoint.
//
// Undo takes back one change, once.
//
// What is summed follows from which resets stand, whatever order they came in: the epochs from the one that the latest
// of them began. So a reset that is taken back brings back what is behind the one before. (A restored snapshot and a
// name that is added again begin epochs too.)
//
// Changes of other nodes (adopt()) come in any order, and the same set of them gives the same state on each node: the
// epoch is the greatest that ever began, seeds add up, and of settings the greatest (revision, change id) wins. An undo
// waits for what it takes back, everything for its site. A token that was removed is told from another of its name by
// its digest, and is not there whether its removal or its addition came first.
//
// Where one id was given to two nodes that did not know of each other's change, there are rivals: of two seeds, resets
// or snapshots of a site that of the lesser field_of() is in force, and the other as if it had been taken back, on each
// node that knows both. What else an id was given to stays what it is on each node: whoever gives it twice asked for
// two things under one id.
//
// The latest kChangesKept changes are remembered: they can be undone, asked for again, and told to others. Of those
// before them the latest kChangesKept that took something away, and stand, are remembered too: no number of seeds makes
// a reset final. Of the others the ids stay (past_changes.h), so that none is applied a second time, whoever brings it.
//
// Units      UTC seconds.
// Ownership  owns its sites for as long as it lives, removed ones too.
// Threading  one thread (the control thread) but for imports(), batch_keys() and the locks inside Site; shards get a
//            Directory, an immutable table, by message.
// Errors     each sentence names the site or change, and what would be right.
// Memory     about 500 bytes for a site without a hit, and its Directory entry; about 500 bytes and the reason for each
//            remembered change, of which there are twice kChangesKept at most; 16 bytes for each past one.
// Tested by tests/unit/sites/registry_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "base/mutex.h"
#include "sites/batch_keys.h"
#include "sites/changes.h"
#include "sites/imports.h"
#include "sites/past_changes.h"
#include "sites/shared_change.h"
#include "sites/site.h"
#include "sites/snapshot.h"

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

// What shards look up: immutable, one per change of sites or tokens. Names are dealt to parts by their hash; one
// directory shares with the next all parts but those that a change touched, so that with 100,000 sites a change costs a
// hundred of them, here and at each shard that compares.
struct Directory {
  using Part = std::unordered_map<std::string_view, Entry, NameHash>;  // site name, a view of its settings' -> site
  static constexpr std::size_t kParts = 1024;

  std::array<std::shared_ptr<const Part>, kParts> parts;  // null: nobody is there
  std::vector<Token> tokens;
  std::uint64_t control_sequence = 0;

  static std::size_t part_of(std::string_view name) { return NameHash{}(name) % kParts; }
  const Entry* find(std::string_view name) const {
    const Part* const part = parts[part_of(name)].get();
    if (part == nullptr) return nullptr;
    const auto it = part->find(name);
    return it == part->end() ? nullptr : &it->second;
  }
};

class Registry {
 public:
  // The latest changes that are remembered whole, and as many before them that took something away.
  static constexpr std::size_t kChangesKept = 10'000;
  // Each request with a token looks at all of them.
  static constexpr std::size_t kTokensMax = 1000;
  // Of the pages of the latest restored snapshots, which are kept for other nodes, beyond those of the last one.
  static constexpr std::size_t kRestoredBytesKept = 48U << 20U;

  explicit Registry(const counting::Limits& limits, std::size_t changes_kept = kChangesKept)
      : limits_(limits), changes_kept_(changes_kept) {}

  // --- planning: of the live registry. Nothing changes but that a page's id is reserved ---
  // exists: the name is taken; malformed: the settings are not acceptable. `reset_id` is drawn from the change's id.
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
  // The pages with the greatest totals, as far as there is room for them.
  base::Result<Restored> plan_restore(std::string_view name, const Snapshot& snapshot, std::string_view snapshot_id,
                                      std::uint64_t reset_id, std::int64_t now_s) const;
  base::Result<Undone> plan_undo(std::string_view change_id, std::int64_t now_s) const;
  // conflict: it is the last that may do everything, for ever and for all sites.
  base::Result<TokenRemoved> plan_remove_token(std::string_view id) const;
  // Pages of `from` are read as `into`; none: they are removed. conflict: one of them is read as another, or removed,
  // already; of `renamed` also where `into` has numbers. not_found: a page to be removed, that is not there. too_large:
  // there is no place for a page that was never hit. `dry_run`: no id is reserved, and one may be missing.
  base::Result<PagesMarked> plan_pages(std::string_view name, PagesMarked::Kind kind,
                                       const std::vector<std::string>& from, const std::optional<std::string>& into,
                                       std::int64_t now_s, bool dry_run = false) const;

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
  bool knows(std::string_view change_id) const { return find_change(change_id) != nullptr || is_past(change_id); }
  // Applying it would change nothing: it is known, or another that is no rival is known under its id.
  bool has(const Change& change) const;
  // A change that is told under `field` (field_of()) is known; of past ids all are.
  bool has_told(std::string_view field) const;
  // It was applied, and all that is left of it is its id.
  bool is_past(std::string_view change_id) const { return past_.contains(change_id); }
  // A change that another node made, as one that can be written and applied here. unavailable: another must be adopted
  // before. Reserves ids of pages.
  base::Result<Change> adopt(const SharedChange& shared);
  // For other nodes: the remembered changes, oldest first, with `node` as the maker of those that were made here.
  // Imports are a node's own. Of a restored snapshot its pages while they are kept.
  void each_shared(const std::string& node, const std::function<void(const SharedChange&)>& visit) const;
  // How many changes were ever applied: by which one sees that there are new ones.
  std::uint64_t applied() const { return applied_; }
  std::size_t remembered() const { return taken_order_.size() + change_order_.size(); }
  const PastChanges& past() const { return past_; }
  // The change with this id that is in force, while it is remembered: for undo and for a repeated answer.
  const Change* find_change(std::string_view change_id) const;

  // --- looking up ---
  Site* find(SiteId id) const;                     // removed ones too
  Site* find(std::string_view name) const;         // registered ones
  const Settings* settings(SiteId id) const;       // nullptr when removed
  const Settings* last_settings(SiteId id) const;  // those in force, or the last ones of a removed site
  // Of the settings in force: the same on every node that has them, and another one after each change of them.
  std::uint64_t settings_mark(SiteId id) const;
  SiteId next_site_id() const { return SiteId{static_cast<std::uint32_t>(sites_.size() + 1)}; }
  std::size_t size() const { return by_name_.size(); }  // registered now
  std::vector<Entry> entries() const;                   // registered now, by name
  std::vector<Site*> all_sites() const;                 // removed ones too, by id
  const std::vector<Token>& tokens() const { return tokens_; }
  const Token* find_token(std::string_view id) const;  // by its public name
  // Shares with the one before what did not change since. Only a registry that is asked keeps account of that.
  std::shared_ptr<const Directory> directory(std::uint64_t control_sequence);

  Imports& imports() { return imports_; }
  const Imports& imports() const { return imports_; }
  BatchKeys& batch_keys() { return batch_keys_; }
  const BatchKeys& batch_keys() const { return batch_keys_; }

  // Everything but the sites' counts, which the checkpoint keeps in chunks of their own; of the batch keys those that
  // have not expired at now_s. Canonical.
  void save(base::ByteWriter& out, std::int64_t now_s) const;
  // REQUIRES: empty. False if the bytes are malformed; the registry is of no use then.
  bool load(base::ByteReader& in);

 private:
  // What began an epoch: a reset, a restored snapshot, a name that was added again.
  struct Begun {
    counting::Epoch next;     // became current
    bool stands = true;       // false: it was taken back
    bool only_seeds = false;  // the first epoch is left out when it was: a restored snapshot's
  };
  using Begins = std::map<counting::Epoch, Begun>;  // the first epoch that it includes -> what began it
  struct Row {
    std::unique_ptr<Site> site;
    std::shared_ptr<const Settings> settings;  // the last ones when removed
    bool removed = false;
    std::uint64_t revision = 0;  // of settings and removal
    std::string revision_by;     // the change that made them
    Begins begun;
  };
  struct Kept {
    Change change;
    std::string undone_by;       // id of the change that took it back; empty: it stands
    std::uint64_t revision = 0;  // of the settings that it made
    bool lost = false;           // a rival is in force
  };
  struct BegunBy;
  struct Check;  // what is wrong with an action, if anything
  struct CheckAdopted;
  struct Apply;

  const Row* row(SiteId id) const {
    return id.value == 0 || id.value > sites_.size() ? nullptr : &sites_[id.value - 1];
  }
  Row* row(SiteId id) { return const_cast<Row*>(static_cast<const Registry*>(this)->row(id)); }
  base::Result<const Row*> registered(SiteId id) const;
  base::Result<const Row*> registered(std::string_view name) const;
  const Row* latest(std::string_view name) const;  // the registered one, else the last that was removed
  static std::set<counting::Epoch> summed(const Begins& begun);
  base::Result<const Kept*> undoable(std::string_view change_id) const;
  base::Result<Seeded> plan_seed(std::string_view name, const std::optional<std::string>& page, std::int64_t now_s,
                                 std::optional<std::uint64_t> total, std::int64_t amount) const;
  std::optional<SiteId> settles(const Action& action) const;
  std::string field_of(const Change& change) const;
  bool is_rival(const Change& change) const;
  base::Result<void> apply_rival(const Change& change);
  void expect_window(SiteId id, std::int32_t window_s);
  void remember(Kept kept);
  void forget(std::string_view id);
  template <class Visit>
  void each_remembered(const Visit& visit) const {  // visit(const Kept&), oldest first
    for (const auto* order : {&taken_order_, &change_order_}) {
      for (const std::string_view id : *order) visit(changes_.find(id)->second);
    }
  }
  bool remembers_adding(const Token& token) const;
  bool remembers_removing(const Token& token) const;  // by a removal that stands
  void settle_token(const std::string& name);
  void forget_restored_pages();
  void forget_import_keys(SiteId site, std::string_view source);

  counting::Limits limits_;
  const std::size_t changes_kept_;
  std::vector<Row> sites_;                                          // site id - 1 -> site
  std::unordered_map<std::string_view, SiteId, NameHash> by_name_;  // registered name, a view of its settings' -> id
  decltype(Directory::parts) parts_;                                // of the last directory
  std::optional<std::vector<std::string>> touched_;                 // names that changed since; none was made: all
  std::set<std::pair<std::string_view, SiteId>> removed_;           // (last name, a view of its settings', id)
  std::vector<Token> tokens_;
  std::map<std::string, Kept, std::less<>> changes_;  // id -> change; field_of() -> one that lost
  std::deque<std::string_view> change_order_;         // the latest, as applied; views of changes_' keys
  std::deque<std::string_view> taken_order_;          // before them, what took something away; the same
  PastChanges past_;                                  // those that are in changes_ no more
  std::uint64_t applied_ = 0;                         // since this process began

  Imports imports_;
  BatchKeys batch_keys_;
};

}  // namespace footfall::sites
