// SPDX-License-Identifier: Apache-2.0
// The client and its transport against real servers: one, with sentinels, a cluster.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <sstream>

#include "base/clock.h"
#include "redis/client.h"
#include "redis/command.h"
#include "redis/transport.h"
#include "support/redis_process.h"
#include "support/rng_seed.h"
#include "support/temporary_directory.h"

namespace footfall::redis {
namespace {

using testing::RedisProcess;

// A client with its own loop. What is waited for is waited for 60 s at most, so that nothing hangs.
class Node {
 public:
  explicit Node(const std::string& uri, std::optional<base::TlsContext> tls = {})
      : client_(*parse_target(uri), options(), clock_.utc_ms()),
        transport_(loop_.get_executor(), client_, clock_, std::move(tls), [this] { take_answers(); }) {}

  bool until(const std::function<bool()>& what) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!what() && std::chrono::steady_clock::now() < end) loop_.run_one_for(std::chrono::milliseconds(20));
    return what();
  }
  bool until_up() {
    return until([this] { return client_.up(); });
  }
  bool until_problem(const std::string& says) {
    return until([&] { return client_.problem().find(says) != std::string::npos; });
  }
  // One try; its text.
  std::string run(std::initializer_list<std::string_view> words, std::string_view key) {
    const Client::Tag tag = submit(words, key);
    until([&] { return answers_.contains(tag); });
    return answers_[tag];
  }
  Client::Tag submit(std::initializer_list<std::string_view> words, std::string_view key) {
    EXPECT_TRUE(client_.submit(++last_, slot_of(key), command(words), clock_.utc_ms()));
    transport_.carry_out();
    return last_;
  }
  std::string put(std::string_view key, std::string_view value) { return run({"SET", key, value}, key); }
  std::string get(std::string_view key) { return run({"GET", key}, key); }
  // As callers do: absolute values, again until they are taken.
  bool put_until_taken(std::string_view key, std::string_view value) {
    return until([&] { return put(key, value) == "OK"; });
  }
  Client& client() { return client_; }
  std::map<Client::Tag, std::string>& answers() { return answers_; }

 private:
  static Client::Options options() {
    Client::Options out;
    out.seed = testing::rng_seed();
    return out;
  }
  void take_answers() {
    while (auto answer = client_.take_answer()) {
      EXPECT_FALSE(answers_.contains(answer->tag)) << "answered twice";
      answers_[answer->tag] = answer->reply ? answer->reply->text : "unavailable: " + answer->reply.error().detail;
    }
  }

  boost::asio::io_context loop_;
  base::SystemClock clock_;
  Client client_;
  Transport transport_;
  std::map<Client::Tag, std::string> answers_;
  Client::Tag last_ = 0;
};

class RedisServersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    program_ = testing::find_redis_server();
    if (program_.empty()) GTEST_SKIP() << "there is no redis-server here (Debian: redis-server)";
  }
  std::unique_ptr<RedisProcess> server(const RedisProcess::Words& options = {}, const std::string& configuration = {}) {
    return std::make_unique<RedisProcess>(program_, options, configuration);
  }
  static std::string uri(const RedisProcess& server, const std::string& credentials = {}) {
    return "redis://" + credentials + "127.0.0.1:" + std::to_string(server.port());
  }
  testing::TemporaryDirectory directory_;

 private:
  std::string program_;
};

TEST_F(RedisServersTest, OneServer) {
  const auto redis = server();
  Node node(uri(*redis));
  ASSERT_TRUE(node.until_up()) << node.client().problem();
  EXPECT_EQ(node.put("k", "v"), "OK");
  EXPECT_EQ(redis->command({"GET", "k"}), "v");
}

TEST_F(RedisServersTest, SlotsAreThoseOfTheServer) {
  const auto redis = server({"--cluster-enabled", "yes", "--cluster-config-file", directory_.file("nodes.conf")});
  std::mt19937_64 random(testing::rng_seed());
  for (int i = 0; i < 1000; ++i) {
    std::string key;
    for (std::uint64_t n = random() % 12; n > 0; --n) key += "{}ab:"[random() % 5];
    EXPECT_EQ(std::to_string(slot_of(key)), redis->command({"CLUSTER", "KEYSLOT", key})) << key;
  }
}

TEST_F(RedisServersTest, ADatabaseAndAUnixSocket) {
  const auto redis = server({"--unixsocket", directory_.file("redis.sock")});
  Node node("unix://" + directory_.file("redis.sock") + "?database=3");
  ASSERT_TRUE(node.until_up()) << node.client().problem();
  EXPECT_EQ(node.put("k", "v"), "OK");
  EXPECT_EQ(redis->command({"GET", "k"}), "(nil)");
  redis->command({"SELECT", "3"});
  EXPECT_EQ(redis->command({"GET", "k"}), "v");
}

TEST_F(RedisServersTest, AUserOfItsOwn) {
  const auto redis = server({"--requirepass", "admin"});
  redis->command({"AUTH", "admin"});
  ASSERT_EQ(redis->command({"ACL", "SETUSER", "footfall", "on", ">s:e@c", "~ff:*", "+@read", "+@write", "+info",
                            "+role", "+client|setname"}),
            "OK");
  Node node(uri(*redis, "footfall:s%3Ae%40c@"));
  ASSERT_TRUE(node.until_up()) << node.client().problem();
  EXPECT_EQ(node.put("ff:k", "v"), "OK");
  EXPECT_TRUE(node.put("other", "v").starts_with("NOPERM")) << node.put("other", "v");
}

TEST_F(RedisServersTest, AServerThatMayEvictIsRefused) {
  const auto redis = server({"--maxmemory-policy", "allkeys-lru"});
  Node node(uri(*redis));
  EXPECT_TRUE(node.until_problem("allkeys-lru")) << node.client().problem();
  redis->command({"CONFIG", "SET", "maxmemory-policy", "noeviction"});
  EXPECT_TRUE(node.until_up()) << node.client().problem();
  redis->command({"CONFIG", "SET", "maxmemory-policy", "volatile-ttl"});  // while it is connected
  EXPECT_TRUE(node.until_problem("volatile-ttl")) << node.client().problem();
  redis->command({"CONFIG", "SET", "maxmemory-policy", "noeviction"});
  EXPECT_TRUE(node.until_up()) << node.client().problem();
}

TEST_F(RedisServersTest, AFullServerSaysSo) {
  const auto redis = server({"--maxmemory", "1"});
  Node node(uri(*redis));
  EXPECT_TRUE(node.put("k", "v").starts_with("OOM"));
  redis->command({"CONFIG", "SET", "maxmemory", "0"});
  EXPECT_EQ(node.put("k", "v"), "OK");
}

TEST_F(RedisServersTest, AServerThatWasKilledIsUsedAgain) {
  const auto redis = server();
  Node node(uri(*redis));
  ASSERT_EQ(node.put("k", "v"), "OK");
  redis->kill();
  ASSERT_TRUE(node.until([&] { return !node.client().up(); }));
  redis->restart();
  ASSERT_TRUE(node.until_up()) << node.client().problem();
  EXPECT_EQ(node.put("k", "w"), "OK");
}

TEST_F(RedisServersTest, AServerThatStandsStillIsGivenUpAndUsedAgain) {
  const auto redis = server();
  Node node(uri(*redis));
  ASSERT_EQ(node.put("k", "v"), "OK");
  redis->pause();
  EXPECT_TRUE(node.put("k", "w").starts_with("unavailable"));
  redis->go_on();
  EXPECT_TRUE(node.put_until_taken("k", "x"));
  EXPECT_EQ(node.get("k"), "x");
}

TEST_F(RedisServersTest, AReplicaIsLeftForItsMaster) {
  const auto master = server();
  const auto replica = server({"--replicaof", "127.0.0.1 " + std::to_string(master->port())});
  Node node(uri(*replica) + ",127.0.0.1:" + std::to_string(master->port()));
  ASSERT_TRUE(node.until_up()) << node.client().problem();
  EXPECT_EQ(node.put("k", "v"), "OK");
  EXPECT_EQ(master->command({"GET", "k"}), "v");
}

TEST_F(RedisServersTest, TlsIsVerified) {
  const std::string key = directory_.file("key.pem");
  const std::string certificate = directory_.file("certificate.pem");
  ASSERT_EQ(
      std::system(("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=redis "
                   "-addext subjectAltName=IP:127.0.0.1 -keyout " +
                   key + " -out " + certificate + " 2>/dev/null")
                      .c_str()),
      0);
  const auto redis = server();
  redis->command({"CONFIG", "SET", "tls-auth-clients", "no"});
  const std::string port = std::to_string(testing::free_port());
  ASSERT_EQ(redis->command({"CONFIG", "SET", "tls-cert-file", certificate, "tls-key-file", key, "tls-ca-cert-file",
                            certificate, "tls-port", port}),
            "OK");
  Node trusting("rediss://127.0.0.1:" + port, *base::TlsContext::for_clients(certificate));
  ASSERT_TRUE(trusting.until_up()) << trusting.client().problem();
  EXPECT_EQ(trusting.put("k", std::string(300'000, 'v')), "OK");  // many records
  EXPECT_EQ(trusting.get("k"), std::string(300'000, 'v'));
  Node doubting("rediss://127.0.0.1:" + port, *base::TlsContext::for_clients(""));
  EXPECT_TRUE(doubting.until_problem("certificate is refused")) << doubting.client().problem();
  Node plain("rediss://127.0.0.1:" + std::to_string(redis->port()), *base::TlsContext::for_clients(certificate));
  EXPECT_TRUE(plain.until_problem("no answer within")) << plain.client().problem();  // it waits for a line
}

TEST_F(RedisServersTest, SentinelsNameTheNextMaster) {
  const auto first = server();
  const auto second = server({"--replicaof", "127.0.0.1 " + std::to_string(first->port())});
  std::vector<std::unique_ptr<RedisProcess>> sentinels;
  std::string target = "redis+sentinel://";
  for (int i = 0; i < 3; ++i) {
    const std::string configuration = directory_.file("sentinel" + std::to_string(i) + ".conf");
    std::ofstream(configuration) << "sentinel monitor m 127.0.0.1 " << first->port()
                                 << " 2\nsentinel down-after-milliseconds m 500\nsentinel failover-timeout m 3000\n";
    sentinels.push_back(server({"--sentinel"}, configuration));
    target += (i > 0 ? ",127.0.0.1:" : "127.0.0.1:") + std::to_string(sentinels.back()->port());
  }
  Node node(target + "/m");
  ASSERT_TRUE(node.until_up()) << node.client().problem();
  ASSERT_EQ(node.put("k", "v"), "OK");
  // The sentinels have to know each other, and the replica, to agree on it.
  ASSERT_TRUE(node.until([&] {
    const std::string knows = sentinels[0]->command({"SENTINEL", "MASTER", "m"});
    return knows.find("num-slaves\n1\n") != std::string::npos &&
           knows.find("num-other-sentinels\n2\n") != std::string::npos && second->command({"GET", "k"}) == "v";
  }));
  first->kill();
  ASSERT_TRUE(node.until([&] { return second->command({"ROLE"}).starts_with("master"); }));
  EXPECT_TRUE(node.put_until_taken("k", "w"));
  EXPECT_EQ(second->command({"GET", "k"}), "w");
}

TEST_F(RedisServersTest, SentinelsWithAndWithoutPasswords) {
  const auto master = server({"--requirepass", "server"});
  master->command({"AUTH", "server"});
  ASSERT_EQ(master->command({"ACL", "SETUSER", "footfall", "on", ">own", "~*", "+@all"}), "OK");
  const auto sentinel = [&](const std::string& name, const std::string& more) {
    const std::string configuration = directory_.file(name);
    std::ofstream(configuration) << "sentinel monitor m 127.0.0.1 " << master->port()
                                 << " 1\nsentinel auth-pass m server\n"
                                 << more;
    return server({"--sentinel"}, configuration);
  };
  const auto open = sentinel("open.conf", "");
  const auto closed = sentinel("closed.conf", "requirepass watch\n");
  const auto target = [](const std::string& credentials, const RedisProcess& of, const std::string& query = {}) {
    return "redis+sentinel://" + credentials + "127.0.0.1:" + std::to_string(of.port()) + "/m" + query;
  };
  for (const std::string& uri : {target(":server@", *open), target("footfall:own@", *open),
                                 target(":server@", *open, "?sentinel-password=for%20others"),
                                 target("footfall:own@", *closed, "?sentinel-password=watch")}) {
    Node node(uri);
    EXPECT_TRUE(node.until_up()) << uri << ": " << node.client().problem();
    EXPECT_EQ(node.put("k", uri), "OK");
  }
  Node node(target("footfall:own@", *closed));
  EXPECT_TRUE(node.until_problem("`?sentinel-password=`")) << node.client().problem();
}

class RedisClusterTest : public RedisServersTest {
 protected:
  void SetUp() override {
    RedisServersTest::SetUp();
    if (IsSkipped()) return;
    std::string create = "redis-cli --cluster create";
    for (int i = 0; i < 6; ++i) {
      nodes_.push_back(
          server({"--cluster-enabled", "yes", "--cluster-config-file",
                  directory_.file("nodes" + std::to_string(i) + ".conf"), "--cluster-node-timeout", "1000"}));
      create += " 127.0.0.1:" + std::to_string(nodes_.back()->port());
    }
    create += " --cluster-replicas 1 --cluster-yes > " + directory_.file("create.log") + " 2>&1";
    const bool created = std::system(create.c_str()) == 0;
    std::stringstream log;
    log << std::ifstream(directory_.file("create.log")).rdbuf();
    ASSERT_TRUE(created) << log.str();
  }
  std::vector<std::unique_ptr<RedisProcess>> nodes_;
};

TEST_F(RedisClusterTest, KeysGoToTheirMastersAlsoWhileSlotsMoveAndAMasterDies) {
  Node node(uri(*nodes_[4]));
  ASSERT_TRUE(node.until_up()) << node.client().problem();
  EXPECT_EQ(node.client().masters().size(), 3U);
  std::map<std::string, Client::Tag> tags;
  const auto put_all = [&](const std::string& value) {
    for (int i = 0; i < 2000; ++i) {
      const std::string key = "{site" + std::to_string(i) + "}:k";
      tags[key] = node.submit({"SET", key, value}, key);
    }
  };
  const auto all_taken = [&](const std::string& value) {
    return node.until([&] {
      bool all = true;
      for (auto& [key, tag] : tags) {
        const auto answer = node.answers().find(tag);
        if (answer == node.answers().end()) {
          all = false;
        } else if (answer->second != "OK") {  // again, as callers do
          all = false;
          tag = node.submit({"SET", key, value}, key);
        }
      }
      return all;
    });
  };
  put_all("1");
  ASSERT_TRUE(all_taken("1"));

  // 200 slots go to another master while everything is written again.
  const std::string first_id = nodes_[0]->command({"CLUSTER", "MYID"});
  const std::string second_id = nodes_[1]->command({"CLUSTER", "MYID"});
  int moved = -1;
  std::thread reshard([&] {
    moved = std::system(("redis-cli --cluster reshard 127.0.0.1:" + std::to_string(nodes_[0]->port()) +
                         " --cluster-from " + first_id + " --cluster-to " + second_id +
                         " --cluster-slots 200 --cluster-yes > " + directory_.file("reshard.log") + " 2>&1")
                            .c_str());
  });
  for (int round = 2; round < 6; ++round) {
    put_all(std::to_string(round));
    EXPECT_TRUE(all_taken(std::to_string(round)));
  }
  reshard.join();
  ASSERT_EQ(moved, 0);
  for (const auto& [key, tag] : tags) ASSERT_EQ(node.get(key), "5") << key;

  // A replica that never had its master's data stands for no election.
  ASSERT_TRUE(node.until([&] {
    return nodes_[2]->command({"INFO", "replication"}).find("state=online") != std::string::npos;
  }));
  nodes_[2]->kill();
  put_all("6");
  ASSERT_TRUE(all_taken("6")) << node.client().problem();
  for (const auto& [key, tag] : tags) ASSERT_EQ(node.get(key), "6") << key;
}

}  // namespace
}  // namespace footfall::redis
