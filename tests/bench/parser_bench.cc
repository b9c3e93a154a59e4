// SPDX-License-Identifier: Apache-2.0
// A request's head, as a browser sends it for the pixel: the first of a connection, one that differs from the one
// before in its target alone, and one that comes from a proxy with another visitor's address and agent each time.
#include <benchmark/benchmark.h>

#include <array>
#include <string>

#include "http/request_parser.h"

namespace {

using namespace footfall::http;

std::string head(int page, int visitor) {
  return "GET /hit.gif?site=example.vn&path=/tin-tuc/bai-" + std::to_string(page) +
         " HTTP/1.1\r\nHost: stats.example.vn\r\nConnection: keep-alive\r\n"
         "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/" +
         std::to_string(100 + visitor % 20) +
         ".0.0.0 Safari/537.36\r\nAccept: image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8\r\n"
         "Referer: https://example.vn/\r\nAccept-Encoding: gzip, deflate, br\r\nAccept-Language: vi-VN,vi;q=0.9\r\n"
         "X-Forwarded-For: 10.9.0." +
         std::to_string(visitor % 250) + "\r\n\r\n";
}

// `anew`: a parser for each, which has seen no head before.
void parse(benchmark::State& state, const std::array<std::string, 64>& heads, bool anew) {
  const ParserLimits limits;
  RequestParser kept(limits);
  std::size_t at = 0;
  std::size_t bytes = 0;
  for (auto _ : state) {
    const std::string& text = heads[at++ % heads.size()];
    bytes += text.size();
    if (anew) {
      RequestParser parser(limits);
      if (parser.parse(text) != RequestParser::State::complete) state.SkipWithError("it is no request");
    } else {
      if (kept.parse(text) != RequestParser::State::complete) state.SkipWithError("it is no request");
      kept.reset();
    }
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}

void BM_HeadFirst(benchmark::State& state) {
  std::array<std::string, 64> heads;
  for (int n = 0; std::string & text : heads) text = head(n++, 7);
  parse(state, heads, true);
}
BENCHMARK(BM_HeadFirst);

void BM_HeadAgain(benchmark::State& state) {
  std::array<std::string, 64> heads;
  for (int n = 0; std::string & text : heads) text = head(n++, 7);
  parse(state, heads, false);
}
BENCHMARK(BM_HeadAgain);

void BM_HeadOfAnotherVisitor(benchmark::State& state) {
  std::array<std::string, 64> heads;
  for (int n = 0; std::string & text : heads) {
    text = head(n, n);
    ++n;
  }
  parse(state, heads, false);
}
BENCHMARK(BM_HeadOfAnotherVisitor);

}  // namespace

BENCHMARK_MAIN();
