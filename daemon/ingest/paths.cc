// SPDX-License-Identifier: Apache-2.0
#include "ingest/paths.h"

#include <algorithm>
#include <bit>
#include <cstdint>

#include "base/bytes16.h"
#include "ingest/text.h"

namespace footfall::ingest {
namespace {

constexpr std::size_t kRawMax = 8 * kPathMax;  // whom it protects: the arena; three times it is allocated
constexpr std::size_t kHostMax = 253;
constexpr std::string_view kHex = "0123456789ABCDEF";

using base::ByteRange;
using base::Bytes16;

// Bytes that a path may hold as they are wherever they stand, so that a path of these needs a look at its dots alone.
unsigned plain_bytes(Bytes16 text) {
  return text.in(ByteRange{' ', '!'}, ByteRange{'$', '$'}, ByteRange{'&', '&'}, ByteRange{'(', ';'},
                 ByteRange{'=', '='}, ByteRange{'@', 'Z'}, ByteRange{'_', '_'}, ByteRange{'a', 'z'},
                 ByteRange{'~', '~'});
}

// True if normalising would change nothing; false if that takes a closer look.
bool is_normal(std::string_view path) {
  if (path.empty() || path.front() != '/' || path.size() > kPathMax) return false;
  if (path.size() == 1) return true;
  std::size_t last = 0;  // where the last segment's '/' stands
  unsigned behind = 0;   // 1: the byte before the chunk is a '/'
  for (std::size_t at = 0; at < path.size(); at += Bytes16::kSize) {
    const std::size_t left = path.size() - at;
    const bool whole = left >= Bytes16::kSize;
    const Bytes16 text = whole ? Bytes16::load(path.data() + at) : Bytes16::load(path.data() + at, left);
    const unsigned here = base::low_bits(whole ? Bytes16::kSize : left);
    if ((plain_bytes(text) & here) != here) return false;
    const unsigned slashes = text.equal('/');
    if (((slashes << 1U | behind) & (slashes | text.equal('.'))) != 0) return false;
    behind = slashes >> 15U;
    if (slashes != 0) last = at + static_cast<std::size_t>(std::bit_width(slashes)) - 1;
  }
  return last + 1 != path.size() && !path.substr(last + 1).starts_with("index.");
}

char* write_escaped(char* out, std::uint8_t byte) {
  *out++ = '%';
  *out++ = kHex[byte >> 4U];
  *out++ = kHex[byte & 15U];
  return out;
}

bool stays_encoded(std::uint8_t byte) {
  return byte < 0x20 || byte == 0x7F || byte == '/' || byte == '?' || byte == '#' || byte == '%';
}

// First step: %XX to bytes, except for those that stay. Every '%' in the output begins a canonical escape.
std::string_view decode(std::string_view raw, char* const begin) {
  char* out = begin;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const char c = raw[i];
    auto byte = static_cast<std::uint8_t>(c);
    if (c == '%') {
      const int high = raw.size() - i > 2 ? hex_digit(raw[i + 1]) : -1;
      const int low = raw.size() - i > 2 ? hex_digit(raw[i + 2]) : -1;
      if (high >= 0 && low >= 0) {
        byte = static_cast<std::uint8_t>(high * 16 + low);
        i += 2;
      }
      out = stays_encoded(byte) ? write_escaped(out, byte) : (*out = static_cast<char>(byte), out + 1);
    } else if (byte < 0x20 || byte == 0x7F) {
      out = write_escaped(out, byte);
    } else {
      *out++ = c;
    }
  }
  return {begin, static_cast<std::size_t>(out - begin)};
}

// Second step, for one segment: what is no UTF-8, or a C1 control, is encoded.
char* write_segment(std::string_view segment, char* out) {
  while (!segment.empty()) {
    std::size_t size = utf8_character(segment);
    const bool keep = size != 0 && !is_control(segment.substr(0, size));
    if (size == 0) size = 1;
    for (const char c : segment.substr(0, size)) {
      out = keep ? (*out = c, out + 1) : write_escaped(out, static_cast<std::uint8_t>(c));
    }
    segment.remove_prefix(size);
  }
  return out;
}

bool is_index(std::string_view segment) {
  return segment == "index.html" || segment == "index.htm" || segment == "index.php";
}

bool valid_address(std::string_view host) {  // "[...]"
  if (host.size() < 4 || host.size() > kHostMax || host.back() != ']') return false;
  for (const char c : host.substr(1, host.size() - 2)) {
    if (hex_digit(c) < 0 && c != ':' && c != '.') return false;
  }
  return true;
}

// How many bytes of `text` may be those of a name in lower case.
std::size_t name_size(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); at += Bytes16::kSize) {
    const std::size_t left = text.size() - at;
    const Bytes16 bytes =
        left >= Bytes16::kSize ? Bytes16::load(text.data() + at) : Bytes16::load(text.data() + at, left);
    const unsigned fine = bytes.in(ByteRange{'a', 'z'}, ByteRange{'-', '.'}, ByteRange{'0', '9'}, ByteRange{'_', '_'});
    if (fine != Bytes16::kAll) return std::min(text.size(), at + static_cast<std::size_t>(std::countr_one(fine)));
  }
  return text.size();
}

// REQUIRES: not empty; of the bytes of a name.
bool dots_are_single(std::string_view host) {
  if (host.size() > kHostMax || host.front() == '.' || host.back() == '.') return false;
  unsigned behind = 0;  // 1: the byte before the chunk is a dot
  for (std::size_t at = 0; at < host.size(); at += Bytes16::kSize) {
    const std::size_t left = host.size() - at;
    const Bytes16 bytes =
        left >= Bytes16::kSize ? Bytes16::load(host.data() + at) : Bytes16::load(host.data() + at, left);
    const unsigned dots = bytes.equal('.');
    if (((dots << 1U | behind) & dots) != 0) return false;
    behind = dots >> 15U;
  }
  return true;
}

bool valid_host(std::string_view host) {
  if (host.empty()) return false;
  if (host.front() == '[') return valid_address(host);
  return name_size(host) == host.size() && dots_are_single(host);
}

// The fast way through "https://www.example.vn/p", a name in lower case without user and port. Any other is left to
// parse_url().
bool plain_url(std::string_view raw, Url& out) {
  const bool secure = raw.starts_with("https://");
  if (!secure && !raw.starts_with("http://")) return false;
  const std::string_view rest = raw.substr(secure ? 8 : 7);
  const std::size_t size = name_size(rest);
  if (size == 0 || (size != rest.size() && rest[size] != '/' && rest[size] != '?' && rest[size] != '#')) return false;
  const std::string_view host = rest.substr(0, size);
  if (!dots_are_single(host)) return false;
  out = {secure, host, {}, rest.substr(size)};
  return true;
}

}  // namespace

bool normalise_path(std::string_view raw, Arena& arena, std::string_view& out) {
  if (is_normal(raw)) {
    out = arena.copy(raw);
    return true;
  }
  std::size_t size = 0;  // a loop: find_first_of() costs a call a byte
  while (size < raw.size() && raw[size] != '?' && raw[size] != '#') ++size;
  if (size != raw.size()) {
    raw = raw.substr(0, size);
    if (is_normal(raw)) {
      out = arena.copy(raw);
      return true;
    }
  }
  out = {};
  if (raw.size() > kRawMax) return false;
  const std::size_t scratch_size = 3 * raw.size() + 1;
  const std::size_t path_size = 3 * scratch_size + 1;
  char* const path = arena.allocate(path_size);
  char* const scratch = arena.allocate(scratch_size);
  std::string_view rest = decode(raw, scratch);

  char* end = path;  // what is written: "/segment/segment", each segment with its '/' before it
  const auto drop_last = [&] {
    while (end > path && *--end != '/') {
    }
  };
  while (!rest.empty()) {
    const auto slash = rest.find('/');
    const std::string_view segment = rest.substr(0, slash);
    rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
    if (segment.empty() || segment == ".") continue;
    if (segment == "..") {
      drop_last();
      continue;
    }
    *end++ = '/';
    end = write_segment(segment, end);
  }
  const auto written = [&] { return std::string_view(path, static_cast<std::size_t>(end - path)); };
  while (end > path && is_index(written().substr(written().rfind('/') + 1))) drop_last();
  if (end == path) *end++ = '/';

  size = written().size();
  arena.shrink(scratch, scratch_size, 0);
  arena.shrink(path, path_size, size <= kPathMax ? size : 0);
  if (size > kPathMax) return false;
  out = {path, size};
  return true;
}

bool parse_url(std::string_view raw, Arena& arena, Url& out) {
  if (plain_url(raw, out)) return true;
  const auto colon = raw.find(':');
  if (colon == std::string_view::npos || colon > 5 || raw.substr(colon, 3) != "://") return false;
  char scheme[5] = {};
  for (std::size_t i = 0; i < colon; ++i) scheme[i] = static_cast<char>(raw[i] | 0x20);
  const std::string_view lower_scheme(scheme, colon);
  if (lower_scheme != "http" && lower_scheme != "https") return false;
  out.secure = lower_scheme == "https";
  raw.remove_prefix(colon + 3);
  std::size_t authority_size = 0;  // a loop: find_first_of() costs a call a byte
  while (authority_size < raw.size() && raw[authority_size] != '/' && raw[authority_size] != '?' &&
         raw[authority_size] != '#') {
    ++authority_size;
  }
  std::string_view authority = raw.substr(0, authority_size);
  out.rest = raw.substr(authority.size());
  authority.remove_prefix(authority.rfind('@') + 1);  // npos + 1 is 0: no user
  const auto bracket = authority.rfind(']');
  const auto port_colon = authority.rfind(':');
  std::string_view host = authority;
  out.port = {};
  if (port_colon != std::string_view::npos && (bracket == std::string_view::npos || port_colon > bracket)) {
    host = authority.substr(0, port_colon);
    out.port = authority.substr(port_colon + 1);
    if (out.port.size() > 5 || out.port.find_first_not_of("0123456789") != std::string_view::npos) return false;
    if (out.port == (out.secure ? "443" : "80")) out.port = {};
  }
  if (host.size() > 1 && host.back() == '.') host.remove_suffix(1);
  out.host = lower_case(host, arena);
  return valid_host(out.host);
}

std::string_view normalise_referrer(std::string_view raw, Arena& arena, std::string_view& host) {
  host = {};
  Url url;
  if (!parse_url(raw, arena, url)) return {};
  std::string_view path;
  const bool fits = normalise_path(url.rest, arena, path);
  if (!fits) path = "/";
  const std::string_view scheme = url.secure ? "https://" : "http://";
  const std::string_view colon = url.port.empty() ? "" : ":";
  const std::size_t origin_size = scheme.size() + url.host.size() + colon.size() + url.port.size();
  if (origin_size + path.size() > kReferrerMax) path = "/";
  char* const begin = arena.allocate(origin_size + path.size());
  char* out = begin;
  for (const std::string_view part : {scheme, url.host, colon, url.port, path}) {
    if (part.empty()) continue;
    std::memcpy(out, part.data(), part.size());
    out += part.size();
  }
  host = url.host;
  return {begin, origin_size + path.size()};
}

std::string_view query_of(std::string_view path_or_url) {
  if (path_or_url.find('?') == std::string_view::npos) return {};
  path_or_url = path_or_url.substr(0, path_or_url.find('#'));
  const auto mark = path_or_url.find('?');
  return mark == std::string_view::npos ? std::string_view() : path_or_url.substr(mark + 1);
}

}  // namespace footfall::ingest
