// SPDX-License-Identifier: Apache-2.0
// Batches: POST /v1/hits, here as NDJSON: one item a line.
//
//   {"site":"example.vn","path":"/p","ref":"https://...","kind":"pageview","name":"","time":1448323200,
//    "address":"192.0.2.1","agent":"Mozilla/5.0 ...","visitor":"<any text>"}
//
// time (UTC seconds, or RFC 3339; fractions are dropped), address, agent and visitor count only with a token of scope
// `ingest`. `visitor` stands for address and agent where a log has neither. The other keys are those of the native
// dialect. Whether a time is acceptable, the caller judges.
//
// Cost: a line is parsed where it lies; its strings are copied into the arena.
// Tested by tests/unit/ingest/batch_test.cc; fuzzed by tests/fuzz/batch_fuzz.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "ingest/arena.h"
#include "ingest/client_address.h"
#include "ingest/ping.h"

namespace footfall::ingest {

inline constexpr std::size_t kBatchLineMax = 64U << 10U;

struct Item {
  Ping ping;
  std::int64_t at_s = INT64_MIN;  // INT64_MIN: now. Within the years 0 to 9999
  bool has_address = false;
  Address address;
  std::string_view agent;    // in the arena
  std::string_view visitor;  // in the arena; empty: none
};

// Calls `each(index, item)` for each good line and `bad(index, reason)` for each other, in order; the index counts the
// lines that are not blank, from 0. Lines end with \n or \r\n, the last one also with the end of the body. The item's
// views live as long as the arena, the reason as long as the call.
void parse_ndjson(std::string_view body, Arena& arena, const std::function<void(std::size_t, const Item&)>& each,
                  const std::function<void(std::size_t, std::string_view)>& bad);

}  // namespace footfall::ingest
