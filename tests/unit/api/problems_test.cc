// SPDX-License-Identifier: Apache-2.0
#include "api/problems.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "unit/api/site_fixture.h"

namespace footfall::api {
namespace {

constexpr std::string_view kDate = "Mon, 23 Nov 2026 03:00:00 GMT";

TEST(Problems, TypesAreDistinctAndStatusesAreErrors) {
  std::set<std::string_view> types;
  for (std::size_t i = 0; i < static_cast<std::size_t>(Problem::count_); ++i) {
    const ProblemInfo& info = info_of(static_cast<Problem>(i));
    EXPECT_TRUE(types.insert(info.type).second) << info.type;
    EXPECT_GE(info.status, 400);
    EXPECT_LT(info.status, 600);
    EXPECT_FALSE(info.title.empty());
  }
}

TEST(Problems, TypesThatClientsActOnStayAsTheyAre) {
  EXPECT_EQ(info_of(Problem::unknown_site).type, "unknown-site");
  EXPECT_EQ(info_of(Problem::unknown_site).status, 404);
  EXPECT_EQ(info_of(Problem::rate_limited).type, "rate-limited");
  EXPECT_EQ(info_of(Problem::rate_limited).status, 429);
  EXPECT_EQ(info_of(Problem::conflict).status, 409);
  EXPECT_EQ(info_of(Problem::unavailable).status, 503);
  EXPECT_EQ(info_of(Problem::in_progress).type, "in-progress");
  EXPECT_EQ(info_of(Problem::in_progress).status, 409);
  EXPECT_EQ(info_of(Problem::key_reused).type, "key-reused");
  EXPECT_EQ(info_of(Problem::key_reused).status, 422);
  EXPECT_EQ(info_of(Problem::keys_full).type, "keys-full");
  EXPECT_EQ(info_of(Problem::keys_full).status, 429);
}

TEST(Problems, TheInterfaceDescriptionListsEveryType) {
  std::ifstream file(FOOTFALL_OPENAPI);
  std::stringstream text;
  text << file.rdbuf();
  std::string list = text.str();
  const std::size_t begin = list.find("enum: [/problems/");
  ASSERT_NE(begin, std::string::npos);
  list = list.substr(begin + 7, list.find(']', begin) - begin - 7);
  std::set<std::string> described, known;
  for (std::istringstream words(list); std::getline(words, list, ',');) {
    described.insert(list.substr(list.find("/problems/") + 10));
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(Problem::count_); ++i) {
    known.insert(std::string(info_of(static_cast<Problem>(i)).type));
  }
  EXPECT_EQ(described, known);
}

TEST(Problems, EveryErrorOfTheParserHasATypeWithItsStatus) {
  for (std::size_t i = 1; i < static_cast<std::size_t>(http::ParseError::count_); ++i) {
    const auto error = static_cast<http::ParseError>(i);
    EXPECT_EQ(info_of(problem_of(error)).status, http::status_of(error)) << http::name_of(error);
  }
  std::string out;
  write_refused(out, http::ParseError::no_room, kDate, "Footfall-Rejected: overload\r\n");
  EXPECT_TRUE(out.starts_with("HTTP/1.1 503 ")) << out;
  EXPECT_NE(out.find("\r\nRetry-After: 1\r\n"), std::string::npos);
  EXPECT_NE(out.find("\r\nConnection: close\r\n"), std::string::npos);
  EXPECT_NE(out.find("\r\nFootfall-Rejected: overload\r\n"), std::string::npos);
  EXPECT_NE(out.find("no_room: "), std::string::npos);
}

TEST(Problems, TheAnswerSaysWhatWhereAndWhatToDo) {
  std::string out;
  write_problem(out, Problem::unauthorized, "send a \"token\"\xFF", kDate, true);
  EXPECT_TRUE(out.starts_with("HTTP/1.1 401 ")) << out;
  EXPECT_NE(out.find("\r\nWWW-Authenticate: Bearer\r\n"), std::string::npos);
  EXPECT_NE(out.find("application/problem+json"), std::string::npos);
  const Parsed body(std::string_view(out).substr(out.find("\r\n\r\n") + 4));
  EXPECT_EQ(body.number("/status"), 401);
  EXPECT_EQ(body.text("/detail"), "send a \"token\"\uFFFD");
  EXPECT_TRUE(body.text("/type").ends_with("unauthorized"));
}

TEST(Problems, WhoIsToWaitIsToldHowLong) {
  for (const Problem problem : {Problem::rate_limited, Problem::too_many_attempts, Problem::unavailable,
                                Problem::in_progress, Problem::keys_full}) {
    std::string out;
    write_problem(out, problem, "", kDate, true);
    EXPECT_NE(out.find("\r\nRetry-After: "), std::string::npos);
  }
}

TEST(Problems, TheAnswerToHeadHasNoBody) {
  std::string out = "before";
  write_problem(out, Problem::not_found, "x", kDate, true, {}, true);
  EXPECT_TRUE(out.ends_with("\r\n\r\n"));
  EXPECT_TRUE(out.starts_with("beforeHTTP/1.1 404 "));
}

}  // namespace
}  // namespace footfall::api
