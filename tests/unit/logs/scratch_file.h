// SPDX-License-Identifier: Apache-2.0
// ScratchFile: a file for one test, removed at its end.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

namespace footfall::logs {

class ScratchFile {
 public:
  explicit ScratchFile(std::string_view content) {
    std::string path = ::testing::TempDir() + "footfall-log-XXXXXX";
    const int descriptor = mkstemp(path.data());
    EXPECT_GE(descriptor, 0);
    ::close(descriptor);
    path_ = path;
    std::ofstream(path_, std::ios::binary) << content;
  }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  ~ScratchFile() { std::remove(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace footfall::logs
