// SPDX-License-Identifier: Apache-2.0
#include "sites/records.h"

#include <gtest/gtest.h>

#include <random>

#include "support/rng_seed.h"

namespace footfall::sites {
namespace {

using base::Errc;
using counting::Epoch;
using counting::Hit;

// Writes down what it is handed.
const std::string kKey = std::string(32, 'a') + "/batch-1";

class Recorder : public RecordVisitor {
 public:
  struct Hits {
    SiteId site;
    Epoch epoch;
    std::vector<Hit> hits;
  };
  base::Result<void> hits(SiteId site, const Epoch& epoch, std::span<const Hit> hits) override {
    hits_.push_back(Hits{site, epoch, {hits.begin(), hits.end()}});
    return {};
  }
  base::Result<void> page(SiteId site, counting::PageId page, std::string_view path) override {
    return line("page " + std::to_string(site.value) + " " + std::to_string(page.value) + " " + std::string(path));
  }
  base::Result<void> label(SiteId site, counting::LabelId label, std::string_view text) override {
    return line("label " + std::to_string(site.value) + " " + std::to_string(label.value) + " " + std::string(text));
  }
  base::Result<void> observation(SiteId site, const counting::Observation& seen) override {
    return line("observation " + std::to_string(site.value) + " " + std::to_string(seen.epoch.number) + " " +
                std::to_string(seen.at_s) + " " + std::to_string(seen.utc_offset_s) + " " +
                std::to_string(seen.online));
  }
  base::Result<void> change(const Change& change) override { return line("change " + change.id); }
  base::Result<void> progress(SiteId site, std::string_view source, std::uint64_t position, std::int64_t at_s,
                              std::string_view mark) override {
    return line("progress " + std::to_string(site.value) + " " + std::string(source) + " " + std::to_string(position) +
                " " + std::to_string(at_s) + (mark.empty() ? "" : " ") + std::string(mark));
  }
  base::Result<void> batch_key(BatchKey key) override {
    return line("batch_key " + key.key + " " + std::to_string(key.digest[31]) + " " + std::to_string(key.expires_s) +
                " " + key.answer);
  }
  base::Result<void> remote_slot(SiteId site, const counting::RemoteSlot& remote) override {
    slots_.push_back(remote);
    return line("slot " + std::to_string(site.value));
  }
  base::Result<void> inherited(SiteId site, const counting::RemoteSlot& inherited) override {
    slots_.push_back(inherited);
    return line("inherited " + std::to_string(site.value));
  }

  std::vector<Hits> hits_;
  std::vector<std::string> lines_;
  std::vector<counting::RemoteSlot> slots_;

 private:
  base::Result<void> line(std::string text) {
    lines_.push_back(std::move(text));
    return {};
  }
};

void expect_same(const Hit& a, const Hit& b) {
  EXPECT_EQ(a.at_s, b.at_s);
  EXPECT_EQ(a.utc_offset_s, b.utc_offset_s);
  EXPECT_EQ(a.visitor, b.visitor);
  EXPECT_EQ(a.moved_from, b.moved_from);
  EXPECT_EQ(a.page, b.page);
  EXPECT_EQ(a.labels, b.labels);
  EXPECT_EQ(a.kind, b.kind);
  EXPECT_EQ(a.bot, b.bot);
  EXPECT_EQ(a.counts, b.counts);
  EXPECT_EQ(a.touches_presence, b.touches_presence);
  EXPECT_EQ(a.adds_visitor, b.adds_visitor);
}

class RecordsTest : public ::testing::Test {
 protected:
  std::uint64_t below(std::uint64_t bound) { return rng_() % bound; }

  Hit random_hit(std::int32_t utc_offset_s) {
    Hit hit;
    hit.at_s = 1'700'000'000 + static_cast<std::int64_t>(below(100'000));
    hit.utc_offset_s = utc_offset_s;
    hit.visitor.value = rng_();
    if (below(8) == 0) hit.moved_from.value = rng_();
    hit.page.value = static_cast<std::uint32_t>(below(2) == 0 ? below(100) : rng_());
    for (unsigned i = 1; i < counting::kDimensions; ++i) {
      if (below(2) == 0) hit.labels[i].value = static_cast<std::uint32_t>(below(2) == 0 ? below(100) : rng_());
    }
    hit.kind = static_cast<counting::Kind>(below(counting::kKinds));
    hit.bot = below(2) == 0;
    hit.counts = below(2) == 0;
    hit.touches_presence = below(2) == 0;
    hit.adds_visitor = below(2) == 0;
    return hit;
  }

  static counting::RemoteSlot some_slot() {
    return {Epoch{2, 5}, {1, 2, 3}, counting::make_slot({10, 4, {{1, 1, 0}, {5, 2, 1}, {6, 3, 1}, {7, 4, 2}}})};
  }

  // Every kind of record once.
  std::string payload_of_all() {
    std::string payload;
    encode_page(payload, SiteId{3}, counting::PageId{2}, "/tin-tức");
    encode_label(payload, SiteId{3}, counting::LabelId{70'000}, std::string(300, 'x'));
    const std::vector<Hit> hits{random_hit(25'200), random_hit(25'200), random_hit(25'200)};
    encode_hits(payload, SiteId{3}, Epoch{2, rng_()}, hits);
    encode_observation(payload, SiteId{3}, counting::Observation{Epoch{2, 5}, 1'700'000'000, -3600, 48});
    encode_progress(payload, SiteId{3}, "access.log", UINT64_MAX, 1'700'000'001);
    encode_progress(payload, SiteId{4}, "follow", 300, 1'700'000'002, "inode=5");
    BodyDigest digest{};
    digest[31] = 200;
    encode_batch_key(payload, {kKey, digest, 1'700'086'400, "{}"});
    encode_remote_slot(payload, SiteId{3}, some_slot());
    encode_inherited(payload, SiteId{4}, some_slot());
    encode_change(payload, Change{"c-1", 1'700'000'000, "admin", "", Undone{"c-0", 0, 0}});
    return payload;
  }

  std::mt19937_64 rng_{testing::rng_seed()};
};

TEST_F(RecordsTest, RandomHitsReadBack) {
  for (int round = 0; round < 300; ++round) {
    std::vector<Hit> hits;
    const auto offset_s = static_cast<std::int32_t>(below(86'400)) - 43'200;
    for (std::uint64_t n = 1 + below(40); n > 0; --n) hits.push_back(random_hit(offset_s));
    const Epoch epoch{static_cast<std::uint32_t>(1 + below(5)), below(2) == 0 ? 0 : rng_()};
    std::string payload;
    encode_hits(payload, SiteId{static_cast<std::uint32_t>(1 + below(1000))}, epoch, hits);
    Recorder seen;
    ASSERT_TRUE(decode_payload(payload, seen));
    ASSERT_EQ(seen.hits_.size(), 1U);
    EXPECT_EQ(seen.hits_[0].epoch, epoch);
    ASSERT_EQ(seen.hits_[0].hits.size(), hits.size());
    for (std::size_t i = 0; i < hits.size(); ++i) expect_same(seen.hits_[0].hits[i], hits[i]);
  }
}

TEST_F(RecordsTest, AllKindsComeBackInOrder) {
  Recorder seen;
  ASSERT_TRUE(decode_payload(payload_of_all(), seen));
  EXPECT_EQ(seen.hits_.size(), 1U);
  EXPECT_EQ(seen.lines_,
            (std::vector<std::string>{
                "page 3 2 /tin-tức", "label 3 70000 " + std::string(300, 'x'), "observation 3 2 1700000000 -3600 48",
                "progress 3 access.log 18446744073709551615 1700000001", "progress 4 follow 300 1700000002 inode=5",
                "batch_key " + kKey + " 200 1700086400 {}", "slot 3", "inherited 4", "change c-1"}));
  EXPECT_EQ(seen.slots_, (std::vector{some_slot(), some_slot()}));
}

TEST_F(RecordsTest, ATypicalHitTakesAtMostThirtyBytes) {
  std::vector<Hit> hits(1000);
  for (std::size_t i = 0; i < hits.size(); ++i) {
    Hit& hit = hits[i];
    hit.at_s = 1'700'000'000 + static_cast<std::int64_t>(i / 500);
    hit.visitor.value = rng_();
    hit.page.value = static_cast<std::uint32_t>(2 + below(10'000));
    // referrer, country, browser, system, device
    for (const unsigned i2 : {1U, 3U, 4U, 5U, 6U}) hit.labels[i2].value = static_cast<std::uint32_t>(2 + below(5000));
    hit.counts = hit.touches_presence = hit.adds_visitor = true;
  }
  std::string payload;
  encode_hits(payload, SiteId{12}, Epoch{}, hits);
  EXPECT_LE(payload.size() / hits.size(), 30U) << payload.size();
}

TEST_F(RecordsTest, ASlotThatComesWithoutItsPastNamesIt) {
  counting::RemoteSlot remote = some_slot();
  remote.slot.past = nullptr;
  std::string payload;
  encode_remote_slot(payload, SiteId{3}, remote);
  Recorder seen;
  ASSERT_TRUE(decode_payload(payload, seen));
  EXPECT_EQ(seen.slots_, std::vector{remote});
  EXPECT_EQ(seen.slots_.front().slot.past_version, 1U);
}

TEST_F(RecordsTest, NoHitsMakeNoRecord) {
  std::string payload;
  encode_hits(payload, SiteId{1}, Epoch{}, {});
  EXPECT_TRUE(payload.empty());
}

// --- errors ---

TEST_F(RecordsTest, EveryTruncationEndsBetweenRecordsOrIsNoticed) {
  const std::string payload = payload_of_all();
  Recorder all;
  ASSERT_TRUE(decode_payload(payload, all));
  std::size_t clean = 0;
  for (std::size_t size = 0; size < payload.size(); ++size) {
    Recorder seen;
    // A copy of its own, so that a read behind the end is seen by the sanitizer.
    const auto read = decode_payload(std::string(payload, 0, size), seen);
    if (read) {
      ++clean;
    } else {
      EXPECT_EQ(read.error().code, Errc::corrupt);
    }
  }
  EXPECT_EQ(clean, 10U);  // before each of the ten records
}

TEST_F(RecordsTest, RandomBytesNeverCrash) {
  for (int round = 0; round < 20'000; ++round) {
    std::string payload = payload_of_all();
    if (below(2) == 0) {
      for (std::uint64_t n = 1 + below(4); n > 0; --n) payload[below(payload.size())] = static_cast<char>(rng_());
    } else {
      for (char& c : payload) c = static_cast<char>(rng_());
      payload[0] = static_cast<char>(1 + below(11));
    }
    Recorder seen;
    const auto read = decode_payload(payload, seen);
    if (!read) {
      EXPECT_TRUE(read.error().code == Errc::corrupt || read.error().code == Errc::newer_format);
    }
    for (const auto& group : seen.hits_) {
      for (const Hit& hit : group.hits) {
        ASSERT_GE(hit.at_s, 0);
        ASSERT_LT(hit.at_s, 253'402'300'800);
        ASSERT_EQ(hit.labels[0], counting::kNoLabel);
      }
    }
  }
}

TEST_F(RecordsTest, ABatchKeyThatNobodyCouldHaveSentIsCorrupt) {
  const BatchKey good{kKey, {}, 1'700'086'400, "{}"};
  const auto read = [](const BatchKey& key) {
    std::string payload;
    encode_batch_key(payload, key);
    Recorder seen;
    return decode_payload(payload, seen);
  };
  EXPECT_TRUE(read(good));
  BatchKey bad = good;
  bad.key = "batch-1";
  EXPECT_EQ(read(bad).error().code, Errc::corrupt);
  bad = good;
  bad.expires_s = -1;
  EXPECT_EQ(read(bad).error().code, Errc::corrupt);
}

TEST_F(RecordsTest, AnUnknownTypeIsOfANewerRelease) {
  Recorder seen;
  EXPECT_EQ(decode_payload(std::string("\x0b\x00", 2), seen).error().code, Errc::newer_format);
  EXPECT_EQ(decode_payload(std::string("\x00\x00", 2), seen).error().code, Errc::newer_format);
}

TEST_F(RecordsTest, AVisitorsErrorEndsTheWalk) {
  class Refuser final : public Recorder {
    base::Result<void> page(SiteId, counting::PageId, std::string_view) override {
      return base::Error{Errc::conflict, "enough"};
    }
  } refuser;
  EXPECT_EQ(decode_payload(payload_of_all(), refuser).error().code, Errc::conflict);
  EXPECT_TRUE(refuser.lines_.empty());
}

}  // namespace
}  // namespace footfall::sites
