// SPDX-License-Identifier: Apache-2.0
// Where the token is found.
#include "cli/token.h"

#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace footfall::cli {
namespace {

class TokenTest : public testing::Test {
 protected:
  TokenTest() {
    std::string name = testing::TempDir() + "footfall-token-XXXXXX";
    directory_ = mkdtemp(name.data());
    for (const char* variable : {"XDG_CONFIG_HOME", "HOME"}) {
      const char* value = std::getenv(variable);
      before_.emplace_back(variable, value == nullptr ? "" : value);
    }
    setenv("XDG_CONFIG_HOME", directory_.c_str(), 1);
  }
  ~TokenTest() override {
    for (const auto& [variable, value] : before_) {
      value.empty() ? unsetenv(variable) : setenv(variable, value.c_str(), 1);
    }
    std::filesystem::remove_all(directory_);
  }
  std::string file(const std::string& name, const std::string& content) {
    std::string path = directory_ + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << content;
    return path;
  }

  std::string directory_;
  std::vector<std::pair<const char*, std::string>> before_;
};

TEST_F(TokenTest, AGivenFileIsReadAndNoOther) {
  file("footfall/token", "users");
  EXPECT_EQ(find_token(file("given", " abc_DEF-1\n"), "")->secret, "abc_DEF-1");
  const auto missing = find_token(directory_ + "/none", "");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, base::Errc::not_found);
  EXPECT_NE(missing.error().detail.find(directory_ + "/none"), std::string::npos);
}

TEST_F(TokenTest, TheUsersFileComesBeforeTheDaemons) {
  const std::string path = file("footfall/token", "users\n");
  const auto token = find_token("", "");
  ASSERT_TRUE(token) << token.error().detail;
  EXPECT_EQ(token->secret, "users");
  EXPECT_EQ(token->path, path);
}

TEST_F(TokenTest, AFileThatHoldsNoTokenIsSaidSo) {
  for (const char* content : {"", "\n", "two words", "line\nline"}) {
    const auto token = find_token(file("given", content), "");
    ASSERT_FALSE(token) << content;
    EXPECT_EQ(token.error().code, base::Errc::malformed);
  }
}

TEST_F(TokenTest, AFileThatMayNotBeReadShowsTheCommandThatWouldWork) {
  const std::string path = file("secret", "abc");
  chmod(path.c_str(), 0);
  // Root may read everything: as nobody, for a moment.
  constexpr uid_t kNobody = 65534;
  if (geteuid() == 0) setfsuid(kNobody);
  const auto token = find_token(path, "footfall seed example.vn --total 5");
  setfsuid(geteuid());
  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().code, base::Errc::denied);
  EXPECT_NE(token.error().detail.find("sudo FOOTFALL_TOKEN_FILE=" + path + " footfall seed example.vn --total 5"),
            std::string::npos)
      << token.error().detail;
}

}  // namespace
}  // namespace footfall::cli
