// SPDX-License-Identifier: Apache-2.0
#include "reload.h"

#include <gtest/gtest.h>

#include <fstream>
#include <initializer_list>

#include "support/temporary_directory.h"

namespace footfall {
namespace {

using Names = std::vector<std::string>;

Config parsed(std::initializer_list<const char*> flags) {
  std::vector<const char*> words{"footfalld"};
  words.insert(words.end(), flags);
  return *parse_config(static_cast<int>(words.size()), words.data());
}

TEST(Reload, OfTheSameChangesNothing) {
  Config running = parsed({"--rate-limit", "5", "--threads", "2"});
  const Reloaded done = take_reloadable(running, parsed({"--threads", "2", "--rate-limit", "5"}));
  EXPECT_EQ(done.applied, Names{});
  EXPECT_EQ(done.needs_start, Names{});
  EXPECT_EQ(describe(done), "no option has changed");
}

TEST(Reload, TakesWhatItCanAndNamesTheRest) {
  Config running = parsed({"--rate-limit", "5", "--threads", "2", "--log-level", "debug"});
  const Config wanted = parsed({"--rate-limit", "7", "--threads", "3", "--trusted-proxy", "10.0.0.0/8", "--base-path",
                                "/stats", "--log-level", "debug"});
  const Reloaded done = take_reloadable(running, wanted);
  EXPECT_EQ(done.applied, (Names{"rate-limit", "trusted-proxy"}));
  EXPECT_EQ(done.needs_start, (Names{"base-path", "threads"}));
  EXPECT_EQ(describe(done),
            "rate-limit and trusted-proxy are in force; base-path and threads are read at a start alone, and stay as "
            "they were");
  EXPECT_EQ(running.rate_limit, 7U);
  EXPECT_EQ(running.trusted_proxies.size(), 1U);
  EXPECT_EQ(running.threads, 2U);
  EXPECT_EQ(running.base_path, "");
}

TEST(Reload, SaysAgainWhatStillWaits) {
  Config running = parsed({"--threads", "2"});
  const Config wanted = parsed({"--threads", "3", "--drain", "5"});
  EXPECT_EQ(take_reloadable(running, wanted).applied, Names{"drain"});
  const Reloaded again = take_reloadable(running, wanted);
  EXPECT_EQ(again.applied, Names{});
  EXPECT_EQ(again.needs_start, Names{"threads"});
  EXPECT_EQ(describe(again), "threads is read at a start alone, and stays as it was");
}

TEST(Reload, AnOptionThatIsGoneHasItsDefaultAgain) {
  Config running = parsed({"--rate-limit", "5", "--trusted-proxy", "10.0.0.0/8"});
  EXPECT_EQ(take_reloadable(running, parsed({})).applied, (Names{"rate-limit", "trusted-proxy"}));
  EXPECT_EQ(running.rate_limit, Config().rate_limit);
  EXPECT_TRUE(running.trusted_proxies.empty());
  EXPECT_EQ(take_reloadable(running, parsed({})).applied, Names{});
}

TEST(Reload, AFileOfTrustedPeersIsTakenWhenWhatIsInItChanges) {
  const testing::TemporaryDirectory directory;
  const std::string file = directory.file("cdn");
  const auto read = [&] { return parsed({"--trusted-proxy-file", file.c_str()}); };
  std::ofstream(file) << "10.0.0.0/8\n";
  Config running = read();
  EXPECT_EQ(take_reloadable(running, read()).applied, Names{});
  std::ofstream(file) << "10.0.0.0/8\n192.0.2.0/24\n";
  EXPECT_EQ(take_reloadable(running, read()).applied, Names{"trusted-proxy-file"});
  EXPECT_EQ(running.trusted_proxies_of_files.size(), 2U);
  EXPECT_EQ(take_reloadable(running, read()).applied, Names{});
  EXPECT_EQ(take_reloadable(running, parsed({})).applied, Names{"trusted-proxy-file"});
  EXPECT_TRUE(running.trusted_proxies_of_files.empty());
}

TEST(Reload, ACertificateIsTakenWhereListenersHaveOne) {
  Config running = parsed({"--listen", "tls:127.0.0.1:1", "--tls-certificate", "a.pem", "--tls-key", "a.key"});
  const Config wanted = parsed({"--listen", "tls:127.0.0.1:1", "--tls-certificate", "b.pem", "--tls-key", "b.key"});
  EXPECT_EQ(take_reloadable(running, wanted).applied, (Names{"tls-certificate", "tls-key"}));
  EXPECT_EQ(running.tls_certificate, "b.pem");
  Config plain = parsed({"--listen", "127.0.0.1:1"});
  EXPECT_EQ(take_reloadable(plain, wanted).needs_start, (Names{"listen", "tls-certificate", "tls-key"}));
  EXPECT_EQ(plain.tls_certificate, "");
}

}  // namespace
}  // namespace footfall
