// SPDX-License-Identifier: Apache-2.0
#include "redis/snapshots.h"

#include <gtest/gtest.h>

#include <memory>

#include "server_fixture.h"

namespace footfall::redis {
namespace {

class SnapshotsTest : public ServerFixture {
 protected:
  void SetUp() override {
    ServerFixture::SetUp();
    if (!IsSkipped()) snapshots_ = std::make_unique<Snapshots>(*calls_, "ff");
  }

  template <class T, class Begin>
  base::Result<T> wait(const Begin& begin) {
    std::optional<base::Result<T>> answer;
    begin([&](base::Result<T> result) { answer.emplace(std::move(result)); });
    EXPECT_FALSE(answer) << "answered from within the call";
    wait_until([&] { return answer.has_value(); });
    return answer ? *std::move(answer) : base::Result<T>(base::Error{base::Errc::unavailable, "no answer"});
  }
  bool save(const std::string& site, const std::string& id, std::int64_t taken_ms, const std::string& bytes,
            std::size_t kept = 10) {
    return bool(wait<void>([&](auto then) { snapshots_->save({site, id, taken_ms}, bytes, kept, then); }));
  }
  // "a@1 b@2"
  std::string listed(const std::string& site) {
    const auto names = wait<std::vector<Snapshots::Name>>([&](auto then) { snapshots_->list(site, then); });
    if (!names) return names.error().detail;
    std::string out;
    for (const Snapshots::Name& name : *names)
      out += (out.empty() ? "" : " ") + name.id + "@" + std::to_string(name.taken_ms);
    return out;
  }
  std::string load(const std::string& site, const std::string& id) {
    const auto bytes = wait<std::string>([&](auto then) { snapshots_->load(site, id, then); });
    return bytes ? *bytes : bytes.error().detail;
  }

 private:
  std::unique_ptr<Snapshots> snapshots_;
};

TEST_F(SnapshotsTest, WhatIsSavedIsListedAndLoaded) {
  ASSERT_TRUE(save("a.vn", "one", 1'700'000'000'123, std::string("\0\r\nbytes", 8)));
  ASSERT_TRUE(save("a.vn", "two", 1'700'000'000'456, "2"));
  ASSERT_TRUE(save("b.vn", "three", 3, "3"));
  EXPECT_EQ(listed("a.vn"), "two@1700000000456 one@1700000000123");
  EXPECT_EQ(listed("b.vn"), "three@3");
  EXPECT_EQ(listed("c.vn"), "");
  EXPECT_EQ(load("a.vn", "one"), std::string("\0\r\nbytes", 8));
  EXPECT_EQ(server_->command({"GET", "ff:{a.vn}:snapshot:two"}), "2");
}

TEST_F(SnapshotsTest, SavingAgainChangesNothing) {
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(save("a.vn", "one", 1, "1"));
  EXPECT_EQ(listed("a.vn"), "one@1");
}

TEST_F(SnapshotsTest, TheOldestGoWithTheirBytes) {
  for (int i = 1; i <= 5; ++i) ASSERT_TRUE(save("a.vn", "s" + std::to_string(i), i, "x", 3));
  EXPECT_EQ(listed("a.vn"), "s5@5 s4@4 s3@3");
  EXPECT_EQ(server_->command({"EXISTS", "ff:{a.vn}:snapshot:s1", "ff:{a.vn}:snapshot:s2"}), "0");
  EXPECT_EQ(server_->command({"EXISTS", "ff:{a.vn}:snapshot:s3"}), "1");
}

TEST_F(SnapshotsTest, OneThatIsNotThereIsNamed) {
  EXPECT_NE(load("a.vn", "gone").find("no snapshot gone of a.vn"), std::string::npos);
}

TEST_F(SnapshotsTest, RedissOwnWordsAreTheError) {
  server_->command({"SET", "ff:{a.vn}:snapshots", "no sorted set"});
  EXPECT_NE(listed("a.vn").find("WRONGTYPE"), std::string::npos);
  EXPECT_FALSE(save("a.vn", "one", 1, "1"));
}

TEST_F(SnapshotsTest, WithoutRedisEachCallIsAnsweredOnce) {
  server_->kill();
  EXPECT_FALSE(save("a.vn", "one", 1, "1"));
  EXPECT_NE(listed("a.vn").find("Redis at 127.0.0.1"), std::string::npos);
}

}  // namespace
}  // namespace footfall::redis
