// SPDX-License-Identifier: Apache-2.0
// Paths: by example, and against a slow second program on random input.
#include "ingest/paths.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "ingest/text.h"
#include "support/rng_seed.h"

namespace footfall::ingest {
namespace {

class PathsTest : public ::testing::Test {
 protected:
  std::string path(std::string_view raw) {
    arena_.clear();
    std::string_view out;
    if (!normalise_path(raw, arena_, out)) return "(too long)";
    return std::string(out);
  }
  std::string referrer(std::string_view raw) {
    std::string_view host;
    const std::string out(normalise_referrer(raw, arena_, host));
    host_ = host;
    return out;
  }
  Arena arena_;
  std::string host_;
};

TEST_F(PathsTest, PlainPathsStay) {
  for (const char* plain : {"/", "/a", "/tin-tuc/2026/11/bai-viet.html", "/a,b;c=d@e!$&'()*+~", "/a b", "/...", "/..a",
                            "/a.", "/INDEX.HTML"}) {
    EXPECT_EQ(path(plain), plain);
  }
}

TEST_F(PathsTest, QueryAndFragmentAreDropped) {
  EXPECT_EQ(path("/p?utm_source=x#top"), "/p");
  EXPECT_EQ(path("/p#a?b"), "/p");
  EXPECT_EQ(path("?a=b"), "/");
  EXPECT_EQ(path(""), "/");
}

TEST_F(PathsTest, EscapesAreDecodedWhereThatGivesText) {
  EXPECT_EQ(path("/caf%C3%A9"), "/caf\xC3\xA9");
  EXPECT_EQ(path("/caf\xC3\xA9"), "/caf\xC3\xA9");
  EXPECT_EQ(path("/%74in%20tuc"), "/tin tuc");
  EXPECT_EQ(path("/\xC3%A9"), "/\xC3\xA9");  // half sent raw
}

TEST_F(PathsTest, EscapesThatWouldMeanSomethingElseStay) {
  EXPECT_EQ(path("/a%2fb"), "/a%2Fb");
  EXPECT_EQ(path("/a%3fb%23c"), "/a%3Fb%23c");
  EXPECT_EQ(path("/100%25"), "/100%25");
  EXPECT_EQ(path("/%2541"), "/%2541");
}

TEST_F(PathsTest, WhatIsNoTextIsEncodedHoweverItWasSent) {
  EXPECT_EQ(path("/%ff"), "/%FF");
  EXPECT_EQ(path("/\xFF"), "/%FF");
  EXPECT_EQ(path("/a%00b%0a"), "/a%00b%0A");
  EXPECT_EQ(path(std::string_view("/a\0b\n", 5)), "/a%00b%0A");
  EXPECT_EQ(path("/%C2%85"), "/%C2%85");        // a C1 control
  EXPECT_EQ(path("/%ED%A0%80"), "/%ED%A0%80");  // a surrogate
  EXPECT_EQ(path("/%C0%AF"), "/%C0%AF");        // an overlong slash
  EXPECT_EQ(path("/100%"), "/100%25");
  EXPECT_EQ(path("/%zz%4"), "/%25zz%254");
}

TEST_F(PathsTest, SegmentsAreResolved) {
  EXPECT_EQ(path("//a///b/"), "/a/b");
  EXPECT_EQ(path("/a/./b/../c"), "/a/c");
  EXPECT_EQ(path("/../../a"), "/a");
  EXPECT_EQ(path("/a/.."), "/");
  EXPECT_EQ(path("/%2e%2E/a"), "/a");
  EXPECT_EQ(path("a/b"), "/a/b");
  EXPECT_EQ(path("/a/%2e"), "/a");
}

TEST_F(PathsTest, IndexPagesAndTrailingSlashesAreTheFolder) {
  EXPECT_EQ(path("/index.html"), "/");
  EXPECT_EQ(path("/a/index.htm"), "/a");
  EXPECT_EQ(path("/a/index.php/"), "/a");
  EXPECT_EQ(path("/a/index.html/index.php"), "/a");
  EXPECT_EQ(path("/a/b/"), "/a/b");
  EXPECT_EQ(path("/index.php/news"), "/index.php/news");
  EXPECT_EQ(path("/myindex.html"), "/myindex.html");
  EXPECT_EQ(path("/index.xhtml"), "/index.xhtml");
  EXPECT_EQ(path("/index%2ehtml"), "/");
}

TEST_F(PathsTest, OverlongPathsAreRefusedNotCut) {
  EXPECT_EQ(path("/" + std::string(kPathMax - 1, 'x')).size(), kPathMax);
  EXPECT_EQ(path("/" + std::string(kPathMax, 'x')), "(too long)");
  EXPECT_EQ(path("/" + std::string(400, '\xFF')), "(too long)");  // 1,201 bytes when encoded
  EXPECT_EQ(path("/" + std::string(100'000, 'x')), "(too long)");
  EXPECT_EQ(path("/" + std::string(2000, 'x') + "/.."), "/");  // what counts is the result
}

// The slow program: the rules of paths.h, one after the other, on strings.
std::string slow_path(std::string raw) {
  raw = raw.substr(0, raw.find_first_of("?#"));
  std::vector<std::string> units;  // a raw '/' as "/", a byte as itself, what stays encoded as "%XX"
  const auto escape = [](unsigned byte) {
    char out[4];
    std::snprintf(out, sizeof out, "%%%02X", byte);
    return std::string(out);
  };
  for (std::size_t i = 0; i < raw.size(); ++i) {
    unsigned byte = static_cast<std::uint8_t>(raw[i]);
    bool escaped = false;
    if (raw[i] == '%' && i + 2 < raw.size() && std::isxdigit(static_cast<std::uint8_t>(raw[i + 1])) &&
        std::isxdigit(static_cast<std::uint8_t>(raw[i + 2]))) {
      byte = static_cast<unsigned>(std::stoul(raw.substr(i + 1, 2), nullptr, 16));
      escaped = true;
      i += 2;
    }
    const bool special = byte == '/' || byte == '?' || byte == '#' || byte == '%';
    if (byte < 0x20 || byte == 0x7F || (escaped && special) || byte == '%') {
      units.push_back(escape(byte));
    } else {
      units.emplace_back(1, static_cast<char>(byte));
    }
  }
  std::vector<std::string> segments(1);
  for (std::size_t i = 0; i < units.size();) {
    if (units[i] == "/") {
      segments.emplace_back();
      ++i;
      continue;
    }
    if (units[i].size() > 1 || static_cast<std::uint8_t>(units[i][0]) < 0x80) {
      segments.back() += units[i++];
      continue;
    }
    std::size_t taken = 0;
    for (std::size_t size = 2; size <= 4 && i + size <= units.size() && taken == 0; ++size) {
      std::string character;
      for (std::size_t k = 0; k < size; ++k) character += units[i + k];
      if (utf8_character(character) == size && character.size() == size && !is_control(character)) {
        segments.back() += character;
        taken = size;
      }
    }
    if (taken == 0) {
      segments.back() += escape(static_cast<std::uint8_t>(units[i][0]));
      taken = 1;
    }
    i += taken;
  }
  std::vector<std::string> kept;
  for (const std::string& segment : segments) {
    if (segment.empty() || segment == ".") continue;
    if (segment != "..") {
      kept.push_back(segment);
    } else if (!kept.empty()) {
      kept.pop_back();
    }
  }
  while (!kept.empty() && (kept.back() == "index.html" || kept.back() == "index.htm" || kept.back() == "index.php"))
    kept.pop_back();
  std::string out;
  for (const std::string& segment : kept) out += "/" + segment;
  if (out.size() > kPathMax) return "(too long)";
  return out.empty() ? "/" : out;
}

TEST_F(PathsTest, AgreesWithTheSlowProgramAndIsIdempotent) {
  std::mt19937_64 random(testing::rng_seed());
  const std::vector<std::string> parts = {"/",
                                          "/",
                                          "//",
                                          ".",
                                          "..",
                                          "index.html",
                                          "index.php",
                                          "a",
                                          "b",
                                          "%2e",
                                          "%2F",
                                          "%25",
                                          "%",
                                          "%4",
                                          "%C3",
                                          "%A9",
                                          "\xC3\xA9",
                                          "\xC3",
                                          "\xE1\xBB\x91",
                                          "%ED%A0%80",
                                          "\n",
                                          "%0d",
                                          "%C2%85",
                                          " ",
                                          "%3f",
                                          "%41",
                                          "%e1%bb%91",
                                          "+",
                                          "\xF0\x9F\x98\x80",
                                          "%F0%9F",
                                          "\x7F",
                                          "\\",
                                          "%7f"};
  for (int round = 0; round < 60'000; ++round) {
    std::string raw;
    for (std::size_t i = random() % 9; i > 0; --i) raw += parts[random() % parts.size()];
    if (random() % 50 == 0) raw += std::string(random() % 1100, 'x');
    if (random() % 8 == 0) raw += "?%zz&x=/..";
    const std::string once = path(raw);
    ASSERT_EQ(once, slow_path(raw)) << raw;
    if (once == "(too long)") continue;
    ASSERT_EQ(path(once), once) << raw;
  }
}

TEST_F(PathsTest, RandomBytesGiveTextWithoutControlCharacters) {
  std::mt19937_64 random(testing::rng_seed());
  for (int round = 0; round < 20'000; ++round) {
    std::string raw(random() % 40, '\0');
    for (char& c : raw) c = static_cast<char>(random() % 4 == 0 ? '%' : random() % 3 == 0 ? '/' : random());
    const std::string once = path(raw);
    ASSERT_EQ(once, slow_path(raw)) << round;
    for (std::string_view rest = once; !rest.empty();) {
      const std::size_t size = utf8_character(rest);
      ASSERT_NE(size, 0U);
      ASSERT_FALSE(is_control(rest.substr(0, size)));
      rest.remove_prefix(size);
    }
    ASSERT_EQ(path(once), once);
  }
}

TEST_F(PathsTest, ReferrersAreCutToOriginAndPath) {
  EXPECT_EQ(referrer("HTTPS://User:pw@News.Example:443/a/?q=secret#x"), "https://news.example/a");
  EXPECT_EQ(host_, "news.example");
  EXPECT_EQ(referrer("http://news.example:8080"), "http://news.example:8080/");
  EXPECT_EQ(host_, "news.example");
  EXPECT_EQ(referrer("https://[2001:DB8::1]:444/x"), "https://[2001:db8::1]:444/x");
  EXPECT_EQ(host_, "[2001:db8::1]");
  EXPECT_EQ(referrer("https://example.com./"), "https://example.com/");
  EXPECT_EQ(referrer("https://www.google.com?q=x"), "https://www.google.com/");
}

TEST_F(PathsTest, WhatIsNoWebAddressIsNoReferrer) {
  for (const char* raw :
       {"", "android-app://com.google.android.gm/", "about:blank", "javascript:alert(1)", "//host/p", "https://",
        "https:///p", "https://a b/", "https://a<script>/", "ftp://a/", "http:/a", "https://a:99999999/",
        "https://[::1", "https://a:b/", "https://.x/", "https://x../", "https://a..b/"}) {
    EXPECT_EQ(referrer(raw), "") << raw;
    EXPECT_EQ(host_, "") << raw;
  }
}

TEST_F(PathsTest, AReferrerWithAnOverlongPathIsItsOrigin) {
  EXPECT_EQ(referrer("https://a.example/" + std::string(2000, 'x')), "https://a.example/");
  EXPECT_EQ(referrer("https://a.example/" + std::string(1020, 'x')), "https://a.example/");
  EXPECT_LE(referrer("https://a.example/" + std::string(990, 'x')).size(), kReferrerMax);
}

TEST_F(PathsTest, ReferrersAreIdempotent) {
  for (const char* raw :
       {"HTTPS://A.Example:443//b/../c/index.html?x", "http://a.example:80", "http://[::1]:8080/%2541"}) {
    const std::string once = referrer(raw);
    EXPECT_EQ(referrer(once), once);
  }
}

TEST_F(PathsTest, TheQueryStandsBetweenQuestionMarkAndFragment) {
  EXPECT_EQ(query_of("/p?a=b?c#d?e"), "a=b?c");
  EXPECT_EQ(query_of("/p#?a"), "");
  EXPECT_EQ(query_of("/p"), "");
}

}  // namespace
}  // namespace footfall::ingest
