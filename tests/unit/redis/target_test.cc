// SPDX-License-Identifier: Apache-2.0
#include "redis/target.h"

#include <gtest/gtest.h>

namespace footfall::redis {
namespace {

// "user password [tls] host:port,... master database", '-' for what is empty.
std::string read(std::string_view uri) {
  const auto target = parse_target(uri);
  if (!target) return target.error().detail;
  const auto shown = [](const std::string& text) { return (text.empty() ? "-" : text) + " "; };
  std::string out = shown(target->user) + shown(target->password) + (target->tls ? "tls " : "");
  for (const Address& address : target->addresses) out += to_string(address) + " ";
  out += shown(target->master) + std::to_string(target->database);
  if (!target->sentinel_password.empty()) out += " " + shown(target->sentinel_user) + target->sentinel_password;
  return out;
}

TEST(TargetTest, OneServer) {
  EXPECT_EQ(read("redis://localhost"), "- - localhost:6379 - 0");
  EXPECT_EQ(read("redis://10.0.0.1:7000/3"), "- - 10.0.0.1:7000 - 3");
  EXPECT_EQ(read("rediss://cache.example/"), "- - tls cache.example:6379 - 0");
  EXPECT_EQ(read("redis://[::1]:6380"), "- - [::1]:6380 - 0");
}

TEST(TargetTest, SeveralAddresses) {
  EXPECT_EQ(read("redis://a,b:7001,[::1]/2"), "- - a:6379 b:7001 [::1]:6379 - 2");
}

TEST(TargetTest, UserAndPasswordArePercentDecoded) {
  EXPECT_EQ(read("redis://secret@a"), "- secret a:6379 - 0");
  EXPECT_EQ(read("redis://:secret@a"), "- secret a:6379 - 0");
  EXPECT_EQ(read("redis://footfall:p%40ss%2Fw:rd@a,b"), "footfall p@ss/w:rd a:6379 b:6379 - 0");
}

TEST(TargetTest, UnixSockets) {
  EXPECT_EQ(read("unix:///run/redis/redis.sock"), "- - /run/redis/redis.sock - 0");
  EXPECT_EQ(read("unix://u:p@/run/r.sock?database=4"), "u p /run/r.sock - 4");
}

TEST(TargetTest, Sentinels) {
  EXPECT_EQ(read("redis+sentinel://s1,s2:26380/mymaster"), "- - s1:26379 s2:26380 mymaster 0");
  EXPECT_EQ(read("rediss+sentinel://u:p@s1/my%20master/5"), "u p tls s1:26379 my master 5");
}

TEST(TargetTest, SentinelsMayHaveAPasswordOfTheirOwn) {
  EXPECT_EQ(read("redis+sentinel://u:p@s1/m?sentinel-password=watch"), "u p s1:26379 m 0 - watch");
  EXPECT_EQ(read("redis+sentinel://s1,s2/m/2?sentinel-user=eye&sentinel-password=a%40b%26c/d"),
            "- - s1:26379 s2:26379 m 2 eye a@b&c/d");
}

TEST(TargetTest, LogsShowNoPassword) {
  EXPECT_EQ(to_string(*parse_target("redis://u:secret@a,b:7/1")), "redis://a:6379,b:7/1");
  EXPECT_EQ(to_string(*parse_target("rediss+sentinel://:secret@s/m")), "rediss+sentinel://s:26379/m");
  EXPECT_EQ(to_string(*parse_target("redis+sentinel://s/m?sentinel-password=secret")), "redis+sentinel://s:26379/m");
  EXPECT_EQ(to_string(*parse_target("unix://:secret@/s.sock")), "unix:///s.sock");
}

// ---- errors

TEST(TargetTest, WhatIsWrongIsSaidAndWhatIsRight) {
  for (const char* uri : {"localhost:6379",
                          "http://a",
                          "redis://",
                          "redis://a:x",
                          "redis://a:0",
                          "redis://a:70000",
                          "redis://a,,b",
                          "redis://a/x",
                          "redis://[::1",
                          "redis://u:@a",
                          "redis://%zz@a",
                          "unix://relative",
                          "unix:///a?db=1",
                          "redis+sentinel://s1",
                          "redis+sentinel://s1/",
                          "redis+sentinel://s1/?sentinel-password=p",
                          "redis+sentinel://s1/m?password=p",
                          "redis+sentinel://s1/m?sentinel-user=u",
                          "redis+sentinel://s1/m?sentinel-password=",
                          "redis+sentinel://s1/m?sentinel-password",
                          "redis+sentinel://s1/m?sentinel-password=%z",
                          "redis://a/?sentinel-password=p"}) {
    const auto target = parse_target(uri);
    ASSERT_FALSE(target) << uri;
    EXPECT_EQ(target.error().code, base::Errc::invalid_config);
    EXPECT_NE(target.error().detail.find("write redis://"), std::string::npos) << uri;
  }
}

TEST(TargetTest, AnErrorShowsNoPassword) {
  EXPECT_EQ(read("redis://u:secret@a:x").find("secret"), std::string::npos);
  EXPECT_EQ(read("redis://u:secret@").find("secret"), std::string::npos);
  EXPECT_EQ(read("redis+sentinel://s/m?sentinel-passwort=secret").find("secret"), std::string::npos);
  EXPECT_EQ(read("redis+sentinel://s/m?sentinel-password=secret%zz").find("secret"), std::string::npos);
  EXPECT_EQ(read("redis+sentinel://s/?sentinel-password=secret").find("secret"), std::string::npos);
}

}  // namespace
}  // namespace footfall::redis
