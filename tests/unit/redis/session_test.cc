// SPDX-License-Identifier: Apache-2.0
#include "redis/session.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "redis/command.h"

namespace footfall::redis {
namespace {

const Address kServer{"r", 6379};

std::string bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}
std::string info(const std::string& more = {}, const std::string& version = "7.0.15") {
  return bulk("# Server\r\nredis_version:" + version + "\r\nredis_mode:standalone\r\n" + more);
}

class SessionTest : public ::testing::Test {
 protected:
  Session& session(const Session::Options& options = {}) {
    session_.emplace(kServer, options, 0);
    return *session_;
  }
  // A session that is ready, with nothing unsent.
  Session& ready() {
    session().receive("+OK\r\n" + info(), 0);
    EXPECT_TRUE(session_->ready());
    session_->unsent().clear();
    return *session_;
  }
  std::string failure(const std::string& replies, const Session::Options& options = {}) {
    session(options).receive(replies, 0);
    return session_->failed() ? session_->error().detail : "not failed";
  }

 private:
  std::optional<Session> session_;
};

TEST_F(SessionTest, LogsInNamesItselfAndAsksWhoIsThere) {
  EXPECT_EQ(session().unsent(), command({"CLIENT", "SETNAME", "footfall"}) + command({"INFO"}));
  EXPECT_EQ(session({"", "pass", 0, 2000}).unsent(),
            command({"AUTH", "pass"}) + command({"CLIENT", "SETNAME", "footfall"}) + command({"INFO"}));
  EXPECT_TRUE(session({"ann", "pass", 0, 2000}).unsent().starts_with(command({"AUTH", "ann", "pass"})));
}

TEST_F(SessionTest, ADatabaseIsSelectedBeforeItIsReady) {
  Session& s = session({"", "", 3, 2000});
  s.unsent().clear();
  s.receive("+OK\r\n" + info(), 0);
  EXPECT_FALSE(s.ready());
  EXPECT_EQ(s.unsent(), command({"SELECT", "3"}));
  s.receive("+OK\r\n", 0);
  EXPECT_TRUE(s.ready());
}

TEST_F(SessionTest, KnowsWhatTheServerSaysOfItself) {
  Session& s = session();
  s.receive(
      "+OK\r\n" + bulk("redis_version:7.2.4\r\nredis_mode:cluster\r\nmaxmemory_policy:noeviction\r\nrole:slave\r\n"),
      0);
  ASSERT_TRUE(s.ready());
  EXPECT_EQ(s.server().mode, Session::Server::Mode::cluster);
  EXPECT_EQ(s.server().version, "7.2.4");
  EXPECT_FALSE(s.server().master);
}

TEST_F(SessionTest, RepliesComeInTheOrderOfTheirCommands) {
  Session& s = ready();
  s.submit(7, command({"GET", "a"}), 0);
  s.submit(8, command({"GET", "b"}), 0);
  EXPECT_EQ(s.unsent(), command({"GET", "a"}) + command({"GET", "b"}));
  s.receive("$1\r\nA\r\n:2\r\n", 0);
  auto first = s.next();
  auto second = s.next();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->tag, 7U);
  EXPECT_EQ(first->reply.text, "A");
  EXPECT_EQ(second->tag, 8U);
  EXPECT_EQ(second->reply.integer, 2);
  EXPECT_FALSE(s.next());
}

TEST_F(SessionTest, ItDoesNotMatterWhereRepliesAreCut) {
  const std::string bytes =
      "+OK\r\n+OK\r\n" + info("maxmemory_policy:noeviction\r\n") + "+OK\r\n$3\r\na\r\n\r\n-ERR x\r\n";
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    Session& s = session({"", "pass", 1, 2000});
    bool submitted = false;
    const auto give = [&](std::string_view piece) {
      for (const char c : piece) {  // byte by byte, with a longer first piece
        s.receive(std::string_view(&c, 1), 0);
        if (s.ready() && !submitted) {
          s.submit(1, command({"GET", "a"}), 0);
          s.submit(2, command({"X"}), 0);
          submitted = true;
        }
      }
    };
    const std::size_t log_in = bytes.find("$3\r\na");
    s.receive(std::string_view(bytes).substr(0, std::min(cut, log_in)), 0);
    if (s.ready()) {
      s.submit(1, command({"GET", "a"}), 0);
      s.submit(2, command({"X"}), 0);
      submitted = true;
    }
    give(std::string_view(bytes).substr(std::min(cut, log_in)));
    ASSERT_FALSE(s.failed()) << cut << ": " << s.error().detail;
    const auto text = s.next();
    const auto error = s.next();
    ASSERT_TRUE(text && error) << cut;
    EXPECT_EQ(text->reply.text, "a\r\n");
    EXPECT_TRUE(error->reply.is_error());
  }
}

// ---- time

TEST_F(SessionTest, FailsWhenNothingIsHeardWhileAReplyIsOwed) {
  Session& s = ready();
  EXPECT_EQ(s.deadline_ms(), Session::kPolicyEachMs);
  EXPECT_FALSE(s.owes());
  s.submit(1, command({"PING"}), 5'000);
  EXPECT_EQ(s.deadline_ms(), 7'000);
  s.receive("+PO", 6'000);  // something was heard
  s.advance(7'999);
  EXPECT_FALSE(s.failed());
  s.advance(8'000);
  ASSERT_TRUE(s.failed());
  EXPECT_EQ(s.owed(), std::vector<Session::Tag>{1});
}

TEST_F(SessionTest, ALogInThatIsNotAnsweredFails) {
  Session& s = session();
  s.advance(1999);
  EXPECT_FALSE(s.failed());
  s.advance(2000);
  EXPECT_TRUE(s.failed());
}

// ---- servers that are refused

TEST_F(SessionTest, AServerThatMayEvictIsRefusedAndWhyIsSaid) {
  const std::string said = failure("+OK\r\n" + info("maxmemory_policy:allkeys-lru\r\n"));
  EXPECT_NE(said.find("r:6379"), std::string::npos);
  EXPECT_NE(said.find("allkeys-lru"), std::string::npos);
  EXPECT_NE(said.find("Set `maxmemory-policy noeviction`"), std::string::npos);
}

TEST_F(SessionTest, AServerThatMayEvictLaterIsRefusedThenWhereverItsAnswerIsCut) {
  const std::string bytes = "+PONG\r\n" + bulk("# Memory\r\nmaxmemory_policy:allkeys-lru\r\n");
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    Session& s = ready();
    s.advance(Session::kPolicyEachMs - 1);
    EXPECT_EQ(s.unsent(), "");
    s.submit(7, command({"PING"}), Session::kPolicyEachMs - 1);
    s.unsent().clear();
    s.advance(Session::kPolicyEachMs);
    EXPECT_EQ(s.unsent(), command({"INFO", "memory"}));
    EXPECT_EQ(s.owed(), std::vector<Session::Tag>{7}) << "its own question is nobody's command";
    s.receive(bytes.substr(0, cut), Session::kPolicyEachMs);
    s.receive(bytes.substr(cut), Session::kPolicyEachMs);
    ASSERT_TRUE(s.failed()) << cut;
    EXPECT_NE(s.error().detail.find("its maxmemory-policy is allkeys-lru"), std::string::npos);
    const auto answer = s.next();
    ASSERT_TRUE(answer) << "what was answered before";
    EXPECT_EQ(answer->tag, 7U);
    EXPECT_FALSE(s.next());
  }
}

TEST_F(SessionTest, ItIsAskedAgainAndAgainWhetherItMayEvict) {
  Session& s = ready();
  for (std::int64_t now_ms = Session::kPolicyEachMs; now_ms < 60'000; now_ms += Session::kPolicyEachMs) {
    EXPECT_EQ(s.deadline_ms(), now_ms);
    s.advance(now_ms);
    EXPECT_EQ(std::exchange(s.unsent(), {}), command({"INFO", "memory"}));
    s.advance(now_ms + 1);
    EXPECT_EQ(s.unsent(), "") << "once, until it is answered";
    s.receive(
        now_ms % 20'000 == 0 ? "-BUSY Redis is busy running a script\r\n" : bulk("maxmemory_policy:noeviction\r\n"),
        now_ms);
    EXPECT_TRUE(s.ready());
  }
}

TEST_F(SessionTest, SentinelsHaveNoPolicy) {
  Session& s = session();
  s.receive("+OK\r\n" + bulk("redis_version:7.0.15\r\nredis_mode:sentinel\r\n"), 0);
  EXPECT_FALSE(s.deadline_ms());
}

TEST_F(SessionTest, AnOldServerIsRefused) {
  EXPECT_NE(failure("+OK\r\n" + info({}, "6.0.16")).find("6.2 or later"), std::string::npos);
  EXPECT_NE(failure("+OK\r\n" + info({}, "")).find("6.2 or later"), std::string::npos);
  EXPECT_EQ(failure("+OK\r\n" + info({}, "6.2.0")), "not failed");
  EXPECT_EQ(failure("+OK\r\n" + info({}, "10.0")), "not failed");
}

TEST_F(SessionTest, WrongOrMissingPasswordsAreNamed) {
  EXPECT_NE(failure("-WRONGPASS invalid\r\n", {"u", "secret", 0, 2000}).find("refuses user and password"),
            std::string::npos);
  EXPECT_EQ(failure("-WRONGPASS invalid\r\n", {"u", "secret", 0, 2000}).find("secret"), std::string::npos);
  EXPECT_NE(
      failure("-NOAUTH Authentication required.\r\n-NOAUTH Authentication required.\r\n").find("wants a password"),
      std::string::npos);
  EXPECT_NE(failure("+OK\r\n-NOPERM no permissions\r\n").find("may not run INFO"), std::string::npos);
}

TEST_F(SessionTest, ALogInThatIsRefusedTellsTheKindOfErrorOnceWhereverRepliesAreCut) {
  const struct {
    std::string replies;
    Session::Options options;
    ErrorClass error;
  } cases[] = {
      {"-WRONGPASS invalid username-password pair\r\n", {"u", "p", 0, 2000}, ErrorClass::unauthorized},
      {"-NOAUTH Authentication required.\r\n-NOAUTH Authentication required.\r\n", {}, ErrorClass::unauthorized},
      {"+OK\r\n-NOPERM this user has no permissions\r\n", {}, ErrorClass::forbidden},
      {"-NOPERM may not name itself\r\n-LOADING Redis is loading\r\n", {}, ErrorClass::loading},
      {"+OK\r\n" + info() + "-NOPERM no SELECT\r\n", {"", "", 1, 2000}, ErrorClass::forbidden},
  };
  for (const auto& of : cases) {
    for (std::size_t cut = 0; cut <= of.replies.size(); ++cut) {
      Session& s = session(of.options);
      s.receive(of.replies.substr(0, cut), 0);
      std::vector<ErrorClass> told = s.take_refusals();
      s.receive(of.replies.substr(cut), 0);
      for (const ErrorClass error : s.take_refusals()) told.push_back(error);
      EXPECT_EQ(told, std::vector{of.error}) << of.replies << " cut at " << cut;
      EXPECT_TRUE(s.failed());
    }
  }
}

TEST_F(SessionTest, APasswordThatIsNotNeededDoesNoHarm) {
  EXPECT_EQ(
      failure("-ERR AUTH <password> called without any password configured\r\n+OK\r\n" + info(), {"", "p", 0, 2000}),
      "not failed");
}

TEST_F(SessionTest, APasswordThatWasOnlyOfferedMayBeRefused) {
  const Session::Options offered{"u", "p", 0, 2000, true};
  for (const char* refusal : {"-WRONGPASS invalid username-password pair\r\n",
                              "-ERR AUTH <password> called without any password configured for the default user\r\n"}) {
    const std::string bytes = refusal + ("+OK\r\n" + info());
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
      Session& s = session(offered);
      s.receive(bytes.substr(0, cut), 0);
      s.receive(bytes.substr(cut), 0);
      EXPECT_TRUE(s.ready()) << bytes << " cut at " << cut;
      EXPECT_TRUE(s.take_refusals().empty());
    }
  }
  const std::string wants =
      "-WRONGPASS invalid\r\n-NOAUTH Authentication required.\r\n-NOAUTH Authentication required.\r\n";
  EXPECT_NE(failure(wants, offered).find("`?sentinel-password=`"), std::string::npos) << failure(wants, offered);
}

TEST_F(SessionTest, ACommandThatHasTheConnectionToItselfIsTimed) {
  Session& s = ready();
  EXPECT_FALSE(s.take_round_trip_ms()) << "the log-in is none";
  s.submit(1, command({"GET", "a"}), 100);
  s.submit(2, command({"GET", "b"}), 105);
  s.receive(":1\r\n", 130);
  EXPECT_EQ(s.take_round_trip_ms(), 30);
  s.receive(":2\r\n", 190);
  EXPECT_FALSE(s.take_round_trip_ms()) << "it waited for the first";
  s.submit(3, command({"GET", "c"}), 200);
  s.receive(":3\r\n", 207);
  EXPECT_EQ(s.take_round_trip_ms(), 7);
  EXPECT_FALSE(s.take_round_trip_ms());
}

TEST_F(SessionTest, AServerThatReadsItsDumpIsNotReady) {
  EXPECT_NE(failure("+OK\r\n" + info("loading:1\r\n")).find("reading its dump"), std::string::npos);
  EXPECT_NE(failure("+OK\r\n-LOADING Redis is loading the dataset in memory\r\n").find("LOADING"), std::string::npos);
}

TEST_F(SessionTest, AClusterHasOneDatabase) {
  EXPECT_NE(failure("+OK\r\n" + bulk("redis_version:7.0.0\r\nredis_mode:cluster\r\n"), {"", "", 2, 2000})
                .find("database 0 alone"),
            std::string::npos);
}

TEST_F(SessionTest, ADatabaseThatIsNotThereIsNamed) {
  EXPECT_NE(failure("+OK\r\n" + info() + "-ERR DB index is out of range\r\n", {"", "", 99, 2000}).find("database 99"),
            std::string::npos);
}

TEST_F(SessionTest, WhatIsNoRedisFails) {
  EXPECT_NE(failure("HTTP/1.1 400 Bad Request\r\n").find("r:6379"), std::string::npos);
  EXPECT_EQ(failure("+OK\r\n" + info() + "+MORE\r\n").find("not failed"), std::string::npos);
}

}  // namespace
}  // namespace footfall::redis
