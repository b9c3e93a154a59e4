// SPDX-License-Identifier: Apache-2.0
// What a connection with TLS does that another does not: its handshake, its end, and what goes wrong with either. All
// else is tested with TLS and without in loop_test.cc.
#include <openssl/ssl.h>

#include <cstdint>
#include <string>
#include <vector>

#include "loop_fixture.h"

namespace footfall::http {
namespace {

using base::TlsFailure;

class LoopTlsTest : public LoopFixture {
 protected:
  LoopTlsTest() : LoopFixture(true) {}

  std::uint64_t failures(TlsFailure failure) const {
    return counters().tls_failures[static_cast<std::size_t>(failure)].get();
  }
  std::uint64_t all_failures() const {
    std::uint64_t all = 0;
    for (const base::Counter& counter : counters().tls_failures) all += counter.get();
    return all;
  }
  void speak(int version) {
    SSL_CTX_set_min_proto_version(client_->get(), version);
    SSL_CTX_set_max_proto_version(client_->get(), version);
  }
  base::TlsFilter filter() { return base::TlsFilter::connect(*client_, "localhost"); }
};

constexpr int kVersions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

TEST_F(LoopTlsTest, AHandshakeMayComeByteByByte) {
  for (const int version : kVersions) {
    speak(version);
    Client client(socket_to_loop());  // of bytes
    base::TlsFilter tls = filter();
    std::string to_loop, heard;
    ASSERT_TRUE(tls.send(get("/1"), to_loop));
    for (int i = 0; i < 100'000 && heard != "/1\n"; ++i) {
      if (!to_loop.empty()) {
        client.sends(to_loop.substr(0, 1));
        to_loop.erase(0, 1);
        settle();
      }
      for (const char c : client.hears()) ASSERT_TRUE(tls.receive({&c, 1}, heard));
      ASSERT_TRUE(tls.send({}, to_loop));
    }
    EXPECT_EQ(heard, "/1\n");
  }
  EXPECT_EQ(counters().tls_handshakes.get(), 2U);
  EXPECT_EQ(all_failures(), 0U);
}

TEST_F(LoopTlsTest, WhoLeavesAnywhereInAHandshakeIsForgotten) {
  std::uint64_t cut = 0;
  for (const int version : kVersions) {
    speak(version);
    for (std::size_t said_max = 0;; ++said_max) {
      const int fd = socket_to_loop();
      Client client(fd);
      base::TlsFilter tls = filter();
      std::string to_loop, ignored;
      std::size_t said = 0;
      for (int turn = 0; turn < 4 && said < said_max; ++turn) {
        ASSERT_TRUE(tls.send({}, to_loop));
        const std::string_view some = std::string_view(to_loop).substr(0, said_max - said);
        said += client.sends(some);
        to_loop.erase(0, some.size());
        settle();
        ASSERT_TRUE(tls.receive(client.hears(), ignored));
      }
      client.leave();
      settle();
      ASSERT_EQ(loop_->connections(), 0U);
      if (said < said_max) break;  // a byte more than a handshake has
      ++cut;
    }
  }
  EXPECT_GT(cut, 500U);
  EXPECT_EQ(failures(TlsFailure::closed) + counters().tls_handshakes.get(), cut + 2);
  EXPECT_EQ(all_failures(), failures(TlsFailure::closed));
  EXPECT_EQ(handler_->calls, 0);
}

TEST_F(LoopTlsTest, TheTicketsLeaveWithTheFirstAnswer) {
  Client client(socket_to_loop(), filter());
  client.hears();
  settle();
  EXPECT_EQ(counters().send_calls.get(), 1U);  // the server's part of the handshake
  client.hears();
  client.says(get("/1") + get("/2"));
  settle();
  EXPECT_EQ(client.hears(), "/1\n/2\n");
  EXPECT_EQ(counters().send_calls.get(), 2U);
  EXPECT_NE(client.tls().session(), nullptr);
}

TEST_F(LoopTlsTest, TheEndIsToldAlongWithTheLastAnswer) {
  for (const int version : kVersions) {
    speak(version);
    Client client = connect();
    const std::uint64_t sends = counters().send_calls.get();
    client.says("GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    settle();
    EXPECT_EQ(counters().send_calls.get(), sends + 1);
    EXPECT_EQ(client.hears(), "/1\n");
    EXPECT_TRUE(client.sees_the_end());
    EXPECT_TRUE(client.was_told_the_end());
  }
}

TEST_F(LoopTlsTest, TheEndIsToldHoweverItCame) {
  Client refused = connect();
  refused.says(get("/1") + "bad\n");
  settle();
  EXPECT_EQ(refused.hears().find("/1\nHTTP/1.1 400 "), 0U);
  EXPECT_TRUE(refused.sees_the_end() && refused.was_told_the_end());

  Client hung_up = connect();
  hung_up.says(get("/hang-up"));
  settle();
  EXPECT_EQ(hung_up.hears(), "/hang-up\n");
  EXPECT_TRUE(hung_up.sees_the_end() && hung_up.was_told_the_end());

  Client stream = connect();
  stream.says(get("/stream"));
  settle();
  loop_->close(handler_->last_ref);
  EXPECT_EQ(stream.hears(), "/stream\n");
  EXPECT_TRUE(stream.sees_the_end() && stream.was_told_the_end());

  Client reader = connect();
  reader.says(get("/big") + "bad\n");
  std::string heard;
  for (int i = 0; i < 1000 && !reader.sees_the_end(); ++i) {
    heard += reader.hears(10'000);
    settle();
  }
  EXPECT_TRUE(reader.was_told_the_end());

  Client idle = connect();
  pass_time(76'000);
  EXPECT_TRUE(idle.sees_the_end() && idle.was_told_the_end());

  Client drained = connect();
  loop_->drain(clock_.utc_ms() + 10'000, [] {});
  settle();
  EXPECT_TRUE(drained.sees_the_end() && drained.was_told_the_end());
}

TEST_F(LoopTlsTest, WhoSaysThatItSendsNoMoreHearsWhatIsOwed) {
  Client client = connect();
  handler_->held = true;
  client.says(get("/1") + get("/2"));
  std::string bytes;
  client.tls().end(bytes);
  client.sends(bytes);  // and its socket stays open
  settle();
  EXPECT_EQ(loop_->connections(), 1U);
  handler_->answer(2);
  loop_->flush();
  settle();
  EXPECT_EQ(client.hears(), "/1\n/2\n");
  EXPECT_TRUE(client.sees_the_end() && client.was_told_the_end());
  EXPECT_EQ(loop_->connections(), 0U);

  Client stream = connect();
  handler_->held = false;
  stream.says(get("/stream"));
  settle();
  bytes.clear();
  stream.tls().end(bytes);
  stream.sends(bytes);
  settle();
  EXPECT_EQ(loop_->connections(), 0U);
}

TEST_F(LoopTlsTest, SessionsGoOn) {
  for (const int version : kVersions) {
    speak(version);
    const std::uint64_t resumed = counters().tls_resumed.get();
    base::TlsSession session;
    for (int visit = 0; visit < 3; ++visit) {
      Client client = connect(session);
      client.says(get("/1"));
      settle();
      EXPECT_EQ(client.hears(), "/1\n");
      session = client.tls().session();
      if (visit == 1) client.leave();  // without a word
      if (visit == 2) client.says_no_more();
      settle();
    }
    EXPECT_EQ(counters().tls_resumed.get(), resumed + 2);
  }
  EXPECT_EQ(counters().tls_handshakes.get(), 6U);
}

TEST_F(LoopTlsTest, WhoWasThereKeepsItsCertificateWhenItIsRenewed) {
  Client before = connect();
  renew();
  Client after = connect();
  for (Client* client : {&before, &after}) {
    client->says(get("/1"));
    settle();
    EXPECT_EQ(client->hears(), "/1\n");
  }
}

// ---- What goes wrong

TEST_F(LoopTlsTest, WhoSpeaksPlainHttpIsToldSo) {
  for (const std::string& text : {get("/hit"), std::string("POST / HTTP/1.0\r\n\r\n"), std::string("g")}) {
    Client client(socket_to_loop());
    client.says(text);
    settle();
    const std::string heard = client.hears();
    EXPECT_EQ(heard.find("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain"), 0U) << heard;
    const std::size_t body = heard.find("\r\n\r\n") + 4;
    EXPECT_EQ(heard.substr(body), "This port speaks HTTPS: write https:// before it.\n");
    EXPECT_NE(heard.find("Content-Length: " + std::to_string(heard.size() - body) + "\r\n"), std::string::npos);
    EXPECT_TRUE(client.sees_the_end());
    lingers(client);
  }
  EXPECT_EQ(loop_->connections(), 0U);
  EXPECT_EQ(failures(TlsFailure::plain_text), 3U);
  EXPECT_EQ(handler_->calls, 0);
  EXPECT_TRUE(handler_->refused.empty());
}

TEST_F(LoopTlsTest, GarbageIsAnsweredByAnAlertAndCounted) {
  Client client(socket_to_loop());
  client.says(std::string("\x16\x03\x01\x00\x10garbagegarbage!!", 21));
  settle();
  EXPECT_EQ(client.hears().substr(0, 1), "\x15");  // an alert
  EXPECT_TRUE(client.sees_the_end());
  EXPECT_EQ(failures(TlsFailure::malformed), 1U);
  EXPECT_EQ(loop_->connections(), 1U);  // it lingers, so that the alert is read
  client.leave();
  settle();
  EXPECT_EQ(loop_->connections(), 0U);
}

TEST_F(LoopTlsTest, WhatWasChangedOnItsWayEndsAConnection) {
  Client client = connect();
  handler_->held = true;
  client.says(get("/1"));
  settle();
  std::string bytes;
  ASSERT_TRUE(client.tls().send(get("/2"), bytes));
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  client.sends(bytes);
  settle();
  EXPECT_EQ(failures(TlsFailure::malformed), 1U);
  handler_->answer(1);  // nothing can be said under keys that are given up
  loop_->flush();
  settle();
  EXPECT_EQ(client.hears(), "");
  EXPECT_NE(client.tls_trouble(), "");
  EXPECT_EQ(loop_->connections(), 0U);

  Client stream = connect();
  handler_->held = false;
  stream.says(get("/stream"));
  settle();
  const ConnectionRef ref = handler_->last_ref;
  stream.sends(std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x'));
  settle();
  loop_->push(ref, "data\n");
  settle();
  EXPECT_EQ(stream.hears(), "/stream\n");
  stream.leave();
  settle();
  EXPECT_EQ(loop_->connections(), 0U);
}

TEST_F(LoopTlsTest, WhoHasNothingInCommonIsTold) {
  SSL_CTX_set_alpn_protos(client_->get(), reinterpret_cast<const unsigned char*>("\2h2"), 3);
  Client client(socket_to_loop(), filter());
  client.hears();
  settle();
  EXPECT_TRUE(client.sees_the_end());
  EXPECT_NE(client.tls_trouble().find("no application protocol"), std::string::npos) << client.tls_trouble();
  EXPECT_EQ(failures(TlsFailure::protocol), 1U);
}

TEST_F(LoopTlsTest, WhoDoesNotTrustTheCertificateIsCounted) {
  Client client(socket_to_loop(), base::TlsFilter::connect(*client_, "another.example"));
  for (int i = 0; i < 3; ++i) {
    client.hears();
    settle();
  }
  EXPECT_EQ(failures(TlsFailure::alert), 1U);
  EXPECT_EQ(loop_->connections(), 0U);
}

TEST_F(LoopTlsTest, AHandshakeHasTheTimeOfAHead) {
  Client silent(socket_to_loop());
  Client slow(socket_to_loop());
  base::TlsFilter tls = filter();
  std::string bytes;
  ASSERT_TRUE(tls.send({}, bytes));
  slow.sends(bytes.substr(0, 100));
  settle();
  Client done = connect();
  pass_time(9'000);
  EXPECT_EQ(loop_->connections(), 3U);
  slow.sends(bytes.substr(100, 10));  // which gives it no more
  pass_time(2'000);
  EXPECT_TRUE(silent.sees_the_end());
  EXPECT_TRUE(slow.sees_the_end());
  EXPECT_EQ(failures(TlsFailure::late), 2U);
  EXPECT_EQ(loop_->connections(), 1U);
  pass_time(60'000);  // of idle connections there is another
  done.says(get("/1"));
  settle();
  EXPECT_EQ(done.hears(), "/1\n");
}

TEST_F(LoopTlsTest, APassTakesFewHandshakesAndTheNextOnesTheOthers) {
  Client there = connect();
  std::vector<Client> clients;
  for (int i = 0; i < 40; ++i) clients.emplace_back(socket_to_loop(), filter());
  for (Client& client : clients) client.hears();  // all say hello
  there.says(get("/1"));
  const std::uint64_t passes = counters().passes.get(), sends = counters().send_calls.get();
  context_.restart();
  context_.poll_one();
  EXPECT_EQ(counters().passes.get(), passes + 1);
  EXPECT_LE(counters().send_calls.get(), sends + 17);
  settle();
  EXPECT_GE(counters().passes.get(), passes + 3);
  EXPECT_EQ(counters().send_calls.get(), sends + 41);
  EXPECT_EQ(there.hears(), "/1\n");
  for (Client& client : clients) {
    client.says(get("/2"));
    client.hears();  // and ends its part of the handshake
  }
  settle();
  for (Client& client : clients) EXPECT_EQ(client.hears(), "/2\n");
}

TEST_F(LoopTlsTest, WhoIsTooManyIsClosedBeforeAHandshake) {
  LoopLimits limits;
  limits.connections_max = 1;
  start(limits);
  Client first = connect();
  Client second(socket_to_loop());
  EXPECT_EQ(second.hears(), "");
  EXPECT_TRUE(second.sees_the_end());
  EXPECT_EQ(counters().refused.get(), 1U);
  EXPECT_EQ(loop_->connections(), 1U);
}

TEST_F(LoopTlsTest, AHandshakeUnderWayDoesNotHoldUpADrain) {
  Client client(socket_to_loop(), filter());
  client.hears();
  settle();
  bool done = false;
  loop_->drain(clock_.utc_ms() + 10'000, [&done] { done = true; });
  settle();
  EXPECT_TRUE(done);
}

}  // namespace
}  // namespace footfall::http
