// SPDX-License-Identifier: Apache-2.0
#include "take_over.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "support/temporary_directory.h"

namespace footfall {
namespace {

using namespace std::chrono_literals;

// A predecessor that writes down what it was asked to do, and a successor in the same process.
class TakeOverTest : public ::testing::Test {
 protected:
  TakeOverTest() {
    auto bound = http::BoundSocket::bind(*http::parse_listen_address("127.0.0.1:0"), SOCK_STREAM);
    port_ = bound->port();
    listening_ = base::Descriptor(bound->release());
    listen(listening_.get(), 5);
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair_.data()), 0);
    Predecessor::Ways ways;
    ways.sockets = [this] {
      did("sockets");
      return std::vector<Predecessor::Socket>{{listening_.get(), "http"}};
    };
    ways.prepare = [this]() -> base::Result<ClosedSegments> {
      did("prepare");
      return ClosedSegments{{journal::kControlStream, 7}, {journal::StreamId{2}, 12}};
    };
    ways.freeze = [this]() -> base::Result<Predecessor::Estate> {
      did("freeze");
      if (!rests_) return base::Error{base::Errc::io, "the disk is full"};
      Predecessor::Estate estate;
      for (int i = 0; i < connections_; ++i) {
        http::Peer peer;
        peer.address[0] = 0xfe;
        peer.address[15] = static_cast<std::uint8_t>(i);
        peer.loopback = i % 2 == 0;
        peer.listener = 1;
        estate.connections.push_back({pair_[0], peer, i % 3 == 0});
      }
      estate.lock = listening_.get();
      estate.same_slot = true;
      return estate;
    };
    ways.thaw = [this] { did("thaw"); };
    ways.hand_over = [this](pid_t successor) { did("hand over to " + std::to_string(successor)); };
    predecessor_.emplace(path_, std::move(ways));
  }
  ~TakeOverTest() override {
    predecessor_.reset();
    close(pair_[0]);
    close(pair_[1]);
  }

  void did(const std::string& what) {
    const std::lock_guard lock(mutex_);
    done_.push_back(what);
    changed_.notify_all();
  }
  void until(const std::string& what) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !done_.empty() && done_.back() == what; });
  }
  std::vector<std::string> done() {
    const std::lock_guard lock(mutex_);
    return done_;
  }

  const testing::TemporaryDirectory directory_;
  const std::string path_ = directory_.file("take-over");
  base::Descriptor listening_;
  std::uint16_t port_ = 0;
  std::array<int, 2> pair_{};
  int connections_ = 3;
  bool rests_ = true;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> done_;
  InheritedSockets sockets_;
  std::optional<Predecessor> predecessor_;
};

TEST_F(TakeOverTest, TheSuccessorGetsAllAndThePredecessorEnds) {
  connections_ = 450;  // more than go into one message
  auto successor = *Successor::begin(path_, "1.2.3", sockets_);
  EXPECT_EQ(successor->closed(), (ClosedSegments{{journal::kControlStream, 7}, {journal::StreamId{2}, 12}}));
  const auto taken = sockets_.take(*http::parse_listen_address("systemd:http"), SOCK_STREAM);
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken.front().port(), port_);
  EXPECT_EQ(done(), (std::vector<std::string>{"sockets", "prepare"}));
  const auto estate = successor->take();
  ASSERT_TRUE(estate) << estate.error().detail;
  ASSERT_EQ(estate->connections.size(), 450U);
  for (std::size_t i = 0; i < 450; ++i) {
    const Successor::Connection& connection = estate->connections[i];
    EXPECT_EQ(connection.peer.address[0], 0xfe);
    EXPECT_EQ(connection.peer.address[15], i & 0xffU);
    EXPECT_EQ(connection.peer.loopback, i % 2 == 0);
    EXPECT_EQ(connection.peer.listener, 1);
    EXPECT_EQ(connection.tls, i % 3 == 0);
  }
  EXPECT_EQ(write(estate->connections[9].descriptor.get(), "!", 1), 1);
  char heard = 0;
  EXPECT_EQ(read(pair_[1], &heard, 1), 1);
  EXPECT_TRUE(estate->same_slot);
  EXPECT_TRUE(estate->lock.valid());
  EXPECT_EQ(done().back(), "freeze");
  ASSERT_TRUE(successor->taken());
  successor->wait_for_end(60s);
  EXPECT_EQ(done().back(), "hand over to " + std::to_string(getpid()));
  InheritedSockets none;
  EXPECT_EQ(Successor::begin(path_, "1.2.3", none).error().code, base::Errc::not_found);
}

TEST_F(TakeOverTest, ASuccessorThatLeavesBeforeOrBehindTheRestIsForgotten) {
  (void)Successor::begin(path_, "1.2.3", sockets_);
  until("thaw");
  EXPECT_EQ(done(), (std::vector<std::string>{"sockets", "prepare", "thaw"}));
  // Another process, since one that took and has not said so is killed.
  const pid_t child = fork();
  if (child == 0) {
    auto successor = *Successor::begin(path_, "1.2.3", sockets_);
    const bool took = successor->take().has_value();
    _exit(took ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  until("thaw");
  EXPECT_EQ(done(), (std::vector<std::string>{"sockets", "prepare", "thaw", "sockets", "prepare", "freeze", "thaw"}));
  auto next = *Successor::begin(path_, "1.2.3", sockets_);
  ASSERT_TRUE(next->take());
  ASSERT_TRUE(next->taken());
  next->wait_for_end(60s);
  EXPECT_TRUE(done().back().starts_with("hand over"));
}

TEST_F(TakeOverTest, APredecessorThatCannotRestSaysWhyAndGoesOn) {
  rests_ = false;
  auto successor = *Successor::begin(path_, "1.2.3", sockets_);
  const auto estate = successor->take();
  ASSERT_FALSE(estate);
  EXPECT_EQ(estate.error().detail, "the daemon that runs hands nothing over: the disk is full");
  until("thaw");
}

TEST_F(TakeOverTest, AStopEndsWhatWasBegun) {
  auto successor = *Successor::begin(path_, "1.2.3", sockets_);
  predecessor_->stop();
  EXPECT_EQ(done().back(), "thaw");
  EXPECT_FALSE(successor->take());
}

TEST_F(TakeOverTest, WhoSpeaksOtherwiseIsRefused) {
  auto other = *base::MessageSocket::connect(path_);
  ASSERT_TRUE(other->send("take-over 2 9.9.9"));
  EXPECT_TRUE(other->receive(60s)->text.starts_with("refused this release hands over in another way"));
  EXPECT_TRUE(done().empty());
}

}  // namespace
}  // namespace footfall
