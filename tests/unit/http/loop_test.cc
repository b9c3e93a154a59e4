// SPDX-License-Identifier: Apache-2.0
// All that a connection does, without TLS and through it.
#include "http/loop.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "http/queue_delay.h"
#include "http/standing_queue.h"
#include "loop_fixture.h"

namespace footfall::http {
namespace {

class LoopTest : public LoopFixture, public ::testing::WithParamInterface<bool> {
 protected:
  LoopTest() : LoopFixture(GetParam()) {}
};
INSTANTIATE_TEST_SUITE_P(Plain, LoopTest, ::testing::Values(false));
INSTANTIATE_TEST_SUITE_P(Tls, LoopTest, ::testing::Values(true));

class PlainLoopTest : public LoopFixture {
 protected:
  PlainLoopTest() : LoopFixture(false) {}
};

class TlsLoopTest : public LoopFixture {
 protected:
  TlsLoopTest() : LoopFixture(true) {}
};

TEST_P(LoopTest, AnswersAReadWithOneSend) {
  Client client = connect();
  const std::uint64_t recv_calls = counters().recv_calls.get(), send_calls = counters().send_calls.get();
  const std::uint64_t bytes_out = counters().bytes_out.get();
  client.says(get("/1") + get("/2") + get("/3"));
  settle();
  EXPECT_EQ(client.hears(), "/1\n/2\n/3\n");
  EXPECT_EQ(counters().recv_calls.get(), recv_calls + 1);
  EXPECT_EQ(counters().send_calls.get(), send_calls + 1);
  EXPECT_EQ(counters().requests.get(), 3U);
  EXPECT_EQ(counters().bytes_out.get(), bytes_out + 9U + (GetParam() ? 22U : 0U));  // one record of TLS 1.3
  EXPECT_EQ(handler_->calls, 1);
  EXPECT_EQ(handler_->passes, 1);
  EXPECT_EQ(handler_->last_peer.listener, 3);
}

TEST_P(LoopTest, OnePassReadsAllThatAreReady) {
  std::vector<Client> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(connect());
  for (std::size_t i = 0; i < clients.size(); ++i) clients[i].says(get("/" + std::to_string(i)));
  settle();
  for (std::size_t i = 0; i < clients.size(); ++i) EXPECT_EQ(clients[i].hears(), "/" + std::to_string(i) + "\n");
  EXPECT_EQ(handler_->passes, 1);
  EXPECT_EQ(loop_->connections(), 20U);
}

// The clock moves with each read only, so that delays are exact.
class LoopDelayTest : public PlainLoopTest {
 protected:
  LoopDelayTest() {
    handler_->clock = &clock_;
    for (int i = 0; i < 600; ++i) clients_.push_back(connect());
  }
  // Each of the first `count` sends a request.
  void all_say(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) clients_[i].says(get("/"));
  }
  // The next pass, and no more.
  void one_pass() {
    const std::uint64_t before = counters().passes.get();
    for (int n = 0; n < 200 && counters().passes.get() == before; ++n) {
      context_.restart();
      context_.run_one_for(std::chrono::milliseconds(50));
    }
    ASSERT_GT(counters().passes.get(), before) << "nothing is ready";
  }
  std::vector<Client> clients_;
};

TEST_F(LoopDelayTest, OverloadIsWhoWaitsTooLongForATurn) {
  handler_->cost_ms = 1;
  all_say(200);
  settle();
  EXPECT_FALSE(loop_->overloaded());  // 200 ms
  all_say(600);
  one_pass();  // the 256 that a pass takes: others have waited for 256 ms, and still do
  EXPECT_TRUE(loop_->overloaded());
  one_pass();
  all_say(256);  // behind the 88 that still wait
  one_pass();
  EXPECT_TRUE(loop_->overloaded());
  settle();  // the 88 that are left are one short pass
  EXPECT_FALSE(loop_->overloaded());
  pass_time(0);
  EXPECT_EQ(counters().overloaded.get(), 0U);
  EXPECT_EQ(counters().queue_delay_ms.get(), 88U);
}

TEST_F(LoopDelayTest, ManyFastOnesAreNoOverload) {
  for (int round = 0; round < 5; ++round) {
    all_say(600);
    settle();
    EXPECT_FALSE(loop_->overloaded());
  }
  pass_time(0);
  EXPECT_EQ(counters().queue_delay_ms.get(), 0U);
  for (Client& client : clients_) EXPECT_EQ(client.hears(), "/\n/\n/\n/\n/\n");
}

TEST_F(LoopDelayTest, AnIdleWhileEndsIt) {
  handler_->cost_ms = 2;
  all_say(200);
  settle();
  EXPECT_TRUE(loop_->overloaded());
  pass_time(kWellMs + 1);
  EXPECT_FALSE(loop_->overloaded());
}

// ---- Shares of a pass

// One sends thousands of requests without waiting, the others one at a time.
TEST_F(LoopDelayTest, EachIsAnsweredInEachPassBesideOneThatSendsThousands) {
  Client greedy = connect();
  std::string_view rest;
  std::string text;
  for (int i = 0; i < 5000; ++i) text += get("/g");
  rest = text;
  std::size_t heard = 0;
  for (int pass = 0; pass < 20; ++pass) {
    rest.remove_prefix(greedy.tries_to_say(rest));
    all_say(50);
    one_pass();
    for (std::size_t i = 0; i < 50; ++i) ASSERT_EQ(clients_[i].hears(), "/\n") << i << " of pass " << pass;
    const std::size_t answers = greedy.hears().size() / 3;
    EXPECT_GT(answers, 0U);
    EXPECT_LE(answers, kPipelineMax);
    heard += answers;
  }
  for (int i = 0; i < 1000 && heard < 5000; ++i) {
    rest.remove_prefix(greedy.tries_to_say(rest));
    settle();
    heard += greedy.hears().size() / 3;
  }
  EXPECT_EQ(heard, 5000U);
}

// There are more than a pass takes: it goes round.
TEST_F(LoopDelayTest, NobodyIsServedTwiceBeforeAllWereServedOnce) {
  Client greedy = connect();
  std::string text;
  for (int i = 0; i < 5000; ++i) text += get("/g");
  std::string_view rest = text;
  std::vector<std::size_t> answers(clients_.size());
  all_say(clients_.size());
  for (std::size_t pass = 1; pass <= 12; ++pass) {
    rest.remove_prefix(greedy.tries_to_say(rest));
    one_pass();
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      if (clients_[i].hears().empty()) continue;
      ++answers[i];
      clients_[i].says(get("/"));  // and waits again
    }
    EXPECT_LE(greedy.hears().size() / 3, kPipelineMax) << "of pass " << pass;
    const auto [least, most] = std::minmax_element(answers.begin(), answers.end());
    EXPECT_LE(*most, *least + 1) << "after pass " << pass;
  }
  EXPECT_GE(*std::min_element(answers.begin(), answers.end()), 4U);
}

// A batch comes as fast as it is taken. Beside pings it has its turn now and then; alone it is read in each pass.
TEST_F(LoopDelayTest, ALargeBodyHasATurnInSixteenBesidePings) {
  constexpr std::size_t kLength = 15U << 20U, kTurnMax = 64U << 10U, kTurns = 16;
  parser_limits_.batch_path = "/taken";
  clients_.clear();
  start({});
  clients_.push_back(connect());
  const std::string text = "POST /taken HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(kLength) +
                           "\r\n\r\n" + std::string(kLength, 'x');
  Client batch = connect();
  std::string_view rest = text;
  const auto pass = [&](bool with_ping) {
    rest.remove_prefix(batch.tries_to_say(rest));
    const std::size_t before = handler_->taken.size();
    if (with_ping) clients_[0].says(get("/"));
    one_pass();
    EXPECT_EQ(clients_[0].hears(), with_ping ? "/\n" : "");
    return handler_->taken.size() - before;
  };
  pass(false);  // its head
  for (int round = 0; round < 3; ++round) {
    pass(true);
    std::size_t turns = 0;
    for (std::size_t n = 0; n < 4 * kTurns; ++n) {
      const std::size_t taken = pass(true);
      EXPECT_LE(taken, kTurnMax);
      turns += taken != 0 ? 1U : 0U;
    }
    EXPECT_EQ(turns, 4U);
    pass(false);  // behind a pass with a ping
    for (int n = 0; n < 4; ++n) EXPECT_GT(pass(false), kTurnMax);
  }
  for (int n = 0; n < 10'000 && !HasFailure() && handler_->taken.size() < kLength; ++n) pass(n % 2 == 0);
  EXPECT_EQ(handler_->taken.size(), kLength);
  settle();
  EXPECT_EQ(batch.hears(), "/taken\n");
}

// ---- What is sent ahead

TEST_F(LoopDelayTest, WhatStandsInASocketIsToBeShedUntilItIsRead) {
  handler_->cost_ms = 1;
  Client greedy = connect();
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += get("/g");
  std::string_view rest = text;
  const std::int64_t begin_ms = clock_.utc_ms();
  const auto pass = [&] {
    rest.remove_prefix(greedy.tries_to_say(rest));
    all_say(40);  // so many that a read is short
    one_pass();
    greedy.hears();
    for (std::size_t i = 0; i < 40; ++i) clients_[i].hears();
  };
  while (handler_->to_shed.empty() && !rest.empty()) pass();
  ASSERT_FALSE(rest.empty());
  const std::int64_t stood_ms = clock_.utc_ms() - begin_ms;
  EXPECT_GE(stood_ms, kStandingMs);
  EXPECT_LE(stood_ms, kStandingMs + 150);  // the pass before the first full read, that of the last, and some of 42 ms
  EXPECT_FALSE(loop_->overloaded());
  for (int i = 0; i < 3; ++i) pass();
  EXPECT_GT(handler_->to_shed.size(), 1U);
  for (const ConnectionRef ref : handler_->to_shed) EXPECT_EQ(ref, handler_->to_shed.front()) << "the others wait";
  for (int i = 0; i < 1000; ++i) {
    settle();
    greedy.hears();
  }
  handler_->to_shed.clear();
  const std::size_t begun = (text.size() - rest.size()) % get("/g").size();
  greedy.says(get("/g").substr(begun) + get("/g"));
  settle();
  EXPECT_TRUE(greedy.hears().ends_with("/g\n"));
  EXPECT_TRUE(handler_->to_shed.empty()) << "all was read";
}

TEST_P(LoopTest, AnswersMayBeGivenAtOnceOrLater) {
  Client client = connect();
  client.says(get("/now") + get("/2"));
  settle();
  EXPECT_EQ(client.hears(), "/now\n/2\n");
  handler_->held = true;
  client.says(get("/3") + get("/4"));
  settle();
  EXPECT_EQ(client.hears(), "");
  handler_->answer(1);
  loop_->flush();
  EXPECT_EQ(client.hears(), "/3\n");
  handler_->answer(1);
  loop_->flush();
  EXPECT_EQ(client.hears(), "/4\n");
}

TEST_P(LoopTest, ARequestMayDripIn) {
  Client client = connect();
  for (const char c : get("/drip")) {
    client.says(std::string(1, c));
    settle();
  }
  EXPECT_EQ(client.hears(), "/drip\n");
}

TEST_P(LoopTest, AsManyAsThePipelineHoldsAndThenTheRest) {
  Client client = connect();
  std::string text, expected;
  for (int i = 0; i < 1000; ++i) {
    text += get("/" + std::to_string(i));
    expected += "/" + std::to_string(i) + "\n";
  }
  client.says(text);
  settle();
  EXPECT_EQ(client.hears(), expected);
}

TEST_P(LoopTest, APipelineThatWaitsForItsAnswersIsNotReadOn) {
  Client client = connect();
  handler_->held = true;
  std::string text;
  for (int i = 0; i < 5000; ++i) text += get("/x");
  std::string_view rest = text;
  for (int turn = 0; turn < 20; ++turn) {
    rest.remove_prefix(client.tries_to_say(rest));
    settle();
  }
  EXPECT_EQ(handler_->due.size(), kPipelineMax);
  std::size_t heard = 0;
  while (heard < 5000 * 3) {
    handler_->answer(handler_->due.size());
    loop_->flush();
    settle();
    rest.remove_prefix(client.tries_to_say(rest));
    settle();
    const std::size_t more = client.hears().size();
    ASSERT_NE(more, 0U);
    heard += more;
  }
  EXPECT_EQ(heard, 5000U * 3);
}

TEST_P(LoopTest, APausedConnectionGoesOnWhenAllIsAnswered) {
  Client client = connect();
  handler_->held = true;
  client.says(get("/1") + get("/pause") + get("/3"));
  settle();
  EXPECT_EQ(handler_->due.size(), 2U);
  handler_->answer(2);
  loop_->flush();
  settle();
  EXPECT_EQ(handler_->due.size(), 1U);
  handler_->answer(1);
  loop_->flush();
  EXPECT_EQ(client.hears(), "/1\n/pause\n/3\n");
}

TEST_P(LoopTest, ClosesBehindTheLastAnswer) {
  Client client = connect();
  client.says("GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  settle();
  EXPECT_EQ(client.hears(), "/1\n");
  EXPECT_TRUE(client.sees_the_end());
  EXPECT_EQ(loop_->connections(), 0U);
  EXPECT_EQ(handler_->closed, std::vector<ConnectionRef>{handler_->last_ref});
}

TEST_P(LoopTest, AHalfClosedPeerStillHearsItsAnswers) {
  Client client = connect();
  handler_->held = true;
  client.says(get("/1") + get("/2"));
  client.says_no_more();
  settle();
  EXPECT_EQ(client.hears(), "");
  handler_->answer(2);
  loop_->flush();
  settle();
  EXPECT_EQ(client.hears(), "/1\n/2\n");
  EXPECT_TRUE(client.sees_the_end());
  EXPECT_EQ(loop_->connections(), 0U);
}

TEST_P(LoopTest, AHalfClosedPeerHearsAllOfALongPipeline) {
  Client client = connect();
  std::string text, expected;
  for (int i = 0; i < 500; ++i) {
    text += get("/x");
    expected += "/x\n";
  }
  client.says(text);
  client.says_no_more();
  settle();
  EXPECT_EQ(client.hears(), expected);
  EXPECT_EQ(loop_->connections(), 0U);
}

TEST_P(LoopTest, HitsOfAPeerThatLeftAreHandedOut) {
  Client client = connect();
  handler_->held = true;
  client.says(get("/1") + get("/2"));
  client.leave();
  settle();
  EXPECT_EQ(handler_->due.size(), 2U);
  // It does not spin meanwhile.
  const std::uint64_t passes = counters().passes.get();
  for (int i = 0; i < 10; ++i) settle();
  EXPECT_LE(counters().passes.get(), passes + 2);
  handler_->answer(2);
  loop_->flush();
  settle();
  EXPECT_EQ(loop_->connections(), 0U);
  EXPECT_EQ(handler_->closed.size(), 1U);
}

TEST_P(LoopTest, ASlowReaderGetsAllInTheEnd) {
  Client client = connect();
  client.says(get("/big") + get("/2"));
  settle();
  EXPECT_FALSE(loop_->drained(handler_->last_ref));
  std::string heard;
  for (int i = 0; i < 1000 && heard.size() < (1U << 20U) + 3; ++i) {
    heard += client.hears(10'000);
    settle();
  }
  EXPECT_EQ(heard, std::string(1U << 20U, 'b') + "/2\n");
  EXPECT_TRUE(loop_->drained(handler_->last_ref));
  client.says(get("/3"));
  settle();
  EXPECT_EQ(client.hears(), "/3\n");
}

TEST_P(LoopTest, AReaderBehindIsNotReadFrom) {
  Client client = connect();
  client.says(get("/big"));
  settle();
  client.says(get("/2"));
  settle();
  EXPECT_EQ(counters().requests.get(), 1U);
  std::string heard;
  for (int i = 0; i < 1000 && heard.size() < (1U << 20U) + 3; ++i) {
    heard += client.hears(100'000);
    settle();
  }
  EXPECT_EQ(heard.substr(1U << 20U), "/2\n");
}

TEST_P(LoopTest, SaysContinueWhenAsked) {
  Client client = connect();
  client.says("POST /p HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  settle();
  EXPECT_EQ(client.hears(), "HTTP/1.1 100 Continue\r\n\r\n");
  client.says("ok");
  settle();
  EXPECT_EQ(client.hears(), "/pok\n");
}

TEST_P(LoopTest, TheHandlerMayHangUp) {
  Client client = connect();
  client.says(get("/hang-up") + get("/2"));
  settle();
  EXPECT_EQ(client.hears(), "/hang-up\n");
  EXPECT_TRUE(client.sees_the_end());
}

TEST_P(LoopTest, AStaleRefDoesNothing) {
  Client client = connect();
  handler_->held = true;
  client.says(get("/1"));
  settle();
  const ConnectionRef stale = handler_->last_ref;
  loop_->close(stale);
  settle();
  EXPECT_EQ(loop_->connections(), 0U);
  Client other = connect();
  other.says(get("/2"));
  settle();
  EXPECT_EQ(handler_->last_ref.index, stale.index);
  handler_->answer(1);  // to the one that is gone
  loop_->close(stale);
  loop_->start_stream(stale);
  EXPECT_TRUE(loop_->push(stale, "x"));
  EXPECT_TRUE(loop_->drained(stale));
  loop_->begin_answer({}).append("to nobody");
  handler_->answer(1);
  loop_->flush();
  EXPECT_EQ(other.hears(), "/2\n");
}

TEST_F(PlainLoopTest, ConnectionsMayComeFromOtherThreads) {
  std::vector<Client> clients;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    int ours = -1;
    const int theirs = socket_pair(ours);
    fcntl_nonblocking(theirs);
    clients.emplace_back(ours);
    threads.emplace_back([this, theirs] { loop_->adopt(theirs, {}); });
  }
  for (std::thread& thread : threads) thread.join();
  for (Client& client : clients) client.says(get("/1"));
  settle();
  for (Client& client : clients) EXPECT_EQ(client.hears(), "/1\n");
  EXPECT_EQ(counters().accepted.get(), 4U);
}

// ---- Streams

TEST_P(LoopTest, AStreamIsPushedTo) {
  Client client = connect();
  client.says(get("/1") + get("/stream") + get("/never"));
  settle();
  EXPECT_EQ(client.hears(), "/1\n/stream\n");
  const ConnectionRef ref = handler_->last_ref;
  EXPECT_TRUE(loop_->push(ref, "data: 1\n"));
  EXPECT_EQ(client.hears(), "data: 1\n");
  client.says("what a client may say is not heard");
  settle();
  pass_time(1'000'000);  // and it may stay for ever
  EXPECT_TRUE(loop_->push(ref, "data: 2\n"));
  EXPECT_EQ(client.hears(), "data: 2\n");
  client.leave();
  settle();
  EXPECT_EQ(handler_->closed, std::vector<ConnectionRef>{ref});
}

TEST_P(LoopTest, AStreamThatIsBehindSaysSo) {
  Client client = connect();
  client.says(get("/stream"));
  settle();
  const ConnectionRef ref = handler_->last_ref;
  client.hears();
  EXPECT_TRUE(loop_->push(ref, std::string(1U << 20U, 's')));
  EXPECT_FALSE(loop_->drained(ref));
  EXPECT_FALSE(loop_->push(ref, "lost"));
  std::size_t heard = 0;
  for (int i = 0; i < 1000 && heard < (1U << 20U); ++i) {
    heard += client.hears().size();
    settle();
  }
  EXPECT_EQ(heard, 1U << 20U);
  EXPECT_TRUE(loop_->drained(ref));
  EXPECT_TRUE(loop_->push(ref, "kept"));
  EXPECT_EQ(client.hears(), "kept");
  loop_->close(ref);
  EXPECT_TRUE(client.sees_the_end());
}

// ---- Handing over

class FrozenLoopTest : public PlainLoopTest {
 protected:
  void freeze(std::int32_t deadline_ms = 600'000) {
    loop_->freeze(deadline_ms, [this] { rests_ = true; });
    settle();
  }
  bool rests_ = false;
};

TEST_F(FrozenLoopTest, BeginsNoRequestAndAnswersThoseThatHadBegun) {
  Client idle = connect(), half = connect(), waiting = connect(), stream = connect();
  stream.says(get("/stream"));
  half.says("GET /half HTTP/1.1\r\n");
  settle();
  handler_->held = true;
  waiting.says(get("/waiting"));
  settle();
  freeze();
  idle.says(get("/later"));
  settle();
  EXPECT_EQ(idle.hears(), "");
  EXPECT_FALSE(rests_);
  handler_->held = false;
  half.says("Host: a\r\n\r\n");
  settle();
  EXPECT_EQ(half.hears(), "/half\n");
  EXPECT_EQ(waiting.hears(), "/waiting\n");
  EXPECT_TRUE(rests_);
  EXPECT_EQ(loop_->resting().size(), 3U);  // a stream has no end
  EXPECT_EQ(loop_->resting().front().peer.listener, 3);
  half.says(get("/too-late"));
  Client late = connect();
  late.says(get("/late"));
  settle();
  EXPECT_EQ(half.hears() + late.hears(), "");
  EXPECT_EQ(loop_->resting().size(), 4U);
}

TEST_F(FrozenLoopTest, GoesOnWhereItWas) {
  Client idle = connect(), half = connect();
  half.says("GET /half HTTP/1.1\r\n");
  settle();
  freeze(1);
  idle.says(get("/idle"));
  while (!rests_) context_.run_one();  // it has waited long enough
  half.says("Host: a\r\n\r\n");
  settle();
  EXPECT_EQ(half.hears(), "");
  EXPECT_EQ(loop_->resting().size(), 1U);
  loop_->thaw();
  settle();
  EXPECT_EQ(idle.hears(), "/idle\n");
  EXPECT_EQ(half.hears(), "/half\n");
  idle.says(get("/again"));
  settle();
  EXPECT_EQ(idle.hears(), "/again\n");
}

TEST_F(FrozenLoopTest, LetsGoOfWhatAnotherLoopHasTaken) {
  Client client = connect(), half = connect();
  half.says("GET /half HTTP/1.1\r\n");
  settle();
  freeze(1);
  while (!rests_) context_.run_one();
  client.says(get("/moved"));

  boost::asio::io_context there;
  EchoHandler handler;
  Loop other(there, clock_, handler, parser_limits_, {});
  handler.loop = &other;
  const auto resting = loop_->resting();
  ASSERT_EQ(resting.size(), 1U);
  other.adopt(fcntl(resting[0].descriptor, F_DUPFD_CLOEXEC, 0), resting[0].peer);
  loop_->let_go();
  settle();
  EXPECT_EQ(loop_->connections(), 1U);
  for (int i = 0; i < 3; ++i) {
    there.restart();
    there.poll();
  }
  EXPECT_EQ(client.hears(), "/moved\n");
  client.says(get("/on"));
  const std::uint64_t passes = counters().passes.get();
  settle();
  EXPECT_EQ(counters().passes.get(), passes) << "it still hears of a connection that is not its own any more";
  there.restart();
  there.poll();
  EXPECT_EQ(client.hears(), "/on\n");
  EXPECT_FALSE(client.sees_the_end());
  half.says("Host: a\r\n\r\n");
  settle();
  EXPECT_EQ(half.hears(), "/half\n");
}

TEST_F(FrozenLoopTest, ForgetsAPeerThatLeftMeanwhile) {
  Client client = connect();
  freeze();
  EXPECT_TRUE(rests_);
  client.leave();
  settle();
  EXPECT_TRUE(loop_->resting().empty());
  loop_->let_go();
  settle();
  EXPECT_EQ(loop_->connections(), 0U);
}

TEST_F(TlsLoopTest, AnswersOneMoreAndHandsOnWhereNothingWasSaid) {
  Client client = connect();
  Client silent(socket_to_loop());
  bool rests = false;
  loop_->freeze(600'000, [&] { rests = true; });
  settle();
  EXPECT_FALSE(rests);
  client.says(get("/last"));
  settle();
  EXPECT_EQ(client.hears(), "/last\n");
  EXPECT_TRUE(client.was_told_the_end());
  settle();
  EXPECT_TRUE(rests);
  const auto resting = loop_->resting();
  ASSERT_EQ(resting.size(), 1U);
  EXPECT_TRUE(resting[0].tls);
  loop_->let_go();
  settle();
  EXPECT_EQ(loop_->connections(), 0U);
}

// ---- Errors

TEST_P(LoopTest, AMalformedRequestIsAnsweredBehindWhatIsOwed) {
  Client client = connect();
  handler_->held = true;
  client.says(get("/1") + get("/2") + "GET / HTTP/1.1\nHost: a\n\n");
  settle();
  EXPECT_EQ(client.hears(), "");
  handler_->answer(2);
  loop_->flush();
  settle();
  const std::string heard = client.hears();
  EXPECT_EQ(heard.find("/1\n/2\nHTTP/1.1 400 Bad Request\r\n"), 0U) << heard;
  EXPECT_NE(heard.find("Connection: close\r\n"), std::string::npos);
  EXPECT_NE(heard.find("Access-Control-Allow-Origin: *\r\n"), std::string::npos);
  EXPECT_NE(heard.find("application/problem+json"), std::string::npos);
  EXPECT_NE(heard.find("bare_cr_or_lf"), std::string::npos);
  EXPECT_TRUE(client.sees_the_end());
  EXPECT_EQ(counters().parse_errors[static_cast<std::size_t>(ParseError::bare_cr_or_lf)].get(), 1U);
  // It lingers until the peer is done.
  EXPECT_EQ(loop_->connections(), 1U);
  lingers(client);
  EXPECT_EQ(loop_->connections(), 0U);
}

TEST_P(LoopTest, LingeringEnds) {
  Client patient = connect();
  patient.says("bad\n");
  settle();
  EXPECT_TRUE(patient.sees_the_end());
  pass_time(1'000);
  EXPECT_EQ(loop_->connections(), 1U);
  pass_time(2'000);
  EXPECT_EQ(loop_->connections(), 0U);

  Client eager = connect();
  eager.says("bad\n");
  settle();
  for (int i = 0; i < 100 && loop_->connections() != 0; ++i) {
    eager.tries_to_say(std::string(50'000, 'x'));
    settle();
  }
  EXPECT_EQ(loop_->connections(), 0U);
}

TEST_F(PlainLoopTest, TooManyConnectionsAreTold) {
  LoopLimits limits;
  limits.connections_max = 2;
  start(limits);
  Client first = connect();
  Client second = connect();
  Client third = connect();
  EXPECT_EQ(third.hears().find("HTTP/1.1 503 Service Unavailable\r\n"), 0U);
  EXPECT_TRUE(third.sees_the_end());
  EXPECT_EQ(counters().refused.get(), 1U);
  third.leave();
  first.leave();
  settle();
  Client fourth = connect();
  fourth.says(get("/4"));
  settle();
  EXPECT_EQ(fourth.hears(), "/4\n");
}

TEST_F(PlainLoopTest, FarTooManyConnectionsAreClosed) {
  LoopLimits limits;
  limits.connections_max = 1;
  start(limits);
  std::vector<Client> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(connect());
  EXPECT_EQ(loop_->connections(), 65U);
  EXPECT_EQ(clients.back().hears(), "");
  EXPECT_TRUE(clients.back().sees_the_end());
  clients.clear();
  settle();
  EXPECT_EQ(loop_->connections(), 0U);
}

TEST_P(LoopTest, ARefusalNamesTheRequestAsFarAsItIsKnown) {
  const std::string too_long(parser_limits_.target_max, 'x');
  const auto refused = [this](const std::string& text) {
    Client client = connect();
    client.says(text);
    settle();
    client.hears();
    EXPECT_TRUE(client.sees_the_end());
    client.leave();
    settle();
    return handler_->refused.empty() ? std::pair(ParseError::none, std::string()) : handler_->refused.back();
  };
  EXPECT_EQ(refused("GET /hit?s=" + too_long), std::pair(ParseError::target_too_long, std::string("/hit")));
  EXPECT_EQ(refused("GET /hit" + too_long), std::pair(ParseError::target_too_long, std::string()));
  EXPECT_EQ(refused("GET /hit?s=\x01"), std::pair(ParseError::bad_target, std::string("/hit")));
  EXPECT_EQ(refused("GET /hit HTTP/1.1\r\nHost: a b\r\n"), std::pair(ParseError::bad_host, std::string("/hit")));
  EXPECT_EQ(refused("BAD(METHOD /hit HTTP/1.1\r\n"), std::pair(ParseError::bad_method, std::string()));
  EXPECT_EQ(refused(get("/1") + "POST /hit HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n"),
            std::pair(ParseError::body_too_large, std::string("/hit")));
  EXPECT_EQ(handler_->refused.size(), 6U);
}

TEST_P(LoopTest, ALateRequestIsNamedToo) {
  Client client = connect();
  client.says("GET /hit?s=a");
  settle();
  pass_time(11'000);
  EXPECT_EQ(client.hears().find("HTTP/1.1 408 Request Timeout\r\n"), 0U);
  ASSERT_EQ(handler_->refused.size(), 1U);
  EXPECT_EQ(handler_->refused[0], std::pair(ParseError::late, std::string("/hit")));
}

// ---- Bodies that are not there yet

std::string head_of(const std::string& path, std::size_t length, const std::string& fields = {}) {
  return "POST " + path + " HTTP/1.1\r\nHost: a\r\n" + fields + "Content-Length: " + std::to_string(length) +
         "\r\n\r\n";
}

TEST_P(LoopTest, TheHandlerIsAskedOnceForABodyThatIsMissing) {
  Client client = connect();
  client.says(head_of("/a", 3, "Authorization: Bearer x\r\n"));
  settle();
  for (const char* byte : {"1", "2", "3"}) {
    client.says(byte);
    settle();
  }
  EXPECT_EQ(client.hears(), "/a123\n");
  client.says(head_of("/b", 3) + "123");  // nothing is missing
  settle();
  client.says(head_of("/c", 3) + "1");
  settle();
  client.says("23");
  settle();
  EXPECT_EQ(client.hears(), "/b123\n/c123\n");
  EXPECT_EQ(handler_->heads, (std::vector<std::string>{"/a Bearer x", "/c "}));
}

TEST_P(LoopTest, ABodyThatIsNotWantedIsAnsweredInItsTurnAndNotWaitedFor) {
  Client client = connect();
  handler_->held = true;
  client.says(get("/1") + head_of("/unwanted", 1000, "Expect: 100-continue\r\n"));
  settle();
  EXPECT_EQ(client.hears(), "");
  handler_->answer(1);
  loop_->flush();
  settle();
  EXPECT_EQ(client.hears(), "/1\nunwanted\n");  // and no 100 Continue
  EXPECT_TRUE(client.sees_the_end());
  EXPECT_EQ(counters().heads_refused.get(), 1U);
  EXPECT_EQ(counters().body_memory.get(), 0U);
}

TEST_P(LoopTest, BodiesShareABoundThatIsGivenBack) {
  LoopLimits limits;
  limits.body_memory_max = 50'000;
  start(limits);
  Client first = connect();
  Client second = connect();
  const std::string head = head_of("/p", 40'000);
  first.says(head + std::string(30'000, 'x'));
  settle();
  EXPECT_EQ(counters().body_memory.get(), head.size() + 30'000U);
  second.says(head + std::string(30'000, 'x'));
  settle();
  EXPECT_EQ(second.hears().find("HTTP/1.1 503 Service Unavailable\r\n"), 0U);
  ASSERT_EQ(handler_->refused.size(), 1U);
  EXPECT_EQ(handler_->refused[0], std::pair(ParseError::no_room, std::string("/p")));
  EXPECT_EQ(counters().body_memory.get(), head.size() + 30'000U);
  first.says(std::string(10'000, 'x'));
  settle();
  EXPECT_EQ(first.hears().size(), 40'003U);
  EXPECT_EQ(counters().body_memory.get(), 0U);
  // A connection that goes away takes its part along; a chunked body counts with what is kept of it twice.
  Client third = connect();
  third.says("POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n7530\r\n" + std::string(20'000, 'x'));
  settle();
  EXPECT_GT(counters().body_memory.get(), 40'000U);
  third.leave();
  settle();
  EXPECT_EQ(counters().body_memory.get(), 0U);
}

// ---- Deadlines

TEST_P(LoopTest, AHeldBodyIsNotReadOnAndNotLate) {
  Client client = connect();
  client.says("POST /taken HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
  settle();
  EXPECT_EQ(handler_->taken, "abc");
  loop_->hold_bodies(true);
  client.says("def");
  settle();
  pass_time(60'000);
  EXPECT_EQ(handler_->taken, "abc");
  Client other = connect();
  other.says(get("/1"));
  settle();
  EXPECT_EQ(other.hears(), "/1\n") << "pings go on";
  loop_->hold_bodies(false);
  settle();
  EXPECT_EQ(handler_->taken, "abcdef");
  client.says("ghi");
  settle();
  EXPECT_EQ(handler_->taken, "abcdefghi");
  EXPECT_EQ(client.hears(), "/taken\n");
  EXPECT_EQ(counters().body_timeouts.get(), 0U);
}

TEST_P(LoopTest, WhoLeavesWhileItsBodyIsHeldIsForgotten) {
  {
    Client client = connect();
    client.says("POST /taken HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
    settle();
    loop_->hold_bodies(true);
    client.says("def");
    settle();
  }
  settle();
  EXPECT_EQ(loop_->connections(), 0U);
  loop_->hold_bodies(false);
  settle();
  EXPECT_EQ(handler_->taken, "abc");
}

TEST_P(LoopTest, AHeadHasTenSecondsFromItsFirstByte) {
  Client client = connect();
  pass_time(60'000);
  client.says("GET / HTTP/1.1\r\n");
  settle();
  for (int i = 0; i < 9; ++i) {
    pass_time(1'000);
    client.says("X: y\r\n");  // however busy it looks
    settle();
  }
  EXPECT_EQ(client.hears(), "");
  pass_time(2'000);
  EXPECT_EQ(client.hears().find("HTTP/1.1 408 Request Timeout\r\n"), 0U);
  EXPECT_TRUE(client.sees_the_end());
  EXPECT_EQ(counters().head_timeouts.get(), 1U);
}

TEST_P(LoopTest, EachHeadHasItsOwnTenSeconds) {
  Client client = connect();
  const std::string request = get("/1");
  for (int i = 0; i < 10; ++i) {
    client.says(request.substr(0, 10));
    settle();
    pass_time(4'000);
    client.says(request.substr(10) + request.substr(0, 5));
    settle();
    pass_time(4'000);
    client.says(request.substr(5));
    settle();
    EXPECT_EQ(client.hears(), "/1\n/1\n");
  }
  EXPECT_EQ(counters().head_timeouts.get(), 0U);
}

TEST_P(LoopTest, ABodyKeepsAMinimumRate) {
  const std::string head = "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n";
  Client slow = connect();
  Client fair = connect();
  slow.says(head);
  fair.says(head);
  settle();
  for (int i = 0; i < 30; ++i) {
    slow.tries_to_say("xx");
    fair.says(std::string(2000, 'x'));
    settle();
    pass_time(1'000);
  }
  EXPECT_EQ(slow.hears().find("HTTP/1.1 408"), 0U);
  EXPECT_EQ(counters().body_timeouts.get(), 1U);
  EXPECT_EQ(fair.hears().size(), 60003U);
}

TEST_P(LoopTest, AnIdleConnectionLeaves) {
  Client client = connect();
  pass_time(60'000);
  client.says(get("/1"));
  settle();
  EXPECT_EQ(client.hears(), "/1\n");
  pass_time(70'000);
  client.says(get("/2"));
  settle();
  EXPECT_EQ(client.hears(), "/2\n");
  pass_time(76'000);
  EXPECT_TRUE(client.sees_the_end());
  EXPECT_EQ(counters().idle_timeouts.get(), 1U);
}

TEST_P(LoopTest, AReaderThatTakesNothingIsCut) {
  Client client = connect();
  client.says(get("/big"));
  settle();
  for (int i = 0; i < 3; ++i) {
    pass_time(6'000);
    EXPECT_NE(client.hears().size(), 0U);
    settle();
    EXPECT_EQ(loop_->connections(), 1U);
  }
  pass_time(12'000);
  EXPECT_EQ(loop_->connections(), 0U);
  EXPECT_EQ(counters().send_timeouts.get(), 1U);
}

TEST_P(LoopTest, WhoWaitsForAnAnswerHasNoDeadline) {
  Client client = connect();
  handler_->held = true;
  client.says(get("/1"));
  settle();
  pass_time(100'000);
  EXPECT_EQ(loop_->connections(), 1U);
  handler_->answer(1);
  loop_->flush();
  EXPECT_EQ(client.hears(), "/1\n");
  pass_time(74'000);
  EXPECT_EQ(loop_->connections(), 1U);
}

// ---- The end

TEST_P(LoopTest, DrainingLetsGoOfTheIdleAndAnswersTheOthers) {
  Client idle = connect();
  Client busy = connect();
  Client waiting = connect();
  Client just_asking = connect();
  Client stream = connect();
  stream.says(get("/stream"));
  settle();
  busy.says(get("/1").substr(0, 10));
  settle();
  handler_->held = true;
  waiting.says(get("/2"));
  settle();
  just_asking.says(get("/3"));
  bool done = false;
  loop_->drain(clock_.utc_ms() + 10'000, [&done] { done = true; });
  settle();
  EXPECT_TRUE(idle.sees_the_end());
  EXPECT_TRUE(stream.sees_the_end());
  EXPECT_EQ(loop_->connections(), 3U);
  busy.says(get("/1").substr(10));
  settle();
  ASSERT_EQ(handler_->due.size(), 3U);
  EXPECT_FALSE(handler_->due[0].close);  // asked before
  EXPECT_TRUE(handler_->due[1].close);
  EXPECT_TRUE(handler_->due[2].close);
  handler_->answer(3);
  loop_->flush();
  settle();
  EXPECT_EQ(busy.hears(), "/1\n");
  EXPECT_EQ(just_asking.hears(), "/3\n");
  EXPECT_EQ(waiting.hears(), "/2\n");
  EXPECT_FALSE(done);  // one may ask once more
  waiting.says(get("/4"));
  settle();
  handler_->answer(1);
  loop_->flush();
  settle();
  EXPECT_EQ(waiting.hears(), "/4\n");
  EXPECT_TRUE(done);
}

TEST_P(LoopTest, DrainingEndsAtItsDeadline) {
  Client waiting = connect();
  handler_->held = true;
  waiting.says(get("/1"));
  settle();
  bool done = false;
  loop_->drain(clock_.utc_ms() + 10'000, [&done] { done = true; });
  pass_time(9'000);
  EXPECT_FALSE(done);
  pass_time(2'000);
  EXPECT_TRUE(done);
  EXPECT_TRUE(waiting.sees_the_end());
}

TEST_P(LoopTest, WithNobodyThereDrainingIsDoneAtOnce) {
  bool done = false;
  loop_->drain(clock_.utc_ms() + 10'000, [&done] { done = true; });
  settle();
  EXPECT_TRUE(done);
}

TEST_P(LoopTest, MayGoWhileConnectionsAreOpen) {
  Client client = connect();
  client.says(get("/1"));
  settle();
  client.hears();
  client.says(get("/2").substr(0, 8));
  settle();
  loop_.reset();
  settle();
  EXPECT_TRUE(client.sees_the_end());
}

// ---- At random: each client hears exactly its own answers, in order, whatever the others do.

TEST_P(LoopTest, NobodyHearsWhatIsNotTheirs) {
  const char* const given = std::getenv("FOOTFALL_SEED");
  const auto rng_seed =
      given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : std::random_device{}();
  std::cout << "FOOTFALL_SEED=" << rng_seed << "\n";
  std::mt19937 random(rng_seed);
  const auto pick = [&random](std::size_t size) {
    return std::uniform_int_distribution<std::size_t>(0, size - 1)(random);
  };
  struct Talk {
    explicit Talk(Client c) : client(std::move(c)) {}
    Client client;
    std::string to_say, expected, heard;
    std::size_t said = 0;
  };
  std::vector<std::unique_ptr<Talk>> talks;
  int count = 0;
  for (int round = 0; round < 4000; ++round) {
    if (talks.size() < 12 && pick(8) == 0) talks.push_back(std::make_unique<Talk>(connect()));
    if (talks.empty()) continue;
    Talk& talk = *talks[pick(talks.size())];
    switch (pick(6)) {
      case 0:
        for (std::size_t n = 1 + pick(pick(20) == 0 ? 300 : 5); n != 0; --n) {
          const std::string path = "/" + std::to_string(++count);
          if (pick(3) == 0) {
            const std::string body(pick(3000), 'b');
            talk.to_say += "POST " + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) +
                           "\r\n\r\n" + body;
            talk.expected += path + body + "\n";
          } else {
            talk.to_say += get(path);
            talk.expected += path + "\n";
          }
        }
        break;
      case 1:
      case 2:
        talk.said += talk.client.tries_to_say(std::string_view(talk.to_say).substr(talk.said, 1 + pick(20'000)));
        break;
      case 3:
        talk.heard += talk.client.hears(1 + pick(5000));
        break;
      case 4:
        handler_->held = pick(2) == 0;
        settle();
        break;
      default:
        handler_->answer(handler_->due.empty() ? 0 : pick(handler_->due.size() + 1));
        loop_->flush();
        if (pick(40) == 0) {
          talk.client.leave();
          std::swap(talks[0],
                    *std::find_if(talks.begin(), talks.end(), [&talk](const auto& t) { return t.get() == &talk; }));
          talks.erase(talks.begin());
        }
        break;
    }
  }
  handler_->held = false;
  handler_->answer(handler_->due.size());
  loop_->flush();
  for (auto& talk : talks) {
    for (int i = 0; i < 2000 && talk->heard.size() < talk->expected.size(); ++i) {
      talk->said += talk->client.tries_to_say(std::string_view(talk->to_say).substr(talk->said));
      settle();
      talk->heard += talk->client.hears();
    }
    ASSERT_EQ(talk->heard, talk->expected);
  }
  const std::size_t open = talks.size();
  EXPECT_EQ(loop_->connections(), open);
  talks.clear();
  settle();
  EXPECT_EQ(loop_->connections(), 0U);
}

}  // namespace
}  // namespace footfall::http
