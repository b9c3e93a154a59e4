// SPDX-License-Identifier: Apache-2.0
#include "base/tls.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <new>
#include <system_error>

#include "base/ticket_keys.h"

namespace footfall::base {
namespace {

constexpr long kSessionsMax = 4096;  // of 1.2 without tickets, in a context's cache
constexpr long kSessionLife_s = 3600;
constexpr std::uintmax_t kFileMax = 1U << 20U;

std::string reason() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) return "no reason given";
  const char* text = ERR_reason_error_string(code);
  return text != nullptr ? text : "OpenSSL's error " + std::to_string(code);
}

TlsFailure failure_of(unsigned long code) {
  const int why = ERR_GET_REASON(code);
  if (ERR_GET_LIB(code) != ERR_LIB_SSL) return TlsFailure::malformed;
  if (why >= SSL_AD_REASON_OFFSET) return TlsFailure::alert;
  switch (why) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_INAPPROPRIATE_FALLBACK:
      return TlsFailure::version;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_GROUPS:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
      return TlsFailure::cipher;
    case SSL_R_NO_APPLICATION_PROTOCOL:
      return TlsFailure::protocol;
    default:
      return TlsFailure::malformed;
  }
}

// ---- The memory that OpenSSL reads and writes: a BIO over what its caller holds, for the time of one call.

struct Memory {
  std::string_view* in;
  std::string* out;
};

int read_memory(BIO* bio, char* to, int size) noexcept {
  BIO_clear_retry_flags(bio);
  auto* memory = static_cast<Memory*>(BIO_get_data(bio));
  const std::size_t taken = std::min(static_cast<std::size_t>(std::max(size, 0)), memory->in->size());
  if (taken == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  std::memcpy(to, memory->in->data(), taken);
  memory->in->remove_prefix(taken);
  return static_cast<int>(taken);
}

int write_memory(BIO* bio, const char* from, int size) noexcept {
  BIO_clear_retry_flags(bio);
  static_cast<Memory*>(BIO_get_data(bio))->out->append(from, static_cast<std::size_t>(std::max(size, 0)));
  return size;
}

long control_memory(BIO*, int command, long, void*) noexcept {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

int create_memory(BIO* bio) noexcept {
  BIO_set_init(bio, 1);
  return 1;
}

const BIO_METHOD* memory_method() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "what the caller holds");
    if (made == nullptr) throw std::bad_alloc();
    BIO_meth_set_read(made, read_memory);
    BIO_meth_set_write(made, write_memory);
    BIO_meth_set_ctrl(made, control_memory);
    BIO_meth_set_create(made, create_memory);
    return made;
  }();
  return method;
}

// ---- Contexts

ssl_ctx_st* make(const SSL_METHOD* method) {
  SSL_CTX* context = SSL_CTX_new(method);
  if (context == nullptr) throw std::bad_alloc();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_security_level(context, 2);
  SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");  // of 1.2; all of 1.3 are such
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  return context;
}

// The server's choice among the protocols that the client offers.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                    unsigned int offered_size, void*) noexcept {
  static constexpr std::array<unsigned char, 9> kOurs{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* out = nullptr;
  if (SSL_select_next_proto(&out, size, kOurs.data(), kOurs.size(), offered, offered_size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *chosen = out;
  return SSL_TLSEXT_ERR_OK;
}

ssl_st* make(const TlsContext& context) {
  SSL* ssl = SSL_new(context.get());
  BIO* memory = BIO_new(memory_method());
  if (ssl == nullptr || memory == nullptr) throw std::bad_alloc();
  SSL_set_bio(ssl, memory, memory);
  return ssl;
}

bool is_address(const std::string& host) {
  std::array<unsigned char, 16> bytes{};
  return inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 || inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

// ---- A server's files

template <auto kFree>
struct FreeBy {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using Bio = std::unique_ptr<BIO, FreeBy<BIO_free>>;
using Certificate = std::unique_ptr<X509, FreeBy<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, FreeBy<EVP_PKEY_free>>;

Error wrong(const std::string& file, const std::string& what) {
  return {Errc::invalid_config, file + ": " + what};
}

// `advice`: what to do where it is not there.
Result<std::string> read_file(const std::string& file, bool secret, const std::string& advice) {
  struct stat status {};
  if (stat(file.c_str(), &status) != 0) return wrong(file, std::generic_category().message(errno) + "; " + advice);
  if (S_ISDIR(status.st_mode)) return wrong(file, "is a directory; " + advice);
  if (secret && (status.st_mode & S_IROTH) != 0)
    return wrong(file, "holds a key, and everybody may read it; chmod o-rwx " + file +
                           ", and if the key was exposed, get another");
  std::ifstream in(file, std::ios::binary);
  if (!in)
    return wrong(file, "cannot be read: " + std::generic_category().message(errno) +
                           "; let the user that runs the daemon read it");
  std::string text(std::istreambuf_iterator<char>(in), {});
  if (in.bad()) return wrong(file, "cannot be read: " + std::generic_category().message(errno) + "; " + advice);
  if (text.size() > kFileMax) return wrong(file, "has over 1 MiB, which no such file has; " + advice);
  return text;
}

int no_passphrase(char*, int, int, void* asked) noexcept {
  *static_cast<bool*>(asked) = true;
  return -1;
}

Bio memory_of(const std::string& text) {
  Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  if (!bio) throw std::bad_alloc();
  return bio;
}

std::int64_t seconds_of(const ASN1_TIME* time) {
  std::tm broken_down{};
  return ASN1_TIME_to_tm(time, &broken_down) == 1 ? timegm(&broken_down) : INT64_MAX;
}

std::string date_of(std::int64_t utc_s) {
  const std::time_t time = utc_s;
  std::tm broken_down{};
  gmtime_r(&time, &broken_down);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &broken_down);
  return text.data();
}

// ---- What a client makes of a server's chain

CertificateFault fault_of(long verified) {
  switch (verified) {
    case X509_V_OK:
      return CertificateFault::none;
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return CertificateFault::expired;
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return CertificateFault::early;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return CertificateFault::name;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return CertificateFault::issuer;
    default:
      return CertificateFault::other;
  }
}

// The latest begin and the first end, UTC seconds, of a chain.
struct Validity {
  std::int64_t begins_s = INT64_MIN, expires_s = INT64_MAX;
};

Validity validity_of(const STACK_OF(X509) * chain) {
  Validity out;
  for (int i = 0; i < sk_X509_num(chain); ++i) {  // none: -1
    const X509* one = sk_X509_value(chain, i);
    out.begins_s = std::max(out.begins_s, seconds_of(X509_get0_notBefore(one)));
    out.expires_s = std::min(out.expires_s, seconds_of(X509_get0_notAfter(one)));
  }
  return out;
}

// "a.example, *.b.example, 192.0.2.1": the hosts that a certificate is for, the first of them.
std::string hosts_of(const X509* certificate) {
  constexpr int kShown = 8;
  std::unique_ptr<GENERAL_NAMES, FreeBy<GENERAL_NAMES_free>> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::string out;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    int type = 0;
    const void* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &type);
    const auto* bytes = static_cast<const ASN1_STRING*>(value);
    if (type != GEN_DNS && type != GEN_IPADD) continue;
    if (i >= kShown) return out + ", ...";
    std::array<char, INET6_ADDRSTRLEN> address{};
    std::string name(reinterpret_cast<const char*>(ASN1_STRING_get0_data(bytes)),
                     static_cast<std::size_t>(ASN1_STRING_length(bytes)));
    if (type == GEN_IPADD &&
        inet_ntop(name.size() == 4 ? AF_INET : AF_INET6, name.data(), address.data(), address.size()) != nullptr &&
        (name.size() == 4 || name.size() == 16))
      name = address.data();
    out += (out.empty() ? "" : ", ") + name;
  }
  return out.empty() ? "none" : out;
}

// What a refused chain says about it.
std::string refusal(long verified, const STACK_OF(X509) * chain) {
  switch (fault_of(verified)) {
    case CertificateFault::expired:
      return "it expired at " + date_of(validity_of(chain).expires_s);
    case CertificateFault::early:
      return "it begins at " + date_of(validity_of(chain).begins_s);
    case CertificateFault::name:
      return "it is for other hosts: " + hosts_of(sk_X509_value(chain, 0));
    default:
      return X509_verify_cert_error_string(verified);
  }
}

}  // namespace

std::string_view openssl_version() {
  return OpenSSL_version(OPENSSL_VERSION_STRING);
}

std::string_view name_of(TlsFailure failure) {
  switch (failure) {
    case TlsFailure::plain_text:
      return "plain_text";
    case TlsFailure::version:
      return "version";
    case TlsFailure::cipher:
      return "cipher";
    case TlsFailure::protocol:
      return "protocol";
    case TlsFailure::alert:
      return "alert";
    case TlsFailure::malformed:
      return "malformed";
    case TlsFailure::late:
      return "late";
    case TlsFailure::closed:
      return "closed";
    case TlsFailure::count_:
      break;
  }
  return "";
}

void TlsContext::Free::operator()(ssl_ctx_st* context) const {
  SSL_CTX_free(context);
}
void TlsFilter::Free::operator()(ssl_st* ssl) const {
  // Else its session could not go on: OpenSSL forgets those of connections that ended without close_notify, as many do.
  SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
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

Result<TlsContext> TlsContext::for_servers(const std::string& certificate, const std::string& key) {
  TlsContext out(make(TLS_server_method()));
  const std::string chain_advice =
      "it is to hold the server's certificate, and behind it those up to its authority, in PEM";
  const std::string key_advice = "it is to hold the certificate's private key, in PEM";
  const auto chain_text = read_file(certificate, certificate == key, chain_advice);
  if (!chain_text) return chain_text.error();
  const auto key_text = read_file(key, true, key_advice);
  if (!key_text) return key_text.error();

  ERR_clear_error();
  const Bio chain = memory_of(*chain_text);
  const Certificate own(PEM_read_bio_X509(chain.get(), nullptr, nullptr, nullptr));
  if (!own) {
    const bool none = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    const std::string why = none ? "there is no certificate in it" : "its first certificate is damaged: " + reason();
    return wrong(certificate, why + "; " + chain_advice);
  }
  out.file_ = certificate;
  out.begins_s_ = seconds_of(X509_get0_notBefore(own.get()));
  out.expires_s_ = seconds_of(X509_get0_notAfter(own.get()));
  if (SSL_CTX_use_certificate(out.get(), own.get()) != 1)
    return wrong(certificate, "its certificate cannot be used: " + reason() +
                                  "; get one with a key of 2,048 bits of RSA or a curve, signed with SHA-256");
  for (;;) {
    Certificate next(PEM_read_bio_X509(chain.get(), nullptr, nullptr, nullptr));
    if (!next) break;
    out.begins_s_ = std::max(out.begins_s_, seconds_of(X509_get0_notBefore(next.get())));
    out.expires_s_ = std::min(out.expires_s_, seconds_of(X509_get0_notAfter(next.get())));
    if (SSL_CTX_add_extra_chain_cert(out.get(), next.get()) != 1)
      return wrong(certificate, "a certificate of its chain cannot be used: " + reason() + "; " + chain_advice);
    (void)next.release();  // it is the context's
  }
  if (ERR_peek_last_error() != 0 && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
    return wrong(certificate, "a certificate of its chain is damaged: " + reason() + "; " + chain_advice);

  ERR_clear_error();
  bool asked = false;
  const Key secret(PEM_read_bio_PrivateKey(memory_of(*key_text).get(), nullptr, no_passphrase, &asked));
  if (!secret) {
    const std::string why = reason();
    if (asked) return wrong(key, "its key has a passphrase; take it off (openssl pkey), and let few read the file");
    const bool none = key_text->find("PRIVATE KEY-----") == std::string::npos;
    return wrong(key, (none ? "there is no private key in it" : "its key is damaged: " + why) + "; " + key_advice);
  }
  if (X509_check_private_key(own.get(), secret.get()) != 1) {
    ERR_clear_error();
    return wrong(key, "is not the key of the first certificate in " + certificate +
                          "; name the pair, and in the chain the server's certificate first");
  }
  if (SSL_CTX_use_PrivateKey(out.get(), secret.get()) != 1) return wrong(key, "cannot be used: " + reason());

  SSL_CTX_set_alpn_select_cb(out.get(), choose_protocol, nullptr);
  SSL_CTX_set_session_cache_mode(out.get(), SSL_SESS_CACHE_SERVER);
  SSL_CTX_sess_set_cache_size(out.get(), kSessionsMax);
  SSL_CTX_set_timeout(out.get(), kSessionLife_s);
  constexpr std::array<unsigned char, 8> kName{'f', 'o', 'o', 't', 'f', 'a', 'l', 'l'};
  static const SystemClock kClock;
  rotate_ticket_keys(out.get(), kClock);
  SSL_CTX_set_session_id_context(out.get(), kName.data(), kName.size());
  return out;
}

std::string TlsContext::warning(std::int64_t now_s) const {
  if (now_s >= expires_s_)
    return file_ + ": a certificate in it expired at " + date_of(expires_s_) + ", so that browsers refuse it; renew it";
  if (now_s < begins_s_)
    return file_ + ": a certificate in it begins at " + date_of(begins_s_) + ", and browsers refuse it until then";
  return {};
}

// ---- Filters

template <class Call>
int TlsFilter::with(std::string_view& bytes, std::string& ciphertext, const Call& call) {
  Memory memory{&bytes, &ciphertext};
  BIO_set_data(SSL_get_rbio(ssl_.get()), &memory);
  ERR_clear_error();
  return call(ssl_.get());
}

TlsFilter TlsFilter::connect(const TlsContext& context, const std::string& host, const TlsSession& session) {
  TlsFilter out(make(context));
  SSL* ssl = out.ssl_.get();
  SSL_set_connect_state(ssl);
  if (is_address(host)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str());
  } else {
    std::string name = host;  // SSL_set_tlsext_host_name(), which is a macro with a cast of C in it
    SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
    SSL_set1_host(ssl, host.c_str());
  }
  if (session) SSL_set_session(ssl, session.get());
  std::string_view nothing;
  out.with(nothing, out.own_, SSL_do_handshake);  // its first message
  return out;
}

TlsFilter TlsFilter::accept(const TlsContext& context) {
  TlsFilter out(make(context));
  SSL_set_accept_state(out.ssl_.get());
  return out;
}

bool TlsFilter::resumed() const {
  return SSL_session_reused(ssl_.get()) == 1;
}

TlsSession TlsFilter::session() const {
  SSL_SESSION* session = SSL_get1_session(ssl_.get());
  if (session == nullptr || SSL_SESSION_is_resumable(session) != 1) {
    SSL_SESSION_free(session);
    return nullptr;
  }
  return {session, SSL_SESSION_free};
}

Error TlsFilter::fail() {
  failed_ = true;
  failure_ = failure_of(ERR_peek_last_error());
  return {Errc::malformed, "TLS: " + reason()};
}

Result<void> TlsFilter::handshake(std::string_view& bytes) {
  const int done = with(bytes, own_, SSL_do_handshake);
  if (done == 1) {
    established_ = true;
    const std::string early = std::move(early_);
    early_.clear();
    return early.empty() ? Result<void>() : send(early, own_);
  }
  const int error = SSL_get_error(ssl_.get(), done);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return {};
  const long verified = SSL_get_verify_result(ssl_.get());
  const Error why = fail();
  if (error == SSL_ERROR_ZERO_RETURN) failure_ = TlsFailure::closed;
  if (verified == X509_V_OK) return why;
  certificate_fault_ = fault_of(verified);
  return Error{Errc::denied,
               "TLS: the certificate is refused: " + refusal(verified, SSL_get0_verified_chain(ssl_.get()))};
}

std::int64_t TlsFilter::peer_expires_s() const {
  return validity_of(SSL_get0_verified_chain(ssl_.get())).expires_s;
}

Result<void> TlsFilter::receive(std::string_view bytes, std::string& plain) {
  if (failed_) return Error{Errc::malformed, "TLS: it has failed before"};
  heard_ = true;
  if (!established_) {
    if (auto done = handshake(bytes); !done || !established_) return done;
  }
  std::array<char, 16384> buffer;  // a record's most
  for (;;) {
    const int size = with(
        bytes, own_, [&buffer](SSL* ssl) { return SSL_read(ssl, buffer.data(), static_cast<int>(buffer.size())); });
    if (size > 0) {
      plain.append(buffer.data(), static_cast<std::size_t>(size));
      continue;
    }
    switch (SSL_get_error(ssl_.get(), size)) {
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_WANT_WRITE:
        return {};
      case SSL_ERROR_ZERO_RETURN:
        peer_ended_ = true;
        return {};
      default:
        return fail();
    }
  }
}

Result<void> TlsFilter::send(std::string_view plain, std::string& ciphertext) {
  if (&ciphertext != &own_ && !own_.empty()) {
    ciphertext += own_;
    std::string().swap(own_);
  }
  if (plain.empty()) return {};
  if (failed_ || ended_) return Error{Errc::malformed, "TLS: it has ended"};
  if (!established_) {
    early_ += plain;
    return {};
  }
  std::string_view nothing;
  const int sent = with(nothing, ciphertext,
                        [plain](SSL* ssl) { return SSL_write(ssl, plain.data(), static_cast<int>(plain.size())); });
  if (sent > 0) return {};
  return fail();
}

void TlsFilter::end(std::string& ciphertext) {
  if (ended_) return;
  ended_ = true;
  if (!established_ || failed_) return;
  std::string_view nothing;
  with(nothing, ciphertext, SSL_shutdown);
}

}  // namespace footfall::base
