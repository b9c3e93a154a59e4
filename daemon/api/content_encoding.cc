// SPDX-License-Identifier: Apache-2.0
#include "api/content_encoding.h"

#include <zlib.h>

#include <algorithm>
#include <utility>

#include "api/text.h"

namespace footfall::api {

namespace {

constexpr int kGzipWindow = 15 + 16;  // zlib's way to say gzip

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(),
                    [](char a, char b) { return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b; });
}

// Of "q=0.25", in thousandths: 250. What is no weight, or is absent, is 1,000.
int weight_of(std::string_view parameter) {
  if (parameter.size() < 3 || !equals_ignoring_case(parameter.substr(0, 2), "q=") || parameter[2] != '0') return 1000;
  int weight = 0;
  int unit = 100;
  for (const char c : parameter.substr(std::min<std::size_t>(4, parameter.size()))) {
    if (c < '0' || c > '9') break;
    weight += (c - '0') * unit;
    unit /= 10;
  }
  return weight;
}

}  // namespace

bool accepts_gzip(std::string_view accept_encoding) {
  constexpr int kAbsent = -1;
  int gzip = kAbsent;
  int star = kAbsent;
  int identity = kAbsent;
  while (!accept_encoding.empty()) {
    const std::string_view element = take_list_element(accept_encoding);
    const std::size_t semicolon = element.find(';');
    const std::string_view name = trimmed(element.substr(0, semicolon));
    const int weight = semicolon == std::string_view::npos ? 1000 : weight_of(trimmed(element.substr(semicolon + 1)));
    if (equals_ignoring_case(name, "gzip") || equals_ignoring_case(name, "x-gzip")) gzip = weight;
    if (equals_ignoring_case(name, "identity")) identity = weight;
    if (name == "*") star = weight;
  }
  const int wanted = gzip == kAbsent ? star : gzip;
  return wanted > 0 && wanted >= identity;
}

std::string gzipped(std::string_view bytes, Packing packing) {
  const bool best = packing == Packing::best;
  z_stream stream{};
  if (deflateInit2(&stream, best ? Z_BEST_COMPRESSION : Z_BEST_SPEED, Z_DEFLATED, kGzipWindow, best ? 9 : 8,
                   packing == Packing::blind ? Z_HUFFMAN_ONLY : Z_DEFAULT_STRATEGY) != Z_OK)
    return {};
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

EncodedBody encoded(std::string body, Packing packing, std::string_view accept_encoding, std::string_view vary) {
  EncodedBody made{std::move(body), std::string(vary)};
  if (made.bytes.size() < kCompressedFrom) return made;
  if (vary.empty()) {
    made.fields = "Vary: Accept-Encoding\r\n";
  } else {
    made.fields.insert(made.fields.size() - 2, ", Accept-Encoding");
  }
  if (!accepts_gzip(accept_encoding)) return made;
  std::string packed = gzipped(made.bytes, packing);
  if (packed.empty()) return made;
  made.bytes = std::move(packed);
  made.fields += "Content-Encoding: gzip\r\n";
  return made;
}

}  // namespace footfall::api
