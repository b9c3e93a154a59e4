// SPDX-License-Identifier: Apache-2.0
#include "api/assets.h"

#include <zlib.h>

#include <array>
#include <cstddef>

#include "api/auth.h"
#include "http/response.h"

namespace footfall::api {

namespace embedded {
extern const unsigned char kScript[];
extern const std::size_t kScriptSize;
extern const unsigned char kThemeScript[];
extern const std::size_t kThemeScriptSize;
}  // namespace embedded

namespace {

constexpr int kGzipWindow = 15 + 16;  // zlib's way to say gzip

std::string gzipped(std::string_view bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, kGzipWindow, 9, Z_DEFAULT_STRATEGY) != Z_OK) return {};
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return result == Z_STREAM_END ? out : std::string();
}

std::string etag_of(std::string_view bytes, std::string_view suffix) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string etag = "\"";
  const auto digest = digest_of(bytes);
  for (std::size_t i = 0; i < 8; ++i) {
    etag.push_back(kDigits[digest.at(i) >> 4U]);
    etag.push_back(kDigits[digest.at(i) & 15U]);
  }
  return etag.append(suffix).append("\"");
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Takes the next element of a comma separated list.
std::string_view take_element(std::string_view& list) {
  const std::size_t comma = list.find(',');
  const std::string_view element = trimmed(list.substr(0, comma));
  list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  return element;
}

// RFC 9110 section 13.1.2: a weak comparison, of any in the list.
bool matches(std::string_view if_none_match, std::string_view etag) {
  while (!if_none_match.empty()) {
    std::string_view element = take_element(if_none_match);
    if (element == "*") return true;
    if (element.starts_with("W/")) element.remove_prefix(2);
    if (element == etag) return true;
  }
  return false;
}

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] - 'A' + 'a') : text[i];
    if (c != lower[i]) return false;
  }
  return true;
}

Asset script_of(std::string_view bytes) {
  Asset made;
  made.content_type = "text/javascript; charset=utf-8";
  made.bytes = bytes;
  made.gzip = gzipped(bytes);
  made.etag = etag_of(bytes, "");
  made.etag_gzip = etag_of(bytes, "-gz");
  return made;
}

}  // namespace

bool accepts_gzip(std::string_view accept_encoding) {
  bool by_star = false;
  while (!accept_encoding.empty()) {
    const std::string_view element = take_element(accept_encoding);
    const std::size_t semicolon = element.find(';');
    const std::string_view name = trimmed(element.substr(0, semicolon));
    bool zero = false;
    if (semicolon != std::string_view::npos) {
      const std::string_view weight = trimmed(element.substr(semicolon + 1));
      zero = weight.starts_with("q=0") && weight.find_first_not_of("0.", 2) == std::string_view::npos;
    }
    if (equals_ignoring_case(name, "gzip") || equals_ignoring_case(name, "x-gzip")) return !zero;
    if (name == "*") by_star = !zero;
  }
  return by_star;
}

const Asset& script() {
  static const Asset asset = script_of({reinterpret_cast<const char*>(embedded::kScript), embedded::kScriptSize});
  return asset;
}

const Asset& theme_script() {
  static const Asset asset =
      script_of({reinterpret_cast<const char*>(embedded::kThemeScript), embedded::kThemeScriptSize});
  return asset;
}

void write_asset(std::string& out, const Asset& asset, const http::Request& request, std::string_view date) {
  const bool gzip = !asset.gzip.empty() && accepts_gzip(request.field(http::Field::accept_encoding));
  const std::string& etag = gzip ? asset.etag_gzip : asset.etag;
  std::string fields = "ETag: " + etag + "\r\nVary: Accept-Encoding\r\n";
  http::Response response;
  response.cache_control = "public, max-age=3600";
  if (matches(request.field(http::Field::if_none_match), etag)) {
    response.status = 304;
  } else {
    response.content_type = asset.content_type;
    response.body = gzip ? std::string_view(asset.gzip) : asset.bytes;
    if (gzip) fields += "Content-Encoding: gzip\r\n";
  }
  response.extra_fields = fields;
  http::write(out, response, date, request.keep_alive, request.method == http::Method::head);
}

}  // namespace footfall::api
