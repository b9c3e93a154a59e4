// SPDX-License-Identifier: Apache-2.0
// How what shards do in memory grows from one thread to two: a pass of 64 requests as a shard makes it, without a
// socket and without a disk. Parsed, the client's address taken, metered, its agent looked up, judged, its visitor
// hashed with the salt of the day, decided, made into a block of the journal, applied and answered. Beside it a loop
// that only reckons, which tells what two threads of this machine are worth. shards.py runs it.
//
//   one_site     all of both threads' hits go to one
//   many_sites   to 256 in turn, which both threads hit
//   own_sites    each thread hits one of its own: the two share nothing
//
// One thread and two take turns, the one on either core, so that what else the machine does is not in one of them
// alone. Each thread has its own order of the passes, so that two are not at the same visitors at the same time.
//
//   shards SECONDS RNG_SEED                 prints for each work and number of threads a line: work, threads, hits (or
//                                           turns) a second
//   shards SECONDS RNG_SEED WORK THREADS    that line alone
#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/unordered/unordered_flat_map.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "candidate.h"
#include "counting/site_state.h"
#include "epoch_fields.h"
#include "http/connection.h"
#include "http/response.h"
#include "ingest/arena.h"
#include "ingest/native.h"
#include "ingest/rate_limit.h"
#include "ingest/visitor.h"
#include "journal/format.h"
#include "local_sites.h"
#include "lookup/agents.h"
#include "sites/decide.h"
#include "sites/site.h"

namespace {

using namespace footfall;

constexpr std::size_t kPass = 64, kVisitors = 10'000, kPages = 100, kSites = 256;
constexpr std::int64_t kNow_s = 1'795'000'000;

std::string request_of(std::size_t n, std::string_view site) {
  return "GET /hit.gif?site=" + std::string(site) + "&path=/tin-tuc/bai-" + std::to_string(n % kPages) +
         " HTTP/1.1\r\nHost: stats.bench.example\r\nConnection: keep-alive\r\n"
         "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/" +
         std::to_string(100 + n % 20) +
         ".0.0.0 Safari/537.36\r\nAccept: image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8\r\n"
         "Referer: https://bench.example/\r\nAccept-Encoding: gzip, deflate, br\r\n"
         "Accept-Language: vi-VN,vi;q=0.9,en;q=0.8\r\nX-Forwarded-For: 10.9." +
         std::to_string(n / 250 % 250) + "." + std::to_string(n % 250) + "\r\n\r\n";
}

std::string name_of(std::size_t site) {
  return "site-" + std::to_string(site) + ".example";
}

using Sites = std::vector<std::unique_ptr<sites::Site>>;

// One thread's part of a shard.
class Worker {
 public:
  // Hits `count` of the sites from `first` on.
  Worker(const Sites& sites, std::size_t first, std::size_t count, unsigned stream, std::uint64_t rng_seed)
      : stream_(stream), locals_(count) {
    const auto salts = std::make_shared<ingest::SaltKeys>();
    const auto today = static_cast<counting::Day>(kNow_s / 86'400);
    for (counting::Day day = today - 2; day <= today + 2; ++day)
      salts->by_day[day] = {static_cast<std::uint64_t>(day), 7};
    for (std::size_t i = 0; i < count; ++i) {
      LocalSite& local = locals_[i];
      auto settings = std::make_shared<sites::Settings>();
      settings->name = name_of(first + i);
      local.entry.site = sites[first + i].get();
      local.zone = *lookup::TimeZone::find("UTC");
      local.keys = ingest::VisitorKeys(settings->name, local.zone, salts, settings->window_s);
      by_name_[settings->name] = &local;
      local.entry.settings = std::move(settings);
    }
    for (std::size_t begin = 0; begin < kVisitors; begin += kPass) {
      std::string& pass = passes_.emplace_back();
      for (std::size_t n = begin; n < begin + kPass; ++n) pass += request_of(n, name_of(first + n % count));
    }
    std::shuffle(passes_.begin(), passes_.end(), std::mt19937_64(rng_seed + stream));
    ingest::parse_address("127.0.0.1", peer_);
    answers_.set_second(kNow_s);
  }

  // A pass; answers how many hits that was.
  std::size_t turn() {
    candidates_.clear();
    owners_.clear();
    arena_.clear();
    {
      http::Requests requests = connection_.receive(passes_[at_++ % passes_.size()]);
      while (const http::Request* request = requests.next()) take(*request);
    }
    if (candidates_.size() != kPass) std::abort();
    commit();
    out_.clear();
    for (const LocalSite* local : owners_) out_.append(epoch_fields_.gif(local->epoch, answers_, true));
    connection_.answered(static_cast<std::uint32_t>(candidates_.size()));
    return candidates_.size();
  }

 private:
  void take(const http::Request& request) {
    using http::Field;
    const auto ping = ingest::parse_native(request, arena_);
    const auto found = ping ? by_name_.find(ping->site) : by_name_.end();
    if (found == by_name_.end()) std::abort();
    LocalSite& local = *found->second;
    const ingest::ClientAddress client =
        ingest::client_address(peer_, true, request.field(Field::x_forwarded_for), no_proxies_);
    const lookup::AgentCache::Found agent = agents_.find(request.field(Field::user_agent));
    const ingest::Verdict verdict =
        ingest::judge(*ping, *local.entry.settings, agent.agent.bot, false, &client.address);
    if (!rate_limit_.allow(client.address, kNow_s * 1000) || verdict.rejection != ingest::Rejection::none) std::abort();
    owners_.push_back(&local);
    fill(candidates_.emplace_back(), local, *ping, agent.agent, verdict, kNow_s,
         {client.address.bytes.data(), agent.digest});
  }

  void commit() {
    payload_.clear();
    touched_.clear();
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      if (owners_[i]->in_block.empty()) touched_.push_back(owners_[i]);
      owners_[i]->in_block.push_back(&candidates_[i]);
    }
    if (groups_.size() < touched_.size()) groups_.resize(touched_.size());
    for (std::size_t i = 0; i < touched_.size(); ++i) {
      sites::decide(*touched_[i]->entry.site, touched_[i]->in_block, stream_, payload_, groups_[i]);
      touched_[i]->epoch = groups_[i].epoch;
      touched_[i]->in_block.clear();
    }
    journal::encode_block({++sequence_, 0, 0, static_cast<std::uint32_t>(candidates_.size())}, payload_, 7, block_);
    for (std::size_t i = 0; i < touched_.size(); ++i) sites::apply(groups_[i]);
  }

  const unsigned stream_;
  std::vector<LocalSite> locals_;
  boost::unordered_flat_map<std::string_view, LocalSite*, sites::NameHash> by_name_;  // site name -> it
  const http::ParserLimits limits_;
  http::RequestParser parser_{limits_};
  http::Connection connection_{parser_};
  std::vector<std::string> passes_;
  std::size_t at_ = 0;
  ingest::Address peer_;
  const std::vector<ingest::Cidr> no_proxies_;
  ingest::RateLimit rate_limit_{1'000'000'000, 1'000'000'000};
  lookup::AgentCache agents_{lookup::AgentDatabase::load({})};
  ingest::Arena arena_;
  std::vector<sites::Candidate> candidates_;
  std::vector<LocalSite*> owners_, touched_;
  std::string payload_, block_, out_;
  std::vector<sites::Group> groups_;
  http::HitAnswers answers_;
  EpochFields epoch_fields_;
  std::uint64_t sequence_ = 0;
};

using Cores = std::vector<unsigned>;  // thread -> the core that it has for itself

// Each thread turns until the time is over; answers what all did in a second.
double rate(const Cores& cores, double seconds,
            const std::function<std::function<std::size_t()>(unsigned)>& worker_of) {
  const auto threads = static_cast<unsigned>(cores.size());
  std::atomic<unsigned> ready{0};
  std::atomic<bool> go{false}, over{false};
  std::vector<std::size_t> done(threads);
  std::vector<std::thread> running;
  for (unsigned i = 0; i < threads; ++i) {
    running.emplace_back([&, i] {
      cpu_set_t core;
      CPU_ZERO(&core);
      CPU_SET(cores[i], &core);
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

double reckon(const Cores& cores, double seconds) {
  return rate(cores, seconds, [](unsigned i) {
    return [x = std::uint64_t{i} + 1]() mutable {
      for (int n = 0; n < 20'000; ++n) x = x * 6'364'136'223'846'793'005U + 1'442'695'040'888'963'407U;
      return std::size_t{1} + (x == 0 ? 1U : 0U);  // so that it is reckoned
    };
  });
}

// Each thread hits `count` sites; of `own` ones the second thread those behind the first's.
double hits(const Cores& cores, double seconds, std::size_t count, bool own, std::uint64_t rng_seed) {
  Sites sites;
  for (std::size_t i = 0; i < (own ? cores.size() * count : count); ++i)
    sites.push_back(
        std::make_unique<sites::Site>(sites::SiteId{static_cast<std::uint32_t>(i + 1)}, counting::Limits{}, 300));
  return rate(cores, seconds, [&](unsigned i) {
    auto worker = std::make_shared<Worker>(sites, own ? i * count : 0, count, i, rng_seed);
    return [worker] { return worker->turn(); };
  });
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc == 3 || argc == 5 ? std::atof(argv[1]) : 0;
  if (seconds <= 0) {
    std::fprintf(stderr, "usage: shards SECONDS RNG_SEED [WORK THREADS] (SECONDS more than 0)\n");
    return 2;
  }
  const std::uint64_t rng_seed = std::strtoull(argv[2], nullptr, 10);
  const std::string only = argc == 5 ? argv[3] : "", threads_only = argc == 5 ? argv[4] : "";
  const std::array<Cores, 4> turns{{{0}, {0, 1}, {1}, {1, 0}}};  // each number of threads twice
  const std::array<std::pair<const char*, std::function<double(const Cores&, double)>>, 4> works{{
      {"loop", reckon},
      {"one_site", [&](const Cores& cores, double s) { return hits(cores, s, 1, false, rng_seed); }},
      {"many_sites", [&](const Cores& cores, double s) { return hits(cores, s, kSites, false, rng_seed); }},
      {"own_sites", [&](const Cores& cores, double s) { return hits(cores, s, 1, true, rng_seed); }},
  }};
  const auto wanted = [&](std::size_t work, std::size_t threads) {
    return only.empty() || (works.at(work).first == only && std::to_string(threads) == threads_only);
  };
  std::array<std::array<double, 2>, works.size()> rates{};  // work, threads - 1 -> the mean of both turns
  for (const Cores& cores : turns) {
    for (std::size_t work = 0; work < works.size(); ++work) {
      if (wanted(work, cores.size()))
        rates.at(work).at(cores.size() - 1) += works.at(work).second(cores, seconds / 2) / 2;
    }
  }
  bool any = false;
  for (std::size_t work = 0; work < works.size(); ++work) {
    for (const std::size_t threads : {1U, 2U}) {
      if (!wanted(work, threads)) continue;
      std::printf("%s %zu %.0f\n", works.at(work).first, threads, rates.at(work).at(threads - 1));
      any = true;
    }
  }
  if (any) return 0;
  std::fprintf(stderr,
               "shards: there is no work %s with %s threads: 1 and 2 do loop, one_site, many_sites, own_sites\n",
               only.c_str(), threads_only.c_str());
  return 2;
}
