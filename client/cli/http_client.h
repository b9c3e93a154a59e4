// SPDX-License-Identifier: Apache-2.0
// HttpClient: requests to one address, one at a time, over a connection that is kept between them.
//
// The address is "http://HOST[:PORT][/BASE]" or "unix:/PATH". Each request has timeout_s, connecting included. A kept
// connection that the other end closed meanwhile is opened again; a request is sent a second time only then, before any
// byte of an answer came, and only if the caller says that it may be repeated.
// The only file with Boost.Beast in it is http_client.cc. Tested by tests/unit/client/http_client_test.cc.
#pragma once

#include <cstdint>
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
};

struct HttpAnswer {
  unsigned status = 0;
  std::string content_type;
  std::string body;
  unsigned retry_after_s = 0;  // 0: not said
};

// Errors     unavailable: not reachable, or the connection broke, with the address and errno's text;
//            malformed: what came is no HTTP.
// Threading  one thread.
class HttpClient {
 public:
  // invalid_config: the address is none of the forms.
  static base::Result<std::unique_ptr<HttpClient>> at(const std::string& address, unsigned timeout_s = 60);
  ~HttpClient();

  base::Result<HttpAnswer> send(const HttpRequest& request);
  const std::string& address() const;

 private:
  struct Impl;
  explicit HttpClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace footfall::cli
