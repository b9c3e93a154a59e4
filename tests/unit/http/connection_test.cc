// SPDX-License-Identifier: Apache-2.0
#include "http/connection.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace footfall::http {
namespace {

std::string get(int i) {
  return "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n\r\n";
}

class ConnectionTest : public ::testing::Test {
 protected:
  // The paths of the requests that came of `bytes`.
  std::vector<std::string> receive(const std::string& bytes) { return receive(connection_, bytes); }
  static std::vector<std::string> receive(Connection& connection, const std::string& bytes) {
    std::vector<std::string> paths;
    Requests requests = connection.receive(bytes);
    while (const Request* request = requests.next()) {
      paths.push_back(std::string(request->path) + (request->body.empty() ? "" : "=") + std::string(request->body) +
                      (request->keep_alive ? "" : " last"));
    }
    EXPECT_EQ(requests.handed_out(), paths.size());
    return paths;
  }
  using Paths = std::vector<std::string>;

  ParserLimits limits_;
  RequestParser parser_{limits_};
  Connection connection_{parser_};
};

TEST_F(ConnectionTest, HandsOutAllThatIsComplete) {
  EXPECT_EQ(receive(get(1) + get(2) + get(3)), (Paths{"/1", "/2", "/3"}));
  EXPECT_EQ(connection_.owed(), 3U);
  EXPECT_FALSE(connection_.mid_request());
  EXPECT_EQ(connection_.held_bytes(), 0U);
}

TEST_F(ConnectionTest, KeepsTheBeginningOfARequest) {
  const std::string second = get(2);
  EXPECT_EQ(receive(get(1) + second.substr(0, 9)), (Paths{"/1"}));
  EXPECT_TRUE(connection_.mid_request());
  EXPECT_EQ(connection_.held_bytes(), 9U);
  EXPECT_EQ(receive(second.substr(9) + get(3)), (Paths{"/2", "/3"}));
  EXPECT_FALSE(connection_.mid_request());
  EXPECT_EQ(connection_.held_bytes(), 0U);
}

TEST_F(ConnectionTest, EverySplitOfAPipelineGivesTheSame) {
  const std::string text =
      get(1) + "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" +
      "POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n" + get(4);
  for (std::size_t a = 0; a <= text.size(); ++a) {
    for (std::size_t b = a; b <= text.size(); b += 7) {
      Connection connection(parser_);
      Connection other(parser_);  // shares the parser, and comes between
      Paths paths = receive(connection, text.substr(0, a));
      receive(other, get(9) + get(8).substr(0, a % 20));
      for (const std::string& path : receive(connection, text.substr(a, b - a))) paths.push_back(path);
      receive(other, "x");
      for (const std::string& path : receive(connection, text.substr(b))) paths.push_back(path);
      ASSERT_EQ(paths, (Paths{"/1", "/2=hello", "/3=abcde", "/4"})) << a << " " << b;
    }
  }
}

TEST_F(ConnectionTest, StopsWhenTooManyAnswersAreOwed) {
  std::string text;
  for (unsigned i = 0; i < kPipelineMax + 10; ++i) text += get(static_cast<int>(i));
  EXPECT_EQ(receive(text).size(), kPipelineMax);
  EXPECT_FALSE(connection_.wants_input());
  EXPECT_FALSE(connection_.resumable());
  EXPECT_TRUE(connection_.keeps_back());
  EXPECT_FALSE(connection_.mid_request());
  connection_.answered();
  EXPECT_TRUE(connection_.resumable());
  EXPECT_FALSE(connection_.wants_input());  // what is kept back comes first
  EXPECT_EQ(receive(""), (Paths{"/" + std::to_string(kPipelineMax)}));
  connection_.answered(kPipelineMax);
  EXPECT_EQ(receive("").size(), 9U);
  EXPECT_TRUE(connection_.wants_input());
}

TEST_F(ConnectionTest, StopsWhenTooMuchOutputIsUnsent) {
  connection_.unsent().assign(kOutputMax, 'x');
  EXPECT_FALSE(connection_.wants_input());
  EXPECT_EQ(receive(get(1)), Paths{});
  EXPECT_FALSE(connection_.resumable());
  connection_.unsent().clear();
  EXPECT_TRUE(connection_.resumable());
  EXPECT_EQ(receive(""), (Paths{"/1"}));
}

TEST_F(ConnectionTest, PauseHoldsTheRestUntilAllIsAnswered) {
  {
    const std::string text = get(1) + get(2) + get(3);
    Requests requests = connection_.receive(text);
    ASSERT_NE(requests.next(), nullptr);
    ASSERT_NE(requests.next(), nullptr);
    requests.pause();
    EXPECT_EQ(requests.next(), nullptr);
  }
  EXPECT_FALSE(connection_.wants_input());
  connection_.answered();
  EXPECT_FALSE(connection_.resumable());
  connection_.answered();
  EXPECT_TRUE(connection_.resumable());
  EXPECT_EQ(receive(""), (Paths{"/3"}));
}

// Takes bodies; what it took stays when it goes.
class Taker : public BodySink {
 public:
  explicit Taker(std::string& taken) : taken_(taken) {}
  void take(std::string_view bytes) override { taken_ += bytes; }
  std::size_t memory() const override { return taken_.size() / 2; }

 private:
  std::string& taken_;
};

TEST_F(ConnectionTest, ADivertedBodyIsTheSameHoweverItIsSplitAndIsNotHeld) {
  const std::string body(300, 'b');
  const std::string head = "POST /2?q HTTP/1.1\r\nHost: a\r\n";
  const std::string behind = get(3);
  const std::vector<std::string> texts = {head + "Content-Length: 300\r\n\r\n" + body,
                                          head + "Transfer-Encoding: chunked\r\n\r\n64;x=y\r\n" + body.substr(0, 100) +
                                              "\r\nc8\r\n" + body.substr(100) + "\r\n0\r\nT: t\r\n\r\n"};
  for (const std::string& request : texts) {
    const std::string text = get(1) + request + behind;
    const std::size_t head_end = get(1).size() + request.find("\r\n\r\n") + 4;
    for (std::size_t a = head_end; a < get(1).size() + request.size(); ++a) {
      for (std::size_t b = a; b <= text.size(); b += 11) {
        std::string taken;
        Connection connection(parser_);
        Paths paths;
        std::size_t at = 0;
        for (const std::size_t end : {a, b, text.size()}) {
          const Paths more = receive(connection, text.substr(at, end - at));
          paths.insert(paths.end(), more.begin(), more.end());
          at = end;
          if (const Request* known = connection.take_head()) {
            EXPECT_EQ(known->query, "q");
            connection.divert(std::make_unique<Taker>(taken));
            EXPECT_TRUE(connection.diverted());
          }
          if (!connection.mid_body()) continue;
          EXPECT_LT(connection.held_bytes(), request.find("\r\n\r\n") + 24) << "of the body nothing is held";
          EXPECT_EQ(connection.body_memory(), connection.held_bytes() + taken.size() / 2);
        }
        ASSERT_EQ(paths, (Paths{"/1", "/2", "/3"})) << a << " " << b;
        ASSERT_EQ(taken, body) << a << " " << b;
        ASSERT_FALSE(connection.diverted());
      }
    }
  }
}

TEST_F(ConnectionTest, ADivertedChunkedBodyHasTheSameLimits) {
  limits_.body_max = 100;
  std::string taken;
  receive("POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n" + std::string(64, 'b') + "\r\n");
  ASSERT_NE(connection_.take_head(), nullptr);
  connection_.divert(std::make_unique<Taker>(taken));
  EXPECT_EQ(taken, std::string(64, 'b'));
  receive("25\r\n");
  EXPECT_EQ(connection_.error(), ParseError::body_too_large);
}

TEST_F(ConnectionTest, NothingIsProcessedBehindClose) {
  EXPECT_EQ(receive("GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + get(2)), (Paths{"/1 last"}));
  EXPECT_TRUE(connection_.closing());
  EXPECT_TRUE(connection_.discarded_input());
  EXPECT_EQ(connection_.held_bytes(), 0U);
  EXPECT_EQ(receive(get(3)), Paths{});
}

TEST_F(ConnectionTest, ACloseWithNothingBehindLosesNothing) {
  EXPECT_EQ(receive("GET /1 HTTP/1.0\r\n\r\n"), (Paths{"/1 last"}));
  EXPECT_TRUE(connection_.closing());
  EXPECT_FALSE(connection_.discarded_input());
}

TEST_F(ConnectionTest, TheLastRequestSaysSo) {
  connection_.last_request();
  EXPECT_FALSE(connection_.closing());
  EXPECT_EQ(receive(get(1) + get(2)), (Paths{"/1 last"}));
  EXPECT_TRUE(connection_.closing());
}

TEST_F(ConnectionTest, ContinueIsDueOnceAndBehindWhatIsOwed) {
  const std::string head = "POST /2 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
  EXPECT_EQ(receive(get(1) + head), (Paths{"/1"}));
  EXPECT_FALSE(connection_.take_continue());
  connection_.answered();
  EXPECT_TRUE(connection_.take_continue());
  EXPECT_FALSE(connection_.take_continue());
  EXPECT_EQ(receive("ok" + head), (Paths{"/2=ok"}));
  connection_.answered();
  EXPECT_TRUE(connection_.take_continue());
}

TEST_F(ConnectionTest, EndOfInputDuringARequestLeavesItsViewsAlone) {
  const std::string text = "POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  EXPECT_EQ(receive(text.substr(0, 50)), Paths{});
  const std::string rest = text.substr(50) + get(2);
  Requests requests = connection_.receive(rest);
  const Request* request = requests.next();
  ASSERT_NE(request, nullptr);
  connection_.end_input();
  EXPECT_EQ(request->body, "abc");
  EXPECT_EQ(request->field(Field::host), "a");
  EXPECT_EQ(requests.next(), nullptr);
}

// ---- Errors

TEST_F(ConnectionTest, AMalformedRequestStandsBehindTheOnesBeforeIt) {
  EXPECT_EQ(receive(get(1) + get(2) + "GET /\n" + get(4)), (Paths{"/1", "/2"}));
  EXPECT_TRUE(connection_.failed());
  EXPECT_EQ(connection_.error(), ParseError::bare_cr_or_lf);
  EXPECT_EQ(connection_.owed(), 2U);
  EXPECT_TRUE(connection_.discarded_input());
  EXPECT_FALSE(connection_.wants_input());
  EXPECT_EQ(receive(get(5)), Paths{});
}

TEST_F(ConnectionTest, AnAbandonedRequestIsThrownAway) {
  receive(get(1).substr(0, 10));
  connection_.end_input();
  EXPECT_FALSE(connection_.mid_request());
  EXPECT_TRUE(connection_.discarded_input());
  EXPECT_EQ(receive(get(1).substr(10)), Paths{});
}

}  // namespace
}  // namespace footfall::http
