// SPDX-License-Identifier: Apache-2.0
// read_answer: the first HTTP/1.1 answer in the bytes that have come so far; a function of them alone, called again
// when there are more. Interim answers (1xx) are passed over.
//
//   bytes: [ answer 1 | answer 2 | begin of ans ]      read -> complete, size = that of answer 1
//
// Cost: one search for the end of the head and one look at each of its lines.
// Tested by tests/unit/client_cpp/answer_reader_test.cc, also byte by byte.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace footfall::client {

// Views point into the bytes that were read.
struct Answer {
  unsigned status = 0;
  std::string_view head;  // the lines after the first, each with its end
  std::string_view body;  // of a chunked answer: in `joined`
  std::size_t size = 0;   // of all of it
  bool keep_alive = true;
  std::string joined;

  // A field's value, without blanks around it; empty: it is not there. `name` in lower case.
  std::string_view field(std::string_view name) const;
};

inline constexpr std::size_t kAnswerHeadMax = std::size_t{64} << 10U;
inline constexpr std::size_t kAnswerBodyMax = std::size_t{64} << 20U;

enum class Read { more, complete, malformed };

// `ended`: no more bytes will come, which ends a body that has no other end.
Read read_answer(std::string_view bytes, bool ended, Answer& answer);

}  // namespace footfall::client
