// SPDX-License-Identifier: Apache-2.0
// What is drawn or written for people, kept in tests/unit/api/golden/ to be looked at:
//   FOOTFALL_GOLDEN_WRITE=1 build/release/tests/unit/api/api_test --gtest_filter='Widget*'
// writes them anew.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

namespace footfall::api {

inline void expect_golden(const std::string& name, const std::string& text) {
  const std::string path = std::string(FOOTFALL_GOLDEN) + "/" + name;
  if (std::getenv("FOOTFALL_GOLDEN_WRITE") != nullptr) std::ofstream(path, std::ios::binary) << text;
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  EXPECT_EQ(text, std::string(std::istreambuf_iterator<char>(file), {})) << name;
}

}  // namespace footfall::api
