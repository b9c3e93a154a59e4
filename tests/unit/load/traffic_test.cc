// SPDX-License-Identifier: Apache-2.0
// The requests, read back by the daemon's own parser; when they are due; who takes which.
#include "load/traffic.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "http/request_parser.h"
#include "unit/logs/scratch_file.h"

namespace footfall::load {
namespace {

const http::ParserLimits kLimits;

TrafficOptions made_up() {
  TrafficOptions options;
  options.site = "bench.example";
  options.host = "127.0.0.1:8080";
  options.shapes.assign(shapes().begin(), shapes().end());
  options.hits_max = 1'000;
  return options;
}

struct Sent {
  std::string bytes;
  std::int64_t due_ns;
  std::uint64_t hits;
};

std::vector<Sent> all_of(const TrafficOptions& options, unsigned thread = 0, unsigned threads = 1) {
  Traffic traffic(options, thread, threads);
  std::vector<Sent> out;
  while (const auto due = traffic.due()) {
    EXPECT_EQ(due, traffic.due());  // asking changes nothing
    Sent sent{"", *due, 0};
    sent.hits = traffic.append(sent.bytes);
    out.push_back(sent);
  }
  EXPECT_TRUE(traffic.outcome());
  return out;
}

TEST(TrafficTest, BrowsersRequestsAreWholeAndOf300To900Bytes) {
  for (const RequestKind kind : {RequestKind::pixel, RequestKind::script, RequestKind::mixed}) {
    for (const bool close : {false, true}) {
      TrafficOptions options = made_up();
      options.kind = kind;
      options.close = close;
      std::size_t shortest = SIZE_MAX;
      std::size_t longest = 0;
      for (const Sent& sent : all_of(options)) {
        shortest = std::min(shortest, sent.bytes.size());
        longest = std::max(longest, sent.bytes.size());
        http::RequestParser parser(kLimits);
        ASSERT_EQ(parser.parse(sent.bytes), http::RequestParser::State::complete) << sent.bytes;
        EXPECT_EQ(sent.bytes.find("Connection: close") != std::string::npos, close);
        EXPECT_EQ(sent.hits, 1U);
      }
      EXPECT_GE(shortest, 300U);
      EXPECT_LE(longest, 900U);
      EXPECT_GT(longest, shortest + 300);
    }
  }
}

TEST(TrafficTest, VisitorsAndPagesAreAsManyAsAskedFor) {
  TrafficOptions options = made_up();
  options.pages = 7;
  options.visitors = 5;
  std::set<std::string> pages;
  std::set<std::string> addresses;
  std::set<std::string> visitors;
  for (const Sent& sent : all_of(options)) {
    const auto part = [&](const char* from, char to) {
      const std::size_t at = sent.bytes.find(from);
      return sent.bytes.substr(at, sent.bytes.find(to, at) - at);
    };
    pages.insert(part("path=", ' '));
    addresses.insert(part("X-Forwarded-For: ", '\r'));
    visitors.insert(part("X-Forwarded-For: ", '\r') + part("User-Agent: ", '\r'));
  }
  EXPECT_EQ(pages.size(), 7U);
  EXPECT_EQ(addresses.size(), 5U);
  EXPECT_EQ(visitors.size(), 5U) << "a visitor keeps their agent";
}

TEST(TrafficTest, ThreadsShareTheRequestsOfOne) {
  for (const std::uint64_t batch : {std::uint64_t{0}, std::uint64_t{7}}) {
    TrafficOptions options = made_up();
    options.rate = 100;
    options.batch = batch;
    const std::vector<Sent> one = all_of(options);
    std::size_t taken = 0;
    for (unsigned thread = 0; thread < 3; ++thread) {
      std::size_t number = thread;
      for (const Sent& sent : all_of(options, thread, 3)) {
        ASSERT_LT(number, one.size());
        EXPECT_EQ(sent.bytes, one[number].bytes);
        EXPECT_EQ(sent.due_ns, one[number].due_ns);
        number += 3;
        ++taken;
      }
    }
    EXPECT_EQ(taken, one.size());
  }
}

TEST(TrafficTest, ARateIsKeptAndABatchGoesWhenItsLastHitIsThere) {
  TrafficOptions options = made_up();
  options.rate = 50;
  EXPECT_EQ(all_of(options)[10].due_ns, 200'000'000);
  options.batch = 300;
  const std::vector<Sent> batches = all_of(options);
  ASSERT_EQ(batches.size(), 4U);
  EXPECT_EQ(batches[0].due_ns, 5'980'000'000);
  EXPECT_EQ(batches[0].hits, 300U);
  EXPECT_EQ(batches[3].hits, 100U);
  EXPECT_EQ(batches[3].due_ns, 19'980'000'000);
}

TEST(TrafficTest, ACurveIsFollowedAtItsSpeedToItsEnd) {
  TrafficOptions options = made_up();
  options.curve = std::make_shared<const Curve>(std::vector<std::uint64_t>{2, 0, 3});
  options.speed = 60;
  const std::vector<Sent> sent = all_of(options);
  ASSERT_EQ(sent.size(), 5U);
  EXPECT_EQ(sent[1].due_ns, 500'000'000);
  EXPECT_EQ(sent[2].due_ns, 2'000'000'000);
}

TEST(TrafficTest, ALogComesAgainWithItsAgentsAndNothingInItBreaksARequest) {
  const logs::ScratchFile file(
      "192.0.2.7 - - [10/Mar/2021:10:00:05 +0000] \"GET /a b?x=\\\"1&y HTTP/1.1\" 200 5 \"https://r.example/?q= 1\" "
      "\"an \xff agent\"\n"
      "host.example - - [10/Mar/2021:10:00:07 +0000] \"GET /b HTTP/1.1\" 200 5 \"-\" \"-\"\n");
  TrafficOptions options = made_up();
  options.logs = {file.path()};
  options.format = *logs::Format::find("combined");
  options.passes = [](const logs::Line&) { return true; };
  options.speed = 4;
  const std::vector<Sent> sent = all_of(options);
  ASSERT_EQ(sent.size(), 2U);
  for (const Sent& one : sent) {
    http::RequestParser parser(kLimits);
    EXPECT_EQ(parser.parse(one.bytes), http::RequestParser::State::complete) << one.bytes;
  }
  EXPECT_NE(sent[0].bytes.find("User-Agent: an ? agent\r\n"), std::string::npos);
  EXPECT_NE(sent[0].bytes.find("X-Forwarded-For: 192.0.2.7\r\n"), std::string::npos);
  EXPECT_NE(sent[0].bytes.find("ref=https%3A//r.example/%3Fq%3D%201"), std::string::npos) << sent[0].bytes;
  EXPECT_NE(sent[1].bytes.find("X-Forwarded-For: 10."), std::string::npos) << "a name has an address of its own";
  EXPECT_EQ(sent[1].due_ns, 500'000'000);
  options.batch = 10;
  ASSERT_EQ(all_of(options).size(), 1U);
  EXPECT_EQ(all_of(options)[0].hits, 2U);
}

}  // namespace
}  // namespace footfall::load
