// SPDX-License-Identifier: Apache-2.0
#include "lookup/tzif.h"

#include <algorithm>
#include <array>
#include <optional>

namespace footfall::lookup {
namespace {

constexpr std::int64_t kDaySeconds = 86'400;
constexpr std::int32_t kOffsetMax = 26 * 3600;  // RFC 8536 section 3.2: offsets lie within -25 h and +26 h

// Big-endian integers from a view; past the end it fails for good and gives zeros.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  std::string_view raw(std::uint64_t size) {
    if (size > rest_.size()) {
      failed_ = true;
      rest_ = {};
      return {};
    }
    const std::string_view out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return out;
  }
  std::uint64_t big_endian(unsigned size) {
    std::uint64_t out = 0;
    for (const char c : raw(size)) out = out << 8U | static_cast<std::uint8_t>(c);
    return out;
  }
  std::uint8_t u8() { return static_cast<std::uint8_t>(big_endian(1)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(big_endian(4)); }
  std::int64_t time(unsigned size) {
    const std::uint64_t out = big_endian(size);
    return size == 4 ? static_cast<std::int32_t>(static_cast<std::uint32_t>(out)) : static_cast<std::int64_t>(out);
  }
  bool failed() const { return failed_; }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

struct Header {
  char version = 0;
  std::uint32_t isutcnt = 0, isstdcnt = 0, leapcnt = 0, timecnt = 0, typecnt = 0, charcnt = 0;
  std::uint64_t block_size(unsigned time_size) const {
    return std::uint64_t{timecnt} * (time_size + 1) + std::uint64_t{typecnt} * 6 + charcnt +
           std::uint64_t{leapcnt} * (time_size + 4) + isstdcnt + isutcnt;
  }
};

bool read_header(Reader& in, Header& header) {
  if (in.raw(4) != "TZif") return false;
  header.version = static_cast<char>(in.u8());
  in.raw(15);
  for (std::uint32_t* count :
       {&header.isutcnt, &header.isstdcnt, &header.leapcnt, &header.timecnt, &header.typecnt, &header.charcnt}) {
    *count = in.u32();
  }
  return !in.failed();
}

bool leap_year(int year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

// Days since 1970-01-01 of a date of the proleptic Gregorian calendar, for the years that a rule is unrolled over.
std::int64_t days_of(int year, int month, int day) {
  static constexpr std::array<int, 12> kBefore = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
  const int y = year - 1;
  const std::int64_t to_year =
      std::int64_t{365} * (year - 1970) + (y / 4 - y / 100 + y / 400) - (1969 / 4 - 1969 / 100 + 1969 / 400);
  return to_year + kBefore[static_cast<std::size_t>(month - 1)] + (month > 2 && leap_year(year) ? 1 : 0) + day - 1;
}

// The footer: a POSIX TZ string with RFC 8536's wider range of hours.
class PosixRule {
 public:
  static std::optional<PosixRule> parse(std::string_view text) {
    PosixRule rule;
    rule.rest_ = text;
    if (!rule.name() || !rule.time(rule.standard_s_, 24)) return {};
    rule.standard_s_ = -rule.standard_s_;  // POSIX counts west of Greenwich
    if (rule.rest_.empty()) return rule;
    rule.has_daylight_ = true;
    if (!rule.name()) return {};
    rule.daylight_s_ = rule.standard_s_ + 3600;
    if (!rule.rest_.empty() && rule.rest_.front() != ',') {
      if (!rule.time(rule.daylight_s_, 24)) return {};
      rule.daylight_s_ = -rule.daylight_s_;
    }
    if (!rule.date(rule.begin_) || !rule.date(rule.end_) || !rule.rest_.empty()) return {};
    return rule;
  }

  struct Transition {
    std::int64_t at_s;
    std::int32_t offset_s;
  };
  // Both transitions of the years year_min to year_max, in order; none for a rule without daylight saving.
  std::vector<Transition> unroll(int year_min, int year_max) const {
    std::vector<Transition> out;
    if (!has_daylight_) return out;
    for (int year = year_min; year <= year_max; ++year) {
      out.push_back({begin_.local_s(year) - standard_s_, daylight_s_});
      out.push_back({end_.local_s(year) - daylight_s_, standard_s_});
    }
    std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.at_s < b.at_s; });
    return out;
  }
  bool has_daylight() const { return has_daylight_; }
  std::int32_t standard_s() const { return standard_s_; }

 private:
  struct Date {
    char form = 'M';  // 'J': day 1..365 without 29 February, '0': day 0..365, 'M': month, week, weekday
    int month = 1, week = 1, day = 0;
    std::int32_t time_s = 2 * 3600;

    // Seconds since 1970 on the local clock that runs before the transition.
    std::int64_t local_s(int year) const {
      std::int64_t date = 0;
      if (form == 'J') {
        date = days_of(year, 1, 1) + day - 1 + (leap_year(year) && day >= 60 ? 1 : 0);
      } else if (form == '0') {
        date = days_of(year, 1, 1) + day;
      } else {
        const std::int64_t first = days_of(year, month, 1);
        const auto weekday = (first % 7 + 7 + 4) % 7;  // 1970-01-01 was a Thursday
        date = first + (day - weekday + 7) % 7 + std::int64_t{7} * (week - 1);
        const std::int64_t next_month = month == 12 ? days_of(year + 1, 1, 1) : days_of(year, month + 1, 1);
        if (date >= next_month) date -= 7;  // week 5 is the last one, be it the fourth
      }
      return date * kDaySeconds + time_s;
    }
  };

  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool number(int& out, int max) {
    int value = 0;
    std::size_t digits = 0;
    while (!rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9' && digits < 4) {
      value = value * 10 + (rest_.front() - '0');
      rest_.remove_prefix(1);
      ++digits;
    }
    out = value;
    return digits > 0 && value <= max;
  }
  bool name() {
    if (take('<')) {
      const auto end = rest_.find('>');
      if (end == std::string_view::npos) return false;
      rest_.remove_prefix(end + 1);
      return true;
    }
    std::size_t size = 0;
    while (size < rest_.size() && ((rest_[size] | 0x20) >= 'a' && (rest_[size] | 0x20) <= 'z')) ++size;
    rest_.remove_prefix(size);
    return size >= 3;
  }
  // [+-]hh[:mm[:ss]]
  bool time(std::int32_t& out, int hours_max) {
    const bool negative = take('-');
    if (!negative) take('+');
    int hours = 0, minutes = 0, seconds = 0;
    if (!number(hours, hours_max)) return false;
    if (take(':') && (!number(minutes, 59) || (take(':') && !number(seconds, 59)))) return false;
    const int total = (hours * 60 + minutes) * 60 + seconds;
    out = negative ? -total : total;
    return true;
  }
  bool date(Date& out) {
    if (!take(',')) return false;
    if (take('M')) {
      out.form = 'M';
      if (!number(out.month, 12) || !take('.') || !number(out.week, 5) || !take('.') || !number(out.day, 6))
        return false;
      if (out.month < 1 || out.week < 1) return false;
    } else {
      out.form = take('J') ? 'J' : '0';
      if (!number(out.day, 365) || (out.form == 'J' && out.day < 1)) return false;
    }
    return !take('/') || time(out.time_s, 167);
  }

  std::string_view rest_;  // only while parsing
  bool has_daylight_ = false;
  std::int32_t standard_s_ = 0, daylight_s_ = 0;
  Date begin_, end_;
};

base::Error malformed(std::string_view what) {
  return {base::Errc::malformed, "time zone file: " + std::string(what)};
}

// Appends a span that begins at from_s, unless the offset stays as it is.
void begin_span(std::vector<OffsetSpan>& spans, std::int64_t from_s, std::int32_t offset_s) {
  if (spans.back().offset_s == offset_s) return;
  spans.back().until_s = from_s;
  spans.push_back({from_s, INT64_MAX, offset_s});
}

// About; for times between 1770 and 2370.
int year_of(std::int64_t utc_s) {
  return static_cast<int>(1970 + std::clamp<std::int64_t>(utc_s / 31'556'952, -200, 400));
}

}  // namespace

base::Result<std::vector<OffsetSpan>> parse_tzif(std::string_view bytes, int year_max) {
  Reader in(bytes);
  Header header;
  if (!read_header(in, header)) return malformed("it does not begin with a TZif header");
  unsigned time_size = 4;
  if (header.version >= '2') {
    in.raw(header.block_size(4));
    if (!read_header(in, header)) return malformed("the second header is missing");
    time_size = 8;
  }
  if (header.leapcnt != 0) return malformed("it counts leap seconds; UTC without them is needed");
  if (header.typecnt == 0 || header.typecnt > 256) return malformed("it defines no local time");

  const std::string_view time_bytes = in.raw(std::uint64_t{header.timecnt} * time_size);
  const std::string_view type_of = in.raw(header.timecnt);
  const std::string_view type_bytes = in.raw(std::uint64_t{header.typecnt} * 6);
  in.raw(std::uint64_t{header.charcnt} + header.isstdcnt + header.isutcnt);
  if (in.failed()) return malformed("it ends too early");

  std::vector<std::int32_t> offsets;  // type -> offset
  for (Reader types(type_bytes); offsets.size() < header.typecnt;) {
    const auto offset_s = static_cast<std::int32_t>(types.u32());
    types.raw(2);
    if (offset_s < -kOffsetMax || offset_s > kOffsetMax) return malformed("an offset is out of range");
    offsets.push_back(offset_s);
  }

  std::vector<OffsetSpan> spans{{INT64_MIN, INT64_MAX, offsets[0]}};
  Reader times(time_bytes);
  std::int64_t last_s = INT64_MIN;
  for (std::uint32_t i = 0; i < header.timecnt; ++i) {
    const std::int64_t at_s = times.time(time_size);
    const auto type = static_cast<std::uint8_t>(type_of[i]);
    if (type >= offsets.size()) return malformed("a transition names a local time that is not defined");
    if (i > 0 && at_s <= last_s) return malformed("transitions are out of order");
    last_s = at_s;
    begin_span(spans, at_s, offsets[type]);
  }
  if (time_size == 4) return spans;

  std::string_view footer = in.rest();
  if (footer.empty() || footer.front() != '\n') return malformed("the footer is missing");
  footer.remove_prefix(1);
  const auto end = footer.find('\n');
  if (end == std::string_view::npos) return malformed("the footer has no end");
  footer = footer.substr(0, end);
  if (footer.empty()) return spans;  // no rule is known for the time behind the last transition
  const auto rule = PosixRule::parse(footer);
  if (!rule) return malformed("the rule in the footer cannot be read");
  if (!rule->has_daylight() && header.timecnt == 0) spans.back().offset_s = rule->standard_s();
  if (!rule->has_daylight()) return spans;
  // The year before, too: a file without transitions gets its daylight saving from the rule alone.
  const int year_min = header.timecnt == 0 ? 1969 : std::max(1900, year_of(last_s) - 1);
  for (const auto& transition : rule->unroll(year_min, year_max)) {
    if (header.timecnt == 0 || transition.at_s > last_s) begin_span(spans, transition.at_s, transition.offset_s);
  }
  return spans;
}

}  // namespace footfall::lookup
