// SPDX-License-Identifier: Apache-2.0
// Admin: tokens. One gives, takes back and sees only those that may no more than itself: none of its scopes lack, and
// none is bound to another site, or to none where it is bound. So nobody raises himself, and nobody shuts out who may
// more.
// Tested by tests/unit/api/admin_tokens_test.cc.
#include <algorithm>

#include "api/admin_call.h"
#include "api/auth.h"
#include "api/series.h"

namespace footfall::api {

namespace {

using sites::Scope;

constexpr std::int64_t kExpiresMax_s = std::int64_t{100} * 365 * 86'400;

base::Error malformed(std::string detail) {
  return {base::Errc::malformed, std::move(detail)};
}

base::Result<std::uint32_t> scopes_from(const JsonBody& body) {
  const auto names = body.texts("scopes");
  if (!names) return names.error();
  std::uint32_t scopes = 0;
  for (const std::string& name : names->value_or(std::vector<std::string>())) {
    const base::Result<Scope> scope = sites::scope_from(name);
    if (!scope) return malformed("scopes: " + scope.error().detail);
    scopes |= bits(*scope);
  }
  if (scopes == 0) return malformed("scopes: say what the token may do, as in [\"read\"]");
  return scopes;
}

// UTC seconds; 0: never.
base::Result<std::int64_t> expiry_from(const JsonBody& body, std::int64_t now_s) {
  const auto at = body.text("expires_at");
  if (!at) return at.error();
  const auto in_s = body.count("expires_in_s");
  if (!in_s) return in_s.error();
  if (at->has_value() && in_s->has_value()) return malformed("give either expires_at or expires_in_s");
  if (in_s->has_value()) {
    if (**in_s == 0 || **in_s > static_cast<std::uint64_t>(kExpiresMax_s))
      return malformed("expires_in_s: 1 to " + std::to_string(kExpiresMax_s) + " seconds; leave it out for never");
    return now_s + static_cast<std::int64_t>(**in_s);
  }
  if (!at->has_value()) return std::int64_t{0};
  const std::optional<std::int64_t> at_s = parse_time(**at, utc_zone(), false);
  if (!at_s || *at_s <= now_s || *at_s > now_s + kExpiresMax_s)
    return malformed(
        "expires_at: give a time to come, such as 2030-01-31 or 2030-01-31T12:00:00Z; leave it out for never");
  return *at_s;
}

}  // namespace

void write_token(JsonWriter& json, const sites::Token& token, const sites::Settings* site) {
  json.begin_object().member("id", std::string_view(token.id)).key("scopes").begin_array();
  for (const std::string_view name : sites::scope_names(token.scopes)) json.value(name);
  json.end_array().key("site");
  site == nullptr ? json.null() : json.value(std::string_view(site->name));
  json.key("expires_at");
  token.expires_s == 0 ? json.null() : json.value(std::string_view(utc_text(token.expires_s)));
  json.end_object();
}

std::optional<AdminAnswer> Admin::Call::refusal(const sites::Token& other) const {
  if (auto refused = refusal(bits(Scope::tokens), other.site.value_or(sites::SiteId{}), "tokens")) return refused;
  const std::vector<std::string_view> lacks = sites::scope_names(other.scopes & ~token.scopes);
  if (lacks.empty()) return std::nullopt;
  return problem(Problem::forbidden, "this token has not the scope " + std::string(lacks.front()) +
                                         " itself, so it neither gives nor takes it");
}

AdminAnswer Admin::list_tokens(const Call& call) {
  if ((call.token.scopes & bits(Scope::tokens)) == 0)
    return problem(Problem::forbidden, "this needs a token of scope tokens");
  const sites::Registry& registry = control_.registry();
  std::string body;
  JsonWriter json(body);
  json.begin_object().key("tokens").begin_array();
  for (const sites::Token& token : registry.tokens()) {
    if (call.refusal(token)) continue;
    write_token(json, token, token.site ? registry.last_settings(*token.site) : nullptr);
    body.pop_back();  // of the object that goes on
    body += expired(token, call.now_s) ? ",\"expired\":true}" : ",\"expired\":false}";
  }
  json.end_array().end_object();
  return json_answer(std::move(body));
}

AdminAnswer Admin::add_token(const Call& call) {
  if ((call.token.scopes & bits(Scope::tokens)) == 0)
    return problem(Problem::forbidden, "this needs a token of scope tokens");
  const base::Result<JsonBody> body =
      JsonBody::parse(call.request.body, {"id", "scopes", "site", "expires_at", "expires_in_s", "reason"});
  if (!body) return problem(body.error());
  const auto id = body->text("id");
  if (!id) return problem(id.error());
  const auto name = body->text("site");
  if (!name) return problem(name.error());
  const base::Result<std::uint32_t> scopes = scopes_from(*body);
  if (!scopes) return problem(scopes.error());
  const base::Result<std::int64_t> expires_s = expiry_from(*body, call.now_s);
  if (!expires_s) return problem(expires_s.error());
  base::Result<std::string> reason = reason_from(*body);
  if (!reason) return problem(reason.error());

  sites::Token token;
  token.id = id->value_or("");
  token.scopes = *scopes;
  token.expires_s = *expires_s;
  if (name->has_value()) {
    const sites::Site* const site = control_.registry().find(**name);
    // Who is bound to another site is not told which there are.
    if (site == nullptr && !call.token.site) return unknown_site(**name);
    token.site = site == nullptr ? sites::SiteId{} : site->id();
  }
  if (auto refused = call.refusal(token)) return *refused;
  if (!sites::valid_change_id(token.id))
    return problem(Problem::malformed, "id: give the token a name, 1 to 64 of A-Z a-z 0-9 . _ : -");
  if (const sites::Change* const known = control_.registry().find_change(call.id)) {
    const auto* const added = std::get_if<sites::TokenAdded>(&known->action);
    const bool same =
        added != nullptr && added->id == token.id && added->scopes == token.scopes && added->site == token.site;
    if (same) return describe(*known, Told::repeated);  // its secret was told, and is known to nobody here
    return problem(Problem::conflict, "the change id " + call.id + " was used for another change");
  }
  const std::string secret = drawn_secret();
  token.digest = digest_of(secret);
  AdminAnswer answer = commit(call, std::move(token), *std::move(reason), false, 201);
  if (answer.problem) return answer;
  answer.body.pop_back();  // of the object that goes on
  answer.body += ",\"secret\":\"" + secret + "\"}";
  return answer;
}

AdminAnswer Admin::remove_token(const Call& call, std::string_view id) {
  // Asked again, the token is gone already.
  const sites::Change* const known = control_.registry().find_change(call.id);
  if (const auto* removed = known == nullptr ? nullptr : std::get_if<sites::TokenRemoved>(&known->action)) {
    if (auto refused = call.refusal(removed->token)) return *refused;
    if (removed->token.id == id) return describe(*known, Told::repeated);
  }
  const sites::Token* const found = control_.registry().find_token(id);
  if (auto refused = found == nullptr ? call.refusal(bits(Scope::tokens), {}, "tokens") : call.refusal(*found))
    return *refused;
  if (known != nullptr) return problem(Problem::conflict, "the change id " + call.id + " was used for another change");
  const base::Result<bool> dry_run = dry_run_from(call.request.query);
  if (!dry_run) return problem(dry_run.error());
  base::Result<sites::TokenRemoved> plan = control_.registry().plan_remove_token(id);
  if (!plan) return problem(plan.error());
  return commit(call, *std::move(plan), {}, *dry_run);
}

}  // namespace footfall::api
