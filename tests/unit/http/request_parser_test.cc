// SPDX-License-Identifier: Apache-2.0
// RequestParser against its grammar: what is accepted and how it reads, each refusal by name, every split of every
// message, and random mutations against the plain twin.
#include "http/request_parser.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "support/plain_parser.h"

namespace footfall::http {
namespace {

using State = RequestParser::State;

struct Row {
  ParseError error;
  std::string text;
};

std::string get(const std::string& fields) {
  return "GET /hit?site=a HTTP/1.1\r\n" + fields + "\r\n";
}
std::string chunked(const std::string& rest) {
  return "POST /hit HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + rest;
}

const std::vector<Row>& refused() {
  using E = ParseError;
  static const std::vector<Row> rows = {
      {E::bad_method, " / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {E::bad_method, "G@T / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {E::bad_method, "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"},
      {E::bad_method, "GET\r\n\r\n"},
      {E::bad_method, std::string(33, 'A') + " / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {E::bad_method, std::string("\0GET / HTTP/1.1\r\n\r\n", 19)},
      {E::bad_method, "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {E::bad_target, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {E::bad_target, "GET hit HTTP/1.1\r\nHost: a\r\n\r\n"},
      {E::bad_target, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"},
      {E::bad_target, "OPTIONS *x HTTP/1.1\r\nHost: a\r\n\r\n"},
      {E::bad_target, "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"},
      {E::bad_target, "GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n"},
      {E::bad_target, "GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n"},
      {E::bad_target, std::string("GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n", 30)},
      {E::bad_target, "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"},
      {E::bad_target, "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n"},
      {E::bad_target, "GET http://u@a/x HTTP/1.1\r\nHost: a\r\n\r\n"},
      {E::bad_target, "GET http://a:70000/x HTTP/1.1\r\nHost: a\r\n\r\n"},
      {E::bad_target, "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n"},
      {E::bad_target, "GET /\r\n\r\n"},
      {E::bad_version, "GET / \r\nHost: a\r\n\r\n"},
      {E::bad_version, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"},
      {E::bad_version, "GET / x HTTP/1.1\r\nHost: a\r\n\r\n"},
      {E::bad_version, "GET / http/1.1\r\nHost: a\r\n\r\n"},
      {E::bad_version, "GET / HTTP/1.\r\nHost: a\r\n\r\n"},
      {E::bad_version, "GET / HTTP/1,1\r\nHost: a\r\n\r\n"},
      {E::bad_version, "GET / HTTP/11.1\r\nHost: a\r\n\r\n"},
      {E::bad_version, "GET / HTTP/1.10\r\nHost: a\r\n\r\n"},
      {E::unsupported_version, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"},
      {E::unsupported_version, "GET / HTTP/0.9\r\nHost: a\r\n\r\n"},
      {E::unsupported_version, "GET / HTTP/1.2\r\nHost: a\r\n\r\n"},
      {E::unsupported_version, "PRI / HTTP/2.0\r\n\r\nSM\r\n\r\n"},
      {E::bare_cr_or_lf, "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {E::bare_cr_or_lf, "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {E::bare_cr_or_lf, "GET\n / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {E::bare_cr_or_lf, "GET /\n HTTP/1.1\r\nHost: a\r\n\r\n"},
      {E::bare_cr_or_lf, "GET /\ra HTTP/1.1\r\nHost: a\r\n\r\n"},
      {E::bare_cr_or_lf, "GET / HTTP/1.1\nHost: a\n\n"},
      {E::bare_cr_or_lf, "GET / HTTP/1.1\rHost: a\r\n\r\n"},
      {E::bare_cr_or_lf, get("Host: a\n")},
      {E::bare_cr_or_lf, get("Host: a\r")},
      {E::bare_cr_or_lf, get("Host: a\r\nUser-Agent: x\ry\r\n")},
      {E::bare_cr_or_lf, get("Host: a\r\nCookie: x\r\r\n")},
      {E::bare_cr_or_lf, get("Host: a\r\nCookie\n: x\r\n")},
      {E::bare_cr_or_lf, "GET / HTTP/1.1\r\nHost: a\r\n\rX"},
      {E::bare_cr_or_lf, "GET / HTTP/1.1\r\nHost: a\r\n\n"},
      {E::bad_field_name, get("Host : a\r\n")},
      {E::bad_field_name, get("Host\t: a\r\n")},
      {E::bad_field_name, get("Host: a\r\n: b\r\n")},
      {E::bad_field_name, get("Host: a\r\nno colon\r\n")},
      {E::bad_field_name, get("Host: a\r\nname\r\n")},
      {E::bad_field_name, get("Host: a\r\nna(me: x\r\n")},
      {E::bad_field_name, get("Host: a\r\n\xc3\xa9: x\r\n")},
      {E::bad_field_name, get(std::string("Host: a\r\nX\0Y: x\r\n", 17))},
      {E::bad_field_value, get(std::string("Host: a\r\nX: a\0b\r\n", 17))},
      {E::bad_field_value, get("Host: a\r\nX: a\x7f\r\n")},
      {E::bad_field_value, get("Host: a\r\nX: \x1b[31m\r\n")},
      {E::obs_fold, get("Host: a\r\nX: a\r\n b\r\n")},
      {E::obs_fold, get("Host: a\r\nX: a\r\n\tb\r\n")},
      {E::obs_fold, get(" Host: a\r\n")},
      {E::missing_host, get("")},
      {E::missing_host, get("X-Host: a\r\n")},
      {E::missing_host, "GET http://a/ HTTP/1.1\r\n\r\n"},
      {E::repeated_host, get("Host: a\r\nHost: a\r\n")},
      {E::repeated_host, get("Host: a\r\nX: y\r\nhOST: b\r\n")},
      {E::bad_host, get("Host:\r\n")},
      {E::bad_host, get("Host: a b\r\n")},
      {E::bad_host, get("Host: a,b\r\n")},
      {E::bad_host, get("Host: a/b\r\n")},
      {E::bad_host, get("Host: u@a\r\n")},
      {E::bad_host, get("Host: :80\r\n")},
      {E::bad_host, get("Host: a:8x\r\n")},
      {E::bad_host, get("Host: a:65536\r\n")},
      {E::bad_host, get("Host: [::1\r\n")},
      {E::bad_host, get("Host: [g::1]\r\n")},
      {E::bad_host, get("Host: [::1]x\r\n")},
      {E::bad_host, get("Host: []\r\n")},
      {E::bad_host, get("Host: " + std::string(256, 'a') + "\r\n")},
      {E::repeated_field, get("Host: a\r\nUser-Agent: x\r\nUser-Agent: x\r\n")},
      {E::repeated_field, get("Host: a\r\nReferer: x\r\nReferer: x\r\n")},
      {E::repeated_field, get("Host: a\r\nOrigin: x\r\nOrigin: x\r\n")},
      {E::repeated_field, get("Host: a\r\nContent-Type: x\r\nContent-Type: x\r\n")},
      {E::repeated_field, get("Host: a\r\nAuthorization: x\r\nAuthorization: x\r\n")},
      {E::repeated_field, get("Host: a\r\nIdempotency-Key: x\r\nIdempotency-Key: x\r\n")},
      {E::repeated_field, get("Host: a\r\nExpect: 100-continue\r\nExpect: 100-continue\r\n")},
      {E::bad_content_length, get("Host: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n")},
      {E::bad_content_length, get("Host: a\r\nContent-Length: 5, 5\r\n")},
      {E::bad_content_length, get("Host: a\r\nContent-Length: +5\r\n")},
      {E::bad_content_length, get("Host: a\r\nContent-Length: -1\r\n")},
      {E::bad_content_length, get("Host: a\r\nContent-Length: 0x5\r\n")},
      {E::bad_content_length, get("Host: a\r\nContent-Length: 5 5\r\n")},
      {E::bad_content_length, get("Host: a\r\nContent-Length:\r\n")},
      {E::bad_transfer_encoding, get("Host: a\r\nTransfer-Encoding: gzip\r\n")},
      {E::bad_transfer_encoding, get("Host: a\r\nTransfer-Encoding: gzip, chunked\r\n")},
      {E::bad_transfer_encoding, get("Host: a\r\nTransfer-Encoding: chunked, chunked\r\n")},
      {E::bad_transfer_encoding, get("Host: a\r\nTransfer-Encoding: chunked;q=1\r\n")},
      {E::bad_transfer_encoding, get("Host: a\r\nTransfer-Encoding: xchunked\r\n")},
      {E::bad_transfer_encoding, get("Host: a\r\nTransfer-Encoding:\r\n")},
      {E::bad_transfer_encoding, get("Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")},
      {E::bad_transfer_encoding, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {E::length_and_chunked, get("Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n")},
      {E::length_and_chunked, get("Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n")},
      {E::length_and_chunked, get("Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n")},
      {E::bad_chunk, chunked("\r\n")},
      {E::bad_chunk, chunked("x\r\n")},
      {E::bad_chunk, chunked("-1\r\n")},
      {E::bad_chunk, chunked("0x1\r\na\r\n0\r\n\r\n")},
      {E::bad_chunk, chunked("1_0\r\n")},
      {E::bad_chunk, chunked(" 1\r\na\r\n0\r\n\r\n")},
      {E::bad_chunk, chunked("1 \r\na\r\n0\r\n\r\n")},
      {E::bad_chunk, chunked("1 ;x\r\na\r\n0\r\n\r\n")},
      {E::bad_chunk, chunked("00000000000000001\r\na\r\n0\r\n\r\n")},
      {E::bad_chunk, chunked("1\r\nab\r\n0\r\n\r\n")},
      {E::bad_chunk, chunked("1;" + std::string(256, 'e') + "\r\na\r\n0\r\n\r\n")},
      {E::bad_chunk, chunked("1;\x01\r\na\r\n0\r\n\r\n")},
      {E::bare_cr_or_lf, chunked("1\na\r\n0\r\n\r\n")},
      {E::bare_cr_or_lf, chunked("1\rXa\r\n0\r\n\r\n")},
      {E::bare_cr_or_lf, chunked("1;x\na\r\n0\r\n\r\n")},
      {E::bare_cr_or_lf, chunked("1\r\na\n0\r\n\r\n")},
      {E::bare_cr_or_lf, chunked("1\r\na\rx0\r\n\r\n")},
      {E::bad_field_name, chunked("0\r\nbad trailer\r\n\r\n")},
      {E::obs_fold, chunked("0\r\n folded\r\n\r\n")},
      {E::target_too_long, "GET /" + std::string(8192, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n"},
      {E::target_too_long, "GET /" + std::string(40000, 'a') + "\x01"},
      {E::head_too_large, get("Host: a\r\nCookie: " + std::string(32768, 'c') + "\r\n")},
      {E::head_too_large, get("Host: a\r\n" + std::string(33000, 'n'))},
      {E::head_too_large, chunked("0\r\nX: " + std::string(32768, 'c') + "\r\n\r\n")},
      {E::body_too_large, get("Host: a\r\nContent-Length: 65537\r\n")},
      {E::body_too_large, get("Host: a\r\nContent-Length: 99999999999999999999999999999999\r\n")},
      {E::body_too_large, chunked("10001\r\n")},
      {E::body_too_large, chunked("ffffffffffffffff\r\n")},
      {E::body_too_large, chunked("1\r\na\r\n10000\r\n")},
      {E::body_too_large, "POST /v1/hits HTTP/1.1\r\nHost: a\r\nContent-Length: 16777217\r\n\r\n"},
      {E::body_too_large, "POST /v1/hitsX HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n"},
      {E::body_too_large, "POST /v1/hits/x HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n"},
      {E::bad_expect, get("Host: a\r\nExpect: 200-ok\r\n")},
      {E::bad_expect, get("Host: a\r\nExpect:\r\n")},
  };
  return rows;
}

std::vector<std::string> accepted() {
  std::string hundred = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 99; ++i) hundred += "X-" + std::to_string(i) + ": v\r\n";
  const char* forwarded_twice =
      "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: 5.6.7.8\r\nAccept-Encoding: gzip\r\n"
      "accept-encoding: br\r\nX-FORWARDED-FOR: 9.9.9.9\r\n\r\n";
  const char* expects_continue =
      "POST /hit HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 2\r\nContent-Type: "
      "text/plain\r\n\r\n{}";
  const char* odd_bytes =
      "GET /hit?site=example.vn&path=/%C3%A9+?&x={|}^`[]\\\"<> HTTP/1.1\r\nHOST:example.vn:8080\r\nuser-agent: \t "
      "Mozilla/5.0 (x)\t \r\n"
      "Referer:\r\nCookie: a=\xff\xfe\tb\r\n\r\n";
  return {
      "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
      "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
      odd_bytes,
      "GET http://Example.VN:81/a?b HTTP/1.1\r\nHost: other\r\n\r\n",
      "GET HTTPS://[2001:db8::1]?q HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
      "GET http://a HTTP/1.1\r\nHost: a\r\n\r\n",
      "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.0\r\n\r\n",
      "GET / HTTP/1.0\r\nHost: a\r\nExpect: anything\r\nConnection: keep-alive\r\n\r\n",
      "PROPFIND /x HTTP/1.1\r\nHost: a_b~c\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a:\r\nConnection: upgrade , CLOSE\r\nUpgrade: h2c\r\n\r\n",
      forwarded_twice,
      "POST /hit HTTP/1.1\r\nHost: a\r\nContent-Length: 00005\r\n\r\nhello",
      "POST /hit HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
      expects_continue,
      chunked("5\r\nhello\r\n6;name=\"v\";x\r\n world\r\n0\r\n\r\n"),
      chunked("0000000000000005\r\nhel\r\n\r\n0;last\r\nTrailer: x\r\nContent-Length: 9\r\n\r\n"),
      chunked("0\r\n\r\n"),
      chunked("A;" + std::string(255, 'e') + "\r\n0123456789\r\n0\r\n\r\n"),
      "GET /" + std::string(8191, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n",
      hundred + "\r\n",
      std::string(32, 'M') + " / HTTP/1.1\r\nHost: a\r\n\r\n",
  };
}

// What came of a message: for comparing two ways of giving it.
struct Outcome {
  State state = State::need_more;
  ParseError error = ParseError::none;
  std::size_t consumed = 0;
  std::vector<std::string> views;
  bool keep_alive = true;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome outcome_of(const RequestParser& parser, State state) {
  Outcome out;
  out.state = state;
  out.error = parser.error();
  if (state != State::complete) return out;
  const Request& request = parser.request();
  out.consumed = parser.consumed();
  out.keep_alive = request.keep_alive;
  out.views = {std::string(to_string(request.method)), std::string(request.path), std::string(request.query),
               std::string(request.body), std::to_string(request.present)};
  for (const std::string_view value : request.fields) out.views.emplace_back(value);
  return out;
}

class RequestParserTest : public ::testing::Test {
 protected:
  State parse(const std::string& text) {
    text_ = text;
    parser_.reset();
    return parser_.parse(text_);
  }
  const Request& request() const { return parser_.request(); }
  Outcome whole(const std::string& text) { return outcome_of(parser_, parse(text)); }

  // Gives the message in pieces that end at `cuts`, each time in a fresh place.
  static Outcome in_pieces(const std::string& text, const std::vector<std::size_t>& cuts) {
    const ParserLimits limits;
    RequestParser parser(limits);
    std::string held;
    for (const std::size_t cut : cuts) {
      held = std::string(text, 0, cut);
      std::string elsewhere(held);  // never the buffer of the call before
      held.swap(elsewhere);
      const State state = parser.parse(held);
      elsewhere.assign(elsewhere.size(), '!');
      if (state != State::need_more || cut == text.size()) return outcome_of(parser, state);
    }
    return outcome_of(parser, State::need_more);
  }

  ParserLimits limits_;
  RequestParser parser_{limits_};
  std::string text_;
};

TEST_F(RequestParserTest, ReadsARequestAsViews) {
  ASSERT_EQ(parse("GET /hit?site=example.vn&path=/p HTTP/1.1\r\nHost: Example.vn\r\nUSER-AGENT:  x y \r\nX-Other: "
                  "z\r\n\r\nGET"),
            State::complete);
  EXPECT_EQ(request().method, Method::get);
  EXPECT_EQ(request().path, "/hit");
  EXPECT_EQ(request().query, "site=example.vn&path=/p");
  EXPECT_EQ(request().field(Field::host), "Example.vn");
  EXPECT_EQ(request().field(Field::user_agent), "x y");
  EXPECT_FALSE(request().has(Field::referer));
  EXPECT_TRUE(request().keep_alive);
  EXPECT_EQ(request().body, "");
  EXPECT_EQ(parser_.consumed(), text_.size() - 3);
}

TEST_F(RequestParserTest, KnowsEveryFieldInAnyCase) {
  const std::vector<std::pair<std::string, Field>> names = {
      {"Host", Field::host},
      {"User-Agent", Field::user_agent},
      {"Referer", Field::referer},
      {"Origin", Field::origin},
      {"Content-Type", Field::content_type},
      {"Content-Encoding", Field::content_encoding},
      {"Content-Length", Field::content_length},
      {"Transfer-Encoding", Field::transfer_encoding},
      {"Connection", Field::connection},
      {"Authorization", Field::authorization},
      {"X-Forwarded-For", Field::x_forwarded_for},
      {"X-Forwarded-Proto", Field::x_forwarded_proto},
      {"Forwarded", Field::forwarded},
      {"Accept", Field::accept},
      {"Accept-Encoding", Field::accept_encoding},
      {"If-None-Match", Field::if_none_match},
      {"Sec-Purpose", Field::sec_purpose},
      {"Purpose", Field::purpose},
      {"X-Moz", Field::x_moz},
      {"Idempotency-Key", Field::idempotency_key},
      {"Expect", Field::expect},
      {"Last-Event-ID", Field::last_event_id},
      {"Access-Control-Request-Method", Field::access_control_request_method},
  };
  ASSERT_EQ(names.size(), kFields);
  for (const auto& [name, field] : names) {
    std::string value = "v";
    if (field == Field::content_length) value = "0";
    if (field == Field::transfer_encoding) value = "chunked";
    if (field == Field::expect) value = "100-continue";
    for (int fold = 0; fold < 3; ++fold) {
      std::string spelt = name;
      for (char& c : spelt) {
        if (fold == 1) c = static_cast<char>(std::toupper(c));
        if (fold == 2) c = static_cast<char>(std::tolower(c));
      }
      const std::string host = field == Field::host ? "" : "Host: a\r\n";
      ASSERT_EQ(parse("POST / HTTP/1.1\r\n" + host + spelt + ": " + value + "\r\n\r\n0\r\n\r\n"), State::complete)
          << spelt;
      EXPECT_TRUE(request().has(field)) << spelt;
      EXPECT_EQ(request().field(field), value) << spelt;
      EXPECT_EQ(__builtin_popcount(request().present), field == Field::host ? 1 : 2) << spelt;
    }
    // A letter off, and it is nobody's.
    std::string other = name;
    other.back() = other.back() == 'q' ? 'z' : 'q';
    ASSERT_EQ(parse("GET / HTTP/1.0\r\n" + other + ": v\r\n\r\n"), State::complete);
    EXPECT_EQ(request().present, 0U) << other;
  }
}

TEST_F(RequestParserTest, JoinsRepeatedLists) {
  ASSERT_EQ(parse(get("Host: a\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: \r\nx-forwarded-for: 2.2.2.2\r\n")),
            State::complete);
  EXPECT_EQ(request().field(Field::x_forwarded_for), "1.1.1.1, , 2.2.2.2");
}

TEST_F(RequestParserTest, TheHostOfAnAbsoluteTargetWins) {
  ASSERT_EQ(parse("GET http://right:81?q HTTP/1.1\r\nHost: wrong\r\n\r\n"), State::complete);
  EXPECT_EQ(request().field(Field::host), "right:81");
  EXPECT_EQ(request().path, "/");
  EXPECT_EQ(request().query, "q");
}

TEST_F(RequestParserTest, ABatchMayBeLarge) {
  const std::string body(1U << 20U, 'b');
  ASSERT_EQ(parse("POST /v1/hits?source=s HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n" + body),
            State::complete);
  EXPECT_EQ(request().body, body);
  ASSERT_EQ(parse("POST /v1/hits HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n" + body +
                  "\r\n0\r\n\r\n"),
            State::complete);
  EXPECT_EQ(request().body, body);
}

TEST_F(RequestParserTest, ChunksAreJoinedAndTrailersDropped) {
  ASSERT_EQ(parse(chunked("5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nUser-Agent: late\r\n\r\nrest")), State::complete);
  EXPECT_EQ(request().body, "hello world");
  EXPECT_FALSE(request().has(Field::user_agent));
  EXPECT_EQ(parser_.consumed(), text_.size() - 4);
}

TEST_F(RequestParserTest, AByteAChunkIsRefusedBeforeItCosts) {
  std::string tiny;
  for (int i = 0; i < 65000; ++i) tiny += "1\r\nx\r\n";
  ASSERT_EQ(parse(chunked(tiny)), State::failed);
  EXPECT_EQ(parser_.error(), ParseError::bad_chunk);
  EXPECT_LT(parser_.consumed(), 32768U);
  std::string some;
  for (int i = 0; i < 1000; ++i) some += "1\r\nx\r\n";
  EXPECT_EQ(parse(chunked(some + "0\r\n\r\n")), State::complete);
}

TEST_F(RequestParserTest, ContinueIsExpectedUntilTheBodyBegins) {
  const std::string head = "POST /hit HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
  ASSERT_EQ(parse(head), State::need_more);
  EXPECT_TRUE(parser_.head_complete());
  EXPECT_TRUE(parser_.expects_continue());
  text_ += "{";
  ASSERT_EQ(parser_.parse(text_), State::need_more);
  EXPECT_FALSE(parser_.expects_continue());
}

TEST_F(RequestParserTest, KeepAliveIsForHttp11WithoutClose) {
  ASSERT_EQ(parse(get("Host: a\r\nConnection: keep-alive\r\n")), State::complete);
  EXPECT_TRUE(request().keep_alive);
  ASSERT_EQ(parse(get("Host: a\r\nConnection: Close\r\n")), State::complete);
  EXPECT_FALSE(request().keep_alive);
  ASSERT_EQ(parse(get("Host: a\r\nConnection: x\r\nConnection: close\r\n")), State::complete);
  EXPECT_FALSE(request().keep_alive);
  ASSERT_EQ(parse(get("Host: a\r\nConnection: closed\r\n")), State::complete);
  EXPECT_TRUE(request().keep_alive);
  ASSERT_EQ(parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), State::complete);
  EXPECT_FALSE(request().keep_alive);
}

TEST_F(RequestParserTest, OneFieldTooManyIsRefused) {
  std::string text = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 100; ++i) text += "X: v\r\n";
  EXPECT_EQ(parse(text + "\r\n"), State::failed);
  EXPECT_EQ(parser_.error(), ParseError::too_many_fields);
}

TEST_F(RequestParserTest, TheHeadFitsItsLimitExactly) {
  const std::string rest = "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n";
  const auto with = [&rest](std::size_t size) {
    return std::string(rest).insert(rest.size() - 4, std::string(size - rest.size(), 'x'));
  };
  EXPECT_EQ(parse(with(32768)), State::complete);
  EXPECT_EQ(parse(with(32769)), State::failed);
  EXPECT_EQ(parser_.error(), ParseError::head_too_large);
}

TEST_F(RequestParserTest, NothingIsLeftOverForTheNextRequest) {
  ASSERT_EQ(parse("POST http://h/p?q HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1\r\nX-Forwarded-For: "
                  "2\r\nTransfer-Encoding: chunked\r\n"
                  "Connection: close\r\n\r\n1\r\na\r\n0\r\n\r\n"),
            State::complete);
  const Outcome after = whole("GET / HTTP/1.1\r\nHost: b\r\n\r\n");
  RequestParser fresh(limits_);
  EXPECT_EQ(after, outcome_of(fresh, fresh.parse(text_)));
  EXPECT_EQ(after.views[4], "1");  // Host alone
}

// ---- Refusals

TEST_F(RequestParserTest, EachDeviationIsRefusedByName) {
  std::vector<bool> seen(static_cast<std::size_t>(ParseError::late));  // from there on they are not the parser's
  for (const Row& row : refused()) {
    EXPECT_EQ(parse(row.text), State::failed) << ::testing::PrintToString(row.text.substr(0, 200));
    EXPECT_EQ(name_of(parser_.error()), name_of(row.error)) << ::testing::PrintToString(row.text.substr(0, 200));
    seen[static_cast<std::size_t>(parser_.error())] = true;
  }
  seen[static_cast<std::size_t>(ParseError::too_many_fields)] = true;  // above
  for (std::size_t i = 1; i < seen.size(); ++i) EXPECT_TRUE(seen[i]) << name_of(static_cast<ParseError>(i));
}

TEST_F(RequestParserTest, EachReasonHasAStatus) {
  EXPECT_EQ(status_of(ParseError::bad_method), 400);
  EXPECT_EQ(status_of(ParseError::unsupported_version), 505);
  EXPECT_EQ(status_of(ParseError::target_too_long), 414);
  EXPECT_EQ(status_of(ParseError::head_too_large), 431);
  EXPECT_EQ(status_of(ParseError::too_many_fields), 431);
  EXPECT_EQ(status_of(ParseError::body_too_large), 413);
  EXPECT_EQ(status_of(ParseError::bad_expect), 417);
  EXPECT_EQ(status_of(ParseError::late), 408);
  EXPECT_EQ(status_of(ParseError::no_room), 503);
  EXPECT_EQ(status_of(ParseError::too_many_connections), 503);
}

// ---- Splits

TEST_F(RequestParserTest, EverySplitGivesTheSame) {
  std::vector<std::string> messages = accepted();
  for (const Row& row : refused()) messages.push_back(row.text);
  for (const std::string& text : messages) {
    const Outcome expected = whole(text);
    const std::size_t step = text.size() > 2000 ? 97 : 1;
    for (std::size_t cut = 0; cut <= text.size(); cut += step) {
      ASSERT_EQ(in_pieces(text, {cut, text.size()}), expected)
          << "cut at " << cut << " of " << ::testing::PrintToString(text);
    }
    if (text.size() > 2000) continue;
    std::vector<std::size_t> every;
    for (std::size_t cut = 0; cut <= text.size(); ++cut) every.push_back(cut);
    ASSERT_EQ(in_pieces(text, every), expected) << "dripping " << ::testing::PrintToString(text);
  }
}

TEST_F(RequestParserTest, WhatIsKnownHalfWayIsTrueAndChangesNothing) {
  for (const std::string& text : accepted()) {
    if (text.size() > 2000) continue;
    const Outcome expected = whole(text);
    const std::size_t mark = text.find('?');
    const std::size_t target_end = text.find(" HTTP/");
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
      RequestParser parser(limits_);
      const std::string part(text, 0, cut);
      if (parser.parse(part) != State::need_more) continue;
      const std::string moved(part);
      const bool known = parser.known(moved);
      ASSERT_TRUE(known || cut <= target_end) << ::testing::PrintToString(part);
      if (known) {
        ASSERT_TRUE(cut > target_end || mark < cut) << ::testing::PrintToString(part);
        ASSERT_EQ(parser.request().path, expected.views[1]) << ::testing::PrintToString(part);
      }
      ASSERT_EQ(outcome_of(parser, parser.parse(text)), expected) << ::testing::PrintToString(part);
    }
  }
}

// ---- The plain twin

void expect_same_as_plain(const Outcome& fast, const std::string& text) {
  const auto plain = testing::PlainParser().parse(text);
  ASSERT_EQ(fast.state == State::complete, plain.has_value()) << ::testing::PrintToString(text) << name_of(fast.error);
  if (!plain) return;
  ASSERT_EQ(fast.consumed, plain->length) << ::testing::PrintToString(text);
  ASSERT_EQ(fast.views[1], plain->path);
  ASSERT_EQ(fast.views[2], plain->query);
  ASSERT_EQ(fast.views[3], plain->body);
  ASSERT_EQ(fast.keep_alive, plain->keep_alive);
  const auto value = [&plain](const char* name) {
    return plain->fields.count(name) != 0 ? plain->fields.at(name) : "";
  };
  ASSERT_EQ(fast.views[5 + static_cast<std::size_t>(Field::host)], value("host"));
  ASSERT_EQ(fast.views[5 + static_cast<std::size_t>(Field::x_forwarded_for)], value("x-forwarded-for"));
  ASSERT_EQ(fast.views[5 + static_cast<std::size_t>(Field::user_agent)], value("user-agent"));
}

TEST_F(RequestParserTest, AgreesWithThePlainTwinOnTheTables) {
  for (const std::string& text : accepted()) {
    const Outcome fast = whole(text);
    EXPECT_EQ(fast.state, State::complete) << name_of(fast.error) << ::testing::PrintToString(text);
    expect_same_as_plain(fast, text);
  }
  for (const Row& row : refused()) expect_same_as_plain(whole(row.text), row.text);
}

TEST_F(RequestParserTest, AgreesWithThePlainTwinOnMutations) {
  const char* const given = std::getenv("FOOTFALL_SEED");
  const auto rng_seed =
      given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : std::random_device{}();
  std::cout << "FOOTFALL_SEED=" << rng_seed << "\n";
  std::mt19937 random(rng_seed);
  std::vector<std::string> messages;
  for (const Row& row : refused()) {
    if (row.text.size() < 1000) messages.push_back(row.text);
  }
  for (std::size_t enough = 2 * messages.size(); messages.size() < enough;) {  // half of them are fine
    for (const std::string& text : accepted()) {
      if (text.size() < 1000) messages.push_back(text);
    }
  }
  const std::vector<std::string> pieces = {"\r\n",
                                           "\r",
                                           "\n",
                                           " ",
                                           "\t",
                                           ":",
                                           ";",
                                           ",",
                                           "0",
                                           "chunked",
                                           "Host: a\r\n",
                                           "HTTP/1.1",
                                           "HTTP/1.0",
                                           "/",
                                           "?",
                                           "Content-Length: 3\r\n",
                                           "Transfer-Encoding: chunked\r\n",
                                           "X-Forwarded-For: 1\r\n",
                                           "Connection: close\r\n",
                                           "GET ",
                                           "http://",
                                           "[",
                                           "]",
                                           "%",
                                           std::string(1, '\0'),
                                           "\x7f",
                                           "\xc3",
                                           "a"};
  const auto pick = [&random](std::size_t size) {
    return std::uniform_int_distribution<std::size_t>(0, size - 1)(random);
  };
  int complete = 0;
  for (int round = 0; round < 200000; ++round) {
    std::string text = messages[pick(messages.size())];
    for (std::size_t changes = pick(4); changes != 0; --changes) {
      const std::size_t at = pick(text.size() + 1);
      switch (pick(4)) {
        case 0:
          text.insert(at, pieces[pick(pieces.size())]);
          break;
        case 1:
          text.erase(at, pick(8));
          break;
        case 2:
          if (at < text.size()) text[at] = static_cast<char>(pick(256));
          break;
        default: {
          const std::string& other = messages[pick(messages.size())];
          text = text.substr(0, at) + other.substr(pick(other.size()));
          break;
        }
      }
      if (text.empty()) text = "G";
    }
    const Outcome fast = whole(text);
    complete += fast.state == State::complete ? 1 : 0;
    expect_same_as_plain(fast, text);
    if (HasFatalFailure()) return;
    ASSERT_EQ(in_pieces(text, {pick(text.size() + 1), text.size()}), fast) << ::testing::PrintToString(text);
  }
  EXPECT_GT(complete, 20000);  // the mutations are not so wild that nothing is left to compare
}

}  // namespace
}  // namespace footfall::http
