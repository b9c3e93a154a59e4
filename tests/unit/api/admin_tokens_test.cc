// SPDX-License-Identifier: Apache-2.0
// Tokens, and what is only said and not done.
#include "unit/api/admin_fixture.h"

namespace footfall::api {
namespace {

using AdminTokensTest = AdminTest;

constexpr std::string_view kTokens = "/v1/admin/tokens";

std::uint32_t scopes(Scope a, Scope b) {
  return static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b);
}

TEST_F(AdminTokensTest, ATokenIsAddedUsedListedAndRemoved) {
  const Answer added = post(
      kTokens, R"({"id":"reader","scopes":["read","ingest"],"site":"example.vn","expires_in_s":60,"reason":"why"})");
  ASSERT_EQ(added.status, 201) << added.body;
  EXPECT_EQ(added.json().text("/action"), "token added");
  EXPECT_EQ(added.json().text("/site"), "example.vn");
  EXPECT_EQ(added.json().text("/reason"), "why");
  EXPECT_TRUE(added.json().is_null("/before"));
  EXPECT_EQ(added.json().text("/after/scopes/0"), "ingest");
  EXPECT_EQ(added.json().text("/after/scopes/1"), "read");
  EXPECT_EQ(added.json().text("/after/expires_at"), "2026-11-23T03:01:00.000+00:00");
  const std::string secret = added.json().text("/secret");
  EXPECT_EQ(secret.size(), 43U);
  EXPECT_EQ(ask(Method::get, "/v1/admin/sites/example.vn", "", secret).status, 200);
  expect_problem(ask(Method::get, "/v1/admin/sites/other.vn", "", secret), Problem::forbidden);

  const Answer listed = ask(Method::get, kTokens);
  EXPECT_EQ(
      listed.body,
      R"({"tokens":[{"id":"root","scopes":["ingest","read","seed","reset","config","operate","restore","tokens"],)"
      R"("site":null,"expires_at":null,"expired":false},{"id":"reader","scopes":["ingest","read"],)"
      R"("site":"example.vn","expires_at":"2026-11-23T03:01:00.000+00:00","expired":false}]})");
  now_ms_ += 60'000;
  expect_problem(ask(Method::get, "/v1/admin/sites/example.vn", "", secret), Problem::unauthorized);
  EXPECT_TRUE(ask(Method::get, kTokens).json().flag("/tokens/1/expired"));

  const Answer removed = ask(Method::delete_, "/v1/admin/tokens/reader", "", kRoot, "remove-1");
  ASSERT_EQ(removed.status, 200) << removed.body;
  EXPECT_EQ(removed.json().text("/action"), "token removed");
  EXPECT_EQ(removed.json().text("/before/id"), "reader");
  EXPECT_TRUE(removed.json().is_null("/after"));
  EXPECT_EQ(ask(Method::get, kTokens).json().size("/tokens"), 1U);
  EXPECT_TRUE(ask(Method::delete_, "/v1/admin/tokens/reader", "", kRoot, "remove-1").json().flag("/repeated"));
  expect_problem(ask(Method::delete_, "/v1/admin/tokens/reader"), Problem::not_found, "reader");
}

TEST_F(AdminTokensTest, ASecretIsToldOnceAndIsAnotherEachTime) {
  const std::string body = R"({"id":"a","scopes":["read"],"expires_at":"2027-01-31"})";
  const Answer first = post(kTokens, body, "add-1");
  ASSERT_EQ(first.status, 201) << first.body;
  EXPECT_EQ(first.json().text("/after/expires_at"), "2027-01-31T00:00:00.000+00:00");
  const Answer again = post(kTokens, body, "add-1");
  EXPECT_EQ(again.status, 200);
  EXPECT_TRUE(again.json().flag("/repeated"));
  EXPECT_FALSE(again.json().has("/secret"));
  expect_problem(post(kTokens, R"({"id":"a","scopes":["seed"]})", "add-1"), Problem::conflict, "add-1");
  expect_problem(post(kTokens, body), Problem::conflict, "called a already");
  const Answer other = post(kTokens, R"({"id":"b","scopes":["read"]})");
  EXPECT_NE(other.json().text("/secret"), first.json().text("/secret"));
  EXPECT_TRUE(other.json().is_null("/after/expires_at"));
}

TEST_F(AdminTokensTest, WhatIsWrongWithATokenIsSaid) {
  expect_problem(post(kTokens, R"({"scopes":["read"]})"), Problem::malformed, "id:");
  expect_problem(post(kTokens, R"({"id":"a b","scopes":["read"]})"), Problem::malformed, "id:");
  expect_problem(post(kTokens, R"({"id":"a"})"), Problem::malformed, "scopes:");
  expect_problem(post(kTokens, R"({"id":"a","scopes":[]})"), Problem::malformed, "scopes:");
  expect_problem(post(kTokens, R"({"id":"a","scopes":["write"]})"), Problem::malformed, "ingest, read");
  expect_problem(post(kTokens, R"({"id":"a","scopes":["read"],"site":"nowhere.vn"})"), Problem::unknown_site);
  for (const std::string_view when :
       {R"("expires_in_s":0)", R"("expires_in_s":-1)", R"("expires_in_s":3153600001)", R"("expires_at":"2026-11-23")",
        R"("expires_at":"soon")", R"("expires_at":"2028-01-01","expires_in_s":5)"}) {
    expect_problem(post(kTokens, R"({"id":"a","scopes":["read"],)" + std::string(when) + "}"), Problem::malformed,
                   "expires_");
  }
  EXPECT_EQ(commits_, 0);
}

TEST_F(AdminTokensTest, NobodyGivesOrTakesMoreThanHeHas) {
  add_token("few", "few", scopes(Scope::tokens, Scope::read));
  add_token("theirs", "theirs", sites::kAllScopes, registry_.find("other.vn")->id());
  add_token("reader", "reader", scopes(Scope::read, Scope::ingest));
  const auto add = [&](std::string_view body, std::string_view secret) {
    return ask(Method::post, kTokens, body, secret);
  };
  expect_problem(add(R"({"id":"a","scopes":["read","seed"]})", "few"), Problem::forbidden, "scope seed");
  EXPECT_EQ(add(R"({"id":"a","scopes":["read"]})", "few").status, 201);
  expect_problem(add(R"({"id":"b","scopes":["read"]})", "theirs"), Problem::forbidden, "another site");
  expect_problem(add(R"({"id":"b","scopes":["read"],"site":"example.vn"})", "theirs"), Problem::forbidden);
  expect_problem(add(R"({"id":"b","scopes":["read"],"site":"nowhere.vn"})", "theirs"), Problem::forbidden);
  EXPECT_EQ(add(R"({"id":"b","scopes":["read","reset"],"site":"other.vn"})", "theirs").status, 201);
  expect_problem(add(R"({"id":"c","scopes":["read"]})", "reader"), Problem::forbidden, "scope tokens");

  const auto remove = [&](std::string_view id, std::string_view secret, std::string_view key = "") {
    return ask(Method::delete_, "/v1/admin/tokens/" + std::string(id), "", secret, key);
  };
  expect_problem(remove("root", "few"), Problem::forbidden);
  expect_problem(remove("root", "theirs"), Problem::forbidden);
  expect_problem(remove("none", "theirs"), Problem::forbidden);
  expect_problem(remove("none", "few"), Problem::not_found);
  EXPECT_EQ(remove("a", "few", "gone-a").status, 200);
  EXPECT_EQ(remove("b", "theirs", "gone-b").status, 200);

  // Nor brings back what he could not have given.
  const auto undo = [&](std::string_view id, std::string_view secret) {
    return ask(Method::post, "/v1/admin/changes/" + std::string(id) + "/undo", "", secret);
  };
  expect_problem(undo("gone-b", "few"), Problem::forbidden);
  EXPECT_EQ(undo("gone-b", "theirs").status, 200);
  EXPECT_NE(registry_.find_token("b"), nullptr);

  const Parsed of_few = ask(Method::get, kTokens, "", "few").json();
  ASSERT_EQ(of_few.size("/tokens"), 1U);
  EXPECT_EQ(of_few.text("/tokens/0/id"), "few");
  const Parsed of_theirs = ask(Method::get, kTokens, "", "theirs").json();
  EXPECT_EQ(of_theirs.size("/tokens"), 2U);
  expect_problem(ask(Method::get, kTokens, "", "reader"), Problem::forbidden);
}

TEST_F(AdminTokensTest, TheLastThatMayEverythingStays) {
  expect_problem(ask(Method::delete_, "/v1/admin/tokens/root"), Problem::conflict, "the last one");
  const std::string all = R"("scopes":["ingest","read","seed","reset","config","operate","restore","tokens"])";
  ASSERT_EQ(post(kTokens, R"({"id":"short","expires_in_s":60,)" + all + "}").status, 201);
  ASSERT_EQ(post(kTokens, R"({"id":"bound","site":"other.vn",)" + all + "}").status, 201);
  expect_problem(ask(Method::delete_, "/v1/admin/tokens/root"), Problem::conflict, "add another first");
  const Answer next = post(kTokens, R"({"id":"next",)" + all + "}", "add-next");
  ASSERT_EQ(next.status, 201);
  EXPECT_EQ(ask(Method::delete_, "/v1/admin/tokens/root").status, 200);
  const std::string secret = next.json().text("/secret");
  expect_problem(ask(Method::get, kTokens), Problem::unauthorized);
  expect_problem(ask(Method::post, "/v1/admin/changes/add-next/undo", "", secret), Problem::conflict, "the last one");
  EXPECT_EQ(ask(Method::get, kTokens, "", secret).status, 200);
}

// --- dry runs ---

TEST_F(AdminTokensTest, ADryRunSaysWhatItWouldDoAndChangesNothing) {
  visit(*site_, "/", 1);
  post("/v1/admin/sites/example.vn/seed", R"({"add":5,"page":"/p"})");
  post("/v1/admin/sites/example.vn/reset", "", "a-reset");
  post(kTokens, R"({"id":"t","scopes":["read"]})");
  post("/v1/admin/imports", R"({"site":"example.vn","source":"log"})");
  const int commits = commits_;
  const std::uint64_t before = total();
  struct Asked {
    Method method;
    std::string_view target, body;
  };
  for (const Asked& asked : {Asked{Method::delete_, "/v1/admin/sites/example.vn?dry_run=true", ""},
                             Asked{Method::post, "/v1/admin/sites/example.vn/reset", R"({"dry_run":true})"},
                             Asked{Method::post, "/v1/admin/sites/example.vn/reset", R"({"page":"/p","dry_run":true})"},
                             Asked{Method::post, "/v1/admin/changes/a-reset/undo", R"({"dry_run":true})"},
                             Asked{Method::delete_, "/v1/admin/tokens/t?dry_run=true", ""},
                             Asked{Method::delete_, "/v1/admin/imports?site=example.vn&source=log&dry_run=true", ""}}) {
    const Answer answer = ask(asked.method, asked.target, asked.body);
    ASSERT_EQ(answer.status, 200) << asked.target << answer.body;
    EXPECT_TRUE(answer.json().flag("/dry_run")) << answer.body;
    EXPECT_FALSE(answer.json().has("/id")) << answer.body;
    EXPECT_FALSE(answer.json().has("/at")) << answer.body;
  }
  EXPECT_EQ(ask(Method::delete_, "/v1/admin/sites/example.vn?dry_run=true").json().text("/before/name"), "example.vn");
  const Parsed undo = post("/v1/admin/changes/a-reset/undo", R"({"dry_run":true})").json();
  EXPECT_EQ(undo.text("/undone_action"), "reset");
  EXPECT_EQ(undo.number("/before"), 0);
  EXPECT_EQ(undo.number("/after"), 1);
  EXPECT_EQ(commits_, commits);
  EXPECT_EQ(total(), before);
  EXPECT_NE(registry_.find_token("t"), nullptr);
  EXPECT_TRUE(registry_.imports().find(site_->id(), "log")->open);
}

TEST_F(AdminTokensTest, ADryRunIsRefusedWhereTheChangeWouldBe) {
  add_token("reader", "reader", static_cast<std::uint32_t>(Scope::read));
  expect_problem(ask(Method::delete_, "/v1/admin/sites/example.vn?dry_run=true", "", "reader"), Problem::forbidden);
  expect_problem(ask(Method::delete_, "/v1/admin/tokens/root?dry_run=true"), Problem::conflict);
  expect_problem(ask(Method::delete_, "/v1/admin/sites/example.vn?dry_run=yes"), Problem::malformed, "dry_run");
  expect_problem(ask(Method::delete_, "/v1/admin/sites/nowhere.vn?dry_run=true"), Problem::unknown_site);
  EXPECT_EQ(commits_, 0);
}

}  // namespace
}  // namespace footfall::api
