// SPDX-License-Identifier: Apache-2.0
// How fast lines of an access log are read, made-up ones, as a server writes them; and the same out of syslog
// datagrams.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "logs/format.h"
#include "logs/syslog_message.h"

namespace {

using footfall::logs::Format;
using footfall::logs::Line;
using footfall::logs::SyslogFault;
using footfall::logs::SyslogMessage;

std::vector<std::string> made_up_lines() {
  std::vector<std::string> lines;
  std::mt19937 rng(1);
  int second = 0;
  for (int i = 0; i < 10'000; ++i) {
    second += rng() % 20 == 0 ? 1 : 0;
    char text[512];
    std::snprintf(
        text, sizeof text,
        "192.0.2.%u - - [17/May/2015:%02d:%02d:%02d +0000] \"GET /news/%u/some-article.html?utm_source=mail HTTP/1.1\" "
        "%d %u \"https://example.org/%u\" \"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, "
        "like Gecko) Chrome/%u.0.0.0 Safari/537.36\"",
        static_cast<unsigned>(rng() % 256), second / 3600, second / 60 % 60, second % 60,
        static_cast<unsigned>(rng() % 5000), rng() % 10 == 0 ? 404 : 200, static_cast<unsigned>(rng() % 100'000),
        static_cast<unsigned>(rng() % 300), static_cast<unsigned>(80 + rng() % 60));
    lines.emplace_back(text);
  }
  return lines;
}

void read_lines(benchmark::State& state, const char* name) {
  const std::vector<std::string> lines = made_up_lines();
  auto format = *Format::find(name);
  std::int64_t bytes = 0;
  for (auto step : state) {
    Line line;
    for (const std::string& text : lines) {
      if (!format.read(text, line)) state.SkipWithError("a line is not readable");
      benchmark::DoNotOptimize(line);
      bytes += static_cast<std::int64_t>(text.size());
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(lines.size()));
  state.SetBytesProcessed(bytes);
}

BENCHMARK_CAPTURE(read_lines, combined, "combined");
BENCHMARK_CAPTURE(
    read_lines, nginx,
    R"($remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent")");
BENCHMARK_CAPTURE(read_lines, apache, R"(%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i")");

// With the header of an RFC: whose it is and its line alone, and with the line read.
void read_datagrams(benchmark::State& state, const char* header, bool with_line) {
  std::vector<std::string> datagrams = made_up_lines();
  for (std::string& text : datagrams) text.insert(0, header);
  Format format;
  std::int64_t bytes = 0;
  for (auto step : state) {
    SyslogMessage message;
    Line line;
    for (const std::string& datagram : datagrams) {
      if (footfall::logs::read_syslog(datagram, message) != SyslogFault::none || message.tag != "nginx")
        state.SkipWithError("a datagram is not readable");
      benchmark::DoNotOptimize(message);
      if (with_line && !format.read(message.line, line)) state.SkipWithError("a line is not readable");
      benchmark::DoNotOptimize(line);
      bytes += static_cast<std::int64_t>(datagram.size());
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(datagrams.size()));
  state.SetBytesProcessed(bytes);
}

constexpr const char* kRfc3164 = "<190>Nov 29 06:52:00 web-1 nginx: ";
constexpr const char* kRfc5424 = "<190>1 2026-11-29T06:52:00.123Z web-1 nginx 812 access [origin ip=\"192.0.2.1\"] ";
BENCHMARK_CAPTURE(read_datagrams, rfc3164, kRfc3164, false);
BENCHMARK_CAPTURE(read_datagrams, rfc5424, kRfc5424, false);
BENCHMARK_CAPTURE(read_datagrams, rfc3164_combined, kRfc3164, true);
BENCHMARK_CAPTURE(read_datagrams, rfc5424_combined, kRfc5424, true);

}  // namespace

BENCHMARK_MAIN();
