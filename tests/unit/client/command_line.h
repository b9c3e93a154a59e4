// SPDX-License-Identifier: Apache-2.0
// The whole program in a test: words in, exit code and both outputs back.
#pragma once

#include <sstream>
#include <string>
#include <vector>

#include "cli/command.h"

namespace footfall::cli {

struct Ran {
  int code = 0;
  std::string out, err;
};

inline Ran footfall(std::vector<std::string> words) {
  words.insert(words.begin(), "footfall");
  std::vector<const char*> argv;
  argv.reserve(words.size());
  for (const std::string& word : words) argv.push_back(word.c_str());
  std::ostringstream out;
  std::ostringstream err;
  Terminal terminal{out, err, false, "footfall ..."};
  const int code = run(static_cast<int>(argv.size()), argv.data(), terminal);
  return {code, out.str(), err.str()};
}

}  // namespace footfall::cli
