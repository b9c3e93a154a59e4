// SPDX-License-Identifier: Apache-2.0
// Progress: a bar on standard error while long work goes on, if that is a terminal; erased at the end.
//
//     [=========>                    ]  31 %   1,204,000 lines
//
// Drawn at most ten times a second.
#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>

namespace footfall::cli {

class Progress {
 public:
  Progress(std::ostream& err, bool shown) : err_(err), shown_(shown) {}
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { clear(); }

  // Cheap enough for each line. `total` 0: not known.
  void update(std::uint64_t done, std::uint64_t total, std::uint64_t lines) {
    if (shown_ && lines % 4096 == 0) draw(done, total, lines);
  }
  // Before anything else is written to the terminal.
  void clear();

 private:
  void draw(std::uint64_t done, std::uint64_t total, std::uint64_t lines);

  std::ostream& err_;
  bool shown_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point last_{};
};

}  // namespace footfall::cli
