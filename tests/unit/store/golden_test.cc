// SPDX-License-Identifier: Apache-2.0
// Golden files: tests/golden/v1/data is a data directory that a release with these formats wrote, and v1/backup a
// backup of it. Every later release reads them, and finds what expected.txt and expected-restored.txt say. Made anew,
// when a format changes before it was released, by
//
//   FOOTFALL_GOLDEN_WRITE=1 build/release/tests/unit/store/store_test --gtest_filter='GoldenTest.*'
//
// A format that was released stays as it is: the next one gets a directory of its own.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/bytes.h"
#include "base/hash.h"
#include "node.h"
#include "sites/records.h"
#include "sites/salts_file.h"
#include "sites/snapshot.h"
#include "store/backup.h"
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

  // ---- The directory: every type of record and of change in the journal, two shards, a day that is closed ----

  void hit(unsigned stream, const std::string& site, const std::string& path, std::uint64_t visitor,
           sites::BatchClaim claim = {}) {
    Ping ping{site, path, visitor, clock_.utc_s(), visitor % 2 == 0 ? "Firefox" : "Chrome", visitor % 7 == 0};
    if (visitor % 5 == 0) ping.kind = visitor % 2 == 0 ? counting::Kind::event : counting::Kind::heartbeat;
    if (visitor % 8 == 0) ping.moved_from = visitor + 1000;
    ASSERT_TRUE(node_->hit(stream, {ping}, std::move(claim)));
  }
  template <class T>
  void change(const std::string& id, const base::Result<T>& plan) {
    ASSERT_TRUE(plan) << id << ": " << to_string(plan.error());
    const auto done = node_->change(id, *plan);
    ASSERT_TRUE(done) << id << ": " << to_string(done.error());
  }
  template <class T>
  void change(const std::string& id, T action) {
    change(id, base::Result<T>(std::move(action)));
  }
  static sites::Settings settings(const std::string& name) {
    sites::Settings settings;
    settings.name = name;
    return settings;
  }
  // One of each kind, with what it can have.
  void every_change(const std::string& prefix, const std::string& site_name) {
    sites::Registry& registry = node_->registry();
    const std::int64_t now_s = clock_.utc_s();
    change(prefix + "add", registry.plan_add(settings(site_name), 5));
    sites::Settings other = settings(site_name);
    other.hosts = {"www." + site_name, site_name};
    other.timezone = "Asia/Ho_Chi_Minh";
    other.lang = "vi";
    other.grouping = sites::Grouping::dot;
    other.visibility = sites::Visibility::full;
    other.window_s = 60;
    other.strict_origin = other.count_bots = true;
    other.exclude_addresses = {base::parse_cidr("192.0.2.0/24").value(), base::parse_cidr("2001:db8::/32").value()};
    other.exclude_paths = {"/preview", "/admin/*"};
    change(prefix + "change", registry.plan_change(site_name, other));
    for (std::uint64_t n = 1; n <= 6; ++n) hit(n % 2, site_name, "/" + std::to_string(n % 2), n);
    change(prefix + "seed", registry.plan_seed_total(site_name, std::nullopt, 1000, now_s));
    change(prefix + "seed-page", registry.plan_seed_amount(site_name, "/seeded", 30, now_s));
    change(prefix + "seed-less", registry.plan_seed_amount(site_name, "/seeded", -3, now_s));
    using Marked = sites::PagesMarked::Kind;
    change(prefix + "merge", registry.plan_pages(site_name, Marked::merged, {"/0", "/later"}, "/seeded", now_s));
    change(prefix + "rename", registry.plan_pages(site_name, Marked::renamed, {"/seeded"}, "/renamed", now_s));
    change(prefix + "remove-page", registry.plan_pages(site_name, Marked::removed, {"/1"}, std::nullopt, now_s));
    const sites::SiteId site = registry.find(site_name)->id();
    sites::Snapshot snapshot;
    snapshot.settings = other;
    snapshot.total = 700;
    snapshot.pages = {{"/0", 300}, {"/restored", 20}};
    change(prefix + "restore", registry.plan_restore(site_name, snapshot, "snapshot-1", 9, now_s));
    change(prefix + "reset", registry.plan_reset(site_name, 77, now_s));
    change(prefix + "undo", registry.plan_undo(prefix + "reset", now_s));
    sites::TokenAdded token;
    token.id = prefix + "reader";
    token.digest.fill(3);
    token.scopes = 2;
    token.site = site;
    token.expires_s = kBegin + 1000 * kDay;
    change(prefix + "token", token);
    token.id = prefix + "gone";
    token.digest.fill(static_cast<std::uint8_t>(4 + prefix.size()));
    change(prefix + "token-gone", token);
    change(prefix + "remove-token", registry.plan_remove_token(token.id));
    change(prefix + "begin", sites::ImportBegun{site, "old.log", 3, 4});
    sites::BatchClaim part;
    part.claim_part(registry.imports(), site, "old.log", 8, clock_.utc_s());
    hit(1, site_name, "/imported", 12, std::move(part));
    change(prefix + "end", sites::ImportEnded{site, "old.log"});
    sites::BatchClaim followed;
    followed.claim_followed(registry.imports(), site, "followed.log", 0, 90, "inode=12 offset=90", clock_.utc_s());
    hit(0, site_name, "/followed", 13, std::move(followed));
    change(prefix + "add-two", registry.plan_add(settings("two." + site_name), 6));
    change(prefix + "remove", registry.plan_remove("two." + site_name));
  }
  // What another node counted on so many days: with its past, and then without.
  void learn(counting::Day days) {
    counting::SlotCounts counts;
    const counting::Day today = counting::local_day(clock_.utc_s(), 0);
    for (counting::Day day = today - days + 1; day <= today; ++day) {
      counts.days.push_back({.day = day, .hits = 10, .bots = 1});
      counts.counted += 10;
      counts.bots += 1;
    }
    for (int i = 0; i < 2; ++i) {
      const counting::RemoteSlot remote{{}, {1, 2, 3}, counting::make_slot(counts)};
      ASSERT_TRUE(node_->learn({{node_->registry().find("a.vn"), remote}}));
      ++counts.counted;
      ++counts.days.back().hits;
    }
  }
  void write() {
    std::filesystem::remove_all(golden_);
    std::filesystem::create_directories(golden_);
    node_->segment_bytes = 6U << 10U;
    const auto started = node_->start(2);
    ASSERT_TRUE(started) << to_string(started.error());
    sites::Registry& registry = node_->registry();
    for (const char* name : {"a.vn", "b.vn"}) change(std::string("add-") + name, registry.plan_add(settings(name), 1));
    every_change("first-", "c.vn");
    for (std::uint64_t n = 1; n <= 40; ++n) hit(n % 2, n % 3 == 0 ? "b.vn" : "a.vn", "/" + std::to_string(n % 5), n);
    learn(5);
    clock_.advance_ms(3 * kDay * 1000);
    node_->tick();
    ASSERT_TRUE(node_->checkpoint());
    for (std::uint64_t n = 1; n <= 20; ++n)
      hit(n % 2, n % 3 == 0 ? "b.vn" : "a.vn", "/new/" + std::to_string(n % 4), n,
          n % 5 == 0 ? node_->claim("batch-" + std::to_string(n)) : sites::BatchClaim());
    ASSERT_TRUE(node_->checkpointer().backup(backup_));
    every_change("then-", "d.vn");
    learn(7);
    ASSERT_TRUE(node_->nodes().inherit({registry.find("b.vn")}, {4, 5, 6}, node_->control_sequence()));
    const sites::SiteId site = registry.find("a.vn")->id();
    change("import", sites::ImportBegun{site, "access.log", 1, 2});
    for (std::uint64_t n = 30; n <= 45; ++n) {
      sites::BatchClaim claim;
      if (n < 40) claim.claim_part(registry.imports(), site, "access.log", n, clock_.utc_s());
      if (n > 43) claim = node_->claim("batch-" + std::to_string(n));
      hit(n % 2, "a.vn", "/last/" + std::to_string(n % 3), n, std::move(claim));
      clock_.advance_ms(1000);
      node_->tick();
    }
    // A peak that no block of a hit stream has: the moment writes it to the control stream.
    for (std::uint64_t n = 51; n <= 54; ++n) hit(0, "b.vn", "/peak", n);
    clock_.advance_ms(3000);
    {
      sites::Site& crowded = *registry.find("b.vn");
      base::MutexLock lock(crowded.mutex());
      crowded.state().advance(clock_.utc_s(), 0);
    }
    node_->moment();
    node_->crash();
    ASSERT_TRUE(sites::write_salts(testing::unsynced_files(), golden_ + "/data/salts", salts()));
    put(golden_ + "/data/admin-token", std::string(43, 'A') + "\n");
    put(golden_ + "/expected.txt", describe(golden_ + "/data"));
    put(golden_ + "/expected-restored.txt", describe(restored()));
    std::filesystem::remove_all(restored_);
    std::filesystem::remove(golden_ + "/data/LOCK");
  }
  static sites::SaltsState salts() {
    sites::SaltsState state;
    state.day = sites::oldest_salt_day(kBegin + 3 * kDay);
    for (std::size_t i = 0; i < state.key.size(); ++i) state.key[i] = static_cast<std::uint8_t>(i);
    return state;
  }

  // ---- What is found in it ----

  // The directory that a restore of the backup makes.
  std::string restored() const {
    const auto done = restore_backup(testing::unsynced_files(), backup_, restored_, limits_);
    EXPECT_TRUE(done) << to_string(done.error());
    return restored_;
  }
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
          << summary.counted << " here " << summary.counted_here << "\n";
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
  // As a file that is sealed by the checksum of all before its last four bytes.
  static std::string sealed(std::string bytes) {
    bytes.resize(bytes.size() - 4);
    return bytes + u32(base::crc32c(bytes));
  }
  void expect_refused(const std::string& file) const { expect_says(describe(data_), file); }
  static void expect_says(const std::string& found, const std::string& file) {
    for (const char* part : {file.c_str(), "format 2", "up to 1", "the release that "})
      EXPECT_NE(found.find(part), std::string::npos) << part << " is not in: " << found;
  }

  const std::string golden_ = FOOTFALL_GOLDEN_DIR "/v1";
  const std::string backup_ = golden_ + "/backup";
  testing::TemporaryDirectory temporary_;
  const std::string data_ = temporary_.file("data"), restored_ = temporary_.file("restored");
  base::ManualClock clock_{kBegin * 1000};
  std::unique_ptr<Node> node_;
  counting::Limits limits_;
};

TEST_F(GoldenTest, IsReadAsItWasWritten) {
  EXPECT_EQ(describe(data_), content(golden_ + "/expected.txt"));
  EXPECT_EQ(describe(data_), content(golden_ + "/expected.txt")) << "and again";
}

// Collects what there is.
class Kinds final : public sites::RecordVisitor {
 public:
  using Done = base::Result<void>;
  Done hits(sites::SiteId, const counting::Epoch&, std::span<const counting::Hit> hits) override {
    for (const counting::Hit& hit : hits) {
      hit_kinds.insert(hit.kind);
      if (hit.moved_from.value != 0) records.insert("moved");
    }
    return saw("hits");
  }
  Done page(sites::SiteId, counting::PageId, std::string_view) override { return saw("page"); }
  Done label(sites::SiteId, counting::LabelId, std::string_view) override { return saw("label"); }
  Done observation(sites::SiteId, const counting::Observation&) override { return saw("observation"); }
  Done change(const sites::Change& change) override {
    changes.insert(change.action.index());
    if (const auto* seed = std::get_if<sites::Seeded>(&change.action); seed != nullptr && seed->page)
      records.insert("seed of a page");
    return saw("change");
  }
  Done progress(sites::SiteId, std::string_view, std::uint64_t, std::int64_t, std::string_view mark) override {
    return saw(mark.empty() ? "progress" : "followed");
  }
  Done batch_key(sites::BatchKey) override { return saw("batch key"); }
  Done remote_slot(sites::SiteId, const counting::RemoteSlot& remote) override {
    return saw(remote.slot.past == nullptr ? "slot" : "slot with its past");
  }
  Done inherited(sites::SiteId, const counting::RemoteSlot&) override { return saw("inherited"); }

  std::set<std::string> records;  // of the stream that is read
  std::set<counting::Kind> hit_kinds;
  std::set<std::size_t> changes;

 private:
  Done saw(const char* record) {
    records.insert(record);
    return {};
  }
};

TEST_F(GoldenTest, EveryKindOfRecordAndOfChangeIsInTheJournal) {
  const auto directory = DataDirectory::open(testing::unsynced_files(), data_).value();
  const auto read = [&](journal::StreamId stream, Kinds& kinds) {
    journal::ReadOptions options;
    options.incarnation = directory->incarnation();
    options.after = load_checkpoint(*directory, 1, limits_)->positions[stream];
    const auto done = journal::read_stream(
        directory->files(), directory->stream_directory(stream), stream, options,
        [&](const auto&, std::string_view payload) { return sites::decode_payload(payload, kinds); });
    EXPECT_TRUE(done) << to_string(done.error());
  };
  Kinds control, hits, nodes;
  read(journal::kControlStream, control);
  read(journal::StreamId{1}, hits);
  read(journal::StreamId{2}, hits);
  read(journal::kNodesStream, nodes);
  EXPECT_EQ(control.changes.size(), std::variant_size_v<sites::Action>);
  EXPECT_EQ(control.records, (std::set<std::string>{"change", "observation", "seed of a page"}));
  EXPECT_EQ(hits.records, (std::set<std::string>{"batch key", "followed", "hits", "label", "moved", "observation",
                                                 "page", "progress"}));
  EXPECT_EQ(nodes.records, (std::set<std::string>{"inherited", "slot", "slot with its past"}));
  EXPECT_EQ(hits.hit_kinds.size(), counting::kKinds);
}

TEST_F(GoldenTest, ItsBackupIsRestoredAsItWasMade) {
  EXPECT_EQ(describe(restored()), content(golden_ + "/expected-restored.txt"));
}

TEST_F(GoldenTest, IsWhole) {
  const auto directory = DataDirectory::open(testing::unsynced_files(), data_).value();
  const VerifyReport report = verify(*directory, limits_, kBegin + 4 * kDay);
  EXPECT_EQ(report.problems, std::vector<std::string>());
  EXPECT_EQ(report.warnings.size(), 4U);  // its segments were made shorter than a daemon makes them
  for (const std::string& warning : report.warnings)
    EXPECT_NE(warning.find("is 6144 bytes long, and no segment is made shorter than"), std::string::npos) << warning;
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
  put(newest, sealed(bytes.substr(0, journal::kSegmentHeaderBytes)) + bytes.substr(journal::kSegmentHeaderBytes));
  expect_refused(newest);
}

TEST_F(GoldenTest, ACheckpointOfALaterFormatIsRefused) {
  const std::string path = data_ + "/checkpoint/2.ckpt";
  std::string bytes = content(path);
  bytes.replace(8, 4, u32(2));
  const std::size_t header_bytes = 16 + base::ByteReader(std::string_view(bytes).substr(12)).u32() + 4;
  put(path, sealed(bytes.substr(0, header_bytes)) + bytes.substr(header_bytes));
  expect_refused(path);
}

TEST_F(GoldenTest, SaltsOfALaterFormatAreRefused) {
  std::string bytes = content(data_ + "/salts");
  bytes.replace(6, 1, "2");
  put(data_ + "/salts", sealed(bytes));
  const auto found = sites::read_salts(testing::unsynced_files(), data_ + "/salts");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::newer_format);
  expect_says(found.error().detail, "/salts");
}

TEST_F(GoldenTest, ABackupOfALaterFormatIsRefused) {
  std::string bytes = content(backup_);
  bytes.replace(8, 4, u32(2));
  const std::size_t header_bytes = 16 + base::ByteReader(std::string_view(bytes).substr(12)).u32() + 4;
  const std::string changed = temporary_.file("backup");
  put(changed, sealed(bytes.substr(0, header_bytes)) + bytes.substr(header_bytes));
  const auto done = restore_backup(testing::unsynced_files(), changed, restored_, limits_);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::newer_format);
  expect_says(done.error().detail, changed);
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
