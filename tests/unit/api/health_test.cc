// SPDX-License-Identifier: Apache-2.0
#include "api/health.h"

#include <gtest/gtest.h>

namespace footfall::api {
namespace {

Readiness good() {
  Readiness facts;
  facts.recovered = true;
  facts.journal_open = true;
  facts.sites = 3;
  facts.last_checkpoint_s = 940;
  return facts;
}

TEST(Health, ANodeThatTakesTrafficIsReady) {
  const HealthAnswer answer = readyz(good(), "", 1000);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "ready\n");
}

TEST(Health, AStartSaysHowFarItIs) {
  EXPECT_EQ(startupz(nullptr).status, 200);
  EXPECT_EQ(startupz(nullptr).body, "started\n");
  store::RecoveryProgress progress;
  EXPECT_EQ(startupz(&progress).status, 503);
  EXPECT_EQ(startupz(&progress).body, "recovering: reading the checkpoint\n");
  progress.streams = 2;
  progress.stream = 1;
  EXPECT_EQ(startupz(&progress).body, "recovering: stream 1 of 2, 100 % of 0 MB, 0 hits\n");
  progress.bytes = 1'999'999'999;
  progress.bytes_read = 1'999'999'998;
  progress.hits = 1'000;
  EXPECT_EQ(startupz(&progress).body, "recovering: stream 1 of 2, 99 % of 1999 MB, 1,000 hits\n");
}

TEST(Health, VerboseSaysEachFactAndTheDurability) {
  const HealthAnswer answer = readyz(good(), "verbose", 1000);
  EXPECT_EQ(answer.body,
            "[+] recovery done\n[+] journal open, durability disk\n[+] taking traffic\n[+] sites: 3\n"
            "[+] the ledger balances\n[+] checkpoint: 60 s old\nready\n");
}

TEST(Health, NothingElseMayServe) {
  Readiness draining = good();
  draining.draining = true;
  Readiness recovering = good();
  recovering.recovered = false;
  Readiness broken = good();
  broken.journal_open = false;
  broken.journal_detail = "pwrite: No space left on device";
  for (const Readiness& facts : {draining, recovering, broken}) {
    EXPECT_EQ(readyz(facts, "", 0).status, 503);
    EXPECT_EQ(readyz(facts, "", 0).body, "not ready\n");
  }
  EXPECT_NE(readyz(broken, "verbose", 0).body.find("[-] journal closed: pwrite: No space left"), std::string::npos);
}

TEST(Health, AFailedCheckpointDegradesOnly) {
  Readiness facts = good();
  facts.checkpoints_fail = true;
  EXPECT_EQ(readyz(facts, "verbose", 1000).status, 200);
  EXPECT_NE(readyz(facts, "verbose", 1000).body.find("[-] the last checkpoint failed"), std::string::npos);
}

TEST(Health, ALedgerThatDoesNotBalanceDegradesOnly) {
  Readiness facts = good();
  facts.ledger = {"site a.vn: counted 3, in its days 2", "stream hits-000: a"};
  const HealthAnswer answer = readyz(facts, "verbose", 1000);
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.body.find("[-] the ledger does not balance: site a.vn: counted 3, in its days 2\n"
                             "[-] the ledger does not balance: stream hits-000: a\n"),
            std::string::npos);
  EXPECT_EQ(readyz(facts, "", 1000).body, "ready\n");
}

TEST(Health, WhoAnswersLivesUnlessAThreadIsStuck) {
  EXPECT_EQ(livez().status, 200);
  EXPECT_EQ(livez("shard-1").status, 503);
  EXPECT_EQ(livez("shard-1").body, "shard-1 is stuck\n");
}

TEST(Health, WithAThreadThatIsStuckItIsNotReady) {
  Readiness facts;
  facts.recovered = facts.journal_open = true;
  EXPECT_EQ(readyz(facts, "", 1000).status, 200);
  facts.stuck = "shard-1";
  const HealthAnswer answer = readyz(facts, "verbose", 1000);
  EXPECT_EQ(answer.status, 503);
  EXPECT_NE(answer.body.find("[-] shard-1 is stuck\n"), std::string::npos);
}

}  // namespace
}  // namespace footfall::api
