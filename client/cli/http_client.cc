// SPDX-License-Identifier: Apache-2.0
#include "cli/http_client.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <charconv>
#include <chrono>
#include <optional>

#include "cpp/address.h"

namespace footfall::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using beast::error_code;
using UnixStream = beast::basic_stream<asio::local::stream_protocol>;

using client::Address;

constexpr std::uint64_t kBodyMax = std::uint64_t{64} << 20U;  // 10,000 pages of long paths are well below

}  // namespace

struct HttpClient::Impl {
  Address address;
  std::chrono::seconds timeout;
  asio::io_context io{1};
  std::optional<beast::tcp_stream> tcp;
  std::optional<UnixStream> local;
  beast::flat_buffer buffer;

  bool connected() const { return tcp || local; }
  void disconnect() {
    tcp.reset();
    local.reset();
    buffer.clear();
  }

  // Runs what was started until it is done, or its time is over.
  void run() {
    io.restart();
    io.run();
  }

  error_code connect() {
    error_code result;
    const auto done = [&](error_code error, const auto&...) { result = error; };
    if (!address.path.empty()) {
      local.emplace(io);
      local->expires_after(timeout);
      local->async_connect(asio::local::stream_protocol::endpoint(address.path), done);
    } else {
      asio::ip::tcp::resolver resolver(io);
      const auto endpoints = resolver.resolve(address.host, address.port, result);
      if (result) return result;
      tcp.emplace(io);
      tcp->expires_after(timeout);
      tcp->async_connect(endpoints, done);
    }
    run();
    if (!result && tcp) tcp->socket().set_option(asio::ip::tcp::no_delay(true), result);
    if (result) disconnect();
    return result;
  }

  // `answered`: a byte of an answer came.
  template <class Stream>
  error_code exchange(Stream& stream, const http::request<http::string_body>& request,
                      http::response_parser<http::string_body>& parser, bool& answered) {
    error_code result;
    const auto done = [&](error_code error, std::size_t) { result = error; };
    stream.expires_after(timeout);
    http::async_write(stream, request, done);
    run();
    // A refusal may come while a large body is still being sent: it is read all the same.
    const error_code written = result;
    http::async_read(stream, buffer, parser, done);
    run();
    answered = parser.got_some() || buffer.size() > 0;
    return result && written ? written : result;
  }

  error_code exchange(const http::request<http::string_body>& request, http::response_parser<http::string_body>& parser,
                      bool& answered) {
    return tcp ? exchange(*tcp, request, parser, answered) : exchange(*local, request, parser, answered);
  }

  base::Error broken(const char* what, const error_code& error) const {
    return {base::Errc::unavailable, std::string(what) + " " + address.text + ": " + error.message()};
  }

  base::Result<HttpAnswer> send(const HttpRequest& wanted) {
    http::request<http::string_body> request;
    request.method_string(wanted.method);
    request.target(address.base + wanted.target);
    request.version(11);
    request.set(http::field::host, address.host_field());
    request.set(http::field::user_agent, "footfall/" FOOTFALL_VERSION);
    for (const auto& [name, value] : wanted.fields) request.set(name, value);
    if (!wanted.content_type.empty()) request.set(http::field::content_type, wanted.content_type);
    request.body() = wanted.body;
    request.prepare_payload();

    while (true) {
      const bool kept = connected();
      if (!kept) {
        if (const error_code error = connect()) return broken("cannot reach", error);
      }
      http::response_parser<http::string_body> parser;
      parser.body_limit(kBodyMax);
      bool answered = false;
      const error_code error = exchange(request, parser, answered);
      if (error) {
        disconnect();
        if (kept && !answered && wanted.repeatable) continue;  // it was closed while it lay idle
        if (error.category() == http::make_error_code(http::error::bad_version).category() && answered) {
          return base::Error{base::Errc::malformed,
                             "what " + address.text + " answered is no HTTP: " + error.message()};
        }
        return broken("no answer from", error);
      }
      const auto& response = parser.get();
      HttpAnswer answer;
      answer.status = response.result_int();
      answer.content_type = std::string(response[http::field::content_type]);
      answer.body = response.body();
      const std::string retry_after(response[http::field::retry_after]);
      std::from_chars(retry_after.data(), retry_after.data() + retry_after.size(), answer.retry_after_s);
      if (!response.keep_alive()) disconnect();
      return answer;
    }
  }
};

HttpClient::HttpClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpClient::~HttpClient() = default;

base::Result<std::unique_ptr<HttpClient>> HttpClient::at(const std::string& address, unsigned timeout_s) {
  auto impl = std::make_unique<Impl>();
  std::string why = client::parse_address(address, impl->address);
  if (why.empty() && impl->address.tls)
    why = "\"" + address + "\": TLS is not spoken here; go through loopback, or a tunnel";
  if (!why.empty()) return base::Error{base::Errc::invalid_config, why};
  impl->timeout = std::chrono::seconds(timeout_s);
  return std::unique_ptr<HttpClient>(new HttpClient(std::move(impl)));
}

base::Result<HttpAnswer> HttpClient::send(const HttpRequest& request) {
  return impl_->send(request);
}
const std::string& HttpClient::address() const {
  return impl_->address.text;
}

}  // namespace footfall::cli
