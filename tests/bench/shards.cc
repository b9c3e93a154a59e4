// SPDX-License-Identifier: Apache-2.0
// How what shards do in memory grows from one thread to two: requests are parsed, decided, made into a block of the
// journal and applied, 64 a pass, without a socket and without a disk. Beside it a loop that only reckons, which tells
// what two threads of this machine are worth. shards.py runs it.
//
//   shards SECONDS     prints a round as one line: work, threads, hits (or turns) a second
#include <pthread.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/hash.h"
#include "counting/site_state.h"
#include "http/connection.h"
#include "ingest/arena.h"
#include "ingest/native.h"
#include "journal/format.h"
#include "sites/decide.h"
#include "sites/site.h"

namespace {

using namespace footfall;

constexpr std::size_t kPass = 64, kVisitors = 10'000, kPages = 100;
constexpr std::int64_t kNow_s = 1'795'000'000;

std::string request_of(std::size_t n) {
  return "GET /hit.gif?site=bench.example&path=/tin-tuc/bai-" + std::to_string(n % kPages) +
         " HTTP/1.1\r\nHost: stats.bench.example\r\nConnection: keep-alive\r\n"
         "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
         "Chrome/126.0.0.0 "
         "Safari/537.36\r\nAccept: image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8\r\n"
         "Referer: https://bench.example/\r\nAccept-Encoding: gzip, deflate, br\r\n"
         "Accept-Language: vi-VN,vi;q=0.9,en;q=0.8\r\nX-Forwarded-For: 10.9." +
         std::to_string(n / 250 % 250) + "." + std::to_string(n % 250) + "\r\n\r\n";
}

// One thread's part of a shard.
class Worker {
 public:
  Worker(sites::Site& site, unsigned stream) : site_(site), stream_(stream) {
    for (std::size_t first = 0; first < kVisitors; first += kPass) {
      std::string& pass = passes_.emplace_back();
      for (std::size_t n = first; n < first + kPass; ++n) pass += request_of(n);
    }
  }

  // A pass; answers how many hits that was.
  std::size_t turn() {
    candidates_.clear();
    arena_.clear();
    {
      http::Requests requests = connection_.receive(passes_[at_++ % passes_.size()]);
      while (const http::Request* request = requests.next()) take(*request);
    }
    if (candidates_.empty()) std::abort();
    part_.clear();
    for (const sites::Candidate& candidate : candidates_) part_.push_back(&candidate);
    payload_.clear();
    sites::decide(site_, part_, stream_, payload_, group_);
    journal::encode_block({++sequence_, 0, 0, static_cast<std::uint32_t>(part_.size())}, payload_, 7, block_);
    sites::apply(group_);
    connection_.answered(static_cast<std::uint32_t>(part_.size()));
    return part_.size();
  }

 private:
  void take(const http::Request& request) {
    const auto ping = ingest::parse_native(request, arena_);
    if (!ping) std::abort();
    sites::Candidate& candidate = candidates_.emplace_back();
    candidate.site = &site_;
    candidate.at_s = kNow_s;
    candidate.visitor.value = base::table_hash(request.field(http::Field::x_forwarded_for));
    candidate.counts = candidate.touches_presence = candidate.adds_visitor = true;
    candidate.path = {ping->path, base::table_hash(ping->path)};
  }

  sites::Site& site_;
  const unsigned stream_;
  const http::ParserLimits limits_;
  http::RequestParser parser_{limits_};
  http::Connection connection_{parser_};
  std::vector<std::string> passes_;
  std::size_t at_ = 0;
  ingest::Arena arena_;
  std::vector<sites::Candidate> candidates_;
  std::vector<const sites::Candidate*> part_;
  std::string payload_, block_;
  sites::Group group_;
  std::uint64_t sequence_ = 0;
};

// Each thread has a core of its own, and turns until the time is over; answers what all did in a second.
double rate(unsigned threads, double seconds, const std::function<std::function<std::size_t()>(unsigned)>& worker_of) {
  std::atomic<unsigned> ready{0};
  std::atomic<bool> go{false}, over{false};
  std::vector<std::size_t> done(threads);
  std::vector<std::thread> running;
  for (unsigned i = 0; i < threads; ++i) {
    running.emplace_back([&, i] {
      cpu_set_t core;
      CPU_ZERO(&core);
      CPU_SET(i, &core);
      pthread_setaffinity_np(pthread_self(), sizeof core, &core);
      const std::function<std::size_t()> turn = worker_of(i);
      for (std::size_t n = 0; n < 2 * kVisitors / kPass; ++n) turn();  // all visitors are there
      ready.fetch_add(1);
      while (!go.load(std::memory_order_relaxed)) {
      }
      std::size_t count = 0;
      while (!over.load(std::memory_order_relaxed)) count += turn();
      done[i] = count;
    });
  }
  while (ready.load() < threads) std::this_thread::yield();
  const auto begin = std::chrono::steady_clock::now();
  go.store(true);
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  over.store(true);
  for (std::thread& thread : running) thread.join();
  std::size_t total = 0;
  for (const std::size_t count : done) total += count;
  return static_cast<double>(total) / std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double reckon(unsigned threads, double seconds) {
  return rate(threads, seconds, [](unsigned i) {
    return [x = std::uint64_t{i} + 1]() mutable {
      for (int n = 0; n < 20'000; ++n) x = x * 6'364'136'223'846'793'005U + 1'442'695'040'888'963'407U;
      return std::size_t{1} + (x == 0 ? 1U : 0U);  // so that it is reckoned
    };
  });
}

double hits(unsigned threads, double seconds, bool one_site) {
  std::vector<std::unique_ptr<sites::Site>> sites;
  for (unsigned i = 0; i < threads; ++i)
    sites.push_back(std::make_unique<sites::Site>(sites::SiteId{i + 1}, counting::Limits{}, 300));
  return rate(threads, seconds, [&](unsigned i) {
    auto worker = std::make_shared<Worker>(*sites[one_site ? 0 : i], i);
    return [worker] { return worker->turn(); };
  });
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 1;
  if (seconds <= 0) {
    std::fprintf(stderr, "usage: shards SECONDS (more than 0)\n");
    return 2;
  }
  for (const unsigned threads : {1U, 2U}) {
    std::printf("loop %u %.0f\n", threads, reckon(threads, seconds));
    std::printf("one_site %u %.0f\n", threads, hits(threads, seconds, true));
    std::printf("own_sites %u %.0f\n", threads, hits(threads, seconds, false));
  }
  return 0;
}
