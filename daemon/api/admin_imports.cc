// SPDX-License-Identifier: Apache-2.0
// Admin: imports of logs, from their beginning to their end; how far a source was counted, also of a log that is
// followed. Tested by tests/unit/api/admin_test.cc.
#include <algorithm>

#include "api/admin_call.h"
#include "api/text.h"
#include "base/hash.h"

namespace footfall::api {

namespace {

using sites::Scope;

constexpr std::size_t kSourceMax = 200;

bool valid_source(std::string_view source) {
  return !source.empty() && source.size() <= kSourceMax && std::all_of(source.begin(), source.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != '\x7F';
  });
}

// `mark`: a follower's; empty: it is an import.
AdminAnswer import_answer(std::string_view name, std::string_view source, std::uint64_t position, bool open, int status,
                          std::string_view mark = {}, bool dry_run = false) {
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  if (dry_run) json.member("dry_run", true);
  json.member("site", name).member("source", source).count("position", position).member("open", open);
  if (!mark.empty()) json.member("mark", mark);
  json.end_object();
  return json_answer(std::move(body), status);
}

}  // namespace

AdminAnswer Admin::show_import(const Call& call) {
  const std::string name = query_value(call.request.query, "site").value_or("");
  const std::string source = query_value(call.request.query, "source").value_or("");
  sites::Registry& registry = control_.registry();
  sites::Site* const site = registry.find(name);
  if (auto refused = call.refusal(bits(Scope::ingest), site == nullptr ? sites::SiteId{} : site->id(), "ingest"))
    return *refused;
  if (site == nullptr) return unknown_site(name);
  const std::optional<sites::Import> known = registry.imports().find(site->id(), source);
  if (!known) return problem(Problem::not_found, "nothing was counted into " + name + " from this source");
  return import_answer(name, source, known->position, known->open, 200, known->mark);
}

AdminAnswer Admin::begin_import(const Call& call) {
  const base::Result<JsonBody> body = JsonBody::parse(call.request.body, {"site", "source"});
  if (!body) return problem(body.error());
  const auto name = body->text("site");
  if (!name) return problem(name.error());
  const auto source = body->text("source");
  if (!source) return problem(source.error());
  sites::Registry& registry = control_.registry();
  sites::Site* const site = *name ? registry.find(**name) : nullptr;
  if (auto refused = call.refusal(bits(Scope::ingest), site == nullptr ? sites::SiteId{} : site->id(), "ingest"))
    return *refused;
  if (!*name) return problem(Problem::malformed, "site: name the site to import into");
  if (!*source || !valid_source(**source)) {
    return problem(Problem::malformed, "source: give the import a name of 1 to 200 bytes, such as the log's path");
  }
  if (site == nullptr) return unknown_site(**name);
  const std::optional<sites::Import> known = registry.imports().find(site->id(), **source);
  if (known && known->open) return import_answer(**name, **source, known->position, true, 200);
  if (const sites::Change* const other = registry.find_change(call.id)) {
    const auto* const begun = std::get_if<sites::ImportBegun>(&other->action);
    // Begun under this id, and ended since: it does not begin again.
    if (begun != nullptr && begun->site == site->id() && begun->source == **source) {
      return import_answer(**name, **source, known ? known->position : 0, false, 200);
    }
    return problem(Problem::conflict, "the change id " + call.id + " was used for another change");
  }
  const sites::SiteId id = site->id();
  const sites::Change change{
      call.id, call.now_s, call.token.id, {}, sites::ImportBegun{id, **source, base::random_u64(), base::random_u64()}};
  if (const base::Result<void> done = control_.commit(change); !done) return problem(done.error());
  const std::optional<sites::Import> now = registry.imports().find(id, **source);
  return import_answer(**name, **source, now ? now->position : 0, true, 201);
}

AdminAnswer Admin::end_import(const Call& call) {
  const std::string name = query_value(call.request.query, "site").value_or("");
  const std::string source = query_value(call.request.query, "source").value_or("");
  sites::Registry& registry = control_.registry();
  sites::Site* const site = registry.find(name);
  if (auto refused = call.refusal(bits(Scope::ingest), site == nullptr ? sites::SiteId{} : site->id(), "ingest"))
    return *refused;
  if (site == nullptr) return unknown_site(name);
  const std::optional<sites::Import> known = registry.imports().find(site->id(), source);
  if (!known) return problem(Problem::not_found, "no import of this source into " + name + " has begun");
  if (!known->open) return import_answer(name, source, known->position, false, 200);
  if (const sites::Change* const other = registry.find_change(call.id)) {
    const auto* const ended = std::get_if<sites::ImportEnded>(&other->action);
    // Ended under this id, and begun since: it does not end again.
    if (ended != nullptr && ended->site == site->id() && ended->source == source) {
      return import_answer(name, source, known->position, true, 200);
    }
    return problem(Problem::conflict, "the change id " + call.id + " was used for another change");
  }
  const base::Result<bool> dry_run = dry_run_from(call.request.query);
  if (!dry_run) return problem(dry_run.error());
  if (*dry_run) return import_answer(name, source, known->position, false, 200, {}, true);
  const sites::Change change{call.id, call.now_s, call.token.id, {}, sites::ImportEnded{site->id(), source}};
  if (const base::Result<void> done = control_.commit(change); !done) return problem(done.error());
  return import_answer(name, source, known->position, false, 200);
}

}  // namespace footfall::api
