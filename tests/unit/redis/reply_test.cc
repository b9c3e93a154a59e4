// SPDX-License-Identifier: Apache-2.0
#include "redis/reply.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace footfall::redis {
namespace {

using Type = Reply::Type;

std::string show(const Reply& reply) {
  switch (reply.type) {
    case Type::nil:
      return "nil";
    case Type::integer:
      return ":" + std::to_string(reply.integer);
    case Type::status:
      return "+" + reply.text;
    case Type::text:
      return "'" + reply.text + "'";
    case Type::error:
      return "-" + reply.text;
    case Type::array: {
      std::string out = "[";
      for (const Reply& element : reply.elements) out += show(element) + " ";
      return out + "]";
    }
  }
  return "?";
}

// All replies in `bytes`, given in pieces of at most `piece` bytes, the first of `first`.
std::string parse(std::string_view bytes, std::size_t first, std::size_t piece) {
  ReplyParser parser;
  std::string out;
  for (std::size_t size = first; !bytes.empty(); size = piece) {
    parser.feed(bytes.substr(0, size));
    bytes.remove_prefix(std::min(size, bytes.size()));
    for (;;) {
      auto reply = parser.next();
      if (!reply) return out + "failed";
      if (!*reply) break;
      out += show(**reply) + "\n";
    }
  }
  return out;
}

constexpr std::string_view kReplies =
    "+OK\r\n-ERR no\r\n:-42\r\n$5\r\na\r\nbc\r\n$-1\r\n*-1\r\n*0\r\n$0\r\n\r\n"
    "*3\r\n*2\r\n:1\r\n$1\r\nx\r\n$-1\r\n*1\r\n*1\r\n+deep\r\n:9223372036854775807\r\n";
constexpr std::string_view kShown =
    "+OK\n-ERR no\n:-42\n'a\r\nbc'\nnil\nnil\n[]\n''\n[[:1 'x' ] nil [[+deep ] ] ]\n:9223372036854775807\n";

TEST(ReplyTest, RepliesComeOutWhole) {
  EXPECT_EQ(parse(kReplies, kReplies.size(), 1), kShown);
}

TEST(ReplyTest, ItDoesNotMatterWhereTheyAreCut) {
  for (std::size_t cut = 1; cut < kReplies.size(); ++cut) {
    EXPECT_EQ(parse(kReplies, cut, kReplies.size()), kShown) << cut;
    EXPECT_EQ(parse(kReplies, cut, 1), kShown) << cut;
  }
}

// ---- what is no reply

TEST(ReplyTest, GarbageFails) {
  EXPECT_EQ(parse("HTTP/1.1 400 Bad Request\r\n\r\n", 99, 99), "failed");
  EXPECT_EQ(parse("*x\r\n", 99, 99), "failed");
  EXPECT_EQ(parse("+OK\r\n$-7\r\n", 99, 99), "+OK\nfailed");
}

TEST(ReplyTest, AnArrayOfTooManyFailsBeforeItIsMade) {
  EXPECT_EQ(parse("*" + std::to_string(kElementsMax + 1) + "\r\n", 99, 99), "failed");
  std::string many;  // and so do several, together
  for (int i = 0; i < 3; ++i) many += "*" + std::to_string(kElementsMax / 2) + "\r\n";
  EXPECT_EQ(parse(many, many.size(), 1), "failed");
}

TEST(ReplyTest, TheBoundOfElementsIsThatOfOneReply) {
  std::string two;
  for (int i = 0; i < 2; ++i) {
    two += "*" + std::to_string(kElementsMax) + "\r\n";
    for (std::size_t n = 0; n < kElementsMax; ++n) two += ":1\r\n";
  }
  ReplyParser parser;
  parser.feed(two);
  for (int i = 0; i < 2; ++i) {
    auto reply = parser.next();
    ASSERT_TRUE(reply);
    ASSERT_TRUE(*reply);
    EXPECT_EQ((*reply)->elements.size(), kElementsMax);
  }
}

TEST(ReplyTest, AReplyOfTooManyBytesFails) {
  ReplyParser parser;
  parser.feed("$200000000\r\n");
  const std::string piece(1U << 20U, 'x');
  std::size_t fed = 0;
  while (parser.next()) {
    parser.feed(piece);
    fed += piece.size();
    ASSERT_LE(fed, kReplyBytesMax + 2 * piece.size());
  }
  EXPECT_GE(fed, kReplyBytesMax);
}

TEST(ReplyTest, WhatIsTooLargeIsToldFromWhatIsNoReply) {
  const auto error = [](const std::string& bytes) {
    ReplyParser parser;
    parser.feed(bytes);
    return parser.next().error().code;
  };
  EXPECT_EQ(error("*x\r\n"), base::Errc::malformed);
  EXPECT_EQ(error("*" + std::to_string(kElementsMax + 1) + "\r\n"), base::Errc::too_large);
  EXPECT_EQ(error("$200000000\r\n" + std::string(kReplyBytesMax, 'x')), base::Errc::too_large);
}

TEST(ReplyTest, NestingIsBounded) {
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "*1\r\n";
  EXPECT_EQ(parse(deep, deep.size(), 1), "failed");
}

}  // namespace
}  // namespace footfall::redis
