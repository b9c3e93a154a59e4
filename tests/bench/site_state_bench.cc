// SPDX-License-Identifier: Apache-2.0
// What a hit and a read cost a site: apply() with few and with many visitors, decide, summary, the table of pages.
//   site_state_bench --benchmark_filter=Apply
#include <benchmark/benchmark.h>

#include <algorithm>
#include <ctime>
#include <random>
#include <string>
#include <vector>

#include "base/hash.h"
#include "counting/site_state.h"

namespace footfall::counting {
namespace {

constexpr std::int64_t kStart = 1'790'035'200;
constexpr std::int32_t kWindow_s = 300;
constexpr std::size_t kPass = 64;  // hits of one site in a block

struct Traffic {
  Traffic(std::uint64_t visitors, std::uint32_t pages) : visitors_(visitors), pages_(pages) {}

  Hit next(std::int64_t at_s) {
    Hit hit;
    hit.at_s = at_s;
    hit.utc_offset_s = 25'200;
    hit.visitor = VisitorId{base::mix64(1 + random_() % visitors_)};
    hit.page = PageId{kFirstPage.value + static_cast<std::uint32_t>(random_() % pages_)};
    for (unsigned d = 1; d < kDimensions - 1; ++d) {
      hit.labels[d] = LabelId{kFirstLabel.value + d * 64 + static_cast<std::uint32_t>(random_() % 32)};
    }
    hit.counts = hit.touches_presence = hit.adds_visitor = true;
    return hit;
  }
  // `passes_per_s` passes share a second.
  std::vector<std::vector<Hit>> passes(std::size_t count, std::int64_t from_s, std::size_t passes_per_s) {
    std::vector<std::vector<Hit>> out(count);
    for (std::size_t i = 0; i < count; ++i) {
      const std::int64_t at_s = from_s + static_cast<std::int64_t>(i / passes_per_s);
      for (std::size_t n = 0; n < kPass; ++n) out[i].push_back(next(at_s));
    }
    return out;
  }

  std::mt19937_64 random_{1};
  std::uint64_t visitors_;
  std::uint32_t pages_;
};

void define_pages(SiteState& state, std::uint32_t pages) {
  for (std::uint32_t i = 0; i < pages; ++i) {
    state.define_page(PageId{kFirstPage.value + i}, "/section/" + std::to_string(i % 10) + "/" + std::to_string(i));
  }
}

// Arguments: visitors, pages, and labels or not.
void BM_Apply(benchmark::State& bench) {
  const auto visitors = static_cast<std::uint64_t>(bench.range(0));
  const auto pages = static_cast<std::uint32_t>(bench.range(1));
  SiteState state(Limits{}, kWindow_s);
  define_pages(state, pages);
  Traffic traffic(visitors, pages);
  // Everybody is present before the clock starts: what is measured is the steady state.
  for (std::uint64_t v = 0; v < visitors; ++v) {
    Hit hit = traffic.next(kStart);
    hit.visitor = VisitorId{base::mix64(1 + v)};
    state.apply(Epoch{}, {&hit, 1});
  }
  const auto passes = traffic.passes(8'192, kStart, 512);
  std::int64_t shift_s = 0;
  std::size_t pass = 0;
  std::vector<Hit> hits;
  for (auto _ : bench) {
    hits = passes[pass];
    for (Hit& hit : hits) {
      hit.at_s += shift_s;
      if (bench.range(2) == 0) hit.labels = {};
    }
    state.apply(Epoch{}, hits);
    if (++pass == passes.size()) {
      pass = 0;
      shift_s += 16;
    }
  }
  bench.SetItemsProcessed(bench.iterations() * static_cast<std::int64_t>(kPass));
  bench.counters["pairs"] = static_cast<double>(state.presence_pairs());
  bench.counters["MB"] = static_cast<double>(state.memory_bytes()) / 1e6;
}
BENCHMARK(BM_Apply)
    ->ArgNames({"visitors", "pages", "labels"})
    ->Args({1'000, 100, 0})
    ->Args({1'000, 100, 1})
    ->Args({100'000, 1'000, 1})
    ->Args({1'000'000, 100, 1})
    ->Args({1'000'000, 10'000, 1});

void BM_Reserve(benchmark::State& bench) {
  SiteState state(Limits{}, kWindow_s);
  std::vector<std::string> paths;
  std::vector<std::uint64_t> hashes;
  for (int i = 0; i < 1'000; ++i) {
    paths.push_back("/section/" + std::to_string(i % 10) + "/" + std::to_string(i));
    hashes.push_back(base::table_hash(paths.back()));
  }
  std::size_t i = 0;
  for (auto _ : bench) {
    benchmark::DoNotOptimize(state.reserve_page(paths[i], hashes[i]));
    benchmark::DoNotOptimize(state.reserve_label(20'000, Dimension::referrer, paths[i], hashes[i]));
    i = i + 1 == paths.size() ? 0 : i + 1;
  }
}
BENCHMARK(BM_Reserve);

// A site with ten years of days, each closed. Argument: visitors of today, exact or in a sketch.
void BM_Summary(benchmark::State& bench) {
  SiteState state(Limits{}, kWindow_s);
  Traffic traffic(static_cast<std::uint64_t>(bench.range(0)), 100);
  for (std::int64_t day = 3'650; day > 0; --day) {
    const Hit hit = traffic.next(kStart - day * 86'400);
    state.apply(Epoch{}, {&hit, 1});
    state.close_day(Epoch{}, local_day(hit.at_s, hit.utc_offset_s));
  }
  for (std::int64_t i = 0; i < bench.range(0); ++i) {
    const Hit hit = traffic.next(kStart);
    state.apply(Epoch{}, {&hit, 1});
  }
  const Calendar calendar = calendar_of(local_day(kStart, 25'200));
  for (auto _ : bench) benchmark::DoNotOptimize(state.summary(kStart + 1, calendar));
}
BENCHMARK(BM_Summary)->Arg(1'000)->Arg(100'000);

// The same with a hit between any two reads.
void BM_SummaryAfterAHit(benchmark::State& bench) {
  SiteState state(Limits{}, kWindow_s);
  Traffic traffic(100'000, 100);
  const auto passes = traffic.passes(4'096, kStart, 4'096);
  for (const auto& hits : passes) state.apply(Epoch{}, hits);
  const Calendar calendar = calendar_of(local_day(kStart, 25'200));
  std::size_t pass = 0;
  for (auto _ : bench) {
    state.apply(Epoch{}, std::span(passes[pass]).first(1));
    benchmark::DoNotOptimize(state.summary(kStart + 1, calendar));
    pass = pass + 1 == passes.size() ? 0 : pass + 1;
  }
}
BENCHMARK(BM_SummaryAfterAHit);

void BM_Pages(benchmark::State& bench) {
  const auto pages = static_cast<std::uint32_t>(bench.range(0));
  SiteState state(Limits{}, kWindow_s);
  define_pages(state, pages);
  Traffic traffic(10'000, pages);
  for (std::uint32_t i = 0; i < pages; ++i) {
    Hit hit = traffic.next(kStart);
    hit.page = PageId{kFirstPage.value + i};
    for (std::uint64_t hits = 1 + i % 97 % 7; hits > 0; --hits) state.apply(Epoch{}, {&hit, 1});
  }
  for (auto _ : bench) {
    benchmark::DoNotOptimize(state.pages(kStart + 1, PageSort::total, static_cast<std::size_t>(bench.range(1))));
  }
}
BENCHMARK(BM_Pages)->Args({1'000, 20})->Args({100'000, 20})->Args({100'000, 10'000})->Unit(benchmark::kMicrosecond);

// The same as a daemon does it: how long the lock is held at most, of all holds of a walk, in thread time. Arguments:
// pages, rows, sort.
void BM_PageWalk(benchmark::State& bench) {
  const auto pages = static_cast<std::uint32_t>(bench.range(0));
  SiteState state(Limits{.pages_max = pages}, kWindow_s);
  define_pages(state, pages);
  Traffic traffic(10'000, pages);
  for (std::uint32_t i = 0; i < pages; ++i) {
    Hit hit = traffic.next(kStart);
    hit.page = PageId{kFirstPage.value + i};
    for (std::uint64_t hits = 1 + i % 97 % 7; hits > 0; --hits) state.apply(Epoch{}, {&hit, 1});
  }
  const auto thread_us = [] {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
  };
  std::vector<double> look_us, take_us;
  for (auto _ : bench) {
    PageWalk walk(static_cast<PageSort>(bench.range(2)), static_cast<std::size_t>(bench.range(1)));
    double longest_us = 0;
    double last_us = 0;
    for (bool done = false; !done;) {
      walk.make_room();
      longest_us = std::max(longest_us, last_us);
      const double begin_us = thread_us();
      done = walk.step(state, kStart + 1);
      last_us = thread_us() - begin_us;
    }
    look_us.push_back(longest_us);
    take_us.push_back(last_us);
    benchmark::DoNotOptimize(walk.table());
  }
  const auto median = [](std::vector<double>& of) {
    std::nth_element(of.begin(), of.begin() + static_cast<std::ptrdiff_t>(of.size() / 2), of.end());
    return of[of.size() / 2];
  };
  bench.counters["look_us"] = median(look_us);  // the longest but the last
  bench.counters["take_us"] = median(take_us);  // the last
}
BENCHMARK(BM_PageWalk)
    ->ArgNames({"pages", "rows", "sort"})
    ->Args({1'000, 100, 0})
    ->Args({100'000, 100, 0})
    ->Args({100'000, 10'000, 0})
    ->Args({100'000, 10'000, 1})
    ->Args({100'000, 10'000, 2})
    ->Args({1'000'000, 10'000, 0})
    ->Unit(benchmark::kMicrosecond);

void BM_Save(benchmark::State& bench) {
  SiteState state(Limits{}, kWindow_s);
  define_pages(state, 10'000);
  Traffic traffic(100'000, 10'000);
  for (const auto& hits : traffic.passes(4'096, kStart, 64)) state.apply(Epoch{}, hits);
  std::size_t size = 0;
  for (auto _ : bench) {
    std::string bytes;
    base::ByteWriter out(bytes);
    state.save(out, kStart + 64);
    size = bytes.size();
  }
  bench.counters["bytes"] = static_cast<double>(size);
}
BENCHMARK(BM_Save)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace footfall::counting

BENCHMARK_MAIN();
