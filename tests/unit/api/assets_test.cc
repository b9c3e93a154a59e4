// SPDX-License-Identifier: Apache-2.0
#include "api/assets.h"

#include <gtest/gtest.h>
#include <zlib.h>

namespace footfall::api {
namespace {

constexpr std::string_view kDate = "Mon, 23 Nov 2026 03:00:00 GMT";

std::string unzipped(std::string_view bytes) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  std::string out(1U << 20U, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

std::string answer(std::string_view accept_encoding, std::string_view if_none_match = "",
                   http::Method method = http::Method::get) {
  http::Request request;
  request.method = method;
  request.fields[static_cast<std::size_t>(http::Field::accept_encoding)] = accept_encoding;
  request.fields[static_cast<std::size_t>(http::Field::if_none_match)] = if_none_match;
  std::string out;
  write_asset(out, script(), request, kDate);
  return out;
}
std::string body_of(const std::string& response) {
  return response.substr(response.find("\r\n\r\n") + 4);
}

TEST(Assets, TheScriptIsInsideAndSmall) {
  EXPECT_NE(script().bytes.find("data-footfall"), std::string_view::npos);
  EXPECT_EQ(unzipped(script().gzip), script().bytes);
  EXPECT_LE(script().gzip.size(), 2500U);
  EXPECT_NE(theme_script().bytes.find("busuanzi_value_"), std::string_view::npos);
  EXPECT_EQ(unzipped(theme_script().gzip), theme_script().bytes);
  EXPECT_LE(theme_script().gzip.size(), 600U);
  EXPECT_NE(theme_script().etag, script().etag);
}

TEST(Assets, IsCompressedForWhoTakesIt) {
  EXPECT_EQ(body_of(answer("")), script().bytes);
  EXPECT_EQ(unzipped(body_of(answer("gzip, deflate, br"))), script().bytes);
  EXPECT_NE(answer("gzip").find("\r\nContent-Encoding: gzip\r\n"), std::string::npos);
  EXPECT_NE(answer("").find("\r\nVary: Accept-Encoding\r\n"), std::string::npos);
}

TEST(Assets, WhoHasItIsToldSo) {
  const std::string known = answer("gzip", "\"x\", W/" + script().etag_gzip);
  EXPECT_TRUE(known.starts_with("HTTP/1.1 304 "));
  EXPECT_EQ(body_of(known), "");
  EXPECT_TRUE(answer("", "*").starts_with("HTTP/1.1 304 "));
  EXPECT_TRUE(answer("", script().etag_gzip).starts_with("HTTP/1.1 200 "));  // has the other encoding
}

TEST(Assets, HeadHasNoBody) {
  EXPECT_EQ(body_of(answer("", "", http::Method::head)), "");
}

TEST(AcceptEncoding, WeightsCount) {
  for (const std::string_view yes :
       {"gzip", "GZIP", "br, gzip;q=0.5", "*", "identity;q=0, x-gzip", "gzip;q=1", "gzip;q=0.001"}) {
    EXPECT_TRUE(accepts_gzip(yes)) << yes;
  }
  for (const std::string_view no : {"", "br", "gzip;q=0", "gzip; q=0.000", "*;q=0", "*, gzip;q=0", "gzippy"}) {
    EXPECT_FALSE(accepts_gzip(no)) << no;
  }
}

}  // namespace
}  // namespace footfall::api
