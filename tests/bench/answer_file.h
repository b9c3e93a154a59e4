// SPDX-License-Identifier: Apache-2.0
// The answer of a yardstick: what footfalld was heard to say, from a file that a script wrote (side_by_side.py,
// keep_answer), so that both always send the same bytes.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

// All of it; ends the program where there is none.
inline std::string answer_of(const char* path) {
  std::ifstream file(path, std::ios::binary);
  std::string answer((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!answer.starts_with("HTTP/1.1 ")) {
    std::fprintf(stderr, "%s: no answer\n", path);
    std::exit(1);
  }
  return answer;
}
