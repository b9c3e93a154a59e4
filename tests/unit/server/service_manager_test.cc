// SPDX-License-Identifier: Apache-2.0
#include "service_manager.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "support/temporary_directory.h"

namespace footfall {
namespace {

using namespace std::chrono_literals;

// What systemd is to the daemon: a socket that datagrams come to.
class Manager {
 public:
  // As NOTIFY_SOCKET names it.
  explicit Manager(const std::string& name) : fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, name.data(), name.size());
    if (at.sun_path[0] == '@') at.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(bind(fd_, static_cast<sockaddr*>(static_cast<void*>(&at)), size), 0);
  }
  ~Manager() { close(fd_); }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  // A message, "" if there is none; what descriptor came along is closed.
  std::string heard() const {
    std::array<char, 4096> bytes{};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> along{};
    iovec part{bytes.data(), bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = along.data();
    message.msg_controllen = along.size();
    const ssize_t got = recvmsg(fd_, &message, MSG_DONTWAIT);
    if (const cmsghdr* header = CMSG_FIRSTHDR(&message); got >= 0 && header != nullptr) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
      close(fd);
    }
    return got < 0 ? std::string() : std::string(bytes.data(), static_cast<std::size_t>(got));
  }

 private:
  int fd_;
};

TEST(ServiceManager, IsToldByPathAndByAbstractName) {
  const testing::TemporaryDirectory directory;
  for (const std::string& name :
       {directory.path() + "/notify", "@footfall-service-manager-test-" + std::to_string(getpid())}) {
    const Manager manager(name);
    const ServiceManager told(name);
    told.ready("counting\n3 sites\n");
    EXPECT_EQ(manager.heard(), "READY=1\nSTATUS=counting 3 sites");
    told.starting("recovering: 41 %\n", 60s);
    EXPECT_EQ(manager.heard(), "STATUS=recovering: 41 %\nEXTEND_TIMEOUT_USEC=60000000");
    told.reloading();
    EXPECT_TRUE(manager.heard().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    told.stopping(60s);
    EXPECT_EQ(manager.heard(), "STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC=60000000");
    told.new_main(4711);
    EXPECT_EQ(manager.heard(), "MAINPID=4711");
    EXPECT_EQ(manager.heard(), "");
  }
}

TEST(ServiceManager, WaitsUntilAllWasRead) {
  const testing::TemporaryDirectory directory;
  const std::string name = directory.path() + "/notify";
  const Manager manager(name);
  const ServiceManager told(name);
  told.new_main(4711);
  std::vector<std::string> heard;
  std::thread reader([&] {
    while (heard.empty() || heard.back() != "BARRIER=1") {
      if (const std::string message = manager.heard(); !message.empty()) heard.push_back(message);
    }
  });
  told.wait_until_read(60s);
  reader.join();
  EXPECT_EQ(heard, (std::vector<std::string>{"MAINPID=4711", "BARRIER=1"}));
}

TEST(ServiceManager, NobodyIsToldWhereNobodyListens) {
  EXPECT_FALSE(ServiceManager().tell("READY=1"));
  EXPECT_FALSE(ServiceManager("/nowhere/to/be/found").tell("READY=1"));
  EXPECT_FALSE(ServiceManager("/" + std::string(200, 'x')).tell("READY=1"));
  ServiceManager("/nowhere/to/be/found").wait_until_read(60s);  // returns at once
}

class Environment : public ::testing::Test {
 protected:
  ~Environment() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) unsetenv(name);
  }
  static void set(const char* name, const std::string& value) { setenv(name, value.c_str(), 1); }
};

TEST_F(Environment, SaysWhereAndHowOften) {
  EXPECT_FALSE(ServiceManager::of_environment().there());
  set("NOTIFY_SOCKET", "/run/systemd/notify");
  EXPECT_TRUE(ServiceManager::of_environment().there());
  EXPECT_EQ(ServiceManager::of_environment().watchdog(), 0s);
  set("WATCHDOG_USEC", "10000000");
  EXPECT_EQ(ServiceManager::of_environment().watchdog(), 10s);
  set("WATCHDOG_PID", std::to_string(getpid()));
  EXPECT_EQ(ServiceManager::of_environment().watchdog(), 10s);
}

TEST_F(Environment, OfAnotherProcessAsksForNothing) {
  set("NOTIFY_SOCKET", "/run/systemd/notify");
  set("WATCHDOG_USEC", "10000000");
  set("WATCHDOG_PID", "1");
  EXPECT_EQ(ServiceManager::of_environment().watchdog(), 0s);
}

TEST_F(Environment, ThatMakesNoSenseIsLeftAlone) {
  set("NOTIFY_SOCKET", "relative/path");
  EXPECT_FALSE(ServiceManager::of_environment().there());
  set("NOTIFY_SOCKET", "/run/systemd/notify");
  for (const char* usec : {"", "-1", "ten", "10s"}) {
    set("WATCHDOG_USEC", usec);
    EXPECT_EQ(ServiceManager::of_environment().watchdog(), 0s) << usec;
  }
}

}  // namespace
}  // namespace footfall
