// SPDX-License-Identifier: Apache-2.0
#include "base/message_socket.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>

namespace footfall::base {
namespace {

using Clock = std::chrono::steady_clock;

constexpr timeval kSendWait{10, 0};  // for a side that does not read

Error failed(const char* call, const std::string& what) {
  return {Errc::io, std::string(call) + " " + what + ": " + std::generic_category().message(errno)};
}

std::optional<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un out{};
  out.sun_family = AF_UNIX;
  if (path.size() >= sizeof out.sun_path) return {};
  std::memcpy(out.sun_path, path.data(), path.size());
  return out;
}

Error too_long(const std::string& path) {
  return {Errc::too_large, path + ": the path of a unix socket has at most 107 bytes"};
}

sockaddr* generic(sockaddr_un& address) {
  return static_cast<sockaddr*>(static_cast<void*>(&address));
}

}  // namespace

Result<std::unique_ptr<MessageSocket>> MessageSocket::connect(const std::string& path) {
  auto to = address_of(path);
  if (!to) return too_long(path);
  Descriptor fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return failed("socket", path);
  if (::connect(fd.get(), generic(*to), sizeof *to) != 0) {
    if (errno == ENOENT || errno == ECONNREFUSED) return Error{Errc::not_found, path + ": nobody is there"};
    return failed("connect", path);
  }
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kSendWait, sizeof kSendWait);
  return std::make_unique<MessageSocket>(std::move(fd));
}

Result<MessageSocket::Peer> MessageSocket::peer() const {
  ucred found{};
  socklen_t size = sizeof found;
  if (getsockopt(socket_.get(), SOL_SOCKET, SO_PEERCRED, &found, &size) != 0)
    return failed("getsockopt", "SO_PEERCRED");
  return Peer{found.pid, found.uid};
}

Result<void> MessageSocket::send(std::string_view text, std::span<const int> descriptors) {
  std::string bytes(text);
  iovec part{bytes.data(), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kDescriptorsMax * sizeof(int))> along{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (descriptors.size() > kDescriptorsMax || text.size() > kTextMax)
    return Error{Errc::too_large, "a message with " + std::to_string(descriptors.size()) + " descriptors"};
  if (!descriptors.empty()) {
    message.msg_control = along.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  }
  ssize_t sent = -1;
  do {
    sent = sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return {};
  Error error = failed("sendmsg", "to the other process");
  if (errno == EPIPE || errno == ECONNRESET || errno == EAGAIN) error.code = Errc::unavailable;
  return error;
}

Result<MessageSocket::Message> MessageSocket::receive(std::chrono::milliseconds wait) {
  const auto until = Clock::now() + wait;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
    pollfd readable{socket_.get(), POLLIN, 0};
    const int ready = poll(&readable, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return failed("poll", "the other process");
    if (ready > 0) break;
    return Error{Errc::unavailable, "the other process said nothing for " + std::to_string(wait.count()) + " ms"};
  }
  Message out;
  out.text.resize(kTextMax);
  iovec part{out.text.data(), out.text.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kDescriptorsMax * sizeof(int))> along{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = along.data();
  message.msg_controllen = along.size();
  ssize_t got = -1;
  do {
    got = recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && errno != ECONNRESET) return failed("recvmsg", "from the other process");
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
      out.descriptors.emplace_back(fd);
    }
  }
  if (got <= 0) return Error{Errc::unavailable, "the other process is gone"};
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
    return Error{Errc::io, "a message came in part: this process has no more descriptors (LimitNOFILE, ulimit -n)"};
  out.text.resize(static_cast<std::size_t>(got));
  return out;
}

void MessageSocket::interrupt() {
  shutdown(socket_.get(), SHUT_RDWR);
}

Result<std::unique_ptr<MessageListener>> MessageListener::listen(const std::string& path) {
  auto at = address_of(path);
  if (!at) return too_long(path);
  struct stat there {};
  if (lstat(path.c_str(), &there) == 0) {
    if (!S_ISSOCK(there.st_mode)) return Error{Errc::exists, path + " is no socket; remove it"};
    if (auto probe = MessageSocket::connect(path)) return Error{Errc::in_use, path + ": another process listens there"};
    unlink(path.c_str());
  }
  Descriptor fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return failed("socket", path);
  if (bind(fd.get(), generic(*at), sizeof *at) != 0) return failed("bind", path);
  if (chmod(path.c_str(), 0600) != 0) return failed("chmod", path);
  if (::listen(fd.get(), 4) != 0) return failed("listen", path);
  Descriptor wake(eventfd(0, EFD_CLOEXEC));
  if (!wake.valid()) return failed("eventfd", path);
  return std::unique_ptr<MessageListener>(new MessageListener(path, std::move(fd), std::move(wake)));
}

MessageListener::~MessageListener() {
  if (!path_.empty()) unlink(path_.c_str());
}

std::unique_ptr<MessageSocket> MessageListener::accept() {
  while (!stopped_) {
    std::array<pollfd, 2> wait{{{socket_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}}};
    if (poll(wait.data(), wait.size(), -1) <= 0 || stopped_) continue;
    Descriptor fd(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd.valid()) continue;
    setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kSendWait, sizeof kSendWait);
    return std::make_unique<MessageSocket>(std::move(fd));
  }
  return nullptr;
}

void MessageListener::stop() {
  stopped_ = true;
  const std::uint64_t one = 1;
  (void)!write(wake_.get(), &one, sizeof one);
}

void MessageListener::leave() {
  path_.clear();
  socket_ = Descriptor();
}

}  // namespace footfall::base
