// SPDX-License-Identifier: Apache-2.0
// HttpClient: requests to one address, one at a time, over a connection that is kept between them.
//
// The address is "http://HOST[:PORT][/BASE]", "https://..." or "unix:/PATH". With https the server's certificate is
// verified, always. Each request has timeout_s to connect, to be sent, and to be answered. A kept
// connection that the other end closed meanwhile is opened again; a request is sent a second time only then, before any
// byte of an answer came, and only if the caller says that it may be repeated.
// The only file with Boost.Beast in it is http_client.cc. Tested by tests/unit/client/http_client_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/errors.h"

namespace footfall::cli {

struct HttpRequest {
  std::string method = "GET";
  std::string target;  // "/v1/...", the base path is put before it
  std::vector<std::pair<std::string, std::string>> fields;
  std::string content_type;  // of the body; empty: none
  std::string body;
  bool repeatable = true;  // doing it twice does it once
  // Asked with what came of the body, each time there is more: true ends the answer there. Of streams, which have no
  // end, and of bodies whose begin tells.
  std::function<bool(std::string_view)> enough = {};
  std::size_t body_bytes_max = std::size_t{64} << 20U;  // 10,000 pages of long paths are well below
};

struct HttpAnswer {
  unsigned status = 0;
  std::string content_type;
  std::string body;
  unsigned retry_after_s = 0;                               // 0: not said
  std::vector<std::pair<std::string, std::string>> fields;  // as they came

  // The values of a field, joined by ", ", as RFC 9110 5.3 has it; its name in any case. Empty: it is not there.
  std::string field(std::string_view name) const;
};

struct HttpOptions {
  unsigned timeout_s = 60;
  std::string ca_file;  // PEM, of the authorities that are believed; empty: those of the system
};

// Errors     unavailable: not reachable, or the connection broke, with the address and errno's text;
//            malformed: what came is no HTTP, or no TLS; denied: the certificate, with what to do; too_large.
// Threading  one thread.
class HttpClient {
 public:
  // invalid_config: the address is none of the forms, or the authorities cannot be read.
  static base::Result<std::unique_ptr<HttpClient>> at(const std::string& address, const HttpOptions& options = {});
  ~HttpClient();

  base::Result<HttpAnswer> send(const HttpRequest& request);
  const std::string& address() const;
  // UTC seconds at which the certificate of the latest connection, or one of its chain, expires; 0: it has none.
  std::int64_t certificate_expires_s() const;

 private:
  struct Impl;
  explicit HttpClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace footfall::cli
