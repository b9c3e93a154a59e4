// SPDX-License-Identifier: Apache-2.0
#include "sites/settings.h"

#include <gtest/gtest.h>

namespace footfall::sites {
namespace {

Settings example() {
  Settings s;
  s.name = "example.vn";
  s.hosts = {"example.vn", "www.example.vn"};
  s.timezone = "Asia/Ho_Chi_Minh";
  s.lang = "vi";
  s.grouping = Grouping::dot;
  s.visibility = Visibility::private_;
  s.window_s = 600;
  s.strict_origin = true;
  return s;
}

Settings excluding() {
  Settings s = example();
  for (const char* range : {"192.0.2.0/24", "2001:db8::/32", "198.51.100.7"})
    s.exclude_addresses.push_back(base::parse_cidr(range).value());
  s.exclude_paths = {"/preview", "/admin/*", "/draft-*"};
  return s;
}

TEST(SettingsTest, DigitsAreGroupedAsPeopleSeeThem) {
  EXPECT_EQ(group_digits(41450791, Grouping::dot), "41.450.791");
  EXPECT_EQ(group_digits(41450791, Grouping::comma), "41,450,791");
  EXPECT_EQ(group_digits(450791, Grouping::space), "450 791");
  EXPECT_EQ(group_digits(41450791, Grouping::none), "41450791");
  EXPECT_EQ(group_digits(0, Grouping::dot), "0");
  EXPECT_EQ(group_digits(999, Grouping::dot), "999");
  EXPECT_EQ(group_digits(UINT64_MAX, Grouping::comma), "18,446,744,073,709,551,615");
  EXPECT_EQ(group_digits("00041450791", Grouping::dot), "00.041.450.791");
}

TEST(SettingsTest, EveryNameOfAnEnumeratorReadsBack) {
  for (const Grouping g : {Grouping::none, Grouping::comma, Grouping::dot, Grouping::space}) {
    EXPECT_EQ(grouping_from(to_string(g)).value(), g);
  }
  for (const Visibility v : {Visibility::counter, Visibility::full, Visibility::private_}) {
    EXPECT_EQ(visibility_from(to_string(v)).value(), v);
  }
  EXPECT_EQ(grouping_from("Comma").error().code, base::Errc::malformed);
  EXPECT_EQ(visibility_from("private_").error().code, base::Errc::malformed);
}

TEST(SettingsTest, NamesThatWouldReadAsAWidgetAreRefused) {
  EXPECT_TRUE(valid_site_name("example.vn"));
  EXPECT_TRUE(valid_site_name("a"));
  EXPECT_TRUE(valid_site_name("xn--bcher-kva.example"));
  EXPECT_TRUE(valid_site_name(std::string(253, 'a')));
  for (const char* bad :
       {"", "a.svg", "a.png", "a.txt", "a.json", "a.html", "Example.vn", "a/b", "..", ".a", "a.", "-a", "a b", "é"}) {
    EXPECT_FALSE(valid_site_name(bad)) << bad;
  }
  EXPECT_FALSE(valid_site_name(std::string(254, 'a')));
}

TEST(SettingsTest, CheckSaysWhichSettingIsWrong) {
  EXPECT_TRUE(check(example()));
  const auto expect_wrong = [](const std::string& named, const auto& change) {
    Settings s = example();
    change(s);
    const auto checked = check(s);
    ASSERT_FALSE(checked) << named;
    EXPECT_NE(checked.error().detail.find(named), std::string::npos) << checked.error().detail;
  };
  expect_wrong("name", [](Settings& s) { s.name = "A"; });
  expect_wrong("hosts[1]", [](Settings& s) { s.hosts[1] = "https://www.example.vn"; });
  expect_wrong("hosts", [](Settings& s) { s.hosts.assign(101, "a"); });
  expect_wrong("timezone", [](Settings& s) { s.timezone.clear(); });
  expect_wrong("lang", [](Settings& s) { s.lang = "v\"i"; });
  expect_wrong("window_s", [](Settings& s) { s.window_s = 14; });
  expect_wrong("window_s", [](Settings& s) { s.window_s = 3601; });
  expect_wrong("hits_per_second_max", [](Settings& s) { s.hits_per_second_max = kHitsPerSecondMax + 1; });
  expect_wrong("exclude_addresses", [](Settings& s) { s.exclude_addresses.resize(101); });
  expect_wrong("exclude_paths", [](Settings& s) { s.exclude_paths.assign(101, "/a"); });
  for (const char* path : {"", "a", "*", "/a*b", "/*/a", "/a**"})
    expect_wrong("exclude_paths[1]", [path](Settings& s) { s.exclude_paths = {"/a", path}; });
  EXPECT_TRUE(check(excluding()));
}

TEST(SettingsTest, ReadsBackWhatItWroteAndNoPrefixOfIt) {
  Settings limited = example(), all = excluding();
  limited.hits_per_second_max = kHitsPerSecondMax;
  all.hits_per_second_max = 1;
  for (const Settings& settings : {excluding(), example(), limited, all}) {
    std::string bytes;
    base::ByteWriter out(bytes);
    encode(settings, out);
    base::ByteReader in(bytes);
    Settings back = excluding();
    back.hits_per_second_max = 7;
    ASSERT_TRUE(decode(in, back));
    EXPECT_TRUE(in.at_end());
    EXPECT_EQ(back, settings);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      base::ByteReader cut(std::string_view(bytes).substr(0, size));
      EXPECT_FALSE(decode(cut, back)) << size;
    }
  }
}

TEST(SettingsTest, WhatIsExcludedIsToldByAddressOrPath) {
  const Settings settings = excluding();
  const auto excluded = [&](std::string_view path, const char* from) {
    base::Address address;
    if (from != nullptr) {
      EXPECT_TRUE(base::parse_address(from, address));
    }
    return is_excluded(settings, path, from == nullptr ? nullptr : &address);
  };
  EXPECT_TRUE(excluded("/", "192.0.2.200"));
  EXPECT_TRUE(excluded("/", "198.51.100.7"));
  EXPECT_TRUE(excluded("/", "2001:db8:9::1"));
  EXPECT_FALSE(excluded("/", "198.51.100.8"));
  EXPECT_FALSE(excluded("/", nullptr));
  EXPECT_TRUE(excluded("/preview", nullptr));
  EXPECT_TRUE(excluded("/admin", nullptr));
  EXPECT_TRUE(excluded("/admin/users/1", nullptr));
  EXPECT_TRUE(excluded("/draft-7", nullptr));
  EXPECT_TRUE(excluded("/draft-", nullptr));
  for (const char* path : {"", "/", "/preview/1", "/administration", "/draft", "/a/admin/"})
    EXPECT_FALSE(excluded(path, "203.0.113.1")) << path;
}

}  // namespace
}  // namespace footfall::sites
