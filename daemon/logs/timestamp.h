// SPDX-License-Identifier: Apache-2.0
// Times as servers write them, to UTC seconds.
//
//   local     17/May/2015:08:05:32 +0000    26 bytes; Apache's %t, nginx's $time_local
//   iso 8601  2015-05-17T08:05:32+00:00     also with "Z", a fraction, or a space for the "T"
//   seconds   1431849932.123                nginx's $msec; the fraction is cut off
//
// A leap second (:60) is the second after it. Offsets are taken as written: their hours have no upper bound, as in no
// server's grammar either. LocalTimeReader remembers the last date and offset, so that an ordinary line costs six
// digits. Tested by tests/unit/logs/timestamp_test.cc against the C library's timegm().
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace footfall::logs {

struct Instant {
  std::int64_t utc_s = 0;
  std::int32_t offset_s = 0;
};

// no_match: not the grammar. bad_value: the grammar, but no such day or hour.
enum class TimeFit { no_match, bad_value, good };

// The first and the last second of the years 1 to 9999: no log is older or newer.
inline constexpr std::int64_t kFirstSecond = -62'135'596'800;
inline constexpr std::int64_t kLastSecond = 253'402'300'799;

// Days since 1970-01-01 of the proleptic Gregorian calendar (Hinnant, "chrono-compatible low-level date algorithms");
// false if there is no such day. Years 1 to 9999.
bool days_from_date(unsigned year, unsigned month, unsigned day, std::int64_t& days);

class LocalTimeReader {
 public:
  static constexpr std::size_t kSize = 26;

  // REQUIRES: kSize bytes at `text`.
  TimeFit read(const char* text, Instant& out) {
    if (same(text, 0, 12) && same(text, 20, 6) && clock_shape(text)) [[likely]]
      return read_clock(text, out);
    return read_slow(text, out);
  }

 private:
  bool same(const char* text, std::size_t from, std::size_t size) const {
    return __builtin_memcmp(text + from, last_.data() + from, size) == 0;
  }
  static bool clock_shape(const char* text);
  TimeFit read_clock(const char* text, Instant& out) const;
  TimeFit read_slow(const char* text, Instant& out);

  // Its date and offset are good. To begin with a byte that no line holds.
  std::array<char, kSize> last_{'\n', '\n'};
  std::int64_t midnight_s_ = 0;  // UTC second at which last_'s day begins
  std::int32_t offset_s_ = 0;
};

// Reads one from the front of `text`; `size` is how many bytes it takes.
TimeFit read_iso_time(std::string_view text, Instant& out, std::size_t& size);
TimeFit read_seconds(std::string_view text, Instant& out, std::size_t& size);

}  // namespace footfall::logs
