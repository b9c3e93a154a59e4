// SPDX-License-Identifier: Apache-2.0
#include "api/problem_image.h"

#include <gtest/gtest.h>

#include "http/response.h"

namespace footfall::api {
namespace {

constexpr std::string_view kDate = "Mon, 23 Nov 2026 03:00:00 GMT";

std::string written(Route resource, Problem problem, std::string_view detail, bool head_only = false) {
  std::string out;
  write_problem_image(out, resource, problem, detail, kDate, true, "Vary: Authorization\r\n", head_only);
  return out;
}
bool has(const std::string& answer, std::string_view part) {
  return answer.find(part) != std::string::npos;
}
std::string_view body_of(std::string_view answer) {
  return answer.substr(answer.find("\r\n\r\n") + 4);
}

TEST(ProblemImage, ThePixelStaysThePixelUnderTheProblemsStatus) {
  const std::string answer = written(Route::hit_gif, Problem::rate_limited, "too many");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 429 ")) << answer;
  EXPECT_TRUE(has(answer, "\r\nRetry-After: 1\r\n"));
  EXPECT_TRUE(has(answer, "\r\nContent-Type: image/gif\r\n"));
  EXPECT_EQ(body_of(answer), http::gif_bytes());
}

TEST(ProblemImage, ThePictureSaysWhatIsWrong) {
  const std::string answer = written(Route::widget_svg, Problem::malformed, "show: <b> & \"c\"");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
  EXPECT_TRUE(has(answer, "\r\nContent-Type: image/svg+xml; charset=utf-8\r\n"));
  EXPECT_TRUE(has(answer, "\r\nCache-Control: no-store\r\n"));
  EXPECT_TRUE(has(answer, "\r\nVary: Authorization\r\n"));
  EXPECT_TRUE(has(answer, "\r\nContent-Security-Policy: "));
  EXPECT_TRUE(body_of(answer).starts_with("<svg "));
  EXPECT_TRUE(has(answer, "show: &lt;b&gt; &amp; &quot;c&quot;</text>")) << answer;
}

TEST(ProblemImage, ThePictureWithoutLettersHasDashesAndSaysWhyInAField) {
  const std::string answer = written(Route::widget_png, Problem::malformed, "pad: give\r\nX-Own: a number");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
  EXPECT_TRUE(has(answer, "\r\nContent-Type: image/png\r\n"));
  EXPECT_TRUE(has(answer, "\r\nCache-Control: no-store\r\n"));
  EXPECT_TRUE(has(answer, "\r\nFootfall-Problem: malformed; pad: give  X-Own: a number\r\n"));
  EXPECT_TRUE(body_of(answer).starts_with("\x89PNG"));
  EXPECT_TRUE(has(written(Route::widget_svg, Problem::unknown_site, ""),
                  "\r\nFootfall-Problem: unknown-site; No site has this name\r\n"));
}

TEST(ProblemImage, WithoutADetailItSaysTheTitle) {
  EXPECT_TRUE(has(written(Route::widget_svg, Problem::unknown_site, ""), "No site has this name</text>"));
  EXPECT_TRUE(has(written(Route::widget_svg, Problem::unauthorized, ""), "\r\nWWW-Authenticate: Bearer\r\n"));
}

TEST(ProblemImage, ToHeadTheBodyIsLeftOut) {
  EXPECT_EQ(body_of(written(Route::widget_svg, Problem::unknown_site, "", true)), "");
}

}  // namespace
}  // namespace footfall::api
