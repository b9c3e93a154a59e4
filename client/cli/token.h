// SPDX-License-Identifier: Apache-2.0
// The token that admin requests are sent with, and where it is found:
//
//   --token-file, or FOOTFALL_TOKEN_FILE     it and no other
//   $XDG_CONFIG_HOME/footfall/token          (~/.config) the user's
//   /var/lib/footfall/admin-token            what the daemon's first start wrote
//
// Tested by tests/unit/client/token_test.cc.
#pragma once

#include <string>

#include "base/errors.h"

namespace footfall::cli {

struct Token {
  std::string secret;
  std::string path;  // the file it was read from
};

// not_found: no file, with where one would be; denied: one is there that may not be read, with the command that would
// work (made of `command_line`); malformed: what the file holds is no token.
base::Result<Token> find_token(const std::string& given_path, const std::string& command_line);

}  // namespace footfall::cli
