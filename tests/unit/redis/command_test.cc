// SPDX-License-Identifier: Apache-2.0
#include "redis/command.h"

#include <gtest/gtest.h>

namespace footfall::redis {
namespace {

using namespace std::string_view_literals;

TEST(CommandTest, WordsAreCountedAndMayHoldAnyBytes) {
  EXPECT_EQ(command({"SET", "a\r\n\0b"sv, ""}), "*3\r\n$3\r\nSET\r\n$5\r\na\r\n\0b\r\n$0\r\n\r\n"sv);
}

TEST(CommandTest, CommandsFollowEachOther) {
  std::string out = command({"PING"});
  append_command(out, std::vector<std::string_view>{"GET", "k"});
  EXPECT_EQ(out, "*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
}

TEST(CommandTest, AViewOfNothingIsAnEmptyWord) {
  EXPECT_EQ(command({"A", std::string_view()}), "*2\r\n$1\r\nA\r\n$0\r\n\r\n");
}

TEST(CommandTest, ItsNameIsItsFirstWord) {
  EXPECT_EQ(name_of_command(command({"PING"})), "PING");
  EXPECT_EQ(name_of_command(command({"ZREMRANGEBYSCORE", "k", "1", "2"})), "ZREMRANGEBYSCORE");
  EXPECT_EQ(name_of_command("*1"), "");
}

}  // namespace
}  // namespace footfall::redis
