// SPDX-License-Identifier: Apache-2.0
#include "inherited_sockets.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include "support/temporary_directory.h"

namespace footfall {
namespace {

using http::BoundSocket;
using http::ListenAddress;

ListenAddress at(const std::string& text) {
  return *http::parse_listen_address(text);
}

class InheritedSocketsTest : public ::testing::Test {
 protected:
  // Adds one that listens, and answers where.
  ListenAddress add(const std::string& name, const std::string& where = "127.0.0.1:0", int type = SOCK_STREAM) {
    auto bound = BoundSocket::bind(at(where), type);
    EXPECT_TRUE(bound);
    const std::string address = bound->address();
    const int fd = bound->release();
    EXPECT_TRUE(type != SOCK_STREAM || listen(fd, 5) == 0);
    EXPECT_TRUE(sockets_.add(fd, name));
    return at(address);
  }
  std::string wrong(const std::vector<ListenAddress>& streams, const std::vector<ListenAddress>& datagrams = {}) const {
    const auto checked = sockets_.check(streams, datagrams);
    return checked ? std::string() : checked.error().detail;
  }

  const testing::TemporaryDirectory directory_;
  InheritedSockets sockets_;
};

TEST_F(InheritedSocketsTest, AreTakenByNameOrByAddressOnce) {
  const ListenAddress first = add("http");
  const ListenAddress second = add("http");
  const ListenAddress unix = add("", "unix:" + directory_.file("s"));
  EXPECT_TRUE(sockets_.take(at("127.0.0.1:1"), SOCK_STREAM).empty());
  EXPECT_TRUE(sockets_.take(first, SOCK_DGRAM).empty());
  EXPECT_TRUE(sockets_.take(at("systemd:https"), SOCK_STREAM).empty());
  ASSERT_EQ(sockets_.share(at("systemd:http"), SOCK_STREAM).size(), 2U);
  const auto by_address = sockets_.take(second, SOCK_STREAM);
  ASSERT_EQ(by_address.size(), 1U);
  EXPECT_EQ(by_address.front().port(), second.port);
  EXPECT_EQ(by_address.front().name(), "http");
  EXPECT_TRUE(by_address.front().loopback());
  const auto by_name = sockets_.take(at("tls:systemd:http"), SOCK_STREAM);
  ASSERT_EQ(by_name.size(), 1U);
  EXPECT_EQ(by_name.front().port(), first.port);
  const auto rest = sockets_.take_rest();
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest.front().unix_path(), directory_.file("s"));
  EXPECT_TRUE(rest.front().is_at(unix));
  EXPECT_TRUE(sockets_.empty());
}

TEST_F(InheritedSocketsTest, OfAServiceManagerAreAllSomebodys) {
  const ListenAddress http = add("http");
  const ListenAddress log = add("log", "127.0.0.1:0", SOCK_DGRAM);
  EXPECT_EQ(wrong({http}, {log}), "");
  EXPECT_EQ(wrong({at("tls:systemd:http")}, {at("systemd:log")}), "");
  EXPECT_NE(wrong({http}).find("the socket log (127.0.0.1:"), std::string::npos);
  EXPECT_NE(wrong({http}).find("to syslog-listen"), std::string::npos);
  EXPECT_NE(wrong({}, {log}).find("add \"systemd:http\" to listen"), std::string::npos);
  EXPECT_NE(wrong({http, at("systemd:more")}, {log}).find("passed no such socket, but http (127.0.0.1:"),
            std::string::npos);
  EXPECT_NE(wrong({http}, {log, at("systemd:http")}).find("ListenDatagram= and FileDescriptorName=http"),
            std::string::npos);
}

TEST_F(InheritedSocketsTest, OfADaemonBeforeMayBeNobodys) {
  add("");
  EXPECT_EQ(wrong({at("127.0.0.1:1")}), "");
}

TEST_F(InheritedSocketsTest, TakeNothingThatDoesNotListen) {
  EXPECT_FALSE(sockets_.add(open("/dev/null", O_RDONLY), "http"));
  EXPECT_FALSE(sockets_.add(-1, "http"));
  EXPECT_FALSE(sockets_.add(socket(AF_INET, SOCK_STREAM, 0), "http"));
  EXPECT_TRUE(sockets_.empty());
}

TEST_F(InheritedSocketsTest, OfTheEnvironmentAreThoseOfThisProcess) {
  for (const std::string& process : {std::string("1"), std::string("me"), std::string()}) {
    setenv("LISTEN_PID", process.c_str(), 1);
    setenv("LISTEN_FDS", "1", 1);
    setenv("LISTEN_FDNAMES", "http", 1);
    const auto found = InheritedSockets::of_environment();
    ASSERT_TRUE(found);
    EXPECT_TRUE(found->empty());
    EXPECT_EQ(std::getenv("LISTEN_FDS"), nullptr);
  }
}

}  // namespace
}  // namespace footfall
