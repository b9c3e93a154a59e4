// SPDX-License-Identifier: Apache-2.0
// The client against a server that answers as it is told: each status, cut connections, bounds, and at random.
#include "footfall/client.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <ctime>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <stdexcept>
#include <thread>

#include "footfall/v1/hit.pb.h"
#include "support/rng_seed.h"
#include "unit/client/scripted_server.h"

namespace footfall::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Answer = cli::ScriptedServer::Answer;
using Request = cli::ScriptedServer::Request;

const std::string kNode(32, 'a');
const std::string kOtherNode(32, 'b');
constexpr seconds kLong{60};  // for what is waited for, and comes

std::string node_field(const std::string& node) {
  return "Footfall-Node: " + node + "\r\n";
}
Answer hello(const std::string& node = kNode) {
  return {200, R"({"accepted":0,"rejected":[],"rejected_total":0,"bots":0})", node_field(node)};
}
Answer counted(std::uint64_t accepted) {
  return {200, "{\"accepted\":" + std::to_string(accepted) + R"(,"rejected":[],"rejected_total":0,"bots":0})",
          node_field(kNode)};
}
Answer problem(int status, const std::string& type, const std::string& node = kNode, const std::string& fields = {}) {
  return {status, R"({"type":"/problems/)" + type + R"(","detail":"because"})",
          (node.empty() ? "" : node_field(node)) + fields};
}
Answer hang_up() {
  return {0, "", {}, true, true};
}

std::string key_of(const Request& request) {
  constexpr std::string_view kName = "Idempotency-Key: ";
  const std::size_t at = request.head.find(kName);
  if (at == std::string::npos) return {};
  return request.head.substr(at + kName.size(), request.head.find('\r', at) - at - kName.size());
}
std::string node_of(const std::string& key) {
  return key.substr(0, key.find('/'));
}
// INCARNATION/NAME
std::string name_of(const std::string& key) {
  return key.substr(0, key.rfind('/'));
}
std::uint64_t number_of(const std::string& key) {
  return std::stoull(key.substr(key.rfind('/') + 1));
}
v1::HitBatch hits_of(const std::string& body) {
  v1::HitBatch batch;
  EXPECT_TRUE(batch.ParseFromString(body));
  return batch;
}
std::uint64_t items_of(const std::string& body) {
  return static_cast<std::uint64_t>(hits_of(body).hits_size());
}

std::vector<std::int64_t> times_of(const std::string& body) {
  std::vector<std::int64_t> times;
  const v1::HitBatch batch = hits_of(body);
  for (const v1::Hit& hit : batch.hits()) times.push_back(hit.time());
  return times;
}

class ClientTest : public ::testing::Test {
 protected:
  Options options() const {
    Options options;
    options.url = server.url();
    options.token = "secret-token";
    options.flush_interval = seconds{3600};  // so that flush() alone says what is in a batch
    options.backoff_first = milliseconds{1};
    options.backoff_longest = milliseconds{4};
    return options;
  }
  // Gives the answers to the batches of two hits, and checks that nothing is left open.
  Counts two_hits_answered(std::vector<Answer> answers) {
    answers.insert(answers.begin(), hello());
    server.answers(std::move(answers));
    Client client(options());
    EXPECT_TRUE(client.add({.site = "example.vn", .path = "/a"}));
    EXPECT_TRUE(client.add({.site = "example.vn", .path = "/b"}));
    EXPECT_TRUE(client.flush(kLong)) << client.counts().last_trouble;
    const Counts counts = client.close(kLong);
    EXPECT_EQ(counts.taken, counts.accepted + counts.rejected + counts.unknown + counts.abandoned);
    std::uint64_t rejected = 0;
    for (const auto& [reason, hits] : counts.rejected_by) rejected += hits;
    EXPECT_EQ(counts.rejected, rejected);
    return counts;
  }
  static void until(const std::function<bool()>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + kLong;
    while (!holds()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
      std::this_thread::sleep_for(milliseconds{1});
    }
  }
  // Those with a key.
  std::vector<Request> batches() {
    std::vector<Request> out = server.requests();
    std::erase_if(out, [](const Request& request) { return key_of(request).empty(); });
    return out;
  }
  void expect_one_key() {
    std::set<std::string> keys;
    std::set<std::string> bodies;
    for (const Request& request : batches()) {
      keys.insert(key_of(request));
      bodies.insert(request.body);
    }
    EXPECT_EQ(keys.size(), 1U);
    EXPECT_EQ(bodies.size(), 1U);
    EXPECT_EQ(node_of(*keys.begin()), kNode);
  }

  cli::ScriptedServer server;
};

TEST_F(ClientTest, SendsABatchUnderAKeyOfTheNodeThatAnswered) {
  const Counts counts = two_hits_answered({counted(2)});
  EXPECT_EQ(counts.accepted, 2U);
  EXPECT_EQ(counts.retries, 0U);
  EXPECT_EQ(counts.last_trouble, "");
  ASSERT_EQ(server.requests().size(), 2U);
  const Request asked = server.requests()[0];
  EXPECT_EQ(asked.line, "POST /v1/hits HTTP/1.1");
  EXPECT_EQ(asked.body, "");
  EXPECT_NE(asked.head.find("Authorization: Bearer secret-token\r\n"), std::string::npos);
  EXPECT_EQ(batches().size(), 1U);
  EXPECT_EQ(items_of(batches()[0].body), 2U);
  EXPECT_EQ(batches()[0].connection, asked.connection);
  expect_one_key();
}

TEST_F(ClientTest, NumbersItsBatchesUnderOneName) {
  server.answers({hello(), counted(1), counted(1), problem(503, "unavailable"), counted(1), counted(1)});
  Client client(options());
  for (int i = 0; i < 4; ++i) {
    client.add({.site = "example.vn"});
    ASSERT_TRUE(client.flush(kLong));
  }
  std::vector<std::uint64_t> numbers;
  for (const Request& request : batches()) {
    EXPECT_EQ(name_of(key_of(request)), name_of(key_of(batches()[0])));
    numbers.push_back(number_of(key_of(request)));
  }
  EXPECT_EQ(numbers, (std::vector<std::uint64_t>{1, 2, 3, 3, 4}));
  EXPECT_EQ(client.close(kLong).accepted, 4U);
}

TEST_F(ClientTest, StampsAHitWithTheTimeAtWhichItWasGiven) {
  const auto now = std::chrono::duration_cast<seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  two_hits_answered({counted(2)});
  EXPECT_GE(times_of(batches()[0].body).at(0), now);
}

TEST_F(ClientTest, AClockThatIsAheadOfTheDaemonsIsCorrectedOnce) {
  constexpr std::int64_t kAhead_s = 3'600;
  const auto now_s = [] {
    return std::chrono::duration_cast<seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  };
  int tries = 0;
  server.answers_by([&](const Request& request) {
    // The second answer to the batch is by yet another clock: its bytes stay.
    const std::time_t second = now_s() - kAhead_s * (tries > 0 ? 2 : 1);
    std::tm at{};
    gmtime_r(&second, &at);
    std::array<char, 64> date{};
    std::strftime(date.data(), date.size(), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &at);
    Answer answer = key_of(request).empty() ? hello() : ++tries < 3 ? problem(503, "unavailable") : counted(2);
    answer.fields += date.data();
    return answer;
  });
  const std::int64_t before_s = now_s();
  Client client(options());
  client.add({.site = "example.vn", .path = "/now"});
  client.add({.site = "example.vn", .path = "/then", .time_s = 1448323200});
  ASSERT_TRUE(client.flush(kLong));
  const std::int64_t after_s = now_s();
  expect_one_key();
  const std::vector<std::int64_t> times = times_of(batches()[0].body);
  ASSERT_EQ(times.size(), 2U);
  EXPECT_GE(times[0], before_s - kAhead_s - 1);
  EXPECT_LE(times[0], after_s - kAhead_s + (after_s - before_s) + 2) << "by so much an answer may be off";
  EXPECT_EQ(times[1], 1448323200) << "what the application says stays";
}

TEST_F(ClientTest, TellsWhyItemsWereRejected) {
  const Counts counts = two_hits_answered(
      {{200, R"({"accepted":1,"rejected":[{"index":1,"reason":"unknown_site"}],"rejected_total":1,"bots":1})",
        node_field(kNode) + "Idempotency-Replayed: true\r\n"}});
  EXPECT_EQ(counts.accepted, 1U);
  EXPECT_EQ(counts.bots, 1U);
  EXPECT_EQ(counts.rejected_by, (std::map<std::string, std::uint64_t>{{"unknown_site", 1}}));
  EXPECT_EQ(counts.batches_replayed, 1U);
}

TEST_F(ClientTest, WhatDecidesNothingIsSentAgainUnderTheSameKey) {
  const Counts counts = two_hits_answered({problem(503, "unavailable"),
                                           problem(409, "in-progress"),
                                           hang_up(),
                                           problem(429, "keys-full"),
                                           problem(401, "unauthorized"),
                                           problem(500, "", ""),
                                           problem(408, "request-timeout"),
                                           {404, "no page", ""},
                                           {200, "no JSON", node_field(kNode)},
                                           {0, "HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\ncut", {}, true, true},
                                           {0, "hello", {}, true, true},
                                           counted(2)});
  EXPECT_EQ(counts.accepted, 2U);
  EXPECT_EQ(counts.retries, 11U);
  EXPECT_NE(counts.last_trouble, "");
  EXPECT_EQ(batches().size(), 12U);
  expect_one_key();
}

TEST_F(ClientTest, WaitsAsLongAsItIsTold) {
  server.answers({hello(), problem(503, "unavailable", kNode, "Retry-After: 3600\r\n"), counted(1)});
  Client client(options());
  client.add({.site = "example.vn"});
  EXPECT_FALSE(client.flush(milliseconds{0}));
  until([&] { return client.counts().retries == 1; });
  EXPECT_FALSE(client.flush(milliseconds{100}));  // its own pauses are a few milliseconds
  EXPECT_EQ(server.requests().size(), 2U);
  const Counts counts = client.close(milliseconds{0});
  EXPECT_EQ(counts.abandoned, 1U);
  EXPECT_EQ(counts.accepted, 0U);
}

TEST_F(ClientTest, SendsByItselfWhatIsOldEnough) {
  server.answers({hello(), counted(1)});
  Options prompt = options();
  prompt.flush_interval = milliseconds{1};
  Client client(prompt);
  client.add({.site = "example.vn"});
  until([&] { return client.counts().accepted == 1; });
}

TEST_F(ClientTest, AnotherNodesAnswerIsFollowedWhileNothingIsOpen) {
  const Counts counts = two_hits_answered({problem(421, "wrong-node", kOtherNode), counted(2)});
  EXPECT_EQ(counts.accepted, 2U);
  ASSERT_EQ(batches().size(), 2U);
  EXPECT_EQ(node_of(key_of(batches()[0])), kNode);
  EXPECT_EQ(node_of(key_of(batches()[1])), kOtherNode);
}

TEST_F(ClientTest, ABatchThatMayBeCountedGoesToItsOwnNodeOverOtherConnections) {
  const Counts counts = two_hits_answered(
      {hang_up(), problem(421, "wrong-node", kOtherNode), problem(421, "wrong-node", kOtherNode), counted(2)});
  EXPECT_EQ(counts.accepted, 2U);
  expect_one_key();
  const std::vector<Request> sent = batches();
  EXPECT_LT(sent[1].connection, sent[2].connection);
  EXPECT_LT(sent[2].connection, sent[3].connection);
}

TEST_F(ClientTest, OthersGoOnWhileABatchWaitsForItsNode) {
  // The first batch is cut off; from then on another node answers.
  std::string first;
  server.answers_by([&](const Request& request) {
    const std::string key = key_of(request);
    if (key.empty()) return hello(first.empty() ? kNode : kOtherNode);
    if (first.empty()) {
      first = key;
      return hang_up();
    }
    if (node_of(key) != kOtherNode) return problem(421, "wrong-node", kOtherNode);
    Answer answer = counted(items_of(request.body));
    answer.fields = node_field(kOtherNode);
    return answer;
  });
  Client client(options());
  client.add({.site = "example.vn", .path = "/first"});
  EXPECT_FALSE(client.flush(milliseconds{0}));
  until([&] { return client.counts().retries > 0; });
  for (int i = 0; i < 10; ++i) client.add({.site = "example.vn", .path = "/later"});
  EXPECT_FALSE(client.flush(milliseconds{0}));
  until([&] { return client.counts().accepted == 10; });
  const Counts counts = client.close(milliseconds{0});
  EXPECT_EQ(counts.accepted, 10U);
  EXPECT_EQ(counts.abandoned, 1U);
  std::set<std::string> later;
  for (const Request& request : batches()) {
    if (node_of(key_of(request)) == kOtherNode) later.insert(key_of(request).substr(kNode.size()));
  }
  ASSERT_FALSE(later.empty());
  for (const std::string& key : later)
    EXPECT_NE(name_of(key), name_of(first.substr(kNode.size()))) << "its name waits with it";
}

TEST_F(ClientTest, WhatCannotBeDecidedIsGivenUpAsUnknownInTime) {
  server.answers_by([](const Request& request) { return key_of(request).empty() ? hello() : hang_up(); });
  Options given_up = options();
  given_up.undecided_for = seconds{0};
  Client client(given_up);
  client.add({.site = "example.vn"});
  EXPECT_TRUE(client.flush(kLong));
  const Counts counts = client.close(kLong);
  EXPECT_EQ(counts.unknown, 1U);
  EXPECT_EQ(counts.accepted + counts.rejected + counts.abandoned, 0U);
}

TEST_F(ClientTest, WhatANodeRefusesForGoodIsRejectedByItsWords) {
  EXPECT_EQ(two_hits_answered({problem(422, "key-reused")}).rejected_by,
            (std::map<std::string, std::uint64_t>{{"key-reused", 2}}));
  EXPECT_EQ(two_hits_answered({problem(400, "malformed")}).rejected_by,
            (std::map<std::string, std::uint64_t>{{"malformed", 2}}));
  EXPECT_EQ(two_hits_answered({problem(415, "unsupported-media-type")}).rejected, 2U);
}

TEST_F(ClientTest, WhatIsTooLargeIsHalvedUntilItFits) {
  std::map<std::string, std::string> taken;
  server.answers_by([&](const Request& request) {
    const std::string key = key_of(request);
    if (key.empty()) return hello();
    if (items_of(request.body) > 3) return problem(413, "too-large", "");
    taken[key] = request.body;
    return counted(items_of(request.body));
  });
  Client client(options());
  for (int i = 0; i < 50; ++i) client.add({.site = "example.vn", .path = "/" + std::to_string(i)});
  EXPECT_TRUE(client.flush(kLong));
  EXPECT_EQ(client.close(kLong).accepted, 50U);
  std::multiset<std::string> paths;
  for (const auto& [key, body] : taken) {
    const v1::HitBatch batch = hits_of(body);
    for (const v1::Hit& hit : batch.hits()) paths.insert(hit.path());
  }
  EXPECT_EQ(paths.size(), 50U);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(paths.count("/" + std::to_string(i)), 1U) << i;
}

TEST_F(ClientTest, ASingleHitThatIsTooLargeIsRejected) {
  EXPECT_EQ(two_hits_answered({problem(413, "too-large", ""), problem(413, "too-large", ""), counted(1)}).rejected_by,
            (std::map<std::string, std::uint64_t>{{"too-large", 1}}));
}

TEST_F(ClientTest, ARefusalThatComesBeforeTheBodyIsReadIsHeard) {
  Options large = options();
  large.batch_items_max = 10'000;
  large.batch_bytes_max = std::size_t{4} << 20U;
  large.flush_interval = seconds{30};
  server.answers({hello(), problem(401, "unauthorized"), counted(60)});
  Client client(large);
  const std::string path(50'000, 'x');
  for (int i = 0; i < 60; ++i) client.add({.site = "example.vn", .path = path});
  EXPECT_TRUE(client.flush(kLong));
  EXPECT_EQ(client.close(kLong).accepted, 60U);
}

TEST_F(ClientTest, NobodyListeningIsTriedAgainUntilSomebodyDoes) {
  std::string url;
  {
    cli::ScriptedServer gone;
    url = gone.url();
  }
  Options nowhere = options();
  nowhere.url = url;
  Client client(nowhere);
  client.add({.site = "example.vn"});
  EXPECT_FALSE(client.flush(milliseconds{0}));
  until([&] { return client.counts().retries > 2; });
  EXPECT_NE(client.counts().last_trouble.find("cannot reach"), std::string::npos);
  EXPECT_EQ(client.counts().waiting, 1U);
  EXPECT_EQ(client.close(milliseconds{0}).abandoned, 1U);
}

TEST_F(ClientTest, AConnectionThatWasClosedWhileItLayIdleIsOpenedAgain) {
  server.answers({hello(), {200, counted(1).body, node_field(kNode), false, true}, counted(1)});
  Client client(options());
  client.add({.site = "example.vn"});
  ASSERT_TRUE(client.flush(kLong));
  std::this_thread::sleep_for(milliseconds{50});  // whether it is noticed before or after, nothing is lost
  client.add({.site = "example.vn"});
  EXPECT_TRUE(client.flush(kLong));
  EXPECT_EQ(client.close(kLong).accepted, 2U);
}

TEST_F(ClientTest, AServerThatSaysNothingIsLeftInTimeAndClosingDoesNotWaitForIt) {
  // The answer says that more is to come, and nothing does.
  const Answer silent{0, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", {}, true, false};
  server.answers({hello(), silent, counted(1), silent});
  Options brief = options();
  brief.answer_timeout = milliseconds{50};
  {
    Client client(brief);
    client.add({.site = "example.vn"});
    EXPECT_TRUE(client.flush(kLong));
    EXPECT_EQ(client.counts().accepted, 1U);
  }
  server.answers({hello(), silent});
  Client client(options());  // its answer_timeout is longer than a test may be
  client.add({.site = "example.vn"});
  EXPECT_FALSE(client.flush(milliseconds{50}));
  EXPECT_EQ(client.close(milliseconds{0}).abandoned, 1U);
}

TEST_F(ClientTest, FullMeansDroppedAndCounted) {
  Options small = options();
  small.url = "http://127.0.0.1:1";  // nobody
  small.batch_items_max = 4;
  small.items_max = 10;
  Client client(small);
  int taken = 0;
  for (int i = 0; i < 25; ++i) taken += client.add({.site = "example.vn"}) ? 1 : 0;
  EXPECT_EQ(taken, 10);
  const Counts counts = client.close(milliseconds{0});
  EXPECT_EQ(counts.dropped_full, 15U);
  EXPECT_EQ(counts.abandoned, 10U);
  EXPECT_FALSE(client.add({.site = "example.vn"}));
  EXPECT_EQ(client.counts().dropped_closed, 1U);
}

TEST_F(ClientTest, BytesAreBoundedToo) {
  Options small = options();
  small.url = "http://127.0.0.1:1";
  small.batch_items_max = 100;
  small.batch_bytes_max = std::size_t{64} << 10U;
  small.bytes_max = std::size_t{100} << 10U;
  Client client(small);
  const std::string path(10'000, 'x');
  for (int i = 0; i < 25; ++i) client.add({.site = "example.vn", .path = path});
  const Counts counts = client.counts();
  EXPECT_EQ(counts.taken, 10U);
  EXPECT_LE(counts.waiting_bytes, small.bytes_max);
  EXPECT_EQ(counts.dropped_full, 15U);
  EXPECT_FALSE(client.add({.site = "example.vn", .path = std::string(70'000, 'x')}));
  EXPECT_EQ(client.counts().dropped_too_large, 1U);
  client.close(milliseconds{0});
}

TEST_F(ClientTest, FullMayMeanToWaitForRoom) {
  server.answers_by(
      [](const Request& request) { return key_of(request).empty() ? hello() : counted(items_of(request.body)); });
  Options small = options();
  small.batch_items_max = 4;
  small.items_max = 10;
  small.when_full = WhenFull::block;
  small.flush_interval = seconds{30};
  Client client(small);
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 101; ++i) EXPECT_TRUE(client.add({.site = "example.vn"}));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(client.flush(kLong));
  EXPECT_EQ(client.close(kLong).accepted, 303U);
}

TEST_F(ClientTest, ClosingLetsGoOfWhoeverWaitsForRoom) {
  Options small = options();
  small.url = "http://127.0.0.1:1";
  small.batch_items_max = small.items_max = 2;
  small.when_full = WhenFull::block;
  Client client(small);
  std::atomic<bool> last{true};
  std::thread adding([&] {
    for (int i = 0; i < 3; ++i) last = client.add({.site = "example.vn"});
  });
  until([&] { return client.counts().taken == 2; });
  client.close(milliseconds{20});
  adding.join();
  EXPECT_FALSE(last);
  EXPECT_EQ(client.counts().dropped_closed, 1U);
}

TEST_F(ClientTest, WhatNoHeaderMayHaveIsToldAtOnce) {
  for (const auto& [url, token] : std::vector<std::pair<std::string, std::string>>{
           {"127.0.0.1", "t"}, {"https://127.0.0.1", "t"}, {"http://127.0.0.1", ""}, {"http://127.0.0.1", "a\r\nb"}}) {
    Options options;
    options.url = url;
    options.token = token;
    EXPECT_THROW(Client{options}, std::invalid_argument) << url << " " << token;
  }
}

// A daemon that keeps of each name the latest number, counts that once, and does to requests whatever can be done: what
// it counted in the end must be what was given, exactly.
TEST_F(ClientTest, AtRandomEveryHitIsCountedOnce) {
  std::mt19937_64 random(footfall::testing::rng_seed());
  for (int round = 0; round < 3; ++round) {
    struct Latest {
      std::uint64_t number = 0;
      std::string body;
    };
    std::map<std::string, Latest> names;  // name -> what was counted under it last
    std::uint64_t total = 0;
    bool passed = false;
    bool reused = false;
    server.answers_by([&](const Request& request) {
      const std::string key = key_of(request);
      const std::uint64_t drawn = random() % 20;
      if (drawn == 0) return hang_up();
      if (drawn == 1) return problem(503, "unavailable");
      if (drawn == 2) return problem(429, "keys-full");
      if (drawn == 3) return Answer{502, "<html>", ""};
      if (key.empty()) return hello();
      if (drawn == 4) return problem(409, "in-progress");
      Latest& latest = names[name_of(key)];
      const bool fresh = number_of(key) > latest.number;
      if (fresh) {
        latest = {number_of(key), request.body};
        total += items_of(request.body);
      }
      passed |= number_of(key) < latest.number;
      reused |= latest.body != request.body;
      Answer answer = counted(items_of(request.body));
      if (!fresh) answer.fields += "Idempotency-Replayed: true\r\n";
      if (drawn < 9) return hang_up();  // counted, and nobody is told
      if (drawn == 9) return problem(503, "unavailable");
      return answer;
    });
    Options lively = options();
    lively.batch_items_max = 7;
    lively.when_full = WhenFull::block;
    lively.items_max = 50;
    lively.flush_interval = milliseconds{1};
    Client client(lively);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 250; ++i) client.add({.site = "example.vn"});
      });
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_TRUE(client.flush(kLong)) << client.counts().last_trouble;
    const Counts counts = client.close(kLong);
    EXPECT_EQ(counts.accepted, 1000U);
    EXPECT_EQ(total, 1000U);
    EXPECT_FALSE(reused);
    EXPECT_FALSE(passed);
    EXPECT_LT(names.size(), 20U) << "of some two hundred batches";
    EXPECT_GT(counts.retries, 0U);
  }
}

}  // namespace
}  // namespace footfall::client
