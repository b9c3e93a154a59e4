// SPDX-License-Identifier: Apache-2.0
#include "ingest/batch.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace footfall::ingest {
namespace {

class BatchTest : public ::testing::Test {
 public:
  // The body lies in memory that ends with it, so that a sanitizer sees a byte too many.
  void parse(const std::string& body) {
    const auto exact = std::make_unique<char[]>(body.size());
    std::copy(body.begin(), body.end(), exact.get());
    parse_ndjson(
        {exact.get(), body.size()}, arena_,
        [this](std::size_t index, const Item& item) { items_.emplace_back(index, item); },
        [this](std::size_t index, std::string_view reason) { bad_.emplace_back(index, reason); });
  }
  const Item& only() {
    EXPECT_EQ(items_.size(), 1U);
    EXPECT_TRUE(bad_.empty()) << bad_.front().second;
    static const Item none;
    return items_.empty() ? none : items_.front().second;
  }
  std::int64_t time_of(const std::string& json) {
    items_.clear();
    bad_.clear();
    parse("{\"site\":\"s\",\"time\":" + json + "}");
    return items_.empty() ? INT64_MIN : items_.front().second.at_s;
  }
  Arena arena_;
  std::vector<std::pair<std::size_t, Item>> items_;
  std::vector<std::pair<std::size_t, std::string>> bad_;
};

TEST_F(BatchTest, ReadsAllKeysOfAnItem) {
  parse(
      R"({"site":"example.vn","path":"/p?utm_campaign=x","ref":"https://n.example/a?b","kind":"event","name":"buy","time":1448323200,)"
      R"("address":"2001:db8::1","agent":"Mozilla/5.0 \"x\"","visitor":"42"})");
  const Item& item = only();
  EXPECT_EQ(item.ping.site, "example.vn");
  EXPECT_EQ(item.ping.path, "/p");
  EXPECT_EQ(item.ping.campaign, "x");
  EXPECT_EQ(item.ping.referrer, "https://n.example/a");
  EXPECT_EQ(item.ping.kind, counting::Kind::event);
  EXPECT_EQ(item.ping.event, "buy");
  EXPECT_EQ(item.at_s, 1'448'323'200);
  EXPECT_TRUE(item.has_address);
  EXPECT_EQ(item.address.bytes[0], 0x20);
  EXPECT_EQ(item.agent, "Mozilla/5.0 \"x\"");
  EXPECT_EQ(item.visitor, "42");
}

TEST_F(BatchTest, WhatIsAbsentIsToldFromWhatIsSent) {
  parse(R"({"site":"s"})");
  const Item& item = only();
  EXPECT_EQ(item.at_s, INT64_MIN);
  EXPECT_FALSE(item.has_address);
  EXPECT_EQ(item.agent, "");
  EXPECT_EQ(item.visitor, "");
  EXPECT_EQ(item.ping.path, "");
}

TEST_F(BatchTest, TimesAreSecondsOrRfc3339) {
  EXPECT_EQ(time_of("1448323200"), 1'448'323'200);
  EXPECT_EQ(time_of("1448323200.9"), 1'448'323'200);
  EXPECT_EQ(time_of("\"1448323200\""), 1'448'323'200);
  EXPECT_EQ(time_of("\"2015-11-24T07:00:00+07:00\""), 1'448'323'200);
  EXPECT_EQ(time_of("-1"), -1);
  EXPECT_EQ(time_of("-0.5"), -1);
  EXPECT_EQ(time_of("-1.0"), -1);
  EXPECT_EQ(time_of("null"), INT64_MIN);
  EXPECT_EQ(items_.size(), 1U);
}

TEST_F(BatchTest, TimesThatAreNoneAreRefused) {
  for (const char* json : {"\"yesterday\"", "1e9", "99999999999999", "-99999999999999", "99999999999999999999",
                           "\"1448323200x\"", "\"1.\"", "true", "\"2015-11-24\""}) {
    time_of(json);
    ASSERT_EQ(bad_.size(), 1U) << json;
    EXPECT_NE(bad_[0].second.find(std::string(json) == "99999999999999999999" ? "" : "time"), std::string::npos)
        << bad_[0].second;
  }
}

TEST_F(BatchTest, BadLinesAreToldByIndexAndDoNotStopTheOthers) {
  parse(
      "{\"site\":\"a\"}\n\n  "
      "\r\nnonsense\n{\"site\":\"b\"}\r\n{\"path\":\"/p\"}\n{\"site\":\"c\",\"address\":\"x\"}\n{\"site\":\"d\"} "
      "{}\n{\"site\":\"e\"}");
  ASSERT_EQ(items_.size(), 3U);
  EXPECT_EQ(items_[0].first, 0U);
  EXPECT_EQ(items_[0].second.ping.site, "a");
  EXPECT_EQ(items_[1].first, 2U);
  EXPECT_EQ(items_[1].second.ping.site, "b");
  EXPECT_EQ(items_[2].first, 6U);
  EXPECT_EQ(items_[2].second.ping.site, "e");
  ASSERT_EQ(bad_.size(), 4U);
  EXPECT_EQ(bad_[0].first, 1U);
  EXPECT_EQ(bad_[1].first, 3U);
  EXPECT_NE(bad_[1].second.find("site"), std::string::npos);
  EXPECT_EQ(bad_[2].first, 4U);
  EXPECT_NE(bad_[2].second.find("address"), std::string::npos);
  EXPECT_EQ(bad_[3].first, 5U);
}

TEST_F(BatchTest, ALineIsNotContinuedByTheNext) {
  parse("{\"site\":\n\"a\"}\n{\"site\":\"a\nb\"}\n{\"site\":\"c\"");
  EXPECT_TRUE(items_.empty());
  EXPECT_EQ(bad_.size(), 5U);
}

TEST_F(BatchTest, AnEmptyBodyHasNoItems) {
  parse("");
  parse("\n\n");
  EXPECT_TRUE(items_.empty());
  EXPECT_TRUE(bad_.empty());
}

TEST_F(BatchTest, AnOverlongLineIsRefusedAlone) {
  parse("{\"site\":\"a\",\"x\":\"" + std::string(kBatchLineMax, 'x') + "\"}\n{\"site\":\"b\"}");
  ASSERT_EQ(items_.size(), 1U);
  EXPECT_EQ(items_[0].second.ping.site, "b");
  ASSERT_EQ(bad_.size(), 1U);
}

TEST_F(BatchTest, ItemsOutliveTheParsing) {
  std::string body;
  for (int i = 0; i < 5000; ++i)
    body += "{\"site\":\"s" + std::to_string(i) + "\",\"path\":\"/p" + std::to_string(i) + "\",\"agent\":\"a" +
            std::to_string(i) + "\"}\n";
  parse(body);
  ASSERT_EQ(items_.size(), 5000U);
  for (std::size_t i = 0; i < items_.size(); ++i) {
    ASSERT_EQ(items_[i].first, i);
    ASSERT_EQ(items_[i].second.ping.site, "s" + std::to_string(i));
    ASSERT_EQ(items_[i].second.ping.path, "/p" + std::to_string(i));
    ASSERT_EQ(items_[i].second.agent, "a" + std::to_string(i));
  }
}

}  // namespace
}  // namespace footfall::ingest
