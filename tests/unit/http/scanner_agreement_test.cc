// SPDX-License-Identifier: Apache-2.0
// The request parser against the plain twin on mutations of real requests. One parser reads them all, as a thread's
// does, so that what it remembers of a head (http/head_memo.h) meets heads that differ from it in a byte, a line, or
// altogether.
//
//   FOOTFALL_ROUNDS=100000000 FOOTFALL_SEED=1 http_test --gtest_filter='ScannerAgreement*'
//   FOOTFALL_SAMPLES=DIR      the requests of trackers and of access logs there, among the base
#include <gtest/gtest.h>
#include <zlib.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "http/request_parser.h"
#include "support/plain_parser.h"
#include "support/rng_seed.h"
#include "support/sanitizer.h"

namespace footfall::http {
namespace {

using State = RequestParser::State;

std::vector<std::string> browsers() {
  const std::string chrome =
      "Host: stats.example.vn\r\nConnection: keep-alive\r\nsec-ch-ua-platform: \"Linux\"\r\nUser-Agent: Mozilla/5.0 "
      "(X11; Linux "
      "x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36\r\nAccept: "
      "image/avif,image/webp,*/*;q=0.8\r\nSec-Fetch-Site: cross-site\r\nReferer: "
      "https://example.vn/\r\nAccept-Encoding: gzip, "
      "deflate, br\r\nAccept-Language: vi-VN,vi;q=0.9\r\n";
  const std::string batch =
      "POST /v1/hits?source=s HTTP/1.1\r\nhost: [::1]:8080\r\nAuthorization: Bearer t\r\nExpect: 100-continue\r\n"
      "Transfer-Encoding: chunked\r\nIdempotency-Key: a/b\r\n\r\n5;x=\"y\"\r\nhello\r\n3\r\n\r\nx\r\n0\r\nX-Trailer: "
      "t\r\n\r\n";
  const std::string widget =
      "GET http://example.vn:80/widget/example.vn.svg HTTP/1.1\r\nHost: other\r\nIf-None-Match: \"a\"\r\n"
      "Accept-Encoding:\tbr \r\n\r\n";
  return {
      "GET /hit.gif?site=example.vn&path=/tin-tuc/bai-1 HTTP/1.1\r\n" + chrome + "\r\n",
      "GET /hit?site=example.vn&path=%2Fa+b&ref=https://s.example/?q=1 HTTP/1.1\r\n" + chrome +
          "X-Forwarded-For: 203.0.113.9, 10.0.0.2\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\n\r\n",
      "POST /hit HTTP/1.1\r\n" + chrome +
          "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: 21\r\nOrigin: https://example.vn\r\n\r\n"
          "{\"site\":\"example.vn\"}",
      batch,
      widget,
      "OPTIONS * HTTP/1.1\r\nHost: a\r\nAccess-Control-Request-Method: POST\r\nOrigin: null\r\n\r\n",
      "HEAD /livez HTTP/1.0\r\nConnection: Keep-Alive, close\r\nX-Moz: prefetch\r\nPurpose: prefetch\r\n\r\n",
      "\r\nGET / HTTP/1.1\r\nHost: a\r\nCookie: a=b; c=\xC3\xA9\r\nForwarded: for=1\r\nLast-Event-ID: 7\r\n\r\n",
  };
}

// "key": "value" of a line of JSON, from `at` on; moves `at` behind it. Escapes but \" are left as they are.
bool next_pair(const std::string& line, std::size_t& at, std::string& key, std::string& value) {
  const auto text = [&](std::string& out) {
    out.clear();
    at = line.find('"', at);
    if (at == std::string::npos) return false;
    for (++at; at < line.size() && line[at] != '"'; ++at) {
      if (line[at] == '\\') ++at;
      out += line[at];
    }
    ++at;
    return true;
  };
  do {
    if (!text(key)) return false;
  } while (line.compare(at, 3, ": \"") != 0);  // of an object, or a number
  return text(value);
}

std::vector<std::string> of_trackers(const std::filesystem::path& file) {
  std::vector<std::string> out;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    std::string key, value, method = "GET", target = "/", fields, body;
    for (std::size_t at = 0; next_pair(line, at, key, value);) {
      if (key == "method") {
        method = value;
      } else if (key == "url") {
        target = value;
      } else if (key == "body") {
        body = value;
      } else if (key != "tracker") {
        fields.append(key).append(": ").append(value).append("\r\n");
      }
    }
    out.push_back(method + " " + target + " HTTP/1.1\r\n" + fields + "\r\n" + body);
  }
  return out;
}

// Of a combined log each hundredth line.
std::vector<std::string> of_log(const std::filesystem::path& file) {
  std::vector<std::string> out;
  gzFile in = gzopen(file.c_str(), "rb");
  if (in == nullptr) return out;
  std::string buffer(16384, '\0');
  for (std::size_t n = 0; gzgets(in, buffer.data(), static_cast<int>(buffer.size())) != nullptr; ++n) {
    if (n % 100 != 0) continue;
    const std::string line(buffer.c_str());
    std::vector<std::string> quoted;
    for (std::size_t at = line.find('"'); at != std::string::npos; at = line.find('"', at + 1)) {
      const std::size_t begin = at + 1;
      at = line.find('"', begin);
      if (at == std::string::npos) break;
      quoted.push_back(line.substr(begin, at - begin));
    }
    if (quoted.size() != 3) continue;
    out.push_back(quoted[0] + "\r\nHost: blog.example\r\nUser-Agent: " + quoted[2] + "\r\nReferer: " + quoted[1] +
                  "\r\nX-Forwarded-For: " + line.substr(0, line.find(' ')) + "\r\n\r\n");
  }
  gzclose(in);
  return out;
}

std::vector<std::string> base_requests() {
  std::vector<std::string> out = browsers();
  const char* const samples = std::getenv("FOOTFALL_SAMPLES");
  if (samples == nullptr) return out;
  for (const auto& entry : std::filesystem::directory_iterator(samples)) {
    std::vector<std::string> more;
    if (entry.path().extension() == ".jsonl") more = of_trackers(entry.path());
    if (entry.path().extension() == ".gz") more = of_log(entry.path());
    out.insert(out.end(), more.begin(), more.end());
  }
  std::cout << out.size() << " requests to begin with\n";
  return out;
}

class Random {
 public:
  explicit Random(std::uint64_t rng_seed) : state_(rng_seed) {}
  std::size_t below(std::size_t bound) {
    state_ += 0x9e3779b97f4a7c15U;
    return static_cast<std::size_t>(((base::mix64(state_) >> 32U) * bound) >> 32U);
  }

 private:
  std::uint64_t state_;
};

constexpr std::string_view kPieces[] = {"\r\n",
                                        "\r",
                                        "\n",
                                        " ",
                                        "\t",
                                        ":",
                                        ";",
                                        ",",
                                        "0",
                                        "/",
                                        "?",
                                        "%",
                                        "[",
                                        "]",
                                        "a",
                                        "\x7f",
                                        "\xc3",
                                        "\x01",
                                        "\r\n\r\n",
                                        "GET ",
                                        "http://",
                                        "HTTP/1.0",
                                        "chunked",
                                        "Host: a\r\n",
                                        "Connection: close\r\n",
                                        "Content-Length: 3\r\n",
                                        "Transfer-Encoding: chunked\r\n",
                                        "X-Forwarded-For: 1\r\n",
                                        "X: y\r\n",
                                        "User-Agent: z\r\n",
                                        " \r\n",
                                        "\r\n "};

void mutate(std::string& text, const std::string& other, Random& random) {
  const std::size_t at = random.below(text.size() + 1);
  switch (random.below(6)) {
    case 0:
      text.insert(at, kPieces[random.below(std::size(kPieces))]);
      break;
    case 1:
      text.erase(at, 1 + random.below(8));
      break;
    case 2:
      if (at < text.size()) text[at] = static_cast<char>(random.below(256));
      break;
    case 3:
      if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << random.below(8)));
      break;
    case 4: {  // a line of the other one
      const std::size_t line = other.find("\r\n", random.below(other.size()));
      const std::size_t here = text.find("\r\n", at);
      if (line == std::string::npos || here == std::string::npos) break;
      text.insert(here, other, line, other.find("\r\n", line + 2) - line);
      break;
    }
    default: {
      const std::size_t from = random.below(other.size());
      text.replace(at, std::string::npos, other, from, std::string::npos);
      break;
    }
  }
  if (text.empty()) text = "G";
}

// The first thing in which they differ; empty: none.
std::string difference(const RequestParser& parser, State state, const std::string& text) {
  static constexpr std::pair<const char*, Field> kNames[] = {
      {"host", Field::host},
      {"user-agent", Field::user_agent},
      {"referer", Field::referer},
      {"origin", Field::origin},
      {"content-type", Field::content_type},
      {"content-encoding", Field::content_encoding},
      {"content-length", Field::content_length},
      {"transfer-encoding", Field::transfer_encoding},
      {"connection", Field::connection},
      {"authorization", Field::authorization},
      {"x-forwarded-for", Field::x_forwarded_for},
      {"x-forwarded-proto", Field::x_forwarded_proto},
      {"forwarded", Field::forwarded},
      {"accept", Field::accept},
      {"accept-encoding", Field::accept_encoding},
      {"if-none-match", Field::if_none_match},
      {"sec-purpose", Field::sec_purpose},
      {"purpose", Field::purpose},
      {"x-moz", Field::x_moz},
      {"idempotency-key", Field::idempotency_key},
      {"expect", Field::expect},
      {"last-event-id", Field::last_event_id},
      {"access-control-request-method", Field::access_control_request_method},
  };
  static_assert(std::size(kNames) == kFields);
  static const testing::PlainParser twin;
  const auto plain = twin.parse(text);
  if ((state == State::complete) != plain.has_value()) return "one of them accepts";
  if (!plain) return {};
  const Request& request = parser.request();
  if (parser.consumed() != plain->length) return "length";
  if (to_string(request.method) != plain->method && request.method != Method::other) return "method";
  if (request.path != plain->path || request.query != plain->query) return "target";
  if (request.body != plain->body) return "body";
  if (request.keep_alive != plain->keep_alive) return "keep_alive";
  std::size_t present = 0;
  for (const auto& [name, value] : plain->fields) {
    for (const auto& [known, field] : kNames) {
      if (name != known) continue;
      ++present;
      if (!request.has(field) || request.field(field) != value) return name;
    }
  }
  return present == static_cast<std::size_t>(__builtin_popcount(request.present)) ? "" : "a field that is not there";
}

std::uint64_t rounds() {
  const char* const given = std::getenv("FOOTFALL_ROUNDS");
  return given == nullptr ? (testing::kSanitized ? 6'000 : 60'000) : std::stoull(given);
}

TEST(ScannerAgreement, TheParserReadsWhatThePlainOneReads) {
  const std::vector<std::string> base = base_requests();
  Random random(testing::rng_seed());
  const ParserLimits limits;
  RequestParser parser(limits);
  const auto began = std::chrono::steady_clock::now();
  std::uint64_t complete = 0;
  const std::string* request = &base[0];
  std::string text;
  for (std::uint64_t round = 0; round < rounds(); ++round) {
    if (random.below(4) == 0) request = &base[random.below(base.size())];  // mostly the one of the round before
    text = *request;
    for (std::size_t changes = random.below(4); changes != 0; --changes)
      mutate(text, base[random.below(base.size())], random);
    parser.reset();
    State state = parser.parse(text);
    const std::string differs = difference(parser, state, text);
    ASSERT_EQ(differs, "") << "round " << round << ": " << ::testing::PrintToString(text);
    complete += state == State::complete ? 1 : 0;
    if (random.below(8) != 0) continue;
    // In two pieces, by a parser that knows nothing: the reason is the same, too.
    const ParseError error = parser.error();
    RequestParser fresh(limits);
    const std::size_t cut = random.below(text.size());
    State again = fresh.parse(std::string_view(text).substr(0, cut));
    if (again == State::need_more) again = fresh.parse(text);
    ASSERT_EQ(again, state) << "round " << round << ", cut at " << cut << ": " << ::testing::PrintToString(text);
    if (state == State::failed) {
      ASSERT_EQ(name_of(fresh.error()), name_of(error)) << "round " << round << ": " << ::testing::PrintToString(text);
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::cout << rounds() << " requests, " << complete << " of them well formed, "
            << static_cast<double>(rounds()) / took.count() << " a second\n";
  EXPECT_GT(complete, rounds() / 5);  // the mutations are not so wild that nothing is left to compare
}

}  // namespace
}  // namespace footfall::http
