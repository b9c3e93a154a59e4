// SPDX-License-Identifier: Apache-2.0
// What --redis names: where Redis is to be found, and as whom to log in.
//
//   redis://[[user:]password@]host[:port][,host[:port]...][/database]       one server, a replicated pair, or a cluster
//   rediss://...                                                            the same over TLS
//   unix:///run/redis/redis.sock[?database=N]                               unix://[[user:]password@]/path
//   redis+sentinel://[[user:]password@]host[:port],.../master[/database][?sentinel-user=U&sentinel-password=P]
//                                                                           rediss+sentinel:// over TLS
//
// Several addresses are places to begin with: the master among them is used, and of a cluster all its masters. Whether
// it is a cluster, the server says. Users, passwords and path may be percent-encoded. Ports are 6379 and, of sentinels,
// 26379. Sentinels that are not given a password of their own are offered the server's, and need not take it.
//
// Threading: none. Errors: `invalid_config`, which never shows the password.
// Tested by tests/unit/redis/target_test.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/errors.h"
#include "redis/address.h"

namespace footfall::redis {

struct Target {
  std::vector<Address> addresses;  // at least one
  std::string user;                // empty: Redis's default user
  std::string password;            // empty: no AUTH
  std::string sentinel_user;       // empty: their default user
  std::string sentinel_password;   // empty: they have none of their own
  std::string master;              // of sentinels: the name that they know it under; else empty
  unsigned database = 0;
  bool tls = false;

  bool has_sentinels() const { return !master.empty(); }
};

base::Result<Target> parse_target(std::string_view uri);

// For logs: the URI without user and password.
std::string to_string(const Target& target);

}  // namespace footfall::redis
