// SPDX-License-Identifier: Apache-2.0
// Admin: sites and their settings.
// Tested by tests/unit/api/admin_test.cc.
#include "api/admin_call.h"
#include "api/auth.h"
#include "api/site_json.h"

namespace footfall::api {

using sites::Scope;

AdminAnswer Admin::list_sites(const Call& call) {
  if ((call.token.scopes & bits(Scope::read, Scope::config)) == 0) {
    return problem(Problem::forbidden, "this needs a token of scope read or config");
  }
  std::string body;
  JsonWriter json(body);
  json.begin_object().key("sites").begin_array();
  for (const sites::Entry& entry : control_.registry().entries()) {
    if (!allows(call.token, bits(Scope::read, Scope::config), entry.site->id())) continue;
    write_settings(json, *entry.settings);
  }
  json.end_array().end_object();
  return json_answer(std::move(body));
}

AdminAnswer Admin::show_site(const Call& call, std::string_view name) {
  sites::Site* const site = control_.registry().find(name);
  if (auto refused = call.refusal(bits(Scope::read, Scope::config), site == nullptr ? sites::SiteId{} : site->id(),
                                  "read or config")) {
    return *refused;
  }
  if (site == nullptr) return unknown_site(name);
  std::string body;
  JsonWriter json(body);
  write_settings(json, *control_.registry().settings(site->id()));
  return json_answer(std::move(body));
}

AdminAnswer Admin::add_site(const Call& call) {
  if (auto refused = call.refusal(bits(Scope::config), {}, "config, for all sites")) return *refused;
  const base::Result<JsonBody> body = JsonBody::parse(call.request.body, settings_keys());
  if (!body) return problem(body.error());
  if (!body->has("name")) return problem(Problem::malformed, "name: give the site's name, such as example.vn");
  const base::Result<sites::Settings> settings = settings_from(*body, {}, control_);
  if (!settings) return problem(settings.error());
  if (const sites::Change* const known = control_.registry().find_change(call.id)) {
    const auto* const added = std::get_if<sites::SiteAdded>(&known->action);
    if (added != nullptr && added->settings == *settings) return describe(*known, Told::repeated, 201);
    return problem(Problem::conflict, "the change id " + call.id + " was used for another change");
  }
  base::Result<sites::SiteAdded> plan = control_.registry().plan_add(*settings, reset_id_of(call.id));
  if (!plan) return problem(plan.error());
  return commit(call, *std::move(plan), {}, false, 201);
}

AdminAnswer Admin::change_site(const Call& call, std::string_view name) {
  sites::Site* const site = control_.registry().find(name);
  if (auto refused = call.refusal(bits(Scope::config), site == nullptr ? sites::SiteId{} : site->id(), "config"))
    return *refused;
  if (site == nullptr) return unknown_site(name);
  const base::Result<JsonBody> body = JsonBody::parse(call.request.body, settings_keys());
  if (!body) return problem(body.error());
  const base::Result<sites::Settings> settings =
      settings_from(*body, *control_.registry().settings(site->id()), control_);
  if (!settings) return problem(settings.error());
  if (settings->name != name) return problem(Problem::malformed, "name: a site keeps its name; leave it out");
  if (const sites::Change* const known = control_.registry().find_change(call.id)) {
    const auto* const changed = std::get_if<sites::SiteChanged>(&known->action);
    // What was asked for is judged against what was in force then.
    if (changed != nullptr && changed->site == site->id()) {
      const base::Result<sites::Settings> then = settings_from(*body, changed->before, control_);
      if (then && changed->after == *then) return describe(*known, Told::repeated);
    }
    return problem(Problem::conflict, "the change id " + call.id + " was used for another change");
  }
  base::Result<sites::SiteChanged> plan = control_.registry().plan_change(name, *settings);
  if (!plan) return problem(plan.error());
  return commit(call, *std::move(plan), {}, false);
}

AdminAnswer Admin::remove_site(const Call& call, std::string_view name) {
  // Asked again, the site is gone already.
  const sites::Change* const known = control_.registry().find_change(call.id);
  if (const auto* removed = known == nullptr ? nullptr : std::get_if<sites::SiteRemoved>(&known->action)) {
    if (auto refused = call.refusal(bits(Scope::config), removed->site, "config")) return *refused;
    if (removed->before.name == name) return describe(*known, Told::repeated);
  }
  sites::Site* const site = control_.registry().find(name);
  if (auto refused = call.refusal(bits(Scope::config), site == nullptr ? sites::SiteId{} : site->id(), "config"))
    return *refused;
  if (known != nullptr) return problem(Problem::conflict, "the change id " + call.id + " was used for another change");
  if (site == nullptr) return unknown_site(name);
  const base::Result<bool> dry_run = dry_run_from(call.request.query);
  if (!dry_run) return problem(dry_run.error());
  base::Result<sites::SiteRemoved> plan = control_.registry().plan_remove(name);
  if (!plan) return problem(plan.error());
  return commit(call, *std::move(plan), {}, *dry_run);
}

}  // namespace footfall::api
