// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"
#include "support/gzip.h"
#include "unit/api/admin_fixture.h"

#include <bit>
#include <set>
#include <variant>

namespace footfall::api {
namespace {

// --- sites ---

TEST_F(AdminTest, ASiteIsAddedShownChangedAndRemoved) {
  const Answer added =
      post("/v1/admin/sites",
           R"({"name":"new.vn","hosts":["NEW.vn","www.new.vn"],"timezone":"Asia/Ho_Chi_Minh","lang":"vi",)"
           R"("grouping":"dot","visibility":"full","window_s":60,"strict_origin":true,"count_bots":true,)"
           R"("hits_per_second_max":50})");
  ASSERT_EQ(added.status, 201) << added.body;
  EXPECT_EQ(added.json().text("/site"), "new.vn");
  EXPECT_TRUE(added.json().is_null("/before"));
  EXPECT_EQ(added.json().text("/after/hosts/0"), "new.vn");

  const Answer shown = ask(Method::get, "/v1/admin/sites/new.vn");
  EXPECT_EQ(
      shown.body,
      R"({"name":"new.vn","hosts":["new.vn","www.new.vn"],"timezone":"Asia/Ho_Chi_Minh","lang":"vi","grouping":"dot",)"
      R"("visibility":"full","window_s":60,"strict_origin":true,"count_bots":true,"hits_per_second_max":50,)"
      R"("exclude_addresses":[],"exclude_paths":[]})");

  expect_problem(ask(Method::put, "/v1/admin/sites/new.vn", R"({"lang":"de"})"), Problem::malformed,
                 "lang: give en or vi");
  const Answer changed = ask(Method::put, "/v1/admin/sites/new.vn", R"({"lang":"en","window_s":120})");
  ASSERT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(changed.json().text("/before/lang"), "vi");
  EXPECT_EQ(changed.json().text("/after/lang"), "en");
  EXPECT_EQ(changed.json().text("/after/grouping"), "dot");

  const Answer removed = ask(Method::delete_, "/v1/admin/sites/new.vn");
  ASSERT_EQ(removed.status, 200) << removed.body;
  EXPECT_TRUE(removed.json().is_null("/after"));
  expect_problem(ask(Method::get, "/v1/admin/sites/new.vn"), Problem::unknown_site, "new.vn");
}

TEST_F(AdminTest, WhatIsExcludedIsStoredInOneSpelling) {
  const Answer changed = ask(
      Method::put, "/v1/admin/sites/example.vn",
      R"({"exclude_addresses":["192.0.2.0/24","2001:DB8::/32"],"exclude_paths":["/a//preview/","/admin/*","/x%41*"]})");
  ASSERT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(changed.json().size("/before/exclude_paths"), 0U);
  const Parsed shown = ask(Method::get, "/v1/admin/sites/example.vn").json();
  EXPECT_EQ(shown.text("/exclude_addresses/0"), "192.0.2.0/24");
  EXPECT_EQ(shown.text("/exclude_addresses/1"), "2001:db8::/32");
  EXPECT_EQ(shown.text("/exclude_paths/0"), "/a/preview");
  EXPECT_EQ(shown.text("/exclude_paths/1"), "/admin/*");
  EXPECT_EQ(shown.text("/exclude_paths/2"), "/xA*");
  ASSERT_EQ(ask(Method::put, "/v1/admin/sites/example.vn", R"({"lang":"vi"})").status, 200);
  EXPECT_EQ(ask(Method::get, "/v1/admin/sites/example.vn").json().size("/exclude_paths"), 3U) << "what is absent stays";
  ASSERT_EQ(ask(Method::put, "/v1/admin/sites/example.vn", R"({"exclude_paths":[]})").status, 200);
  EXPECT_EQ(ask(Method::get, "/v1/admin/sites/example.vn").json().size("/exclude_paths"), 0U);
}

TEST_F(AdminTest, WhatCannotBeExcludedIsSaid) {
  const auto refused = [this](std::string_view body, std::string_view says) {
    expect_problem(ask(Method::put, "/v1/admin/sites/example.vn", body), Problem::malformed, says);
  };
  refused(R"({"exclude_addresses":["192.0.2.0/24","10.0.0.1/8"]})", "exclude_addresses[1]");
  refused(R"({"exclude_addresses":["office"]})", "10.0.0.0/8");
  refused(R"({"exclude_addresses":"10.0.0.0/8"})", "exclude_addresses");
  refused(R"({"exclude_paths":["admin"]})", "exclude_paths[0]");
  refused(R"({"exclude_paths":["/a","/*/b"]})", "exclude_paths[1]");
  refused(R"({"exclude_paths":[""]})", "exclude_paths[0]");
  EXPECT_EQ(commits_, 0);
}

TEST_F(AdminTest, SitesAreListed) {
  const Parsed list = ask(Method::get, "/v1/admin/sites").json();
  ASSERT_EQ(list.size("/sites"), 2U);
  EXPECT_EQ(list.text("/sites/0/name"), "example.vn");
  EXPECT_EQ(list.text("/sites/1/visibility"), "counter");
}

TEST_F(AdminTest, WhatIsWrongWithASettingIsSaid) {
  expect_problem(post("/v1/admin/sites", ""), Problem::malformed, "name:");
  expect_problem(post("/v1/admin/sites", R"({"name":"Bad Name"})"), Problem::malformed);
  expect_problem(post("/v1/admin/sites", R"({"name":"a.vn","window_s":5})"), Problem::malformed, "window");
  expect_problem(post("/v1/admin/sites", R"({"name":"a.vn","window_s":4294967596})"), Problem::malformed, "window");
  expect_problem(post("/v1/admin/sites", R"({"name":"a.vn","hits_per_second_max":10000001})"), Problem::malformed,
                 "hits_per_second_max");
  expect_problem(post("/v1/admin/sites", R"({"name":"a.vn","hits_per_second_max":-1})"), Problem::malformed,
                 "hits_per_second_max");
  expect_problem(post("/v1/admin/sites", R"({"name":"a.vn","timezone":"Saigon"})"), Problem::malformed, "timezone");
  expect_problem(post("/v1/admin/sites", R"({"name":"a.vn","grouping":"dots"})"), Problem::malformed, "grouping");
  expect_problem(post("/v1/admin/sites", R"({"name":"a.vn","visibility":"public"})"), Problem::malformed, "visibility");
  expect_problem(post("/v1/admin/sites", R"({"name":"a.vn","windows_s":5})"), Problem::malformed, "`windows_s`");
  expect_problem(post("/v1/admin/sites", R"({"name":"example.vn"})"), Problem::conflict, "example.vn");
  expect_problem(ask(Method::put, "/v1/admin/sites/example.vn", R"({"name":"renamed.vn"})"), Problem::malformed,
                 "name:");
  EXPECT_EQ(commits_, 0);
}

// --- pages ---

TEST_F(AdminTest, PagesAreMergedRenamedAndRemoved) {
  for (std::uint64_t visitor = 0; visitor < 3; ++visitor) visit(*site_, "/a", visitor);
  visit(*site_, "/b", 1);
  visit(*site_, "/c", 1);
  const std::string_view body = R"({"from":["/a/","/b"],"into":"/c","reason":"one article"})";
  const Answer dry = post("/v1/admin/sites/example.vn/pages/merge", R"({"from":["/a"],"into":"/c","dry_run":true})");
  ASSERT_EQ(dry.status, 200) << dry.body;
  EXPECT_TRUE(dry.json().flag("/dry_run"));
  EXPECT_EQ(dry.json().number("/after"), 4);
  EXPECT_EQ(commits_, 0);

  const Answer merged = post("/v1/admin/sites/example.vn/pages/merge", body, "m1");
  ASSERT_EQ(merged.status, 200) << merged.body;
  EXPECT_EQ(merged.json().keys(),
            (std::vector<std::string>{"id", "site", "action", "at", "reason", "from", "into", "before", "after"}));
  EXPECT_EQ(merged.json().text("/action"), "pages merged");
  EXPECT_EQ(merged.json().text("/from/0"), "/a");
  EXPECT_EQ(merged.json().text("/into"), "/c");
  EXPECT_EQ(merged.json().number("/before"), 1);
  EXPECT_EQ(merged.json().number("/after"), 5);
  EXPECT_TRUE(post("/v1/admin/sites/example.vn/pages/merge", body, "m1").json().flag("/repeated"));
  expect_problem(post("/v1/admin/sites/example.vn/pages/merge", R"({"from":["/a"],"into":"/c"})", "m1"),
                 Problem::conflict, "m1");
  expect_problem(post("/v1/admin/sites/example.vn/seed", R"({"add":1,"page":"/a"})"), Problem::conflict, "/c");

  const Answer renamed = post("/v1/admin/sites/example.vn/pages/rename", R"({"from":"/c","to":"/d"})");
  ASSERT_EQ(renamed.status, 200) << renamed.body;
  EXPECT_EQ(renamed.json().number("/after"), 5);
  const Answer removed = post("/v1/admin/sites/example.vn/pages/remove", R"({"page":"/d"})", "r1");
  ASSERT_EQ(removed.status, 200) << removed.body;
  EXPECT_TRUE(removed.json().is_null("/into"));
  EXPECT_EQ(removed.json().number("/before"), 5);
  EXPECT_EQ(total(), 5U);
  ASSERT_EQ(post("/v1/admin/changes/r1/undo", "").status, 200);
  ASSERT_EQ(post("/v1/admin/changes/m1/undo", "").status, 200);
}

TEST_F(AdminTest, WhatIsWrongWithAChangeOfPagesIsSaid) {
  visit(*site_, "/a", 1);
  const auto refused = [this](std::string_view what, std::string_view body, Problem problem, std::string_view says) {
    expect_problem(post("/v1/admin/sites/example.vn/pages/" + std::string(what), body), problem, says);
  };
  refused("merge", R"({"into":"/c"})", Problem::malformed, "from:");
  refused("merge", R"({"from":[],"into":"/c"})", Problem::malformed, "from:");
  refused("merge", R"({"from":["/a"]})", Problem::malformed, "into:");
  refused("merge", R"({"from":["/a","/c"],"into":"/c"})", Problem::malformed, "one of `from`");
  refused("merge", R"({"from":["a"],"into":"/c"})", Problem::malformed, "from:");
  refused("rename", R"({"from":"/a","to":"/a/"})", Problem::malformed, "one of `from`");
  refused("rename", R"({"from":"/a"})", Problem::malformed, "to:");
  refused("remove", R"({})", Problem::malformed, "page:");
  refused("remove", R"({"page":"/none"})", Problem::not_found, "/none");
  refused("remove", R"({"page":"/none","dry_run":true})", Problem::not_found, "/none");
  EXPECT_EQ(ask(Method::get, "/v1/admin/sites/example.vn/pages/merge").status, 405);
  EXPECT_EQ(ask(Method::post, "/v1/admin/sites/nowhere.vn/pages/remove", R"({"page":"/a"})").status, 404);
  add_token("seeder", "seed-secret", static_cast<std::uint32_t>(Scope::seed));
  EXPECT_EQ(ask(Method::post, "/v1/admin/sites/example.vn/pages/remove", R"({"page":"/a"})", "seed-secret").status,
            403);
  EXPECT_EQ(commits_, 0);
}

// --- the log ---

TEST_F(AdminTest, TheLogsLevelIsShownAndSet) {
  ::testing::internal::CaptureStderr();
  base::log::start(base::log::Level::warning);
  EXPECT_EQ(ask(Method::get, "/v1/admin/log-level").body, R"({"level":"warning"})");
  EXPECT_EQ(ask(Method::put, "/v1/admin/log-level", R"({"level":"debug"})").body, R"({"level":"debug"})");
  EXPECT_EQ(base::log::level(), base::log::Level::debug);
  EXPECT_EQ(ask(Method::put, "/v1/admin/log-level", R"({"level":"error"})").status, 200);
  expect_problem(ask(Method::put, "/v1/admin/log-level", R"({"level":"loud"})"), Problem::malformed, "level:");
  expect_problem(ask(Method::put, "/v1/admin/log-level", ""), Problem::malformed, "level:");
  EXPECT_EQ(base::log::level(), base::log::Level::error);
  add_token("seeder", "seed-secret", static_cast<std::uint32_t>(Scope::seed));
  EXPECT_EQ(ask(Method::get, "/v1/admin/log-level", "", "seed-secret").status, 403);
  EXPECT_EQ(ask(Method::put, "/v1/admin/log-level", R"({"level":"debug"})", "seed-secret").status, 403);
  base::log::stop();
  const std::string out = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(out.find("level is debug, by token root"), std::string::npos) << out;
  EXPECT_NE(out.find("level is error, by token root"), std::string::npos) << out;
}

// --- seeds and resets ---

TEST_F(AdminTest, ASeedFixesItsDifferenceOnce) {
  for (std::uint64_t visitor = 0; visitor < 48; ++visitor) visit(*site_, "/", visitor);
  const Answer seeded =
      post("/v1/admin/sites/example.vn/seed", R"({"total":41450791,"reason":"carried over"})", "seed-1");
  ASSERT_EQ(seeded.status, 200) << seeded.body;
  EXPECT_EQ(seeded.json().keys(),
            (std::vector<std::string>{"id", "site", "action", "at", "reason", "amount", "before", "after"}));
  EXPECT_EQ(seeded.json().text("/id"), "seed-1");
  EXPECT_EQ(seeded.json().text("/at"), "2026-11-23T03:00:00.000+00:00");
  EXPECT_EQ(seeded.json().number("/amount"), 41450743);
  EXPECT_EQ(seeded.json().number("/before"), 48);
  EXPECT_EQ(seeded.json().number("/after"), 41450791);
  visit(*site_, "/", 1);
  EXPECT_EQ(total(), 41450792U);
}

TEST_F(AdminTest, AddIsADifferenceOfEitherSign) {
  EXPECT_EQ(post("/v1/admin/sites/example.vn/seed", R"({"add":10})").json().number("/after"), 10);
  EXPECT_EQ(post("/v1/admin/sites/example.vn/seed", R"({"add":-4})").json().number("/after"), 6);
  EXPECT_EQ(total(), 6U);
}

TEST_F(AdminTest, APageIsSeededUnderItsNormalisedPathAlone) {
  const Answer seeded = post("/v1/admin/sites/example.vn/seed", R"({"total":5,"page":"/a//b/index.html"})");
  ASSERT_EQ(seeded.status, 200) << seeded.body;
  EXPECT_EQ(seeded.json().text("/page"), "/a/b");
  EXPECT_EQ(total(), 0U);
  expect_problem(post("/v1/admin/sites/example.vn/seed", R"({"total":5,"page":"about"})"), Problem::malformed, "page:");
}

TEST_F(AdminTest, ASeedNeedsOneOfTotalAndAdd) {
  for (const std::string_view body : {"", "{}", R"({"total":1,"add":1})"}) {
    expect_problem(post("/v1/admin/sites/example.vn/seed", body), Problem::malformed, "either total");
  }
  expect_problem(post("/v1/admin/sites/example.vn/seed", R"({"total":-1})"), Problem::malformed, "total:");
  expect_problem(post("/v1/admin/sites/example.vn/seed", R"({"total":"41450791"})"), Problem::malformed, "total:");
  expect_problem(post("/v1/admin/sites/example.vn/seed", R"({"total":18446744073709551615})"), Problem::conflict);
  expect_problem(post("/v1/admin/sites/example.vn/seed", R"({"add":1,"reason":")" + std::string(501, 'x') + "\"}"),
                 Problem::malformed, "reason:");
  expect_problem(post("/v1/admin/sites/nowhere.vn/seed", R"({"add":1})"), Problem::unknown_site, "nowhere.vn");
}

TEST_F(AdminTest, AResetIsExactAndCanBeUndone) {
  for (std::uint64_t visitor = 0; visitor < 3; ++visitor) visit(*site_, "/", visitor);
  post("/v1/admin/sites/example.vn/seed", R"({"add":100})");
  const Answer was_reset = post("/v1/admin/sites/example.vn/reset", "", "reset-1");
  ASSERT_EQ(was_reset.status, 200) << was_reset.body;
  EXPECT_EQ(was_reset.json().number("/before"), 103);
  EXPECT_EQ(was_reset.json().number("/after"), 0);
  EXPECT_EQ(was_reset.json().number("/epoch"), 2);
  EXPECT_EQ(total(), 0U);
  visit(*site_, "/", 9);
  const Answer undone = post("/v1/admin/changes/reset-1/undo", R"({"reason":"a mistake"})");
  ASSERT_EQ(undone.status, 200) << undone.body;
  EXPECT_EQ(undone.json().text("/undone"), "reset-1");
  EXPECT_EQ(undone.json().text("/site"), "example.vn");
  EXPECT_EQ(undone.json().number("/before"), 1);
  EXPECT_EQ(undone.json().number("/after"), 104);
  EXPECT_EQ(total(), 104U);
  expect_problem(post("/v1/admin/changes/reset-1/undo", ""), Problem::conflict);
}

TEST_F(AdminTest, WhatWasResetComesBackForAStatedTime) {
  constexpr std::int64_t kDay_ms = 86'400'000;
  undo_days_ = 30;
  visit(*site_, "/p", 1);
  post("/v1/admin/sites/example.vn/reset", "", "reset-1");
  post("/v1/admin/sites/example.vn/seed", R"({"add":10})", "seed-1");
  post("/v1/admin/sites/example.vn/pages/remove", R"({"page":"/p"})", "remove-1");
  now_ms_ += 30 * kDay_ms + 1'000;
  expect_problem(post("/v1/admin/changes/reset-1/undo", ""), Problem::conflict, "30 days (--undo-days)");
  expect_problem(post("/v1/admin/changes/remove-1/undo", ""), Problem::conflict, "2026-11-23");
  EXPECT_EQ(post("/v1/admin/changes/seed-1/undo", "").status, 200) << "it took nothing away";
  undo_days_ = 31;
  EXPECT_EQ(post("/v1/admin/changes/reset-1/undo", "", "undo-1").status, 200);
  undo_days_ = 1;
  EXPECT_TRUE(post("/v1/admin/changes/reset-1/undo", "", "undo-1").json().flag("/repeated"));
}

TEST_F(AdminTest, WhatTakesSomethingAwaySaysUntilWhenItComesBack) {
  visit(*site_, "/p", 1);
  const std::string_view site = "/v1/admin/sites/example.vn";
  const auto asked = [&](std::string_view how) {
    const bool dry = how == "dry";
    const std::string body = dry ? R"({"dry_run":true})" : "{}";
    const std::string page = dry ? R"({"page":"/p","dry_run":true})" : R"({"page":"/p"})";
    std::vector<Answer> answers;
    answers.push_back(post(std::string(site) + "/reset", page));
    answers.push_back(post(std::string(site) + "/reset", body));
    answers.push_back(post(std::string(site) + "/pages/remove", page));
    answers.push_back(ask(Method::delete_, std::string(site) + (dry ? "?dry_run=true" : "")));
    for (const Answer& answer : answers) {
      EXPECT_EQ(answer.status, 200) << answer.body;
      EXPECT_NE(answer.body.find(R"("undo_while":"fewer than 10,000 newer changes took something away")"),
                std::string::npos)
          << answer.body;
    }
    return answers;
  };
  for (const Answer& answer : asked("dry"))
    EXPECT_NE(answer.body.find(R"("undo_until":null,)"), std::string::npos) << answer.body;
  undo_days_ = 30;
  now_ms_ = 1'796'040'000'000;  // 2026-11-30
  for (const std::string_view how : {"dry", "done"}) {
    for (const Answer& answer : asked(how))
      EXPECT_EQ(answer.json().text("/undo_until"), "2026-12-30T12:00:00.000+00:00");
  }
  EXPECT_EQ(post("/v1/admin/sites", R"({"name":"other.example"})").body.find("undo_until"), std::string::npos);
}

TEST_F(AdminTest, WhoOperatesSeesHowLongWhatIsKept) {
  EXPECT_EQ(ask(Method::get, "/v1/admin/retention").body,
            R"({"keep_rankings_days":null,"keep_audit_days":null,"undo_days":null,)"
            R"("undo_while":"fewer than 10,000 newer changes took something away"})");
  keep_rankings_days_ = 400;
  undo_days_ = 30;
  const Answer answer = ask(Method::get, "/v1/admin/retention");
  EXPECT_EQ(answer.json().number("/keep_rankings_days"), 400U);
  EXPECT_EQ(answer.json().number("/undo_days"), 30U);
  add_token("seeder", "seed-secret", static_cast<std::uint32_t>(Scope::seed));
  EXPECT_EQ(ask(Method::get, "/v1/admin/retention", "", "seed-secret").status, 403);
  EXPECT_EQ(ask(Method::put, "/v1/admin/retention", "{}").status, 405) << "options say it, and a reload";
}

TEST_F(AdminTest, AResetSaysWhichNodesHaveAdoptedIt) {
  struct Nodes final : NodeList {
    void adopters(const std::string& site, const counting::Epoch& epoch, std::int32_t wait_s,
                  std::function<void(base::Result<std::vector<Node>>)> then) override {
      asked = site + " " + std::to_string(epoch.number) + " " + std::to_string(wait_s);
      if (away) return then(base::Error{base::Errc::unavailable, "Redis is away"});
      then(std::vector<Node>{{"a", "00ff", true}, {"b", "11ff", false}});
    }
    std::string asked;
    bool away = false;
  } nodes;
  nodes_ = &nodes;
  const Answer was_reset = post("/v1/admin/sites/example.vn/reset", R"({"wait_s":7})", "reset-1");
  ASSERT_EQ(was_reset.status, 200) << was_reset.body;
  EXPECT_EQ(nodes.asked, "example.vn 2 7");
  EXPECT_EQ(was_reset.json().text("/nodes/0/node"), "a");
  EXPECT_TRUE(was_reset.json().flag("/nodes/0/adopted"));
  EXPECT_FALSE(was_reset.json().flag("/nodes/1/adopted"));
  EXPECT_EQ(was_reset.json().number("/epoch"), 2);
  nodes.away = true;
  const Answer again = post("/v1/admin/sites/example.vn/reset", "", "reset-1");
  ASSERT_EQ(again.status, 200) << again.body;
  EXPECT_TRUE(again.json().flag("/repeated"));
  EXPECT_EQ(again.json().text("/nodes_problem"), "Redis is away");
  expect_problem(post("/v1/admin/sites/example.vn/reset", R"({"wait_s":301})"), Problem::malformed, "wait_s");
  nodes_ = nullptr;
}

TEST_F(AdminTest, OneOfSeveralNodesChangesNoPageAlone) {
  struct Nodes final : NodeList {
    void adopters(const std::string&, const counting::Epoch&, std::int32_t,
                  std::function<void(base::Result<std::vector<Node>>)> then) override {
      then(std::vector<Node>{});
    }
  } nodes;
  visit(*site_, "/p", 1);
  const Answer before = post("/v1/admin/sites/example.vn/seed", R"({"add":5,"page":"/p"})", "seed-1");
  ASSERT_EQ(before.status, 200) << before.body;
  const int commits = commits_;
  nodes_ = &nodes;
  const auto page_total = [&] {
    const base::MutexLock lock(site_->mutex());
    const auto row = site_->state().page("/p", base::table_hash("/p"), kNow);
    return static_cast<std::int64_t>(row->counted) + row->seed();
  };
  for (const std::string_view body : {R"({"add":5,"page":"/p"})", R"({"total":5,"page":"/p"})"}) {
    expect_problem(post("/v1/admin/sites/example.vn/seed", body), Problem::conflict, "--node");
  }
  for (const std::string_view body : {R"({"page":"/p"})", R"({"page":"/p","dry_run":true})"}) {
    expect_problem(post("/v1/admin/sites/example.vn/reset", body), Problem::conflict, "Leave out page");
  }
  expect_problem(post("/v1/admin/sites/example.vn/pages/merge", R"({"from":["/p"],"into":"/q"})"), Problem::conflict,
                 "--node");
  EXPECT_EQ(page_total(), 6);
  EXPECT_EQ(commits_, commits);
  // What was made before it was one of several is answered as then, and can be taken back.
  EXPECT_TRUE(post("/v1/admin/sites/example.vn/seed", R"({"add":5,"page":"/p"})", "seed-1").json().flag("/repeated"));
  EXPECT_EQ(post("/v1/admin/changes/seed-1/undo", "").status, 200);
  EXPECT_EQ(page_total(), 1);
  // The site is another matter.
  EXPECT_EQ(post("/v1/admin/sites/example.vn/seed", R"({"add":5})").status, 200);
  EXPECT_EQ(post("/v1/admin/sites/example.vn/reset", "{}").status, 200);
  nodes_ = nullptr;
}

TEST_F(AdminTest, ADryRunSaysWhatWouldGoAndChangesNothing) {
  visit(*site_, "/p", 1);
  visit(*site_, "/q", 2);
  const Answer site = post("/v1/admin/sites/example.vn/reset", R"({"dry_run":true})");
  ASSERT_EQ(site.status, 200) << site.body;
  EXPECT_TRUE(site.json().flag("/dry_run"));
  EXPECT_EQ(site.json().number("/before"), 2);
  EXPECT_EQ(site.json().number("/online"), 2);
  const Answer page = post("/v1/admin/sites/example.vn/reset", R"({"dry_run":true,"page":"/p"})");
  EXPECT_EQ(page.json().number("/before"), 1);
  EXPECT_EQ(post("/v1/admin/sites/example.vn/reset", R"({"dry_run":true,"page":"/none"})").json().number("/before"), 0);
  EXPECT_EQ(commits_, 0);
  EXPECT_EQ(total(), 2U);
}

TEST_F(AdminTest, APageResetLeavesTheSiteAlone) {
  visit(*site_, "/p", 1);
  visit(*site_, "/p", 2);
  const Answer page = post("/v1/admin/sites/example.vn/reset", R"({"page":"/p"})");
  ASSERT_EQ(page.status, 200) << page.body;
  EXPECT_EQ(page.json().number("/amount"), -2);
  EXPECT_EQ(page.json().number("/before"), 2);
  EXPECT_EQ(page.json().number("/after"), 0);
  EXPECT_EQ(total(), 2U);
}

// --- once ---

TEST_F(AdminTest, TheSameRequestUnderTheSameKeyHappensOnce) {
  const Answer first = post("/v1/admin/sites/example.vn/seed", R"({"total":500})", "k1");
  visit(*site_, "/", 1);
  const Answer again = post("/v1/admin/sites/example.vn/seed", R"({"total":500})", "k1");
  EXPECT_EQ(again.status, first.status);
  EXPECT_EQ(again.json().number("/amount"), 500);
  EXPECT_TRUE(again.json().flag("/repeated"));
  EXPECT_EQ(total(), 501U);

  EXPECT_EQ(post("/v1/admin/sites/example.vn/reset", "", "k2").status, 200);
  EXPECT_TRUE(post("/v1/admin/sites/example.vn/reset", "", "k2").json().flag("/repeated"));
  EXPECT_EQ(post("/v1/admin/sites/example.vn/reset", R"({"page":"/p"})", "k3").status, 200);
  EXPECT_TRUE(post("/v1/admin/sites/example.vn/reset", R"({"page":"/p"})", "k3").json().flag("/repeated"));
  EXPECT_EQ(post("/v1/admin/changes/k2/undo", "", "k4").status, 200);
  EXPECT_TRUE(post("/v1/admin/changes/k2/undo", "", "k4").json().flag("/repeated"));
  EXPECT_EQ(post("/v1/admin/sites", R"({"name":"new.vn"})", "k5").status, 201);
  EXPECT_EQ(post("/v1/admin/sites", R"({"name":"new.vn"})", "k5").status, 201);
  EXPECT_EQ(ask(Method::put, "/v1/admin/sites/new.vn", R"({"lang":"vi"})", kRoot, "k6").status, 200);
  EXPECT_EQ(ask(Method::put, "/v1/admin/sites/new.vn", R"({"window_s":60})", kRoot, "k7").status, 200);
  EXPECT_TRUE(ask(Method::put, "/v1/admin/sites/new.vn", R"({"lang":"vi"})", kRoot, "k6").json().flag("/repeated"));
  EXPECT_EQ(ask(Method::delete_, "/v1/admin/sites/new.vn", "", kRoot, "k8").status, 200);
  EXPECT_TRUE(ask(Method::delete_, "/v1/admin/sites/new.vn", "", kRoot, "k8").json().flag("/repeated"));
  EXPECT_EQ(commits_, 8);
}

TEST_F(AdminTest, AKeyOfAnotherChangeIsAConflict) {
  post("/v1/admin/sites/example.vn/seed", R"({"total":500})", "k1");
  expect_problem(post("/v1/admin/sites/example.vn/seed", R"({"total":501})", "k1"), Problem::conflict, "k1");
  expect_problem(post("/v1/admin/sites/other.vn/seed", R"({"total":500})", "k1"), Problem::conflict, "k1");
  expect_problem(post("/v1/admin/sites/example.vn/reset", "", "k1"), Problem::conflict, "k1");
  expect_problem(post("/v1/admin/sites", R"({"name":"new.vn"})", "k1"), Problem::conflict, "k1");
  expect_problem(ask(Method::put, "/v1/admin/sites/example.vn", "{}", kRoot, "k1"), Problem::conflict, "k1");
  expect_problem(ask(Method::delete_, "/v1/admin/sites/example.vn", "", kRoot, "k1"), Problem::conflict, "k1");
  expect_problem(post("/v1/admin/imports", R"({"site":"example.vn","source":"a"})", "k1"), Problem::conflict, "k1");
  expect_problem(post("/v1/admin/sites/example.vn/seed", R"({"add":1})", "not a key"), Problem::malformed,
                 "Idempotency-Key");
  EXPECT_EQ(commits_, 1);
}

TEST_F(AdminTest, AnImportThatWentOnDoesNotEndUnderAnIdThatWasUsed) {
  const auto end = [this](std::string_view id) {
    return ask(Method::delete_, "/v1/admin/imports?site=example.vn&source=a", "", kRoot, id);
  };
  constexpr std::string_view kBegin = R"({"site":"example.vn","source":"a"})";
  post("/v1/admin/imports", kBegin, "k1");
  expect_problem(end("k1"), Problem::conflict, "k1");
  EXPECT_FALSE(end("k2").json().flag("/open"));
  post("/v1/admin/imports", kBegin, "k3");
  EXPECT_TRUE(end("k2").json().flag("/open")) << "it began again since";
  EXPECT_TRUE(registry_.imports().find(site_->id(), "a")->open);
  EXPECT_EQ(commits_, 3);
}

TEST_F(AdminTest, WithoutAKeyEachChangeGetsAnIdOfItsOwn) {
  const std::string first = post("/v1/admin/sites/example.vn/seed", R"({"add":1})").json().text("/id");
  const std::string second = post("/v1/admin/sites/example.vn/seed", R"({"add":1})").json().text("/id");
  EXPECT_NE(first, second);
  EXPECT_EQ(first.size(), 32U);
  EXPECT_EQ(total(), 2U);
}

TEST_F(AdminTest, WhatCannotBeWrittenDoesNotHappen) {
  disk_full_ = true;
  expect_problem(post("/v1/admin/sites/example.vn/seed", R"({"add":1})"), Problem::unavailable, "control stream");
  expect_problem(post("/v1/admin/imports", R"({"site":"example.vn","source":"a"})"), Problem::unavailable);
  EXPECT_EQ(total(), 0U);
}

// --- imports and audit ---

TEST_F(AdminTest, AnImportBeginsGoesOnAndEnds) {
  const Answer begun = post("/v1/admin/imports", R"({"site":"example.vn","source":"access.log"})");
  ASSERT_EQ(begun.status, 201) << begun.body;
  EXPECT_EQ(begun.json().number("/position"), 0);
  registry_.imports().set_progress(site_->id(), "access.log", 4096, 0);
  const Answer resumed = post("/v1/admin/imports", R"({"site":"example.vn","source":"access.log"})");
  EXPECT_EQ(resumed.status, 200);
  EXPECT_EQ(resumed.json().number("/position"), 4096);
  const Answer ended = ask(Method::delete_, "/v1/admin/imports?site=example.vn&source=access.log");
  EXPECT_EQ(ended.status, 200) << ended.body;
  EXPECT_FALSE(ended.json().flag("/open"));
  EXPECT_EQ(ask(Method::delete_, "/v1/admin/imports?site=example.vn&source=access.log").status, 200);
  EXPECT_EQ(commits_, 2);
  expect_problem(ask(Method::delete_, "/v1/admin/imports?site=example.vn&source=none"), Problem::not_found);
  expect_problem(ask(Method::get, "/v1/admin/imports?site=example.vn&source=none"), Problem::not_found);
  EXPECT_EQ(ask(Method::get, "/v1/admin/imports?site=example.vn&source=access.log").body,
            R"({"site":"example.vn","source":"access.log","position":4096,"open":false})");
  registry_.imports().set_progress(site_->id(), "followed", 9, 0, "inode=5");
  EXPECT_EQ(ask(Method::get, "/v1/admin/imports?site=example.vn&source=followed").body,
            R"({"site":"example.vn","source":"followed","position":9,"open":false,"mark":"inode=5"})");
  expect_problem(post("/v1/admin/imports", R"({"site":"example.vn","source":"followed"})"), Problem::conflict,
                 "source:");
  expect_problem(post("/v1/admin/imports", R"({"site":"example.vn"})"), Problem::malformed, "source:");
  expect_problem(post("/v1/admin/imports", R"({"site":"example.vn","source":""})"), Problem::malformed, "source:");
  expect_problem(post("/v1/admin/imports", R"({"source":"a"})"), Problem::malformed, "site:");
  expect_problem(post("/v1/admin/imports", R"({"site":"nowhere.vn","source":"a"})"), Problem::unknown_site);
}

TEST_F(AdminTest, TheAuditIsShownWithItsLimit) {
  const Answer audit = ask(Method::get, "/v1/admin/audit?limit=7");
  EXPECT_EQ(audit_limit_, 7U);
  EXPECT_EQ(audit.json().text("/audit/0/actor"), "root");
  EXPECT_EQ(audit.json().text("/audit/0/at"), "2026-11-23T03:00:00.000+00:00");
  for (const std::string_view limit : {"0", "x", "10001", ""}) {
    expect_problem(ask(Method::get, "/v1/admin/audit?limit=" + std::string(limit)), Problem::malformed, "limit:");
  }
}

// --- who may ---

struct RouteCase {
  Method method;
  std::string_view target;
  std::string_view body;
  std::uint32_t scopes;  // any of these
  bool of_site;          // a token bound to example.vn does
};
constexpr std::uint32_t scope(Scope a) {
  return static_cast<std::uint32_t>(a);
}
const RouteCase kRoutes[] = {
    {Method::get, "/v1/admin/sites", "", scope(Scope::read) | scope(Scope::config), true},
    {Method::get, "/v1/admin/sites/example.vn", "", scope(Scope::read) | scope(Scope::config), true},
    {Method::post, "/v1/admin/sites", R"({"name":"new.vn"})", scope(Scope::config), false},
    {Method::put, "/v1/admin/sites/example.vn", R"({"lang":"en"})", scope(Scope::config), true},
    {Method::post, "/v1/admin/sites/example.vn/seed", R"({"add":1})", scope(Scope::seed), true},
    {Method::post, "/v1/admin/sites/example.vn/reset", "", scope(Scope::reset), true},
    {Method::post, "/v1/admin/sites/example.vn/reset", R"({"dry_run":true})", scope(Scope::reset), true},
    {Method::post, "/v1/admin/imports", R"({"site":"example.vn","source":"a"})", scope(Scope::ingest), true},
    {Method::delete_, "/v1/admin/imports?site=example.vn&source=a", "", scope(Scope::ingest), true},
    {Method::get, "/v1/admin/imports?site=example.vn&source=a", "", scope(Scope::ingest), true},
    {Method::get, "/v1/admin/audit", "", scope(Scope::operate) | scope(Scope::config), false},
    {Method::get, "/v1/admin/backup", "", scope(Scope::operate), false},
    {Method::post, "/v1/admin/backup", R"({"path":"/d/b"})", scope(Scope::operate), false},
    {Method::get, "/v1/admin/verify", "", scope(Scope::operate), false},
    {Method::post, "/v1/admin/reload", "", scope(Scope::operate), false},
    {Method::get, "/v1/admin/tokens", "", scope(Scope::tokens), true},
    {Method::post, "/v1/admin/tokens", R"({"id":"t","scopes":["tokens"],"site":"example.vn"})", scope(Scope::tokens),
     true},
    {Method::delete_, "/v1/admin/tokens/t", "", scope(Scope::tokens), true},
    {Method::delete_, "/v1/admin/sites/example.vn", "", scope(Scope::config), true},
};

TEST_F(AdminTest, EveryRouteTakesItsScopesAndNoOthers) {
  for (const RouteCase& route : kRoutes) {
    for (std::uint32_t bit = 1; bit <= sites::kAllScopes; bit <<= 1U) {
      const std::string secret = "only-" + std::to_string(bit);
      if (find_token(registry_.tokens(), secret, kNow) == nullptr) add_token(secret, secret, bit);
      if ((route.scopes & bit) != 0) continue;
      expect_problem(ask(route.method, route.target, route.body, secret), Problem::forbidden);
    }
    expect_problem(ask(route.method, route.target, route.body, ""), Problem::unauthorized);
    expect_problem(ask(route.method, route.target, route.body, "wrong"), Problem::unauthorized);
  }
  EXPECT_EQ(commits_, 0);
  for (const RouteCase& route : kRoutes) {
    const std::uint32_t least = std::uint32_t{1} << static_cast<unsigned>(std::countr_zero(route.scopes));
    EXPECT_LT(ask(route.method, route.target, route.body, "only-" + std::to_string(least)).status, 300) << route.target;
  }
}

TEST_F(AdminTest, ABoundTokenReachesItsSiteAlone) {
  add_token("mine", "mine", sites::kAllScopes, site_->id());
  add_token("theirs", "theirs", sites::kAllScopes, registry_.find("other.vn")->id());
  for (const RouteCase& route : kRoutes) {
    const bool lists =
        route.method == Method::get && (route.target == "/v1/admin/sites" || route.target == "/v1/admin/tokens");
    if (!lists) expect_problem(ask(route.method, route.target, route.body, "theirs"), Problem::forbidden, "bound");
  }
  EXPECT_EQ(commits_, 0);
  for (const RouteCase& route : kRoutes) {
    const int status = ask(route.method, route.target, route.body, "mine").status;
    if (route.of_site) {
      EXPECT_LT(status, 300) << route.target;
    } else {
      EXPECT_EQ(status, 403) << route.target;
    }
  }
  const Parsed list = ask(Method::get, "/v1/admin/sites", "", "theirs").json();
  ASSERT_EQ(list.size("/sites"), 1U);
  EXPECT_EQ(list.text("/sites/0/name"), "other.vn");
  // Which names and ids there are is not told either.
  expect_problem(ask(Method::get, "/v1/admin/sites/nowhere.vn", "", "theirs"), Problem::forbidden);
  expect_problem(ask(Method::post, "/v1/admin/changes/none/undo", "", "theirs"), Problem::forbidden);
}

// Every kind of change: which scopes may take it back, each alone; none: nobody may, whatever he may.
TEST_F(AdminTest, UndoTakesAScopeThatMayHaveMadeTheChange) {
  struct Row {
    std::string id;
    std::uint32_t scopes;
    bool undone = true;
  };
  visit(*site_, "/p", 1);
  visit(*site_, "/q", 2);
  const auto made = [this](Method method, std::string_view target, std::string_view body, std::string_view id) {
    const Answer answer = ask(method, "/v1/admin/" + std::string(target), body, kRoot, id);
    EXPECT_LT(answer.status, 300) << id << answer.body;
  };
  made(Method::post, "sites/example.vn/seed", R"({"add":5})", "seed");
  made(Method::post, "sites/example.vn/reset", R"({"page":"/p"})", "page-reset");
  made(Method::post, "sites/example.vn/pages/remove", R"({"page":"/q"})", "page-removal");
  made(Method::post, "sites/other.vn/reset", "", "reset");
  sites::Snapshot snapshot;
  snapshot.total = 40;
  const auto plan = registry_.plan_restore("example.vn", snapshot, "of-yesterday", 7, kNow);
  ASSERT_TRUE(plan);
  ASSERT_TRUE(commit({"restore", kNow, "root", "", *plan}));
  made(Method::put, "sites/other.vn", R"({"window_s":600})", "setting");
  made(Method::post, "sites", R"({"name":"third.vn"})", "site");
  made(Method::post, "sites", R"({"name":"fourth.vn"})", "gone-site");
  made(Method::delete_, "sites/fourth.vn", "", "site-removal");
  made(Method::post, "tokens", R"({"id":"t","scopes":["tokens"]})", "token");
  made(Method::post, "tokens", R"({"id":"gone","scopes":["tokens"]})", "gone-token");
  made(Method::delete_, "tokens/gone", "", "token-removal");
  made(Method::post, "imports", R"({"site":"example.vn","source":"a"})", "import");
  made(Method::delete_, "imports?site=example.vn&source=a", "", "import-end");
  made(Method::post, "sites/example.vn/seed", R"({"add":1})", "gone-seed");
  made(Method::post, "changes/gone-seed/undo", "", "undo");
  const std::vector<Row> rows{{"seed", scope(Scope::seed)},
                              {"page-reset", scope(Scope::seed) | scope(Scope::reset)},
                              {"reset", scope(Scope::reset)},
                              {"restore", scope(Scope::restore)},
                              {"page-removal", scope(Scope::config)},
                              {"setting", scope(Scope::config)},
                              {"site", scope(Scope::config)},
                              {"site-removal", scope(Scope::config)},
                              {"token", scope(Scope::tokens)},
                              {"token-removal", scope(Scope::tokens)},
                              {"import", scope(Scope::ingest), false},
                              {"import-end", scope(Scope::ingest), false},
                              {"undo", scope(Scope::config), false}};
  std::set<std::size_t> kinds;
  for (const Row& row : rows) kinds.insert(registry_.find_change(row.id)->action.index());
  EXPECT_EQ(kinds.size(), std::variant_size_v<sites::Action>) << "a kind of change has no row";

  add_token("theirs", "theirs", sites::kAllScopes, registry_.find("third.vn")->id());
  for (std::uint32_t bit = 1; bit <= sites::kAllScopes; bit <<= 1U)
    add_token("only-" + std::to_string(bit), "only-" + std::to_string(bit), bit);
  const auto undo = [this](const Row& row, std::string_view secret, std::string_view body) {
    return ask(Method::post, "/v1/admin/changes/" + row.id + "/undo", body, secret);
  };
  const int commits = commits_;
  for (const Row& row : rows) {
    for (std::uint32_t bit = 1; bit <= sites::kAllScopes; bit <<= 1U) {
      const Answer answer = undo(row, "only-" + std::to_string(bit), R"({"dry_run":true})");
      const int wanted = (row.scopes & bit) == 0 ? 403 : row.undone ? 200 : 409;
      EXPECT_EQ(answer.status, wanted) << row.id << " with scope " << bit << answer.body;
    }
    if (row.id != "site") expect_problem(undo(row, "theirs", R"({"dry_run":true})"), Problem::forbidden);
  }
  expect_problem(ask(Method::post, "/v1/admin/changes/none/undo"), Problem::not_found, "`none`");
  EXPECT_EQ(commits_, commits);

  // Once, whichever came first.
  for (const Row& row : rows) {
    const std::string least = "only-" + std::to_string(row.scopes & (~row.scopes + 1));
    EXPECT_EQ(undo(row, least, "").status, row.undone ? 200 : 409) << row.id;
    expect_problem(undo(row, least, ""), Problem::conflict);
  }
}

TEST_F(AdminTest, ARestoredSnapshotIsTakenBackByUndo) {
  visit(*site_, "/p", 1);
  post("/v1/admin/sites/example.vn/seed", R"({"add":5})");
  sites::Snapshot snapshot;
  snapshot.total = 40;
  snapshot.pages = {{"/p", 40}};
  ASSERT_TRUE(commit(
      {"back-1", kNow, "root", "", registry_.plan_restore("example.vn", snapshot, "of-yesterday", 7, kNow).value()}));
  ASSERT_EQ(total(), 40U);
  visit(*site_, "/p", 2);
  const Answer plan = post("/v1/admin/changes/back-1/undo", R"({"dry_run":true})");
  EXPECT_EQ(plan.json().text("/undone_action"), "restored");
  EXPECT_EQ(plan.json().number("/before"), 41);
  EXPECT_EQ(plan.json().number("/after"), 7) << "and what was counted since";
  EXPECT_EQ(total(), 41U);

  undo_days_ = 30;
  now_ms_ += 31 * std::int64_t{86'400'000};
  expect_problem(post("/v1/admin/changes/back-1/undo", ""), Problem::conflict, "30 days (--undo-days)");
  undo_days_ = 31;
  const Answer undone = post("/v1/admin/changes/back-1/undo", R"({"reason":"a mistake"})");
  ASSERT_EQ(undone.status, 200) << undone.body;
  EXPECT_EQ(undone.json().text("/site"), "example.vn");
  EXPECT_EQ(total(), 7U);
  expect_problem(post("/v1/admin/changes/back-1/undo", ""), Problem::conflict, "undone already");
}

TEST_F(AdminTest, WrongTokensAreToldToWaitAndRightOnesAreNot) {
  expect_problem(ask(Method::get, "/v1/admin/sites", "", "wrong"), Problem::unauthorized);
  limited_ = true;
  expect_problem(ask(Method::get, "/v1/admin/sites", "", "wrong"), Problem::too_many_attempts);
  EXPECT_EQ(ask(Method::get, "/v1/admin/sites").status, 200);
  EXPECT_EQ(failed_attempts_, 2);
}

TEST_F(AdminTest, OfWhoIsShutOutNoTokenIsLookedAt) {
  shut_out_ = true;
  expect_problem(ask(Method::get, "/v1/admin/sites"), Problem::too_many_attempts);
  expect_problem(ask(Method::get, "/v1/admin/sites", "", ""), Problem::unauthorized);
  EXPECT_EQ(ask(Method::get, "/metrics", "", "").status, 200);
  EXPECT_EQ(failed_attempts_, 0);
}

TEST_F(AdminTest, AnExpiredTokenIsNone) {
  add_token("old", "old", sites::kAllScopes, {}, kNow);
  expect_problem(ask(Method::get, "/v1/admin/sites", "", "old"), Problem::unauthorized);
}

// --- backup ---

TEST_F(AdminTest, ABackupIsBegunOnceAndAskedFor) {
  EXPECT_EQ(ask(Method::get, "/v1/admin/backup").json().text("/state"), "none");
  for (const std::string_view body :
       {"{}", R"({"path":"b"})", R"({"path":"/d/"})", R"({"path":7})", R"({"path":"/a\u0000b"})"}) {
    expect_problem(post("/v1/admin/backup", body), Problem::malformed, "path");
  }
  const Answer begun = post("/v1/admin/backup", R"({"path":"/d/b"})", "key-1");
  EXPECT_EQ(begun.status, 202);
  EXPECT_EQ(begun.json().text("/id"), "key-1");
  EXPECT_EQ(begun.json().text("/state"), "running");
  expect_problem(post("/v1/admin/backup", R"({"path":"/d/c"})"), Problem::conflict, "under way");
  backup_.state = BackupStatus::State::done;
  backup_.summary = {3, 4096, 2, "abcd", kNow, kNow};
  const Answer done = ask(Method::get, "/v1/admin/backup");
  EXPECT_EQ(done.json().text("/hash"), "abcd");
  EXPECT_NE(done.body.find("\"bytes\":4096"), std::string::npos) << done.body;
  backup_.state = BackupStatus::State::failed;
  backup_.error = "/d/b: no space";
  EXPECT_EQ(ask(Method::get, "/v1/admin/backup").json().text("/error"), "/d/b: no space");
}

// --- reload ---

TEST_F(AdminTest, AReloadSaysWhatIsInForceAndWhatWaits) {
  reloaded_ = ReloadOutcome{{"log-level", "rate-limit"}, {"threads"}, true};
  const Answer answer = post("/v1/admin/reload", "");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, R"({"applied":["log-level","rate-limit"],"needs_start":["threads"],"certificate":true})");
  reloaded_ = base::Error{base::Errc::invalid_config, "footfalld.toml:3: threads: 'x' is no number"};
  expect_problem(post("/v1/admin/reload", ""), Problem::conflict, "footfalld.toml:3: threads: 'x' is no number; all");
  expect_problem(ask(Method::get, "/v1/admin/reload"), Problem::method_not_allowed);
}

// --- verify ---

TEST_F(AdminTest, VerifyAnswersPositionsAndHashes) {
  const Answer answer = ask(Method::get, "/v1/admin/verify");
  ASSERT_EQ(answer.status, 200) << answer.body;
  const Parsed json = answer.json();
  EXPECT_EQ(json.text("/incarnation"), "00ff");
  EXPECT_EQ(json.number("/checkpoint"), 3);
  EXPECT_EQ(json.number("/as_of_s"), kNow);
  EXPECT_EQ(json.text("/hash"), "ab");
  EXPECT_EQ(json.text("/positions/1/stream"), "hits-000");
  EXPECT_EQ(json.number("/positions/1/sequence"), 8);
  EXPECT_EQ(json.keys("/sites/0"),
            (std::vector<std::string>{"id", "site", "removed", "counted", "total", "online", "hash"}));
  disk_full_ = true;
  expect_problem(ask(Method::get, "/v1/admin/verify"), Problem::unavailable, "the disk is full");
}

// --- the rest of the listener ---

TEST_F(AdminTest, MetricsAndHealthNeedNoToken) {
  EXPECT_EQ(ask(Method::get, "/metrics", "", "").body, "footfall_up 1\n");
  EXPECT_EQ(ask(Method::get, "/livez", "", "").status, 200);
  EXPECT_EQ(ask(Method::get, "/startupz", "", "").body, "started\n");
  EXPECT_EQ(ask(Method::get, "/readyz", "", "").status, 503);
  readiness_.recovered = readiness_.journal_open = true;
  EXPECT_EQ(ask(Method::head, "/readyz?verbose", "", "").status, 200);
  expect_problem(ask(Method::post, "/metrics", "", ""), Problem::method_not_allowed);
  expect_problem(ask(Method::get, "/", "", ""), Problem::not_found);
}

TEST_F(AdminTest, TheMetricsListenerHasNothingElse) {
  http::Request request;
  request.method = Method::get;
  request.path = "/v1/admin/sites";
  EXPECT_EQ(admin_.answer_open(request).status, 404);
}

TEST_F(AdminTest, OtherMethodsAreToldWhatIsAllowed) {
  const Answer answer = ask(Method::delete_, "/v1/admin/sites/example.vn/seed");
  expect_problem(answer, Problem::method_not_allowed, "POST");
  EXPECT_EQ(answer.fields, "Allow: POST\r\n");
  for (const std::string_view target :
       {"/v1/admin/", "/v1/admin/sites/example.vn/x", "/v1/admin/sites/example.vn/", "/v1/admin/sites/example.vn/seed/",
        "/v1/admin/changes//undo", "/v1/admin/changes/x"}) {
    expect_problem(ask(Method::post, target), Problem::not_found);
  }
}

TEST_F(AdminTest, AnswersAreWrittenWithoutCors) {
  std::string out;
  write(out, {200, "application/json", "{}", {}, "", {}}, "gzip", "Mon, 23 Nov 2026 03:00:00 GMT", true, false);
  EXPECT_TRUE(out.starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(out.ends_with("\r\n\r\n{}"));
  EXPECT_EQ(out.find("Access-Control"), std::string::npos);
  EXPECT_EQ(out.find("Vary"), std::string::npos);
}

TEST_F(AdminTest, WhatIsReadIsCompressedAndWhatIsMadeIsNot) {
  const auto written = [](Method method, std::string_view type, std::string body) {
    http::Request request;
    request.method = method;
    request.fields[static_cast<std::size_t>(http::Field::accept_encoding)] = "gzip";
    std::string out;
    write(out, {200, type, std::move(body), {}, "", {}}, encoding_for(request), "Mon, 23 Nov 2026 03:00:00 GMT", true,
          method == Method::head);
    return out;
  };
  constexpr std::string_view kGzip = "\r\nVary: Accept-Encoding\r\nContent-Encoding: gzip\r\n";
  constexpr std::string_view kJson = "application/json";
  const std::string list = "[\"" + std::string(5000, 'a') + "\"]";
  const std::string got = written(Method::get, kJson, list);
  const std::size_t body = got.find("\r\n\r\n") + 4;
  EXPECT_NE(got.find(kGzip), std::string::npos);
  EXPECT_EQ(testing::gunzipped(std::string_view(got).substr(body)), list);
  EXPECT_EQ(written(Method::head, kJson, list), got.substr(0, body));
  EXPECT_TRUE(written(Method::post, kJson, list).ends_with(list)) << "it may be a token's secret";
  EXPECT_TRUE(written(Method::get, "text/plain", list).ends_with(list));
}

TEST_F(AdminTest, TheIdOfAChangeThatIsTooOldToBeLookedUpIsNotUsedAgain) {
  ASSERT_EQ(post("/v1/admin/sites/example.vn/seed", R"({"add":5})", "old").status, 200);
  for (std::size_t n = 0; n < sites::Registry::kChangesKept; ++n) {
    ASSERT_TRUE(registry_.apply(
        {"s" + std::to_string(n), kNow, "root", "", sites::Seeded{site_->id(), {}, std::nullopt, {}, 1, 0, 0}}));
  }
  const std::uint64_t before = total();
  for (const std::string_view body : {R"({"add":5})", R"({"add":6})"}) {
    expect_problem(post("/v1/admin/sites/example.vn/seed", body, "old"), Problem::conflict, "too old");
  }
  expect_problem(post("/v1/admin/sites/example.vn/reset", "{}", "old"), Problem::conflict, "nothing was done");
  EXPECT_EQ(total(), before);
  EXPECT_EQ(ask(Method::get, "/v1/admin/sites/example.vn", "", kRoot, "old").status, 200) << "it changes nothing";
}

}  // namespace
}  // namespace footfall::api
