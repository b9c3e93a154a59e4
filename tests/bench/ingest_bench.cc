// SPDX-License-Identifier: Apache-2.0
// What a ping costs before it is decided, part by part: parsing, address, agent, rate, visitor. And a line of a batch.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>

#include "base/hash.h"
#include "ingest/batch_reader.h"
#include "ingest/native.h"
#include "ingest/rate_limit.h"
#include "ingest/visitor.h"
#include "lookup/agents.h"

namespace {

using namespace footfall;
using http::Field;

constexpr std::string_view kAgent =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";
constexpr std::int64_t kNow_s = 1'795'000'000;

http::Request request_of(std::string_view query) {
  http::Request request;
  request.method = http::Method::get;
  request.path = "/hit";
  request.query = query;
  const auto header = [&request](Field field, std::string_view value) {
    request.fields[static_cast<std::size_t>(field)] = value;
    request.present |= 1U << static_cast<unsigned>(field);
  };
  header(Field::user_agent, kAgent);
  header(Field::referer, "https://example.vn/");
  return request;
}

void parse(benchmark::State& state, const http::Request& request) {
  ingest::Arena arena;
  for (auto _ : state) {
    benchmark::DoNotOptimize(ingest::parse_native(request, arena));
    arena.clear();
  }
}
void BM_ParseShort(benchmark::State& state) {
  parse(state, request_of("site=example.vn&path=/tin-tuc/bai-viet-12345"));
}
void BM_ParseLong(benchmark::State& state) {
  parse(state, request_of("site=example.vn&path=%2Ftin-tuc%2Fb%C3%A0i%2F%3Futm_campaign%3DTet&ref=https%3A%2F%2Fwww."
                          "google.com%2F&title=B%C3%A0i+vi%E1%BA%BFt"));
}
void BM_ParseJson(benchmark::State& state) {
  http::Request request = request_of("");
  request.method = http::Method::post;
  request.body =
      R"({"site":"example.vn","path":"/tin-tuc/bai-viet-12345","ref":"https://www.google.com/","title":"Bai viet"})";
  parse(state, request);
}
BENCHMARK(BM_ParseShort);
BENCHMARK(BM_ParseLong);
BENCHMARK(BM_ParseJson);

void BM_ClientAddress(benchmark::State& state) {
  ingest::Address peer;
  ingest::parse_address("127.0.0.1", peer);
  const std::vector<ingest::Cidr> none;
  for (auto _ : state) benchmark::DoNotOptimize(ingest::client_address(peer, true, "203.0.113.9", none));
}
BENCHMARK(BM_ClientAddress);

void BM_RateLimit(benchmark::State& state) {
  ingest::RateLimit limit(1'000'000, 1'000'000);
  ingest::Address client;
  client.bytes[0] = 0x20;
  std::int64_t now_ms = kNow_s * 1000;
  for (auto _ : state) {
    client.bytes[7] = static_cast<std::uint8_t>(client.bytes[7] + 1);
    benchmark::DoNotOptimize(limit.allow(client, ++now_ms));
  }
}
BENCHMARK(BM_RateLimit);

// range: 0 in the middle of the day, 1 in the window after midnight, when there are two ids.
void BM_Visitor(benchmark::State& state) {
  const auto salts = std::make_shared<ingest::SaltKeys>();
  for (counting::Day day = 20'770; day < 20'780; ++day) salts->by_day[day] = {static_cast<std::uint64_t>(day), 7};
  ingest::VisitorKeys keys("example.vn", *lookup::TimeZone::find("UTC"), salts, 300);
  const std::int64_t at_s = std::int64_t{20'775} * 86'400 + (state.range(0) == 1 ? 10 : 40'000);
  ingest::Address client;
  for (auto _ : state) {
    ++client.bytes[0];
    const ingest::DayKeys& day = keys.at(at_s);
    benchmark::DoNotOptimize(day.visitor(client.bytes.data(), kAgent));
    benchmark::DoNotOptimize(day.moved_from(at_s, client.bytes.data(), kAgent));
  }
}
BENCHMARK(BM_Visitor)->Arg(0)->Arg(1);

void BM_AgentCached(benchmark::State& state) {
  lookup::AgentCache cache(lookup::AgentDatabase::load({}));
  for (auto _ : state) benchmark::DoNotOptimize(cache.find(kAgent));
}
void BM_AgentClassified(benchmark::State& state) {
  const auto database = lookup::AgentDatabase::load({});
  for (auto _ : state) benchmark::DoNotOptimize(database->classify(kAgent));
}
void BM_AgentsLoaded(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(lookup::AgentDatabase::load({}));
}
BENCHMARK(BM_AgentCached);
BENCHMARK(BM_AgentClassified);
BENCHMARK(BM_AgentsLoaded)->Unit(benchmark::kMillisecond);

// A batch of a thousand, read as it would arrive at once.
void read_batches(benchmark::State& state, ingest::BatchFormat format, const std::string& body) {
  ingest::BatchReader reader;
  std::size_t items = 0;
  for (auto _ : state) {
    reader.begin(format, false);
    reader.take(body);
    reader.finish();
    items += reader.good();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(items));
}
void BM_BatchLines(benchmark::State& state) {
  std::string body;
  for (int i = 0; i < 1000; ++i) {
    body += R"({"site":"example.vn","path":"/p)" + std::to_string(i) +
            R"(","ref":"https://www.google.com/","time":1448323200,"address":"192.0.2.)" + std::to_string(i % 250) +
            R"(","agent":")" + std::string(kAgent) + "\"}\n";
  }
  read_batches(state, ingest::BatchFormat::ndjson, body);
}
void BM_BatchMessages(benchmark::State& state) {
  const auto field = [](int number, std::string_view text) {
    std::string out(1, static_cast<char>(number << 3 | 2));
    if (text.size() > 127) out += static_cast<char>(text.size() | 0x80);
    out += static_cast<char>(text.size() > 127 ? text.size() >> 7U : text.size());
    return out.append(text);
  };
  std::string body = field(1, "example.vn");
  for (int i = 0; i < 1000; ++i) {
    body += field(2, field(2, "/p" + std::to_string(i)) + field(4, "https://www.google.com/") +
                         std::string("\x38\x80\xd9\xce\xb2\x05", 6) +
                         field(8, std::string("\xc0\x00\x02", 3) + static_cast<char>(i % 250)) + field(9, kAgent));
  }
  read_batches(state, ingest::BatchFormat::protobuf, body);
}
BENCHMARK(BM_BatchLines);
BENCHMARK(BM_BatchMessages);

}  // namespace

BENCHMARK_MAIN();
