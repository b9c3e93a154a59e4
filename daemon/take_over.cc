// SPDX-License-Identifier: Apache-2.0
// The messages, a line each, with the descriptors that go along:
//
//   > take-over 1 RELEASE
//   < socket NAME [1]          *     NAME may be empty
//   < closed STREAM=SEGMENT ...
//   > ready
//   < connections [n]          *     a line more for each: ADDRESS LISTENER LOOPBACK TLS
//   < lock same|new SINCE [1]        when it paused, in microseconds of CLOCK_MONOTONIC
//   > taken
//   < gone
//
//   < refused WHY                    in the place of any
#include "take_over.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <utility>

#include "base/hex.h"
#include "base/log.h"
#include "base/thread_name.h"

namespace footfall {
namespace {

using base::Errc;
using base::Error;
using base::MessageSocket;
using std::chrono::milliseconds;

constexpr std::string_view kHello = "take-over 1 ";
constexpr milliseconds kHelloWait{5'000};
// For a checkpoint, or a backup, that is under way; and for the successor to read a large directory.
constexpr milliseconds kReadWait{1'800'000};
constexpr milliseconds kRestWait{120'000};
constexpr milliseconds kTakenWait{60'000};

Error not_understood(std::string_view text) {
  return {Errc::malformed, "the other process speaks another protocol: \"" + std::string(text.substr(0, 80)) + "\""};
}

std::string line_of(const http::Loop::Resting& connection) {
  std::string out;
  base::append_hex(out, connection.peer.address);
  out += " " + std::to_string(connection.peer.listener) + (connection.peer.loopback ? " 1" : " 0") +
         (connection.tls ? " 1" : " 0");
  return out + "\n";
}

std::optional<Successor::Connection> connection_of(const std::string& line, base::Descriptor descriptor) {
  Successor::Connection out;
  std::istringstream words(line);
  std::string address;
  unsigned listener = 0;
  words >> address >> listener >> out.peer.loopback >> out.tls;
  if (words.fail() || address.size() != 2 * sizeof out.peer.address) return {};
  for (std::size_t i = 0; i < sizeof out.peer.address; ++i) {
    const char* const at = address.data() + 2 * i;
    if (std::from_chars(at, at + 2, out.peer.address[i], 16).ptr != at + 2) return {};
  }
  out.peer.listener = static_cast<std::uint8_t>(listener);
  out.descriptor = std::move(descriptor);
  return out;
}

}  // namespace

Predecessor::Predecessor(const std::string& path, Ways ways)
    : ways_(std::move(ways)), listener_(base::MessageListener::listen(path).value()) {
  thread_ = std::thread([this] {
    base::name_this_thread("take-over");
    run();
  });
}

void Predecessor::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    if (current_ != nullptr) current_->interrupt();
  }
  listener_->stop();
  if (thread_.joinable()) thread_.join();
}

void Predecessor::run() {
  while (const auto successor = listener_->accept()) {
    const auto peer = successor->peer();
    if (!peer || peer->user != geteuid()) {  // root neither: what it writes could not be read afterwards
      (void)successor->send("refused it is run by another user; run the new one by the same");
      continue;
    }
    if (getpid() == 1) {
      (void)successor->send("refused it is process 1 of a container, which would end with it; start a new container");
      continue;
    }
    {
      const std::lock_guard lock(mutex_);
      if (stopped_) return;
      current_ = successor.get();
    }
    const auto served = serve(*successor, peer->process);
    {
      const std::lock_guard lock(mutex_);
      current_ = nullptr;
    }
    if (served) return;
    base::log::warning("take_over_failed", "process " + std::to_string(peer->process) +
                                               " has not taken over, and this one goes on: " + served.error().detail);
  }
}

base::Result<void> Predecessor::serve(MessageSocket& successor, pid_t process) {
  const base::Descriptor handle(static_cast<int>(syscall(SYS_pidfd_open, process, 0)));  // its number may be another's
  const auto hello = successor.receive(kHelloWait);
  if (!hello) return hello.error();
  if (!hello->text.starts_with(kHello)) {
    (void)successor.send("refused this release hands over in another way; stop it, and start the new one");
    return not_understood(hello->text);
  }
  base::log::info("take_over_prepared", "process " + std::to_string(process) + ", release " +
                                            hello->text.substr(kHello.size()) + ", prepares to take over");
  struct Undo {
    const std::function<void()>& thaw;
    bool needed = true;
    ~Undo() {
      if (needed) thaw();
    }
  } undo{ways_.thaw};

  for (const Socket& socket : ways_.sockets()) {
    if (auto sent = successor.send("socket " + socket.name, {&socket.descriptor, 1}); !sent) return sent;
  }
  const auto closed = ways_.prepare();
  if (!closed) {
    (void)successor.send("refused " + closed.error().detail);
    return closed.error();
  }
  std::string text = "closed";
  for (const auto& [stream, segment] : *closed)
    text += " " + std::to_string(stream.value) + "=" + std::to_string(segment);
  if (auto sent = successor.send(text); !sent) return sent;
  const auto ready = successor.receive(kReadWait);
  if (!ready) return ready.error();
  if (ready->text != "ready") return not_understood(ready->text);

  const auto estate = ways_.freeze();
  if (!estate) {
    (void)successor.send("refused " + estate.error().detail);
    return estate.error();
  }
  auto given = give(successor, *estate);
  const auto taken = given ? successor.receive(kTakenWait) : base::Result<MessageSocket::Message>(given.error());
  if (!taken || taken->text != "taken") {
    // It is gone, or else is not to wake up later and write.
    if (handle.valid()) (void)syscall(SYS_pidfd_send_signal, handle.get(), SIGKILL, nullptr, 0);
    while (const auto late = successor.receive(kTakenWait)) {
      if (late->text != "taken") continue;
      base::log::error("take_over_too_late", "process " + std::to_string(process) +
                                                 " took over too late, and was killed; the next start is anew");
      base::log::stop();
      std::_Exit(1);
    }
    return taken ? not_understood(taken->text) : taken.error();
  }
  undo.needed = false;
  listener_->leave();
  ways_.hand_over(process);
  (void)successor.send("gone");
  return {};
}

base::Result<void> Predecessor::give(MessageSocket& successor, const Estate& estate) {
  constexpr std::size_t kAtOnce = MessageSocket::kDescriptorsMax;
  for (std::size_t begin = 0; begin < estate.connections.size(); begin += kAtOnce) {
    std::string text = "connections\n";
    std::vector<int> descriptors;
    for (std::size_t i = begin; i < std::min(begin + kAtOnce, estate.connections.size()); ++i) {
      text += line_of(estate.connections[i]);
      descriptors.push_back(estate.connections[i].descriptor);
    }
    if (auto sent = successor.send(text, descriptors); !sent) return sent;
  }
  const auto since = std::chrono::duration_cast<std::chrono::microseconds>(estate.paused.time_since_epoch());
  return successor.send((estate.same_slot ? "lock same " : "lock new ") + std::to_string(since.count()),
                        {&estate.lock, 1});
}

// ---- The successor

namespace {

// A refusal is an error.
base::Result<MessageSocket::Message> hear(MessageSocket& predecessor, milliseconds wait) {
  auto heard = predecessor.receive(wait);
  constexpr std::string_view kRefused = "refused ";
  if (heard && heard->text.starts_with(kRefused)) {
    return Error{Errc::unavailable, "the daemon that runs hands nothing over: " + heard->text.substr(kRefused.size())};
  }
  if (!heard)
    return Error{heard.error().code,
                 "the take-over came to nothing, the daemon before goes on: " + heard.error().detail};
  return heard;
}

bool read_closed(std::string_view text, ClosedSegments& out) {
  std::istringstream words{std::string(text)};
  std::string word;
  words >> word;
  while (words >> word) {
    unsigned stream = 0;
    char equals = 0;
    std::uint64_t segment = 0;
    std::istringstream parts(word);
    parts >> stream >> equals >> segment;
    if (parts.fail() || equals != '=' || stream > UINT16_MAX) return false;
    out[journal::StreamId{static_cast<std::uint16_t>(stream)}] = segment;
  }
  return true;
}

}  // namespace

base::Result<std::unique_ptr<Successor>> Successor::begin(const std::string& path, const std::string& release,
                                                          InheritedSockets& sockets) {
  auto connected = MessageSocket::connect(path);
  if (!connected) return connected.error();
  std::unique_ptr<Successor> out(new Successor(*std::move(connected)));
  MessageSocket& predecessor = *out->predecessor_;
  if (auto sent = predecessor.send(std::string(kHello) + release); !sent) return sent.error();
  for (;;) {
    auto heard = hear(predecessor, kReadWait);
    if (!heard) return heard.error();
    constexpr std::string_view kSocket = "socket ";
    if (heard->text.starts_with(kSocket) && heard->descriptors.size() == 1) {
      auto added = sockets.add(heard->descriptors.front().release(), heard->text.substr(kSocket.size()));
      if (!added) return added.error();
      continue;
    }
    if (!heard->text.starts_with("closed") || !read_closed(heard->text, out->closed_))
      return not_understood(heard->text);
    return out;
  }
}

base::Result<Successor::Estate> Successor::take() {
  if (auto sent = predecessor_->send("ready"); !sent) return sent.error();
  Estate out;
  for (;;) {
    auto heard = hear(*predecessor_, kRestWait);
    if (!heard) return heard.error();
    std::istringstream lines(heard->text);
    std::string line;
    std::getline(lines, line);
    if (line == "connections") {
      for (base::Descriptor& descriptor : heard->descriptors) {
        std::getline(lines, line);
        auto connection = connection_of(line, std::move(descriptor));
        if (!connection) return not_understood(line);
        out.connections.push_back(*std::move(connection));
      }
      continue;
    }
    std::istringstream words(line);
    std::string lock;
    std::string slot;
    std::int64_t since_us = 0;
    words >> lock >> slot >> since_us;
    if (words.fail() || lock != "lock" || (slot != "same" && slot != "new") || heard->descriptors.size() != 1)
      return not_understood(line);
    out.lock = std::move(heard->descriptors.front());
    out.same_slot = slot == "same";
    out.paused = std::chrono::steady_clock::time_point(std::chrono::microseconds(since_us));
    return out;
  }
}

base::Result<void> Successor::taken() {
  return predecessor_->send("taken");
}

void Successor::wait_for_end(milliseconds wait) {
  (void)predecessor_->receive(wait);
}

}  // namespace footfall
