// SPDX-License-Identifier: Apache-2.0
// Admin over a registry, with sites example.vn and other.vn and a token that may everything; and what a client asks it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/admin.h"
#include "ingest/arena.h"
#include "ingest/paths.h"
#include "unit/api/site_fixture.h"

namespace footfall::api {

using http::Method;
using sites::Scope;

inline constexpr std::string_view kRoot = "root-secret";

class AdminTest : public SiteFixture, public ControlPlane {
 protected:
  AdminTest() : admin_(*this) {
    site_ = &add_site(settings("example.vn"));
    add_site(settings("other.vn"));
    add_token("root", kRoot, sites::kAllScopes);
  }

  // --- what the server does ---
  sites::Registry& registry() override { return registry_; }
  base::Result<void> commit(sites::Change change) override {
    if (disk_full_) return base::Error{base::Errc::unavailable, "the control stream takes no writes"};
    ++commits_;
    return registry_.apply(change);
  }
  std::int64_t now_ms() override { return now_ms_; }
  std::optional<std::string> page_path(std::string_view raw) override {
    ingest::Arena arena;
    std::string_view path;
    if (!ingest::normalise_path(raw, arena, path)) return std::nullopt;
    return std::string(path);
  }
  Retention retention() override { return {keep_rankings_days_, 0, undo_days_}; }
  base::Result<std::vector<store::AuditEntry>> audit(std::size_t limit) override {
    audit_limit_ = limit;
    return std::vector<store::AuditEntry>{
        {"c1", kNow, "root", "seeded", "example.vn", "moved", "{\"total\":1}", "{\"total\":2}"}};
  }
  base::Result<BackupStatus> begin_backup(std::string id, std::string path) override {
    if (backup_.state == BackupStatus::State::running) return base::Error{base::Errc::conflict, "one is under way"};
    backup_ = {BackupStatus::State::running, std::move(id), std::move(path), kNow, 0, {}, {}};
    return backup_;
  }
  BackupStatus backup_status() override { return backup_; }
  NodeList* nodes() override { return nodes_; }
  base::Result<store::Moment> moment() override {
    if (disk_full_) return base::Error{base::Errc::unavailable, "the disk is full"};
    store::Moment moment;
    moment.incarnation = "00ff";
    moment.checkpoint = 3;
    moment.positions = {{journal::kControlStream, 5}, {journal::StreamId{1}, 8}};
    moment.as_of_s = kNow;
    moment.hash = "ab";
    moment.sites.push_back({sites::SiteId{1}, "example.vn", false, 2, 7, 1, "cd"});
    return moment;
  }
  SnapshotStore* snapshots() override { return nullptr; }  // see tests/integration/snapshot_test.py
  Readiness readiness() override { return readiness_; }
  bool shut_out() override { return shut_out_; }
  bool failed_attempt() override {
    ++failed_attempts_;
    return !limited_;
  }
  std::string metrics_text() override { return "footfall_up 1\n"; }
  base::Result<ReloadOutcome> reload() override { return reloaded_; }

  // --- what a client does ---
  struct Answer {
    int status;
    std::string body;
    std::optional<Problem> problem;
    std::string fields;
    Parsed json() const { return Parsed(body); }
  };
  Answer ask(Method method, std::string_view target, std::string_view body = "", std::string_view secret = kRoot,
             std::string_view key = "") {
    http::Request request;
    request.method = method;
    request.path = target.substr(0, target.find('?'));
    if (request.path.size() < target.size()) request.query = target.substr(request.path.size() + 1);
    request.body = body;
    const std::string authorization = "Bearer " + std::string(secret);
    if (!secret.empty()) request.fields[static_cast<std::size_t>(http::Field::authorization)] = authorization;
    if (!key.empty()) {
      request.fields[static_cast<std::size_t>(http::Field::idempotency_key)] = key;
      request.present |= 1U << static_cast<unsigned>(http::Field::idempotency_key);
    }
    AdminAnswer answer = admin_.answer(request);
    if (answer.later) {
      const auto begin = answer.later;
      begin([&answer](const AdminAnswer& done) { answer = done; });
    }
    return {answer.status, answer.body, answer.problem, answer.extra_fields};
  }
  Answer post(std::string_view target, std::string_view body, std::string_view key = "") {
    return ask(Method::post, target, body, kRoot, key);
  }
  void expect_problem(const Answer& answer, Problem problem, std::string_view says = "") {
    ASSERT_TRUE(answer.problem.has_value()) << answer.body;
    EXPECT_EQ(info_of(*answer.problem).type, info_of(problem).type) << answer.body;
    EXPECT_EQ(answer.status, info_of(problem).status);
    EXPECT_NE(answer.body.find(says), std::string::npos) << answer.body;
  }
  std::uint64_t total(std::string_view name = "example.vn") { return registry_.find(name)->total(kNow); }

  Admin admin_;
  sites::Site* site_ = nullptr;
  std::int64_t now_ms_ = kNowMs;
  NodeList* nodes_ = nullptr;
  Readiness readiness_;
  BackupStatus backup_;
  std::size_t audit_limit_ = 0;
  std::int32_t undo_days_ = 0, keep_rankings_days_ = 0;
  int commits_ = 0;
  bool disk_full_ = false;
  bool shut_out_ = false, limited_ = false;
  int failed_attempts_ = 0;
  base::Result<ReloadOutcome> reloaded_ = ReloadOutcome{};
};

}  // namespace footfall::api
