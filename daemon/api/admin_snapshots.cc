// SPDX-License-Identifier: Apache-2.0
// Admin: snapshots in Redis, and restoring a site from one.
// Tested by tests/unit/api/admin_test.cc, tests/integration/snapshot_test.py.
#include <array>
#include <charconv>

#include "api/admin_call.h"
#include "api/site_json.h"
#include "api/stats.h"
#include "api/text.h"
#include "base/hash.h"

namespace footfall::api {

namespace {

using sites::Scope;

AdminAnswer no_redis() {
  return problem(Problem::conflict,
                 "this daemon has no Redis to keep snapshots in; start it with --redis redis://HOST:PORT");
}

void write_names(JsonWriter& json, const std::vector<SnapshotStore::Name>& names) {
  json.key("snapshots").begin_array();
  static const lookup::TimeZone utc("UTC", {lookup::TimeZone::Span{}});
  for (const SnapshotStore::Name& name : names) {
    json.begin_object().member("site", std::string_view(name.site)).member("id", std::string_view(name.id));
    json.member("taken", std::string_view(iso_time(name.taken_ms, utc))).end_object();
  }
  json.end_array();
}

AdminAnswer snapshot_answer(const SnapshotStore::Name& name, const sites::Snapshot& snapshot) {
  static const lookup::TimeZone utc("UTC", {lookup::TimeZone::Span{}});
  std::string body;
  JsonWriter json(body);
  json.begin_object().member("site", std::string_view(name.site)).member("id", std::string_view(name.id));
  json.member("taken", std::string_view(iso_time(snapshot.taken_ms, utc)))
      .member("node", std::string_view(snapshot.node));
  json.member("epoch", snapshot.epoch.number).count("total", snapshot.total).count("counted", snapshot.counted);
  json.count("bots", snapshot.bots).count("pages", snapshot.pages.size()).count("days", snapshot.days.size());
  json.key("settings");
  write_settings(json, snapshot.settings);
  json.end_object();
  return json_answer(std::move(body));
}

// Of the change that adds the site which another restores. Each has its own.
std::string site_change_id(const std::string& restore_id) {
  constexpr std::string_view kPrefix = "site.";
  constexpr std::size_t kIdMax = 64;
  if (kPrefix.size() + restore_id.size() <= kIdMax) return std::string(kPrefix) + restore_id;
  std::array<char, 16> hex{};
  const auto end = std::to_chars(hex.data(), hex.data() + hex.size(), base::siphash24({}, restore_id), 16).ptr;
  return std::string(kPrefix) + std::string(hex.data(), end);
}

}  // namespace

AdminAnswer Admin::take_snapshots(const Call& call) {
  if (auto refused = call.refusal(bits(Scope::operate), {}, "operate")) return *refused;
  SnapshotStore* const store = control_.snapshots();
  if (store == nullptr) return no_redis();
  const base::Result<JsonBody> body = JsonBody::parse(call.request.body, {"site"});
  if (!body) return problem(body.error());
  const auto site = body->text("site");
  if (!site) return problem(site.error());
  std::vector<std::string> names;
  if (site->has_value()) {
    if (control_.registry().find(**site) == nullptr) return unknown_site(**site);
    names.push_back(**site);
  } else {
    for (const sites::Entry& entry : control_.registry().entries()) names.push_back(entry.settings->name);
  }
  return later([store, names](const Later& answer) {
    store->take(names, [answer](const base::Result<SnapshotStore::Taken>& taken) {
      if (!taken) return answer(problem(taken.error()));
      if (taken->names.empty() && !taken->failed.empty())
        return answer(problem({base::Errc::unavailable, taken->failed.front()}));
      std::string text;
      JsonWriter json(text);
      json.begin_object();
      write_names(json, taken->names);
      json.key("failed").begin_array();
      for (const std::string& why : taken->failed) json.value(std::string_view(why));
      json.end_array().end_object();
      answer(json_answer(std::move(text)));
    });
  });
}

AdminAnswer Admin::list_snapshots(const Call& call) {
  if (auto refused = call.refusal(bits(Scope::operate), {}, "operate")) return *refused;
  SnapshotStore* const store = control_.snapshots();
  if (store == nullptr) return no_redis();
  return later([store, site = query_value(call.request.query, "site").value_or("")](const Later& answer) {
    store->list(site, [answer](const base::Result<std::vector<SnapshotStore::Name>>& names) {
      if (!names) return answer(problem(names.error()));
      std::string text;
      JsonWriter json(text);
      json.begin_object();
      write_names(json, *names);
      json.end_object();
      answer(json_answer(std::move(text)));
    });
  });
}

AdminAnswer Admin::show_snapshot(const Call& call, std::string_view name, std::string_view id) {
  if (auto refused = call.refusal(bits(Scope::operate), {}, "operate")) return *refused;
  SnapshotStore* const store = control_.snapshots();
  if (store == nullptr) return no_redis();
  return later([store, name = std::string(name), id = std::string(id)](const Later& answer) {
    store->load(name, id, [answer](const base::Result<std::pair<SnapshotStore::Name, sites::Snapshot>>& loaded) {
      answer(loaded ? snapshot_answer(loaded->first, loaded->second) : problem(loaded.error()));
    });
  });
}

// A site that is not here is added with the settings of its snapshot, under an id of its own.
AdminAnswer Admin::restore(const Call& call, std::string_view name) {
  sites::Registry& registry = control_.registry();
  sites::Site* const site = registry.find(name);
  if (auto refused = call.refusal(bits(Scope::restore), site == nullptr ? sites::SiteId{} : site->id(), "restore"))
    return *refused;
  const base::Result<JsonBody> body = JsonBody::parse(call.request.body, {"snapshot", "reason", "dry_run"});
  if (!body) return problem(body.error());
  const auto id = body->text("snapshot");
  if (!id) return problem(id.error());
  if (!id->has_value()) return problem(Problem::malformed, "snapshot: give its id, or latest");
  base::Result<std::string> reason = reason_from(*body);
  if (!reason) return problem(reason.error());
  const auto dry_run = body->flag("dry_run");
  if (!dry_run) return problem(dry_run.error());
  if (const sites::Change* const known = registry.find_change(call.id)) {
    const auto* const restored = std::get_if<sites::Restored>(&known->action);
    const bool same = restored != nullptr && site != nullptr && restored->site == site->id() &&
                      (**id == "latest" || restored->snapshot == **id);
    if (same) return describe(*known, Told::repeated);
    return problem(Problem::conflict, "the change id " + call.id + " was used for another change");
  }
  SnapshotStore* const store = control_.snapshots();
  if (store == nullptr) return no_redis();
  return later([this, store, call, name = std::string(name), id = **id, reason = *std::move(reason),
                dry = dry_run->value_or(false)](const Later& answer) {
    store->load(
        name, id,
        [this, call, reason, dry, answer](const base::Result<std::pair<SnapshotStore::Name, sites::Snapshot>>& loaded) {
          answer(loaded ? restore_loaded(call, loaded->first, loaded->second, reason, dry) : problem(loaded.error()));
        });
  });
}

AdminAnswer Admin::restore_loaded(const Call& call, const SnapshotStore::Name& name, const sites::Snapshot& snapshot,
                                  std::string reason, bool dry_run) {
  sites::Registry& registry = control_.registry();
  sites::Site* const site = registry.find(name.site);
  if (dry_run) {
    const std::uint64_t before = site == nullptr ? 0 : site->total(control_.now_ms() / 1000);
    std::string text;
    JsonWriter json(text);
    json.begin_object()
        .member("dry_run", true)
        .member("site", std::string_view(name.site))
        .member("snapshot", std::string_view(name.id));
    json.count("before", before).count("after", snapshot.total).count("pages", snapshot.pages.size());
    write_undo_until(json, call.now_s);
    json.end_object();
    return json_answer(std::move(text));
  }
  if (site == nullptr) {
    base::Result<sites::SiteAdded> plan = registry.plan_add(snapshot.settings, reset_id_of(call.id));
    if (!plan) return problem(plan.error());
    const sites::Change added{site_change_id(call.id), call.now_s, call.token.id, reason, *std::move(plan)};
    if (const base::Result<void> done = control_.commit(added); !done) return problem(done.error());
  }
  base::Result<sites::Restored> plan =
      registry.plan_restore(name.site, snapshot, name.id, reset_id_of(call.id), control_.now_ms() / 1000);
  if (!plan) return problem(plan.error());
  return commit(call, *std::move(plan), std::move(reason), false);
}

}  // namespace footfall::api
