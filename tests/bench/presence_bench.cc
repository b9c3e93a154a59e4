// SPDX-License-Identifier: Apache-2.0
// Presence: what a hit costs while a thousand, a million and ten million visitors are online, in both forms.
//
//     build/release/tests/bench/presence_bench --benchmark_filter=Touch
//
// The argument is how many visitors there are. `bytes` is memory a visitor.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>

#include "base/hash.h"
#include "counting/presence.h"

namespace footfall::counting {
namespace {

constexpr std::int64_t kStart = 1'790'000'000;
constexpr std::int32_t kWindow = 300;

VisitorId visitor(std::uint64_t i) {
  return VisitorId{base::mix64(i + 1)};
}

// As many visitors, evenly over the window's seconds.
std::int64_t fill(Presence& presence, std::uint64_t visitors) {
  for (std::uint64_t i = 0; i < visitors; ++i) {
    presence.touch(visitor(i), kStart + static_cast<std::int64_t>(i * kWindow / visitors), kWindow);
  }
  return kStart + kWindow - 1;
}

void report(benchmark::State& state, Presence& presence, std::int64_t now_s) {
  state.SetItemsProcessed(state.iterations());
  state.counters["bytes"] = static_cast<double>(presence.memory_bytes()) / presence.online(now_s, kWindow);
}

// Somebody who is online is seen again. Ids are drawn by arithmetic: a list of them would be misses of its own.
void BM_PresenceTouch(benchmark::State& state) {
  const auto visitors = static_cast<std::uint64_t>(state.range(0));
  Presence presence;
  const std::int64_t now_s = fill(presence, visitors);
  std::uint64_t i = 0;
  for (auto _ : state) {
    i = (i + 7'777'777) % visitors;
    presence.touch(visitor(i), now_s, kWindow);
  }
  report(state, presence, now_s);
}
BENCHMARK(BM_PresenceTouch)->Arg(10)->Arg(128)->Arg(1'000)->Arg(100'000)->Arg(1'000'000)->Arg(10'000'000);

// The same by groups of 16, each prefetched first, as a pass does.
void BM_PresenceTouchPrefetched(benchmark::State& state) {
  const auto visitors = static_cast<std::uint64_t>(state.range(0));
  constexpr std::int64_t kGroup = 16;
  Presence presence;
  const std::int64_t now_s = fill(presence, visitors);
  std::uint64_t i = 0;
  VisitorId group[kGroup];
  for (auto _ : state) {
    for (VisitorId& id : group) {
      i = (i + 7'777'777) % visitors;
      id = visitor(i);
      presence.prefetch(id);
    }
    for (const VisitorId id : group) presence.touch(id, now_s, kWindow);
  }
  report(state, presence, now_s);
  state.SetItemsProcessed(state.iterations() * kGroup);
}
BENCHMARK(BM_PresenceTouchPrefetched)->Arg(1'000'000)->Arg(10'000'000);

// Time passes: each hit is a new visitor's, and as many leave. Growing, contracting, sweeping and the clock included.
void BM_PresenceTurnover(benchmark::State& state) {
  const auto visitors = static_cast<std::uint64_t>(state.range(0));
  Presence presence;
  std::int64_t now_s = fill(presence, visitors);
  const std::uint64_t a_second = std::max<std::uint64_t>(1, visitors / kWindow);
  std::uint64_t i = visitors;
  for (auto _ : state) {
    if (++i % a_second == 0) ++now_s;
    presence.touch(visitor(i), now_s, kWindow);
  }
  report(state, presence, now_s);
}
BENCHMARK(BM_PresenceTurnover)->Arg(100)->Arg(1'000)->Arg(1'000'000)->Arg(10'000'000);

// A site's first ten million, from nothing.
void BM_PresenceGrow(benchmark::State& state) {
  const auto visitors = static_cast<std::uint64_t>(state.range(0));
  for (auto _ : state) {
    Presence presence;
    benchmark::DoNotOptimize(fill(presence, visitors));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_PresenceGrow)->Arg(128)->Arg(1'000)->Arg(1'000'000)->Arg(10'000'000)->Unit(benchmark::kMillisecond);

void BM_PresenceOnline(benchmark::State& state) {
  Presence presence;
  const std::int64_t now_s = fill(presence, static_cast<std::uint64_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(presence.online(now_s, kWindow));
  report(state, presence, now_s);
}
BENCHMARK(BM_PresenceOnline)->Arg(10)->Arg(128)->Arg(1'000)->Arg(10'000'000);

// One second of everybody leaving: the longest that the site's lock is held for the clock.
void BM_PresenceSecondOfDecay(benchmark::State& state) {
  const auto visitors = static_cast<std::uint64_t>(state.range(0));
  Presence presence;
  std::int64_t now_s = fill(presence, visitors);
  for (auto _ : state) {
    presence.advance(++now_s, kWindow);
    if (presence.online(now_s, kWindow) < visitors / 2) {
      state.PauseTiming();
      presence = Presence();
      now_s = fill(presence, visitors);
      state.ResumeTiming();
    }
  }
}
BENCHMARK(BM_PresenceSecondOfDecay)->Arg(10'000'000)->Iterations(140)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace footfall::counting

BENCHMARK_MAIN();
