// SPDX-License-Identifier: Apache-2.0
#include "api/live.h"

#include <functional>
#include <set>

#include "unit/api/site_fixture.h"

namespace footfall::api {
namespace {

// A loop whose readers are played by the test.
class FakeSink final : public StreamSink {
 public:
  struct Reader {
    std::string head;
    std::vector<std::string> received;
    bool slow = false;  // takes one more push, which then stays unsent
    bool unsent = false;
    bool closed = false;
  };

  void start_stream(http::ConnectionRef connection, std::string_view head) override {
    readers[connection.index].head = head;
  }
  bool push(http::ConnectionRef connection, std::string_view bytes) override {
    Reader& reader = readers[connection.index];
    if (reader.unsent) return false;
    if (dies_on_push.contains(connection.index)) {
      hub->on_close(connection);
      return false;
    }
    reader.received.emplace_back(bytes);
    reader.unsent = reader.slow;
    return true;
  }
  bool drained(http::ConnectionRef connection) const override { return !readers.at(connection.index).unsent; }
  void close(http::ConnectionRef connection) override {
    readers[connection.index].closed = true;
    hub->on_close(connection);  // as a loop may do at once
  }

  std::map<std::uint32_t, Reader> readers;
  std::set<std::uint32_t> dies_on_push;
  LiveHub* hub = nullptr;
};

class LiveTest : public SiteFixture {
 protected:
  LiveTest() : site_(add_site(settings("example.vn", sites::Visibility::full))), hub_(sink_, limits()) {
    sink_.hub = &hub_;
  }
  static LiveLimits limits() {
    LiveLimits limits;
    limits.subscribers_max = 5;
    return limits;
  }
  base::Result<void> subscribe(std::uint32_t reader, std::string_view path = "",
                               std::string_view fields = "total,online", std::string_view token = "") {
    return hub_.subscribe({reader, 7}, context("example.vn", token, now_ms_), path, fields);
  }
  void tick(int seconds = 1) {
    for (; seconds > 0; --seconds) hub_.tick(now_ms_ += 1000);
  }
  void hit(std::uint64_t visitor, std::string_view path = "/") { visit(site_, path, visitor, now_ms_ / 1000); }
  std::vector<std::string>& received(std::uint32_t reader) { return sink_.readers[reader].received; }

  sites::Site& site_;
  FakeSink sink_;
  LiveHub hub_;
  std::int64_t now_ms_ = kNowMs;
};

TEST_F(LiveTest, ANewcomerGetsTheHeadAndThePresent) {
  hit(1);
  ASSERT_TRUE(subscribe(1));
  const std::string& head = sink_.readers[1].head;
  EXPECT_TRUE(head.starts_with("HTTP/1.1 200 ")) << head;
  for (const std::string_view field : {"Content-Type: text/event-stream", "Cache-Control: no-store",
                                       "X-Accel-Buffering: no", "Access-Control-Allow-Origin: *"}) {
    EXPECT_NE(head.find("\r\n" + std::string(field) + "\r\n"), std::string::npos) << field;
  }
  EXPECT_EQ(head.find("Content-Length"), std::string::npos);
  const std::string body = head.substr(head.find("\r\n\r\n") + 4);
  EXPECT_TRUE(body.starts_with("retry: "));
  EXPECT_TRUE(body.ends_with("\ndata: {\"total\":1,\"online\":1}\n\n")) << body;
}

TEST_F(LiveTest, ReconnectionIsSpreadOut) {
  std::set<std::string> retries;
  for (std::uint32_t reader = 0; reader < 5; ++reader) {
    ASSERT_TRUE(subscribe(reader));
    const std::string& head = sink_.readers[reader].head;
    const std::size_t at = head.find("retry: ") + 7;
    const std::string retry = head.substr(at, head.find('\n', at) - at);
    EXPECT_GE(std::stoi(retry), 2000);
    EXPECT_LE(std::stoi(retry), 6000);
    retries.insert(retry);
  }
  EXPECT_GT(retries.size(), 1U);  // five equal draws of 4,001: less than once in 10^14
}

TEST_F(LiveTest, ChangesGoToAllAndOnlyChanges) {
  ASSERT_TRUE(subscribe(1));
  ASSERT_TRUE(subscribe(2));
  EXPECT_EQ(hub_.topics(), 1U);
  tick();
  EXPECT_TRUE(received(1).empty());
  hit(1);
  tick();
  hit(1);
  tick(2);
  for (const std::uint32_t reader : {1U, 2U}) {
    EXPECT_EQ(received(reader), (std::vector<std::string>{"data: {\"total\":1,\"online\":1}\n\n",
                                                          "data: {\"total\":2,\"online\":1}\n\n"}));
  }
}

TEST_F(LiveTest, PassingTimeAloneIsNoChange) {
  ASSERT_TRUE(subscribe(1, "", ""));
  EXPECT_NE(sink_.readers[1].head.find("\"as_of\""), std::string::npos);
  tick(10);
  EXPECT_TRUE(received(1).empty());
}

TEST_F(LiveTest, AVisitorWhoLeavesIsAChange) {
  hit(1);
  ASSERT_TRUE(subscribe(1));
  tick(299);
  EXPECT_EQ(received(1), std::vector<std::string>(19, ":\n\n"));
  tick();
  EXPECT_EQ(received(1).back(), "data: {\"total\":1,\"online\":0}\n\n");
}

TEST_F(LiveTest, ALatecomerDoesNotTakeTheChangeFromTheOthers) {
  ASSERT_TRUE(subscribe(1));
  hit(1);
  ASSERT_TRUE(subscribe(2));
  tick();
  EXPECT_EQ(received(1), std::vector<std::string>{"data: {\"total\":1,\"online\":1}\n\n"});
  EXPECT_TRUE(received(2).empty());
}

TEST_F(LiveTest, TopicsAreBySitePathAndFields) {
  ASSERT_TRUE(subscribe(1, "/p", "page"));
  ASSERT_TRUE(subscribe(2, "", "total"));
  ASSERT_TRUE(subscribe(3, "/q", "page"));
  EXPECT_EQ(hub_.topics(), 3U);
  hit(1, "/p");
  tick();
  EXPECT_EQ(received(1), std::vector<std::string>{"data: {\"page\":{\"path\":\"/p\",\"total\":1,\"online\":1}}\n\n"});
  EXPECT_EQ(received(2), std::vector<std::string>{"data: {\"total\":1}\n\n"});
  EXPECT_TRUE(received(3).empty());
}

TEST_F(LiveTest, SilenceIsBrokenByACommentEachFifteenSeconds) {
  ASSERT_TRUE(subscribe(1));
  tick(14);
  EXPECT_TRUE(received(1).empty());
  tick();
  EXPECT_EQ(received(1), std::vector<std::string>{":\n\n"});
  tick(15);
  EXPECT_EQ(received(1).size(), 2U);
}

TEST_F(LiveTest, AReaderWhoIsBehindGetsTheNewestOnly) {
  ASSERT_TRUE(subscribe(1));
  sink_.readers[1].slow = true;
  for (std::uint64_t visitor = 0; visitor < 4; ++visitor) {
    hit(visitor);
    tick();
  }
  EXPECT_EQ(received(1), std::vector<std::string>{"data: {\"total\":1,\"online\":1}\n\n"});
  sink_.readers[1].unsent = false;
  tick();
  EXPECT_EQ(received(1).back(), "data: {\"total\":4,\"online\":4}\n\n");
  EXPECT_EQ(received(1).size(), 2U);
}

TEST_F(LiveTest, WhoTakesNothingForTenSecondsIsCut) {
  ASSERT_TRUE(subscribe(1));
  ASSERT_TRUE(subscribe(2));
  sink_.readers[1].slow = true;
  hit(1);
  tick(10);
  EXPECT_FALSE(sink_.readers[1].closed);
  tick();
  EXPECT_TRUE(sink_.readers[1].closed);
  EXPECT_FALSE(sink_.readers[2].closed);
  EXPECT_EQ(hub_.subscribers(), 1U);
  EXPECT_EQ(hub_.counters().evicted.get(), 1U);
}

TEST_F(LiveTest, WhoCatchesUpInTimeStays) {
  ASSERT_TRUE(subscribe(1));
  sink_.readers[1].slow = true;
  hit(1);
  tick(9);
  sink_.readers[1].unsent = false;
  tick();
  hit(2);
  tick(9);
  EXPECT_FALSE(sink_.readers[1].closed);
}

TEST_F(LiveTest, ClosedConnectionsLeaveNothing) {
  ASSERT_TRUE(subscribe(1));
  ASSERT_TRUE(subscribe(2, "/p"));
  hub_.on_close({1, 7});
  hub_.on_close({1, 7});
  hub_.on_close({2, 6});  // an older connection of that place
  EXPECT_EQ(hub_.subscribers(), 1U);
  EXPECT_EQ(hub_.topics(), 1U);
  hub_.on_close({2, 7});
  EXPECT_EQ(hub_.topics(), 0U);
  EXPECT_EQ(hub_.counters().subscribers.get(), 0U);
  tick();
}

TEST_F(LiveTest, AConnectionThatDiesWhileItIsPushedToIsForgotten) {
  for (const std::uint32_t reader : {1U, 2U, 3U}) ASSERT_TRUE(subscribe(reader));
  sink_.dies_on_push = {1, 2};
  hit(1);
  tick();
  EXPECT_EQ(hub_.subscribers(), 1U);
  EXPECT_EQ(received(3).size(), 1U);
  sink_.dies_on_push = {3};
  hit(2);
  tick(2);
  EXPECT_EQ(hub_.topics(), 0U);
}

TEST_F(LiveTest, ThereIsABound) {
  for (std::uint32_t reader = 0; reader < 5; ++reader) ASSERT_TRUE(subscribe(reader));
  const auto refused = subscribe(6);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, base::Errc::unavailable);
  EXPECT_TRUE(sink_.readers[6].head.empty());
}

TEST_F(LiveTest, AnUnknownFieldIsRefusedBeforeAnythingIsSent) {
  const auto refused = subscribe(1, "", "totl");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, base::Errc::malformed);
  EXPECT_TRUE(sink_.readers.empty());
  EXPECT_EQ(hub_.topics(), 0U);
}

TEST_F(LiveTest, ChangedSettingsEndTheStreamsOfThatSite) {
  add_site(settings("other.vn"));
  ASSERT_TRUE(subscribe(1));
  ASSERT_TRUE(hub_.subscribe({2, 7}, context("other.vn"), "", ""));
  apply(registry_.plan_change("example.vn", settings("example.vn", sites::Visibility::private_)).value());
  hub_.on_directory(*registry_.directory(1));
  EXPECT_TRUE(sink_.readers[1].closed);
  EXPECT_FALSE(sink_.readers[2].closed);
  apply(registry_.plan_remove("other.vn").value());
  hub_.on_directory(*registry_.directory(2));
  EXPECT_TRUE(sink_.readers[2].closed);
  EXPECT_EQ(hub_.topics(), 0U);
}

TEST_F(LiveTest, RightsEndWithTheirToken) {
  apply(registry_.plan_change("example.vn", settings("example.vn", sites::Visibility::private_)).value());
  add_token("reader", "secret", static_cast<std::uint32_t>(sites::Scope::read), {}, kNow + 5);
  ASSERT_TRUE(subscribe(1, "", "total", "secret"));
  tick(4);
  EXPECT_FALSE(sink_.readers[1].closed);
  tick();
  EXPECT_TRUE(sink_.readers[1].closed);
}

TEST_F(LiveTest, RightsAreNotShared) {
  apply(registry_.plan_change("example.vn", settings("example.vn", sites::Visibility::counter)).value());
  add_token("reader", "secret", static_cast<std::uint32_t>(sites::Scope::read));
  ASSERT_TRUE(subscribe(1, "", "counted,total", "secret"));
  ASSERT_TRUE(subscribe(2, "", "counted,total"));
  hit(1);
  tick();
  EXPECT_EQ(received(1), std::vector<std::string>{"data: {\"total\":1,\"counted\":1}\n\n"});
  EXPECT_EQ(received(2), std::vector<std::string>{"data: {\"total\":1}\n\n"});
}

TEST_F(LiveTest, StoppingEndsAll) {
  for (const std::uint32_t reader : {1U, 2U, 3U}) ASSERT_TRUE(subscribe(reader, reader == 2 ? "/p" : ""));
  hub_.close_all();
  for (const std::uint32_t reader : {1U, 2U, 3U}) EXPECT_TRUE(sink_.readers[reader].closed);
  EXPECT_EQ(hub_.subscribers(), 0U);
}

}  // namespace
}  // namespace footfall::api
