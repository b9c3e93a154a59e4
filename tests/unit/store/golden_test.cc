// SPDX-License-Identifier: Apache-2.0
// Golden files: tests/golden/v1 is a data directory that a release with these formats wrote. Every later release reads
// it, and finds what expected.txt says. Made anew, when a format changes before it was released, by
//
//   FOOTFALL_GOLDEN_WRITE=1 build/release/tests/unit/store/store_test --gtest_filter='GoldenTest.*'
//
// A format that was released stays as it is: the next one gets a directory of its own.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/bytes.h"
#include "base/hash.h"
#include "node.h"
#include "sites/salts_file.h"
#include "store/verify.h"
#include "support/temporary_directory.h"

namespace footfall::store {
namespace {

using base::Errc;
using testing::Node;
using testing::Ping;

constexpr std::int64_t kBegin = 1'700'000'000;
constexpr std::int64_t kDay = 86'400;

class GoldenTest : public ::testing::Test {
 protected:
  void SetUp() override {
    node_ = std::make_unique<Node>(golden_ + "/data", clock_);
    limits_ = node_->limits;
    if (std::getenv("FOOTFALL_GOLDEN_WRITE") != nullptr) {
      ASSERT_NO_FATAL_FAILURE(write());
    }
    std::filesystem::copy(golden_ + "/data", data_, std::filesystem::copy_options::recursive);
    std::filesystem::permissions(data_ + "/salts", std::filesystem::perms(0600));  // which Git does not keep
  }

  // ---- The directory: every type of record and most kinds of changes, two shards, a day that is closed ----

  void hit(unsigned stream, const std::string& site, const std::string& path, std::uint64_t visitor,
           sites::BatchClaim claim = {}) {
    const Ping ping{site, path, visitor, clock_.utc_s(), visitor % 2 == 0 ? "Firefox" : "Chrome", visitor % 7 == 0};
    ASSERT_TRUE(node_->hit(stream, {ping}, std::move(claim)));
  }
  template <class T>
  void change(const std::string& id, const base::Result<T>& plan) {
    ASSERT_TRUE(plan) << id << ": " << to_string(plan.error());
    const auto done = node_->change(id, *plan);
    ASSERT_TRUE(done) << id << ": " << to_string(done.error());
  }
  void write() {
    std::filesystem::remove_all(golden_ + "/data");
    std::filesystem::create_directories(golden_);
    node_->segment_bytes = 6U << 10U;
    const auto started = node_->start(2);
    ASSERT_TRUE(started) << to_string(started.error());
    sites::Registry& registry = node_->registry();
    for (const char* name : {"a.vn", "b.vn"}) {
      sites::Settings settings;
      settings.name = name;
      change(std::string("add-") + name, registry.plan_add(settings, 1));
    }
    change("seed", registry.plan_seed_amount("a.vn", std::nullopt, 1000, clock_.utc_s()));
    for (std::uint64_t n = 1; n <= 40; ++n) hit(n % 2, n % 3 == 0 ? "b.vn" : "a.vn", "/" + std::to_string(n % 5), n);
    clock_.advance_ms(3 * kDay * 1000);
    node_->tick();
    ASSERT_TRUE(node_->checkpoint());
    change("reset", registry.plan_reset("b.vn", 77, clock_.utc_s()));
    for (std::uint64_t n = 1; n <= 20; ++n)
      hit(n % 2, n % 3 == 0 ? "b.vn" : "a.vn", "/new/" + std::to_string(n % 4), n,
          n % 5 == 0 ? node_->claim("batch-" + std::to_string(n)) : sites::BatchClaim());
    ASSERT_TRUE(node_->checkpoint());
    change("seed-again", registry.plan_seed_amount("b.vn", std::nullopt, 50, clock_.utc_s()));
    const sites::SiteId site = registry.find("a.vn")->id();
    change("import", base::Result<sites::ImportBegun>(sites::ImportBegun{site, "access.log", 1, 2}));
    change("undo", registry.plan_undo("seed-again", clock_.utc_s()));
    for (std::uint64_t n = 30; n <= 45; ++n) {
      sites::BatchClaim claim;
      if (n < 40) claim.claim_part(registry.imports(), site, "access.log", n);
      if (n > 43) claim = node_->claim("batch-" + std::to_string(n));
      hit(n % 2, "a.vn", "/last/" + std::to_string(n % 3), n, std::move(claim));
      clock_.advance_ms(1000);
      node_->tick();
    }
    node_->crash();
    ASSERT_TRUE(sites::write_salts(testing::unsynced_files(), golden_ + "/data/salts", salts()));
    std::ofstream(golden_ + "/expected.txt") << describe(golden_ + "/data");
    std::filesystem::remove(golden_ + "/data/LOCK");
  }

  static sites::SaltsState salts() {
    sites::SaltsState state;
    state.day = sites::oldest_salt_day(kBegin + 3 * kDay);
    for (std::size_t i = 0; i < state.key.size(); ++i) state.key[i] = static_cast<std::uint8_t>(i);
    return state;
  }

  // ---- What is found in it ----

  std::string describe(const std::string& path) const {
    std::ostringstream out;
    const auto directory = DataDirectory::open(testing::unsynced_files(), path);
    if (!directory) return to_string(directory.error());
    const auto state = recover(**directory, limits_);
    if (!state) return to_string(state.error());
    out << "checkpoint " << state->checkpoint << "\nreplayed " << state->replayed_blocks << " blocks, "
        << state->replayed_hits << " hits\n";
    for (const std::string& warning : state->warnings) out << "warning " << warning << "\n";
    for (const auto& [stream, position] : state->positions)
      out << journal::directory_name(stream) << " " << position.sequence << "\n";
    const auto history = History::open(path + "/history.sqlite");
    if (!history) return to_string(history.error());
    for (sites::Site* site : state->registry->all_sites()) {
      base::MutexLock lock(site->mutex());
      const auto summary =
          site->state().summary(state->newest_s, counting::calendar_of(counting::local_day(state->newest_s, 0)));
      out << state->registry->last_settings(site->id())->name << " total " << summary.total << " counted "
          << summary.counted << "\n";
      const auto& included = site->state().included();
      const auto rows = (*history)->top(site->id(), {included.begin(), included.end()}, counting::Dimension::page, 0,
                                        counting::local_day(state->newest_s, 0), 100);
      for (const HistoryRow& row : rows.value()) out << "  " << row.label << " " << row.count << "\n";
    }
    out << "batch keys " << state->registry->batch_keys().held() << "\n";
    for (const AuditEntry& entry : (*history)->audit(100).value())
      out << "audit " << entry.id << " " << entry.action << " " << entry.before << " " << entry.after << "\n";
    out << "hash " << content_hash(*state->registry, state->newest_s) << "\n";
    return out.str();
  }
  static std::string content(const std::string& path) {
    return base::read_file(base::posix_file_system(), path, 1U << 20U).value();
  }
  static void put(const std::string& path, std::string_view bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  }
  static std::string u32(std::uint32_t value) {
    std::string bytes;
    base::ByteWriter(bytes).u32(value);
    return bytes;
  }
  void expect_refused(const std::string& file) const { expect_says(describe(data_), file); }
  static void expect_says(const std::string& found, const std::string& file) {
    for (const char* part : {file.c_str(), "format 2", "up to 1", "start the release that wrote it"})
      EXPECT_NE(found.find(part), std::string::npos) << part << " is not in: " << found;
  }

  const std::string golden_ = FOOTFALL_GOLDEN_DIR "/v1";
  testing::TemporaryDirectory temporary_;
  const std::string data_ = temporary_.file("data");
  base::ManualClock clock_{kBegin * 1000};
  std::unique_ptr<Node> node_;
  counting::Limits limits_;
};

TEST_F(GoldenTest, IsReadAsItWasWritten) {
  EXPECT_EQ(describe(data_), content(golden_ + "/expected.txt"));
  EXPECT_EQ(describe(data_), content(golden_ + "/expected.txt")) << "and again";
}

TEST_F(GoldenTest, IsWhole) {
  const auto directory = DataDirectory::open(testing::unsynced_files(), data_).value();
  const VerifyReport report = verify(*directory, limits_, kBegin + 4 * kDay);
  EXPECT_EQ(report.problems, std::vector<std::string>());
  EXPECT_EQ(report.warnings, std::vector<std::string>());
}

TEST_F(GoldenTest, ItsSaltsAreReadAsTheyWereWritten) {
  const auto found = sites::read_salts(testing::unsynced_files(), data_ + "/salts");
  ASSERT_TRUE(found) << to_string(found.error());
  EXPECT_EQ(found->day, salts().day);
  EXPECT_EQ(found->key, salts().key);
}

TEST_F(GoldenTest, ADirectoryOfALaterFormatIsRefused) {
  std::string lines = content(data_ + "/META");
  lines.erase(lines.rfind("crc32c "));
  lines.replace(0, lines.find('\n'), "footfall 2");
  std::array<char, 16> crc{};
  std::snprintf(crc.data(), crc.size(), "%08x", base::crc32c(lines));
  put(data_ + "/META", lines + "crc32c " + crc.data() + "\n");
  expect_refused("/META");
}

TEST_F(GoldenTest, ASegmentOfALaterFormatIsRefused) {
  std::string newest;
  for (const auto& entry : std::filesystem::directory_iterator(data_ + "/journal/hits-001"))
    if (entry.path().filename().string().front() == '0') newest = std::max(newest, entry.path().string());
  std::string bytes = content(newest);
  bytes.replace(8, 4, u32(2));
  const std::size_t crc_at = journal::kSegmentHeaderBytes - 4;
  bytes.replace(crc_at, 4, u32(base::crc32c(std::string_view(bytes).substr(0, crc_at))));
  put(newest, bytes);
  expect_refused(newest);
}

TEST_F(GoldenTest, ACheckpointOfALaterFormatIsRefused) {
  const std::string path = data_ + "/checkpoint/2.ckpt";
  std::string bytes = content(path);
  bytes.replace(8, 4, u32(2));
  const std::size_t crc_at = 16 + base::ByteReader(std::string_view(bytes).substr(12)).u32();
  bytes.replace(crc_at, 4, u32(base::crc32c(std::string_view(bytes).substr(0, crc_at))));
  put(path, bytes);
  expect_refused(path);
}

TEST_F(GoldenTest, SaltsOfALaterFormatAreRefused) {
  std::string bytes = content(data_ + "/salts");
  bytes.replace(6, 1, "2");
  bytes.replace(bytes.size() - 4, 4, u32(base::crc32c(std::string_view(bytes).substr(0, bytes.size() - 4))));
  put(data_ + "/salts", bytes);
  const auto found = sites::read_salts(testing::unsynced_files(), data_ + "/salts");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::newer_format);
  expect_says(found.error().detail, "/salts");
}

TEST_F(GoldenTest, AHistoryOfALaterFormatIsRefused) {
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((data_ + "/history.sqlite").c_str(), &db), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(db, "PRAGMA user_version=2", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  expect_refused("/history.sqlite");
}

}  // namespace
}  // namespace footfall::store
