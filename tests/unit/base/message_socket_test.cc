// SPDX-License-Identifier: Apache-2.0
#include "base/message_socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <thread>

#include "support/temporary_directory.h"

namespace footfall::base {
namespace {

using namespace std::chrono_literals;

class MessageSocketTest : public ::testing::Test {
 protected:
  MessageSocketTest() {
    listener_ = MessageListener::listen(path_).value();
    here_ = MessageSocket::connect(path_).value();
    there_ = listener_->accept();
  }

  const testing::TemporaryDirectory directory_;
  const std::string path_ = directory_.file("socket");
  std::unique_ptr<MessageListener> listener_;
  std::unique_ptr<MessageSocket> here_, there_;
};

TEST_F(MessageSocketTest, MessagesComeWholeAndInOrder) {
  ASSERT_TRUE(here_->send("one"));
  ASSERT_TRUE(here_->send(std::string(MessageSocket::kTextMax, 'x')));
  EXPECT_EQ(there_->receive(10s)->text, "one");
  EXPECT_EQ(there_->receive(10s)->text.size(), MessageSocket::kTextMax);
  ASSERT_TRUE(there_->send("back"));
  EXPECT_EQ(here_->receive(10s)->text, "back");
  EXPECT_EQ(here_->send(std::string(MessageSocket::kTextMax + 1, 'x')).error().code, Errc::too_large);
}

TEST_F(MessageSocketTest, DescriptorsGoAlongAndStayOpenInBoth) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  ASSERT_TRUE(here_->send("write here", {&ends[1], 1}));
  const std::vector<int> many(MessageSocket::kDescriptorsMax, ends[1]);
  ASSERT_TRUE(here_->send("and here", many));
  {
    const auto got = there_->receive(10s);
    ASSERT_EQ(got->descriptors.size(), 1U);
    EXPECT_NE(got->descriptors.front().get(), ends[1]);
    EXPECT_NE(fcntl(got->descriptors.front().get(), F_GETFD) & FD_CLOEXEC, 0);
    EXPECT_EQ(write(got->descriptors.front().get(), "!", 1), 1);
    EXPECT_EQ(there_->receive(10s)->descriptors.size(), MessageSocket::kDescriptorsMax);
  }
  char read_back = 0;
  EXPECT_EQ(read(ends[0], &read_back, 1), 1);
  EXPECT_EQ(write(ends[1], "!", 1), 1);
  close(ends[0]);
  close(ends[1]);
}

TEST_F(MessageSocketTest, WhoIsThereIsKnown) {
  EXPECT_EQ(there_->peer()->process, getpid());
  EXPECT_EQ(there_->peer()->user, geteuid());
}

TEST_F(MessageSocketTest, AnEndIsToldBehindWhatWasSaid) {
  ASSERT_TRUE(here_->send("last"));
  here_.reset();
  EXPECT_EQ(there_->receive(10s)->text, "last");
  EXPECT_EQ(there_->receive(10s).error().code, Errc::unavailable);
  EXPECT_EQ(there_->send("nobody hears").error().code, Errc::unavailable);
}

TEST_F(MessageSocketTest, SilenceEnds) {
  EXPECT_EQ(there_->receive(1ms).error().code, Errc::unavailable);
}

TEST_F(MessageSocketTest, AnotherThreadInterrupts) {
  std::thread other([&] { there_->interrupt(); });
  EXPECT_EQ(there_->receive(60s).error().code, Errc::unavailable);
  EXPECT_EQ(here_->receive(60s).error().code, Errc::unavailable);
  other.join();
}

TEST_F(MessageSocketTest, TheFileIsTheOwnersAlone) {
  struct stat status {};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_EQ(MessageListener::listen(path_).error().code, Errc::in_use);
  listener_.reset();
  EXPECT_NE(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(MessageSocket::connect(path_).error().code, Errc::not_found);
}

TEST_F(MessageSocketTest, AFileThatWasLeftIsReplacedAndNoOtherIs) {
  listener_->leave();
  listener_.reset();
  EXPECT_EQ(MessageSocket::connect(path_).error().code, Errc::not_found);  // it is there, and nobody behind it
  EXPECT_TRUE(MessageListener::listen(path_));
  close(open(path_.c_str(), O_CREAT | O_WRONLY, 0600));
  EXPECT_EQ(MessageListener::listen(path_).error().code, Errc::exists);
  EXPECT_EQ(MessageListener::listen("/" + std::string(200, 'x')).error().code, Errc::too_large);
}

TEST_F(MessageSocketTest, AcceptEndsWhenItIsStopped) {
  std::thread other([&] { listener_->stop(); });
  EXPECT_EQ(listener_->accept(), nullptr);
  other.join();
}

}  // namespace
}  // namespace footfall::base
