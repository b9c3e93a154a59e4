// SPDX-License-Identifier: Apache-2.0
#include "ingest/batch.h"

#include <charconv>

#include "ingest/fields.h"
#include "ingest/native.h"
#include "ingest/rfc3339.h"

namespace footfall::ingest {
namespace {

constexpr std::int64_t kTimeMin = -62'167'219'200;  // 0000-01-01
constexpr std::int64_t kTimeMax = 253'402'300'799;  // 9999-12-31, its last second

// "1448323200", "1448323200.25", or RFC 3339.
bool parse_time(std::string_view text, std::int64_t& at_s) {
  const char* const end = text.data() + text.size();
  auto [next, error] = std::from_chars(text.data(), end, at_s);
  if (error == std::errc() && next != end && *next == '.' && end - next > 1) {
    const std::string_view fraction(next + 1, static_cast<std::size_t>(end - next - 1));
    const bool digits = fraction.find_first_not_of("0123456789") == std::string_view::npos;
    // Down, as everywhere: half a second before 1970 lies in second -1.
    if (digits && text.front() == '-' && fraction.find_first_not_of('0') != std::string_view::npos) --at_s;
    if (digits) next = end;
  }
  if (error != std::errc() || next != end) {
    if (!parse_rfc3339(text, at_s)) return false;
  }
  return at_s >= kTimeMin && at_s <= kTimeMax;
}

base::Result<void> read_item(const Fields& fields, Arena& arena, Item& item) {
  const auto malformed = [](std::string_view what) { return base::Error{base::Errc::malformed, std::string(what)}; };
  if (const auto read = read_ping(fields, arena, item.ping); !read) return read.error();
  if (const std::string_view time = fields[Key::time]; !time.empty() && !parse_time(time, item.at_s)) {
    return malformed("time: UTC seconds, or 2015-05-28T23:05:56Z");
  }
  if (const std::string_view address = fields[Key::address]; !address.empty()) {
    if (!parse_address(address, item.address)) return malformed("address: not an IPv4 or IPv6 address");
    item.has_address = true;
  }
  item.agent = fields[Key::agent];
  item.visitor = fields[Key::visitor];
  return {};
}

}  // namespace

void parse_ndjson(std::string_view body, Arena& arena, const std::function<void(std::size_t, const Item&)>& each,
                  const std::function<void(std::size_t, std::string_view)>& bad) {
  std::size_t index = 0;
  while (!body.empty()) {
    std::string_view line = body.substr(0, body.find('\n'));
    const std::size_t readable = body.size();  // what follows serves as the parser's padding
    body.remove_prefix(line.size() == body.size() ? body.size() : line.size() + 1);
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    if (line.size() > kBatchLineMax) {
      bad(index++, "longer than 64 KiB");
      continue;
    }
    Fields fields;
    Item item;
    auto read = read_json(line, readable, arena, fields);
    if (read) read = read_item(fields, arena, item);
    if (read) {
      each(index++, item);
    } else {
      bad(index++, read.error().detail);
    }
  }
}

}  // namespace footfall::ingest
