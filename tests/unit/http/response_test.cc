// SPDX-License-Identifier: Apache-2.0
#include "http/response.h"

#include <gtest/gtest.h>

#include <ctime>

namespace footfall::http {
namespace {

constexpr std::string_view kDate = "Mon, 23 Nov 2026 10:00:00 GMT";

TEST(ResponseTest, WritesHeadAndBody) {
  std::string out;
  Response response;
  response.content_type = "text/plain";
  response.body = "48";
  response.extra_fields = "ETag: \"x\"\r\n";
  write(out, response, kDate, true);
  EXPECT_EQ(out,
            "HTTP/1.1 200 OK\r\nDate: Mon, 23 Nov 2026 10:00:00 GMT\r\nCache-Control: no-store\r\n"
            "Access-Control-Allow-Origin: *\r\n"
            "Access-Control-Expose-Headers: Footfall-Rejected, Footfall-Node, Footfall-Epoch, Idempotency-Replayed\r\n"
            "Cross-Origin-Resource-Policy: cross-origin\r\nX-Robots-Tag: noindex\r\nETag: \"x\"\r\nContent-Type: "
            "text/plain\r\n"
            "X-Content-Type-Options: nosniff\r\nContent-Length: 2\r\n\r\n48");
}

TEST(ResponseTest, AppendsBehindWhatIsThere) {
  std::string out = "before";
  write(out, {}, kDate, true);
  EXPECT_EQ(out.substr(0, 14), "beforeHTTP/1.1");
}

TEST(ResponseTest, TheAnswerToHeadHasALengthAndNoBody) {
  std::string out;
  Response response;
  response.content_type = "text/plain";
  response.body = "12345";
  write(out, response, kDate, true, true);
  EXPECT_NE(out.find("Content-Length: 5\r\n"), std::string::npos);
  EXPECT_TRUE(out.ends_with("\r\n\r\n"));
}

TEST(ResponseTest, NoContentHasNoLength) {
  for (const int status : {204, 304}) {
    std::string out;
    Response response;
    response.status = status;
    response.content_type = "text/plain";
    response.body = "never";
    write(out, response, kDate, true);
    EXPECT_EQ(out.find("Content-Length"), std::string::npos);
    EXPECT_TRUE(out.ends_with("\r\n\r\n"));
  }
}

TEST(ResponseTest, WithoutContentTheLengthIsZero) {
  std::string out;
  Response response;
  response.status = 404;
  write(out, response, kDate, false);
  EXPECT_NE(out.find("Content-Length: 0\r\n"), std::string::npos);
  EXPECT_NE(out.find("Connection: close\r\n"), std::string::npos);
}

TEST(ResponseTest, CorsCanBeLeftOut) {
  std::string out;
  Response response;
  response.cors = false;
  write(out, response, kDate, true);
  EXPECT_EQ(out.find("Access-Control"), std::string::npos);
}

TEST(ResponseTest, AProblemIsJsonThatAnyOriginMayRead) {
  std::string out;
  write_problem(out, 404, "unknown-site", "Unknown site", "\"a\\b\"\x01 is not registered", kDate, true, "X: y\r\n");
  EXPECT_EQ(out.find("HTTP/1.1 404 Not Found\r\n"), 0U);
  EXPECT_NE(out.find("Content-Type: application/problem+json\r\n"), std::string::npos);
  EXPECT_NE(out.find("Access-Control-Allow-Origin: *\r\n"), std::string::npos);
  EXPECT_NE(out.find("Access-Control-Expose-Headers: Footfall-Rejected"), std::string::npos);
  EXPECT_NE(out.find("X: y\r\n"), std::string::npos);
  EXPECT_NE(out.find("\r\n\r\n{\"type\":\"/problems/unknown-site\",\"title\":\"Unknown site\",\"status\":404,"
                     "\"detail\":\"\\\"a\\\\b\\\"\\u0001 is not registered\"}\n"),
            std::string::npos);
}

TEST(ResponseTest, AStreamHasNoLengthAndClosesAtItsEnd) {
  std::string out;
  write_stream_head(out, "text/event-stream", kDate, "X-Accel-Buffering: no\r\n");
  EXPECT_EQ(out.find("Content-Length"), std::string::npos);
  EXPECT_NE(out.find("Connection: close\r\n"), std::string::npos);
  EXPECT_NE(out.find("X-Accel-Buffering: no\r\n"), std::string::npos);
  EXPECT_TRUE(out.ends_with("Content-Type: text/event-stream\r\n\r\n"));
}

std::string no_content(const HitAnswers& answers, bool keep_alive) {
  std::string out;
  answers.write_no_content(out, {}, keep_alive);
  return out;
}

std::string gif(const HitAnswers& answers, bool keep_alive) {
  std::string out;
  answers.write_gif(out, {}, keep_alive);
  return out;
}

TEST(ResponseTest, HitAnswersAreCompleteAndShort) {
  HitAnswers answers;
  answers.set_second(1'795'428'000);
  const std::string fields =
      "Date: Mon, 23 Nov 2026 10:00:00 GMT\r\nCache-Control: no-store\r\nCross-Origin-Resource-Policy: cross-origin\r\n"
      "Access-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: Footfall-Epoch\r\n";
  EXPECT_EQ(answers.date(), kDate);
  EXPECT_EQ(no_content(answers, true), "HTTP/1.1 204 No Content\r\n" + fields + "\r\n");
  EXPECT_EQ(no_content(answers, false), "HTTP/1.1 204 No Content\r\n" + fields + "Connection: close\r\n\r\n");
  EXPECT_EQ(gif(answers, true), "HTTP/1.1 200 OK\r\n" + fields +
                                    "Content-Type: image/gif\r\nContent-Length: 43\r\n\r\n" + std::string(gif_bytes()));
  answers.set_second(1'795'428'001);
  EXPECT_NE(gif(answers, false).find("10:00:01 GMT\r\n"), std::string::npos);
  EXPECT_NE(gif(answers, false).find("Connection: close\r\n"), std::string::npos);
}

TEST(ResponseTest, HitAnswersHaveFieldsOfTheirOwn) {
  HitAnswers answers;
  answers.set_second(0);
  std::string out = "before";
  answers.write_no_content(out, "Footfall-Epoch: 2.1f\r\n", true);
  EXPECT_TRUE(out.starts_with("beforeHTTP/1.1 204 ")) << out;
  EXPECT_TRUE(out.ends_with("\r\nFootfall-Epoch: 2.1f\r\n\r\n")) << out;
  out.clear();
  answers.write_gif(out, "Footfall-Epoch: 1.0\r\n", false);
  EXPECT_TRUE(out.ends_with("\r\nContent-Length: 43\r\nFootfall-Epoch: 1.0\r\n\r\n" + std::string(gif_bytes()))) << out;
  EXPECT_EQ(gif(answers, false).find("Footfall-Epoch: "), std::string::npos);
}

TEST(ResponseTest, HitAnswersMayNameTheNode) {
  HitAnswers answers("Footfall-Node: n1\r\n");
  answers.set_second(0);
  EXPECT_NE(no_content(answers, true).find("\r\nFootfall-Node: n1\r\n"), std::string::npos);
  EXPECT_NE(gif(answers, true).find("\r\nFootfall-Node: n1\r\n"), std::string::npos);
}

TEST(ResponseTest, TheGifIsOneTransparentPixel) {
  const std::string_view gif = gif_bytes();
  ASSERT_EQ(gif.size(), 43U);
  EXPECT_EQ(gif.substr(0, 6), "GIF89a");
  EXPECT_EQ(gif.substr(6, 4), std::string_view("\x01\0\x01\0", 4));
  EXPECT_EQ(gif.back(), ';');
}

TEST(ResponseTest, DatesAgreeWithTheSystem) {
  for (std::int64_t t = -86'400; t < 4'102'444'800; t += 86'400 * 17 + 4'561) {
    const std::time_t time = t;
    std::tm parts{};
    gmtime_r(&time, &parts);
    char expected[64];
    std::strftime(expected, sizeof expected, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    ASSERT_EQ(imf_fixdate(t), expected) << t;
  }
  EXPECT_EQ(imf_fixdate(951'782'400), "Tue, 29 Feb 2000 00:00:00 GMT");
}

TEST(ResponseTest, EveryStatusInUseHasAPhrase) {
  for (const int status :
       {200, 201, 202, 204, 304, 400, 401, 403, 404, 405, 408, 409, 413, 414, 415, 417, 421, 429, 431, 500, 503, 505}) {
    EXPECT_NE(reason_phrase(status), "Other") << status;
  }
}

}  // namespace
}  // namespace footfall::http
