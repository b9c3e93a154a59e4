// SPDX-License-Identifier: Apache-2.0
// Several files as one log.
#include "logs/log_reader.h"

#include <gtest/gtest.h>

#include "scratch_file.h"
#include "support/gzip.h"

namespace footfall::logs {
namespace {

struct Counts {
  std::uint64_t entries = 0, unreadable = 0, lines = 0;
  std::string error;
  friend bool operator==(const Counts&, const Counts&) = default;
};

std::ostream& operator<<(std::ostream& out, const Counts& c) {
  return out << c.entries << " entries, " << c.unreadable << " unreadable, " << c.lines << " lines " << c.error;
}

Counts count(const std::string& format, const std::vector<std::string>& paths) {
  LogReader log(*Format::find(format), paths);
  Counts counts;
  while (true) {
    const LogReader::Next next = log.next();
    counts.lines = log.lines();
    if (next == LogReader::Next::entry) {
      ++counts.entries;
      EXPECT_FALSE(log.text().empty());
    } else if (next == LogReader::Next::unreadable) {
      ++counts.unreadable;
    } else {
      if (next == LogReader::Next::failed) counts.error = log.error().detail;
      if (next == LogReader::Next::end) {
        EXPECT_EQ(log.bytes_read(), log.bytes_total());
      }
      return counts;
    }
  }
}

const std::string kSamples = FOOTFALL_TEST_LOGS;

TEST(LogReaderTest, ReadsASampleLineByLine) {
  EXPECT_EQ(count("combined", {kSamples + "/combined.log"}), (Counts{9, 2, 11, ""}));
}

TEST(LogReaderTest, FilesAreReadOneAfterAnother) {
  const ScratchFile empty("");
  EXPECT_EQ(count("combined", {kSamples + "/combined.log", empty.path(), kSamples + "/combined.log"}),
            (Counts{18, 4, 22, ""}));
  EXPECT_EQ(count("combined", {}), (Counts{0, 0, 0, ""}));
}

TEST(LogReaderTest, TheHeaderOfEachFileIsALineAndNoEntry) {
  EXPECT_EQ(count("nasa-tsv", {kSamples + "/nasa.tsv", kSamples + "/nasa.tsv"}), (Counts{6, 2, 10, ""}));
}

TEST(LogReaderTest, AFileWithoutTheColumnsIsNamed) {
  const Counts counts = count("nasa-tsv", {kSamples + "/nasa.tsv", kSamples + "/combined.log"});
  EXPECT_NE(counts.error.find("combined.log: the first line must name the columns"), std::string::npos) << counts.error;
}

TEST(LogReaderTest, AMissingFileIsNamed) {
  EXPECT_NE(count("combined", {"/nonexistent/access.log"}).error.find("/nonexistent/access.log"), std::string::npos);
}

// Whether it is read on or its header is looked for.
TEST(LogReaderTest, AFileThatBreaksOffIsNamed) {
  const std::string packed = testing::gzip("host\tmethod\n");
  const ScratchFile broken(packed.substr(0, 12));
  for (const char* format : {"combined", "nasa-tsv"}) {
    const Counts counts =
        count(format, {kSamples + "/" + (format[0] == 'c' ? "combined.log" : "nasa.tsv"), broken.path()});
    EXPECT_GT(counts.entries, 0U) << format;
    EXPECT_NE(counts.error.find(broken.path()), std::string::npos) << format << ": " << counts.error;
  }
}

TEST(LogReaderTest, AnEmptyFileNeedsNoHeader) {
  const ScratchFile empty("");
  EXPECT_EQ(count("nasa-tsv", {empty.path(), kSamples + "/nasa.tsv"}), (Counts{3, 1, 5, ""}));
}

TEST(LogReaderTest, ADirectoryIsNoLog) {
  const Counts counts = count("combined", {kSamples});
  EXPECT_EQ(counts.lines, 0U);
  EXPECT_NE(counts.error.find(kSamples), std::string::npos) << counts.error;
}

}  // namespace
}  // namespace footfall::logs
