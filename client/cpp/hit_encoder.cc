// SPDX-License-Identifier: Apache-2.0
#include "cpp/hit_encoder.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace footfall::client {
namespace {

// How many bytes of well-formed UTF-8 begin `text`; 0: none (Unicode 15, table 3-7).
std::size_t utf8_at(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : static_cast<unsigned char>(0);
  };
  const auto tail = [&](std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) {
      if ((byte(i) & 0xC0U) != 0x80U) return std::size_t{0};
    }
    return to;
  };
  const unsigned first = byte(0);
  const unsigned second = byte(1);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return tail(1, 2);
  if (first >= 0xE0 && first <= 0xEF) {
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)) return 0;
    return tail(1, 3);
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if ((first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) return 0;
    return tail(1, 4);
  }
  return 0;
}

// As UTF-8: what is none is read as latin-1. `room` holds it where it has to be written anew.
std::string_view as_utf8(std::string_view text, std::string& room) {
  std::size_t good = 0;
  while (good < text.size()) {
    if (static_cast<unsigned char>(text[good]) < 0x80) {  // nearly all are
      ++good;
      continue;
    }
    const std::size_t size = utf8_at(text.substr(good));
    if (size == 0) break;
    good += size;
  }
  if (good == text.size()) return text;
  room = text.substr(0, good);
  text.remove_prefix(good);
  while (!text.empty()) {
    if (const std::size_t size = utf8_at(text); size > 0) {
      room += text.substr(0, size);
      text.remove_prefix(size);
      continue;
    }
    const auto c = static_cast<unsigned char>(text.front());  // from 0x80 on
    room.push_back(static_cast<char>(0xC0U | (c >> 6U)));
    room.push_back(static_cast<char>(0x80U | (c & 0x3FU)));
    text.remove_prefix(1);
  }
  return room;
}

// 4 or 16 bytes. As the daemon reads addresses elsewhere: in brackets, or with a port, too.
std::string_view binary(std::string_view address, std::array<char, 16>& bytes) {
  if (!address.empty() && address.front() == '[') {
    address = address.substr(1, address.find(']') - 1);
  } else if (const std::size_t colon = address.find(':'); colon == address.rfind(':')) {
    address = address.substr(0, colon);
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  constexpr std::string_view kNone = "?";  // a length that no address has: the daemon says so
  if (address.size() >= text.size()) return kNone;
  std::copy(address.begin(), address.end(), text.begin());
  if (inet_pton(AF_INET, text.data(), bytes.data()) == 1) return {bytes.data(), 4};
  if (inet_pton(AF_INET6, text.data(), bytes.data()) == 1) return {bytes.data(), 16};
  return kNone;
}

// --- the wire: a field is its number and type in a byte, then a varint, or a length and as many bytes ---

enum Field : unsigned { kSite = 1, kPath, kUrl, kRef, kKind, kName, kTime, kAddress, kAgent, kVisitor };
constexpr unsigned kHits = 2;  // of HitBatch

constexpr char varint_tag(unsigned field) {
  return static_cast<char>(field << 3U);
}
constexpr char bytes_tag(unsigned field) {
  return static_cast<char>(field << 3U | 2U);
}

void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7U) out.push_back(static_cast<char>(value | 0x80U));
  out.push_back(static_cast<char>(value));
}

void append_bytes(std::string& out, unsigned field, std::string_view bytes) {
  if (bytes.empty()) return;
  out.push_back(bytes_tag(field));
  append_varint(out, bytes.size());
  out += bytes;
}

void append_message(std::string& out, const Hit& hit, std::int64_t time_s) {
  thread_local std::string room;
  const auto text = [&](Field field, std::string_view value) { append_bytes(out, field, as_utf8(value, room)); };
  text(kSite, hit.site);
  text(kPath, hit.path);
  text(kRef, hit.referrer);
  if (hit.kind != Kind::pageview) {
    out.push_back(varint_tag(kKind));
    append_varint(out, hit.kind == Kind::event ? 1 : 2);
  }
  text(kName, hit.name);
  std::array<char, 16> address{};
  if (!hit.address.empty()) append_bytes(out, kAddress, binary(hit.address, address));
  text(kAgent, hit.agent);
  text(kVisitor, hit.visitor);
  if (time_s == Hit::kNow) return;
  out.push_back(varint_tag(kTime));  // the last, so that move_time() finds it
  append_varint(out, static_cast<std::uint64_t>(time_s));
}

constexpr std::size_t kStampBytes = 5;  // of a varint
static_assert(kStampMin >= std::int64_t{1} << 28U && kStampMax < std::int64_t{1} << 35U);

}  // namespace

void append_hit(std::string& body, const Hit& hit, std::int64_t time_s) {
  thread_local std::string message;
  message.clear();
  append_message(message, hit, time_s);
  body.push_back(bytes_tag(kHits));
  append_varint(body, message.size());
  body += message;
}

void move_time(std::string& body, std::size_t end, std::int64_t by_s) {
  char* const bytes = body.data() + end - kStampBytes;
  std::int64_t time_s = 0;
  for (std::size_t i = 0; i < kStampBytes; ++i)
    time_s |= static_cast<std::int64_t>(static_cast<unsigned char>(bytes[i]) & 0x7FU) << (7 * i);
  auto moved = static_cast<std::uint64_t>(std::clamp(time_s + by_s, kStampMin, kStampMax));
  for (std::size_t i = 0; i < kStampBytes; ++i, moved >>= 7U)
    bytes[i] = static_cast<char>((moved & 0x7FU) | (i + 1 < kStampBytes ? 0x80U : 0U));
}

}  // namespace footfall::client
