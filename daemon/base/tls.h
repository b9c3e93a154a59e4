// SPDX-License-Identifier: Apache-2.0
// TLS as a filter of bytes: OpenSSL over memory, without a socket.
//
//   from the socket --> receive() --> plain()         what the peer said
//   send()          --> ciphertext()                  to the socket
//
// Versions 1.2 and 1.3. A client verifies the server's certificate against the system's authorities or a file of its
// own, and its name (RFC 9525) or IP address.
//
// Ownership  TlsContext outlives its filters. Threading: a filter is its connection's; a context may be shared.
// Errors     for_clients() says which file, and OpenSSL's reason; a filter's receive() and send() say why it
// failed. Tested by tests/unit/redis/redis_servers_test.cc against a real server.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/errors.h"

// NOLINTBEGIN(readability-identifier-naming): OpenSSL's names
struct ssl_ctx_st;
struct ssl_st;
// NOLINTEND(readability-identifier-naming)

namespace footfall::base {

class TlsContext {
 public:
  // `authorities`: a PEM file; empty for those of the system.
  static Result<TlsContext> for_clients(const std::string& authorities);

  ssl_ctx_st* get() const { return context_.get(); }

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };
  explicit TlsContext(ssl_ctx_st* context) : context_(context) {}
  std::unique_ptr<ssl_ctx_st, Free> context_;
};

class TlsFilter {
 public:
  // A client's end: `host` is a name or an IP address.
  static TlsFilter connect(const TlsContext& context, const std::string& host);

  // Takes bytes from the peer, and adds what they say to `plain`. A failed filter stays so; what it leaves in
  // ciphertext() tells the peer why.
  Result<void> receive(std::string_view bytes, std::string& plain);
  // Before the handshake has ended it keeps `plain`, and sends it then.
  Result<void> send(std::string_view plain);
  // To be sent to the peer; taken by the caller.
  std::string take_ciphertext();

 private:
  struct Free {
    void operator()(ssl_st* ssl) const;
  };
  explicit TlsFilter(ssl_st* ssl) : ssl_(ssl) {}
  Result<void> handshake();

  std::unique_ptr<ssl_st, Free> ssl_;
  std::string early_;  // given to send() before the handshake ended
  bool established_ = false;
};

}  // namespace footfall::base
