// SPDX-License-Identifier: Apache-2.0
// The sketch of a day's visitors: to add one (fresh: of a million ids, most raise nothing once it is full), to say how
// many there are, to write and to read it.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "counting/hyperloglog.h"

namespace {

using footfall::counting::HyperLogLog;

constexpr std::size_t kIds = 1 << 20;

std::vector<std::uint64_t> hashes() {
  std::mt19937_64 random(1);
  std::vector<std::uint64_t> out(kIds);
  for (std::uint64_t& hash : out) hash = random();
  return out;
}

HyperLogLog full() {
  HyperLogLog out;
  for (const std::uint64_t hash : hashes()) out.add_hash(hash);
  return out;
}

void BM_SketchAdd(benchmark::State& state) {
  const std::vector<std::uint64_t> ids = hashes();
  HyperLogLog sketch = full();
  std::size_t at = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(sketch.add_hash(ids[at]));
    at = (at + 1) % kIds;
  }
}
BENCHMARK(BM_SketchAdd);

void BM_SketchAddElement(benchmark::State& state) {  // hashed here
  const std::vector<std::uint64_t> ids = hashes();
  HyperLogLog sketch = full();
  std::size_t at = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(sketch.add({reinterpret_cast<const char*>(&ids[at]), sizeof ids[at]}));
    at = (at + 1) % kIds;
  }
}
BENCHMARK(BM_SketchAddElement);

void BM_SketchEstimate(benchmark::State& state) {
  const HyperLogLog sketch = full();
  for (auto _ : state) benchmark::DoNotOptimize(sketch.estimate());
}
BENCHMARK(BM_SketchEstimate)->Unit(benchmark::kMicrosecond);

void BM_SketchSaveAndLoad(benchmark::State& state) {
  const HyperLogLog sketch = full();
  HyperLogLog read;
  for (auto _ : state) {
    if (!read.load(sketch.save())) state.SkipWithError("it does not read what it wrote");
  }
}
BENCHMARK(BM_SketchSaveAndLoad)->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
