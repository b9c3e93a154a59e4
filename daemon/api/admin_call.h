// SPDX-License-Identifier: Apache-2.0
// One request to Admin, and what its answers are made of: for the files of Admin alone.
//
//     admin.cc        who asks, and for what             admin_imports.cc    imports
//     admin_sites.cc  sites, settings                    admin_backup.cc     backups, the moment to verify
//     admin_changes.cc  seed, reset, undo, audit         admin_snapshots.cc  snapshots in Redis
//     admin_pages.cc  merging, renaming, removing pages  admin_log_level.cc  the log's level
//     admin_reload.cc   the configuration                admin_tokens.cc     tokens
//     admin_retention.cc  how long what is kept
//
// Threading  the control thread. Tested by tests/unit/api/admin_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "api/admin.h"
#include "api/json.h"
#include "api/json_body.h"
#include "lookup/time_zones.h"

namespace footfall::api {

// What takes something away is remembered.
static_assert(sites::Registry::kChangesKept == 10'000);
inline constexpr std::string_view kUndoWhile = "fewer than 10,000 newer changes took something away";

constexpr std::uint32_t bits(sites::Scope a) {
  return static_cast<std::uint32_t>(a);
}
constexpr std::uint32_t bits(sites::Scope a, sites::Scope b) {
  return bits(a) | bits(b);
}

AdminAnswer problem(Problem which, std::string detail);
// A bound that is exceeded by what is asked for contradicts the state; the body was not too large.
AdminAnswer problem(const base::Error& error);
AdminAnswer unknown_site(std::string_view name);
inline constexpr std::string_view kJsonType = "application/json";
AdminAnswer json_answer(std::string body, int status = 200);
AdminAnswer method_not_allowed(std::string_view allowed);

// {"id","scopes","site","expires_at"}; `site`: that it is bound to, nullptr: none.
void write_token(JsonWriter& json, const sites::Token& token, const sites::Settings* site);

using Later = std::function<void(const AdminAnswer&)>;
AdminAnswer later(std::function<void(Later)> begin);  // AdminAnswer::later

const lookup::TimeZone& utc_zone();
std::string utc_text(std::int64_t at_s);
// Of an epoch that the change begins: where two nodes are asked for the same change, it is the same epoch.
std::uint64_t reset_id_of(std::string_view change_id);
// dry_run=true or false of a query; false: it is not there.
base::Result<bool> dry_run_from(std::string_view query);
// "reason" of a change; empty: none was given.
base::Result<std::string> reason_from(const JsonBody& body);
// The normalised path of a page in the member `key`; nullopt when there is none. malformed.
base::Result<std::optional<std::string>> page_from(const JsonBody& body, std::string_view key, ControlPlane& control);
base::Result<std::string> page_of(std::string_view key, std::string_view text, ControlPlane& control);
// Members of the answer to a change of pages.
void write_pages(JsonWriter& json, const sites::PagesMarked& marked);

// One request of somebody who is known. An answer that comes later keeps a copy, and does not look at `request`.
struct Admin::Call {
  const http::Request& request;
  sites::Token token;
  std::string id;  // of the change, if it becomes one
  std::int64_t now_s = 0;

  // nullopt: the token may do this to the site ({0}: to the node).
  std::optional<AdminAnswer> refusal(std::uint32_t scopes, sites::SiteId site, std::string_view scope_names) const;
  // nullopt: the token may give and take this other one, which may no more than itself.
  std::optional<AdminAnswer> refusal(const sites::Token& other) const;
};

}  // namespace footfall::api
