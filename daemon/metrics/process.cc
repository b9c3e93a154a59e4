// SPDX-License-Identifier: Apache-2.0
#include "metrics/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <string>

namespace footfall::metrics {

namespace {

std::uint64_t number_of(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// The kernel's `btime`, without a file: a service may see no other part of /proc than its own (ProcSubset=pid).
std::uint64_t boot_time_s() {
  timespec wall{}, since_boot{};
  clock_gettime(CLOCK_REALTIME, &wall);
  clock_gettime(CLOCK_BOOTTIME, &since_boot);
  const std::int64_t boot_s = wall.tv_sec - since_boot.tv_sec - (wall.tv_nsec < since_boot.tv_nsec ? 1 : 0);
  return static_cast<std::uint64_t>(std::max<std::int64_t>(boot_s, 0));
}

// Kept open, since a process that is out of descriptors is just the one to look at.
std::string stat_of_self() {
  static const int file = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  std::array<char, 4096> text{};
  const ssize_t length = pread(file, text.data(), text.size(), 0);
  return {text.data(), length > 0 ? static_cast<std::size_t>(length) : 0};
}

std::uint64_t count_open_fds(std::uint64_t max_fds) {
  DIR* const directory = opendir("/proc/self/fd");
  if (directory == nullptr) return errno == EMFILE ? max_fds : 0;
  std::uint64_t entries = 0;
  while (readdir(directory) != nullptr) ++entries;
  closedir(directory);
  return entries > 3 ? entries - 3 : 0;  // ".", ".." and the directory itself
}

std::uint64_t configured(int name) {
  const long value = sysconf(name);
  return value > 0 ? static_cast<std::uint64_t>(value) : 0;
}

}  // namespace

ProcessFacts parse_stat(std::string_view stat, std::uint64_t boot_time_s, std::uint64_t ticks_per_second,
                        std::uint64_t page_bytes) {
  ProcessFacts facts;
  // "pid (name) state ppid ...": the name may hold anything, so the fields are counted from the last bracket.
  const std::size_t bracket = stat.rfind(')');
  if (bracket == std::string_view::npos || ticks_per_second == 0) return facts;
  std::string_view rest = stat.substr(bracket + 1);
  std::array<std::uint64_t, 25> fields{};  // proc(5)'s numbers: field 3 is the state
  std::size_t field = 3;
  while (field < fields.size()) {
    const std::size_t begin = rest.find_first_not_of(' ');
    if (begin == std::string_view::npos) return facts;
    rest.remove_prefix(begin);
    const std::size_t end = rest.find(' ');
    fields.at(field++) = number_of(rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end);
  }
  const auto ticks = static_cast<double>(ticks_per_second);
  facts.cpu_seconds = static_cast<double>(fields[14] + fields[15]) / ticks;
  facts.threads = fields[20];
  facts.start_time_seconds = static_cast<double>(boot_time_s) + static_cast<double>(fields[22]) / ticks;
  facts.virtual_bytes = fields[23];
  facts.resident_bytes = fields[24] * page_bytes;
  return facts;
}

ProcessFacts read_process() {
  static const std::uint64_t booted_s = boot_time_s();
  ProcessFacts facts = parse_stat(stat_of_self(), booted_s, configured(_SC_CLK_TCK), configured(_SC_PAGESIZE));
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) facts.max_fds = limit.rlim_cur;
  facts.open_fds = count_open_fds(facts.max_fds);
  return facts;
}

}  // namespace footfall::metrics
