// SPDX-License-Identifier: Apache-2.0
// Real logs, counted by `footfall analyze`, against the facts that an independent program found in them.
//
// The logs are not part of this repository: FOOTFALL_SAMPLES names their directory, else the tests look beside it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

#include "cli/command.h"
#include "cli/json_read.h"
#include "cli/text.h"

namespace footfall::cli {
namespace {

struct Log {
  const char* name;
  const char* format;
};

class SamplesTest : public testing::TestWithParam<Log> {};

std::string latin1_bytes(const std::string& utf8) {
  std::string out;
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    const auto byte = static_cast<unsigned char>(utf8[i]);
    if (byte < 0x80) {
      out.push_back(utf8[i]);
    } else {
      out.push_back(static_cast<char>(((byte & 3U) << 6U) | (static_cast<unsigned char>(utf8[++i]) & 0x3fU)));
    }
  }
  return out;
}

// The facts show bytes as latin-1; here UTF-8 stays what it is.
std::vector<std::pair<std::string, std::uint64_t>> expected_list(const JsonValue& facts) {
  std::vector<std::pair<std::string, std::uint64_t>> out;
  for (const JsonValue& row : facts.items())
    out.emplace_back(to_utf8(latin1_bytes(row.items()[0].text())), row.items()[1].number());
  return out;
}

std::vector<std::pair<std::string, std::uint64_t>> found_list(const JsonValue& found) {
  std::vector<std::pair<std::string, std::uint64_t>> out;
  for (const JsonValue& row : found.items()) out.emplace_back(row.items()[0].text(), row.items()[1].number());
  return out;
}

TEST_P(SamplesTest, EveryNumberIsThatOfTheReference) {
  const char* given = std::getenv("FOOTFALL_SAMPLES");
  const std::string directory = given != nullptr ? given : FOOTFALL_TEST_SAMPLES;
  const std::string name = directory + "/" + GetParam().name;
  std::ifstream file(name + ".reference.json");
  if (!file) GTEST_SKIP() << "no sample logs: set FOOTFALL_SAMPLES to their directory";
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  JsonDocument reference;
  ASSERT_TRUE(reference.parse(text));
  const JsonValue facts = reference.root();
  const JsonValue online = facts["online_page_hits"];

  std::vector<std::string> words = {"footfall",        "analyze", name + ".gz", "--format",
                                    GetParam().format, "--json",  "--top",      "10"};
  std::vector<std::uint64_t> expected;
  for (const char* list : {"samples_whole_span", "samples_24h_around_max", "samples_1h_around_max"}) {
    for (const JsonValue& sample : online[list].items()) {
      words.push_back("--at=" + std::to_string(sample["t"].integer()));
      expected.push_back(sample.number("online"));
    }
  }
  ASSERT_EQ(expected.size(), 60U);
  std::vector<const char*> argv;
  argv.reserve(words.size());
  for (const std::string& word : words) argv.push_back(word.c_str());
  std::ostringstream out;
  std::ostringstream err;
  Terminal terminal{out, err, false, "footfall"};
  ASSERT_EQ(run(static_cast<int>(argv.size()), argv.data(), terminal), kDone) << err.str();
  JsonDocument document;
  ASSERT_TRUE(document.parse(out.str()));
  const JsonValue found = document.root();

  EXPECT_EQ(found.number("lines"), facts.number("lines"));
  EXPECT_EQ(found.number("unparseable_lines"), facts.number("unparseable_lines"));
  EXPECT_EQ(found.number("page_hits"), facts.number("page_hits"));
  EXPECT_EQ(found.number("distinct_clients"), facts["distinct_client"].number("page_hits"));
  EXPECT_EQ(found.number("distinct_visitors"), facts["distinct_visitor"].number("page_hits"));
  for (const char* days : {"page_hits_per_day_utc", "unique_visitors_per_day_utc"}) {
    EXPECT_TRUE(found[days].present());
    EXPECT_EQ(found[days].shown(), facts[days].shown()) << days;
  }
  EXPECT_EQ(found["online"].number("window_s"), online.number("window_s"));
  EXPECT_EQ(found["online"].number("max"), online.number("max"));
  EXPECT_EQ(found["online"]["max_first_at"].integer(), online["max_first_at"].integer());
  const std::vector<JsonValue> samples = found["online"]["samples"].items();
  ASSERT_EQ(samples.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_EQ(samples[i].number("online"), expected[i]) << samples[i]["t"].integer();
  EXPECT_EQ(found_list(found["top_paths"]), expected_list(facts["top_paths_query_stripped"]));
  EXPECT_EQ(found_list(found["top_referrers"]), expected_list(facts["top_referrers_raw"]));
  EXPECT_EQ(found["busiest_second"].number("page_hits"), facts["busiest_second"].number("page_hits"));
}

INSTANTIATE_TEST_SUITE_P(RealLogs, SamplesTest,
                         testing::Values(Log{"elastic-nginx-2015.log", "combined"},
                                         Log{"elastic-apache-semicomplete-2015.log", "combined"},
                                         Log{"airis-blog-2016-b.log", "combined"},
                                         Log{"nasa-ksc-1995-08-01.tsv", "nasa-tsv"}),
                         [](const auto& log) {
                           std::string name = log.param.name;
                           for (char& c : name) {
                             if (c == '-' || c == '.') c = '_';
                           }
                           return name;
                         });

}  // namespace
}  // namespace footfall::cli
