// SPDX-License-Identifier: Apache-2.0
// Admin: backups, and the moment that a copy is verified against.
// Tested by tests/unit/api/admin_test.cc.
#include <array>

#include "api/admin_call.h"
#include "base/log.h"

namespace footfall::api {

namespace {

using sites::Scope;

constexpr std::size_t kPathMax = 4000;

AdminAnswer backup_answer(const BackupStatus& backup, int status) {
  using State = BackupStatus::State;
  static constexpr std::array<std::string_view, 4> kStates{"none", "running", "done", "failed"};
  std::string body;
  JsonWriter json(body);
  json.begin_object().member("state", kStates.at(static_cast<std::size_t>(backup.state)));
  if (backup.state != State::none) {
    json.member("id", std::string_view(backup.id)).member("path", std::string_view(backup.path));
    json.member("began", std::string_view(utc_text(backup.began_s)));
  }
  if (backup.state == State::done || backup.state == State::failed)
    json.member("ended", std::string_view(utc_text(backup.ended_s)));
  if (backup.state == State::failed) json.member("error", std::string_view(backup.error));
  if (backup.state == State::done) {
    const store::BackupSummary& made = backup.summary;
    json.count("bytes", made.bytes).count("checkpoint", made.checkpoint).count("sites", made.sites);
    json.member("hash", std::string_view(made.hash)).member("as_of_s", made.newest_s);
  }
  json.end_object();
  return json_answer(std::move(body), status);
}

}  // namespace

AdminAnswer Admin::begin_backup(const Call& call) {
  if (auto refused = call.refusal(bits(Scope::operate), {}, "operate")) return *refused;
  const base::Result<JsonBody> body = JsonBody::parse(call.request.body, {"path"});
  if (!body) return problem(body.error());
  const auto path = body->text("path");
  if (!path) return problem(path.error());
  const std::string name = path->value_or("");
  if (!name.starts_with('/') || name.ends_with('/') || name.size() > kPathMax || name.find('\0') != std::string::npos) {
    return problem(Problem::malformed, "path: name the file to write on the daemon's host, from the root: /PLACE/FILE");
  }
  const base::Result<BackupStatus> begun = control_.begin_backup(call.id, name);
  if (!begun) return problem(begun.error());
  base::log::info("admin_backup", "admin: backup " + call.id + " to " + name + ", by token " + call.token.id);
  return backup_answer(*begun, 202);
}

AdminAnswer Admin::show_backup(const Call& call) {
  if (auto refused = call.refusal(bits(Scope::operate), {}, "operate")) return *refused;
  return backup_answer(control_.backup_status(), 200);
}

AdminAnswer Admin::verify(const Call& call) {
  if (auto refused = call.refusal(bits(Scope::operate), {}, "operate, for all sites")) return *refused;
  const base::Result<store::Moment> moment = control_.moment();
  if (!moment) return problem(moment.error());
  std::string body;
  JsonWriter json(body);
  json.begin_object().member("incarnation", std::string_view(moment->incarnation));
  json.count("checkpoint", moment->checkpoint).member("as_of_s", moment->as_of_s);
  json.member("hash", std::string_view(moment->hash)).key("positions").begin_array();
  for (const auto& [stream, sequence] : moment->positions) {
    json.begin_object().member("stream", std::string_view(journal::directory_name(stream)));
    json.count("sequence", sequence).end_object();
  }
  json.end_array().key("sites").begin_array();
  for (const store::MomentSite& site : moment->sites) {
    json.begin_object().member("id", site.id.value).member("site", std::string_view(site.name));
    json.member("removed", site.removed).count("counted", site.counted).count("total", site.total);
    json.member("online", site.online).member("hash", std::string_view(site.hash)).end_object();
  }
  json.end_array().end_object();
  return json_answer(std::move(body));
}

}  // namespace footfall::api
