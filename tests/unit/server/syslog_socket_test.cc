// SPDX-License-Identifier: Apache-2.0
#include "syslog_socket.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "support/temporary_directory.h"

namespace footfall {
namespace {

class SyslogSocketTest : public ::testing::Test {
 protected:
  std::unique_ptr<SyslogSocket> open(const std::string& address, std::uint32_t buffer_bytes = 256U << 10U,
                                     std::uint32_t mode = 0) {
    http::ListenAddress parsed = http::parse_listen_address(address).value();
    parsed.unix_mode = mode;
    auto socket = SyslogSocket::open(parsed, buffer_bytes);
    EXPECT_TRUE(socket) << socket.error().detail;
    return socket ? *std::move(socket) : nullptr;
  }
  // False: it was not taken.
  static bool send(const SyslogSocket& socket, const std::string& text) {
    const std::string& to = socket.address();
    sockaddr_storage storage{};
    socklen_t size = 0;
    if (to.starts_with("unix:")) {
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      std::memcpy(address.sun_path, to.data() + 5, to.size() - 5);
      std::memcpy(&storage, &address, sizeof address);
      size = sizeof address;
    } else {
      const std::uint16_t port = htons(static_cast<std::uint16_t>(std::stoi(to.substr(to.rfind(':') + 1))));
      if (to.starts_with('[')) {
        sockaddr_in6 address{};
        address.sin6_family = AF_INET6;
        address.sin6_port = port;
        address.sin6_addr = in6addr_loopback;
        std::memcpy(&storage, &address, sizeof address);
        size = sizeof address;
      } else {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = port;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        std::memcpy(&storage, &address, sizeof address);
        size = sizeof address;
      }
    }
    const int fd = ::socket(storage.ss_family, SOCK_DGRAM, 0);
    const ssize_t sent =
        sendto(fd, text.data(), text.size(), MSG_DONTWAIT, static_cast<sockaddr*>(static_cast<void*>(&storage)), size);
    ::close(fd);
    return sent == static_cast<ssize_t>(text.size());
  }
  std::vector<std::string> receive(SyslogSocket& socket) {
    std::vector<std::string> out;
    socket.receive([&](std::string_view datagram, bool cut) {
      out.push_back(std::string(datagram.substr(0, 100)) + (cut ? " (cut)" : ""));
    });
    return out;
  }
  const testing::TemporaryDirectory directory_;
  boost::asio::io_context context_;
};

TEST_F(SyslogSocketTest, DatagramsOfEachFamilyAreReadManyAtATime) {
  for (const std::string& address :
       {std::string("127.0.0.1:0"), std::string("[::1]:0"), "unix:" + directory_.file("socket")}) {
    boost::asio::io_context context;
    const auto socket = open(address);
    ASSERT_NE(socket, nullptr);
    int ready = 0;
    socket->start(context, [&] { ++ready; });
    for (const char* text : {"one", "two", "three"}) ASSERT_TRUE(send(*socket, text)) << address;
    context.run_one();
    EXPECT_EQ(ready, 1);
    EXPECT_EQ(receive(*socket), (std::vector<std::string>{"one", "two", "three"}));
    EXPECT_TRUE(receive(*socket).empty());
    socket->wait();
    ASSERT_TRUE(send(*socket, "four"));
    context.restart();
    context.run_one();
    EXPECT_EQ(ready, 2);
    EXPECT_EQ(receive(*socket), std::vector<std::string>{"four"});
    socket->close();
    EXPECT_TRUE(receive(*socket).empty());
    context.restart();
    context.run();  // what was waited for is over
    EXPECT_EQ(ready, 2);
  }
}

TEST_F(SyslogSocketTest, AtMostABatchIsReadAtOnce) {
  const auto socket = open("127.0.0.1:0");
  socket->start(context_, [] {});
  for (std::size_t i = 0; i < SyslogSocket::kBatch + 5; ++i) ASSERT_TRUE(send(*socket, std::to_string(i)));
  EXPECT_EQ(receive(*socket).size(), SyslogSocket::kBatch);
  EXPECT_EQ(receive(*socket).size(), 5U);
}

TEST_F(SyslogSocketTest, TheLargestOfUdpFitsAndALongerOneOfAUnixSocketIsToldToBeCut) {
  const auto udp = open("127.0.0.1:0");
  udp->start(context_, [] {});
  ASSERT_TRUE(send(*udp, std::string(65'507, 'x')));
  EXPECT_EQ(receive(*udp), std::vector<std::string>{std::string(100, 'x')});
  const auto local = open("unix:" + directory_.file("socket"));
  local->start(context_, [] {});
  ASSERT_TRUE(send(*local, std::string(SyslogSocket::kDatagramMax + 1, 'y')));
  EXPECT_EQ(receive(*local), std::vector<std::string>{std::string(100, 'y') + " (cut)"});
}

// The drops of the socket that is bound to the port, as /proc/net/udp has them.
std::uint64_t drops_of_port(unsigned port) {
  std::ifstream in("/proc/net/udp");
  std::string row;
  while (std::getline(in, row)) {
    std::istringstream words(row);
    std::vector<std::string> fields{std::istream_iterator<std::string>(words), {}};
    if (fields.size() > 12 && fields[1].find(':') != std::string::npos &&
        std::stoul(fields[1].substr(fields[1].find(':') + 1), nullptr, 16) == port)
      return std::stoull(fields.back());
  }
  return UINT64_MAX;
}

TEST_F(SyslogSocketTest, WhatTheKernelDropsIsTold) {
  const auto socket = open("127.0.0.1:0", 4096);
  socket->start(context_, [] {});
  EXPECT_EQ(socket->newly_lost(), 0U);
  const std::string text(1000, 'z');
  constexpr std::uint64_t kSent = 500;
  for (std::uint64_t i = 0; i < kSent; ++i) ASSERT_TRUE(send(*socket, text));
  const std::uint64_t lost = socket->newly_lost();
  std::uint64_t read = 0;
  while (const std::size_t got = receive(*socket).size()) read += got;
  EXPECT_GT(lost, 0U);
  EXPECT_EQ(read + lost, kSent) << "each was read, or is told";
  EXPECT_EQ(
      drops_of_port(static_cast<unsigned>(std::stoul(socket->address().substr(socket->address().rfind(':') + 1)))),
      lost);
  EXPECT_EQ(socket->newly_lost(), 0U);
}

TEST_F(SyslogSocketTest, TheBufferIsAsLargeAsItIsSaidToBe) {
  EXPECT_EQ(open("127.0.0.1:0", 64U << 10U)->buffer_bytes(), 64U << 10U);
}

TEST_F(SyslogSocketTest, AUnixSocketHasItsModeAndItsFileGoesWithIt) {
  const std::string path = directory_.file("socket");
  {
    const auto socket = open("unix:" + path, 4096, 0620);
    struct stat status {};
    ASSERT_EQ(stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0620U);
    const auto second = SyslogSocket::open(http::parse_listen_address("unix:" + path).value(), 4096);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, base::Errc::in_use);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(SyslogSocketTest, TheFileOfADeadProcessIsReplacedAndAnotherFileIsNot) {
  const std::string path = directory_.file("socket");
  {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    const int fd = ::socket(AF_UNIX, SOCK_DGRAM, 0);
    ASSERT_EQ(bind(fd, static_cast<sockaddr*>(static_cast<void*>(&address)), sizeof address), 0);
    ::close(fd);
  }
  EXPECT_NE(open("unix:" + path), nullptr);
  std::ofstream(path) << "precious";
  const auto refused = SyslogSocket::open(http::parse_listen_address("unix:" + path).value(), 4096);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, base::Errc::exists);
  EXPECT_NE(refused.error().detail.find("no socket"), std::string::npos);
  EXPECT_EQ(std::filesystem::file_size(path), 8U);
}

TEST_F(SyslogSocketTest, AnAddressThatIsTakenIsNamed) {
  const auto first = open("127.0.0.1:0");
  const auto second = SyslogSocket::open(http::parse_listen_address(first->address()).value(), 4096);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, base::Errc::in_use);
  EXPECT_NE(second.error().detail.find(first->address()), std::string::npos);
}

}  // namespace
}  // namespace footfall
