// SPDX-License-Identifier: Apache-2.0
#include "cli/progress.h"

#include <algorithm>
#include <ostream>
#include <string>

#include "cli/text.h"

namespace footfall::cli {

void Progress::draw(std::uint64_t done, std::uint64_t total, std::uint64_t lines) {
  const auto now = std::chrono::steady_clock::now();
  if (now - last_ < std::chrono::milliseconds(100)) return;
  last_ = now;
  drawn_ = true;
  std::string bar;
  if (total > 0) {
    constexpr std::size_t kWidth = 30;
    const double part = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
    const auto full = static_cast<std::size_t>(part * kWidth);
    bar = "[" + std::string(full, '=') + (full < kWidth ? ">" + std::string(kWidth - full - 1, ' ') : "") + "] " +
          std::to_string(static_cast<int>(part * 100)) + " %  ";
  }
  err_ << "\r\x1b[K" << bar << grouped(lines) << " lines" << std::flush;
}

void Progress::clear() {
  if (drawn_) err_ << "\r\x1b[K" << std::flush;
  drawn_ = false;
}

}  // namespace footfall::cli
