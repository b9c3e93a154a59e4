// SPDX-License-Identifier: Apache-2.0
// Registry: what it tells other nodes of its changes, and how it takes theirs.
// Tested by tests/unit/sites/registry_share_test.cc.
#include <iterator>

#include "base/hash.h"
#include "sites/registry.h"

namespace footfall::sites {
namespace {

using base::Errc;
using base::Error;

// Gives an action of another node this node's ids, and the name by which both know the site.
struct Translate {
  SiteId id;
  const std::string& name;
  Site* site;  // none: it is added by this

  void operator()(SiteAdded& a) const {
    a.site = id;
    a.settings.name = name;
  }
  void operator()(SiteChanged& a) const {
    a.site = id;
    a.before.name = a.after.name = name;
  }
  void operator()(SiteRemoved& a) const {
    a.site = id;
    a.before.name = name;
  }
  void operator()(Seeded& a) const {
    a.site = id;
    if (a.page) a.page_id = page(*a.page);
  }
  void operator()(Reset& a) const { a.site = id; }
  void operator()(Restored& a) const {
    a.site = id;
    for (Restored::Page& page_of : a.pages) page_of.id = page(page_of.path);
  }
  void operator()(TokenAdded& a) const {
    if (a.site) a.site = id;
  }
  void operator()(TokenRemoved& a) const { (*this)(a.token); }
  void operator()(Undone&) const {}
  void operator()(ImportBegun&) const {}
  void operator()(ImportEnded&) const {}
  void operator()(PagesMarked&) const {}

 private:
  counting::PageId page(const std::string& path) const {
    const base::MutexLock lock(site->mutex());
    return site->state().reserve_page(path, base::table_hash(path));
  }
};

}  // namespace

const Registry::Row* Registry::latest(std::string_view name) const {
  if (const auto it = by_name_.find(name); it != by_name_.end()) return row(it->second);
  const auto beyond = removed_.upper_bound({name, SiteId{UINT32_MAX}});
  if (beyond == removed_.begin()) return nullptr;
  const auto& [last_name, id] = *std::prev(beyond);
  return last_name == name ? row(id) : nullptr;
}

std::uint64_t Registry::settings_mark(SiteId id) const {
  const Row* found = row(id);
  return found == nullptr ? 0 : (found->revision << 32U) | base::crc32c(found->revision_by);
}

base::Result<Change> Registry::adopt(const SharedChange& shared) {
  if (shared.node.empty()) return Error{Errc::malformed, "a change of another node needs the node's incarnation"};
  Change change = shared.change;
  change.origin = Origin{shared.node, shared.revision};
  if (!shareable(change.action)) return Error{Errc::malformed, "another node's import is its own"};
  if (!shared.site.empty() && !std::holds_alternative<Undone>(change.action)) {
    const Row* known = latest(shared.site);
    if (known == nullptr && !std::holds_alternative<SiteAdded>(change.action)) {
      return Error{Errc::unavailable, "site " + shared.site + " is not known yet"};
    }
    std::visit(Translate{known == nullptr ? next_site_id() : known->site->id(), shared.site,
                         known == nullptr ? nullptr : known->site.get()},
               change.action);
  } else if (shared.site.empty() && site_of(change.action) != nullptr) {
    return Error{Errc::malformed, "change " + change.id + " of another node does not say of which site it is"};
  }
  if (has(change) && !has_told(field_of(change))) {
    return Error{Errc::conflict, "its id was given to another request here, which stays in force here"};
  }
  if (base::Result<void> good = check(change); !good) return good.error();
  return change;
}

void Registry::each_shared(const std::string& node, const std::function<void(const SharedChange&)>& visit) const {
  each_remembered([&](const Kept& kept) {
    if (kept.lost && !changes_.contains(kept.change.id)) return;  // alone it would be in force
    if (!shareable(kept.change.action)) return;
    const Action* about = &kept.change.action;
    if (const auto* undone = std::get_if<Undone>(about)) {
      const Change* change = find_change(undone->undone);
      if (change == nullptr || !shareable(change->action)) return;
      about = &change->action;
    }
    SharedChange shared;
    shared.change = kept.change;
    shared.node = kept.change.origin ? kept.change.origin->node : node;
    shared.revision = kept.revision;
    if (const SiteId* site = site_of(*about)) shared.site = row(*site)->settings->name;
    visit(shared);
  });
}

}  // namespace footfall::sites
