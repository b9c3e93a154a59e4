// SPDX-License-Identifier: Apache-2.0
#include "base/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <new>

namespace footfall::base {
namespace {

std::string reason() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) return "no reason given";
  const char* text = ERR_reason_error_string(code);
  return text != nullptr ? text : "OpenSSL's error " + std::to_string(code);
}

ssl_ctx_st* make(const SSL_METHOD* method) {
  SSL_CTX* context = SSL_CTX_new(method);
  if (context == nullptr) throw std::bad_alloc();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
  return context;
}

ssl_st* make(const TlsContext& context) {
  SSL* ssl = SSL_new(context.get());
  BIO* in = BIO_new(BIO_s_mem());
  BIO* out = BIO_new(BIO_s_mem());
  if (ssl == nullptr || in == nullptr || out == nullptr) throw std::bad_alloc();
  SSL_set_bio(ssl, in, out);
  return ssl;
}

bool is_address(const std::string& host) {
  std::array<unsigned char, 16> bytes{};
  return inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 || inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

}  // namespace

void TlsContext::Free::operator()(ssl_ctx_st* context) const {
  SSL_CTX_free(context);
}
void TlsFilter::Free::operator()(ssl_st* ssl) const {
  SSL_free(ssl);
}

Result<TlsContext> TlsContext::for_clients(const std::string& authorities) {
  TlsContext out(make(TLS_client_method()));
  SSL_CTX_set_verify(out.get(), SSL_VERIFY_PEER, nullptr);
  const bool loaded = authorities.empty() ? SSL_CTX_set_default_verify_paths(out.get()) == 1
                                          : SSL_CTX_load_verify_locations(out.get(), authorities.c_str(), nullptr) == 1;
  if (!loaded) {
    return Error{Errc::invalid_config,
                 (authorities.empty() ? "the system's certificate authorities" : authorities) + ": " + reason()};
  }
  return out;
}

TlsFilter TlsFilter::connect(const TlsContext& context, const std::string& host) {
  TlsFilter out(make(context));
  SSL_set_connect_state(out.ssl_.get());
  if (is_address(host)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(out.ssl_.get()), host.c_str());
  } else {
    std::string name = host;  // SSL_set_tlsext_host_name(), which is a macro with a cast of C in it
    SSL_ctrl(out.ssl_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
    SSL_set1_host(out.ssl_.get(), host.c_str());
  }
  ERR_clear_error();
  SSL_do_handshake(out.ssl_.get());  // its first message
  return out;
}

Result<void> TlsFilter::handshake() {
  ERR_clear_error();
  const int done = SSL_do_handshake(ssl_.get());
  if (done == 1) {
    established_ = true;
    const std::string early = std::move(early_);
    early_.clear();
    return early.empty() ? Result<void>() : send(early);
  }
  const int error = SSL_get_error(ssl_.get(), done);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return {};
  const long verified = SSL_get_verify_result(ssl_.get());
  if (verified != X509_V_OK) {
    ERR_clear_error();
    return Error{Errc::denied,
                 std::string("TLS: the certificate is refused: ") + X509_verify_cert_error_string(verified)};
  }
  return Error{Errc::malformed, "TLS: " + reason()};
}

Result<void> TlsFilter::receive(std::string_view bytes, std::string& plain) {
  if (BIO_write(SSL_get_rbio(ssl_.get()), bytes.data(), static_cast<int>(bytes.size())) !=
      static_cast<int>(bytes.size())) {
    throw std::bad_alloc();
  }
  if (!established_) {
    if (auto done = handshake(); !done || !established_) return done;
  }
  std::array<char, 16384> buffer;  // a record's most
  for (;;) {
    ERR_clear_error();
    const int size = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
    if (size > 0) {
      plain.append(buffer.data(), static_cast<std::size_t>(size));
      continue;
    }
    switch (SSL_get_error(ssl_.get(), size)) {
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_WANT_WRITE:
      case SSL_ERROR_ZERO_RETURN:  // it sends no more; that it closes is seen at the socket
        return {};
      default:
        return Error{Errc::malformed, "TLS: " + reason()};
    }
  }
}

Result<void> TlsFilter::send(std::string_view plain) {
  if (plain.empty()) return {};
  if (!established_) {
    early_ += plain;
    return {};
  }
  ERR_clear_error();
  if (SSL_write(ssl_.get(), plain.data(), static_cast<int>(plain.size())) > 0) return {};
  return Error{Errc::malformed, "TLS: " + reason()};
}

std::string TlsFilter::take_ciphertext() {
  BIO* out = SSL_get_wbio(ssl_.get());
  std::string bytes(BIO_ctrl_pending(out), '\0');
  if (!bytes.empty()) BIO_read(out, bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

}  // namespace footfall::base
