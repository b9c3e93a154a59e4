// SPDX-License-Identifier: Apache-2.0
// Registry: plans. What is in force is read, and fixed in an action.
// Tested by tests/unit/sites/registry_test.cc.
#include <algorithm>

#include "base/hash.h"
#include "counting/saturating.h"
#include "sites/registry.h"

namespace footfall::sites {
namespace {

using base::Errc;
using base::Error;
using counting::Epoch;

// Of the pages of a snapshot that is restored: a change is one block of the control stream, of 8 MiB at most.
constexpr std::size_t kRestoredPagesBytes = 6U << 20U;
constexpr const char* kPlanId = "plan";  // stands in for the id that the change will get

using counting::Wide;  // holds u64 + i64 - i64 without overflow

std::uint64_t clamp_total(Wide total) {
  return static_cast<std::uint64_t>(std::clamp<Wide>(total, 0, Wide{UINT64_MAX}));
}

struct Parts {
  std::uint64_t counted = 0;
  Wide seeds = 0;  // of several epochs or pages they may be beyond what one may be
  Wide sum() const { return counted + seeds; }
};

Parts site_parts(Site& site, std::int64_t now_s) REQUIRES(site.mutex()) {
  const counting::Summary summary = site.state().summary(now_s, counting::calendar_of(counting::local_day(now_s, 0)));
  return {summary.counted, summary.seeds};
}

Parts page_parts(Site& site, std::string_view path, std::int64_t now_s) REQUIRES(site.mutex()) {
  const auto row = site.state().page(path, base::table_hash(path), now_s);
  return row ? Parts{row->counted, row->seeds} : Parts{};
}

// conflict: the page is read as another, or not at all.
base::Result<void> read_by_itself(Site& site, const std::string& path) REQUIRES(site.mutex()) {
  const counting::PageMarks& marks = site.state().page_marks();
  if (marks.empty()) return {};
  const counting::PageId page = site.state().find_page(path, base::table_hash(path));
  if (!marks.marked(page)) return {};
  const counting::PageId into = marks.read_as(page);
  return Error{Errc::conflict, into == counting::kRemovedPage
                                   ? path + " was removed; `footfall audit` has the change, and undo brings it back"
                                   : path + " is read as " + std::string(site.state().page_path(into)) +
                                         "; name that page, or undo the change that merged them (`footfall audit`)"};
}

bool is_removed(Site& site, const std::string& path) REQUIRES(site.mutex()) {
  const counting::PageId page = site.state().find_page(path, base::table_hash(path));
  return site.state().page_marks().read_as(page) == counting::kRemovedPage;
}

// Reserved under the lock and before the change is written, so that no stream can bind the id otherwise.
base::Result<PagesMarked::Page> reserved(Site& site, const std::string& path, std::string_view site_name)
    REQUIRES(site.mutex()) {
  const counting::PageId id = site.state().reserve_page(path, base::table_hash(path));
  if (id >= counting::kFirstPage) return PagesMarked::Page{id, path};
  return Error{Errc::too_large, "site " + std::string(site_name) + " has as many pages as it may; " + path +
                                    " counts in (other), which is no page that could be changed"};
}

// Fixes the amount; a site's or page's seeds together stay within 63 bits.
base::Result<Seeded> with_amount(Seeded seeded, const Parts& parts, Wide amount) {
  constexpr Wide kMax = INT64_MAX;
  const Wide seeds = parts.seeds + amount;
  if (amount > kMax || amount < -kMax || seeds > kMax || seeds < -kMax) {
    return Error{Errc::too_large,
                 "a seed, and the seeds of a site or page together, are 9,223,372,036,854,775,807 at most"};
  }
  if (amount < 0 && parts.sum() + amount < 0) {
    return Error{Errc::conflict, "the total is " + std::to_string(clamp_total(parts.sum())) + " now, and " +
                                     std::to_string(static_cast<std::uint64_t>(-amount)) +
                                     " less is below nothing; to make it 0, seed the total 0"};
  }
  seeded.amount = static_cast<std::int64_t>(amount);
  seeded.before = clamp_total(parts.sum());
  seeded.after = clamp_total(parts.sum() + amount);
  return seeded;
}

// What the total is, and what it would be with `then` summed.
void look_at(Site& site, const std::set<Epoch>& then, std::int64_t now_s, Undone& out) {
  base::MutexLock lock(site.mutex());
  const std::set<Epoch> now = site.state().included();
  out.before = clamp_total(site_parts(site, now_s).sum());
  site.state().set_included(then);  // for a look, under the lock
  out.after = clamp_total(site_parts(site, now_s).sum());
  site.state().set_included(now);
}

// The total of the page that others were merged into, or that was removed, without that.
void look_at(Site& site, const PagesMarked& marked, std::int64_t now_s, Undone& out) {
  const std::string& path = marked.into ? marked.into->path : marked.from.front().path;
  std::vector<counting::PageId> ids;
  for (const PagesMarked::Page& page : marked.from) ids.push_back(page.id);
  const base::MutexLock lock(site.mutex());
  out.before = clamp_total(page_parts(site, path, now_s).sum());
  site.state().unmark_pages(ids);  // for a look, under the lock
  out.after = clamp_total(page_parts(site, path, now_s).sum());
  site.state().mark_pages(ids, marked.into ? marked.into->id : counting::kRemovedPage);
}

}  // namespace

base::Result<SiteAdded> Registry::plan_add(const Settings& settings, std::uint64_t reset_id) const {
  SiteAdded added;
  added.settings = settings;
  added.site = next_site_id();
  // The latest removed site of this name goes on under its id.
  if (const Row* old = latest(settings.name); old != nullptr && old->removed) {
    Site& site = *old->site;
    added.site = site.id();
    base::MutexLock lock(site.mutex());
    added.epoch = Epoch{site.state().epoch().number + 1, reset_id};
  }
  if (base::Result<void> good = check(Change{kPlanId, 0, {}, {}, added}); !good) return good.error();
  return added;
}

base::Result<SiteChanged> Registry::plan_change(std::string_view name, const Settings& after) const {
  const auto row = registered(name);
  if (!row) return row.error();
  SiteChanged changed{(*row)->site->id(), *(*row)->settings, after};
  if (base::Result<void> good = check(Change{kPlanId, 0, {}, {}, changed}); !good) return good.error();
  return changed;
}

base::Result<SiteRemoved> Registry::plan_remove(std::string_view name) const {
  const auto row = registered(name);
  if (!row) return row.error();
  return SiteRemoved{(*row)->site->id(), *(*row)->settings};
}

base::Result<TokenRemoved> Registry::plan_remove_token(std::string_view id) const {
  const Token* const token = find_token(id);
  TokenRemoved removed;
  removed.token.id = id;
  if (token != nullptr) removed.token = *token;
  if (base::Result<void> good = check(Change{kPlanId, 0, {}, {}, removed}); !good) return good.error();
  return removed;
}

base::Result<Seeded> Registry::plan_seed_total(std::string_view name, const std::optional<std::string>& page,
                                               std::uint64_t total, std::int64_t now_s) const {
  return plan_seed(name, page, now_s, total, 0);
}

base::Result<Seeded> Registry::plan_seed_amount(std::string_view name, const std::optional<std::string>& page,
                                                std::int64_t amount, std::int64_t now_s) const {
  return plan_seed(name, page, now_s, std::nullopt, amount);
}

base::Result<Seeded> Registry::plan_seed(std::string_view name, const std::optional<std::string>& page,
                                         std::int64_t now_s, std::optional<std::uint64_t> total,
                                         std::int64_t amount) const {
  const auto row = registered(name);
  if (!row) return row.error();
  Site& site = *(*row)->site;
  Seeded seeded;
  seeded.site = site.id();
  seeded.page = page;
  base::MutexLock lock(site.mutex());
  seeded.epoch = site.state().epoch();
  if (page && page->empty()) return Error{Errc::malformed, "page must be a path, such as /about"};
  if (page) {
    if (base::Result<void> read = read_by_itself(site, *page); !read) return read.error();
  }
  const Parts parts = page ? page_parts(site, *page, now_s) : site_parts(site, now_s);
  base::Result<Seeded> plan = with_amount(std::move(seeded), parts, total ? Wide{*total} - parts.sum() : Wide{amount});
  if (!plan || !page) return plan;
  // Reserved here, under the lock and before the change is written, so that no stream can bind the id otherwise.
  base::Result<PagesMarked::Page> reservation = reserved(site, *page, name);
  if (!reservation) return reservation.error();
  plan->page_id = reservation->id;
  return plan;
}

base::Result<Reset> Registry::plan_reset(std::string_view name, std::uint64_t reset_id, std::int64_t now_s) const {
  const auto row = registered(name);
  if (!row) return row.error();
  Site& site = *(*row)->site;
  Reset reset;
  reset.site = site.id();
  base::MutexLock lock(site.mutex());
  reset.next = Epoch{site.state().epoch().number + 1, reset_id};
  reset.before = clamp_total(site_parts(site, now_s).sum());
  return reset;
}

base::Result<Restored> Registry::plan_restore(std::string_view name, const Snapshot& snapshot,
                                              std::string_view snapshot_id, std::uint64_t reset_id,
                                              std::int64_t now_s) const {
  const auto row = registered(name);
  if (!row) return row.error();
  Site& site = *(*row)->site;
  if (snapshot.total > std::uint64_t{INT64_MAX}) {
    return Error{Errc::too_large, "the snapshot's total is beyond what a seed may be, 9,223,372,036,854,775,807"};
  }
  Restored restored;
  restored.site = site.id();
  restored.snapshot = std::string(snapshot_id);
  restored.after = snapshot.total;
  std::size_t bytes = 0;
  for (std::size_t next = 0; next < snapshot.pages.size();) {
    const base::MutexLock lock(site.mutex());  // held for a few hundred pages at a time
    for (const std::size_t end = std::min(next + 256, snapshot.pages.size()); next < end; ++next) {
      const Snapshot::Page& page = snapshot.pages[next];
      bytes += page.path.size() + 24;
      if (page.path.empty() || page.total == 0 || bytes > kRestoredPagesBytes) continue;
      const counting::PageId id = site.state().reserve_page(page.path, base::table_hash(page.path));
      if (id < counting::kFirstPage) continue;  // (unknown), (other)
      restored.pages.push_back(
          {id, page.path, static_cast<std::int64_t>(std::min<std::uint64_t>(page.total, INT64_MAX))});
    }
  }
  const base::MutexLock lock(site.mutex());
  restored.seeded = Epoch{site.state().epoch().number + 1, reset_id};
  restored.next = Epoch{site.state().epoch().number + 2, reset_id};
  restored.before = clamp_total(site_parts(site, now_s).sum());
  return restored;
}

base::Result<PagesMarked> Registry::plan_pages(std::string_view name, PagesMarked::Kind kind,
                                               const std::vector<std::string>& from,
                                               const std::optional<std::string>& into, std::int64_t now_s,
                                               bool dry_run) const {
  const auto row = registered(name);
  if (!row) return row.error();
  Site& site = *(*row)->site;
  PagesMarked marked{site.id(), kind, {}, {}, 0, 0};
  {
    const base::MutexLock lock(site.mutex());
    const auto reserve = [&](const std::string& path) REQUIRES(site.mutex()) -> base::Result<PagesMarked::Page> {
      if (!dry_run) return reserved(site, path, name);
      return PagesMarked::Page{site.state().find_page(path, base::table_hash(path)), path};
    };
    for (const std::string& path : from) {
      if (base::Result<void> read = read_by_itself(site, path); !read) return read.error();
    }
    if (into && is_removed(site, *into)) return read_by_itself(site, *into).error();
    if (kind == PagesMarked::Kind::removed && !site.state().page(from.front(), base::table_hash(from.front()), now_s))
      return Error{Errc::not_found,
                   "no page " + from.front() + " was ever hit; `footfall pages` lists those there are"};
    if (into) {
      base::Result<PagesMarked::Page> page = reserve(*into);
      if (!page) return page.error();
      marked.into = *std::move(page);
    }
    for (const std::string& path : from) {
      base::Result<PagesMarked::Page> page = reserve(path);
      if (!page) return page.error();
      marked.from.push_back(*std::move(page));
    }
    Wide total = 0;
    Wide merged = 0;
    for (const std::string& path : from) merged += page_parts(site, path, now_s).sum();
    if (into) total = page_parts(site, *into, now_s).sum();
    marked.before = clamp_total(into ? total : merged);
    marked.after = clamp_total(into ? total + merged : 0);
    if (kind == PagesMarked::Kind::renamed && total != 0) {
      return Error{Errc::conflict, *into + " is a page with a total of " + std::to_string(clamp_total(total)) +
                                       "; to add the two up, merge them: footfall pages merge"};
    }
  }
  const auto missing = [](const PagesMarked::Page& page) { return page.id < counting::kFirstPage; };
  if (std::ranges::any_of(marked.from, missing) || (marked.into && missing(*marked.into))) return marked;
  if (base::Result<void> good = check(Change{kPlanId, 0, {}, {}, marked}); !good) return good.error();
  return marked;
}

base::Result<Undone> Registry::plan_undo(std::string_view change_id, std::int64_t now_s) const {
  const auto kept = undoable(change_id);
  if (!kept) return kept.error();
  Undone undone;
  undone.undone = std::string(change_id);
  if (base::Result<void> good = check(Change{kPlanId, 0, {}, {}, undone}); !good) return good.error();
  const Action& action = (*kept)->change.action;
  if (const auto* seeded = std::get_if<Seeded>(&action)) {
    Site& site = *find(seeded->site);
    base::MutexLock lock(site.mutex());
    const Parts parts = seeded->page ? page_parts(site, *seeded->page, now_s) : site_parts(site, now_s);
    const bool summed = site.state().included().contains(seeded->epoch);
    undone.before = clamp_total(parts.sum());
    undone.after = clamp_total(parts.sum() - (summed ? seeded->amount : 0));
  } else {
    const auto look = [&](SiteId id, const Epoch& first) {
      Begins begun = row(id)->begun;
      begun[first].stands = false;
      look_at(*find(id), summed(begun), now_s, undone);
    };
    if (const auto* reset = std::get_if<Reset>(&action)) look(reset->site, reset->next);
    if (const auto* restored = std::get_if<Restored>(&action)) look(restored->site, restored->seeded);
    if (const auto* marked = std::get_if<PagesMarked>(&action)) look_at(*find(marked->site), *marked, now_s, undone);
  }
  return undone;
}

}  // namespace footfall::sites
