// SPDX-License-Identifier: Apache-2.0
#include "api/png.h"

#include <zlib.h>

#include <string_view>

namespace footfall::api {

namespace {

constexpr unsigned kBits = 2;  // of a pixel
constexpr char kIndexed = 3;   // the colour type with a palette
constexpr std::string_view kSignature = "\x89PNG\r\n\x1A\n";

void append_u32(std::string& out, std::uint64_t number) {
  for (const unsigned shift : {24U, 16U, 8U, 0U}) out.push_back(static_cast<char>(number >> shift & 0xFFU));
}

// Length, type, data, and the CRC of type and data.
void append_chunk(std::string& out, std::string_view type, std::string_view data) {
  append_u32(out, data.size());
  const std::size_t begin = out.size();
  out.append(type).append(data);
  const auto* const bytes = reinterpret_cast<const Bytef*>(out.data() + begin);
  append_u32(out, crc32(0, bytes, static_cast<uInt>(out.size() - begin)));
}

// Of each row its filter, which is none, and its pixels, the first in the highest bits.
std::string rows_of(const Canvas& canvas) {
  constexpr unsigned kInByte = 8 / kBits;
  const std::size_t row_bytes = 1 + (canvas.width() + kInByte - 1) / kInByte;
  std::string rows(row_bytes * canvas.height(), '\0');
  for (unsigned y = 0; y < canvas.height(); ++y) {
    for (unsigned x = 0; x < canvas.width(); ++x) {
      const unsigned shift = 8 - kBits - x % kInByte * kBits;
      char& byte = rows[y * row_bytes + 1 + x / kInByte];
      byte = static_cast<char>(static_cast<unsigned char>(byte) | unsigned{canvas.at(x, y)} << shift);
    }
  }
  return rows;
}

std::string deflated(std::string_view bytes) {
  uLongf size = compressBound(bytes.size());
  std::string out(size, '\0');
  // It fails only without memory, which ends the process before.
  compress2(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size(),
            Z_DEFAULT_COMPRESSION);
  out.resize(size);
  return out;
}

}  // namespace

void Canvas::fill(unsigned x, unsigned y, unsigned width, unsigned height, std::uint8_t colour) {
  for (unsigned row = y; row < y + height; ++row) {
    for (unsigned column = x; column < x + width; ++column) set(column, row, colour);
  }
}

Canvas Canvas::scaled(unsigned scale) const {
  Canvas large(width_ * scale, height_ * scale);
  for (unsigned y = 0; y < height_; ++y) {
    for (unsigned x = 0; x < width_; ++x) large.fill(x * scale, y * scale, scale, scale, at(x, y));
  }
  return large;
}

std::string encode_png(const Canvas& canvas, const Palette& palette) {
  std::string head;
  append_u32(head, canvas.width());
  append_u32(head, canvas.height());
  head.append({static_cast<char>(kBits), kIndexed, 0, 0, 0});  // deflate, filters by row, not interlaced
  std::string colours;
  for (const Rgb colour : palette) {
    for (const unsigned shift : {16U, 8U, 0U}) colours.push_back(static_cast<char>(colour >> shift & 0xFFU));
  }
  std::string out(kSignature);
  append_chunk(out, "IHDR", head);
  append_chunk(out, "PLTE", colours);
  append_chunk(out, "IDAT", deflated(rows_of(canvas)));
  append_chunk(out, "IEND", {});
  return out;
}

}  // namespace footfall::api
