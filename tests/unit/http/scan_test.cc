// SPDX-License-Identifier: Apache-2.0
#include "http/scan.h"

#include <gtest/gtest.h>

#include <string>

namespace footfall::http {
namespace {

using Scan = const char* (*)(const char*, const char*);

// Every byte value, at every distance from the beginning and to the end of a run of bytes that belong.
void expect_stops_at(Scan scan, bool (*belongs)(unsigned char), char filler) {
  for (std::size_t size = 1; size <= 49; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (unsigned c = 0; c < 256; ++c) {
        std::string text(size, filler);
        text[at] = static_cast<char>(c);
        const auto stop = static_cast<std::size_t>(scan(text.data(), text.data() + size) - text.data());
        ASSERT_EQ(stop, belongs(static_cast<unsigned char>(c)) ? size : at)
            << "byte " << c << " at " << at << " of " << size;
      }
    }
  }
}

TEST(ScanTest, AValueStopsAtControlBytesOnly) {
  expect_stops_at(
      skip_value, [](unsigned char c) { return c >= 0x20 && c != 0x7f; }, 'v');
}

TEST(ScanTest, ATargetStopsAtAllButVisibleAscii) {
  expect_stops_at(
      skip_target, [](unsigned char c) { return c > 0x20 && c < 0x7f && c != '#'; }, 't');
}

TEST(ScanTest, ANameStopsAtAllButTokenBytes) {
  expect_stops_at(
      skip_name,
      [](unsigned char c) {
        return c != 0 &&
               (std::isalnum(c) != 0 || std::string("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string::npos);
      },
      'n');
}

TEST(ScanTest, AHostStopsAtAllButItsBytes) {
  expect_stops_at(
      skip_host,
      [](unsigned char c) {
        return c != 0 && (std::isalnum(c) != 0 || std::string("-._~").find(static_cast<char>(c)) != std::string::npos);
      },
      'h');
}

TEST(ScanTest, NothingIsReadOfAnEmptyRange) {
  const char* const nowhere = "x";
  EXPECT_EQ(skip_value(nowhere, nowhere), nowhere);
  EXPECT_EQ(skip_target(nowhere, nowhere), nowhere);
  EXPECT_EQ(skip_name(nowhere, nowhere), nowhere);
  EXPECT_EQ(skip_host(nowhere, nowhere), nowhere);
}

}  // namespace
}  // namespace footfall::http
