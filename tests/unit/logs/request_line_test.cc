// SPDX-License-Identifier: Apache-2.0
// Request lines to method and target.
#include "logs/request_line.h"

#include <gtest/gtest.h>

namespace footfall::logs {
namespace {

struct Expected {
  const char* request;
  const char* method;  // null: none
  const char* target;
};

TEST(RequestLineTest, SplitsAtTheFirstAndTheLastSpace) {
  for (const Expected& e : {
           Expected{"GET / HTTP/1.1", "GET", "/"},
           Expected{"GET /a b c HTTP/1.0", "GET", "/a b c"},
           Expected{"GET  HTTP/1.1", "GET", ""},
           Expected{"GET /old", "GET", "/old"},
           Expected{"GET HTTP/1.1", "GET", "HTTP/1.1"},
           Expected{" /", "", "/"},
           Expected{"GET ", "GET", ""},
           Expected{"GET /a b", nullptr, "GET /a b"},
           Expected{"GET /a http/1.1", nullptr, "GET /a http/1.1"},
           Expected{"-", nullptr, "-"},
           Expected{"", nullptr, ""},
           Expected{"\\x16\\x03\\x01", nullptr, "\\x16\\x03\\x01"},
       }) {
    Line line;
    line.method = "left over";
    split_request(e.request, line);
    EXPECT_EQ(line.method.has_value(), e.method != nullptr) << e.request;
    if (line.method && e.method != nullptr) {
      EXPECT_EQ(*line.method, e.method) << e.request;
    }
    EXPECT_EQ(line.target, e.target) << e.request;
  }
}

TEST(RequestLineTest, ThePathEndsAtTheFirstQuestionMark) {
  Line line;
  line.target = "/a?b?c";
  EXPECT_EQ(line.path(), "/a");
  line.target = "?";
  EXPECT_EQ(line.path(), "");
  line.target = "/a";
  EXPECT_EQ(line.path(), "/a");
}

}  // namespace
}  // namespace footfall::logs
