// SPDX-License-Identifier: Apache-2.0
#include "ingest/batch_item.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "ingest/fields.h"
#include "ingest/native.h"
#include "ingest/protobuf_wire.h"
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

base::Error malformed(std::string_view what) {
  return {base::Errc::malformed, std::string(what)};
}

// The fields of a message, and the keys of a ping that they are.
enum HitField : std::uint32_t {
  kSite = 1,
  kPath = 2,
  kUrl = 3,
  kRef = 4,
  kKind = 5,
  kName = 6,
  kTime = 7,
  kAddress = 8,
  kAgent = 9,
  kVisitor = 10
};
constexpr std::array<Key, 11> kKeyOf = {Key::count_, Key::site,   Key::path,   Key::url,   Key::ref,    Key::count_,
                                        Key::name,   Key::count_, Key::count_, Key::agent, Key::visitor};
constexpr std::array<std::string_view, 3> kKinds = {"pageview", "event", "heartbeat"};

bool set_address(std::string_view bytes, Address& address) {
  if (bytes.size() == 16) {
    std::copy(bytes.begin(), bytes.end(), address.bytes.begin());
    return true;
  }
  if (bytes.size() != 4) return false;
  address = {};
  address.bytes[10] = address.bytes[11] = 0xFF;  // IPv4-mapped
  std::copy(bytes.begin(), bytes.end(), address.bytes.begin() + 12);
  return true;
}

}  // namespace

base::Result<void> read_json_item(std::string_view line, std::size_t readable, Arena& arena, Item& item) {
  Fields fields;
  if (const auto read = read_json(line, readable, arena, fields); !read) return read.error();
  if (fields[Key::site].empty()) return missing_site();
  if (const auto read = read_ping(fields, arena, item.ping); !read) return read.error();
  if (const std::string_view time = fields[Key::time]; !time.empty() && !parse_time(time, item.at_s))
    return malformed("time: UTC seconds, or 2015-05-28T23:05:56Z");
  if (const std::string_view address = fields[Key::address]; !address.empty()) {
    if (!parse_address(address, item.address)) return malformed("address: not an IPv4 or IPv6 address");
    item.has_address = true;
  }
  item.agent = fields[Key::agent];
  item.visitor = fields[Key::visitor];
  return {};
}

base::Result<void> read_protobuf_item(std::string_view message, Arena& arena, Item& item) {
  const std::string_view kept = arena.copy(message);  // once, for all its texts
  const char* next = kept.data();
  const char* const end = next + kept.size();
  Fields fields;
  WireField field;
  std::string_view address;
  while (next != end) {
    if (read_field(next, end, field) != WireState::whole) return malformed("not a message footfall.v1.Hit");
    next = field.content.data() + field.content.size();
    // A known field of another type is an unknown one, as everywhere.
    if (field.type == WireType::bytes) {
      if (field.number == kAddress) {
        address = field.content;
      } else if (field.number < kKeyOf.size() && kKeyOf.at(field.number) != Key::count_) {
        fields.values[static_cast<std::size_t>(kKeyOf[field.number])] = field.content;
      } else {
        ++fields.unknown;
      }
    } else if (field.type == WireType::varint && field.number == kKind) {
      const auto kind = static_cast<std::uint32_t>(field.value);  // as an int32 is read
      fields.values[static_cast<std::size_t>(Key::kind)] = kind < kKinds.size() ? kKinds.at(kind) : "?";
    } else if (field.type == WireType::varint && field.number == kTime) {
      item.at_s = static_cast<std::int64_t>(field.value);
      if (item.at_s < kTimeMin || item.at_s > kTimeMax) return malformed("time: UTC seconds of the years 0 to 9999");
    } else {
      ++fields.unknown;
    }
  }
  if (!address.empty()) {
    if (!set_address(address, item.address)) return malformed("address: 4 or 16 bytes");
    item.has_address = true;
  }
  item.agent = fields[Key::agent];
  item.visitor = fields[Key::visitor];
  return read_ping(fields, arena, item.ping);
}

}  // namespace footfall::ingest
