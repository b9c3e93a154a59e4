// SPDX-License-Identifier: Apache-2.0
// What an import sends: items, positions, and where it goes on.
#include "cli/import.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "cli/json_read.h"
#include "command_line.h"
#include "scripted_server.h"

namespace footfall::cli {
namespace {

const std::string kSample = FOOTFALL_TEST_LOGS "/combined.log";

std::string item(const logs::Line& line) {
  std::string out;
  append_item(out, "example.vn", line);
  return out;
}

TEST(ImportItemTest, AnAddressAndItsAgentAreSentAsTheyStand) {
  logs::Line line;
  line.time_s = 1431849932;
  line.client = "192.0.2.1";
  line.target = "/a?utm_campaign=x";
  line.referrer = "https://example.org/";
  line.agent = "a \\\"b\\\"";
  EXPECT_EQ(item(line),
            R"({"site":"example.vn","time":1431849932,"path":"/a?utm_campaign=x","ref":"https://example.org/",)"
            R"("address":"192.0.2.1","agent":"a \\\"b\\\""})"
            "\n");
  line.client = "2001:db8::1";
  EXPECT_NE(item(line).find(R"("address":"2001:db8::1")"), std::string::npos);
}

TEST(ImportItemTest, DashesAreLeftOutAndAHostNameIsAVisitor) {
  logs::Line line;
  line.client = "alpha.example";
  line.target = "/\xff";
  line.referrer = "-";
  line.agent = "-";
  EXPECT_EQ(item(line), "{\"site\":\"example.vn\",\"time\":0,\"path\":\"/\u00ff\",\"visitor\":\"alpha.example -\"}\n");
}

TEST(ImportItemTest, ASourceIsTheFilesOwnNameAndAHashOfItsFirstLine) {
  const std::string source = source_of("/var/log/nginx/access.log", "the first line");
  EXPECT_EQ(source.substr(0, 11), "access.log-");
  EXPECT_EQ(source.size(), 11U + 16U);
  EXPECT_EQ(source_of("access.log", "the first line"), source);
  EXPECT_NE(source_of("access.log", "another first line"), source);
}

class ImportTest : public testing::Test {
 protected:
  Ran import(std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"import",      kSample,   "--site",      "example.vn",   "--url",
                                      server_.url(), "--admin", server_.url(), "--token-file", server_.token_file(),
                                      "--json"};
    words.insert(words.end(), more.begin(), more.end());
    return footfall(words);
  }
  static std::string source() {
    std::ifstream file(kSample);
    std::string first_line;
    std::getline(file, first_line);
    return source_of(kSample, first_line);
  }
  ScriptedServer server_;
};

TEST_F(ImportTest, BeginsSendsAndEnds) {
  server_.answers({{201, R"({"position":0,"open":true})"},
                   {200, R"({"accepted":6,"rejected":[],"rejected_total":0,"position":11})"},
                   {200, "{}"}});
  const Ran ran = import();
  ASSERT_EQ(ran.code, kDone) << ran.err;
  const auto requests = server_.requests();
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_EQ(requests[0].line, "POST /v1/admin/imports HTTP/1.1");
  EXPECT_EQ(requests[0].body, R"({"site": "example.vn", "source": ")" + source() + R"("})");
  EXPECT_EQ(requests[1].line, "POST /v1/hits?source=" + source() + "&position=11 HTTP/1.1");
  EXPECT_EQ(std::count(requests[1].body.begin(), requests[1].body.end(), '\n'), 6);
  EXPECT_EQ(
      requests[1].body.substr(0, requests[1].body.find('\n')),
      R"_({"site":"example.vn","time":1431849932,"path":"/","address":"192.0.2.1","agent":"Mozilla/5.0 (X11; Linux x86_64)"})_");
  EXPECT_EQ(requests[2].line, "DELETE /v1/admin/imports?site=example.vn&source=" + source() + " HTTP/1.1");
  for (const auto& request : requests)
    EXPECT_NE(request.head.find("Authorization: Bearer secret-token"), std::string::npos);
  JsonDocument document;
  ASSERT_TRUE(document.parse(ran.out));
  EXPECT_EQ(document.root().number("accepted"), 6U);
  EXPECT_EQ(document.root().number("sent"), 6U);
  EXPECT_EQ(document.root().number("lines"), 11U);
  EXPECT_EQ(document.root().number("unparseable_lines"), 2U);
}

TEST_F(ImportTest, GoesOnBehindTheLineThatTheDaemonKnows) {
  server_.answers({{200, R"({"position":5,"open":true})"}, {200, R"({"accepted":2,"rejected_total":0})"}, {200, "{}"}});
  const Ran ran = import({"--source", "one name"});
  ASSERT_EQ(ran.code, kDone) << ran.err;
  const auto requests = server_.requests();
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_EQ(requests[1].line, "POST /v1/hits?source=one%20name&position=11 HTTP/1.1");
  EXPECT_EQ(std::count(requests[1].body.begin(), requests[1].body.end(), '\n'), 2);
  EXPECT_NE(requests[1].body.find("quotes"), std::string::npos);
}

TEST_F(ImportTest, NothingIsSentTwiceWhenAllWasImported) {
  server_.answers({{201, R"({"position":11,"open":true})"}, {200, "{}"}});
  EXPECT_EQ(import().code, kDone);
  EXPECT_EQ(server_.requests().size(), 2U);
}

TEST_F(ImportTest, ABusyDaemonIsAskedAgain) {
  server_.answers({{201, R"({"position":0,"open":true})"},
                   {503, R"({"detail":"overload"})", "Retry-After: 1\r\n"},
                   {200, R"({"accepted":6,"rejected_total":0})"},
                   {200, "{}"}});
  const Ran ran = import();
  ASSERT_EQ(ran.code, kDone) << ran.err;
  EXPECT_NE(ran.err.find("overload; trying again in 1 s"), std::string::npos) << ran.err;
  const auto requests = server_.requests();
  ASSERT_EQ(requests.size(), 4U);
  EXPECT_EQ(requests[1].body, requests[2].body);
}

TEST_F(ImportTest, ARefusalEndsItAndSaysThatItCanGoOn) {
  server_.answers(
      {{201, R"({"position":0,"open":true})"}, {403, R"({"detail":"this needs a token of scope ingest"})"}});
  const Ran ran = import();
  EXPECT_EQ(ran.code, kFailed);
  EXPECT_NE(ran.err.find("scope ingest"), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("goes on where it was cut off"), std::string::npos) << ran.err;
  EXPECT_EQ(server_.requests().size(), 2U);  // the import stays open
}

TEST_F(ImportTest, CrawlersAndReasonsAreTold) {
  server_.answers({{201, R"({"position":0,"open":true})"},
                   {200, R"({"accepted":3,"bots":2,"rejected_total":3,)"
                         R"("rejected":[{"index":1,"reason":"time"},{"index":2,"reason":"time"}]})"},
                   {200, "{}"}});
  const Ran ran = import();
  ASSERT_EQ(ran.code, kDone) << ran.err;
  JsonDocument document;
  ASSERT_TRUE(document.parse(ran.out));
  EXPECT_EQ(document.root().number("bots"), 2U);
  EXPECT_EQ(document.root()["reasons"].number("time"), 2U);
  EXPECT_EQ(document.root()["reasons"].number("other reasons"), 1U);
}

TEST_F(ImportTest, AnImportOfWhichNothingCountsFailed) {
  server_.answers({{201, R"({"position":0,"open":true})"},
                   {200, R"({"accepted":0,"rejected_total":6,"rejected":[{"index":0,"reason":"unknown_site"}]})"},
                   {200, "{}"}});
  const Ran ran = import();
  EXPECT_EQ(ran.code, kFailed);
  EXPECT_NE(ran.err.find("every hit was rejected"), std::string::npos) << ran.err;
}

}  // namespace
}  // namespace footfall::cli
