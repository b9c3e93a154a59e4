// SPDX-License-Identifier: Apache-2.0
#include "http/listener.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace footfall::http {
namespace {

class Silent final : public LoopHandler {
 public:
  void on_requests(ConnectionRef, const Peer& peer, Requests&) override { last_peer = peer; }
  void on_refused(const Peer&, ParseError, const Request*, std::string&) override {}
  void end_of_pass(std::int64_t) override {}
  void on_tick(std::int64_t) override {}
  void on_close(ConnectionRef) override {}
  Peer last_peer;
};

class ListenerTest : public ::testing::Test {
 protected:
  ListenerTest()
      : directory_(std::filesystem::temp_directory_path() / ("footfall-listener-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(directory_);
  }
  ~ListenerTest() override {
    for (const int fd : clients_) close(fd);
    std::filesystem::remove_all(directory_);
  }

  std::unique_ptr<Listener> listen(const std::string& text) {
    auto address = parse_listen_address(text);
    EXPECT_TRUE(address) << text;
    auto listener = Listener::open(context_, address.value(), 5, {&first_, &second_});
    EXPECT_TRUE(listener) << (listener ? "" : to_string(listener.error()));
    return listener ? std::move(listener.value()) : nullptr;
  }
  base::Error fails_to_listen(const std::string& text) {
    auto listener = Listener::open(context_, parse_listen_address(text).value(), 0, {&first_});
    EXPECT_FALSE(listener);
    return listener ? base::Error{} : listener.error();
  }
  int connect_to(std::uint16_t port) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect_to(fd, &to, sizeof to);
  }
  int connect_to(const std::string& path) {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::memcpy(to.sun_path, path.data(), path.size());
    return connect_to(socket(AF_UNIX, SOCK_STREAM, 0), &to, sizeof to);
  }
  // Runs until `what` holds.
  template <class What>
  void until(What what) {
    for (int i = 0; i < 1000 && !what(); ++i) {
      context_.restart();
      context_.run_for(std::chrono::milliseconds(5));
    }
    EXPECT_TRUE(what());
  }

  boost::asio::io_context context_;
  base::ManualClock clock_{1'000'000};
  ParserLimits parser_limits_;
  LoopLimits limits_;
  Silent handler_;
  Loop first_{context_, clock_, handler_, parser_limits_, limits_};
  Loop second_{context_, clock_, handler_, parser_limits_, limits_};
  std::filesystem::path directory_;
  std::vector<int> clients_;

 private:
  int connect_to(int fd, const void* to, socklen_t size) {
    clients_.push_back(fd);
    return ::connect(fd, static_cast<const sockaddr*>(to), size);
  }
};

TEST(ListenAddressTest, ReadsTheThreeKinds) {
  const auto v4 = parse_listen_address("127.0.0.1:8080").value();
  EXPECT_EQ(v4.host, "127.0.0.1");
  EXPECT_EQ(v4.port, 8080);
  EXPECT_TRUE(v4.loopback);
  EXPECT_FALSE(v4.unix_socket);
  EXPECT_FALSE(parse_listen_address("0.0.0.0:80").value().loopback);
  const auto v6 = parse_listen_address("[::1]:0").value();
  EXPECT_EQ(v6.host, "::1");
  EXPECT_EQ(v6.port, 0);
  EXPECT_TRUE(v6.loopback);
  EXPECT_FALSE(parse_listen_address("[::]:80").value().loopback);
  EXPECT_EQ(parse_listen_address("localhost:1").value().host, "127.0.0.1");
  const auto path = parse_listen_address("unix:/run/footfall.sock").value();
  EXPECT_EQ(path.host, "/run/footfall.sock");
  EXPECT_TRUE(path.unix_socket);
  EXPECT_TRUE(path.loopback);
}

TEST(ListenAddressTest, EachMayBeWithTls) {
  EXPECT_FALSE(parse_listen_address("127.0.0.1:8080").value().tls);
  const auto v4 = parse_listen_address("tls:0.0.0.0:443").value();
  EXPECT_TRUE(v4.tls);
  EXPECT_EQ(v4.host, "0.0.0.0");
  EXPECT_EQ(v4.port, 443);
  EXPECT_FALSE(v4.loopback);
  EXPECT_TRUE(parse_listen_address("tls:[::1]:443").value().tls);
  const auto path = parse_listen_address("tls:unix:/run/footfall.sock").value();
  EXPECT_TRUE(path.tls && path.unix_socket);
}

TEST(ListenAddressTest, RefusesAllElse) {
  for (const char* text : {"", "8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1",
                           "127.0.0.1: 80", "::1:80", "[::1]", "[::1]80", "[127.0.0.1]:80", "example.vn:80",
                           "unix:", ":80", "tls:", "tls:443", "tls:tls:127.0.0.1:443", "tls:unix:"}) {
    const auto address = parse_listen_address(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().code, base::Errc::malformed);
    EXPECT_NE(address.error().detail.find(std::string("\"") + text + "\""), std::string::npos);
  }
}

// Of the listener's connections; -1: there is none.
int no_delay_of_accepted(std::uint16_t port) {
  for (int fd = 3; fd < 1024; ++fd) {
    SocketAddress here, there;
    const bool connected =
        getsockname(fd, here.get(), &here.size) == 0 && getpeername(fd, there.get(), &there.size) == 0;
    if (!connected || here.storage.ss_family != AF_INET || ntohs(here.as<sockaddr_in>().sin_port) != port) continue;
    int on = -1;
    socklen_t size = sizeof on;
    getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &size);
    return on;
  }
  return -1;
}

TEST_F(ListenerTest, WhatIsSentDoesNotWaitForMore) {
  const auto listener = listen("127.0.0.1:0");
  ASSERT_EQ(connect_to(listener->port()), 0);
  until([&] { return no_delay_of_accepted(listener->port()) != -1; });
  EXPECT_EQ(no_delay_of_accepted(listener->port()), 1);
}

TEST_F(ListenerTest, DealsToTheLeastLoadedWhatItsOwnLoopHasTooManyOf) {
  const auto listener = listen("127.0.0.1:0");
  ASSERT_NE(listener->port(), 0);
  EXPECT_EQ(listener->address(), "127.0.0.1:" + std::to_string(listener->port()));
  for (int i = 0; i < 6; ++i) ASSERT_EQ(connect_to(listener->port()), 0);
  until([this] { return first_.connections() + second_.connections() == 6; });
  EXPECT_EQ(first_.connections(), 4U);
  EXPECT_EQ(second_.connections(), 2U);
}

TEST_F(ListenerTest, ManyShareAnAddressAndEachGetsSome) {
  using Sharing = Listener::Sharing;
  ListenAddress address = parse_listen_address("127.0.0.1:0").value();
  auto one = Listener::open(context_, address, 0, {&first_}, nullptr, Sharing::first);
  ASSERT_TRUE(one) << to_string(one.error());
  address.port = one.value()->port();
  auto other = Listener::open(context_, address, 0, {&second_}, nullptr, Sharing::beside);
  ASSERT_TRUE(other) << to_string(other.error());
  for (int i = 0; i < 64; ++i) ASSERT_EQ(connect_to(address.port), 0);
  until([this] { return first_.connections() + second_.connections() == 64; });
  EXPECT_GT(first_.connections(), 0U);  // by a hash of the ports: 1 in 2^63 that all go to one
  EXPECT_GT(second_.connections(), 0U);
  EXPECT_EQ(fails_to_listen(one.value()->address()).code, base::Errc::in_use) << "another daemon is told";
}

TEST_F(ListenerTest, TellsWhoThePeerIs) {
  const auto listener = listen("127.0.0.1:0");
  ASSERT_EQ(connect_to(listener->port()), 0);
  ASSERT_EQ(send(clients_[0], "GET", 3, 0), 3);
  until([this] { return handler_.last_peer.listener == 5; });
  EXPECT_TRUE(handler_.last_peer.loopback);
  const std::uint8_t expected[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};
  EXPECT_EQ(std::memcmp(handler_.last_peer.address, expected, 16), 0);
}

TEST_F(ListenerTest, ListensOnAUnixSocket) {
  const std::string path = directory_ / "s";
  auto listener = listen("unix:" + path);
  EXPECT_EQ(listener->address(), "unix:" + path);
  ASSERT_EQ(connect_to(path), 0);
  ASSERT_EQ(send(clients_[0], "GET", 3, 0), 3);
  until([this] { return handler_.last_peer.listener == 5; });
  EXPECT_TRUE(handler_.last_peer.loopback);
  listener->stop();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(ListenerTest, AUnixSocketHasTheModeThatIsAskedFor) {
  ListenAddress address = parse_listen_address("unix:" + (directory_ / "s").string()).value();
  address.unix_mode = 0620;
  const auto listener = Listener::open(context_, address, 5, {&first_});
  ASSERT_TRUE(listener);
  EXPECT_EQ(std::filesystem::status(directory_ / "s").permissions(), std::filesystem::perms(0620));
}

TEST_F(ListenerTest, ReplacesADeadUnixSocketButNoLiveOne) {
  const std::string path = directory_ / "s";
  {
    const int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, path.data(), path.size());
    const void* const address = &at;
    ASSERT_EQ(bind(dead, static_cast<const sockaddr*>(address), sizeof at), 0);
    close(dead);
  }
  const auto listener = listen("unix:" + path);
  ASSERT_NE(listener, nullptr);
  EXPECT_EQ(fails_to_listen("unix:" + path).code, base::Errc::in_use);
}

TEST_F(ListenerTest, AcceptsNoMoreOnceStopped) {
  const auto listener = listen("127.0.0.1:0");
  const std::uint16_t port = listener->port();
  listener->stop();
  EXPECT_NE(connect_to(port), 0);
}

TEST_F(ListenerTest, WhoIsConnectedWhenItStopsIsTaken) {
  const auto listener = listen("127.0.0.1:0");
  for (int i = 0; i < 3; ++i) ASSERT_EQ(connect_to(listener->port()), 0);
  listener->stop();
  until([this] { return first_.counters().accepted.get() == 3; });
}

// ---- Errors

TEST_F(ListenerTest, SaysWhichAddressIsTaken) {
  const auto listener = listen("127.0.0.1:0");
  const base::Error error = fails_to_listen(listener->address());
  EXPECT_EQ(error.code, base::Errc::in_use);
  EXPECT_NE(error.detail.find(listener->address()), std::string::npos);
}

// From the making of one to its end there is no descriptor from `first` on.
class TightLimit {
 public:
  explicit TightLimit(int first) {
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before_), 0);
    const rlimit tight{static_cast<rlim_t>(first), before_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &tight), 0);
  }
  ~TightLimit() { EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before_), 0); }
  TightLimit(const TightLimit&) = delete;
  TightLimit& operator=(const TightLimit&) = delete;

 private:
  rlimit before_{};
};

int lowest_free_descriptor() {
  const int next = dup(0);
  close(next);
  return next;
}

bool was_closed(int client) {
  char byte = 0;
  return recv(client, &byte, 1, 0) == 0;
}

TEST_F(ListenerTest, OutOfDescriptorsTheNewcomerIsClosed) {
  const auto listener = listen("127.0.0.1:0");
  ASSERT_EQ(connect_to(listener->port()), 0);
  {
    const TightLimit tight(lowest_free_descriptor());
    until([&listener] { return listener->turned_away() == 1; });
  }
  EXPECT_TRUE(was_closed(clients_[0]));
  ASSERT_EQ(connect_to(listener->port()), 0);
  until([this] { return first_.connections() + second_.connections() == 1; });
}

TEST_F(ListenerTest, TheDescriptorForThatIsFoundAgainWhereItWasLost) {
  const auto listener = listen("127.0.0.1:0");
  ASSERT_EQ(connect_to(listener->port()), 0);
  {
    const TightLimit tight(0);  // the spare one is given up, and there is none to accept with, nor to be spared
    context_.run_for(std::chrono::milliseconds(250));
    EXPECT_EQ(listener->turned_away(), 0U);
  }
  until([this] { return first_.connections() + second_.connections() == 1; });
  ASSERT_EQ(connect_to(listener->port()), 0);
  {
    const TightLimit tight(lowest_free_descriptor());
    until([&listener] { return listener->turned_away() == 1; });
  }
  EXPECT_TRUE(was_closed(clients_[1]));
}

}  // namespace
}  // namespace footfall::http
