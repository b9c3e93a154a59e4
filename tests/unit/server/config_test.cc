// SPDX-License-Identifier: Apache-2.0
#include "config.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <initializer_list>
#include <vector>

#include "sites/batch_keys.h"
#include "support/temporary_directory.h"

namespace footfall {
namespace {

class ConfigTest : public ::testing::Test {
 protected:
  void TearDown() override {
    for (const std::string& name : set_) unsetenv(name.c_str());
  }
  void environment(const std::string& name, const std::string& value) {
    setenv(name.c_str(), value.c_str(), 1);
    set_.push_back(name);
  }
  std::string file(const std::string& text) {
    const std::string path = directory_.path() + "/footfall.toml";
    std::ofstream(path) << text;
    return path;
  }
  static Config parse(std::initializer_list<std::string> flags) {
    std::vector<const char*> arguments{"footfalld"};
    for (const std::string& flag : flags) arguments.push_back(flag.c_str());
    return parse_config(static_cast<int>(arguments.size()), arguments.data()).value();
  }
  // The text of the error that the flags give.
  static std::string refused(std::initializer_list<std::string> flags) {
    try {
      parse(flags);
    } catch (const base::Failure& failure) {
      EXPECT_EQ(failure.error().code, base::Errc::invalid_config);
      return failure.error().detail;
    }
    ADD_FAILURE() << "was accepted";
    return {};
  }

  testing::TemporaryDirectory directory_;
  std::vector<std::string> set_;
};

TEST_F(ConfigTest, WithoutAnythingTheDefaultsHold) {
  const Config config = parse({});
  EXPECT_EQ(config.data_dir, "/var/lib/footfall");
  ASSERT_EQ(config.listen.size(), 1U);
  EXPECT_EQ(config.listen[0].port, 8080);
  ASSERT_EQ(config.admin.size(), 1U);
  EXPECT_EQ(config.admin[0].port, 8081);
  EXPECT_GE(config.threads, 1U);
  EXPECT_FALSE(config.accept_loss);
  EXPECT_EQ(config.batch_keys_max, sites::BatchKeyLimits{}.keys_max);
  EXPECT_EQ(config.batch_key_memory_max, sites::BatchKeyLimits{}.bytes_max);
}

TEST_F(ConfigTest, BatchKeysAreBoundedByOptions) {
  const Config config = parse({"--batch-keys-max", "7", "--batch-key-memory-max", "1048576"});
  EXPECT_EQ(config.batch_keys_max, 7U);
  EXPECT_EQ(config.batch_key_memory_max, 1'048'576U);
  EXPECT_NE(refused({"--batch-keys-max", "0"}).find("from 1 to"), std::string::npos);
}

TEST_F(ConfigTest, ALossIsAcceptedByTrueAlone) {
  EXPECT_TRUE(parse({"--accept-loss", "true"}).accept_loss);
  EXPECT_FALSE(parse({"--accept-loss", "false"}).accept_loss);
  EXPECT_NE(refused({"--accept-loss", "yes"}).find("'yes' is neither true nor false"), std::string::npos);
}

TEST_F(ConfigTest, AFlagBeatsTheEnvironmentAndThatBeatsTheFile) {
  const std::string path = file("rate-limit = 1\nrate-burst = 2\ndrain = 3\n");
  environment("FOOTFALL_RATE_LIMIT", "10");
  environment("FOOTFALL_RATE_BURST", "20");
  const Config config = parse({"--config", path, "--rate-limit", "100"});
  EXPECT_EQ(config.rate_limit, 100U);
  EXPECT_EQ(config.rate_burst, 20U);
  EXPECT_EQ(config.drain_s, 3);
}

TEST_F(ConfigTest, ListsComeFromRepeatedFlagsCommasAndArrays) {
  EXPECT_EQ(parse({"--listen", "127.0.0.1:1", "--listen", "[::1]:2"}).listen.size(), 2U);
  EXPECT_EQ(parse({"--config", file("trusted-proxy = [\"10.0.0.0/8\", \"192.0.2.1\"]\n")}).trusted_proxies.size(), 2U);
  environment("FOOTFALL_LISTEN", "127.0.0.1:1,127.0.0.1:2,127.0.0.1:3");
  EXPECT_EQ(parse({}).listen.size(), 3U);
}

// --- errors ---

TEST_F(ConfigTest, AnErrorInTheFileNamesFileLineAndKey) {
  const std::string unknown = file("threads = 1\n\n# a comment\nthraeds = 2\n");
  EXPECT_EQ(refused({"--config", unknown}).find(unknown + ":4: thraeds: unknown key"), 0U);
  const std::string bad = file("drain = 5\nlog-level = \"loud\"\n");
  EXPECT_EQ(refused({"--config", bad}).find(bad + ":2: log-level: 'loud'"), 0U);
  const std::string table = file("[listen]\na = 1\n");
  EXPECT_EQ(refused({"--config", table}).find(table + ":1: listen"), 0U);
}

TEST_F(ConfigTest, AFileIsRefusedEvenWhereAFlagBeatsItsBadValue) {
  const std::string path = file("threads = 99\n");
  EXPECT_NE(refused({"--config", path, "--threads", "1"}).find(":1: threads"), std::string::npos);
}

TEST_F(ConfigTest, AnErrorInAFlagOrTheEnvironmentNamesIt) {
  EXPECT_EQ(refused({"--threads", "64"}).find("--threads: '64'"), 0U);
  EXPECT_EQ(refused({"--threads", "1", "--threads", "2"}).find("--threads: takes one value"), 0U);
  EXPECT_EQ(refused({"--base-path", "a b"}).find("--base-path:"), 0U);
  environment("FOOTFALL_TRUSTED_PROXY", "10.0.0.0/99");
  EXPECT_EQ(refused({}).find("FOOTFALL_TRUSTED_PROXY:"), 0U);
}

TEST_F(ConfigTest, AnAdminListenerBeyondLoopbackMustBeAskedFor) {
  EXPECT_NE(refused({"--admin", "192.0.2.1:8081"}).find("--insecure-admin"), std::string::npos);
  EXPECT_EQ(parse({"--admin", "192.0.2.1:8081", "--insecure-admin", "true"}).admin.size(), 1U);
}

}  // namespace
}  // namespace footfall
