// SPDX-License-Identifier: Apache-2.0
#include "cli/rotated_logs.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "support/temporary_directory.h"

namespace footfall::cli {
namespace {

class RotatedLogsTest : public ::testing::Test {
 protected:
  void make(const std::string& name, std::int64_t modified_s = 1'000) {
    std::ofstream(directory_.path() + "/" + name) << name;
    const timespec times[2] = {{modified_s, 0}, {modified_s, 0}};
    ASSERT_EQ(utimensat(AT_FDCWD, (directory_.path() + "/" + name).c_str(), times, 0), 0);
  }
  // Names, oldest first; those that cannot be read in brackets.
  std::string found(const std::string& log = "access.log") {
    std::string out;
    for (const RotatedLog& rotated : rotated_logs(directory_.path() + "/" + log)) {
      const std::string name = rotated.path.substr(directory_.path().size() + 1);
      out += (out.empty() ? "" : " ") + (rotated.readable ? name : "(" + name + ")");
    }
    return out;
  }
  testing::TemporaryDirectory directory_;
};

TEST_F(RotatedLogsTest, NumbersCountBackwards) {
  for (const char* name : {"access.log", "access.log.1", "access.log.2.gz", "access.log.10.gz"}) make(name);
  EXPECT_EQ(found(), "access.log.10.gz access.log.2.gz access.log.1");
}

TEST_F(RotatedLogsTest, DatesCountForwards) {
  for (const char* name :
       {"access.log", "access.log-20261201", "access.log-20261130.gz", "access.log-20261130-1764500000"})
    make(name);
  EXPECT_EQ(found(), "access.log-20261130.gz access.log-20261130-1764500000 access.log-20261201");
}

TEST_F(RotatedLogsTest, SecondsAndDatesBehindADotAreDates) {
  for (const char* name : {"access.log.2026-11-30", "access.log.2026-11-29_23", "access.log.2026-11-30T10:00"})
    make(name);
  EXPECT_EQ(found(), "access.log.2026-11-29_23 access.log.2026-11-30 access.log.2026-11-30T10:00");
}

TEST_F(RotatedLogsTest, TheNumberMayStandBeforeTheExtension) {
  for (const char* name : {"access.log", "access-20261130.log", "access-20261201.log.gz", "access-.log",
                           "access-x1.log", "accesses-20261130.log"})
    make(name);
  EXPECT_EQ(found(), "access-20261130.log access-20261201.log.gz");
  for (const char* name : {"error.1.log", "error.2.log.gz"}) make(name);
  EXPECT_EQ(found("error.log"), "error.2.log.gz error.1.log");
}

TEST_F(RotatedLogsTest, OtherFilesAreNone) {
  for (const char* name :
       {"access.log", "access.log.bak", "access.log.1.bak", "access.log.1~", "access.log.swp", "access.log1",
        "my.access.log.1", "access.logs.1", "access.log.", "access.log.gz", "access.log.-1"})
    make(name);
  mkdir((directory_.path() + "/access.log.3").c_str(), 0700);
  EXPECT_EQ(found(), "");
}

TEST_F(RotatedLogsTest, OneThatIsBeingPackedIsThereOnce) {
  for (const char* name : {"access.log.1", "access.log.1.gz", "access.log.2.gz"}) make(name);
  EXPECT_EQ(found(), "access.log.2.gz access.log.1");
}

TEST_F(RotatedLogsTest, WhatCannotBeUnpackedIsTold) {
  for (const char* name : {"access.log.3.bz2", "access.log.2.xz", "access.log.1.zst"}) make(name);
  EXPECT_EQ(found(), "(access.log.3.bz2) (access.log.2.xz) (access.log.1.zst)");
}

TEST_F(RotatedLogsTest, OfTwoWaysOfNamingTheLaterUsedIsTheNewer) {
  for (const char* name : {"access.log.1", "access.log.2"}) make(name, 1'000);
  for (const char* name : {"access.log-20261129", "access.log-20261130"}) make(name, 2'000);
  EXPECT_EQ(found(), "access.log.2 access.log.1 access.log-20261129 access.log-20261130");
  make("access.log.1", 3'000);
  EXPECT_EQ(found(), "access.log-20261129 access.log-20261130 access.log.2 access.log.1");
}

TEST_F(RotatedLogsTest, NoDirectoryHasNone) {
  EXPECT_TRUE(rotated_logs(directory_.path() + "/nowhere/access.log").empty());
}

}  // namespace
}  // namespace footfall::cli
