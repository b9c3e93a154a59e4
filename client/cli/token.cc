// SPDX-License-Identifier: Apache-2.0
#include "cli/token.h"

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <system_error>
#include <vector>

#include "cli/text.h"

namespace footfall::cli {
namespace {

constexpr const char* kDaemonsFile = "/var/lib/footfall/admin-token";
constexpr std::size_t kTokenSizeMax = 4096;

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::vector<std::string> usual_places() {
  std::vector<std::string> places;
  const std::string config = environment("XDG_CONFIG_HOME");
  const std::string home = environment("HOME");
  if (!config.empty()) {
    places.push_back(config + "/footfall/token");
  } else if (!home.empty()) {
    places.push_back(home + "/.config/footfall/token");
  }
  places.emplace_back(kDaemonsFile);
  return places;
}

base::Error unreadable(const std::string& path, const std::string& command_line) {
  return {base::Errc::denied, "the token file " + path +
                                  " may not be read by this user; this would work:\n  sudo FOOTFALL_TOKEN_FILE=" +
                                  shell_quoted(path) + " " + command_line};
}

// errno's value if it cannot be read.
base::Result<Token> read_token(const std::string& path, const std::string& command_line) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    if (errno == EACCES || errno == EPERM) return unreadable(path, command_line);
    return base::Error{base::Errc::not_found,
                       "the token file " + path + " cannot be opened: " + std::generic_category().message(errno)};
  }
  std::string secret(kTokenSizeMax, '\0');
  file.read(secret.data(), static_cast<std::streamsize>(secret.size()));
  secret.resize(static_cast<std::size_t>(file.gcount()));
  secret.erase(secret.find_last_not_of(" \t\r\n") + 1);
  secret.erase(0, secret.find_first_not_of(" \t\r\n"));
  for (const char c : secret) {
    if (c <= ' ' || c > '~') secret.clear();
  }
  if (secret.empty() || secret.size() == kTokenSizeMax) {
    return base::Error{base::Errc::malformed,
                       "the token file " + path + " holds no token: one line of letters and digits is expected"};
  }
  return Token{secret, path};
}

}  // namespace

base::Result<Token> find_token(const std::string& given_path, const std::string& command_line) {
  if (!given_path.empty()) return read_token(given_path, command_line);
  const std::vector<std::string> places = usual_places();
  std::string missing;
  for (const std::string& path : places) {
    auto token = read_token(path, command_line);
    if (token || token.error().code != base::Errc::not_found) return token;
    missing += (missing.empty() ? "" : " nor ") + path;
  }
  return base::Error{base::Errc::not_found,
                     "no token: there is neither " + missing +
                         "; footfalld's first start writes admin-token into its data directory: give it with "
                         "--token-file or FOOTFALL_TOKEN_FILE"};
}

}  // namespace footfall::cli
