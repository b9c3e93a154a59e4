// SPDX-License-Identifier: Apache-2.0
// footfall restore --from-redis, against a server that answers as a daemon does.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "cli/snapshot.h"
#include "command_line.h"
#include "scripted_server.h"

namespace footfall::cli {
namespace {

const std::string kLong = std::string(200, 'a') + ".example";

// A daemon with snapshots of three sites, that makes each change once by its id.
class RestoreTest : public ::testing::Test {
 protected:
  RestoreTest() {
    server_.answers_by([this](const ScriptedServer::Request& request) { return answer(request); });
  }
  Ran restore(std::vector<std::string> more) {
    std::vector<std::string> words{"restore",     "--from-redis", "--admin",
                                   server_.url(), "--token-file", server_.token_file()};
    words.insert(words.end(), more.begin(), more.end());
    return footfall(words);
  }

  std::set<std::string> failing_;                // sites
  std::map<std::string, std::string> restored_;  // change id -> site
  std::map<std::string, int> times_;             // site -> epochs that began
  std::vector<std::string> asked_;               // sites, as they came
  ScriptedServer server_;

 private:
  ScriptedServer::Answer answer(const ScriptedServer::Request& request) {
    if (request.line.starts_with("GET /v1/admin/snapshots")) {
      std::string body;
      for (const std::string& site : {std::string("a.example"), std::string("b.example"), kLong}) {
        for (const char* id : {"new", "old"}) {
          body += std::string(body.empty() ? "" : ",") + R"({"site":")" + site + R"(","id":")" + id +
                  R"(","taken":"2026-11-29T00:00:00Z"})";
        }
      }
      return {200, R"({"snapshots":[)" + body + "]}"};
    }
    const std::size_t from = request.line.find("sites/") + 6;
    const std::string site = request.line.substr(from, request.line.find("/restore") - from);
    asked_.push_back(site);
    if (request.body.find("dry_run") != std::string::npos) return {200, R"({"before":1,"after":2,"pages":3})"};
    if (failing_.contains(site)) return {503, R"({"title":"unavailable","detail":"the disk is full"})"};
    const std::size_t at = request.head.find("Idempotency-Key: ");
    EXPECT_NE(at, std::string::npos);
    const std::string id = request.head.substr(at + 17, request.head.find("\r\n", at) - at - 17);
    EXPECT_LE(id.size(), 64U);
    const auto [known, fresh] = restored_.emplace(id, site);
    if (!fresh && known->second != site) return {409, R"({"title":"conflict","detail":"used for another change"})"};
    if (fresh) ++times_[site];
    return {200, R"({"id":")" + id + R"(","before":1,"after":2)" + (fresh ? "}" : R"(,"repeated":true})")};
  }
};

TEST_F(RestoreTest, AllSitesUnderOneIdAreRestoredOnceHoweverOftenItIsSent) {
  failing_ = {"b.example"};
  const Ran first = restore({"--id", "back-1"});
  EXPECT_EQ(first.code, kFailed);
  EXPECT_NE(first.err.find("--id back-1"), std::string::npos) << first.err;
  EXPECT_EQ(times_, (std::map<std::string, int>{{"a.example", 1}, {kLong, 1}}));
  failing_.clear();
  for (int i = 0; i < 2; ++i) {
    const Ran again = restore({"--id", "back-1"});
    EXPECT_EQ(again.code, kDone) << again.err;
    EXPECT_NE(again.out.find("done already"), std::string::npos) << again.out;
    EXPECT_EQ(times_, (std::map<std::string, int>{{"a.example", 1}, {"b.example", 1}, {kLong, 1}}));
  }
  EXPECT_EQ(restored_.at("back-1.a.example"), "a.example");
  EXPECT_EQ(restore({"--id", "back-2"}).code, kDone);
  EXPECT_EQ(times_["a.example"], 2) << "another id is another restore";
}

TEST_F(RestoreTest, WithoutAnIdTheOneThatWasDrawnIsToldWhereSomethingFailed) {
  failing_ = {kLong};
  const Ran first = restore({});
  EXPECT_EQ(first.code, kFailed);
  const std::size_t at = first.err.find("--id ");
  ASSERT_NE(at, std::string::npos) << first.err;
  const std::string id = first.err.substr(at + 5, first.err.find(' ', at + 5) - at - 5);
  failing_.clear();
  EXPECT_EQ(restore({"--id", id}).code, kDone);
  EXPECT_EQ(times_, (std::map<std::string, int>{{"a.example", 1}, {"b.example", 1}, {kLong, 1}}));
}

TEST_F(RestoreTest, ASiteAloneIsRestoredUnderTheIdItself) {
  EXPECT_EQ(restore({"--site", "a.example", "--id", "back-1"}).code, kDone);
  EXPECT_EQ(restored_, (std::map<std::string, std::string>{{"back-1", "a.example"}}));
}

TEST_F(RestoreTest, ADryRunOfAllChangesNothingAndHasNoId) {
  const Ran ran = restore({"--dry-run"});
  EXPECT_EQ(ran.code, kDone) << ran.err;
  EXPECT_EQ(ran.err.find("--id"), std::string::npos);
  EXPECT_TRUE(restored_.empty());
  EXPECT_EQ(asked_.size(), 3U);
}

TEST_F(RestoreTest, AnIdThatLeavesNoRoomForTheSitesIsRefused) {
  const Ran ran = restore({"--id", std::string(48, 'x')});
  EXPECT_EQ(ran.code, kUsage);
  EXPECT_NE(ran.err.find("47"), std::string::npos) << ran.err;
  EXPECT_TRUE(asked_.empty());
}

TEST(ChangeIdOfSiteTest, IsTheSameEachTimeAndAnotherForEachSite) {
  EXPECT_EQ(change_id_of_site("back-1", "example.vn"), "back-1.example.vn");
  const std::string id(kAllSitesIdMax, 'x');
  std::set<std::string> ids;
  for (int n = 0; n < 1000; ++n) {
    const std::string site = std::string(40, 'a') + std::to_string(n) + ".example";
    ids.insert(change_id_of_site(id, site));
    EXPECT_EQ(change_id_of_site(id, site), change_id_of_site(id, site));
    EXPECT_LE(change_id_of_site(id, site).size(), 64U);
  }
  EXPECT_EQ(ids.size(), 1000U);
  EXPECT_EQ(change_id_of_site("i", kLong), "i.8304ff07775db48b");
}

}  // namespace
}  // namespace footfall::cli
