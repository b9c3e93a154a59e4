// SPDX-License-Identifier: Apache-2.0
// A block of the journal in memory, without its write: encoded and read back, by the size of what is in it.
#include <benchmark/benchmark.h>

#include <string>

#include "journal/format.h"

namespace {

using namespace footfall::journal;

constexpr std::uint32_t kHitBytes = 64;  // about what a hit's record takes

BlockHeader header_of(std::int64_t hits) {
  return {.sequence = 7, .control_sequence = 3, .durable_through = 5, .count = static_cast<std::uint32_t>(hits)};
}

void BM_BlockEncode(benchmark::State& state) {
  const std::string payload(static_cast<std::size_t>(state.range(0)) * kHitBytes, 'x');
  const std::uint32_t seed = block_seed(42);
  std::string out;
  for (auto _ : state) {
    encode_block(header_of(state.range(0)), payload, seed, out);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_BlockEncode)->ArgName("hits")->Arg(1)->Arg(16)->Arg(128)->Arg(1'000);

void BM_BlockDecode(benchmark::State& state) {
  const std::uint32_t seed = block_seed(42);
  std::string block;
  encode_block(header_of(state.range(0)), std::string(static_cast<std::size_t>(state.range(0)) * kHitBytes, 'x'), seed,
               block);
  for (auto _ : state) {
    if (decode_block(block, seed).state != BlockState::good) state.SkipWithError("it does not read what it wrote");
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_BlockDecode)->ArgName("hits")->Arg(1)->Arg(16)->Arg(128)->Arg(1'000);

}  // namespace

BENCHMARK_MAIN();
