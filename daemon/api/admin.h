// SPDX-License-Identifier: Apache-2.0
// Admin: what the admin listener answers.
//
//   GET    /v1/admin/sites                    read or config   those that the token may see
//   POST   /v1/admin/sites                    config           adds one
//   GET    /v1/admin/sites/S                  read or config
//   PUT    /v1/admin/sites/S                  config           what is absent stays as it is
//   DELETE /v1/admin/sites/S                  config           ?dry_run=true
//   POST   /v1/admin/sites/S/seed             seed             {"total":N} or {"add":N}, "page", "reason"
//   POST   /v1/admin/sites/S/reset            reset            "page", "reason", "dry_run"
//   POST   /v1/admin/sites/S/pages/merge      config           {"from":["/a"],"into":"/c"}, "reason", "dry_run"
//   POST   /v1/admin/sites/S/pages/rename     config           {"from":"/a","to":"/b"}, "reason", "dry_run"
//   POST   /v1/admin/sites/S/pages/remove     config           {"page":"/a"}, "reason", "dry_run"
//   POST   /v1/admin/changes/ID/undo          that of the change   "reason", "dry_run"
//   GET    /v1/admin/audit?limit=             operate or config    newest first
//   GET    /v1/admin/imports?site=&source=    ingest           how far a source was counted
//   POST   /v1/admin/imports                  ingest           {"site","source"}; begins it, or says how far it is
//   DELETE /v1/admin/imports?site=&source=    ingest           ends it; dry_run=true
//   POST   /v1/admin/backup                   operate          {"path"}; begins one, 202
//   GET    /v1/admin/backup                   operate          how the latest one stands
//   GET    /v1/admin/verify                   operate          the streams' positions, and the hash of the state there
//   POST   /v1/admin/snapshots                operate          {"site"}; takes them now, of all sites or of one
//   GET    /v1/admin/snapshots?site=S         operate          those that Redis has, the newest of each site first
//   GET    /v1/admin/snapshots/S/ID           operate          what one holds; ID may be `latest`
//   POST   /v1/admin/sites/S/restore          restore          {"snapshot":ID}, "reason", "dry_run"
//   GET    /v1/admin/tokens                   tokens           those that may no more than the caller's
//   POST   /v1/admin/tokens                   tokens           {"id","scopes"}, "site", "expires_at", "expires_in_s"
//   DELETE /v1/admin/tokens/ID                tokens           ?dry_run=true
//   POST   /v1/admin/reload                   operate          reads the configuration again
//   GET    /v1/admin/retention                operate          how long what is kept; options and a reload change it
//   GET    /v1/admin/log-level                operate
//   PUT    /v1/admin/log-level                operate          {"level"}; until the next start or reload
//   GET    /metrics /livez /startupz /readyz  no token
//
// A change is planned against what is in force, committed by the control plane, and answered with its id, site, before
// and after. Idempotency-Key is its id: the same request again changes nothing and gets the answer of the first time,
// with "repeated":true; another request under the same id is a conflict. What takes something away says with dry_run
// what it would do, as the change would be answered but without id and time, and does nothing.
//
// Threading  the control thread.
// Errors     answers of type application/problem+json; what, where, and what to do.
// Tested by tests/unit/api/admin_test.cc over a registry, without sockets.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/health.h"
#include "api/node_list.h"
#include "api/problems.h"
#include "api/snapshot_store.h"
#include "base/errors.h"
#include "http/request.h"
#include "sites/registry.h"
#include "store/backup.h"
#include "store/history.h"
#include "store/moment.h"

namespace footfall::api {

class JsonWriter;

// The latest backup since the daemon was started.
struct BackupStatus {
  enum class State : std::uint8_t { none, running, done, failed };
  State state = State::none;
  std::string id, path;
  std::int64_t began_s = 0, ended_s = 0;
  std::string error;             // of a failed one
  store::BackupSummary summary;  // of one that is done
};

// What came of a reload.
struct ReloadOutcome {
  std::vector<std::string> applied, needs_start;  // names of options
  bool certificate = false;                       // was read again
};

// For how many days what is kept; 0: for ever.
struct Retention {
  std::int32_t rankings_days = 0, audit_days = 0;
  // A reset, a restored snapshot and the removal of a site or page can be undone; 0: as long as the change is
  // remembered.
  std::int32_t undo_days = 0;
};

// What the server does for Admin. Called on the control thread.
class ControlPlane {
 public:
  virtual ~ControlPlane() = default;
  virtual sites::Registry& registry() = 0;
  // Journals the change with fsync, applies it to registry(), and has every shard know it, before it returns.
  virtual base::Result<void> commit(sites::Change change) = 0;
  virtual std::int64_t now_ms() = 0;
  // The one spelling of a page's path, as pings are counted under; nullopt: it is too long.
  virtual std::optional<std::string> page_path(std::string_view raw) = 0;
  virtual Retention retention() = 0;  // in force
  // Newest first, those that no checkpoint has seen yet among them.
  virtual base::Result<std::vector<store::AuditEntry>> audit(std::size_t limit) = 0;
  // Begins a backup beside the threads that serve, and answers at once; the same id again begins nothing. conflict:
  // another one is under way.
  virtual base::Result<BackupStatus> begin_backup(std::string id, std::string path) = 0;
  virtual BackupStatus backup_status() = 0;
  // Of now. Replaying the journal to its positions gives its hash. Shards are stopped for it. unavailable.
  virtual base::Result<store::Moment> moment() = 0;
  virtual SnapshotStore* snapshots() = 0;  // nullptr: there is no Redis
  virtual NodeList* nodes() = 0;           // nullptr: this node counts for itself
  virtual Readiness readiness() = 0;
  virtual std::string metrics_text() = 0;
  // Of who sends the request that is being answered: no token of him is looked at, after so many wrong ones.
  virtual bool shut_out() = 0;
  // A token of him was wrong. False: he is to be told to wait.
  virtual bool failed_attempt() = 0;
  // invalid_config: what is wrong where; all stays as it was.
  virtual base::Result<ReloadOutcome> reload() = 0;
};

struct AdminAnswer {
  int status = 200;
  std::string_view content_type;  // static
  std::string body;               // of a problem: its detail
  std::optional<Problem> problem;
  std::string extra_fields;  // complete header lines
  // The answer takes time: this begins the work, and gives the answer once, later, on the control thread. All else is
  // empty. What it needs of the request it has copied.
  std::function<void(std::function<void(const AdminAnswer&)>)> later;
};
// What the answer to the request may be encoded as: its Accept-Encoding, but of what only reads. Others may be told a
// secret that was just made, beside texts that they sent.
std::string_view encoding_for(const http::Request& request);
// Appends the complete response, of JSON encoded; without CORS: browsers of other origins have nothing to do here.
void write(std::string& out, const AdminAnswer& answer, std::string_view accept_encoding, std::string_view date,
           bool keep_alive, bool head_only);

struct AdminRoute {
  http::Method method;    // of get also HEAD
  std::string_view path;  // {site} and {id} are steps of it
};

class Admin {
 public:
  explicit Admin(ControlPlane& control) : control_(control) {}

  AdminAnswer answer(const http::Request& request);
  // Only /metrics, /livez, /startupz and /readyz: for --metrics-listen. not_found otherwise.
  AdminAnswer answer_open(const http::Request& request);
  // All that is answered, as proto/openapi.yaml spells it: openapi_test.cc compares the two.
  static std::vector<AdminRoute> routes();

 private:
  struct Call;
  using Steps = std::array<std::string_view, 2>;  // of a path: in the place of its names, in order
  struct Entry {
    http::Method method;
    std::string_view path;
    AdminAnswer (*answer)(Admin&, const Call&, const Steps&);
  };
  static std::span<const Entry> entries();
  template <auto kAnswer>
  static AdminAnswer with(Admin& admin, const Call& call, const Steps& steps);
  template <sites::PagesMarked::Kind kKind>
  static AdminAnswer with_pages(Admin& admin, const Call& call, const Steps& steps);

  AdminAnswer route(const http::Request& request, const sites::Token& token);
  AdminAnswer list_sites(const Call& call);
  AdminAnswer add_site(const Call& call);
  AdminAnswer show_site(const Call& call, std::string_view name);
  AdminAnswer change_site(const Call& call, std::string_view name);
  AdminAnswer remove_site(const Call& call, std::string_view name);
  AdminAnswer seed(const Call& call, std::string_view name);
  AdminAnswer reset(const Call& call, std::string_view name);
  AdminAnswer dry_reset(const Call& call, sites::Site& site, std::string_view name,
                        const std::optional<std::string>& page);
  AdminAnswer mark_pages(const Call& call, std::string_view name, sites::PagesMarked::Kind kind);
  AdminAnswer dry_mark(const Call& call, std::string_view site, const sites::PagesMarked& plan);
  AdminAnswer undo(const Call& call, std::string_view change_id);
  // Until when what a change of that second takes away can be brought back; nullopt: no time is set (--undo-days).
  std::optional<std::int64_t> undo_until_s(std::int64_t at_s);
  void write_undo_until(JsonWriter& json, std::int64_t at_s);
  std::optional<AdminAnswer> too_late(const sites::Change& change, std::int64_t now_s);
  AdminAnswer audit(const Call& call);
  AdminAnswer show_import(const Call& call);
  AdminAnswer begin_import(const Call& call);
  AdminAnswer end_import(const Call& call);
  AdminAnswer begin_backup(const Call& call);
  AdminAnswer show_backup(const Call& call);
  AdminAnswer verify(const Call& call);
  AdminAnswer reload(const Call& call);
  AdminAnswer list_tokens(const Call& call);
  AdminAnswer add_token(const Call& call);
  AdminAnswer remove_token(const Call& call, std::string_view id);
  AdminAnswer show_retention(const Call& call);
  AdminAnswer show_log_level(const Call& call);
  AdminAnswer set_log_level(const Call& call);
  AdminAnswer take_snapshots(const Call& call);
  AdminAnswer list_snapshots(const Call& call);
  AdminAnswer show_snapshot(const Call& call, std::string_view name, std::string_view id);
  AdminAnswer restore(const Call& call, std::string_view name);
  AdminAnswer restore_loaded(const Call& call, const SnapshotStore::Name& name, const sites::Snapshot& snapshot,
                             std::string reason, bool dry_run);

  // The answer to a reset, with the nodes that have adopted it.
  AdminAnswer with_adopters(AdminAnswer answer, const std::string& change_id, std::string_view name,
                            std::int32_t wait_s);
  enum class Told : std::uint8_t { made, repeated, dry_run };
  AdminAnswer describe(const sites::Change& change, Told how, int status = 200);
  AdminAnswer wrong_token();
  // The change, or with `dry_run` what it would be.
  AdminAnswer commit(const Call& call, sites::Action action, std::string reason, bool dry_run, int status = 200);

  ControlPlane& control_;
  std::int64_t told_minute_ = 0;  // of the latest line in the log about a wrong token
};

}  // namespace footfall::api
