// SPDX-License-Identifier: Apache-2.0
// Answers in whole, in parts, and broken.
#include "cpp/answer_reader.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace footfall::client {
namespace {

const std::string kPlain = "HTTP/1.1 200 OK\r\nFootfall-Node: abc\r\nContent-Length: 5\r\n\r\nhello";
const std::string kEmpty = "HTTP/1.1 204 No Content\r\nDate: now\r\n\r\n";
const std::string kInterim = "HTTP/1.1 100 Continue\r\n\r\n";
const std::string kChunked =
    "HTTP/1.1 503 X\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n";
const std::string kClosing = "HTTP/1.1 204 X\r\nConnection: Close\r\n\r\n";

TEST(AnswerReaderTest, ReadsStatusFieldsAndBody) {
  const std::string two = kPlain + kEmpty;  // an answer's views point into what was read
  const std::string after_another = kInterim + kChunked;
  Answer answer;
  ASSERT_EQ(read_answer(two, false, answer), Read::complete);
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.body, "hello");
  EXPECT_EQ(answer.size, kPlain.size());
  EXPECT_EQ(answer.field("footfall-node"), "abc");
  EXPECT_EQ(answer.field("absent"), "");
  EXPECT_TRUE(answer.keep_alive);
  ASSERT_EQ(read_answer(kClosing, false, answer), Read::complete);
  EXPECT_FALSE(answer.keep_alive);
  ASSERT_EQ(read_answer(after_another, false, answer), Read::complete);
  EXPECT_EQ(answer.status, 503U);
  EXPECT_EQ(answer.body, "abc0123456789");
  EXPECT_EQ(answer.size, kInterim.size() + kChunked.size());
}

TEST(AnswerReaderTest, ABodyWithoutLengthLastsUntilTheEnd) {
  const std::string text = "HTTP/1.0 200 OK\r\n\r\nall of it";
  Answer answer;
  EXPECT_EQ(read_answer(text, false, answer), Read::more);
  ASSERT_EQ(read_answer(text, true, answer), Read::complete);
  EXPECT_EQ(answer.body, "all of it");
  EXPECT_FALSE(answer.keep_alive);
}

TEST(AnswerReaderTest, EveryBeginningAsksForMoreAndIsBrokenWhenNothingComes) {
  for (const std::string& whole : {kPlain, kEmpty, kInterim + kPlain, kChunked, kClosing}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      Answer answer;
      EXPECT_EQ(read_answer(std::string_view(whole).substr(0, size), false, answer), Read::more) << whole << size;
      EXPECT_EQ(read_answer(std::string_view(whole).substr(0, size), true, answer), Read::malformed) << whole << size;
    }
  }
}

TEST(AnswerReaderTest, WhatIsNoAnswerIsToldAtOnce) {
  const std::vector<std::string> broken = {
      "SSH-2.0-OpenSSH_9.2\r\n\r\n",
      "HTTP/1.1 2x0 OK\r\n\r\n",
      "HTTP/1.1 099 OK\r\n\r\n",
      "HTTP/2 200\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\nhello",
      "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n",
      std::string(kAnswerHeadMax + 1, 'x'),
  };
  for (const std::string& text : broken) {
    Answer answer;
    EXPECT_EQ(read_answer(text, false, answer), Read::malformed) << text.substr(0, 100);
  }
}

}  // namespace
}  // namespace footfall::client
