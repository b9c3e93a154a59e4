// SPDX-License-Identifier: Apache-2.0
// How hits are written into the body of POST /v1/hits: the one place that knows the encoding. Items are put one behind
// another; a batch can be cut between any two. Here: NDJSON, one JSON object a line.
// Tested by tests/unit/client_cpp/hit_encoder_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "footfall/client.h"

namespace footfall::client {

inline constexpr std::string_view kBatchContentType = "application/x-ndjson";

// Appends one item. What is empty is left out, and the time where `time_s` is Hit::kNow: the daemon takes its own.
void append_hit(std::string& body, const Hit& hit, std::int64_t time_s);

// Times within these take the same room. 2001 to 2286.
inline constexpr std::int64_t kStampMin = 1'000'000'000;
inline constexpr std::int64_t kStampMax = 9'999'999'999;
// Adds to the time of the item that ends at `end`; what comes out is kept within the bounds. REQUIRES: so is it now.
void move_time(std::string& body, std::size_t end, std::int64_t by_s);

}  // namespace footfall::client
