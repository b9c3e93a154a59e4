// SPDX-License-Identifier: Apache-2.0
// Address: where a daemon listens, as people write it: "http://HOST[:PORT][/BASE]", "https://...", or "unix:/PATH".
// Tested by tests/unit/client_cpp/address_test.cc.
#pragma once

#include <string>
#include <string_view>

namespace footfall::client {

struct Address {
  std::string text;        // as it was given
  std::string host, port;  // empty for a unix socket; the host without brackets
  std::string path;        // of the unix socket
  std::string base;        // "" or "/prefix"
  bool tls = false;        // https

  // For the header Host.
  std::string host_field() const;
};

// Empty: `address` is what `text` says. Else a sentence that says why it is none, and what to write.
std::string parse_address(std::string_view text, Address& address);

}  // namespace footfall::client
