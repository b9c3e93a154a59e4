// SPDX-License-Identifier: Apache-2.0
// The standard process_* metrics, from /proc/self.
// Tested by tests/unit/metrics/process_test.cc.
#pragma once

#include <cstdint>
#include <string_view>

namespace footfall::metrics {

struct ProcessFacts {
  double cpu_seconds = 0;         // user and system
  double start_time_seconds = 0;  // UTC
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t open_fds = 0;
  std::uint64_t max_fds = 0;  // 0: unknown
  std::uint64_t threads = 0;
};
// The first call opens what the later ones need: from then on it works without a free descriptor.
ProcessFacts read_process();

// From the text of /proc/self/stat and the kernel's `btime`; zeros where the text is not understood.
ProcessFacts parse_stat(std::string_view stat, std::uint64_t boot_time_s, std::uint64_t ticks_per_second,
                        std::uint64_t page_bytes);

}  // namespace footfall::metrics
