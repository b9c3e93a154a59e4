// SPDX-License-Identifier: Apache-2.0
#include "cli/http_client.h"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
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
#include <string_view>

#include "base/tls.h"
#include "cpp/address.h"

namespace footfall::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using beast::error_code;
using UnixStream = beast::basic_stream<asio::local::stream_protocol>;

using client::Address;

// What to do about a certificate that is refused.
std::string advice(base::CertificateFault fault, const Address& address) {
  switch (fault) {
    case base::CertificateFault::none:
    case base::CertificateFault::other:
      return "";
    case base::CertificateFault::expired:
      return "\n  Renew it there, and have the server read it (footfalld: footfall reload). Is this machine's clock "
             "right?";
    case base::CertificateFault::early:
      return "\n  Is this machine's clock right?";
    case base::CertificateFault::name:
      return "\n  Ask by one of these names, or have a certificate made there that names " + address.host;
    case base::CertificateFault::issuer:
      return "\n  Is it signed by an authority of your own? Name the file that holds its certificate: --ca-file FILE, "
             "or "
             "FOOTFALL_CA_FILE\n  Else the server has to show the certificates between its own and the authority's, "
             "and this machine to have the package ca-certificates";
  }
  return "";
}

// A socket with a deadline, and TLS between where the address has it: what Beast reads from and writes to. Each call
// returns when it is done, or the time is over.
class Wire {
 public:
  explicit Wire(std::chrono::seconds timeout) : timeout_(timeout) {}

  bool open() const { return tcp_ || local_; }
  void close() {
    tcp_.reset();
    local_.reset();
    tls_.reset();
    plain_.clear();
    trouble_.reset();
  }
  // From now on.
  void begin_deadline() {
    if (tcp_) tcp_->expires_after(timeout_);
    if (local_) local_->expires_after(timeout_);
  }
  // What TLS says of the error that a call gave; absent: that was the socket's.
  const std::optional<base::Error>& trouble() const { return trouble_; }
  // REQUIRES: the connection is with TLS.
  std::int64_t certificate_expires_s() const { return tls_->peer_expires_s(); }

  // `context`: null where the address has no TLS.
  error_code connect(const Address& address, const base::TlsContext* context) {
    error_code result;
    const auto done = [&](error_code error, const auto&...) { result = error; };
    if (!address.path.empty()) {
      local_.emplace(io_);
      begin_deadline();
      local_->async_connect(asio::local::stream_protocol::endpoint(address.path), done);
    } else {
      asio::ip::tcp::resolver resolver(io_);
      const auto endpoints = resolver.resolve(address.host, address.port, result);
      if (result) return result;
      tcp_.emplace(io_);
      begin_deadline();
      tcp_->async_connect(endpoints, done);
    }
    run();
    if (!result && tcp_) tcp_->socket().set_option(asio::ip::tcp::no_delay(true), result);
    if (!result && context != nullptr) result = handshake(address, *context);
    return result;
  }

  template <class Buffers>
  std::size_t read_some(const Buffers& to, error_code& error) {
    if (!tls_) return receive(to, error);
    while (plain_.empty()) {
      receive_tls(error);
      if (error) return 0;
    }
    const std::size_t size = asio::buffer_copy(to, asio::buffer(plain_));
    plain_.erase(0, size);
    return size;
  }
  template <class Buffers>
  std::size_t write_some(const Buffers& from, error_code& error) {
    if (!tls_) return send(from, error);
    std::string_view plain;
    for (auto at = asio::buffer_sequence_begin(from); plain.empty() && at != asio::buffer_sequence_end(from); ++at) {
      const asio::const_buffer one = *at;
      plain = {static_cast<const char*>(one.data()), std::min<std::size_t>(one.size(), 65536)};
    }
    send_tls(plain, error);
    return error ? 0 : plain.size();
  }
  template <class Buffers>
  std::size_t read_some(const Buffers& to) {
    return thrown([&](error_code& error) { return read_some(to, error); });
  }
  template <class Buffers>
  std::size_t write_some(const Buffers& from) {
    return thrown([&](error_code& error) { return write_some(from, error); });
  }

 private:
  template <class Call>
  static std::size_t thrown(const Call& call) {
    error_code error;
    const std::size_t size = call(error);
    if (error) throw beast::system_error(error);
    return size;
  }
  void run() {
    io_.restart();
    io_.run();
  }
  template <class Start>
  std::size_t finished(error_code& error, const Start& start) {
    std::size_t size = 0;
    const auto done = [&](error_code result, std::size_t moved) {
      error = result;
      size = moved;
    };
    if (tcp_) start(*tcp_, done);
    if (local_) start(*local_, done);
    run();
    return size;
  }
  template <class Buffers>
  std::size_t receive(const Buffers& to, error_code& error) {
    return finished(error, [&](auto& stream, const auto& done) { stream.async_read_some(to, done); });
  }
  template <class Buffers>
  std::size_t send(const Buffers& from, error_code& error) {
    return finished(error, [&](auto& stream, const auto& done) { stream.async_write_some(from, done); });
  }

  void fail(const base::Error& why, error_code& error) {
    trouble_ = why;
    error = asio::error::make_error_code(asio::error::no_protocol_option);
  }
  // Encrypts, and sends that and what TLS itself has to say.
  void send_tls(std::string_view plain, error_code& error) {
    std::string out;
    if (const auto sent = tls_->send(plain, out); !sent) return fail(sent.error(), error);
    for (std::string_view rest = out; !rest.empty() && !error;) {
      rest.remove_prefix(send(asio::buffer(rest.data(), rest.size()), error));
    }
  }
  // Once, into plain_.
  void receive_tls(error_code& error) {
    const std::size_t size = receive(asio::buffer(raw_), error);
    // Without the end that TLS has (close_notify) somebody may have cut it.
    if (error == asio::error::eof && tls_->established()) error = asio::error::connection_reset;
    if (error) return;
    if (const auto received = tls_->receive({raw_.data(), size}, plain_); !received) {
      error_code ignored;
      send_tls({}, ignored);  // the alert
      return fail(received.error(), error);
    }
    send_tls({}, error);
    if (!error && plain_.empty() && tls_->peer_ended()) error = asio::error::eof;
  }

  error_code handshake(const Address& address, const base::TlsContext& context) {
    constexpr char kAlert = 21;  // the types of the first record that may come (RFC 8446, 5.1)
    constexpr char kHandshake = 22;
    error_code error;
    tls_.emplace(base::TlsFilter::connect(context, address.host));
    send_tls({}, error);
    while (!error && !tls_->established()) {
      const bool first = !tls_->heard();
      receive_tls(error);
      if (trouble_ && first && raw_[0] != kAlert && raw_[0] != kHandshake) {
        trouble_ = base::Error{base::Errc::malformed, "it speaks no TLS. Is it http:// there?"};
      } else if (trouble_) {
        trouble_->detail += advice(tls_->certificate_fault(), address);
      }
    }
    return error;
  }

  const std::chrono::seconds timeout_;
  asio::io_context io_{1};
  std::optional<beast::tcp_stream> tcp_;
  std::optional<UnixStream> local_;
  std::optional<base::TlsFilter> tls_;
  std::array<char, 16384> raw_{};  // as it came, where there is TLS
  std::string plain_;              // what it said, until it is read
  std::optional<base::Error> trouble_;
};

http::request<http::string_body> request_of(const HttpRequest& wanted, const Address& address) {
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
  return request;
}

HttpAnswer answer_of(http::response<http::string_body>&& response) {
  HttpAnswer answer;
  answer.status = response.result_int();
  answer.content_type = std::string(response[http::field::content_type]);
  const std::string retry_after(response[http::field::retry_after]);
  std::from_chars(retry_after.data(), retry_after.data() + retry_after.size(), answer.retry_after_s);
  for (const auto& field : response)
    answer.fields.emplace_back(std::string(field.name_string()), std::string(field.value()));
  answer.body = std::move(response.body());
  return answer;
}

}  // namespace

struct HttpClient::Impl {
  Address address;
  std::optional<base::TlsContext> tls;
  std::int64_t certificate_expires_s = 0;
  Wire wire;
  beast::flat_buffer buffer;

  explicit Impl(std::chrono::seconds timeout) : wire(timeout) {}

  void disconnect() {
    wire.close();
    buffer.clear();
  }

  base::Error broken(const char* what, const error_code& error) const {
    if (wire.trouble()) return {wire.trouble()->code, address.text + ": " + wire.trouble()->detail};
    return {base::Errc::unavailable, std::string(what) + " " + address.text + ": " + error.message()};
  }

  base::Result<void> connect() {
    disconnect();
    if (const error_code error = wire.connect(address, tls ? &*tls : nullptr)) {
      const base::Error why = broken("cannot reach", error);
      disconnect();
      return why;
    }
    if (tls) certificate_expires_s = wire.certificate_expires_s();
    return {};
  }

  // `answered`: a byte of an answer came. `cut`: the body was enough.
  error_code exchange(const http::request<http::string_body>& request, const HttpRequest& wanted,
                      http::response_parser<http::string_body>& parser, bool& answered, bool& cut) {
    error_code written;
    error_code read;
    wire.begin_deadline();
    http::write(wire, request, written);
    // A refusal may come while a large body is still being sent: it is read all the same.
    wire.begin_deadline();
    while (!read && !cut && !parser.is_done()) {
      http::read_some(wire, buffer, parser, read);
      cut =
          !read && !parser.is_done() && parser.is_header_done() && wanted.enough && wanted.enough(parser.get().body());
    }
    answered = parser.got_some() || buffer.size() > 0;
    return read && written ? written : read;
  }

  base::Result<HttpAnswer> send(const HttpRequest& wanted) {
    const http::request<http::string_body> request = request_of(wanted, address);
    while (true) {
      const bool kept = wire.open();
      if (!kept) {
        if (const auto connected = connect(); !connected) return connected.error();
      }
      http::response_parser<http::string_body> parser;
      parser.body_limit(wanted.body_bytes_max);
      parser.skip(wanted.method == "HEAD");
      bool answered = false;
      bool cut = false;
      const error_code error = exchange(request, wanted, parser, answered, cut);
      if (error) {
        const base::Error why = error_of(error, answered);
        disconnect();
        if (kept && !answered && wanted.repeatable) continue;  // it was closed while it lay idle
        return why;
      }
      if (cut || !parser.get().keep_alive()) disconnect();
      return answer_of(parser.release());
    }
  }

  base::Error error_of(const error_code& error, bool answered) const {
    if (error == http::error::body_limit)
      return {base::Errc::too_large, "the answer of " + address.text + " is longer than it may be"};
    if (error.category() == http::make_error_code(http::error::bad_version).category() && answered)
      return {base::Errc::malformed, "what " + address.text + " answered is no HTTP: " + error.message()};
    return broken("no answer from", error);
  }
};

std::string HttpAnswer::field(std::string_view name) const {
  std::string out;
  for (const auto& [key, value] : fields) {
    if (beast::iequals({key.data(), key.size()}, {name.data(), name.size()})) out += (out.empty() ? "" : ", ") + value;
  }
  return out;
}

HttpClient::HttpClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpClient::~HttpClient() = default;

base::Result<std::unique_ptr<HttpClient>> HttpClient::at(const std::string& address, const HttpOptions& options) {
  auto impl = std::make_unique<Impl>(std::chrono::seconds(options.timeout_s));
  const std::string why = client::parse_address(address, impl->address);
  if (!why.empty()) return base::Error{base::Errc::invalid_config, why};
  if (impl->address.tls) {
    auto context = base::TlsContext::for_clients(options.ca_file);
    if (!context) return base::Error{base::Errc::invalid_config, "--ca-file " + context.error().detail};
    impl->tls.emplace(*std::move(context));
  }
  return std::unique_ptr<HttpClient>(new HttpClient(std::move(impl)));
}

base::Result<HttpAnswer> HttpClient::send(const HttpRequest& request) {
  return impl_->send(request);
}
const std::string& HttpClient::address() const {
  return impl_->address.text;
}
std::int64_t HttpClient::certificate_expires_s() const {
  return impl_->certificate_expires_s;
}

}  // namespace footfall::cli
