// SPDX-License-Identifier: Apache-2.0
// Admin: pages that are read as another from now on, or not at all. No number moves, so undo brings all of it back.
// Tested by tests/unit/api/admin_test.cc.
#include <algorithm>

#include "api/admin_call.h"
#include "api/stats.h"
#include "base/hash.h"

namespace footfall::api {

namespace {

using sites::PagesMarked;
using sites::Scope;

constexpr std::size_t kPagesMax = 1000;  // that one change merges

struct Asked {
  std::vector<std::string> from;
  std::optional<std::string> into;
};

base::Error malformed(std::string detail) {
  return {base::Errc::malformed, std::move(detail)};
}

base::Result<std::vector<std::string>> merged_from(const JsonBody& body, ControlPlane& control) {
  const auto texts = body.texts("from");
  if (!texts) return texts.error();
  if (!*texts || (*texts)->empty() || (*texts)->size() > kPagesMax)
    return malformed("from: give a list of 1 to 1000 paths of the site");
  std::vector<std::string> paths;
  for (const std::string& text : **texts) {
    base::Result<std::string> path = page_of("from", text, control);
    if (!path) return path.error();
    if (std::ranges::find(paths, *path) == paths.end()) paths.push_back(*std::move(path));
  }
  return paths;
}

base::Result<std::string> one_page(const JsonBody& body, std::string_view key, ControlPlane& control) {
  base::Result<std::optional<std::string>> page = page_from(body, key, control);
  if (!page) return page.error();
  if (!*page) return malformed(std::string(key) + ": give a path of the site, such as /about");
  return **std::move(page);
}

base::Result<Asked> asked_for(const JsonBody& body, PagesMarked::Kind kind, ControlPlane& control) {
  Asked asked;
  if (kind == PagesMarked::Kind::merged) {
    base::Result<std::vector<std::string>> from = merged_from(body, control);
    if (!from) return from.error();
    asked.from = *std::move(from);
  } else {
    base::Result<std::string> page = one_page(body, kind == PagesMarked::Kind::removed ? "page" : "from", control);
    if (!page) return page.error();
    asked.from.push_back(*std::move(page));
  }
  if (kind == PagesMarked::Kind::removed) return asked;
  const std::string_view target = kind == PagesMarked::Kind::merged ? "into" : "to";
  base::Result<std::string> into = one_page(body, target, control);
  if (!into) return into.error();
  if (std::ranges::find(asked.from, *into) != asked.from.end())
    return malformed(std::string(target) + ": " + *into + " is one of `from`; leave it out there");
  asked.into = *std::move(into);
  return asked;
}

bool is_for(const PagesMarked& marked, const Asked& asked) {
  const auto same = [](const PagesMarked::Page& page, const std::string& path) { return page.path == path; };
  return std::ranges::equal(marked.from, asked.from, same) && marked.into.has_value() == asked.into.has_value() &&
         (!asked.into || marked.into->path == *asked.into);
}

const std::vector<std::string_view>& keys_of(PagesMarked::Kind kind) {
  static const std::vector<std::string_view> kMerge{"from", "into", "reason", "dry_run"};
  static const std::vector<std::string_view> kRename{"from", "to", "reason", "dry_run"};
  static const std::vector<std::string_view> kRemove{"page", "reason", "dry_run"};
  return kind == PagesMarked::Kind::merged ? kMerge : kind == PagesMarked::Kind::renamed ? kRename : kRemove;
}

}  // namespace

void write_pages(JsonWriter& json, const PagesMarked& marked) {
  json.key("from").begin_array();
  for (const PagesMarked::Page& page : marked.from) json.value(std::string_view(page.path));
  json.end_array().key("into");
  marked.into ? json.value(std::string_view(marked.into->path)) : json.null();
  json.count("before", marked.before).count("after", marked.after);
}

AdminAnswer Admin::dry_mark(const Call& call, std::string_view site, const PagesMarked& plan) {
  std::string body;
  JsonWriter json(body);
  json.begin_object().member("dry_run", true).member("site", site);
  write_pages(json, plan);
  json.member("stays", "the site's total, and every page's own numbers until it is undone");
  if (!plan.into) write_undo_until(json, call.now_s);
  json.end_object();
  return json_answer(std::move(body));
}

AdminAnswer Admin::mark_pages(const Call& call, std::string_view name, PagesMarked::Kind kind) {
  sites::Registry& registry = control_.registry();
  sites::Site* const site = registry.find(name);
  if (auto refused = call.refusal(bits(Scope::config), site == nullptr ? sites::SiteId{} : site->id(), "config"))
    return *refused;
  if (site == nullptr) return unknown_site(name);
  const base::Result<JsonBody> body = JsonBody::parse(call.request.body, keys_of(kind));
  if (!body) return problem(body.error());
  const base::Result<Asked> asked = asked_for(*body, kind, control_);
  if (!asked) return problem(asked.error());
  base::Result<std::string> reason = reason_from(*body);
  if (!reason) return problem(reason.error());
  const auto dry_run = body->flag("dry_run");
  if (!dry_run) return problem(dry_run.error());

  const sites::Change* const known = dry_run->value_or(false) ? nullptr : registry.find_change(call.id);
  if (known != nullptr) {
    const auto* const marked = std::get_if<PagesMarked>(&known->action);
    if (marked != nullptr && marked->site == site->id() && marked->kind == kind && is_for(*marked, *asked))
      return describe(*known, Told::repeated);
    return problem(Problem::conflict, "the change id " + call.id + " was used for another change");
  }
  if (control_.nodes() != nullptr) {
    return problem(Problem::conflict,
                   "pages cannot be merged, renamed or removed on one of several nodes (--node): each counts its own "
                   "pages, and the others would go on showing them");
  }
  base::Result<PagesMarked> plan =
      registry.plan_pages(name, kind, asked->from, asked->into, call.now_s, dry_run->value_or(false));
  if (!plan) return problem(plan.error());
  if (dry_run->value_or(false)) return dry_mark(call, name, *plan);
  return commit(call, *std::move(plan), *std::move(reason), false);
}

}  // namespace footfall::api
