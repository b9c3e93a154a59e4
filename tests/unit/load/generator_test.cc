// SPDX-License-Identifier: Apache-2.0
// The generator against a server that answers as it is told, one request at a time on each connection.
#include "load/generator.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "unit/client/scripted_server.h"

namespace footfall::load {
namespace {

using std::chrono::milliseconds;
using Answer = cli::ScriptedServer::Answer;
using Request = cli::ScriptedServer::Request;

// Takes connections, and says nothing.
class MuteServer {
 public:
  MuteServer() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_, 128), 0);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  MuteServer(const MuteServer&) = delete;
  MuteServer& operator=(const MuteServer&) = delete;
  ~MuteServer() { ::close(listener_); }
  std::uint16_t port() const { return port_; }

 private:
  int listener_;
  std::uint16_t port_ = 0;
};

class GeneratorTest : public ::testing::Test {
 protected:
  GeneratorTest() {
    traffic.site = "bench.example";
    traffic.host = "localhost";
    traffic.shapes.assign(shapes().begin(), shapes().end());
    traffic.hits_max = 40;
    options.connections = 4;
    options.seconds = 60;  // the hits end it
    aim(static_cast<std::uint16_t>(std::stoi(server.url().substr(server.url().rfind(':') + 1))));
  }
  void aim(std::uint16_t port) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    std::memcpy(&options.to, &to, sizeof to);
    options.to_size = sizeof to;
  }
  Generated sent() {
    options.open_loop = traffic.rate > 0;
    const auto done = generate(options, traffic);
    EXPECT_TRUE(done);
    return *done;
  }
  void every(const Answer& answer) {
    server.answers_by([answer](const Request&) { return answer; });
  }

  cli::ScriptedServer server;
  GeneratorOptions options;
  TrafficOptions traffic;
};

TEST_F(GeneratorTest, InAClosedLoopEveryRequestIsAnsweredOnce) {
  every({200, "x"});
  for (const unsigned threads : {1U, 3U}) {
    options.threads = threads;
    const Generated done = sent();
    EXPECT_EQ(done.trouble, "");
    EXPECT_EQ(done.requests, 40U);
    EXPECT_EQ(done.hits, 40U);
    EXPECT_EQ(done.acknowledged, 40U);
    EXPECT_EQ(done.latency.count(), 40U);
    EXPECT_EQ(done.statuses, (std::map<unsigned, std::uint64_t>{{200, 40}}));
    EXPECT_LE(done.connects, 4U);
  }
  EXPECT_EQ(server.requests().size(), 80U);
}

TEST_F(GeneratorTest, WhatBecameOfAHitIsToldApart) {
  std::atomic<int> number{0};
  server.answers_by([&](const Request&) -> Answer {
    switch (number++ % 5) {
      case 0:
        return {204, "", "Footfall-Rejected: origin\r\n"};
      case 1:
        return {429, "slower"};
      case 2:
        return {503, "later"};
      case 3:
        return {0, "", {}, true, true};  // nothing, and the end
      default:
        return {200, "x"};
    }
  });
  // A 204 has no body, which the server's own answer says with a length of 0.
  const Generated done = sent();
  EXPECT_EQ(done.trouble, "");
  EXPECT_EQ(done.hits, 40U);
  EXPECT_EQ(done.acknowledged, 8U);
  EXPECT_EQ(done.rejected, (std::map<std::string, std::uint64_t>{{"origin", 8}}));
  EXPECT_EQ(done.undecided, 16U);
  EXPECT_EQ(done.statuses, (std::map<unsigned, std::uint64_t>{{200, 8}, {204, 8}, {429, 8}, {503, 8}}));
  EXPECT_EQ(done.latency.count(), 32U);
}

TEST_F(GeneratorTest, ABatchsAnswerSaysWhatBecameOfItsItems) {
  every({200, R"({"accepted":7,"rejected":[{"index":0,"reason":"time"}],"rejected_total":3,"bots":2})"});
  traffic.batch = 10;
  traffic.token = "t";
  const Generated done = sent();
  EXPECT_EQ(done.requests, 4U);
  EXPECT_EQ(done.hits, 40U);
  EXPECT_EQ(done.acknowledged, 28U);
  EXPECT_EQ(done.bots, 8U);
  EXPECT_EQ(done.rejected, (std::map<std::string, std::uint64_t>{{"time", 4}, {"unlisted", 8}}));
}

TEST_F(GeneratorTest, EachRequestMayHaveAConnectionOfItsOwn) {
  every({200, "x"});
  options.reconnect = traffic.close = true;
  for (const double rate : {0.0, 1'000.0}) {
    traffic.rate = rate;
    const Generated done = sent();
    EXPECT_EQ(done.connects, 40U);
    EXPECT_EQ(done.acknowledged, 40U);
  }
}

TEST_F(GeneratorTest, AStallIsChargedForAllThatWasDueMeanwhile) {
  // A request each 10 ms over one connection, of which the first is held for 300 ms: the k-th waits 300 - 10 k at
  // least.
  std::atomic<bool> held{false};
  server.answers_by([&](const Request&) -> Answer {
    if (!held.exchange(true)) std::this_thread::sleep_for(milliseconds{300});
    return {200, "x"};
  });
  options.connections = options.connections_max = 1;
  options.reconnect = traffic.close = true;  // one at a time
  traffic.rate = 100;
  const Generated done = sent();
  EXPECT_EQ(done.acknowledged, 40U);
  EXPECT_GE(done.latency.quantile_ns(0.5), 100'000'000U);
  EXPECT_GE(done.latency.max_ns(), 300'000'000U);
  EXPECT_GE(done.late_ns_max, 200'000'000);
}

TEST_F(GeneratorTest, WhoComesInAnOpenLoopWaitsForNobody) {
  const MuteServer mute;
  aim(mute.port());
  options.connections = 1;
  options.reconnect = traffic.close = true;
  options.patience_s = 0.05;
  traffic.rate = 1'000;
  const Generated done = sent();
  EXPECT_EQ(done.trouble, "");
  EXPECT_EQ(done.connects, 40U);
  EXPECT_EQ(done.due, 40U);
  EXPECT_EQ(done.hits, 40U);
  EXPECT_EQ(done.unsent, 0U);
  EXPECT_EQ(done.unanswered, 40U);
  EXPECT_EQ(done.undecided, 40U);
  EXPECT_EQ(done.in_time, 0U);
}

TEST_F(GeneratorTest, WhatWasDueAndNeverSentOrAnsweredIsAmongTheLatencies) {
  const MuteServer mute;
  aim(mute.port());
  options.reconnect = traffic.close = true;
  options.connections = options.connections_max = 3;
  options.seconds = 0.02;
  options.patience_s = 0.05;
  traffic.rate = 1'000;  // 20 of the 40 are due in time
  const Generated done = sent();
  EXPECT_EQ(done.due, 20U);
  EXPECT_EQ(done.hits, 3U);
  EXPECT_EQ(done.unsent, 17U);
  EXPECT_EQ(done.unanswered, 3U);
  EXPECT_EQ(done.latency.count(), 20U);
  EXPECT_GE(done.latency.quantile_ns(0.01), 50'000'000U) << "who was due last has waited until it was given up";
}

TEST_F(GeneratorTest, WhatIsAnsweredLaterThanOthersAreDueIsToldApart) {
  std::atomic<int> number{0};
  server.answers_by([&](const Request&) -> Answer {
    if (number++ == 10) std::this_thread::sleep_for(milliseconds{150});
    return {200, "x"};
  });
  options.seconds = 0.1;
  options.reconnect = traffic.close = true;
  options.connections = options.connections_max = 1;
  traffic.rate = 1'000;
  const Generated done = sent();
  EXPECT_EQ(done.due, 40U);
  EXPECT_EQ(done.acknowledged, 40U);
  EXPECT_LE(done.in_time, 10U);
}

TEST_F(GeneratorTest, WhatIsAnsweredLaterThanItsBoundIsNotInTime) {
  std::atomic<int> number{0};
  server.answers_by([&](const Request&) -> Answer {
    if (number++ == 10) std::this_thread::sleep_for(milliseconds{150});
    return {200, "x"};
  });
  options.connections = 1;
  options.seconds = 60;  // none is too late for the schedule
  options.reconnect = traffic.close = true;
  options.connections_max = 1;
  traffic.rate = 1'000;
  options.in_time_s = 0.1;
  const Generated done = sent();
  EXPECT_EQ(done.acknowledged, 40U);
  EXPECT_LT(done.in_time, 40U) << "the eleventh waited for longer";
  options.in_time_s = 60;
  EXPECT_EQ(sent().in_time, 40U);
}

TEST_F(GeneratorTest, TimeEndsIt) {
  every({200, "x"});
  options.seconds = 0.1;
  traffic.hits_max = UINT64_MAX;
  Generated done = sent();
  EXPECT_GT(done.hits, 0U);
  EXPECT_EQ(done.acknowledged, done.hits);
  traffic.rate = 1'000;
  options.reconnect = traffic.close = true;  // the server takes one request at a time
  done = sent();
  EXPECT_EQ(done.hits, 100U) << "what is due in this time, be it late";
  EXPECT_EQ(done.acknowledged, done.hits);
}

TEST_F(GeneratorTest, NobodyListeningIsToldAndSoIsWhatSpeaksNoHttp) {
  every({0, "SSH-2.0-OpenSSH_9.2\r\n\r\n", {}, true});
  EXPECT_NE(sent().trouble.find("no answer: SSH-2.0"), std::string::npos);
  aim(1);
  const Generated done = sent();
  EXPECT_NE(done.trouble.find("cannot connect"), std::string::npos);
  EXPECT_EQ(done.acknowledged, 0U);
}

}  // namespace
}  // namespace footfall::load
