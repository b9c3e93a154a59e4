// SPDX-License-Identifier: Apache-2.0
#include "cli/log_tail.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>
#include <vector>

#include "support/rng_seed.h"
#include "support/temporary_directory.h"

namespace footfall::cli {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

// A server that writes a log, and who rotates it.
class LogTailTest : public ::testing::Test {
 protected:
  void write(const std::string& text) { std::ofstream(log_, std::ios::app) << text; }
  void truncate() { ASSERT_EQ(::truncate(log_.c_str(), 0), 0); }
  std::string rotated(int number) const { return log_ + "." + std::to_string(number); }
  // 1 becomes 2 and so on, packed ones too.
  void shift() {
    for (int number = 50; number > 0; --number) {
      for (const char* packed : {"", ".gz"}) {
        if (fs::exists(rotated(number) + packed)) fs::rename(rotated(number) + packed, rotated(number + 1) + packed);
      }
    }
  }
  void rename() {
    shift();
    fs::rename(log_, rotated(1));
    write("");
  }
  void copy_and_truncate() {
    shift();
    fs::copy_file(log_, rotated(1));
    truncate();
  }
  void pack(const std::string& path) {
    std::ifstream in(path);
    const std::string content{std::istreambuf_iterator<char>(in), {}};
    gzFile out = gzopen((path + ".gz").c_str(), "wb");
    ASSERT_NE(out, nullptr);
    ASSERT_EQ(gzwrite(out, content.data(), static_cast<unsigned>(content.size())), static_cast<int>(content.size()));
    gzclose(out);
    fs::last_write_time(path + ".gz", fs::last_write_time(path));
    fs::remove(path);
  }
  // Stamps of files have the granularity of a tick.
  static void tick() { std::this_thread::sleep_for(milliseconds(12)); }

  LogTailOptions options() {
    LogTailOptions options;
    options.path = log_;
    options.quiet = milliseconds(0);
    options.search = milliseconds(0);
    options.tell = [this](const std::string& what) { told_ += what + "\n"; };
    options.now_ns = [this] {
      timespec now{};
      clock_gettime(CLOCK_REALTIME_COARSE, &now);
      return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec + later_ns_;
    };
    return options;
  }
  void begin(LogTail::Begin where = LogTail::Begin::first_line) {
    auto begun = LogTail::begin(options(), where);
    ASSERT_TRUE(begun) << begun.error().detail;
    tail_ = *std::move(begun);
    tick();
  }
  void kill_and_resume() { tail_ = LogTail::resume(options(), tail_->mark()); }
  // All that is there.
  std::string read() {
    std::string out;
    for (int idle = 0; idle < 3;) {
      std::string_view lines;
      switch (tail_->next(lines)) {
        case LogTail::Next::lines:
          out += lines;
          idle = 0;
          break;
        case LogTail::Next::too_long:
          out += "<too long>\n";
          break;
        case LogTail::Next::nothing:
          ++idle;
          break;
        case LogTail::Next::failed:
          ADD_FAILURE() << tail_->error().detail;
          return out;
      }
    }
    return out;
  }

  const testing::TemporaryDirectory directory_;
  const std::string log_ = directory_.file("access.log");
  std::unique_ptr<LogTail> tail_;
  std::string told_;
  std::int64_t later_ns_ = 0;
};

TEST_F(LogTailTest, WholeLinesAreGivenAsTheyAreWritten) {
  write("a\nb\nhal");
  begin();
  EXPECT_EQ(tail_->mark().position, 1U);
  EXPECT_EQ(read(), "a\nb\n");
  EXPECT_EQ(tail_->mark().position, 5U);
  EXPECT_EQ(read(), "");
  write("f\nc\n");
  EXPECT_EQ(read(), "half\nc\n");
  EXPECT_EQ(tail_->mark().position, 12U);
  EXPECT_EQ(told_, "");
}

TEST_F(LogTailTest, ItMayBeginBehindTheLastWholeLine) {
  write("old\nolder\nhal");
  begin(LogTail::Begin::next_line);
  EXPECT_EQ(tail_->mark().position, 1U);
  EXPECT_EQ(tail_->mark().offset, 10U);
  write("f\nnew\n");
  EXPECT_EQ(read(), "half\nnew\n");
  kill_and_resume();
  write("newer\n");
  EXPECT_EQ(read(), "newer\n");
}

TEST_F(LogTailTest, ALogThatIsNotThereYetIsWaitedFor) {
  begin(LogTail::Begin::next_line);
  EXPECT_NE(told_.find("not there yet"), std::string::npos);
  EXPECT_EQ(read(), "");
  kill_and_resume();
  EXPECT_EQ(read(), "");
  write("first\n");
  EXPECT_EQ(read(), "first\n");
}

TEST_F(LogTailTest, ADirectoryAndAPackedLogAreRefused) {
  fs::create_directory(log_);
  EXPECT_EQ(LogTail::begin(options(), LogTail::Begin::first_line).error().code, base::Errc::io);
  fs::remove(log_);
  write("a\n");
  pack(log_);
  fs::rename(log_ + ".gz", log_);
  EXPECT_EQ(LogTail::begin(options(), LogTail::Begin::first_line).error().code, base::Errc::io);
}

// --- renamed ---

TEST_F(LogTailTest, ARenamedFileIsReadToItsEndFirst) {
  write("a\n");
  begin();
  EXPECT_EQ(read(), "a\n");
  write("b\n");
  rename();
  write("c\n");
  EXPECT_EQ(read(), "b\nc\n");
  EXPECT_EQ(tail_->mark().position, 7U);
  rename();
  rename();
  write("d\n");
  EXPECT_EQ(read(), "d\n");
  EXPECT_EQ(told_, "");
}

TEST_F(LogTailTest, WhatAServerStillWritesToTheOldFileIsCountedUntilItIsQuiet) {
  write("a\n");
  LogTailOptions patient = options();
  patient.quiet = milliseconds(5'000);
  tail_ = *LogTail::begin(patient, LogTail::Begin::first_line);
  EXPECT_EQ(read(), "a\n");
  rename();
  write("new\n");
  EXPECT_EQ(read(), "") << "the old one is not over";
  std::ofstream(rotated(1), std::ios::app) << "late\n";
  EXPECT_EQ(read(), "late\n");
  later_ns_ += 4'000'000'000;
  EXPECT_EQ(read(), "");
  later_ns_ += 2'000'000'000;
  EXPECT_EQ(read(), "new\n");
}

TEST_F(LogTailTest, AFileThatWasRotatedLongAgoIsNotWaitedFor) {
  write("a\n");
  LogTailOptions patient = options();
  patient.quiet = milliseconds(5'000);
  tail_ = *LogTail::begin(patient, LogTail::Begin::first_line);
  EXPECT_EQ(read(), "a\n");
  const LogMark mark = tail_->mark();
  rename();
  write("b\n");
  later_ns_ += 6'000'000'000;
  tail_ = LogTail::resume(patient, mark);
  EXPECT_EQ(read(), "b\n");
}

TEST_F(LogTailTest, ALineThatNobodyEndsIsGivenWhenItsFileIsOver) {
  write("a\ncut o");
  begin();
  EXPECT_EQ(read(), "a\n");
  rename();
  write("b\n");
  EXPECT_EQ(read(), "cut ob\n");
  EXPECT_EQ(tail_->mark().position, 10U);
}

// --- while nobody reads ---

TEST_F(LogTailTest, WhatCameWhileNobodyReadIsReadOldestFirst) {
  write("a\n");
  begin();
  EXPECT_EQ(read(), "a\n");
  write("b\n");
  for (const char* line : {"c\n", "d\n", "e\n"}) {
    rename();
    write(line);
  }
  kill_and_resume();
  EXPECT_EQ(read(), "b\nc\nd\ne\n");
  EXPECT_EQ(told_, "");
}

TEST_F(LogTailTest, PackedFilesAreReadToo) {
  write("a\n");
  begin();
  EXPECT_EQ(read(), "a\n");
  write("b\n");
  rename();
  write("c\n");
  rename();
  write("d\n");
  pack(rotated(1));
  pack(rotated(2));
  kill_and_resume();
  EXPECT_EQ(read(), "b\nc\nd\n");
  EXPECT_EQ(told_, "");
}

TEST_F(LogTailTest, AFileThatIsPackedWhileItIsReadIsKnownAgain) {
  write("a\n");
  begin();
  EXPECT_EQ(read(), "a\n");
  rename();
  write("b\n");
  rename();
  write("c\n");
  pack(rotated(1));
  pack(rotated(2));
  EXPECT_EQ(read(), "b\nc\n");
  EXPECT_EQ(told_, "");
}

TEST_F(LogTailTest, AnInodeThatIsUsedAgainIsAnotherFile) {
  write("a\n");
  begin();
  EXPECT_EQ(read(), "a\n");
  const LogMark mark = tail_->mark();
  fs::rename(log_, rotated(1));
  pack(rotated(1));
  write("x\ny\n");
  LogMark taken_over = mark;  // whatever inode the file system gave
  struct stat status {};
  ASSERT_EQ(stat(log_.c_str(), &status), 0);
  taken_over.inode = status.st_ino;
  tail_ = LogTail::resume(options(), taken_over);
  EXPECT_EQ(read(), "x\ny\n");
  EXPECT_EQ(told_, "") << "the rest was found in the packed file";
}

TEST_F(LogTailTest, ALogOfWhichNothingWasReadYetMayBeRotated) {
  write("");
  begin();
  kill_and_resume();
  write("a\n");
  rename();
  tick();
  write("b\n");
  rename();
  write("c\n");
  EXPECT_EQ(read(), "a\nb\nc\n");
  EXPECT_EQ(told_, "");
}

// --- truncated ---

TEST_F(LogTailTest, OfACopiedAndTruncatedLogTheRestIsInTheCopy) {
  write("a\n");
  begin();
  EXPECT_EQ(read(), "a\n");
  write("b\n");
  copy_and_truncate();
  write("c\n");
  EXPECT_EQ(read(), "b\nc\n");
  write("d\n");
  copy_and_truncate();
  pack(rotated(1));
  write("e\nlonger than what was there\n");
  EXPECT_EQ(read(), "d\ne\nlonger than what was there\n");
  EXPECT_EQ(told_, "");
}

TEST_F(LogTailTest, TheSameWhileNobodyReads) {
  write("a\n");
  begin();
  EXPECT_EQ(read(), "a\n");
  write("b\n");
  copy_and_truncate();
  write("c\n");
  copy_and_truncate();
  write("d\ne\n");
  kill_and_resume();
  EXPECT_EQ(read(), "b\nc\nd\ne\n");
  EXPECT_EQ(told_, "");
}

TEST_F(LogTailTest, ATruncatedLogIsReadFromItsBeginAndToldOf) {
  write("a\nb\n");
  begin();
  EXPECT_EQ(read(), "a\nb\n");
  truncate();
  EXPECT_EQ(read(), "");
  write("c\n");
  EXPECT_EQ(read(), "c\n");
  EXPECT_NE(told_.find("truncated or removed"), std::string::npos);
  EXPECT_EQ(tail_->mark().position, 7U) << "a position never falls";
}

TEST_F(LogTailTest, OneThatWasFilledAgainBeyondThePlaceIsNoticed) {
  write("a\nb\n");
  begin();
  EXPECT_EQ(read(), "a\nb\n");
  truncate();
  write("c\nd\ne\n");
  EXPECT_EQ(read(), "c\nd\ne\n");
  EXPECT_NE(told_, "");
}

// A power cut: the daemon has counted lines whose bytes were not on the disk yet.
TEST_F(LogTailTest, AFileThatLostItsEndIsNotReadAgain) {
  std::string content;
  for (int n = 0; n < 200; ++n) content += "line " + std::to_string(n) + "\n";
  write(content);
  begin();
  EXPECT_EQ(read(), content);
  const std::uint64_t position = tail_->mark().position;
  const std::size_t whole = content.rfind('\n', content.size() - 400) + 1;
  ASSERT_EQ(::truncate(log_.c_str(), static_cast<off_t>(whole)), 0);
  kill_and_resume();
  EXPECT_EQ(read(), "");
  EXPECT_NE(told_.find("lost its end"), std::string::npos);
  EXPECT_GT(tail_->mark().position, position) << "the new place is kept before there is a line";
  kill_and_resume();
  write("new\n");
  EXPECT_EQ(read(), "new\n");
  // Filled again beyond the place: what stands behind it is new.
  ASSERT_EQ(::truncate(log_.c_str(), static_cast<off_t>(whole - 300)), 0);
  write("half a line that was cut" + std::string(2000, '.') + "\n" + std::string(2000, '!') + "\n");
  kill_and_resume();
  EXPECT_NE(read().find(std::string(2000, '!')), std::string::npos);
  // Another begin: another content.
  truncate();
  write("other\n" + content);
  EXPECT_EQ(read(), "other\n" + content);
}

TEST_F(LogTailTest, PositionsGoOnBehindThoseOfOthersWhenThePlaceIsLost) {
  write("a\nb\n");
  begin();
  EXPECT_EQ(read(), "a\nb\n");
  truncate();
  write("c\n");
  LogTailOptions later = options();
  later.position_min = 1'000;
  tail_ = LogTail::resume(std::move(later), tail_->mark());
  EXPECT_EQ(read(), "c\n");
  EXPECT_EQ(tail_->mark().position, 1'002U);
}

TEST_F(LogTailTest, WhatIsGoneIsLookedForForAWhile) {
  write("a\nb\n");
  LogTailOptions patient = options();
  patient.search = milliseconds(3'000);
  tail_ = *LogTail::begin(patient, LogTail::Begin::first_line);
  EXPECT_EQ(read(), "a\nb\n");
  const std::string content = "a\nb\nrest\n";
  truncate();
  write("c\n");
  EXPECT_EQ(read(), "");
  std::ofstream(rotated(1)) << content;  // packed and unpacked again, say
  EXPECT_EQ(read(), "rest\nc\n");
  EXPECT_EQ(told_, "");
}

TEST_F(LogTailTest, OfAFileThatIsGoneTheOnesThatWereWrittenSinceAreRead) {
  write("a\n");
  begin();
  EXPECT_EQ(read(), "a\n");
  std::ofstream(rotated(3)) << "older, read before\n";
  tick();
  write("b\n");
  EXPECT_EQ(read(), "b\n");
  tick();
  fs::remove(log_);
  std::ofstream(rotated(1)) << "c\n";
  write("d\n");
  kill_and_resume();
  EXPECT_EQ(read(), "c\nd\n");
  EXPECT_NE(told_.find("is not counted"), std::string::npos);
}

TEST_F(LogTailTest, AFileThatCannotBeUnpackedIsPassedOverAndTold) {
  write("a\n");
  begin();
  EXPECT_EQ(read(), "a\n");
  rename();
  std::ofstream(rotated(1) + ".tmp") << "";
  write("b\n");
  rename();
  fs::rename(rotated(1), rotated(1) + ".xz");
  fs::remove(rotated(1) + ".tmp");
  write("c\n");
  EXPECT_EQ(read(), "c\n");
  EXPECT_NE(told_.find("is packed in a way that is not read here"), std::string::npos) << told_;
}

// --- bounds ---

TEST_F(LogTailTest, ALineThatIsTooLongIsPassedOverAndThoseAroundItAreNot) {
  write("a\n");
  begin();
  write(std::string(3 * LogTail::kLineMax, 'x'));
  EXPECT_EQ(read(), "a\n");
  kill_and_resume();
  EXPECT_EQ(read(), "") << "the mark is before it";
  write("\nb\nc\n");
  EXPECT_EQ(read(), "<too long>\nb\nc\n");
  EXPECT_EQ(tail_->mark().position, 1 + 2 + 3 * LogTail::kLineMax + 1 + 4);
  kill_and_resume();
  write("d\n");
  EXPECT_EQ(read(), "d\n");
}

TEST_F(LogTailTest, LongLinesBelowTheBoundAreGiven) {
  const std::string line = std::string(LogTail::kLineMax - 10, 'y') + "\n";
  write("a\n" + line + "b\n");
  begin();
  EXPECT_EQ(read(), "a\n" + line + "b\n");
}

// ---- at random: each line exactly once, in order, whatever is done to the files, and however often it is killed ----

TEST_F(LogTailTest, EachLineIsReadOnceWhateverHappens) {
  std::mt19937_64 rng(testing::rng_seed());
  const auto below = [&](std::uint64_t n) { return rng() % n; };
  for (int round = 0; round < 25; ++round) {
    for (const auto& entry : fs::directory_iterator(directory_.path())) fs::remove(entry);
    told_.clear();
    std::string written, counted, gathered;
    int next_line = 0;
    int files = 0;
    bool half = false;
    const auto end_line = [&] {
      if (!half) return;
      write("end\n");
      written += "end\n";
      half = false;
    };
    write("");
    auto begun = LogTail::begin(options(), LogTail::Begin::first_line);
    ASSERT_TRUE(begun);
    tail_ = *std::move(begun);
    tick();
    LogMark mark = tail_->mark();
    const auto turn = [&] {
      std::string_view lines;
      const LogTail::Next next = tail_->next(lines);
      ASSERT_NE(next, LogTail::Next::failed) << tail_->error().detail;
      if (next == LogTail::Next::lines) gathered += lines;
      if (below(3) > 0) return;
      // As the daemon keeps them: in one block.
      mark = tail_->mark();
      counted += gathered;
      gathered.clear();
    };
    for (int step = 0; step < 120 && !HasFatalFailure(); ++step) {
      switch (below(12)) {
        case 0:
        case 1:
        case 2: {
          end_line();
          std::string text;
          for (std::uint64_t n = below(below(10) == 0 ? 3000 : 20); n > 0; --n)
            text += "line " + std::to_string(next_line++) + std::string(below(40), '.') + "\n";
          write(text);
          written += text;
          break;
        }
        case 3: {
          end_line();
          const std::string text = "half " + std::to_string(next_line++) + " ";
          write(text);
          written += text;
          half = true;
          break;
        }
        case 4:
          if (files >= 40) break;
          end_line();
          ++files;
          rename();
          break;
        case 5:
          // Nothing tells a copy of nothing from another.
          if (files >= 40 || fs::file_size(log_) == 0) break;
          end_line();
          ++files;
          copy_and_truncate();
          break;
        case 6: {
          const std::string path = rotated(static_cast<int>(1 + below(3)));
          if (fs::exists(path)) pack(path);
          break;
        }
        case 7:
          tail_ = LogTail::resume(options(), mark);
          gathered.clear();
          break;
        default:
          ASSERT_NO_FATAL_FAILURE(turn());
      }
    }
    end_line();
    for (int idle = 0; idle < 4 && !HasFatalFailure();) {
      const LogMark before = tail_->mark();
      ASSERT_NO_FATAL_FAILURE(turn());
      idle = tail_->mark() == before ? idle + 1 : 0;
    }
    counted += gathered;
    const auto differ = std::mismatch(counted.begin(), counted.end(), written.begin(), written.end());
    const auto at = static_cast<std::size_t>(differ.second - written.begin());
    ASSERT_TRUE(counted == written) << "round " << round << ": " << counted.size() << " of " << written.size()
                                    << " bytes, from byte " << at << ":\n"
                                    << written.substr(at, 80) << "\ncame as\n"
                                    << counted.substr(std::min(at, counted.size()), 80) << "\n"
                                    << told_;
    ASSERT_EQ(told_, "") << "round " << round;
  }
}

}  // namespace
}  // namespace footfall::cli
