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
  EXPECT_EQ(parse({}).log_format, base::log::Format::text);
  EXPECT_EQ(parse({"--log-format", "json"}).log_format, base::log::Format::json);
  EXPECT_NE(refused({"--log-format", "xml"}).find("'xml' is neither text nor json"), std::string::npos);
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
  const std::string networks = file("# a CDN's\n10.0.0.0/8\n2001:db8::/32 # and more\n");
  EXPECT_EQ(parse({"--trusted-proxy-file", networks}).trusted_proxies_of_files.size(), 2U);
  const std::string wrong = file("10.0.0.0/8\nten\n");
  EXPECT_EQ(refused({"--trusted-proxy-file", wrong}).find("--trusted-proxy-file: " + wrong + ":2: \"ten\": "), 0U);
  EXPECT_EQ(parse({"--config", file("trusted-proxy = [\"10.0.0.0/8\", \"192.0.2.1\"]\n")}).trusted_proxies.size(), 2U);
  environment("FOOTFALL_LISTEN", "127.0.0.1:1,127.0.0.1:2,127.0.0.1:3");
  EXPECT_EQ(parse({}).listen.size(), 3U);
}

TEST_F(ConfigTest, TheModeOfPublicUnixSocketsIsOctal) {
  const Config config = parse({"--listen", "unix:/run/a.sock", "--listen-mode", "0660", "--admin", "unix:/run/b.sock"});
  EXPECT_EQ(config.listen[0].unix_mode, 0660U);
  EXPECT_EQ(config.admin[0].unix_mode, 0U);
  EXPECT_EQ(parse({"--config", file("listen-mode = \"600\"\n")}).listen_mode, 0600U);
  for (const char* wrong : {"0", "0888", "1000", "rw"})
    EXPECT_EQ(refused({"--listen-mode", wrong}).find("--listen-mode: '"), 0U) << wrong;
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
  EXPECT_EQ(parse({"--script-name", "dem-luot_1"}).script_name, "dem-luot_1");
  EXPECT_EQ(refused({"--base-path", "a b"}).find("--base-path:"), 0U);
  for (const char* wrong : {"/so", "a.js", "themes", "footfall", "hit", "livez"})
    EXPECT_EQ(refused({"--script-name", wrong}).find("--script-name: '"), 0U) << wrong;
  environment("FOOTFALL_TRUSTED_PROXY", "10.0.0.0/99");
  EXPECT_EQ(refused({}).find("FOOTFALL_TRUSTED_PROXY:"), 0U);
}

TEST_F(ConfigTest, WhatIsNoReadableFileIsRefusedByName) {
  EXPECT_EQ(refused({"--config", directory_.path()}).find(directory_.path() + ": is a directory"), 0U);
  const std::string absent = directory_.path() + "/absent.toml";
  EXPECT_EQ(refused({"--config", absent}).find(absent + ": cannot open: No such file"), 0U);
  EXPECT_EQ(refused({"--config", ""}).find("--config: is empty"), 0U);
  environment("FOOTFALL_CONFIG", absent);
  EXPECT_EQ(refused({}).find(absent + ": cannot open: No such file"), 0U);
}

TEST_F(ConfigTest, ACountryDatabaseMustBeOne) {
  const std::string absent = directory_.path() + "/absent.mmdb";
  const std::string path = file("drain = 5\ncountry-database = \"" + absent + "\"\n");
  EXPECT_EQ(refused({"--config", path}).find(path + ":2: country-database: the country database " + absent), 0U);
  const std::string text = file("no database\n");
  EXPECT_NE(refused({"--country-database", text}).find("it must be a MaxMind DB file"), std::string::npos);
  EXPECT_EQ(refused({"--country-database", ""}).find("--country-database: is empty"), 0U);
}

TEST_F(ConfigTest, AListThatIsNamedMustBeThere) {
  EXPECT_EQ(parse({}).agent_files.uap_regexes, "/usr/share/uap-core/regexes.yaml")
      << "wherever it is not, it is left out";
  const std::string absent = directory_.path() + "/absent.yaml";
  EXPECT_EQ(refused({"--agent-list", absent}),
            "--agent-list: '" + absent + "' cannot be read: No such file or directory");
  EXPECT_EQ(refused({"--crawler-list", absent}).find("--crawler-list: '"), 0U);
  EXPECT_EQ(parse({"--crawler-list", "/dev/null"}).agent_files.crawlers, "/dev/null");
}

TEST_F(ConfigTest, WhatDoesNotGoTogetherNamesWhereItCameFrom) {
  const std::string path = file("threads = 1\n\nadmin = \"0.0.0.0:8081\"\n");
  EXPECT_EQ(refused({"--config", path}).find(path + ":3: admin: 0.0.0.0 is not"), 0U);
  EXPECT_EQ(parse({"--config", path, "--admin", "127.0.0.1:9"}).admin[0].port, 9) << "the flag is in force";
  environment("FOOTFALL_ADMIN", "192.0.2.1:8081");
  EXPECT_EQ(refused({}).find("FOOTFALL_ADMIN: 192.0.2.1 is not"), 0U);
  EXPECT_EQ(refused({"--admin", "192.0.2.2:8081"}).find("--admin: 192.0.2.2 is not"), 0U);
}

TEST_F(ConfigTest, EachListenerHasAnAddressOfItsOwn) {
  EXPECT_EQ(
      refused({"--listen", "127.0.0.1:1", "--listen", "127.0.0.1:1"}).find("--listen: 127.0.0.1:1 is named twice"), 0U);
  EXPECT_EQ(refused({"--admin", "127.0.0.1:8080"}).find("--admin: 127.0.0.1:8080 is that of --listen by default"), 0U);
  const std::string path = file("listen = \"[::1]:7\"\n");
  EXPECT_EQ(
      refused({"--config", path, "--metrics-listen", "[::1]:7"}).find("--metrics-listen: [::1]:7 is that of " + path),
      0U);
  EXPECT_EQ(parse({"--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}).admin[0].port, 0) << "each gets a free one";
}

TEST_F(ConfigTest, AnAdminListenerBeyondLoopbackMustBeAskedFor) {
  EXPECT_NE(refused({"--admin", "192.0.2.1:8081"}).find("--insecure-admin"), std::string::npos);
  EXPECT_EQ(parse({"--admin", "192.0.2.1:8081", "--insecure-admin", "true"}).admin.size(), 1U);
}

// --- TLS ---

TEST_F(ConfigTest, ListenersMayBeWithTls) {
  EXPECT_FALSE(has_tls(parse({})));
  environment("FOOTFALL_TLS_CERTIFICATE", "/c.pem");
  environment("FOOTFALL_TLS_KEY", "/k.pem");
  const Config config = parse({"--listen", "tls:0.0.0.0:443", "--listen", "127.0.0.1:80"});
  EXPECT_TRUE(config.listen[0].tls);
  EXPECT_FALSE(config.listen[1].tls);
  EXPECT_EQ(config.tls_certificate, "/c.pem");
  EXPECT_EQ(config.tls_key, "/k.pem");
  EXPECT_TRUE(has_tls(config));
  EXPECT_FALSE(parse({"--admin", "tls:192.0.2.1:8443"}).insecure_admin) << "it needs not be";
  EXPECT_TRUE(parse({"--metrics-listen", "https://192.0.2.1:8443/"}).metrics_listen[0].tls);
}

TEST_F(ConfigTest, TlsAndItsFilesGoTogether) {
  EXPECT_EQ(refused({"--listen", "tls:127.0.0.1:443"})
                .find("--listen: tls:127.0.0.1:443 needs a certificate; name it with --tls-certificate"),
            0U);
  EXPECT_EQ(refused({"--tls-certificate", "/c"}).find("--tls-certificate: a certificate and its key go together"), 0U);
  EXPECT_EQ(refused({"--tls-key", "/k"}).find("--tls-key: a certificate and its key go together"), 0U);
  EXPECT_EQ(refused({"--tls-key", "/k", "--tls-certificate", "/c"}).find("--tls-certificate: no listener is with TLS"),
            0U);
  EXPECT_EQ(refused({"--tls-key", ""}).find("--tls-key: is empty"), 0U);
  EXPECT_NE(refused({"--admin", "192.0.2.1:8081"}).find("(tls:192.0.2.1:8081)"), std::string::npos);
  EXPECT_NE(refused({"--syslog-listen", "tls:127.0.0.1:514"}).find("have no TLS"), std::string::npos);
  EXPECT_NE(refused({"--listen", "127.0.0.1:1", "--listen", "tls:127.0.0.1:1"}).find("is named twice"),
            std::string::npos);
}

// --- syslog ---

TEST_F(ConfigTest, SyslogIsOffUnlessAnAddressIsNamed) {
  EXPECT_TRUE(parse({}).syslog.listen.empty());
  const Config config = parse({"--syslog-listen", "127.0.0.1:5514", "--syslog-listen", "unix:/run/footfall/syslog",
                               "--syslog-site", "example.vn", "--syslog-format", "vhost-combined", "--syslog-filter",
                               "method=GET,HEAD", "--syslog-buffer", "65536", "--listen-mode", "0660"});
  ASSERT_EQ(config.syslog.listen.size(), 2U);
  EXPECT_EQ(config.syslog.listen[0].port, 5514);
  EXPECT_TRUE(config.syslog.listen[1].unix_socket);
  EXPECT_EQ(config.syslog.listen[1].unix_mode, 0660U);
  EXPECT_EQ(config.syslog.site, "example.vn");
  EXPECT_EQ(config.syslog.filter.description(), "method=GET,HEAD");
  EXPECT_EQ(config.syslog.buffer_bytes, 65'536U);
}

TEST_F(ConfigTest, SyslogStaysOnLoopbackUnlessToldOtherwise) {
  EXPECT_NE(refused({"--syslog-listen", "0.0.0.0:514"}).find("--insecure-syslog true"), std::string::npos);
  EXPECT_TRUE(parse({"--syslog-listen", "0.0.0.0:514", "--insecure-syslog", "true"}).syslog.insecure);
}

TEST_F(ConfigTest, WhatIsWrongAboutSyslogIsNamed) {
  EXPECT_NE(refused({"--syslog-listen", "5514"}).find("--syslog-listen"), std::string::npos);
  EXPECT_NE(refused({"--syslog-listen", "127.0.0.1:0"}).find("has no port"), std::string::npos);
  EXPECT_NE(refused({"--syslog-listen", "127.0.0.1:514", "--syslog-listen", "127.0.0.1:514"}).find("named twice"),
            std::string::npos);
  EXPECT_NE(refused({"--listen", "unix:/s", "--syslog-listen", "unix:/s"}).find("--listen"), std::string::npos);
  EXPECT_NE(refused({"--syslog-format", "combind"}).find("combined"), std::string::npos);
  EXPECT_NE(refused({"--syslog-format", "nasa-tsv"}).find("header"), std::string::npos);
  EXPECT_NE(refused({"--syslog-filter", "methd=GET"}).find("methd=GET"), std::string::npos);
  EXPECT_NE(refused({"--syslog-buffer", "1"}).find("4096"), std::string::npos);
  // A port of UDP is not one of TCP.
  EXPECT_EQ(parse({"--listen", "127.0.0.1:8090", "--syslog-listen", "127.0.0.1:8090"}).syslog.listen.size(), 1U);
}

}  // namespace
}  // namespace footfall
