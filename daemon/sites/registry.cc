// SPDX-License-Identifier: Apache-2.0
// Registry: checking, applying and undoing changes; the directory; its bytes. Planning is in registry_plan.cc, what
// other nodes say and are told in registry_share.cc.
// Tested by tests/unit/sites/registry_test.cc.
#include "sites/registry.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/hash.h"

namespace footfall::sites {
namespace {

using base::Errc;
using base::Error;
using counting::Epoch;

using Outcome = base::Result<void>;

// In the place of the id of an undo: of a change that lost to a rival.
constexpr std::string_view kLost = "@";

Error no_site(SiteId id) {
  return Error{Errc::not_found, "no site has the id " + std::to_string(id.value)};
}
Error no_site(std::string_view name) {
  return Error{Errc::not_found,
               "no site is called " + std::string(name) + "; `footfall site list` names those there are"};
}
Error no_token(std::string_view id) {
  return Error{Errc::not_found,
               "no token is called " + std::string(id) + "; `footfall token list` names those there are"};
}
Error name_taken(std::string_view name) {
  return Error{Errc::exists, "a site is called " + std::string(name) + " already"};
}

}  // namespace

std::size_t NameHash::operator()(std::string_view name) const noexcept {
  return base::table_hash(name);
}

// --- looking up ---

base::Result<const Registry::Row*> Registry::registered(SiteId id) const {
  const Row* found = row(id);
  if (found == nullptr) return no_site(id);
  if (found->removed) {
    return Error{Errc::not_found, "site " + found->settings->name + " was removed; undo the removal, or add it again"};
  }
  return found;
}

base::Result<const Registry::Row*> Registry::registered(std::string_view name) const {
  const auto it = by_name_.find(name);
  if (it == by_name_.end()) return no_site(name);
  return row(it->second);
}

Site* Registry::find(SiteId id) const {
  const Row* found = row(id);
  return found == nullptr ? nullptr : found->site.get();
}

Site* Registry::find(std::string_view name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : find(it->second);
}

const Settings* Registry::settings(SiteId id) const {
  const Row* found = row(id);
  return found == nullptr || found->removed ? nullptr : found->settings.get();
}

const Settings* Registry::last_settings(SiteId id) const {
  const Row* found = row(id);
  return found == nullptr ? nullptr : found->settings.get();
}

std::vector<Entry> Registry::entries() const {
  std::vector<Entry> out;
  for (const Row& s : sites_) {
    if (!s.removed) out.push_back(Entry{s.site.get(), s.settings});
  }
  std::sort(out.begin(), out.end(), [](const Entry& a, const Entry& b) { return a.settings->name < b.settings->name; });
  return out;
}

std::vector<Site*> Registry::all_sites() const {
  std::vector<Site*> out;
  out.reserve(sites_.size());
  for (const Row& s : sites_) out.push_back(s.site.get());
  return out;
}

std::shared_ptr<const Directory> Registry::directory(std::uint64_t control_sequence) {
  if (!touched_) {
    touched_.emplace();
    for (const auto& [name, id] : by_name_) touched_->emplace_back(name);
  }
  std::unordered_map<std::size_t, Directory::Part> changed;
  for (const std::string& name : *touched_) {
    const std::size_t at = Directory::part_of(name);
    const auto [part, first] = changed.try_emplace(at);
    if (first && parts_[at] != nullptr) part->second = *parts_[at];
    part->second.erase(name);
    if (const auto site = by_name_.find(name); site != by_name_.end()) {
      const Row& registered = *row(site->second);
      part->second.emplace(registered.settings->name, Entry{registered.site.get(), registered.settings});
    }
  }
  touched_->clear();
  for (auto& [at, part] : changed)
    parts_[at] = part.empty() ? nullptr : std::make_shared<const Directory::Part>(std::move(part));
  auto out = std::make_shared<Directory>();
  out->parts = parts_;
  out->tokens = tokens_;
  out->control_sequence = control_sequence;
  return out;
}

const Token* Registry::find_token(std::string_view id) const {
  const auto token = std::find_if(tokens_.begin(), tokens_.end(), [id](const Token& known) { return known.id == id; });
  return token == tokens_.end() ? nullptr : &*token;
}

const Change* Registry::find_change(std::string_view change_id) const {
  const auto it = changes_.find(change_id);
  return it == changes_.end() || it->second.lost ? nullptr : &it->second.change;
}

// --- checking ---

base::Result<const Registry::Kept*> Registry::undoable(std::string_view change_id) const {
  const auto it = changes_.find(change_id);
  if (it == changes_.end() || it->second.lost) {
    return Error{Errc::not_found, (is_past(change_id) ? "change " + std::string(change_id) + " is too old"
                                                      : "no change has the id " + std::string(change_id)) +
                                      "; the last " + std::to_string(changes_kept_) +
                                      " changes can be undone, and as many before them that took something away"};
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
      return a.epoch == Epoch{} ? Outcome{} : conflict("a new site begins with the first epoch");
    }
    const Row* old = registry.row(a.site);
    if (old == nullptr) return no_site(a.site);
    if (!old->removed) return conflict("site id " + std::to_string(a.site.value) + " is in use");
    return epoch_follows(*old->site, a.epoch);
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
    return epoch_follows(*(*site)->site, a.next);
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
    return epoch_follows(*(*site)->site, a.seeded);
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
    if (registry.find_token(a.id) != nullptr) return Error{Errc::exists, "a token is called " + a.id + " already"};
    if (registry.tokens_.size() >= kTokensMax) {
      return conflict("there are " + std::to_string(kTokensMax) +
                      " tokens, as many as there may be; remove those that have expired: footfall token list");
    }
    return {};
  }

  Outcome operator()(const TokenRemoved& a) const {
    const Token* const token = registry.find_token(a.token.id);
    if (token == nullptr || token->digest != a.token.digest) return no_token(a.token.id);
    return another_rules(a.token);
  }

  Outcome operator()(const ImportBegun& a) const {
    const auto site = registry.registered(a.site);
    if (!site) return site.error();
    if (a.source.empty() || a.source.size() > 256)
      return Error{Errc::malformed, "an import's source is 1 to 256 bytes"};
    const std::optional<Import> known = registry.imports_.find(a.site, a.source);
    if (known && known->open) return Error{Errc::exists, "an import from " + a.source + " is open already"};
    if (known && !known->mark.empty())
      return conflict("source: a follower counts from " + a.source + "; give the import another name");
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

  Outcome operator()(const PagesMarked& a) const {
    const auto found = registry.registered(a.site);
    if (!found) return found.error();
    if (a.from.empty() || a.into.has_value() == (a.kind == PagesMarked::Kind::removed))
      return Error{Errc::malformed, "a change of pages needs their paths"};
    Site& site = *(*found)->site;
    base::MutexLock lock(site.mutex());
    const counting::PageMarks& marks = site.state().page_marks();
    if (a.into) {
      if (Outcome good = known(site, *a.into); !good) return good;
    }
    std::set<counting::PageId> from;
    for (const PagesMarked::Page& page : a.from) {
      if (Outcome good = known(site, page); !good) return good;
      if (marks.marked(page.id)) return conflict(page.path + " was merged or removed meanwhile");
      if (!from.insert(page.id).second) return Error{Errc::malformed, page.path + " is named twice"};
    }
    if (a.into && from.contains(marks.read_as(a.into->id)))
      return conflict(a.into->path + " is read as a page that would be merged into it");
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
    const Row* site = registry.row(a.site);
    if (site == nullptr) return no_site(a.site);
    if (!site->removed) return conflict("site " + a.before.name + " is there again already");
    if (registry.by_name_.contains(site->settings->name)) return name_taken(site->settings->name);
    return {};
  }
  Outcome undo(const Seeded& a) const { return registry.row(a.site) == nullptr ? Outcome{no_site(a.site)} : Outcome{}; }
  Outcome undo(const Reset& a) const {
    const Row* site = registry.row(a.site);
    return site == nullptr ? Outcome{no_site(a.site)} : epoch_stands(*site->site, a.next);
  }
  Outcome undo(const Restored& a) const {
    const Row* site = registry.row(a.site);
    return site == nullptr ? Outcome{no_site(a.site)} : epoch_stands(*site->site, a.next);
  }
  Outcome undo(const Undone& a) const {
    return conflict("an undo cannot be undone; make the change that was undone (" + a.undone + ") again");
  }
  Outcome undo(const TokenAdded& a) const {
    const Token* const token = registry.find_token(a.id);
    if (token == nullptr || token->digest != a.digest) return Error{Errc::not_found, "token " + a.id + " is gone"};
    return another_rules(a);
  }
  Outcome undo(const TokenRemoved& a) const {
    if (const Token* const token = registry.find_token(a.token.id)) {
      return token->digest == a.token.digest
                 ? conflict("token " + a.token.id + " is there again already")
                 : Outcome{Error{Errc::exists, "another token is called " + a.token.id + " by now"}};
    }
    return {};
  }
  Outcome undo(const ImportBegun&) const { return conflict("an import that began is ended, not undone"); }
  Outcome undo(const ImportEnded&) const { return conflict("an import that ended is begun again, not undone"); }
  // A page has one mark at most, so those that the change made are still there.
  Outcome undo(const PagesMarked& a) const {
    return registry.row(a.site) == nullptr ? Outcome{no_site(a.site)} : Outcome{};
  }

 private:
  static Error conflict(std::string detail) { return Error{Errc::conflict, std::move(detail)}; }

  // Nobody locks everybody out: without it one that may do everything is left, for ever and for all sites.
  Outcome another_rules(const Token& token) const {
    const auto rules = [](const Token& any) {
      return any.scopes == kAllScopes && !any.site.has_value() && any.expires_s == 0;
    };
    if (!rules(token) || std::count_if(registry.tokens_.begin(), registry.tokens_.end(), rules) > 1) return {};
    return conflict("token " + token.id +
                    " is the last one of all scopes that is bound to no site and never expires; add another first");
  }

  static Outcome epoch_follows(Site& site, const Epoch& next) {
    base::MutexLock lock(site.mutex());
    return next.number == site.state().epoch().number + 1 ? Outcome{} : conflict("the counters were reset meanwhile");
  }
  static Outcome known(Site& site, const PagesMarked::Page& page) REQUIRES(site.mutex()) {
    if (page.path.empty() || page.id < counting::kFirstPage)
      return Error{Errc::malformed, "a change of pages needs their paths"};
    const std::string_view path = site.state().page_path(page.id);
    if (path.empty() || path == page.path) return {};
    return Error{Errc::corrupt, "page " + std::to_string(page.id.value) + " of site " +
                                    std::to_string(site.id().value) + " is " + std::string(path) +
                                    ", and a change of pages calls it " + page.path};
  }
  // What began `epoch` can be taken back while it is summed: a later one that stands would leave it out.
  static Outcome epoch_stands(Site& site, const Epoch& epoch) {
    base::MutexLock lock(site.mutex());
    if (!site.state().included().contains(epoch)) return conflict("a later reset stands; undo that one first");
    return {};
  }
};

// --- adopting ---

// Of another node's change: it stands in no order with those of this one, so all that can be wrong are its bytes.
struct Registry::CheckAdopted {
  const Registry& registry;

  Outcome operator()(const SiteAdded& a) const {
    if (Outcome good = sites::check(a.settings); !good) return good;
    const auto it = registry.by_name_.find(a.settings.name);
    if (it != registry.by_name_.end() && it->second != a.site) return name_taken(a.settings.name);
    return a.site == registry.next_site_id() ? Outcome{} : known(a.site);
  }
  Outcome operator()(const SiteChanged& a) const {
    if (Outcome good = sites::check(a.after); !good) return good;
    if (Outcome good = sites::check(a.before); !good) return good;
    return known(a.site);
  }
  Outcome operator()(const SiteRemoved& a) const {
    if (Outcome good = sites::check(a.before); !good) return good;
    return known(a.site);
  }
  Outcome operator()(const Seeded& a) const {
    if (a.amount == INT64_MIN || (a.page && a.page->empty())) return malformed("seed");
    return known(a.site);
  }
  Outcome operator()(const Reset& a) const { return a.next > Epoch{} ? known(a.site) : malformed("reset"); }
  Outcome operator()(const Restored& a) const {
    if (a.next <= a.seeded || a.seeded <= Epoch{} || a.after > std::uint64_t{INT64_MAX}) return malformed("restore");
    for (const Restored::Page& page : a.pages) {
      if (page.path.empty() || page.amount == INT64_MIN) return malformed("restore");
    }
    return known(a.site);
  }
  Outcome operator()(const Undone& a) const {
    const Change* undone = registry.find_change(a.undone);
    if (undone == nullptr && registry.is_past(a.undone)) {
      return Error{Errc::conflict, "it takes back change " + a.undone +
                                       ", which this node no longer remembers; what that one made stays in force here"};
    }
    if (undone == nullptr) return Error{Errc::unavailable, "change " + a.undone + " is not known yet"};
    return shareable(undone->action) && !std::holds_alternative<Undone>(undone->action) ? Outcome{} : malformed("undo");
  }
  Outcome operator()(const TokenAdded& a) const {
    if (!valid_change_id(a.id)) return malformed("token");
    return a.site ? known(*a.site) : Outcome{};
  }
  Outcome operator()(const TokenRemoved& a) const { return (*this)(a.token); }
  Outcome operator()(const ImportBegun&) const { return malformed("import"); }
  Outcome operator()(const ImportEnded&) const { return malformed("import"); }
  Outcome operator()(const PagesMarked&) const { return malformed("change of pages"); }

 private:
  Outcome known(SiteId id) const { return registry.row(id) == nullptr ? Outcome{no_site(id)} : Outcome{}; }
  static Error malformed(const std::string& what) {
    return Error{Errc::malformed, "another node's " + what + " is none that a node makes"};
  }
};

// --- applying ---

std::set<Epoch> Registry::summed(const Begins& begun) {
  std::set<Epoch> all{Epoch{}};
  Epoch floor;
  for (const auto& [first, begin] : begun) {
    if (begin.stands) floor = first;
    if (begin.stands || !begin.only_seeds) all.insert(first);
    all.insert(begin.next);
  }
  all.erase(all.begin(), all.lower_bound(floor));
  return all;
}

// What a change begins, if it does.
struct Registry::BegunBy {
  SiteId site;
  Epoch first;
  Begun begun;

  static std::optional<BegunBy> of(const Action& action) {
    if (const auto* a = std::get_if<SiteAdded>(&action); a != nullptr && a->epoch > Epoch{})
      return BegunBy{a->site, a->epoch, {.next = a->epoch}};
    if (const auto* a = std::get_if<Reset>(&action)) return BegunBy{a->site, a->next, {.next = a->next}};
    if (const auto* a = std::get_if<Restored>(&action))
      return BegunBy{a->site, a->seeded, {.next = a->next, .only_seeds = true}};
    return std::nullopt;
  }
};

// REQUIRES: checked.
struct Registry::Apply {
  Registry& registry;
  const Change& change;
  std::uint64_t revision;  // of the settings that it makes

  Outcome operator()(const SiteAdded& a) const {
    if (a.site == registry.next_site_id()) {
      Row& row = registry.sites_.emplace_back();
      row.site = std::make_unique<Site>(a.site, registry.limits_, a.settings.window_s);
      row.settings = std::make_shared<const Settings>(a.settings);
      row.removed = true;
    }
    begin();
    settle(a.site, a.settings);
    return {};
  }

  Outcome operator()(const SiteChanged& a) const {
    settle(a.site, a.after);
    return {};
  }

  Outcome operator()(const SiteRemoved& a) const {
    settle(a.site, {});
    return {};
  }

  Outcome operator()(const Seeded& a) const {
    Site& site = *registry.row(a.site)->site;
    base::MutexLock lock(site.mutex());
    if (!a.page) {
      site.state().add_seed(a.epoch, a.amount);
      return {};
    }
    if (Outcome defined = define(site, a.page_id, *a.page); !defined) return defined;
    site.state().add_page_seed(a.epoch, a.page_id, a.amount);
    return {};
  }

  Outcome operator()(const Reset&) const {
    begin();
    return {};
  }

  Outcome operator()(const Restored& a) const {
    {
      Site& site = *registry.row(a.site)->site;
      base::MutexLock lock(site.mutex());
      for (const Restored::Page& page : a.pages) {
        if (Outcome defined = define(site, page.id, page.path); !defined) return defined;
      }
      site.state().add_seed(a.seeded, static_cast<std::int64_t>(a.after));
      for (const Restored::Page& page : a.pages) site.state().add_page_seed(a.seeded, page.id, page.amount);
    }
    begin();
    return {};
  }

  Outcome operator()(const Undone& a) const {
    Kept& kept = registry.changes_.find(a.undone)->second;
    // Two nodes may undo it at once: what adds up is taken back once, and of settings the later revision is in force.
    const bool first = kept.undone_by.empty();
    if (first) kept.undone_by = change.id;
    if (first || !std::holds_alternative<Seeded>(kept.change.action)) {
      std::visit([this](const auto& action) { undo(action); }, kept.change.action);
    }
    return {};
  }

  // What of its name is in force is settled when the change is remembered.
  Outcome operator()(const TokenAdded& a) const {
    if (registry.find_token(a.id) == nullptr) registry.tokens_.push_back(a);
    return {};
  }
  Outcome operator()(const TokenRemoved&) const { return {}; }

  Outcome operator()(const ImportBegun& a) const {
    registry.imports_.begin(a.site, a.source, a.key0, a.key1, change.at_s);
    return {};
  }

  Outcome operator()(const ImportEnded& a) const {
    registry.imports_.end(a.site, a.source);
    registry.forget_import_keys(a.site, a.source);
    return {};
  }

  Outcome operator()(const PagesMarked& a) const {
    Site& site = *registry.row(a.site)->site;
    base::MutexLock lock(site.mutex());
    for (const PagesMarked::Page& page : a.from) {
      if (Outcome defined = define(site, page.id, page.path); !defined) return defined;
    }
    if (a.into) {
      if (Outcome defined = define(site, a.into->id, a.into->path); !defined) return defined;
    }
    site.state().mark_pages(ids_of(a.from), a.into ? a.into->id : counting::kRemovedPage);
    return {};
  }

  void undo(const SiteAdded& a) const {
    settle(a.site, {});
    if (a.epoch > Epoch{}) stand(a.site, a.epoch, false);
  }
  void undo(const SiteChanged& a) const { settle(a.site, a.before); }
  void undo(const SiteRemoved& a) const { settle(a.site, a.before); }
  void undo(const Seeded& a) const {
    Site& site = *registry.row(a.site)->site;
    base::MutexLock lock(site.mutex());
    if (a.page) {
      site.state().add_page_seed(a.epoch, a.page_id, -a.amount);
    } else {
      site.state().add_seed(a.epoch, -a.amount);
    }
  }
  void undo(const Reset& a) const { stand(a.site, a.next, false); }
  void undo(const Restored& a) const { stand(a.site, a.seeded, false); }
  void undo(const TokenAdded& a) const { registry.settle_token(a.id); }
  void undo(const TokenRemoved& a) const {
    // The change that added it may be too old to be looked up.
    const bool gone = registry.find_token(a.token.id) == nullptr;
    if (gone && !registry.remembers_adding(a.token) && !registry.remembers_removing(a.token))
      registry.tokens_.push_back(a.token);
    registry.settle_token(a.token.id);
  }
  // What a rival added to the seeds of an epoch.
  void take_seeds_out(const Action& action) const {
    if (const auto* seeded = std::get_if<Seeded>(&action)) return undo(*seeded);
    const auto* restored = std::get_if<Restored>(&action);
    if (restored == nullptr) return;
    Site& site = *registry.row(restored->site)->site;
    base::MutexLock lock(site.mutex());
    site.state().add_seed(restored->seeded, -static_cast<std::int64_t>(restored->after));
    for (const Restored::Page& page : restored->pages)
      site.state().add_page_seed(restored->seeded, page.id, -page.amount);
  }
  // What the action began, if it did, stands, or is as if it had been taken back.
  void stand(const Action& action, bool stands) const {
    if (const std::optional<BegunBy> by = BegunBy::of(action)) stand(by->site, by->first, stands);
  }

  void undo(const PagesMarked& a) const {
    Site& site = *registry.row(a.site)->site;
    base::MutexLock lock(site.mutex());
    site.state().unmark_pages(ids_of(a.from));
  }

  void undo(const Undone&) const {}       // refused when checked
  void undo(const ImportBegun&) const {}  // refused when checked
  void undo(const ImportEnded&) const {}  // refused when checked

 private:
  Outcome define(Site& site, counting::PageId id, const std::string& path) const REQUIRES(site.mutex()) {
    if (change.origin && id == counting::kOtherPage) return {};  // this node had no place for another page
    if (site.state().define_page(id, path)) return {};
    return Error{Errc::corrupt, "change " + change.id + " calls page " + std::to_string(id.value) + " of site " +
                                    std::to_string(site.id().value) + " " + path + ", which is another page"};
  }

  static std::vector<counting::PageId> ids_of(const std::vector<PagesMarked::Page>& pages) {
    std::vector<counting::PageId> ids;
    ids.reserve(pages.size());
    for (const PagesMarked::Page& page : pages) ids.push_back(page.id);
    return ids;
  }

  // The site has these settings, or is removed, unless a later revision is in force.
  void settle(SiteId id, const std::optional<Settings>& settings) const {
    Row& row = *registry.row(id);
    if (std::tie(revision, change.id) <= std::tie(row.revision, row.revision_by)) return;
    row.revision = revision;
    row.revision_by = change.id;
    if (row.removed) {
      registry.removed_.erase({row.settings->name, id});
    } else {
      if (registry.touched_) registry.touched_->push_back(row.settings->name);
      registry.by_name_.erase(row.settings->name);
    }
    row.removed = !settings;
    if (!settings) {
      registry.removed_.emplace(row.settings->name, id);
      return;
    }
    row.settings = std::make_shared<const Settings>(*settings);
    registry.by_name_.emplace(row.settings->name, id);
    if (registry.touched_) registry.touched_->push_back(row.settings->name);
    Site& site = *row.site;
    base::MutexLock lock(site.mutex());
    if (site.state().window_s() != settings->window_s) site.state().set_window(settings->window_s, change.at_s);
  }

  void begin() const {
    const std::optional<BegunBy> by = BegunBy::of(change.action);
    if (!by) return;
    Row& row = *registry.row(by->site);
    row.begun.emplace(by->first, by->begun);
    Site& site = *row.site;
    base::MutexLock lock(site.mutex());
    if (by->begun.next > site.state().epoch()) site.state().begin_epoch(by->begun.next);
    site.state().set_included(summed(row.begun));
  }
  // The current epoch stays current.
  void stand(SiteId id, const Epoch& first, bool stands) const {
    Row& row = *registry.row(id);
    const auto begun = row.begun.find(first);
    if (begun == row.begun.end()) return;
    begun->second.stands = stands;
    Site& site = *row.site;
    base::MutexLock lock(site.mutex());
    site.state().set_included(summed(row.begun));
  }
};

Outcome Registry::check(const Change& change) const {
  if (!valid_change_id(change.id)) {
    return Error{Errc::malformed, "the id of a change is 1 to 64 of A-Z, a-z, 0-9 and ._:-"};
  }
  if (has(change)) return {};
  if (change.origin) return std::visit(CheckAdopted{*this}, change.action);
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
  if (is_rival(change)) return apply_rival(change);
  if (knows(change.id)) return {};
  std::uint64_t revision = 0;
  if (change.origin) {
    revision = change.origin->revision;
  } else if (const auto site = settles(change.action)) {
    const Row* known = row(*site);
    revision = known == nullptr ? 1 : known->revision + 1;
  }
  if (Outcome done = std::visit(Apply{*this, change, revision}, change.action); !done) return done;
  remember(Kept{change, {}, revision});
  if (const auto* added = std::get_if<TokenAdded>(&change.action)) settle_token(added->id);
  if (const auto* removed = std::get_if<TokenRemoved>(&change.action)) settle_token(removed->token.id);
  return {};
}

bool Registry::remembers_adding(const Token& token) const {
  return std::any_of(changes_.begin(), changes_.end(), [&token](const auto& change) {
    const auto* added = std::get_if<TokenAdded>(&change.second.change.action);
    return added != nullptr && added->digest == token.digest;
  });
}

bool Registry::remembers_removing(const Token& token) const {
  return std::any_of(changes_.begin(), changes_.end(), [&token](const auto& change) {
    const auto* removed = std::get_if<TokenRemoved>(&change.second.change.action);
    return removed != nullptr && removed->token.digest == token.digest && change.second.undone_by.empty();
  });
}

// Two nodes may have given the same name at once: that of the greatest change is in force which added it and was not
// taken back, and whose token was not removed. One that a change added which is too old to be looked up stays.
void Registry::settle_token(const std::string& name) {
  const auto token = std::find_if(tokens_.begin(), tokens_.end(), [&](const Token& known) { return known.id == name; });
  const bool there = token != tokens_.end();
  if (there && !remembers_adding(*token) && !remembers_removing(*token)) return;
  const Token* standing = nullptr;
  for (const auto& [id, kept] : changes_) {
    const auto* added = std::get_if<TokenAdded>(&kept.change.action);
    if (added == nullptr || added->id != name || !kept.undone_by.empty() || remembers_removing(*added)) continue;
    standing = added;
  }
  if (standing == nullptr) {
    if (there) tokens_.erase(token);
  } else if (there) {
    *token = *standing;
  } else {
    tokens_.push_back(*standing);
  }
}

std::string Registry::field_of(const Change& change) const {
  const SiteId* const site = site_of(change.action);
  return sites::field_of(change.id, change.action,
                         site == nullptr || row(*site) == nullptr ? "" : row(*site)->settings->name);
}

bool Registry::has_told(std::string_view field) const {
  if (is_past(id_of(field)) || is_past(field) || changes_.contains(field)) return true;
  const Change* const known = find_change(id_of(field));
  return known != nullptr && field_of(*known) == field;
}

bool Registry::is_rival(const Change& change) const {
  const Change* const known = find_change(change.id);
  if (!change.origin || known == nullptr || known->action.index() != change.action.index()) return false;
  const SiteId* const site = site_of(change.action);
  const SiteId* const other = site_of(known->action);
  const std::string field = field_of(change);
  return site != nullptr && other != nullptr && *site == *other && id_of(field) != field && !has_told(field);
}

bool Registry::has(const Change& change) const {
  return knows(change.id) && !is_rival(change);
}

// REQUIRES: is_rival(), checked.
Outcome Registry::apply_rival(const Change& change) {
  Kept& known = changes_.find(change.id)->second;
  Kept rival{change, {}, change.origin->revision};
  const bool undone = !known.undone_by.empty();
  const Apply apply{*this, change, rival.revision};
  if (Outcome done = std::visit(apply, change.action); !done) return done;
  if (field_of(known.change) < field_of(change)) {
    apply.take_seeds_out(change.action);
  } else {
    // A seed that was taken back is out already; seeds of a snapshot stay, in an epoch that is left out.
    const bool seeds = std::holds_alternative<Seeded>(change.action);
    if (!undone || !seeds) apply.take_seeds_out(known.change.action);
    if (undone && seeds) apply.take_seeds_out(change.action);
    rival.undone_by = std::exchange(known.undone_by, {});
    std::swap(rival, known);
  }
  apply.stand(rival.change.action, false);
  apply.stand(known.change.action, !undone);  // they may have begun the same
  rival.lost = true;
  remember(std::move(rival));
  return {};
}

// The site whose settings, or presence, it changes; also by taking a change back.
std::optional<SiteId> Registry::settles(const Action& action) const {
  if (const auto* undone = std::get_if<Undone>(&action)) {
    const Change* change = find_change(undone->undone);
    return change == nullptr || std::holds_alternative<Undone>(change->action) ? std::nullopt : settles(change->action);
  }
  if (const auto* added = std::get_if<SiteAdded>(&action)) return added->site;
  if (const auto* changed = std::get_if<SiteChanged>(&action)) return changed->site;
  if (const auto* removed = std::get_if<SiteRemoved>(&action)) return removed->site;
  return std::nullopt;
}

void Registry::remember(Kept kept) {
  std::string name = kept.lost ? field_of(kept.change) : kept.change.id;
  const bool restored = std::holds_alternative<Restored>(kept.change.action);
  const auto [it, fresh] = changes_.emplace(std::move(name), std::move(kept));
  if (fresh) change_order_.push_back(it->first);
  ++applied_;
  if (restored) forget_restored_pages();
  if (change_order_.size() <= changes_kept_) return;
  const std::string_view oldest = change_order_.front();
  change_order_.pop_front();
  const Kept& left = changes_.find(oldest)->second;
  if (!takes_away(left.change.action) || !left.undone_by.empty() || left.lost) return forget(oldest);
  taken_order_.push_back(oldest);
  if (taken_order_.size() <= changes_kept_) return;
  const std::string_view taken = taken_order_.front();
  taken_order_.pop_front();
  forget(taken);
}

void Registry::forget(std::string_view id) {
  past_.add(id);
  changes_.erase(changes_.find(id));
}

void Registry::forget_restored_pages() {
  std::size_t bytes = 0;  // of those that are newer
  for (const auto* order : {&change_order_, &taken_order_}) {
    for (auto id = order->rbegin(); id != order->rend(); ++id) {
      auto* restored = std::get_if<Restored>(&changes_.find(*id)->second.change.action);
      if (restored == nullptr) continue;
      if (bytes > kRestoredBytesKept) restored->pages = {};
      for (const Restored::Page& page : restored->pages) bytes += sizeof page + page.path.size();
    }
  }
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
  for (const Row& s : sites_) {
    encode(*s.settings, out);
    out.u8(s.removed ? 1 : 0);
    out.varint(s.revision);
    out.string(s.revision_by);
    out.varint(s.begun.size());
    for (const auto& [first, begun] : s.begun) {
      encode(first, out);
      encode(begun.next, out);
      out.u8((begun.stands ? 1U : 0U) | (begun.only_seeds ? 2U : 0U));
    }
  }
  out.varint(tokens_.size());
  for (const Token& token : tokens_) encode(token, out);
  out.varint(remembered());
  each_remembered([&out](const Kept& kept) {
    encode(kept.change, out);
    out.string(kept.lost ? kLost : kept.undone_by);
    out.varint(kept.revision);
  });
  imports_.save(out);
  batch_keys_.save(out, now_s);
  if (past_.size() > 0) past_.save(out);
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
    Row& s = sites_.emplace_back();
    s.site = std::make_unique<Site>(id, limits_, settings.window_s);
    s.settings = std::make_shared<const Settings>(std::move(settings));
    s.removed = removed == 1;
    s.revision = in.varint();
    s.revision_by = in.string();
    for (std::uint64_t begins = in.varint(); begins > 0 && in.ok(); --begins) {
      Epoch first;
      Begun begun;
      if (!decode(in, first) || !decode(in, begun.next)) return false;
      const std::uint8_t flags = in.u8();
      if (flags > 3) return false;
      begun.stands = (flags & 1U) != 0;
      begun.only_seeds = (flags & 2U) != 0;
      if (!s.begun.emplace(first, begun).second) return false;
    }
    if (s.removed) {
      removed_.emplace(s.settings->name, id);
    } else if (!by_name_.emplace(s.settings->name, id).second) {
      return false;
    }
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
    kept.revision = in.varint();
    if (kept.undone_by == kLost) {
      kept.undone_by.clear();
      kept.lost = true;
    }
    std::string name = kept.lost ? field_of(kept.change) : kept.change.id;
    const auto [it, fresh] = changes_.emplace(std::move(name), std::move(kept));
    if (!fresh) return false;
    (changes - i > changes_kept_ ? taken_order_ : change_order_).push_back(it->first);
  }
  if (!imports_.load(in, sites_.size()) || !batch_keys_.load(in) || !in.ok()) return false;
  return in.at_end() || past_.load(in);
}

}  // namespace footfall::sites
