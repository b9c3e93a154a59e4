// SPDX-License-Identifier: Apache-2.0
#include "ingest/native.h"

#include <gtest/gtest.h>

#include <string>

#include "unit/ingest/allocations.h"

namespace footfall::ingest {
namespace {

using http::Field;

class NativeTest : public ::testing::Test {
 public:
  NativeTest() {
    request_.method = http::Method::get;
    request_.path = "/hit";
  }
  NativeTest& query(std::string_view query) {
    request_.query = query;
    return *this;
  }
  NativeTest& post(std::string_view type, std::string_view body) {
    request_.method = http::Method::post;
    request_.body = body;
    return type.empty() ? *this : header(Field::content_type, type);
  }
  NativeTest& header(Field field, std::string_view value) {
    request_.fields[static_cast<std::size_t>(field)] = value;
    request_.present |= 1U << static_cast<unsigned>(field);
    return *this;
  }
  Ping ping() {
    const auto parsed = parse_native(request_, arena_);
    EXPECT_TRUE(parsed.has_value()) << (parsed ? "" : parsed.error().detail);
    return parsed ? parsed.value() : Ping{};
  }
  base::Error error() {
    const auto parsed = parse_native(request_, arena_);
    EXPECT_FALSE(parsed.has_value());
    return parsed ? base::Error{} : parsed.error();
  }
  http::Request request_;
  Arena arena_;
};

TEST_F(NativeTest, APageviewNeedsSiteAndPathAlone) {
  const Ping p = query("site=example.vn&path=/tin-tuc/").ping();
  EXPECT_EQ(p.site, "example.vn");
  EXPECT_EQ(p.path, "/tin-tuc");
  EXPECT_EQ(p.kind, counting::Kind::pageview);
  EXPECT_EQ(p.format, AnswerFormat::no_content);
  EXPECT_TRUE(p.origin_absent);
  EXPECT_EQ(p.unknown_keys, 0U);
}

TEST_F(NativeTest, TheHotPathAllocatesNothing) {
  query("site=example.vn&path=%2Ftin+tuc%2Fb%C3%A0i&ref=https%3A%2F%2Fnews.example%2Fa%3Fq%3D1&utm=1")
      .header(Field::referer, "https://example.vn/")
      .header(Field::origin, "https://Example.vn");
  ping();  // the arena's chunk
  arena_.clear();
  const std::size_t before = testing::allocations();
  const auto parsed = parse_native(request_, arena_);
  EXPECT_EQ(testing::allocations(), before);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed.value().path, "/tin tuc/b\xC3\xA0i");
}

TEST_F(NativeTest, JsonBodiesAllocateNothingOnceTheParserHasGrown) {
  post("text/plain", R"({"site":"example.vn","path":"/p"})");
  ping();
  arena_.clear();
  const std::size_t before = testing::allocations();
  const auto parsed = parse_native(request_, arena_);
  EXPECT_EQ(testing::allocations(), before);
  EXPECT_TRUE(parsed.has_value());
}

TEST_F(NativeTest, AnUrlGivesPathHostAndCampaign) {
  const Ping p =
      query("site=s&url=https%3A%2F%2FWWW.Example.vn%2Fa%3Fx%3D1%26utm_campaign%3DT%25E1%25BA%25BFt%2B2027%23top")
          .ping();
  EXPECT_EQ(p.path, "/a");
  EXPECT_EQ(p.origin_host, "www.example.vn");
  EXPECT_EQ(p.campaign, "T\xE1\xBA\xBFt 2027");
  EXPECT_TRUE(p.origin_absent);  // what the sender writes is no header of the browser's
}

TEST_F(NativeTest, APathMayCarryItsQueryOrBeAWholeAddress) {
  EXPECT_EQ(query("site=s&path=/p?utm_campaign=spring%26x=1").ping().campaign, "spring");
  EXPECT_EQ(query("site=s&path=https://example.vn/q?a").ping().path, "/q");
  EXPECT_EQ(query("site=s&path=/p?xutm_campaign=a%26utm_campaign=").ping().campaign, "");
}

TEST_F(NativeTest, PathWinsOverUrlAndTheHostHeaderOverTheUrl) {
  query("site=s&path=/p&url=https://other.example/q").header(Field::origin, "https://example.vn");
  EXPECT_EQ(ping().path, "/p");
  EXPECT_EQ(ping().origin_host, "example.vn");
}

TEST_F(NativeTest, WithoutPathThePageIsTheReferers) {
  const Ping p = query("site=s").header(Field::referer, "https://example.vn/a/index.html?utm_campaign=x").ping();
  EXPECT_EQ(p.path, "/a");
  EXPECT_EQ(p.campaign, "x");
  EXPECT_FALSE(p.origin_only);
}

TEST_F(NativeTest, ARefererThatIsAnOriginAloneNamesNoPage) {
  for (const char* referer : {"https://example.vn/", "https://example.vn"}) {
    const Ping p = query("site=s").header(Field::referer, referer).ping();
    EXPECT_EQ(p.path, "");
    EXPECT_TRUE(p.origin_only);
    EXPECT_EQ(p.origin_host, "example.vn");
  }
}

TEST_F(NativeTest, WithoutPathAndRefererThePageIsUnknown) {
  const Ping p = query("site=s").ping();
  EXPECT_EQ(p.path, "");
  EXPECT_FALSE(p.origin_only);
}

TEST_F(NativeTest, TheReferrerIsCutToOriginAndPath) {
  EXPECT_EQ(query("site=s&path=/&ref=https://t.example/x?token=1").ping().referrer, "https://t.example/x");
  EXPECT_EQ(query("site=s&path=/&ref=android-app://x").ping().referrer, "");
}

TEST_F(NativeTest, KindsAreThree) {
  EXPECT_EQ(query("site=s&path=/&kind=pageview").ping().kind, counting::Kind::pageview);
  EXPECT_EQ(query("site=s&path=/&kind=heartbeat").ping().kind, counting::Kind::heartbeat);
  const Ping p = query("site=s&path=/&kind=event&name=+Mua%0Angay+").ping();
  EXPECT_EQ(p.kind, counting::Kind::event);
  EXPECT_EQ(p.event, "Mua ngay");
}

TEST_F(NativeTest, TheAnswersFormIsAskedFor) {
  EXPECT_EQ(query("site=s&path=/&format=json").ping().format, AnswerFormat::json);
  request_.path = "/x/hit.gif";
  EXPECT_EQ(query("site=s&path=/").ping().format, AnswerFormat::gif);
  EXPECT_EQ(query("site=s&path=/&format=json").ping().format, AnswerFormat::gif);
}

TEST_F(NativeTest, ABeaconIsJsonUnderTextPlain) {
  const Ping p = post("text/plain;charset=UTF-8",
                      "\n {\"site\":\"s\",\"path\":\"/p\",\"ref\":null,\"name\":7,\"w\":[800],\"h\":0}")
                     .ping();
  EXPECT_EQ(p.site, "s");
  EXPECT_EQ(p.path, "/p");
  EXPECT_EQ(p.unknown_keys, 2U);
}

TEST_F(NativeTest, BodiesOfEveryAcceptedType) {
  EXPECT_EQ(post("application/json", R"({"site":"a"})").ping().site, "a");
  EXPECT_EQ(post("Application/X-WWW-Form-Urlencoded ; charset=UTF-8", "site=b&path=%2F").ping().site, "b");
  EXPECT_EQ(post("text/plain", "site=c").ping().site, "c");
}

TEST_F(NativeTest, ABodyWithoutATypeIsReadByItsFirstByte) {
  EXPECT_EQ(post("", R"({"site":"d"})").ping().site, "d");
  EXPECT_EQ(post("", "site=e").ping().site, "e");
}

TEST_F(NativeTest, TheBodyWinsOverTheQueryAndAnEmptyOneIsFine) {
  EXPECT_EQ(query("site=q&path=/q").post("text/plain", R"({"site":"b","path":""})").ping().site, "b");
  EXPECT_EQ(post("text/plain", R"({"site":"b"})").ping().path, "/q");
  EXPECT_EQ(post("multipart/form-data", "").ping().site, "q");
  EXPECT_EQ(post("application/json", " \r\n").ping().site, "q");
}

TEST_F(NativeTest, TheBodyOfAGetIsNotRead) {
  query("site=q").post("text/plain", R"({"site":"b"})");
  request_.method = http::Method::get;
  EXPECT_EQ(ping().site, "q");
}

TEST_F(NativeTest, OverridesOfBatchesMeanNothingHere) {
  const Ping p = query("site=s&path=/&time=1&address=192.0.2.1&agent=x&visitor=y").ping();
  EXPECT_EQ(p.unknown_keys, 4U);
}

TEST_F(NativeTest, OriginIsTakenBeforeReferer) {
  query("site=s&path=/").header(Field::referer, "https://b.example/x");
  EXPECT_EQ(ping().origin_host, "b.example");
  EXPECT_FALSE(ping().origin_absent);
  EXPECT_EQ(header(Field::origin, "https://A.Example:8443").ping().origin_host, "a.example");
}

TEST_F(NativeTest, ANullOriginIsNotAnAbsentOne) {
  const Ping p = query("site=s&path=/").header(Field::origin, "null").ping();
  EXPECT_TRUE(p.origin_null);
  EXPECT_FALSE(p.origin_absent);
  EXPECT_EQ(p.origin_host, "");
}

TEST_F(NativeTest, AnOriginThatIsNoWebOriginIsKeptWhole) {
  const Ping p = query("site=s&path=/").header(Field::origin, "chrome-extension://ABC").ping();
  EXPECT_EQ(p.origin_host, "chrome-extension://abc");
  EXPECT_FALSE(p.origin_absent);
}

TEST_F(NativeTest, PrefetchIsToldByAnyOfThreeHeaders) {
  EXPECT_FALSE(query("site=s&path=/").ping().prefetch);
  for (const auto& [field, value] :
       {std::pair{Field::sec_purpose, "prefetch;prerender"}, std::pair{Field::sec_purpose, "Prerender"},
        std::pair{Field::purpose, "prefetch"}, std::pair{Field::x_moz, "PreFetch"}}) {
    request_.fields = {};
    request_.present = 0;
    EXPECT_TRUE(header(field, value).ping().prefetch) << value;
  }
  request_.fields = {};
  EXPECT_FALSE(header(Field::purpose, "navigation").ping().prefetch);
}

// Errors.

TEST_F(NativeTest, MalformedPingsNameTheKeyAndTheReason) {
  const auto expect = [this](std::string_view text, std::string_view key) {
    const base::Error e = query(text).error();
    EXPECT_EQ(e.code, base::Errc::malformed) << text;
    EXPECT_NE(e.detail.find(key), std::string::npos) << e.detail;
  };
  expect("", "site");
  expect("path=/p", "site");
  expect("site=", "site");
  expect("site=s&kind=view", "kind");
  expect("site=s&kind=Pageview", "kind");
  expect("site=s&kind=event", "name");
  expect("site=s&kind=event&name=%20%0a", "name");
  expect("site=s&path=%", "path");
  expect("site=s&path=%2", "path");
  expect("site=s&url=example.vn/p", "url");
  expect("site=s&format=xml", "format");
}

TEST_F(NativeTest, BrokenJsonIsMalformed) {
  EXPECT_EQ(post("application/json", "[1]").error().code, base::Errc::malformed);
  EXPECT_EQ(post("application/json", "{\"site\":\"s\"").error().code, base::Errc::malformed);
  EXPECT_EQ(post("text/plain", "{\"site\":\"s\"}x").error().code, base::Errc::malformed);
}

TEST_F(NativeTest, OtherMediaTypesAreRefusedWithTheAcceptedOnes) {
  const base::Error e = post("multipart/form-data; boundary=x", "--x").error();
  EXPECT_EQ(e.code, base::Errc::conflict);
  EXPECT_NE(e.detail.find("application/json"), std::string::npos);
  EXPECT_EQ(post("application/jsonx", "{}").error().code, base::Errc::conflict);
  header(Field::content_encoding, "gzip");
  EXPECT_EQ(post("application/json", R"({"site":"s"})").error().code, base::Errc::conflict) << "what is packed";
}

TEST_F(NativeTest, AnOverlongPathIsTooLarge) {
  const std::string text = "site=s&path=/" + std::string(kPathMax, 'x');
  EXPECT_EQ(query(text).error().code, base::Errc::too_large);
}

}  // namespace
}  // namespace footfall::ingest
