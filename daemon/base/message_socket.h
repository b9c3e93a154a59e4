// SPDX-License-Identifier: Apache-2.0
// MessageSocket: short messages between two processes of this machine, with open descriptors that go along.
//
// A unix socket of packets (SOCK_SEQPACKET): a message comes whole, or not at all. What was sent stays open in both.
// Threading  one thread, but for interrupt(). Errors: unavailable where the other side is gone or late; io.
// Tested by tests/unit/base/message_socket_test.cc.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/descriptor.h"
#include "base/errors.h"

namespace footfall::base {

class MessageSocket {
 public:
  static constexpr std::size_t kTextMax = 32U << 10U;
  static constexpr std::size_t kDescriptorsMax = 200;  // of one message
  struct Message {
    std::string text;
    std::vector<Descriptor> descriptors;
  };
  struct Peer {
    pid_t process = 0;
    uid_t user = 0;
  };

  explicit MessageSocket(Descriptor socket) : socket_(std::move(socket)) {}
  // not_found: nobody listens there.
  static Result<std::unique_ptr<MessageSocket>> connect(const std::string& path);

  Result<Peer> peer() const;  // who it was when it connected
  Result<void> send(std::string_view text, std::span<const int> descriptors = {});
  Result<Message> receive(std::chrono::milliseconds wait);
  // Any thread: receive() ends, now or when it is called, and the other side learns that nobody is here.
  void interrupt();

 private:
  Descriptor socket_;
};

class MessageListener {
 public:
  // Whoever may write the file (0600) may connect. A file of a process that is gone is replaced.
  static Result<std::unique_ptr<MessageListener>> listen(const std::string& path);
  ~MessageListener();  // the file goes with it
  // nullptr: stop() was called.
  std::unique_ptr<MessageSocket> accept();
  void stop();   // any thread
  void leave();  // the path is another's from now on

 private:
  MessageListener(std::string path, Descriptor socket, Descriptor wake)
      : path_(std::move(path)), socket_(std::move(socket)), wake_(std::move(wake)) {}

  std::string path_;
  Descriptor socket_, wake_;
  std::atomic<bool> stopped_{false};
};

}  // namespace footfall::base
