// SPDX-License-Identifier: Apache-2.0
// A PNG read back, as far as footfall writes them: each chunk's CRC checked, a palette, two bits for a pixel.
#pragma once

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace footfall::api {

struct ReadPng {
  unsigned width = 0, height = 0;
  std::vector<std::string> chunks;     // types, in order
  std::vector<std::uint32_t> palette;  // 0xRRGGBB
  std::vector<std::string> rows;       // a character per pixel: '0' + its colour

  // Rows of text: `ink` has a character for each colour.
  std::string art(std::string_view ink) const {
    std::string out;
    for (const std::string& row : rows) {
      for (const char pixel : row) out += ink.at(static_cast<std::size_t>(pixel - '0'));
      out += '\n';
    }
    return out;
  }
};

inline std::uint32_t u32_at(std::string_view bytes, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) number = number << 8U | static_cast<unsigned char>(bytes.at(at + i));
  return number;
}

inline ReadPng read_png(std::string_view bytes) {
  ReadPng png;
  EXPECT_TRUE(bytes.starts_with("\x89PNG\r\n\x1A\n"));
  std::string packed;
  for (std::size_t at = 8; at < bytes.size();) {
    const std::size_t size = u32_at(bytes, at);
    const std::string_view body = bytes.substr(at + 4, 4 + size);
    EXPECT_EQ(crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size())),
              u32_at(bytes, at + 8 + size));
    const std::string_view type = body.substr(0, 4);
    const std::string_view data = body.substr(4);
    png.chunks.emplace_back(type);
    if (type == "IHDR") {
      png.width = u32_at(data, 0);
      png.height = u32_at(data, 4);
      EXPECT_EQ(data.substr(8), std::string_view("\x02\x03\0\0\0", 5));
    } else if (type == "PLTE") {
      for (std::size_t i = 0; i + 3 <= data.size(); i += 3) {
        png.palette.push_back(u32_at(std::string(1, '\0').append(data.substr(i, 3)), 0));
      }
    } else if (type == "IDAT") {
      packed += data;
    }
    at += 12 + size;
  }
  const std::size_t row_bytes = 1 + (png.width + 3) / 4;
  uLongf size = row_bytes * png.height;
  std::string raw(size, '\0');
  EXPECT_EQ(uncompress(reinterpret_cast<Bytef*>(raw.data()), &size, reinterpret_cast<const Bytef*>(packed.data()),
                       packed.size()),
            Z_OK);
  EXPECT_EQ(size, raw.size());
  for (unsigned y = 0; y < png.height; ++y) {
    EXPECT_EQ(raw[y * row_bytes], '\0') << "a filter in row " << y;
    std::string row;
    for (unsigned x = 0; x < png.width; ++x) {
      const auto byte = static_cast<unsigned char>(raw[y * row_bytes + 1 + x / 4]);
      row += static_cast<char>('0' + (byte >> (6 - x % 4 * 2) & 3));
    }
    png.rows.push_back(row);
  }
  return png;
}

}  // namespace footfall::api
