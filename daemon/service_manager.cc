// SPDX-License-Identifier: Apache-2.0
#include "service_manager.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>

namespace footfall {
namespace {

std::optional<std::uint64_t> number_of(const char* name) {
  const char* const text = std::getenv(name);
  if (text == nullptr) return {};
  std::uint64_t value = 0;
  const char* const end = text + std::strlen(text);
  const auto [at, error] = std::from_chars(text, end, value);
  if (error != std::errc{} || at != end) return {};
  return value;
}

// A status is one line.
std::string one_line(std::string_view text) {
  std::string out(text.substr(0, 512));
  while (!out.empty() && out.back() == '\n') out.pop_back();
  std::replace(out.begin(), out.end(), '\n', ' ');
  return out;
}

std::string microseconds_of(std::chrono::microseconds time) {
  return std::to_string(time.count());
}

}  // namespace

ServiceManager ServiceManager::of_environment() {
  const char* const socket = std::getenv("NOTIFY_SOCKET");
  if (socket == nullptr || (socket[0] != '/' && socket[0] != '@')) return {};
  const auto wanted = number_of("WATCHDOG_USEC");
  const auto of = number_of("WATCHDOG_PID");
  const bool mine = !of || *of == static_cast<std::uint64_t>(getpid());
  const std::uint64_t watchdog = wanted && mine ? std::min<std::uint64_t>(*wanted, INT64_MAX / 1000) : 0;
  return ServiceManager(socket, std::chrono::microseconds(watchdog));
}

void ServiceManager::ready(std::string_view status) const {
  tell("READY=1\nSTATUS=" + one_line(status));
}

void ServiceManager::reloading() const {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const std::chrono::microseconds since =
      std::chrono::seconds(now.tv_sec) + std::chrono::microseconds(now.tv_nsec / 1000);
  tell("RELOADING=1\nMONOTONIC_USEC=" + microseconds_of(since));
}

void ServiceManager::stopping(std::chrono::seconds at_most) const {
  tell("STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC=" + microseconds_of(at_most));
}

void ServiceManager::starting(std::string_view status, std::chrono::seconds wait) const {
  tell("STATUS=" + one_line(status) + "\nEXTEND_TIMEOUT_USEC=" + microseconds_of(wait));
}

void ServiceManager::new_main(pid_t process) const {
  tell("MAINPID=" + std::to_string(process));
}

// The manager closes the descriptor that comes along when it has come to it.
void ServiceManager::wait_until_read(std::chrono::milliseconds wait) const {
  std::array<int, 2> ends{-1, -1};
  if (!there() || pipe2(ends.data(), O_CLOEXEC) != 0) return;
  const bool sent = send("BARRIER=1", ends[1]);
  close(ends[1]);
  pollfd closed{ends[0], 0, 0};
  if (sent) (void)poll(&closed, 1, static_cast<int>(wait.count()));
  close(ends[0]);
}

bool ServiceManager::send(const std::string& lines, int descriptor) const {
  sockaddr_un to{};
  if (!there() || socket_.size() >= sizeof to.sun_path) return false;
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, socket_.data(), socket_.size());
  if (to.sun_path[0] == '@') to.sun_path[0] = '\0';
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const timeval wait{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);

  std::string text = lines;
  iovec part{text.data(), text.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> along{};
  msghdr message{};
  message.msg_name = &to;
  message.msg_namelen = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (descriptor >= 0) {
    message.msg_control = along.data();
    message.msg_controllen = along.size();
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  }
  const bool sent = sendmsg(fd, &message, MSG_NOSIGNAL) >= 0;
  close(fd);
  return sent;
}

}  // namespace footfall
