// SPDX-License-Identifier: Apache-2.0
// Registry: checking, applying and undoing changes; the directory; its bytes. Planning is in registry_plan.cc.
// Tested by tests/unit/sites/registry_test.cc.
#include "sites/registry.h"

#include <algorithm>

#include "base/hash.h"

namespace footfall::sites {
namespace {

using base::Errc;
using base::Error;
using counting::Epoch;

using Outcome = base::Result<void>;

Error no_site(SiteId id) {
  return Error{Errc::not_found, "no site has the id " + std::to_string(id.value)};
}
Error no_site(std::string_view name) {
  return Error{Errc::not_found,
               "no site is called " + std::string(name) + "; `footfall site list` names those there are"};
}
Error name_taken(std::string_view name) {
  return Error{Errc::exists, "a site is called " + std::string(name) + " already"};
}

std::set<Epoch> united(const std::set<Epoch>& a, const std::set<Epoch>& b) {
  std::set<Epoch> both = a;
  both.insert(b.begin(), b.end());
  return both;
}

}  // namespace

std::size_t NameHash::operator()(std::string_view name) const noexcept {
  return base::table_hash(name);
}

// --- looking up ---

base::Result<const Registry::Slot*> Registry::registered(SiteId id) const {
  const Slot* found = slot(id);
  if (found == nullptr) return no_site(id);
  if (found->removed) {
    return Error{Errc::not_found, "site " + found->settings->name + " was removed; undo the removal, or add it again"};
  }
  return found;
}

base::Result<const Registry::Slot*> Registry::registered(std::string_view name) const {
  const auto it = by_name_.find(name);
  if (it == by_name_.end()) return no_site(name);
  return slot(it->second);
}

Site* Registry::find(SiteId id) const {
  const Slot* found = slot(id);
  return found == nullptr ? nullptr : found->site.get();
}

Site* Registry::find(std::string_view name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : find(it->second);
}

const Settings* Registry::settings(SiteId id) const {
  const Slot* found = slot(id);
  return found == nullptr || found->removed ? nullptr : found->settings.get();
}

const Settings* Registry::last_settings(SiteId id) const {
  const Slot* found = slot(id);
  return found == nullptr ? nullptr : found->settings.get();
}

std::vector<Entry> Registry::entries() const {
  std::vector<Entry> out;
  for (const Slot& s : sites_) {
    if (!s.removed) out.push_back(Entry{s.site.get(), s.settings});
  }
  std::sort(out.begin(), out.end(), [](const Entry& a, const Entry& b) { return a.settings->name < b.settings->name; });
  return out;
}

std::vector<Site*> Registry::all_sites() const {
  std::vector<Site*> out;
  out.reserve(sites_.size());
  for (const Slot& s : sites_) out.push_back(s.site.get());
  return out;
}

std::shared_ptr<const Directory> Registry::directory(std::uint64_t control_sequence) const {
  auto out = std::make_shared<Directory>();
  out->by_name.reserve(by_name_.size());
  for (const Slot& s : sites_) {
    if (!s.removed) out->by_name.emplace(s.settings->name, Entry{s.site.get(), s.settings});
  }
  out->tokens = tokens_;
  out->control_sequence = control_sequence;
  return out;
}

const Change* Registry::find_change(std::string_view change_id) const {
  const auto it = changes_.find(change_id);
  return it == changes_.end() ? nullptr : &it->second.change;
}

// --- checking ---

base::Result<const Registry::Kept*> Registry::undoable(std::string_view change_id) const {
  const auto it = changes_.find(change_id);
  if (it == changes_.end()) {
    return Error{Errc::not_found, "no change has the id " + std::string(change_id) + "; the last " +
                                      std::to_string(kChangesKept) + " changes can be undone"};
  }
  if (!it->second.undone_by.empty()) {
    return Error{Errc::conflict,
                 "change " + std::string(change_id) + " was undone already, by " + it->second.undone_by};
  }
  return &it->second;
}

// Would apply() succeed? One answer per kind of action; those with the suffix _undo ask it of taking the action back.
struct Registry::Check {
  const Registry& registry;

  Outcome operator()(const SiteAdded& a) const {
    if (Outcome good = sites::check(a.settings); !good) return good;
    if (registry.by_name_.contains(a.settings.name)) return name_taken(a.settings.name);
    if (a.site == registry.next_site_id()) {
      if (a.epoch != Epoch{} || !a.included_before.empty()) return conflict("a new site begins with the first epoch");
      return {};
    }
    const Slot* old = registry.slot(a.site);
    if (old == nullptr) return no_site(a.site);
    if (!old->removed) return conflict("site id " + std::to_string(a.site.value) + " is in use");
    return epoch_follows(*old->site, a.epoch, a.included_before);
  }

  Outcome operator()(const SiteChanged& a) const {
    if (Outcome good = sites::check(a.after); !good) return good;
    const auto site = registry.registered(a.site);
    if (!site) return site.error();
    if (*(*site)->settings != a.before) return conflict("the settings of " + a.before.name + " were changed meanwhile");
    if (a.after.name != a.before.name && registry.by_name_.contains(a.after.name)) return name_taken(a.after.name);
    return {};
  }

  Outcome operator()(const SiteRemoved& a) const {
    const auto site = registry.registered(a.site);
    if (!site) return site.error();
    if (*(*site)->settings != a.before) return conflict("the settings of " + a.before.name + " were changed meanwhile");
    return {};
  }

  Outcome operator()(const Seeded& a) const {
    const auto found = registry.registered(a.site);
    if (!found) return found.error();
    if (a.amount == INT64_MIN)
      return Error{Errc::malformed, "the amount of a seed cannot be " + std::to_string(a.amount)};
    Site& site = *(*found)->site;
    base::MutexLock lock(site.mutex());
    if (a.epoch > site.state().epoch()) return conflict("the seed is of an epoch that has not begun");
    if (!a.page) return {};
    if (a.page->empty() || a.page_id < counting::kFirstPage)
      return Error{Errc::malformed, "a page's seed needs its path"};
    const std::string_view known = site.state().page_path(a.page_id);
    if (!known.empty() && known != *a.page) {
      return Error{Errc::corrupt, "page " + std::to_string(a.page_id.value) + " of " + (*found)->settings->name +
                                      " is " + std::string(known) + ", and a seed calls it " + *a.page};
    }
    return {};
  }

  Outcome operator()(const Reset& a) const {
    const auto site = registry.registered(a.site);
    if (!site) return site.error();
    return epoch_follows(*(*site)->site, a.next, a.included_before);
  }

  Outcome operator()(const Restored& a) const {
    const auto site = registry.registered(a.site);
    if (!site) return site.error();
    if (a.after > std::uint64_t{INT64_MAX})
      return Error{Errc::too_large, "a seed is 9,223,372,036,854,775,807 at most"};
    for (const Restored::Page& page : a.pages) {
      if (page.path.empty() || page.id < counting::kFirstPage || page.amount == INT64_MIN) {
        return Error{Errc::malformed, "a page of a snapshot needs its path"};
      }
    }
    if (a.next <= a.seeded) return Error{Errc::malformed, "the epoch of a snapshot comes before the one that goes on"};
    return epoch_follows(*(*site)->site, a.seeded, a.included_before);
  }

  Outcome operator()(const Undone& a) const {
    const auto kept = registry.undoable(a.undone);
    if (!kept) return kept.error();
    return std::visit([this](const auto& action) { return undo(action); }, (*kept)->change.action);
  }

  Outcome operator()(const TokenAdded& a) const {
    if (!valid_change_id(a.id)) return Error{Errc::malformed, "a token's id is 1 to 64 of A-Z, a-z, 0-9 and ._:-"};
    if (a.site) {
      if (const auto site = registry.registered(*a.site); !site) return site.error();
    }
    for (const Token& token : registry.tokens_) {
      if (token.id == a.id) return Error{Errc::exists, "a token is called " + a.id + " already"};
    }
    return {};
  }

  Outcome operator()(const ImportBegun& a) const {
    const auto site = registry.registered(a.site);
    if (!site) return site.error();
    if (a.source.empty() || a.source.size() > 256)
      return Error{Errc::malformed, "an import's source is 1 to 256 bytes"};
    const std::optional<Import> known = registry.imports_.find(a.site, a.source);
    if (known && known->open) return Error{Errc::exists, "an import from " + a.source + " is open already"};
    if (!known && registry.imports_.sources(a.site) >= kImportSourcesMax) {
      return conflict("the site has its " + std::to_string(kImportSourcesMax) +
                      " import sources, whose marks are kept so that nothing counts twice; import several files as one "
                      "source: footfall import --source NAME FILE...");
    }
    return {};
  }

  Outcome operator()(const ImportEnded& a) const {
    const std::optional<Import> known = registry.imports_.find(a.site, a.source);
    if (!known || !known->open) return Error{Errc::not_found, "no import from " + a.source + " is open"};
    return {};
  }

  Outcome undo(const SiteAdded& a) const {
    const auto site = registry.registered(a.site);
    if (!site) return site.error();
    return a.epoch == Epoch{} ? Outcome{} : epoch_stands(*(*site)->site, a.epoch);
  }
  Outcome undo(const SiteChanged& a) const {
    const auto site = registry.registered(a.site);
    if (!site) return site.error();
    if (*(*site)->settings != a.after) {
      return conflict("the settings of " + a.after.name + " were changed again since; undo the later change first");
    }
    if (a.before.name != a.after.name && registry.by_name_.contains(a.before.name)) return name_taken(a.before.name);
    return {};
  }
  Outcome undo(const SiteRemoved& a) const {
    const Slot* site = registry.slot(a.site);
    if (site == nullptr) return no_site(a.site);
    if (!site->removed) return conflict("site " + a.before.name + " is there again already");
    if (registry.by_name_.contains(site->settings->name)) return name_taken(site->settings->name);
    return {};
  }
  Outcome undo(const Seeded& a) const {
    return registry.slot(a.site) == nullptr ? Outcome{no_site(a.site)} : Outcome{};
  }
  Outcome undo(const Reset& a) const {
    const Slot* site = registry.slot(a.site);
    return site == nullptr ? Outcome{no_site(a.site)} : epoch_stands(*site->site, a.next);
  }
  Outcome undo(const Restored& a) const {
    const Slot* site = registry.slot(a.site);
    return site == nullptr ? Outcome{no_site(a.site)} : epoch_stands(*site->site, a.next);
  }
  Outcome undo(const Undone& a) const {
    return conflict("an undo cannot be undone; make the change that was undone (" + a.undone + ") again");
  }
  Outcome undo(const TokenAdded& a) const {
    for (const Token& token : registry.tokens_) {
      if (token.id == a.id) return {};
    }
    return Error{Errc::not_found, "token " + a.id + " is gone"};
  }
  Outcome undo(const ImportBegun&) const { return conflict("an import that began is ended, not undone"); }
  Outcome undo(const ImportEnded&) const { return conflict("an import that ended is begun again, not undone"); }

 private:
  static Error conflict(std::string detail) { return Error{Errc::conflict, std::move(detail)}; }

  static Outcome epoch_follows(Site& site, const Epoch& next, const std::set<Epoch>& included_before) {
    base::MutexLock lock(site.mutex());
    if (next <= site.state().epoch() || included_before != site.state().included()) {
      return conflict("the counters were reset meanwhile");
    }
    return {};
  }
  // What began `epoch` can be taken back while it is summed: a later one that stands would leave it out.
  static Outcome epoch_stands(Site& site, const Epoch& epoch) {
    base::MutexLock lock(site.mutex());
    if (!site.state().included().contains(epoch)) return conflict("a later reset stands; undo that one first");
    return {};
  }
};

// --- applying ---

// REQUIRES: checked.
struct Registry::Apply {
  Registry& registry;
  std::int64_t at_s;  // of the change

  Outcome operator()(const SiteAdded& a) const {
    if (a.site == registry.next_site_id()) {
      registry.sites_.push_back(
          Slot{std::make_unique<Site>(a.site, registry.limits_, a.settings.window_s), nullptr, true});
    } else {
      Site& site = *registry.slot(a.site)->site;
      base::MutexLock lock(site.mutex());
      site.state().begin_epoch(a.epoch);
    }
    install(a.site, a.settings);
    return {};
  }

  Outcome operator()(const SiteChanged& a) const {
    install(a.site, a.after);
    return {};
  }

  Outcome operator()(const SiteRemoved& a) const {
    uninstall(a.site);
    return {};
  }

  Outcome operator()(const Seeded& a) const {
    Site& site = *registry.slot(a.site)->site;
    base::MutexLock lock(site.mutex());
    if (!a.page) {
      site.state().add_seed(a.epoch, a.amount);
      return {};
    }
    if (!site.state().define_page(a.page_id, *a.page)) {
      return Error{Errc::corrupt, "a seed calls page " + std::to_string(a.page_id.value) + " of site " +
                                      std::to_string(a.site.value) + " " + *a.page + ", which is another page"};
    }
    site.state().add_page_seed(a.epoch, a.page_id, a.amount);
    return {};
  }

  Outcome operator()(const Reset& a) const {
    Site& site = *registry.slot(a.site)->site;
    base::MutexLock lock(site.mutex());
    site.state().begin_epoch(a.next);
    return {};
  }

  Outcome operator()(const Restored& a) const {
    Site& site = *registry.slot(a.site)->site;
    base::MutexLock lock(site.mutex());
    for (const Restored::Page& page : a.pages) {
      if (!site.state().define_page(page.id, page.path)) {
        return Error{Errc::corrupt, "a snapshot calls page " + std::to_string(page.id.value) + " of site " +
                                        std::to_string(a.site.value) + " " + page.path + ", which is another page"};
      }
    }
    site.state().begin_epoch(a.seeded);
    site.state().add_seed(a.seeded, static_cast<std::int64_t>(a.after));
    for (const Restored::Page& page : a.pages) site.state().add_page_seed(a.seeded, page.id, page.amount);
    site.state().begin_epoch(a.next);
    site.state().set_included({a.seeded, a.next});
    return {};
  }

  Outcome operator()(const Undone& a) const {
    const auto it = registry.changes_.find(a.undone);
    std::visit([this](const auto& action) { undo(action); }, it->second.change.action);
    return {};
  }

  Outcome operator()(const TokenAdded& a) const {
    registry.tokens_.push_back(a);
    return {};
  }

  Outcome operator()(const ImportBegun& a) const {
    registry.imports_.begin(a.site, a.source, a.key0, a.key1, at_s);
    return {};
  }

  Outcome operator()(const ImportEnded& a) const {
    registry.imports_.end(a.site, a.source);
    registry.forget_import_keys(a.site, a.source);
    return {};
  }

  void undo(const SiteAdded& a) const {
    uninstall(a.site);
    if (a.epoch != Epoch{}) sum_again(a.site, a.included_before);
  }
  void undo(const SiteChanged& a) const { install(a.site, a.before); }
  void undo(const SiteRemoved& a) const { install(a.site, Settings(*registry.slot(a.site)->settings)); }
  void undo(const Seeded& a) const {
    Site& site = *registry.slot(a.site)->site;
    base::MutexLock lock(site.mutex());
    if (a.page) {
      site.state().add_page_seed(a.epoch, a.page_id, -a.amount);
    } else {
      site.state().add_seed(a.epoch, -a.amount);
    }
  }
  void undo(const Reset& a) const { sum_again(a.site, a.included_before); }
  void undo(const Restored& a) const { sum_again(a.site, a.included_before, a.seeded); }
  void undo(const TokenAdded& a) const {
    std::erase_if(registry.tokens_, [&a](const Token& token) { return token.id == a.id; });
  }
  void undo(const Undone&) const {}       // refused by Check
  void undo(const ImportBegun&) const {}  // refused by Check
  void undo(const ImportEnded&) const {}  // refused by Check

 private:
  // Registers the site under these settings, whatever it was before.
  void install(SiteId id, const Settings& settings) const {
    Slot& slot = *registry.slot(id);
    if (!slot.removed) registry.by_name_.erase(slot.settings->name);
    slot.settings = std::make_shared<const Settings>(settings);
    slot.removed = false;
    registry.by_name_.emplace(slot.settings->name, id);
    Site& site = *slot.site;
    base::MutexLock lock(site.mutex());
    if (site.state().window_s() != settings.window_s) site.state().set_window(settings.window_s, at_s);
  }
  void uninstall(SiteId id) const {
    Slot& slot = *registry.slot(id);
    registry.by_name_.erase(slot.settings->name);
    slot.removed = true;
  }
  // The epochs since stay summed, but for `without`; the current one stays current.
  void sum_again(SiteId id, const std::set<Epoch>& before, const std::optional<Epoch>& without = {}) const {
    Site& site = *registry.slot(id)->site;
    base::MutexLock lock(site.mutex());
    std::set<Epoch> all = united(before, site.state().included());
    if (without) all.erase(*without);
    site.state().set_included(all);
  }
};

Outcome Registry::check(const Change& change) const {
  if (!valid_change_id(change.id)) {
    return Error{Errc::malformed, "the id of a change is 1 to 64 of A-Z, a-z, 0-9 and ._:-"};
  }
  if (knows(change.id)) return {};
  return std::visit(Check{*this}, change.action);
}

void Registry::expect(const Action& action) {
  const Action* settles = &action;
  if (const auto* undone = std::get_if<Undone>(settles)) {
    const Change* change = find_change(undone->undone);
    if (change == nullptr) return;
    settles = &change->action;
  }
  if (const auto* changed = std::get_if<SiteChanged>(settles)) {
    expect_window(changed->site, (settles == &action ? changed->after : changed->before).window_s);
  } else if (const auto* added = std::get_if<SiteAdded>(settles); added != nullptr && settles == &action) {
    expect_window(added->site, added->settings.window_s);
  } else if (const auto* removed = std::get_if<SiteRemoved>(settles); removed != nullptr && settles != &action) {
    expect_window(removed->site, last_settings(removed->site)->window_s);
  }
}

void Registry::give_up() {
  for (Site* site : all_sites()) {
    base::MutexLock lock(site->mutex());
    site->state().expect_window(site->state().window_s());
  }
}

void Registry::expect_window(SiteId id, std::int32_t window_s) {
  Site* site = find(id);
  if (site == nullptr) return;
  base::MutexLock lock(site->mutex());
  site->state().expect_window(window_s);
}

Outcome Registry::apply(const Change& change) {
  if (Outcome good = check(change); !good) return good;
  if (knows(change.id)) return {};
  if (Outcome done = std::visit(Apply{*this, change.at_s}, change.action); !done) return done;
  if (const auto* undone = std::get_if<Undone>(&change.action))
    changes_.find(undone->undone)->second.undone_by = change.id;
  remember(change);
  return {};
}

void Registry::remember(const Change& change) {
  const auto [it, fresh] = changes_.emplace(change.id, Kept{change, {}});
  if (auto* restored = std::get_if<Restored>(&it->second.change.action)) restored->pages = {};
  if (fresh) change_order_.push_back(it->first);
  if (change_order_.size() <= kChangesKept) return;
  changes_.erase(changes_.find(change_order_.front()));
  change_order_.pop_front();
}

// A key is of no use once its import has ended, so it is not kept for longer.
void Registry::forget_import_keys(SiteId site, std::string_view source) {
  for (auto& [id, kept] : changes_) {
    auto* begun = std::get_if<ImportBegun>(&kept.change.action);
    if (begun != nullptr && begun->site == site && begun->source == source) begun->key0 = begun->key1 = 0;
  }
}

// --- bytes ---

void Registry::save(base::ByteWriter& out, std::int64_t now_s) const {
  out.varint(sites_.size());
  for (const Slot& s : sites_) {
    encode(*s.settings, out);
    out.u8(s.removed ? 1 : 0);
  }
  out.varint(tokens_.size());
  for (const Token& token : tokens_) encode(token, out);
  out.varint(change_order_.size());
  for (const std::string_view id : change_order_) {
    const Kept& kept = changes_.find(id)->second;
    encode(kept.change, out);
    out.string(kept.undone_by);
  }
  imports_.save(out);
  batch_keys_.save(out, now_s);
}

bool Registry::load(base::ByteReader& in) {
  const std::uint64_t sites = in.varint();
  if (sites > in.remaining()) return false;
  sites_.reserve(sites);
  for (std::uint64_t i = 0; i < sites; ++i) {
    Settings settings;
    if (!decode(in, settings)) return false;
    const std::uint8_t removed = in.u8();
    if (removed > 1) return false;
    const SiteId id = next_site_id();
    Slot& s = sites_.emplace_back();
    s.site = std::make_unique<Site>(id, limits_, settings.window_s);
    s.settings = std::make_shared<const Settings>(std::move(settings));
    s.removed = removed == 1;
    if (!s.removed && !by_name_.emplace(s.settings->name, id).second) return false;
  }
  const std::uint64_t tokens = in.varint();
  if (tokens > in.remaining()) return false;
  for (std::uint64_t i = 0; i < tokens; ++i) {
    if (!decode(in, tokens_.emplace_back())) return false;
  }
  const std::uint64_t changes = in.varint();
  if (changes > in.remaining()) return false;
  for (std::uint64_t i = 0; i < changes; ++i) {
    Kept kept;
    if (!decode(in, kept.change)) return false;
    kept.undone_by = in.string();
    std::string id = kept.change.id;
    const auto [it, fresh] = changes_.emplace(std::move(id), std::move(kept));
    if (!fresh) return false;
    change_order_.push_back(it->first);
  }
  return imports_.load(in, sites_.size()) && batch_keys_.load(in) && in.ok();
}

}  // namespace footfall::sites
