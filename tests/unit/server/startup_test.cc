// SPDX-License-Identifier: Apache-2.0
#include "startup.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>

#include "support/certificate.h"
#include "support/temporary_directory.h"

namespace footfall {
namespace {

const std::vector<http::ListenAddress> kTwo{*http::parse_listen_address("127.0.0.1:0"),
                                            *http::parse_listen_address("127.0.0.1:0")};

int connected_to(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd, static_cast<sockaddr*>(static_cast<void*>(&to)), sizeof to), 0);
  return fd;
}

// All that comes until the other side closes.
std::string ask(std::uint16_t port, const std::string& line) {
  const int fd = connected_to(port);
  const std::string request = line + " HTTP/1.1\r\nHost: a\r\n\r\n";
  EXPECT_EQ(send(fd, request.data(), request.size(), 0), static_cast<ssize_t>(request.size()));
  std::string out;
  std::array<char, 4096> some{};
  for (ssize_t n = 0; (n = recv(fd, some.data(), some.size(), 0)) > 0;) {
    out.append(some.data(), static_cast<std::size_t>(n));
  }
  close(fd);
  return out;
}

TEST(StartupListener, SaysOnEachAddressHowFarTheStartIs) {
  store::RecoveryProgress progress;
  const StartupListener listener(kTwo, progress);
  for (const std::size_t i : {0U, 1U}) {
    EXPECT_TRUE(ask(listener.port(i), "GET /livez").starts_with("HTTP/1.1 200 "));
    const std::string said = ask(listener.port(i), "GET /startupz");
    EXPECT_TRUE(said.starts_with("HTTP/1.1 503 ")) << said;
    EXPECT_TRUE(said.ends_with("\r\n\r\nrecovering: reading the checkpoint\n")) << said;
  }
  progress.streams = 5;
  progress.stream = 2;
  progress.bytes = 120'000'000;
  progress.bytes_read = 49'300'000;
  progress.hits = 1'234'567;
  const std::string said = ask(listener.port(0), "GET /startupz");
  EXPECT_TRUE(said.ends_with("\r\n\r\nrecovering: stream 2 of 5, 41 % of 120 MB, 1,234,567 hits\n")) << said;
  EXPECT_NE(said.find("Retry-After: 1\r\n"), std::string::npos);
}

TEST(StartupListener, TellsTheServiceManagerToWaitAsLongAsItGoesOn) {
  const testing::TemporaryDirectory directory;
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  directory.file("notify").copy(at.sun_path, sizeof at.sun_path - 1);
  const int manager = socket(AF_UNIX, SOCK_DGRAM, 0);
  ASSERT_EQ(bind(manager, static_cast<sockaddr*>(static_cast<void*>(&at)), sizeof at), 0);
  store::RecoveryProgress progress;
  const StartupListener listener(kTwo, progress, nullptr, ServiceManager(at.sun_path));
  std::array<char, 512> bytes{};
  const ssize_t got = recv(manager, bytes.data(), bytes.size(), 0);
  close(manager);
  ASSERT_GT(got, 0);
  EXPECT_EQ(std::string(bytes.data(), static_cast<std::size_t>(got)),
            "STATUS=recovering: reading the checkpoint\nEXTEND_TIMEOUT_USEC=60000000");
}

TEST(StartupListener, PutsEverythingElseOff) {
  const store::RecoveryProgress progress;
  const StartupListener listener(kTwo, progress);
  EXPECT_TRUE(ask(listener.port(0), "GET /readyz").starts_with("HTTP/1.1 503 "));
  for (const char* line : {"GET /metrics", "GET /v1/admin/sites", "POST /livez", "DELETE /startupz"}) {
    const std::string said = ask(listener.port(0), line);
    EXPECT_TRUE(said.starts_with("HTTP/1.1 503 ")) << said;
    EXPECT_NE(said.find("Retry-After: 1\r\n"), std::string::npos) << said;
    EXPECT_NE(said.find("application/problem+json"), std::string::npos) << said;
  }
}

TEST(StartupListener, SpeaksTlsWhereItsAddressDoes) {
  const testing::TemporaryDirectory directory;
  const testing::Certificate pair(directory.file("certificate.pem"), directory.file("key.pem"));
  const auto tls =
      std::make_shared<const base::TlsContext>(*base::TlsContext::for_servers(pair.certificate(), pair.key()));
  const store::RecoveryProgress progress;
  const StartupListener listener(
      {*http::parse_listen_address("tls:127.0.0.1:0"), *http::parse_listen_address("127.0.0.1:0")}, progress, tls);
  const std::string said = ask(listener.port(0), "GET /livez");  // without
  EXPECT_TRUE(said.starts_with("HTTP/1.1 400 ") && said.find("This port speaks HTTPS") != std::string::npos) << said;
  EXPECT_TRUE(ask(listener.port(1), "GET /livez").starts_with("HTTP/1.1 200 "));

  const base::TlsContext context = *base::TlsContext::for_clients(pair.certificate());
  base::TlsFilter filter = base::TlsFilter::connect(context, "localhost");
  const int fd = connected_to(listener.port(0));
  std::string out, heard;
  ASSERT_TRUE(filter.send("GET /startupz HTTP/1.1\r\nHost: a\r\n\r\n", out));
  std::array<char, 4096> some{};
  for (ssize_t n = 1; n > 0 && !filter.peer_ended(); n = recv(fd, some.data(), some.size(), 0)) {
    if (n > 1) {
      ASSERT_TRUE(filter.receive({some.data(), static_cast<std::size_t>(n)}, heard));
    }
    ASSERT_TRUE(filter.send({}, out));
    if (!out.empty()) {
      ASSERT_GT(send(fd, out.data(), out.size(), MSG_NOSIGNAL), 0);
    }
    out.clear();
  }
  close(fd);
  EXPECT_TRUE(heard.starts_with("HTTP/1.1 503 ")) << heard;
  EXPECT_TRUE(heard.ends_with("recovering: reading the checkpoint\n")) << heard;
}

TEST(StartupListener, LeavesItsAddressToWhoComesNext) {
  const store::RecoveryProgress progress;
  auto listener = std::make_unique<StartupListener>(kTwo, progress);
  auto same = kTwo;
  same[0].port = listener->port(0);
  same[1].port = listener->port(1);
  ask(same[0].port, "GET /livez");
  EXPECT_THROW(StartupListener(same, progress), base::Failure);
  listener.reset();
  const StartupListener next(same, progress);
  EXPECT_TRUE(ask(same[0].port, "GET /livez").starts_with("HTTP/1.1 200 "));
}

}  // namespace
}  // namespace footfall
