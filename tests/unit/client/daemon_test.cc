// SPDX-License-Identifier: Apache-2.0
// The commands that talk to a daemon: what they send, and what they show.
#include "cli/daemon.h"

#include <gtest/gtest.h>

#include "command_line.h"
#include "scripted_server.h"

namespace footfall::cli {
namespace {

class DaemonTest : public testing::Test {
 protected:
  Ran run_command(std::vector<std::string> words) {
    words.insert(words.end(), {"--url", server_.url(), "--admin", server_.url(), "--token-file", server_.token_file()});
    return footfall(words);
  }
  ScriptedServer::Request asked() {
    const auto requests = server_.requests();
    EXPECT_EQ(requests.size(), 1U);
    return requests.empty() ? ScriptedServer::Request{} : requests.front();
  }
  ScriptedServer server_;
};

TEST_F(DaemonTest, SiteAddSendsWhatWasGivenAndNothingElse) {
  server_.answers({{201, R"({"id":"c1","site":"example.vn","before":null,"after":{"name":"example.vn"}})"}});
  const Ran ran = run_command({"site", "add", "example.vn", "--host", "example.vn", "--host", "www.example.vn",
                               "--timezone", "Asia/Ho_Chi_Minh", "--grouping", "dot", "--strict-origin", "true"});
  ASSERT_EQ(ran.code, kDone) << ran.err;
  EXPECT_EQ(asked().line, "POST /v1/admin/sites HTTP/1.1");
  EXPECT_EQ(asked().body,
            R"({"name": "example.vn", "hosts": ["example.vn", "www.example.vn"], "timezone": "Asia/Ho_Chi_Minh", )"
            R"("grouping": "dot", "strict_origin": true})");
  EXPECT_NE(asked().head.find("Authorization: Bearer secret-token"), std::string::npos);
  EXPECT_NE(asked().head.find("Idempotency-Key: cli-"), std::string::npos);
  EXPECT_EQ(ran.out, "added example.vn\n  take it back with: footfall undo c1\n");
}

TEST_F(DaemonTest, SiteSetSendsWhatIsExcludedAndMayEmptyTheList) {
  server_.answers({{200, R"({"id":"c1","site":"example.vn"})"}});
  const Ran ran = run_command({"site", "set", "example.vn", "--exclude-address", "10.0.0.0/8", "--exclude-address",
                               "2001:db8::/32", "--exclude-path", ""});
  ASSERT_EQ(ran.code, kDone) << ran.err;
  EXPECT_EQ(asked().body, R"({"exclude_addresses": ["10.0.0.0/8", "2001:db8::/32"], "exclude_paths": []})");
}

TEST_F(DaemonTest, PagesAreMergedRenamedAndRemoved) {
  server_.answers({{200, R"({"id":"c1","before":1,"after":5})"}});
  const Ran ran = run_command({"pages", "merge", "example.vn", "/a", "/b", "--into", "/c", "--reason", "one article"});
  ASSERT_EQ(ran.code, kDone) << ran.err;
  EXPECT_EQ(asked().line, "POST /v1/admin/sites/example.vn/pages/merge HTTP/1.1");
  EXPECT_EQ(asked().body, R"({"from": ["/a", "/b"], "into": "/c", "reason": "one article"})");
  EXPECT_EQ(ran.out, "merged /a, /b into /c: total 1 -> 5\n  take it back with: footfall undo c1\n");
}

TEST_F(DaemonTest, APageIsRenamed) {
  server_.answers({{200, R"({"id":"c1","before":0,"after":5})"}});
  ASSERT_EQ(run_command({"pages", "rename", "example.vn", "/a", "/b"}).code, kDone);
  EXPECT_EQ(asked().line, "POST /v1/admin/sites/example.vn/pages/rename HTTP/1.1");
  EXPECT_EQ(asked().body, R"({"from": "/a", "to": "/b"})");
}

TEST_F(DaemonTest, ADryRemovalOfAPageChangesNothing) {
  server_.answers({{200, R"({"dry_run":true,"before":5,"after":0})"}});
  const Ran ran = run_command({"pages", "remove", "example.vn", "/a", "--dry-run"});
  ASSERT_EQ(ran.code, kDone) << ran.err;
  EXPECT_EQ(asked().body, R"({"page": "/a", "dry_run": true})");
  EXPECT_EQ(ran.out, "/a would go from 5 to 0\nnothing was changed\n");
}

TEST_F(DaemonTest, PagesNeedASite) {
  EXPECT_EQ(run_command({"pages"}).code, kUsage);
  EXPECT_EQ(run_command({"pages", "merge", "example.vn", "/a"}).code, kUsage);
  EXPECT_EQ(run_command({"pages", "rename", "example.vn", "/a"}).code, kUsage);
}

TEST_F(DaemonTest, TheLogsLevelIsShownOrSet) {
  server_.answers({{200, R"({"level":"debug"})"}});
  const Ran ran = run_command({"log-level", "debug"});
  ASSERT_EQ(ran.code, kDone) << ran.err;
  EXPECT_EQ(asked().line, "PUT /v1/admin/log-level HTTP/1.1");
  EXPECT_EQ(asked().body, R"({"level": "debug"})");
  EXPECT_EQ(ran.out, "debug\n");
  EXPECT_EQ(run_command({"log-level", "loud"}).code, kUsage);
}

TEST_F(DaemonTest, SeedShowsTheTotalBeforeAndAfter) {
  server_.answers({{200, R"({"id":"c2","before":2017,"after":41450743})"}});
  const Ran ran =
      run_command({"seed", "example.vn", "--total", "41450743", "--reason", "carried over", "--id", "my-seed"});
  ASSERT_EQ(ran.code, kDone) << ran.err;
  EXPECT_EQ(asked().line, "POST /v1/admin/sites/example.vn/seed HTTP/1.1");
  EXPECT_EQ(asked().body, R"({"total": 41450743, "reason": "carried over"})");
  EXPECT_NE(asked().head.find("Idempotency-Key: my-seed\r\n"), std::string::npos);
  EXPECT_EQ(ran.out, "seeded example.vn: total 2,017 -> 41,450,743\n  take it back with: footfall undo c2\n");
}

TEST_F(DaemonTest, SeedMayTakeOff) {
  server_.answers({{200, R"({"id":"c2","before":10,"after":5})"}});
  ASSERT_EQ(run_command({"seed", "example.vn", "--add", "-5", "--page", "/p"}).code, kDone);
  EXPECT_EQ(asked().body, R"({"add": -5, "page": "/p"})");
}

TEST_F(DaemonTest, ADryResetHasNoIdAndSaysThatNothingWasChanged) {
  server_.answers({{200, R"({"dry_run":true,"before":2017,"after":0,"online":48})"}});
  const Ran ran = run_command({"reset", "example.vn", "--dry-run"});
  ASSERT_EQ(ran.code, kDone) << ran.err;
  EXPECT_EQ(asked().body, R"({"dry_run": true})");
  EXPECT_EQ(asked().head.find("Idempotency-Key"), std::string::npos);
  EXPECT_EQ(ran.out,
            "a reset of example.vn would take the total from 2,017 to 0; 48 online now\nnothing was changed\n");
}

TEST_F(DaemonTest, RetentionSaysHowLongWhatIsKeptAndWhatChangesIt) {
  const std::string rule = R"("undo_while":"fewer than 10,000 newer changes took something away"})";
  server_.answers({{200, R"({"keep_rankings_days":null,"keep_audit_days":1,"undo_days":30,)" + rule},
                   {200, R"({"keep_rankings_days":400,"keep_audit_days":null,"undo_days":null,)" + rule}});
  const std::string terms =
      ", while fewer than 10,000 newer changes took something away (undo-days)\n"
      "change an option where the daemon's are set, and have it read again: footfall reload\n";
  EXPECT_EQ(run_command({"retention"}).out,
            "rankings of days: kept for ever (keep-rankings)\naudit log: kept for 1 day (keep-audit)\n"
            "what a reset or a removal took away: comes back for 30 days" +
                terms);
  EXPECT_EQ(asked().line, "GET /v1/admin/retention HTTP/1.1");
  EXPECT_EQ(run_command({"retention"}).out,
            "rankings of days: kept for 400 days (keep-rankings)\naudit log: kept for ever (keep-audit)\n"
            "what a reset or a removal took away: comes back at any time" +
                terms);
}

TEST_F(DaemonTest, WhatTakesSomethingAwaySaysUntilWhenItComesBack) {
  const std::string rule = R"("undo_while":"fewer than 10,000 newer changes took something away")";
  const std::string until = R"("undo_until":"2026-12-30T10:00:00Z",)" + rule;
  server_.answers({{200, R"({"id":"c2","before":7,"after":0,)" + until + "}"},
                   {200, R"({"id":"c2","before":7,"after":0,"undo_until":null,)" + rule + "}"},
                   {200, R"({"dry_run":true,"before":7,"after":0,"online":4,)" + until + "}"},
                   {200, R"({"dry_run":true,"before":{},"after":null,)" + until + "}"},
                   {200, R"({"dry_run":true,"before":7,"after":0,)" + until + "}"}});
  const std::string terms = "until 2026-12-30T10:00:00Z, while fewer than 10,000 newer changes took something away\n";
  EXPECT_EQ(run_command({"reset", "example.vn"}).out,
            "reset example.vn: total 7 -> 0\n  take it back with: footfall undo c2\n  " + terms);
  EXPECT_EQ(run_command({"reset", "example.vn"}).out,
            "reset example.vn: total 7 -> 0\n  take it back with: footfall undo c2\n"
            "  while fewer than 10,000 newer changes took something away\n");
  const std::string dry = "undo would bring it back " + terms + "nothing was changed\n";
  EXPECT_EQ(run_command({"reset", "example.vn", "--dry-run"}).out,
            "a reset of example.vn would take the total from 7 to 0; 4 online now\n" + dry);
  EXPECT_EQ(run_command({"site", "remove", "example.vn", "--dry-run"}).out,
            "would be done: removed example.vn\n" + dry);
  EXPECT_EQ(run_command({"pages", "remove", "example.vn", "/a", "--dry-run"}).out, "/a would go from 7 to 0\n" + dry);
}

TEST_F(DaemonTest, UndoNamesTheChange) {
  server_.answers({{200, R"({"id":"c3","before":0,"after":2017,"repeated":true})"}});
  const Ran ran = run_command({"undo", "c2"});
  EXPECT_EQ(asked().line, "POST /v1/admin/changes/c2/undo HTTP/1.1");
  EXPECT_EQ(ran.out,
            "undone: c2: total 0 -> 2,017 (done already, under this id)\n"
            "  an undo cannot be taken back: make the change anew instead (footfall audit shows what it was)\n");
}

TEST_F(DaemonTest, SitesAreListedAsATable) {
  server_.answers(
      {{200, R"({"sites":[{"name":"example.vn","timezone":"UTC","visibility":"full","hosts":["a","b"]}]})"}});
  EXPECT_EQ(run_command({"site", "list"}).out,
            "site        time zone  visibility  hosts\nexample.vn  UTC        full        a, b\n");
}

TEST_F(DaemonTest, StatsOfASiteAndOfAPage) {
  const std::string stats =
      R"({"site":"example.vn","path":null,"total":41450791,"counted":2017,"seed":41448774,"online":48,"window_s":300,)"
      R"("as_of":"2026-11-23T10:00:00.123+07:00","peak":{"online":402,"at":"2026-11-20T09:00:00+07:00"},)"
      R"("today":{"hits":1204,"visitors":881,"bots":97}})";
  server_.answers({{200, stats}});
  const Ran ran = run_command({"stats", "example.vn"});
  ASSERT_EQ(ran.code, kDone) << ran.err;
  EXPECT_EQ(ran.out,
            "example.vn, 2026-11-23T10:00:00.123+07:00\n\n"
            "  total   41,450,791  counted 2,017, seed +41,448,774\n"
            "  online          48  in the last 300 s\n"
            "  peak           402  2026-11-20T09:00:00+07:00\n\n"
            "  today  1,204 hits  881 visitors  97 bots\n");
}

TEST_F(DaemonTest, JsonIsTheDaemonsOwnAnswer) {
  server_.answers({{200, R"({"a":1})"}});
  EXPECT_EQ(run_command({"stats", "example.vn", "--path", "/a b", "--json"}).out, "{\"a\":1}\n");
  EXPECT_EQ(asked().line, "GET /v1/sites/example.vn/stats?path=%2Fa%20b HTTP/1.1");
}

TEST_F(DaemonTest, PagesEndWithTheRest) {
  server_.answers({{200, R"({"pages":[{"path":"/\u001b[31m","total":12,"counted":10,"online":1}],"rest":3})"}});
  EXPECT_EQ(run_command({"pages", "example.vn", "--sort", "online", "--limit", "1"}).out,
            "total  online  page\n   12       1  /\\x1b[31m\n    3          all other pages\n");
  EXPECT_EQ(asked().line, "GET /v1/sites/example.vn/pages?sort=online&limit=1 HTTP/1.1");
}

TEST_F(DaemonTest, TheAuditIsATable) {
  server_.answers(
      {{200,
        R"({"audit":[{"id":"c1","at":"2026-11-23T03:00:00.000+00:00","actor":"admin","action":"seeded","site":"example.vn","reason":"why","before":"1","after":"2"}]})"}});
  const Ran ran = run_command({"audit", "--limit", "5"});
  EXPECT_EQ(asked().line, "GET /v1/admin/audit?limit=5 HTTP/1.1");
  EXPECT_NE(ran.out.find("seeded  example.vn  1 -> 2           admin  c1  why"), std::string::npos) << ran.out;
}

// --- errors ---

TEST_F(DaemonTest, TheDaemonsOwnWordsAreShown) {
  server_.answers({{409, R"({"type":"conflict","title":"Conflict","detail":"the name is taken"})"}});
  const Ran ran = run_command({"site", "add", "example.vn"});
  EXPECT_EQ(ran.code, kFailed);
  EXPECT_EQ(ran.err, "footfall: the name is taken\n");
  EXPECT_EQ(ran.out, "");
}

TEST_F(DaemonTest, AWrongTokenNamesItsFile) {
  server_.answers({{401, R"({"detail":"this token is not known here"})"}});
  const Ran ran = run_command({"undo", "c1"});
  EXPECT_EQ(ran.code, kFailed);
  EXPECT_NE(ran.err.find(server_.token_file()), std::string::npos) << ran.err;
  EXPECT_EQ(ran.err.find("secret-token"), std::string::npos);
}

TEST_F(DaemonTest, AReadThatIsRefusedWithoutATokenSaysWhyThereWasNone) {
  server_.answers({{401, R"({"detail":"this site is private"})"}});
  setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
  const Ran ran = footfall({"stats", "example.vn", "--url", server_.url()});
  unsetenv("XDG_CONFIG_HOME");
  EXPECT_EQ(ran.code, kFailed);
  EXPECT_NE(ran.err.find("this site is private\n  Sent without a token: "), std::string::npos) << ran.err;
}

TEST_F(DaemonTest, AnotherProgramAtTheAddressIsNoticed) {
  server_.answers({{404, "<html>"}});
  EXPECT_NE(run_command({"site", "list"}).err.find("is that footfalld?"), std::string::npos);
}

TEST_F(DaemonTest, ADaemonThatIsNotThereIsNamedWithHowToStartIt) {
  std::string url;
  {
    const ScriptedServer gone;
    url = gone.url();
  }
  const Ran ran = footfall({"stats", "example.vn", "--url", url});
  EXPECT_EQ(ran.code, kFailed);
  EXPECT_NE(ran.err.find("cannot reach " + url), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("footfalld --data-dir"), std::string::npos);
  EXPECT_NE(ran.err.find("FOOTFALL_URL"), std::string::npos);
}

TEST(UrlTest, EncodesWhatMayNotStandInAQuery) {
  EXPECT_EQ(url_encoded("/a b&c=\xff~"), "%2Fa%20b%26c%3D%FF~");
}

}  // namespace
}  // namespace footfall::cli
