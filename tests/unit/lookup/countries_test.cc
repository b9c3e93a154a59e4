// SPDX-License-Identifier: Apache-2.0
#include "lookup/countries.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <sstream>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "ingest/client_address.h"
#include "support/rng_seed.h"

namespace footfall::lookup {
namespace {

const std::string kFiles = FOOTFALL_COUNTRY_FILES;

std::shared_ptr<const CountryDatabase> opened(const std::string& name) {
  return CountryDatabase::open(kFiles + "/" + name).value();
}

ingest::Address address_of(const std::string& text) {
  ingest::Address address;
  EXPECT_TRUE(ingest::parse_address(text, address)) << text;
  return address;
}

std::string_view country(const CountryDatabase& database, const std::string& address) {
  return database.find(address_of(address).bytes.data()).code;
}

// The list that the files were made from, searched one by one.
class Networks {
 public:
  Networks() {
    std::ifstream file(FOOTFALL_SOURCE_DIR "/tests/unit/lookup/countries.txt");
    for (std::string line; std::getline(file, line);) {
      std::istringstream words(line);
      std::string network, code;
      words >> network >> code;
      if (network != "#") list_.emplace_back(ingest::parse_cidr(network).value(), code);
    }
  }
  std::string country(const ingest::Address& address) const {
    int longest = -1;
    std::string out;
    for (const auto& [network, code] : list_) {
      if (!network.contains(address) || network.bits <= longest) continue;
      longest = network.bits;
      out = code;
    }
    return out;
  }
  const std::vector<std::pair<ingest::Cidr, std::string>>& list() const { return list_; }

 private:
  std::vector<std::pair<ingest::Cidr, std::string>> list_;
};

TEST(CountriesTest, TheLongestNetworkSaysTheCountry) {
  const auto database = opened("countries.mmdb");
  EXPECT_EQ(country(*database, "10.200.0.1"), "VN");
  EXPECT_EQ(country(*database, "10.1.2.3"), "TH");
  EXPECT_EQ(country(*database, "2001:db8:1:2::5"), "CL");
  EXPECT_EQ(country(*database, "192.0.2.200"), "") << "a place without a country";
  EXPECT_EQ(country(*database, "8.8.8.8"), "") << "in no network";
  EXPECT_EQ(database->find(address_of("10.200.0.1").bytes.data()).hash, base::table_hash("VN"));
  EXPECT_EQ(database->description(), "Footfall-Test-Country of 2025-11-24");
}

TEST(CountriesTest, ATextBesideOthersIsReadToo) {
  EXPECT_EQ(country(*opened("countries_flat.mmdb"), "10.1.2.4"), "KH");
}

TEST(CountriesTest, AFileOfIPv4AloneKnowsNothingOfIPv6) {
  const auto database = opened("countries_v4.mmdb");
  EXPECT_EQ(country(*database, "203.0.113.7"), "JP");
  EXPECT_EQ(country(*database, "2001:db8::1"), "");
}

TEST(CountriesTest, AgreesWithTheListOnEveryEdgeAndOnRandomNeighbours) {
  const auto database = opened("countries.mmdb");
  const Networks networks;
  ASSERT_GT(networks.list().size(), 10U);
  std::mt19937_64 rng(testing::rng_seed());
  std::size_t known = 0;
  for (int round = 0; round < 20'000; ++round) {
    const auto& network = networks.list()[rng() % networks.list().size()].first;
    ingest::Address address = network.network;
    // Any bit changed, in the network or beside it; IPv4 stays IPv4.
    const std::size_t first = ingest::is_ipv4(address) ? 96 : 0;
    for (std::uint64_t flips = rng() % 4; flips > 0; --flips) {
      const std::size_t bit = first + rng() % (128 - first);
      address.bytes.at(bit / 8) ^= static_cast<std::uint8_t>(0x80U >> (bit % 8));
    }
    const std::string expected = networks.country(address);
    EXPECT_EQ(database->find(address.bytes.data()).code, expected);
    known += expected.empty() ? 0U : 1U;
  }
  EXPECT_GT(known, 1'000U);
}

TEST(CountriesTest, WhatIsNoSuchFileIsToldByName) {
  for (const std::string& path : {kFiles + "/absent.mmdb", std::string(FOOTFALL_SOURCE_DIR "/README.md"), kFiles}) {
    const auto result = CountryDatabase::open(path);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, base::Errc::invalid_config);
    EXPECT_NE(result.error().detail.find(path), std::string::npos) << result.error().detail;
  }
}

TEST(CountriesTest, ADamagedFileIsRefusedOrKnowsLess) {
  std::ifstream whole(kFiles + "/countries.mmdb", std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(whole), {}};
  const std::string path = ::testing::TempDir() + "footfall-damaged.mmdb";
  std::mt19937_64 rng(testing::rng_seed());
  const ingest::Address address = address_of("10.1.2.3");
  for (int round = 0; round < 300; ++round) {
    std::string damaged = bytes;
    for (int i = 0; i < 4; ++i) damaged[rng() % damaged.size()] = static_cast<char>(rng());
    if (round % 3 == 0) damaged.resize(rng() % damaged.size());
    std::ofstream(path, std::ios::binary | std::ios::trunc) << damaged;
    const auto database = CountryDatabase::open(path);
    if (!database) continue;
    const std::string_view code = (*database)->find(address.bytes.data()).code;
    EXPECT_TRUE(code.empty() || code.size() == 2) << code;
  }
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace footfall::lookup
