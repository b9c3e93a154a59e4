// SPDX-License-Identifier: Apache-2.0
#include "ingest/visitor.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "ingest/client_address.h"
#include "support/rng_seed.h"

namespace footfall::ingest {
namespace {

constexpr std::int64_t kDay = 86'400;
constexpr base::SipKey kKey{1, 2};
constexpr std::string_view kAgent =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";

std::uint64_t id(std::string_view address, std::string_view agent = kAgent, std::string_view site = "example.vn",
                 base::SipKey key = kKey) {
  Address parsed;
  EXPECT_TRUE(parse_address(address, parsed)) << address;
  return visitor_id(key, site, parsed.bytes.data(), agent).value;
}

TEST(VisitorIdTest, IsTheSameForTheSameAndDiffersInEveryPart) {
  const std::uint64_t ann = id("192.0.2.1");
  EXPECT_EQ(id("192.0.2.1"), ann);
  EXPECT_NE(id("192.0.2.2"), ann);
  EXPECT_NE(id("192.0.2.1", "other"), ann);
  EXPECT_NE(id("192.0.2.1", kAgent, "example.com"), ann);
  EXPECT_NE(id("192.0.2.1", kAgent, "example.vn", {1, 3}), ann);
  EXPECT_NE(ann, 0U);
}

TEST(VisitorIdTest, IPv6IsFoldedToItsNetworkAndMappedIPv4IsNot) {
  EXPECT_EQ(id("2001:db8:1:2::1"), id("2001:db8:1:2:ffff:ffff:ffff:ffff"));
  EXPECT_NE(id("2001:db8:1:2::1"), id("2001:db8:1:3::1"));
  EXPECT_EQ(id("192.0.2.1"), id("::ffff:192.0.2.1"));
  EXPECT_NE(id("::1"), id("0.0.0.1"));
}

TEST(VisitorIdTest, PartsDoNotRunIntoOneAnother) {
  // What belongs to the site's name in one and to the agent in another.
  std::set<std::uint64_t> ids;
  const std::string text = "aaaaaaaaaa";
  for (std::size_t split = 1; split < text.size(); ++split)
    ids.insert(id("97.97.97.97", text.substr(split), text.substr(0, split)));
  EXPECT_EQ(ids.size(), text.size() - 1);
}

TEST(VisitorIdTest, AgentsOfAnyLengthTellVisitorsApartByTheirLastByte) {
  std::set<std::uint64_t> ids;
  std::size_t count = 0;
  for (std::size_t size = 900; size < 1100; ++size) {
    std::string agent(size, 'x');
    ids.insert(id("192.0.2.1", agent));
    agent.back() = 'y';
    ids.insert(id("192.0.2.1", agent));
    count += 2;
  }
  const std::string huge(32'768, 'x');
  ids.insert(id("192.0.2.1", huge));
  EXPECT_EQ(ids.size(), count + 1);
}

// The value is kept in journals and must not change from release to release.
TEST(VisitorIdTest, IsSipHashOfTheStatedBytes) {
  std::string bytes =
      "\x0A"
      "example.vn";
  bytes += '\x04';
  bytes += std::string("\xC0\x00\x02\x01", 4);
  bytes += kAgent;
  EXPECT_EQ(id("192.0.2.1"), base::siphash24(kKey, bytes));
}

TEST(VisitorIdTest, RandomVisitorsDoNotCollide) {
  std::mt19937_64 random(testing::rng_seed());
  std::set<std::uint64_t> ids;
  for (int i = 0; i < 20'000; ++i) {
    Address address;
    for (auto& byte : address.bytes) byte = static_cast<std::uint8_t>(random());
    ids.insert(visitor_id(kKey, "s", address.bytes.data(), "").value);
  }
  EXPECT_EQ(ids.size(), 20'000U);
}

class VisitorKeysTest : public ::testing::Test {
 protected:
  VisitorKeysTest() {
    const auto salts = std::make_shared<SaltKeys>();
    for (counting::Day day = 15'000; day < 21'000; ++day) salts->by_day[day] = {static_cast<std::uint64_t>(day), 7};
    salts_ = salts;
    address_.bytes[10] = address_.bytes[11] = 0xFF;
    address_.bytes[15] = 9;
  }
  VisitorKeys in(std::string_view zone, std::int32_t window_s = 300) {
    auto found = lookup::TimeZone::find(zone);
    if (!found) throw std::runtime_error(found.error().detail);
    zone_ = found.value();
    return {"s", zone_, salts_, window_s};
  }
  counting::VisitorId of_day(counting::Day day) {
    return visitor_id({static_cast<std::uint64_t>(day), 7}, "s", address_.bytes.data(), "agent");
  }
  counting::VisitorId visitor(VisitorKeys& keys, std::int64_t at_s) {
    return keys.at(at_s).visitor(address_.bytes.data(), "agent");
  }
  counting::VisitorId moved(VisitorKeys& keys, std::int64_t at_s) {
    return keys.at(at_s).moved_from(at_s, address_.bytes.data(), "agent");
  }

  std::shared_ptr<const SaltKeys> salts_;
  std::shared_ptr<const lookup::TimeZone> zone_;
  Address address_;
};

TEST_F(VisitorKeysTest, TheKeyIsThatOfTheLocalDay) {
  VisitorKeys keys = in("Asia/Ho_Chi_Minh");
  const std::int64_t midnight = 20'000 * kDay - 7 * 3600;
  EXPECT_EQ(visitor(keys, midnight - 1), of_day(19'999));
  EXPECT_EQ(visitor(keys, midnight), of_day(20'000));
  EXPECT_EQ(visitor(keys, midnight + kDay - 1), of_day(20'000));
  EXPECT_EQ(keys.at(midnight).day, 20'000);
  EXPECT_EQ(keys.at(midnight).utc_offset_s, 7 * 3600);
}

TEST_F(VisitorKeysTest, ForOneWindowAfterMidnightTheOldIdComesAlong) {
  VisitorKeys keys = in("Asia/Ho_Chi_Minh", 300);
  const std::int64_t midnight = 20'000 * kDay - 7 * 3600;
  EXPECT_EQ(moved(keys, midnight - 1), counting::VisitorId{});
  EXPECT_EQ(moved(keys, midnight), of_day(19'999));
  EXPECT_EQ(moved(keys, midnight + 299), of_day(19'999));
  EXPECT_EQ(moved(keys, midnight + 300), counting::VisitorId{});
  EXPECT_EQ(moved(keys, midnight), of_day(19'999));  // going back works, too: late items do
}

TEST_F(VisitorKeysTest, AnOffsetThatChangesInsideADayKeepsTheKey) {
  VisitorKeys keys = in("Europe/Paris");
  const std::int64_t change = 1'711'846'800;  // 2024-03-31 01:00 UTC
  EXPECT_EQ(keys.at(change - 1).utc_offset_s, 3600);
  EXPECT_EQ(keys.at(change).utc_offset_s, 7200);
  EXPECT_EQ(visitor(keys, change - 1), visitor(keys, change));
  EXPECT_EQ(moved(keys, change), counting::VisitorId{});
}

TEST_F(VisitorKeysTest, AfterASkippedDayTheOldIdIsThatOfTheDayThatWas) {
  VisitorKeys keys = in("Pacific/Apia");  // 2011-12-29 was followed by the 31st
  const std::int64_t turn = 1'325'239'200;
  EXPECT_EQ(keys.at(turn - 1).day, 15'337);
  EXPECT_EQ(keys.at(turn).day, 15'339);
  EXPECT_EQ(moved(keys, turn), of_day(15'337));
}

TEST_F(VisitorKeysTest, WithoutTheSaltOfTheDayThereIsNoVisitor) {
  VisitorKeys keys = in("UTC");
  EXPECT_EQ(keys.find(25'000 * kDay), nullptr);
  EXPECT_EQ(visitor(keys, 25'000 * kDay), counting::VisitorId{});
  EXPECT_EQ(keys.at(25'000 * kDay).day, 25'000);
  EXPECT_NE(keys.find(20'000 * kDay), nullptr);
  EXPECT_EQ(moved(keys, 15'000 * kDay), counting::VisitorId{});  // the day before the first key
  salts_ = nullptr;
  VisitorKeys none = in("UTC");
  EXPECT_EQ(none.find(20'000 * kDay), nullptr);
}

TEST_F(VisitorKeysTest, WhatIsKeptAgreesWithWhatIsComputedAnew) {
  std::mt19937_64 random(testing::rng_seed());
  for (const char* zone :
       {"America/Sao_Paulo", "America/St_Johns", "Asia/Beirut", "Asia/Ho_Chi_Minh", "Pacific/Apia"}) {
    VisitorKeys kept = in(zone, 3600);
    std::int64_t at_s = 15'200 * kDay;
    for (int i = 0; i < 5000; ++i) {
      at_s += static_cast<std::int64_t>(random() % 40'000) - 5000;
      const counting::Day day = counting::local_day(at_s, zone_->offset_at(at_s));
      ASSERT_EQ(visitor(kept, at_s), of_day(day)) << zone << " " << at_s;
      ASSERT_EQ(kept.at(at_s).utc_offset_s, zone_->offset_at(at_s));
      VisitorKeys fresh = in(zone, 3600);
      ASSERT_EQ(moved(kept, at_s), moved(fresh, at_s)) << zone << " " << at_s;
    }
  }
}

}  // namespace
}  // namespace footfall::ingest
