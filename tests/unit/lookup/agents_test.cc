// SPDX-License-Identifier: Apache-2.0
// Agents: hand-picked ones, uap-core's own examples as an oracle, and real logs by shape.
#include "lookup/agents.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <vector>

#include "base/hash.h"
#include "lookup/pattern_list.h"

namespace footfall::lookup {
namespace {

const AgentDatabase& full() {
  static const auto database = AgentDatabase::load({});
  return *database;
}
const AgentDatabase& without_lists() {
  static const auto database = AgentDatabase::load({.uap_regexes = "/nonexistent", .crawlers = "/nonexistent"});
  return *database;
}
bool uap_is_installed() {
  return std::ifstream("/usr/share/uap-core/regexes.yaml").good();
}

constexpr const char* kMobileGooglebot =
    "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/41.0.2272.96 Mobile "
    "Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
constexpr const char* kCrawlers[] = {
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    kMobileGooglebot,
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
    "Mozilla/5.0 (compatible; coccocbot-web/1.0; +http://help.coccoc.com/searchengine)",
    "Sogou web spider/4.0(+http://www.sogou.com/docs/help/webmasters.htm#07)",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
    "curl/8.4.0",
    "Wget/1.21.3",
    "python-requests/2.31.0",
    "Go-http-client/1.1",
    "Java/1.8.0_281",
    "okhttp/4.9.0",
    "libwww-perl/6.05",
    "Apache-HttpClient/4.5.13 (Java/11.0.20)",
    "node-fetch",
    "Python/3.11 aiohttp/3.8",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/120.0.0.0 Safari/537.36",
    "",
    "-",
    "Mozilla/5.0"};

constexpr const char* kPeople[] = {
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 "
    "Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) coc_coc_browser/50.0.125 "
    "Chrome/44.0.2403.125 Safari/537.36",
    "Mozilla/5.0 (Linux; Android 9; CUBOT_X19 Build/PPR1.180610.011) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 9; KFMAWI) AppleWebKit/537.36 (KHTML, like Gecko) Silk/120.4.1 like "
    "Chrome/120.0.6099.230 Safari/537.36",
    "Opera/9.80 (J2ME/MIDP; Opera Mini/9.80 (S60; SymbOS; Opera Mobi/23.348; U; en) Presto/2.5.25 Version/10.54",
    "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1)"};

TEST(AgentsTest, CrawlersLibrariesAndEmptyAgentsAreBots) {
  for (const char* agent : kCrawlers) {
    EXPECT_TRUE(full().classify(agent).bot) << agent;
    EXPECT_EQ(full().classify(agent).device, "bot") << agent;
    EXPECT_EQ(full().classify(agent).browser, "") << agent;
  }
}

TEST(AgentsTest, BrowsersAreNotBots) {
  for (const char* agent : kPeople) EXPECT_FALSE(full().classify(agent).bot) << agent;
}

TEST(AgentsTest, WithoutListsTheShortOneStillTellsThemApart) {
  for (const char* agent : kCrawlers) EXPECT_TRUE(without_lists().classify(agent).bot) << agent;
  for (const char* agent : kPeople) EXPECT_FALSE(without_lists().classify(agent).bot) << agent;
  EXPECT_NE(without_lists().description().find("short list"), std::string::npos) << without_lists().description();
  EXPECT_NE(without_lists().description().find("/nonexistent"), std::string::npos);
}

TEST(AgentsTest, NamesBrowserSystemAndDevice) {
  if (!uap_is_installed()) GTEST_SKIP() << "uap-core is not installed";
  const auto expect = [](const char* agent, std::string_view browser, std::string_view system,
                         std::string_view device) {
    const Agent found = full().classify(agent);
    EXPECT_EQ(found.browser, browser) << agent;
    EXPECT_EQ(found.system, system) << agent;
    EXPECT_EQ(found.device, device) << agent;
    EXPECT_EQ(found.browser_hash, base::table_hash(browser));
    EXPECT_EQ(found.system_hash, base::table_hash(system));
    EXPECT_EQ(found.device_hash, base::table_hash(device));
  };
  expect(kPeople[0], "Chrome", "Windows", "desktop");
  expect(kPeople[1], "Firefox", "Windows", "desktop");
  expect(kPeople[2], "Mobile Safari", "iOS", "mobile");
  expect(kPeople[3], "Chrome Mobile", "Android", "mobile");
  expect(kPeople[6], "Amazon Silk", "Android", "tablet");
  expect(kPeople[8], "IE", "Windows", "desktop");
}

TEST(AgentsTest, KindsOfDevice) {
  EXPECT_EQ(device_kind("Mozilla/5.0 (iPad; CPU OS 15_0 like Mac OS X) Version/15.0 Mobile/15E148 Safari/604.1"),
            "tablet");
  EXPECT_EQ(device_kind("Mozilla/5.0 (Linux; Android 12; SM-X906C) Chrome/80.0 Safari/537.36"), "tablet");
  EXPECT_EQ(device_kind("Mozilla/5.0 (SMART-TV; Linux; Tizen 2.4.0) Version/2.4.0 TV Safari/538.1"), "tv");
  EXPECT_EQ(device_kind("Mozilla/5.0 (PlayStation 4 3.11) AppleWebKit/537.73"), "console");
  EXPECT_EQ(device_kind("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Safari/605.1.15"), "desktop");
  EXPECT_EQ(device_kind("Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 6.0; Tablet PC 2.0)"), "desktop");
  EXPECT_EQ(device_kind("Something/1.0"), "");
}

TEST(AgentsTest, ANameThatTheSenderInventsIsNotUsed) {
  if (!uap_is_installed()) GTEST_SKIP() << "uap-core is not installed";
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(full().classify("Invented" + std::to_string(i) + "/1 CFNetwork/978.0.7 Darwin/18.7.0").browser, "");
  }
}

TEST(AgentsTest, NamesAreInternedAndKeptAnswersAreShared) {
  const Agent& one = full().classify_and_keep(kPeople[0]);
  const Agent& two = full().classify_and_keep(std::string(kPeople[0]) + " ");
  EXPECT_EQ(&one, &two);
  EXPECT_EQ(full().classify(kPeople[0]).browser.data(), one.browser.data());
}

TEST(AgentsTest, AnAgentOfAnyLengthAndBytesIsClassified) {
  EXPECT_FALSE(full().classify(std::string(kPeople[0]) + std::string(100'000, 'x')).bot);
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  full().classify(bytes);
}

TEST(AgentsTest, TheDescriptionCountsWhatWasLoaded) {
  if (!uap_is_installed()) GTEST_SKIP() << "uap-core is not installed";
  EXPECT_EQ(full().description().rfind("uap-core 1,", 0), 0U) << full().description();
  if (!built_in_crawler_list().empty()) {
    EXPECT_NE(full().description().find(" crawlers"), std::string::npos) << full().description();
  }
}

// uap-core's test files: "- user_agent_string: '...'" and "family: '...'".
std::vector<std::pair<std::string, std::string>> examples(const char* path) {
  std::vector<std::pair<std::string, std::string>> out;
  std::ifstream file(path);
  const auto value = [](const std::string& line) {
    std::string text = line.substr(line.find(':') + 1);
    text.erase(0, text.find_first_not_of(' '));
    if (text.size() >= 2 && (text.front() == '\'' || text.front() == '"')) {
      const char quote = text.front();
      text = text.substr(1, text.rfind(quote) - 1);
      for (std::size_t at = 0; quote == '\'' && (at = text.find("''", at)) != std::string::npos; ++at)
        text.erase(at, 1);
    }
    return text;
  };
  for (std::string line; std::getline(file, line);) {
    if (line.find("- user_agent_string:") != std::string::npos) out.emplace_back(value(line), "");
    if (line.find("    family:") == 0 && !out.empty()) out.back().second = value(line);
  }
  return out;
}

TEST(AgentsTest, BrowsersAgreeWithTheExamplesOfUapCore) {
  const auto list = examples("/usr/share/uap-core/tests/test_ua.yaml");
  if (list.empty()) GTEST_SKIP() << "uap-core's tests are not installed";
  std::size_t people = 0, unnamed = 0;
  for (const auto& [agent, family] : list) {
    const Agent found = full().classify(agent);
    if (found.bot) continue;
    ++people;
    if (found.browser.empty() && family != "Other") {
      ++unnamed;  // a wildcard's words: apps that name themselves
      continue;
    }
    EXPECT_EQ(found.browser, family == "Other" ? "" : family) << agent;
  }
  EXPECT_GT(people, list.size() / 3);
  EXPECT_LT(unnamed, people / 8);
}

TEST(AgentsTest, SystemsAgreeWithTheExamplesOfUapCore) {
  const auto list = examples("/usr/share/uap-core/tests/test_os.yaml");
  if (list.empty()) GTEST_SKIP() << "uap-core's tests are not installed";
  std::size_t people = 0, unnamed = 0;
  for (const auto& [agent, family] : list) {
    const Agent found = full().classify(agent);
    if (found.bot) continue;
    ++people;
    if (found.system.empty() && family != "Other") {
      ++unnamed;
      continue;
    }
    EXPECT_EQ(found.system, family == "Other" ? "" : family) << agent;
  }
  EXPECT_GT(people, list.size() / 2);
  EXPECT_LT(unnamed, people / 20);
}

TEST(AgentsTest, SpidersOfUapCoreAreBotsAndItsPhonesAreNot) {
  const auto list = examples("/usr/share/uap-core/tests/test_device.yaml");
  if (list.empty()) GTEST_SKIP() << "uap-core's tests are not installed";
  std::size_t spiders = 0, others = 0, called_bots = 0;
  for (const auto& [agent, family] : list) {
    if (family == "Spider") {
      ++spiders;
      EXPECT_TRUE(full().classify(agent).bot) << agent;
    } else if (family != "Other" && family != "Generic Feature Phone") {
      ++others;
      if (full().classify(agent).bot && agent.rfind("WhatsApp/", 0) != 0)
        ++called_bots;  // WhatsApp's is a link preview
    }
  }
  EXPECT_GT(spiders, 50U);
  EXPECT_LT(called_bots * 200, others) << called_bots << " of " << others;
}

// The agents of a real log: of a site about software, that many crawlers and feed readers ask for.
TEST(AgentsTest, OfARealLogMostAgentsArePeopleAndMostPeopleHaveNames) {
  const char* given = std::getenv("FOOTFALL_SAMPLES");
  const std::string folder = given != nullptr ? given : std::string(FOOTFALL_SOURCE_DIR) + "/../shared/data";
  const std::string path = folder + "/elastic-apache-semicomplete-2015.log.gz";
  const gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) GTEST_SKIP() << path << " is not there";
  std::size_t lines = 0, bots = 0, people = 0, named = 0;
  std::vector<char> line(65'536);
  while (gzgets(file, line.data(), static_cast<int>(line.size())) != nullptr) {
    std::string_view text(line.data());
    const auto end = text.rfind('"');
    const auto begin = end == std::string_view::npos ? end : text.rfind('"', end - 1);
    if (begin == std::string_view::npos) continue;
    ++lines;
    const Agent agent = full().classify(text.substr(begin + 1, end - begin - 1));
    (agent.bot ? bots : people) += 1;
    if (!agent.bot && !agent.browser.empty() && !agent.system.empty() && !agent.device.empty()) ++named;
  }
  gzclose(file);
  EXPECT_GT(lines, 9000U);
  EXPECT_GT(bots * 10, lines);
  EXPECT_GT(people * 2, lines);
  if (!uap_is_installed()) GTEST_SKIP() << "uap-core is not installed";
  EXPECT_GT(named * 10, people * 8) << named << " of " << people;
}

}  // namespace
}  // namespace footfall::lookup
