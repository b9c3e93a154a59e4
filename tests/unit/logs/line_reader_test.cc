// SPDX-License-Identifier: Apache-2.0
// Lines of plain and of gzipped files.
#include "logs/line_reader.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <random>

#include "scratch_file.h"
#include "support/gzip.h"

namespace footfall::logs {
namespace {

using testing::gzip;

struct Outcome {
  std::vector<std::string> lines;
  std::string error;  // empty: none
};

Outcome read_all(const std::string& path) {
  Outcome outcome;
  auto reader = LineReader::open(path);
  if (!reader) return {{}, to_string(reader.error())};
  std::string_view line;
  while (true) {
    switch ((*reader)->next(line)) {
      case LineReader::Next::line:
        outcome.lines.emplace_back(line);
        break;
      case LineReader::Next::failed:
        outcome.error = to_string((*reader)->error());
        return outcome;
      case LineReader::Next::end:
        // And for good.
        EXPECT_EQ((*reader)->next(line), LineReader::Next::end);
        EXPECT_EQ((*reader)->bytes_read(), (*reader)->bytes_total());
        return outcome;
    }
  }
}

Outcome lines_of(std::string_view content) {
  return read_all(ScratchFile(content).path());
}

using Lines = std::vector<std::string>;

TEST(LineReaderTest, ALineEndsAtANewlineAndLosesReturnsBeforeIt) {
  EXPECT_EQ(lines_of("a\nb\r\n\nc\r\r\nd\re\n").lines, (Lines{"a", "b", "", "c", "d\re"}));
  EXPECT_EQ(lines_of("a\nlast").lines, (Lines{"a", "last"}));
  EXPECT_EQ(lines_of("\r").lines, (Lines{""}));
  EXPECT_EQ(lines_of("").lines, Lines{});
  EXPECT_EQ(lines_of("\n").lines, Lines{""});
}

TEST(LineReaderTest, GzipIsRecognisedByItsContent) {
  EXPECT_EQ(lines_of(gzip("a\nb\n")).lines, (Lines{"a", "b"}));
  EXPECT_EQ(lines_of(gzip("")).lines, Lines{});
  EXPECT_EQ(lines_of("\x1f").lines, Lines{"\x1f"});
}

TEST(LineReaderTest, SeveralMembersAreOneText) {
  EXPECT_EQ(lines_of(gzip("a\nb") + gzip("") + gzip("c\n") + std::string(700, '\0')).lines, (Lines{"a", "bc"}));
}

TEST(LineReaderTest, RandomTextComesOutAsItWentInPlainAndPacked) {
  const char* given = std::getenv("FOOTFALL_SEED");
  const std::uint64_t rng_seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::cout << "FOOTFALL_SEED=" << rng_seed << '\n';
  SCOPED_TRACE(rng_seed);
  std::mt19937_64 rng(rng_seed);
  for (int round = 0; round < 5; ++round) {
    Lines expected;
    std::string text;
    // Longer than the buffers, with lines from nothing to more than a buffer.
    while (text.size() < 3'000'000) {
      const std::size_t size = std::uniform_int_distribution<std::size_t>(0, rng() % 500 == 0 ? 600'000 : 200)(rng);
      std::string line(size, '\0');
      for (char& c : line) c = static_cast<char>('a' + rng() % 20);
      text += line + "\n";
      expected.push_back(line);
    }
    EXPECT_TRUE(lines_of(text).lines == expected);
    const std::size_t cut = rng() % text.size();
    EXPECT_TRUE(lines_of(gzip(text.substr(0, cut)) + gzip(text.substr(cut))).lines == expected);
  }
}

// --- errors ---

TEST(LineReaderTest, AGzipFileThatEndsEarlyIsAnErrorAtEveryLength) {
  const std::string whole = gzip("192.0.2.1 one\n192.0.2.2 two\n");
  for (std::size_t size = 2; size < whole.size(); ++size) {
    const ScratchFile file(whole.substr(0, size));
    const Outcome outcome = read_all(file.path());
    EXPECT_NE(outcome.error.find("end early"), std::string::npos) << size << ": " << outcome.error;
    EXPECT_NE(outcome.error.find(file.path()), std::string::npos);
  }
}

TEST(LineReaderTest, DamagedGzipIsAnError) {
  std::string damaged = gzip("192.0.2.1 one\n192.0.2.2 two\n");
  damaged[damaged.size() - 6] = static_cast<char>(damaged[damaged.size() - 6] ^ 1);  // of the checksum
  EXPECT_NE(lines_of(damaged).error.find("damaged"), std::string::npos);
  EXPECT_NE(lines_of(gzip("a\n") + "more").error.find("other bytes follow"), std::string::npos);
}

TEST(LineReaderTest, AMissingFileAndADirectoryAreNamed) {
  EXPECT_NE(read_all("/nonexistent/access.log").error.find("/nonexistent/access.log"), std::string::npos);
  EXPECT_NE(read_all("/").error.find("directory"), std::string::npos);
}

TEST(LineReaderTest, AnEndlessLineIsRefused) {
  EXPECT_NE(lines_of(gzip(std::string(LineReader::kLineSizeMax + 1, 'x'))).error.find("16 MiB"), std::string::npos);
}

}  // namespace
}  // namespace footfall::logs
