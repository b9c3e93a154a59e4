// SPDX-License-Identifier: Apache-2.0
// TLS as a filter of bytes: OpenSSL over memory, without a socket.
//
//   from the socket --> receive() --> plain           what the peer said
//   plain --> send() --> ciphertext                   to the socket
//
// Versions 1.2 and 1.3, suites with authenticated encryption alone, OpenSSL's security level 2, no renegotiation and no
// compression. A client verifies the server's certificate against the system's authorities or a file of its own, and
// its name (RFC 9525) or IP address. A server shows its chain, speaks http/1.1 where the client asks (ALPN, RFC 7301),
// and lets a session go on by ticket or, in 1.2, by its cache; early data (RFC 8446, 2.3) is never taken, since it
// could be sent twice. Tickets are under keys of the context's own (ticket_keys.h): another context, or process, does
// not know them.
//
// Cost: OpenSSL reads what receive() is given where it lies, and writes to where send() puts it. What an idle filter
// keeps is OpenSSL's own state of a connection, without buffers.
// Ownership  a filter keeps what it needs of its context. Threading: a filter is its connection's; a context may be
// shared. Errors  for_clients() and for_servers() say which file, what is wrong and what to do; a filter's receive()
// and send() say why it failed. Tested by tests/unit/base/tls_test.cc and, against real servers,
// tests/unit/redis/redis_servers_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/errors.h"

// NOLINTBEGIN(readability-identifier-naming): OpenSSL's names
struct ssl_ctx_st;
struct ssl_session_st;
struct ssl_st;
// NOLINTEND(readability-identifier-naming)

namespace footfall::base {

// Why a connection failed, mostly in its handshake: the `reason` of a metric. Add here, and name_of().
enum class TlsFailure : std::uint8_t {
  plain_text,  // the peer speaks no TLS but text: HTTP to a port of HTTPS
  version,     // none in common
  cipher,      // the same of suites, groups or signatures
  protocol,    // the peer wants another than HTTP/1.1
  alert,       // the peer says so: as a rule it does not trust the certificate
  malformed,   // bytes that are no TLS, or were changed on their way
  late,        // not complete at its deadline
  closed,      // the peer left before its end
  count_
};
std::string_view name_of(TlsFailure failure);
// Of the library that runs: "3.0.15".
std::string_view openssl_version();

// Why a client refuses what a server shows, as far as there is something of its own to do about it.
enum class CertificateFault : std::uint8_t {
  none,     // it does not
  expired,  // it, or one of its chain
  early,    // the same, not valid yet
  name,     // it is for other hosts
  issuer,   // its authority is not known here, or a link to that is missing
  other
};

class TlsContext {
 public:
  // `authorities`: a PEM file; empty for those of the system.
  static Result<TlsContext> for_clients(const std::string& authorities);
  // PEM files: the server's certificate and those that lead to its authority, and the key of the first. invalid_config
  // also where the key may be read by everybody.
  static Result<TlsContext> for_servers(const std::string& certificate, const std::string& key);

  ssl_ctx_st* get() const { return context_.get(); }
  // Of a server: UTC seconds at which the first certificate of its chain that does so expires.
  std::int64_t expires_s() const { return expires_s_; }
  // Of a server: what is doubtful about its certificate as of `now_s`, for the log; empty: nothing.
  std::string warning(std::int64_t now_s) const;

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };
  explicit TlsContext(ssl_ctx_st* context) : context_(context) {}
  std::unique_ptr<ssl_ctx_st, Free> context_;
  std::string file_;  // of a server's certificate
  std::int64_t begins_s_ = 0, expires_s_ = 0;
};

// What a client needs to go on where it was, with the same server. Threading: may be shared.
using TlsSession = std::shared_ptr<ssl_session_st>;

class TlsFilter {
 public:
  // A client's end: `host` is a name or an IP address. Its first message is there at once, see send().
  static TlsFilter connect(const TlsContext& context, const std::string& host, const TlsSession& session = nullptr);
  // A server's end.
  static TlsFilter accept(const TlsContext& context);

  // Takes bytes from the peer, and adds what they say to `plain`. What the filter has to say itself is given by the
  // next send(). A failed filter stays so; that tells the peer why.
  Result<void> receive(std::string_view bytes, std::string& plain);
  // Adds to `ciphertext` what is to be sent to the peer: what receive() left, and `plain`, which may be empty. Before
  // the handshake has ended `plain` is kept, and sent then.
  Result<void> send(std::string_view plain, std::string& ciphertext);
  // That no more will be sent (close_notify), for the end of what send() gave; once.
  void end(std::string& ciphertext);

  bool has_to_send() const { return !own_.empty(); }
  bool heard() const { return heard_; }  // receive() was called
  bool established() const { return established_; }
  bool resumed() const;  // the session is an earlier one's
  bool failed() const { return failed_; }
  TlsFailure failure() const { return failure_; }  // REQUIRES: failed()
  bool peer_ended() const { return peer_ended_; }  // it said that it sends no more
  bool ended() const { return ended_; }            // end() was called
  // A client's, when receive() failed in the handshake.
  CertificateFault certificate_fault() const { return certificate_fault_; }
  // A client's: UTC seconds at which the first certificate of the verified chain expires. REQUIRES: established().
  std::int64_t peer_expires_s() const;
  // A client's, once the server gave one; else nullptr.
  TlsSession session() const;

 private:
  struct Free {
    void operator()(ssl_st* ssl) const;
  };
  explicit TlsFilter(ssl_st* ssl) : ssl_(ssl) {}
  Result<void> handshake(std::string_view& bytes);
  Error fail();
  template <class Call>
  int with(std::string_view& bytes, std::string& ciphertext, const Call& call);

  std::unique_ptr<ssl_st, Free> ssl_;
  std::string own_;    // ciphertext that no send() has given yet
  std::string early_;  // given to send() before the handshake ended
  TlsFailure failure_ = TlsFailure::malformed;
  CertificateFault certificate_fault_ = CertificateFault::none;
  bool heard_ = false;
  bool established_ = false;
  bool failed_ = false;
  bool peer_ended_ = false;
  bool ended_ = false;
};

}  // namespace footfall::base
