// SPDX-License-Identifier: Apache-2.0
#include "redis/client.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "redis/command.h"
#include "support/redis_model.h"

namespace footfall::redis {
namespace {

using Server = testing::RedisModel::Server;

const Address kA{"a", 1};
const Address kB{"b", 2};
const Address kC{"c", 3};

// The transport's part, against the model: each step is a millisecond.
class ClientTest : public ::testing::Test {
 protected:
  Client& connect(const std::string& uri, Client::Options options = {}) {
    options.seed = 1;
    client_.emplace(*parse_target(uri), options, now_ms_);
    return *client_;
  }
  Client& client() { return *client_; }
  std::uint64_t errors(ErrorClass error) { return client().counters().errors[static_cast<std::size_t>(error)].get(); }
  std::string trouble() {
    const auto trouble = client().trouble(now_ms_);
    return trouble ? trouble->kind + ": " + trouble->what : "none";
  }
  testing::RedisModel redis;

  void wait_ms(std::int64_t ms) {
    for (const std::int64_t end = now_ms_ + ms; now_ms_ < end; ++now_ms_) {
      carry_out();
      ASSERT_GE(client_->deadline_ms(), now_ms_ - 1) << "it is due for ever: a transport would spin";
      if (client_->deadline_ms() <= now_ms_) client_->advance(now_ms_);
    }
    carry_out();
  }
  void until_up() {
    for (int i = 0; i < 20'000 && !client_->up(); ++i) wait_ms(1);
    ASSERT_TRUE(client_->up()) << client_->problem();
  }
  // The servers that can no longer be reached lose their connections.
  void cut(const Address& address) {
    redis.at(address).reachable = false;
    std::vector<Client::LinkId> gone;
    for (const auto& [id, connection] : connections_) {
      if (connection->to == address) gone.push_back(id);
    }
    for (const Client::LinkId id : gone) {
      connections_.erase(id);
      client_->closed(id, "reset by peer", now_ms_);
    }
  }

  void set(const std::string& key, const std::string& value) {
    ASSERT_TRUE(client_->submit(++last_tag_, slot_of(key), command({"SET", key, value}), now_ms_));
  }
  // The answer to what was submitted last: its text, or the error.
  std::string answer(std::int64_t within_ms = 6000) {
    for (std::int64_t i = 0; i < within_ms; ++i) {
      if (auto known = answers_.find(last_tag_); known != answers_.end()) return known->second;
      wait_ms(1);
    }
    return "no answer";
  }
  std::string put(const std::string& key, const std::string& value) {
    set(key, value);
    return answer();
  }

  std::int64_t now_ms_ = 1'000'000;
  std::map<Client::Tag, std::string> answers_;
  Client::Tag last_tag_ = 100;

 private:
  void carry_out() {
    for (bool more = true; more;) {
      more = false;
      while (const auto action = client_->take_action()) {
        more = true;
        if (action->what == Client::Action::What::close) {
          connections_.erase(action->link);
        } else if (redis.reachable(action->to)) {
          connections_[action->link] = std::make_unique<testing::RedisModel::Connection>();
          connections_[action->link]->to = action->to;
          client_->opened(action->link, now_ms_);
        } else {
          client_->closed(action->link, "connection refused", now_ms_);
        }
      }
      for (const Client::LinkId id : client_->take_dirty()) {
        std::string* unsent = client_->unsent(id);
        const auto connection = connections_.find(id);
        if (unsent == nullptr || connection == connections_.end()) continue;
        more = true;
        const std::string sent = std::exchange(*unsent, {});
        const std::string reply = redis.answer(*connection->second, sent);
        if (!reply.empty()) client_->received(id, reply, now_ms_);
      }
      while (const auto answer = client_->take_answer()) {
        EXPECT_FALSE(answers_.contains(answer->tag)) << "answered twice";
        answers_[answer->tag] = answer->reply ? answer->reply->text : "unavailable: " + answer->reply.error().detail;
      }
    }
  }

  std::optional<Client> client_;
  std::map<Client::LinkId, std::unique_ptr<testing::RedisModel::Connection>> connections_;
};

// ---- one server

TEST_F(ClientTest, ASingleServerHasEverything) {
  redis.at(kA);
  connect("redis://a:1");
  until_up();
  EXPECT_EQ(client().masters(), std::vector<Address>{kA});
  EXPECT_EQ(put("k", "v"), "OK");
  EXPECT_EQ(redis.at(kA).data.strings["k"], "v");
  EXPECT_EQ(client().problem(), "");
}

TEST_F(ClientTest, WhatIsSubmittedBeforeItIsUpWaits) {
  redis.at(kA);
  connect("redis://a:1");
  EXPECT_EQ(put("k", "v"), "OK");
}

TEST_F(ClientTest, ManyThatWaitAreSentInTurnWhenItIsUp) {
  redis.at(kA).reachable = false;
  connect("redis://a:1");
  wait_ms(100);
  constexpr int kMany = 100'000;  // a queue that each submit() walks would take minutes
  for (int i = 0; i < kMany; ++i) set("k" + std::to_string(i % 100), std::to_string(i));
  redis.at(kA).reachable = true;
  until_up();
  EXPECT_EQ(answer(), "OK");
  EXPECT_EQ(answers_.size(), static_cast<std::size_t>(kMany));
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(redis.at(kA).data.strings["k" + std::to_string(i)], std::to_string(kMany - 100 + i)) << "the last stands";
  }
}

TEST_F(ClientTest, TheMasterAmongSeveralIsFound) {
  redis.at(kA).master = false;
  redis.at(kC);
  connect("redis://a:1,b:2,c:3");  // b is not there at all
  until_up();
  EXPECT_EQ(client().masters(), std::vector<Address>{kC});
}

TEST_F(ClientTest, AfterAFailoverTheNewMasterIsFound) {
  redis.at(kA);
  redis.at(kB).master = false;
  connect("redis://a:1,b:2");
  until_up();
  cut(kA);
  redis.at(kB).master = true;
  until_up();
  EXPECT_EQ(put("k", "v"), "OK");
  EXPECT_EQ(redis.at(kB).data.strings["k"], "v");
}

TEST_F(ClientTest, AMasterThatWasMadeAReplicaAnswersReadonlyAndTheOtherTakesTheWrite) {
  redis.at(kA);
  redis.at(kB).master = false;
  connect("redis://a:1,b:2");
  until_up();
  redis.at(kA).master = false;
  redis.at(kB).master = true;
  EXPECT_EQ(client().counters().masters.get(), 1U);
  EXPECT_EQ(put("k", "v"), "OK");
  EXPECT_EQ(redis.at(kB).data.strings["k"], "v");
  EXPECT_FALSE(redis.at(kA).data.strings.contains("k"));
  EXPECT_EQ(client().counters().masters.get(), 2U) << "b, whose connection was there before";
}

TEST_F(ClientTest, AServerThatComesBackIsUsedWithinSecondsHoweverLongItWasAway) {
  redis.at(kA);
  connect("redis://a:1");
  until_up();
  cut(kA);
  wait_ms(60'000);
  EXPECT_FALSE(client().up());
  EXPECT_NE(client().problem().find("a:1"), std::string::npos);
  redis.at(kA).reachable = true;
  wait_ms(5'100);
  EXPECT_TRUE(client().up()) << client().problem();
}

TEST_F(ClientTest, WhatWasInFlightWhenTheConnectionBrokeIsUnavailable) {
  redis.at(kA);
  connect("redis://a:1");
  until_up();
  redis.at(kA).silent = true;
  set("k", "v");
  wait_ms(5);
  cut(kA);
  EXPECT_NE(answer().find("unavailable"), std::string::npos);
}

TEST_F(ClientTest, ASilentServerIsGivenUpWithinItsTimeout) {
  redis.at(kA);
  connect("redis://a:1");
  until_up();
  redis.at(kA).silent = true;
  set("k", "v");
  EXPECT_NE(answer(2100).find("no answer within 2000 ms"), std::string::npos);
  EXPECT_FALSE(client().up());
}

TEST_F(ClientTest, CommandsThatFindNoServerAreAnsweredInTime) {
  connect("redis://a:1");
  set("k", "v");
  EXPECT_NE(answer(5100).find("connection refused"), std::string::npos);
}

TEST_F(ClientTest, ThePasswordIsUsedAndAWrongOneNamed) {
  redis.at(kA).password = "right";
  connect("redis://:right@a:1");
  until_up();
  connect("redis://:wrong@a:1");
  wait_ms(200);
  EXPECT_FALSE(client().up());
  EXPECT_NE(client().problem().find("refuses user and password"), std::string::npos);
}

TEST_F(ClientTest, ErrorsAtLogInAreCountedByKindAtEachTry) {
  redis.at(kA).password = "right";
  connect("redis://:wrong@a:1");
  wait_ms(1'000);
  const std::uint64_t wrong = errors(ErrorClass::unauthorized);
  EXPECT_GE(wrong, 3U);
  EXPECT_EQ(client().counters().disconnects.get(), wrong);
  connect("redis://a:1");
  wait_ms(1'000);
  EXPECT_GE(errors(ErrorClass::unauthorized), 3U);
  EXPECT_EQ(client().counters().disconnects.get(), errors(ErrorClass::unauthorized));
}

TEST_F(ClientTest, AServerThatMayEvictIsNotUsed) {
  redis.at(kA).policy = "volatile-lru";
  connect("redis://a:1");
  wait_ms(10'000);
  EXPECT_FALSE(client().up());
  EXPECT_NE(client().problem().find("volatile-lru"), std::string::npos);
}

TEST_F(ClientTest, AServerThatIsSetToEvictIsLeftWithinTenSecondsAndUsedAgainWhenThatIsMended) {
  redis.at(kA);
  connect("redis://a:1");
  until_up();
  redis.at(kA).policy = "allkeys-lru";
  wait_ms(Session::kPolicyEachMs + 10);
  EXPECT_FALSE(client().up());
  EXPECT_NE(client().problem().find("its maxmemory-policy is allkeys-lru"), std::string::npos) << client().problem();
  wait_ms(30'000);
  EXPECT_FALSE(client().up());
  redis.at(kA).policy = "noeviction";
  wait_ms(Backoff::kLongestMs + 10);
  EXPECT_TRUE(client().up()) << client().problem();
  EXPECT_EQ(put("k", "v"), "OK");
}

TEST_F(ClientTest, ErrorsThatTheCallerHasToKnowAreItsAnswerAndCounted) {
  redis.at(kA).refuses = "OOM command not allowed";
  connect("redis://a:1");
  EXPECT_EQ(put("k", "v"), "OOM command not allowed");
  EXPECT_EQ(errors(ErrorClass::oom), 1U);
}

TEST_F(ClientTest, AServerThatIsBusyForAWhileIsAskedAgain) {
  redis.at(kA).refuses = "LOADING Redis is loading the dataset in memory";
  connect("redis://a:1");
  until_up();
  set("k", "v");
  wait_ms(300);
  EXPECT_FALSE(answers_.contains(last_tag_));
  redis.at(kA).refuses.clear();
  EXPECT_EQ(answer(), "OK");
}

// ---- what somebody should know

TEST_F(ClientTest, WhatKeepsItFromWorkingIsTroubleWithWhatToDo) {
  redis.at(kA).reachable = false;
  connect("redis://a:1");
  wait_ms(500);
  EXPECT_EQ(trouble(),
            "not available now: Redis at a:1: connection refused: is it running, and can it be reached from here?");
  redis.at(kA).reachable = true;
  redis.at(kA).password = "right";
  wait_ms(Backoff::kLongestMs + 10);
  EXPECT_TRUE(trouble().starts_with("not permitted: ")) << trouble();
  EXPECT_NE(trouble().find("give it in --redis"), std::string::npos) << trouble();
  redis.at(kA).password = "";
  until_up();
  EXPECT_EQ(trouble(), "none");
}

TEST_F(ClientTest, AServerThatTakesNoWritesIsTroubleUntilItDoes) {
  redis.at(kA);
  connect("redis://a:1");
  until_up();
  redis.at(kA).refuses = "OOM command not allowed when used memory > 'maxmemory'.";
  put("k", "v");
  EXPECT_EQ(
      trouble(),
      "oom: Redis at a:1 refuses SET (OOM command not allowed when used memory > 'maxmemory'.): it is full: raise "
      "its `maxmemory`");
  ASSERT_TRUE(client().submit(++last_tag_, slot_of("k"), command({"GET", "k"}), now_ms_));
  answer();
  EXPECT_TRUE(trouble().starts_with("oom")) << "that it reads says nothing";
  redis.at(kA).refuses.clear();
  put("k", "v");
  EXPECT_EQ(trouble(), "none");
}

TEST_F(ClientTest, ARefusalThatNobodyTriesAgainIsForgotten) {
  redis.at(kA).refuses = "MISCONF no snapshots";
  connect("redis://a:1");
  put("k", "v");
  wait_ms(Client::kRefusedMs - 10'000);
  EXPECT_TRUE(trouble().starts_with("misconf"));
  wait_ms(10'010);
  EXPECT_EQ(trouble(), "none");
}

TEST_F(ClientTest, AFullQueueTakesNothing) {
  Client::Options options;
  options.queue_bytes_max = 100;
  connect("redis://a:1", options);
  EXPECT_TRUE(client().submit(1, 0, std::string(60, 'x'), now_ms_));
  EXPECT_FALSE(client().submit(2, 0, std::string(60, 'x'), now_ms_));
  wait_ms(5'100);  // the first is given up
  EXPECT_TRUE(client().submit(3, 0, std::string(60, 'x'), now_ms_));
}

// ---- sentinels

class SentinelTest : public ClientTest {
 protected:
  void sentinels_say(const Address& master) {
    for (const Address& sentinel : {Address{"s1", 26379}, Address{"s2", 26379}}) {
      redis.at(sentinel).mode = Server::Mode::sentinel;
      redis.at(sentinel).sentinels_master = master;
    }
  }
};

TEST_F(SentinelTest, TheirMasterIsUsed) {
  sentinels_say(kB);
  redis.at(kB);
  connect("redis+sentinel://s1,s2/m");
  until_up();
  EXPECT_EQ(client().masters(), std::vector<Address>{kB});
  EXPECT_EQ(put("k", "v"), "OK");
}

TEST_F(SentinelTest, TheyNeedNotHaveThePasswordOfTheServer) {
  sentinels_say(kB);
  redis.at(kB).password = "right";
  for (const char* credentials : {":right@", "ann:right@"}) {
    connect("redis+sentinel://" + std::string(credentials) + "s1,s2/m");
    until_up();
    EXPECT_EQ(put("k", "v"), "OK");
    EXPECT_EQ(errors(ErrorClass::unauthorized), 0U) << "that they have none is no trouble";
  }
}

TEST_F(SentinelTest, TheyMayHaveThePasswordOfTheServerOrOneOfTheirOwn) {
  sentinels_say(kB);
  redis.at(kB).password = redis.at({"s1", 26379}).password = redis.at({"s2", 26379}).password = "right";
  connect("redis+sentinel://:right@s1,s2/m");
  until_up();
  EXPECT_EQ(put("k", "v"), "OK");

  redis.at({"s1", 26379}).password = redis.at({"s2", 26379}).password = "watch";
  connect("redis+sentinel://:right@s1,s2/m?sentinel-password=watch");
  until_up();
  EXPECT_EQ(put("k", "v"), "OK");
  connect("redis+sentinel://:right@s1,s2/m");
  wait_ms(500);
  EXPECT_NE(client().problem().find("give it in --redis, `?sentinel-password=`"), std::string::npos)
      << client().problem();
  connect("redis+sentinel://:right@s1,s2/m?sentinel-password=wrong");
  wait_ms(500);
  EXPECT_NE(client().problem().find("refuses user and password"), std::string::npos) << client().problem();
}

TEST_F(SentinelTest, TheNextIsAskedWhenOneIsAway) {
  sentinels_say(kB);
  redis.at({"s1", 26379}).reachable = false;
  redis.at(kB);
  connect("redis+sentinel://s1,s2/m");
  until_up();
}

TEST_F(SentinelTest, ANewMasterIsFollowedAlthoughTheOldOneStillAnswers) {
  sentinels_say(kA);
  redis.at(kA);
  redis.at(kB);
  connect("redis+sentinel://s1,s2/m");
  until_up();
  sentinels_say(kB);
  wait_ms(1'200);
  EXPECT_EQ(client().masters(), std::vector<Address>{kB});
  EXPECT_EQ(put("k", "v"), "OK");
  EXPECT_EQ(redis.at(kB).data.strings["k"], "v");
}

TEST_F(SentinelTest, AMasterThatIsMissedIsTheTroubleAndNotASentinel) {
  sentinels_say(kB);
  redis.at(kB);
  connect("redis+sentinel://s1,s2/m");
  until_up();
  redis.at({"s1", 26379}).reachable = false;
  cut({"s1", 26379});
  wait_ms(2'000);
  EXPECT_EQ(trouble(), "none");
  cut(kB);
  for (int i = 0; i < 50; ++i) {
    wait_ms(100);
    EXPECT_NE(trouble().find("Redis at b:2"), std::string::npos) << trouble();
  }
}

TEST_F(SentinelTest, AMasterThatDoesNotKnowItYetIsWaitedFor) {
  sentinels_say(kB);
  redis.at(kB).master = false;
  connect("redis+sentinel://s1,s2/m");
  wait_ms(500);
  EXPECT_FALSE(client().up());
  redis.at(kB).master = true;
  until_up();
}

TEST_F(SentinelTest, AMasterOfBeforeThatIsAReplicaIsLeftAlone) {
  sentinels_say(kA);
  redis.at(kA);
  redis.at(kB);
  connect("redis+sentinel://s1,s2/m");
  until_up();
  EXPECT_EQ(client().counters().masters.get(), 1U);
  sentinels_say(kB);
  redis.at(kA).master = false;
  cut(kA);  // as the sentinels do to a server that they make a replica
  redis.at(kA).reachable = true;
  wait_ms(1'200);
  ASSERT_EQ(client().masters(), std::vector<Address>{kB});
  const std::uint64_t connects = client().counters().connects.get();
  wait_ms(40'000);
  EXPECT_EQ(client().counters().connects.get(), connects);
  EXPECT_EQ(client().counters().masters.get(), 2U) << "who is online would be written again for each";
  sentinels_say(kA);
  redis.at(kA).master = true;
  wait_ms(1'200);
  EXPECT_EQ(put("k", "v"), "OK");
  EXPECT_EQ(redis.at(kA).data.strings["k"], "v");
  EXPECT_EQ(client().counters().masters.get(), 3U);
}

TEST_F(SentinelTest, AnUnknownNameAndAWrongSchemeAreSaid) {
  sentinels_say({});
  connect("redis+sentinel://s1,s2/m");
  wait_ms(500);
  EXPECT_NE(client().problem().find("no master named 'm'"), std::string::npos);
  connect("redis://s1:26379");
  wait_ms(500);
  EXPECT_NE(client().problem().find("write redis+sentinel://"), std::string::npos);
  redis.at(kA);
  connect("redis+sentinel://a:1/m");
  wait_ms(500);
  EXPECT_NE(client().problem().find("it is no sentinel"), std::string::npos);
}

// ---- cluster

class ClusterTest : public ClientTest {
 protected:
  ClusterTest() {
    for (const Address& address : {kA, kB, kC}) redis.at(address).mode = Server::Mode::cluster;
    redis.give(0, 5000, kA);
    redis.give(5001, 10000, kB);
    redis.give(10001, kSlots - 1, kC);
  }
  // A key whose slot is `address`'s at the beginning.
  static std::string key_of(const Address& address) {
    for (int i = 0;; ++i) {
      const unsigned slot = slot_of("key" + std::to_string(i));
      if ((slot <= 5000 ? kA : slot <= 10000 ? kB : kC) == address) return "key" + std::to_string(i);
    }
  }
};

TEST_F(ClusterTest, EachKeyGoesToItsMaster) {
  connect("redis://b:2");
  until_up();
  EXPECT_EQ(client().masters().size(), 3U);
  for (const Address& address : {kA, kB, kC}) {
    EXPECT_EQ(put(key_of(address), "v"), "OK");
    EXPECT_EQ(redis.at(address).data.strings[key_of(address)], "v");
    EXPECT_EQ(redis.at(address).commands, 1U);
  }
}

TEST_F(ClusterTest, AMovedSlotIsFollowedAndLearnt) {
  connect("redis://a:1");
  until_up();
  const std::string key = key_of(kA);
  redis.give(slot_of(key), slot_of(key), kB);
  EXPECT_EQ(put(key, "v"), "OK");
  EXPECT_EQ(redis.at(kB).data.strings[key], "v");
  EXPECT_EQ(put(key, "w"), "OK");
  EXPECT_EQ(errors(ErrorClass::moved), 1U);
}

TEST_F(ClusterTest, AKeyThatWentAheadIsAskedForOnce) {
  connect("redis://a:1");
  until_up();
  const std::string key = key_of(kA);
  redis.at(kA).migrating[slot_of(key)] = kB;
  redis.at(kB).importing.insert(slot_of(key));
  EXPECT_EQ(put(key, "v"), "OK");
  EXPECT_EQ(redis.at(kB).data.strings[key], "v");
  EXPECT_EQ(put(key, "w"), "OK");
  EXPECT_EQ(errors(ErrorClass::ask), 2U);  // the slot is still a's
}

TEST_F(ClusterTest, AMasterThatDiesIsReplacedByWhoTheOthersName) {
  redis.at({"r", 9}).mode = Server::Mode::cluster;
  redis.at({"r", 9}).master = false;
  connect("redis://a:1");
  until_up();
  cut(kB);
  wait_ms(500);
  EXPECT_FALSE(client().up());
  redis.at({"r", 9}).master = true;
  redis.give(5001, 10000, {"r", 9});
  EXPECT_EQ(client().counters().masters.get(), 3U);
  until_up();
  EXPECT_EQ(client().counters().masters.get(), 4U);
  EXPECT_EQ(put(key_of(kB), "v"), "OK");
  EXPECT_EQ(redis.at({"r", 9}).data.strings[key_of(kB)], "v");
}

TEST_F(ClusterTest, TheClusterIsKnownWhenTheFirstAddressIsLongGone) {
  connect("redis://a:1");
  until_up();
  cut(kA);
  redis.give(0, 5000, kC);
  until_up();
  EXPECT_EQ(put(key_of(kA), "v"), "OK");
  EXPECT_EQ(redis.at(kC).data.strings[key_of(kA)], "v");
}

TEST_F(ClusterTest, ASlotThatNobodyServesIsWaitedFor) {
  connect("redis://a:1");
  until_up();
  const std::string key = key_of(kB);
  cut(kB);
  set(key, "v");
  wait_ms(1'000);
  EXPECT_FALSE(answers_.contains(last_tag_));
  redis.give(5001, 10000, kC);
  EXPECT_EQ(answer(), "OK");
}

TEST_F(ClusterTest, TwoThatNameEachOtherEndInAnAnswer) {
  redis.at(kA).mode = Server::Mode::cluster;
  connect("redis://a:1");
  until_up();
  const std::string key = key_of(kA);
  // a hands the key to b, which does not import it, and sends back.
  redis.at(kA).migrating[slot_of(key)] = kB;
  set(key, "v");
  EXPECT_NE(answer(30'000), "no answer");
}

TEST_F(ClusterTest, ManyCommandsThroughAReshardingAreAllAnsweredOnce) {
  connect("redis://a:1,b:2,c:3");
  until_up();
  std::set<Client::Tag> sent;
  for (unsigned i = 0; i < 3000; ++i) {
    set("key" + std::to_string(i), std::to_string(i));
    sent.insert(last_tag_);
    if (i % 10 == 0) {
      const std::array<Address, 3> all{kA, kB, kC};
      redis.give(i * 5 % 16000, i * 5 % 16000 + 300, all[i / 10 % 3]);
      wait_ms(1);
    }
  }
  wait_ms(10'000);
  for (const Client::Tag tag : sent) EXPECT_EQ(answers_[tag], "OK") << tag;
}

}  // namespace
}  // namespace footfall::redis
