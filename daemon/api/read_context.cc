// SPDX-License-Identifier: Apache-2.0
#include "api/read_context.h"

#include "api/auth.h"

namespace footfall::api {

namespace {

bool opened_by_token(const ReadContext& context) {
  return (context.may_read_all && context.settings->visibility != sites::Visibility::full) || !context.may_read_counter;
}

}  // namespace

ReadContext read_context(const sites::Entry& entry, std::shared_ptr<const lookup::TimeZone> zone,
                         const sites::Directory& directory, std::string_view token, std::int64_t now_ms) {
  ReadContext context;
  context.site = entry.site;
  context.settings = entry.settings;
  context.zone = std::move(zone);
  context.now_ms = now_ms;
  context.may_read_all = entry.settings->visibility == sites::Visibility::full;
  context.may_read_counter = entry.settings->visibility != sites::Visibility::private_;
  if (token.empty()) return context;
  const sites::Token* known = find_token(directory.tokens, token, now_ms / 1000);
  context.token_known = known != nullptr;
  if (!context.may_read_all && known != nullptr &&
      allows(*known, static_cast<std::uint32_t>(sites::Scope::read), entry.site->id())) {
    context.may_read_all = true;
    context.may_read_counter = true;
    context.rights_until_s = known->expires_s;
  }
  return context;
}

std::optional<Problem> refusal(const ReadContext& context, Route route) {
  const bool needs_all =
      route == Route::pages || route == Route::series || route == Route::top || route == Route::refusals;
  if (needs_all ? context.may_read_all : context.may_read_counter) return std::nullopt;
  return context.token_known ? Problem::forbidden : Problem::unauthorized;
}

std::string_view refusal_detail(Problem problem) {
  return problem == Problem::forbidden
             ? "the token is known, but has not the scope `read` for this site; ask for one with `footfall token add`"
             : "this needs a token of scope `read`: send it as `Authorization: Bearer SECRET`, or set the site's "
               "visibility to full";
}

std::string_view cache_control(const ReadContext& context) {
  return opened_by_token(context) ? "private, no-store" : "public, max-age=5";
}

std::string_view vary_field(const ReadContext& context) {
  return context.settings->visibility == sites::Visibility::full ? "" : "Vary: Authorization\r\n";
}

Packing packing_of(const ReadContext& context, Route route) {
  const bool of_visitors = route == Route::pages || route == Route::top;
  return of_visitors && opened_by_token(context) ? Packing::blind : Packing::fast;
}

}  // namespace footfall::api
