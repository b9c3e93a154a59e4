// SPDX-License-Identifier: Apache-2.0
// Online and Visitors with a real redis-server: it takes the commands, and answers as the model does.
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <optional>

#include "base/hash.h"
#include "counting/site_state.h"
#include "redis/online.h"
#include "redis/transport.h"
#include "redis/visitors.h"
#include "support/redis_process.h"

namespace footfall::redis {
namespace {

const std::string kSite = "example.vn";

class SharedSite final : public OnlineSource, public VisitorsSource {
 public:
  explicit SharedSite(const base::Clock& clock) : clock_(clock) {}
  std::uint32_t online_here() override { return state.online(clock_.utc_s()); }
  counting::PresenceTold take_presence() override { return state.take_presence(); }
  counting::PresenceWalk begin_walk(bool everybody) override {
    return state.begin_presence_walk(everybody, clock_.utc_s());
  }
  bool walk(counting::PresenceWalk& walk, std::vector<counting::Seen>& out) override {
    return state.walk_presence(walk, out);
  }
  counting::VisitorsTold take_visitors() override { return state.take_visitors(); }
  std::vector<counting::EpochDay> days(counting::Day first) override { return state.visitor_days(first); }
  counting::DaySet visitors_of(const counting::EpochDay& day) override { return state.visitors_of(day); }
  std::vector<counting::Epoch> included() override { return {state.included().begin(), state.included().end()}; }
  counting::Day today() override { return counting::local_day(clock_.utc_s(), 0); }
  std::array<std::uint64_t, 2> visitors_here() override {
    const counting::Summary summary = state.summary(clock_.utc_s(), counting::calendar_of(today()));
    return {summary.today.visitors, summary.yesterday.visitors};
  }

  counting::SiteState state{counting::Limits{.visitors_exact_max = 100}, 300};

 private:
  const base::Clock& clock_;
};

struct Node {
  Node(boost::asio::io_context& loop, const std::string& uri, const base::Clock& clock, const std::string& name,
       std::uint32_t part_size)
      : client(*parse_target(uri), Client::Options{}, clock.utc_ms()),
        calls(client, clock),
        site(clock),
        online(calls, clock, {.part_size = part_size}),
        visitors(calls, clock, {.node = name}),
        transport(loop.get_executor(), client, clock, std::nullopt, [this] {
          calls.take_answers();
          tick();
        }) {
    online_answer = online.add(kSite, site, {300, 0});
    visitors_answer = visitors.add(kSite, site);
  }
  void tick() {
    online.tick();
    visitors.tick();
  }

  Client client;
  ClientCalls calls;
  SharedSite site;
  Online online;
  Visitors visitors;
  std::shared_ptr<const OnlineAnswer> online_answer;
  std::shared_ptr<const VisitorsAnswer> visitors_answer;
  Transport transport;
};

class SharingServersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string program = testing::find_redis_server();
    if (program.empty()) GTEST_SKIP() << "there is no redis-server here (Debian: redis-server)";
    server_ = std::make_unique<testing::RedisProcess>(program);
    const std::string uri = "redis://127.0.0.1:" + std::to_string(server_->port());
    for (const char* name : {"aa", "bb"}) nodes_.push_back(std::make_unique<Node>(loop_, uri, clock_, name, 1000));
  }
  void hit(std::size_t node, std::uint64_t visitor, std::uint64_t moved_from = 0) {
    counting::Hit hit;
    hit.at_s = clock_.utc_s();
    hit.visitor = counting::VisitorId{base::mix64(visitor)};
    hit.moved_from = counting::VisitorId{moved_from == 0 ? 0 : base::mix64(moved_from)};
    hit.touches_presence = hit.counts = hit.adds_visitor = true;
    nodes_[node]->site.state.apply(counting::Epoch{}, {&hit, 1});
  }
  // Until it is so, 30 s at most.
  template <class Done>
  bool wait(const Done& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!done() && std::chrono::steady_clock::now() < end) {
      for (auto& node : nodes_) {
        node->tick();
        node->transport.carry_out();
      }
      loop_.restart();
      loop_.run_for(std::chrono::milliseconds(20));
    }
    return done();
  }
  bool all_say(std::uint32_t online, std::uint64_t visitors) {
    for (auto& node : nodes_) {
      const auto now = node->online_answer->read(clock_.utc_s());
      if (!now || now->online != online) return false;
      if (node->visitors_answer->read(node->site.today(), clock_.utc_s()) != visitors) return false;
    }
    return true;
  }

  base::SystemClock clock_;
  std::unique_ptr<testing::RedisProcess> server_;
  boost::asio::io_context loop_;
  std::vector<std::unique_ptr<Node>> nodes_;
};

TEST_F(SharingServersTest, NodesAgreeBeforeAndAfterRedisForgot) {
  constexpr std::uint64_t kVisitors = 2500;  // two parts and more, and a sketch
  for (std::uint64_t visitor = 1; visitor <= kVisitors; ++visitor) hit(visitor % 2, visitor);
  for (std::uint64_t visitor = 1; visitor <= 100; ++visitor) hit(0, visitor);
  hit(1, kVisitors + 1, 1);
  counting::HyperLogLog sketch;
  for (std::uint64_t visitor = 1; visitor <= kVisitors + 1; ++visitor) {
    const std::uint64_t id = base::mix64(visitor);
    const void* const bytes = &id;
    sketch.add({static_cast<const char*>(bytes), sizeof id});
  }
  const std::uint64_t estimate = sketch.estimate();
  ASSERT_TRUE(wait([&] { return all_say(kVisitors, estimate); }));

  const std::string day = std::to_string(nodes_[0]->site.today());
  EXPECT_EQ(server_->command({"PFCOUNT", "footfall:{example.vn}:visitors:1.0:" + day}), std::to_string(estimate));
  ASSERT_TRUE(wait([&] { return server_->command({"EXISTS", "footfall:{example.vn.3}:online:300-0-4"}) == "1"; }));
  for (const char* key : {"footfall:{example.vn.0}:online:300-0-2", "footfall:{example.vn.3}:online:300-0-4",
                          "footfall:{example.vn}:online"}) {
    EXPECT_TRUE(wait([&] { return std::stoll(server_->command({"TTL", key})) > 0; })) << key;
  }

  server_->command({"FLUSHALL"});
  for (auto& node : nodes_) {
    node->online.lost();
    node->visitors.lost();
  }
  ASSERT_TRUE(wait([&] { return server_->command({"EXISTS", "footfall:{example.vn.3}:online:300-0-4"}) == "1"; }));
  ASSERT_TRUE(wait([&] {
    for (auto& node : nodes_) node->visitors.changed(kSite);
    return all_say(kVisitors, estimate);
  }));
}

}  // namespace
}  // namespace footfall::redis
