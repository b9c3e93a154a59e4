// SPDX-License-Identifier: Apache-2.0
// What POST /v1/hits says in the bodies of its answers. The one file with a JSON parser in it is batch_answer.cc.
// Tested by tests/unit/client_cpp/batch_answer_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace footfall::client {

// The name under which rejected items come that the answer does not list.
inline constexpr std::string_view kUnlisted = "unlisted";

struct BatchAnswer {
  std::uint64_t accepted = 0, bots = 0, rejected = 0;
  std::map<std::string, std::uint64_t> reasons;  // reason -> rejected items; adds up to `rejected`
};

// Reads a 200's body. False: it is none.
bool read_batch_answer(std::string_view json, BatchAnswer& answer);

struct Problem {
  std::string type;    // the last part of the type: "wrong-node"; empty: it is no problem object
  std::string detail;  // for people
};
Problem read_problem(std::string_view json);

}  // namespace footfall::client
