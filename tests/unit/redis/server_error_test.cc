// SPDX-License-Identifier: Apache-2.0
#include "redis/server_error.h"

#include <gtest/gtest.h>

#include <set>

namespace footfall::redis {
namespace {

const Address kAsked{"10.0.0.9", 6379};

std::string redirect(std::string_view text) {
  const auto to = redirect_of(text, kAsked);
  return to ? std::to_string(to->slot) + " " + to_string(to->to) : "none";
}

TEST(ServerErrorTest, TheFirstWordTellsTheClass) {
  EXPECT_EQ(classify("MOVED 3999 127.0.0.1:6381"), ErrorClass::moved);
  EXPECT_EQ(classify("OOM command not allowed when used memory > 'maxmemory'."), ErrorClass::oom);
  EXPECT_EQ(classify("WRONGPASS invalid username-password pair"), ErrorClass::unauthorized);
  EXPECT_EQ(classify("NOAUTH Authentication required."), ErrorClass::unauthorized);
  EXPECT_EQ(classify("BUSYGROUP x"), ErrorClass::other);
  EXPECT_EQ(classify("ERR unknown command"), ErrorClass::other);
  EXPECT_EQ(classify(""), ErrorClass::other);
}

TEST(ServerErrorTest, EachClassHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kErrorClasses; ++i) names.insert(name_of(static_cast<ErrorClass>(i)));
  EXPECT_EQ(names.size(), kErrorClasses);
  EXPECT_FALSE(names.contains(""));
  for (std::size_t i = 0; i < kErrorClasses; ++i) EXPECT_NE(advice_on(static_cast<ErrorClass>(i)), "");
}

TEST(ServerErrorTest, RedirectsNameSlotAndServer) {
  EXPECT_EQ(redirect("MOVED 3999 127.0.0.1:6381"), "3999 127.0.0.1:6381");
  EXPECT_EQ(redirect("ASK 0 fe80::1:6381"), "0 [fe80::1]:6381");
}

TEST(ServerErrorTest, AHostLeftOutIsTheOneThatWasAsked) {
  EXPECT_EQ(redirect("MOVED 7 :6381"), "7 10.0.0.9:6381");
  EXPECT_EQ(redirect("MOVED 7 ?:6381"), "7 10.0.0.9:6381");
}

TEST(ServerErrorTest, WhatIsNoRedirectIsNone) {
  for (const char* text : {"MOVED", "MOVED 1", "MOVED x 1.1.1.1:1", "MOVED 16384 1.1.1.1:1", "MOVED 1 1.1.1.1",
                           "MOVED 1 1.1.1.1:0", "MOVED 1 1.1.1.1:x"}) {
    EXPECT_EQ(redirect(text), "none") << text;
  }
}

}  // namespace
}  // namespace footfall::redis
