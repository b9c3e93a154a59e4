// SPDX-License-Identifier: Apache-2.0
// Both ends of TLS in memory: filters against each other, and against a client of OpenSSL's own where it is to do what
// a filter never would.
#include "base/tls.h"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <random>

#include "support/certificate.h"
#include "support/rng_seed.h"
#include "support/temporary_directory.h"

namespace footfall::base {
namespace {

using testing::Certificate;
using testing::CertificateOptions;
using testing::TemporaryDirectory;

std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void write(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
  chmod(path.c_str(), 0600);
}

class TlsTest : public ::testing::Test {
 protected:
  TlsContext server_context() { return *TlsContext::for_servers(pair_.certificate(), pair_.key()); }
  TlsContext client_context(int version = 0) {
    TlsContext context = *TlsContext::for_clients(pair_.certificate());
    if (version != 0) {
      SSL_CTX_set_min_proto_version(context.get(), version);
      SSL_CTX_set_max_proto_version(context.get(), version);
    }
    return context;
  }
  // Why the files are refused.
  static std::string refusal(const std::string& certificate, const std::string& key) {
    const auto context = TlsContext::for_servers(certificate, key);
    if (context) return "it is not";
    EXPECT_EQ(context.error().code, Errc::invalid_config);
    return context.error().detail;
  }

  TemporaryDirectory directory_;
  Certificate pair_{directory_.file("certificate.pem"), directory_.file("key.pem")};
};

// What each end has heard, and why it failed.
struct Talk {
  TlsFilter client, server;
  std::string to_client, to_server;  // ciphertext on its way
  std::string client_heard, server_heard;
  std::string client_trouble, server_trouble;

  // Lets all pass that is on its way; gives how many bytes that were.
  std::size_t pass(std::size_t most = SIZE_MAX) {
    (void)client.send({}, to_server);
    std::string some = to_server.substr(0, most);
    to_server.erase(0, some.size());
    std::size_t passed = some.size();
    if (!some.empty()) {
      if (const auto done = server.receive(some, server_heard); !done) server_trouble = done.error().detail;
    }
    (void)server.send({}, to_client);
    some = to_client.substr(0, most);
    to_client.erase(0, some.size());
    passed += some.size();
    if (!some.empty()) {
      if (const auto done = client.receive(some, client_heard); !done) client_trouble = done.error().detail;
    }
    return passed;
  }
  void pass_all() {
    while (pass() != 0) {
    }
  }
};

TEST_F(TlsTest, BothVersionsCarryWhatIsSaidHoweverItIsCut) {
  std::mt19937_64 random(testing::rng_seed());
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const TlsContext clients = client_context(version), servers = server_context();
    for (int round = 0; round < 30; ++round) {
      Talk talk{TlsFilter::connect(clients, "localhost"), TlsFilter::accept(servers), {}, {}, {}, {}, {}, {}};
      std::string client_said, server_said;
      const auto draw = [&random](std::size_t most) { return random() % most; };
      for (int step = 0; step < 200; ++step) {
        if (draw(4) == 0) {
          const std::string text(draw(draw(20) == 0 ? 100'000 : 100), static_cast<char>('a' + draw(26)));
          client_said += text;
          ASSERT_TRUE(talk.client.send(text, talk.to_server));
        }
        if (draw(4) == 0) {
          const std::string text(draw(draw(20) == 0 ? 100'000 : 100), static_cast<char>('A' + draw(26)));
          server_said += text;
          ASSERT_TRUE(talk.server.send(text, talk.to_client));
        }
        talk.pass(1 + draw(draw(10) == 0 ? 50'000 : 40));
      }
      talk.pass_all();
      EXPECT_EQ(talk.server_heard, client_said);
      EXPECT_EQ(talk.client_heard, server_said);
      EXPECT_EQ(talk.client_trouble + talk.server_trouble, "");
      EXPECT_TRUE(talk.client.established() && talk.server.established());
    }
  }
}

// What a client makes of a server that shows `pair`, under `host`, if it believes `authorities`.
Talk refused(const Certificate& pair, const std::string& authorities, const std::string& host) {
  const TlsContext servers = *TlsContext::for_servers(pair.certificate(), pair.key());
  const TlsContext clients = *TlsContext::for_clients(authorities);
  Talk talk{TlsFilter::connect(clients, host), TlsFilter::accept(servers), {}, {}, {}, {}, {}, {}};
  talk.pass_all();
  return talk;
}

TEST_F(TlsTest, AClientSaysWhyItRefusesACertificate) {
  const auto expect = [](const Talk& talk, CertificateFault fault, const std::string& says) {
    EXPECT_FALSE(talk.client.established()) << says;
    EXPECT_EQ(talk.client.certificate_fault(), fault) << says;
    EXPECT_EQ(talk.client_trouble.find("TLS: the certificate is refused: " + says), 0U) << talk.client_trouble;
  };
  const Certificate other(directory_.file("other.pem"), directory_.file("other-key.pem"));
  const Certificate old(directory_.file("old.pem"), directory_.file("old-key.pem"), {.begins_s = -7200, .ends_s = -60});
  const Certificate early(directory_.file("early.pem"), directory_.file("early-key.pem"), {.begins_s = 3600});
  expect(refused(pair_, other.certificate(), "localhost"), CertificateFault::issuer, "self-signed certificate");
  expect(refused(pair_, pair_.certificate(), "example.org"), CertificateFault::name,
         "it is for other hosts: localhost, 127.0.0.1");
  expect(refused(pair_, pair_.certificate(), "127.0.0.2"), CertificateFault::name, "it is for other hosts: localhost");
  expect(refused(old, old.certificate(), "localhost"), CertificateFault::expired, "it expired at 20");
  expect(refused(early, early.certificate(), "localhost"), CertificateFault::early, "it begins at 20");
}

TEST_F(TlsTest, AClientKnowsWhenTheCertificateExpires) {
  for (const char* host : {"localhost", "127.0.0.1"}) {
    const Talk talk = refused(pair_, pair_.certificate(), host);
    ASSERT_TRUE(talk.client.established()) << talk.client_trouble;
    EXPECT_EQ(talk.client.certificate_fault(), CertificateFault::none);
    EXPECT_EQ(talk.client.peer_expires_s(), server_context().expires_s());
  }
}

TEST_F(TlsTest, EachEndSaysThatItHasEnded) {
  const TlsContext clients = client_context(), servers = server_context();
  Talk talk{TlsFilter::connect(clients, "localhost"), TlsFilter::accept(servers), {}, {}, {}, {}, {}, {}};
  talk.pass_all();
  ASSERT_TRUE(talk.server.send("the last", talk.to_client));
  talk.server.end(talk.to_client);
  const std::size_t size = talk.to_client.size();
  talk.server.end(talk.to_client);
  EXPECT_EQ(talk.to_client.size(), size);  // once
  EXPECT_FALSE(talk.client.peer_ended());
  talk.pass_all();
  EXPECT_EQ(talk.client_heard, "the last");
  EXPECT_TRUE(talk.client.peer_ended());
  EXPECT_FALSE(talk.server.send("more", talk.to_client));
  ASSERT_TRUE(talk.client.send("still there", talk.to_server));  // its own direction is open
  talk.client.end(talk.to_server);
  talk.pass_all();
  EXPECT_EQ(talk.server_heard, "still there");
  EXPECT_TRUE(talk.server.peer_ended());
}

TEST_F(TlsTest, SessionsGoOnByTicketAndByTheCache) {
  const TlsContext servers = server_context();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const bool tickets : {true, false}) {
      const TlsContext clients = client_context(version);
      if (!tickets) SSL_CTX_set_options(clients.get(), SSL_OP_NO_TICKET);
      TlsSession session;
      for (int visit = 0; visit < 3; ++visit) {
        Talk talk{
            TlsFilter::connect(clients, "localhost", session), TlsFilter::accept(servers), {}, {}, {}, {}, {}, {}};
        ASSERT_TRUE(talk.client.send("hello", talk.to_server));
        talk.pass_all();
        EXPECT_EQ(talk.server_heard, "hello");
        EXPECT_EQ(talk.client.resumed(), visit > 0) << version << tickets;
        EXPECT_EQ(talk.server.resumed(), visit > 0) << version << tickets;
        session = talk.client.session();
        ASSERT_NE(session, nullptr);
      }
      // Another server does not know it.
      const TlsContext others = server_context();
      Talk talk{TlsFilter::connect(clients, "localhost", session), TlsFilter::accept(others), {}, {}, {}, {}, {}, {}};
      talk.pass_all();
      EXPECT_TRUE(talk.client.established() && talk.server.established());
      EXPECT_FALSE(talk.server.resumed());
    }
  }
}

TEST_F(TlsTest, WhyAHandshakeFailedIsKnown) {
  const TlsContext servers = server_context();
  const auto failure = [&](const TlsContext& clients, const std::string& host = "localhost") {
    Talk talk{TlsFilter::connect(clients, host), TlsFilter::accept(servers), {}, {}, {}, {}, {}, {}};
    talk.pass_all();
    EXPECT_FALSE(talk.server.established() && !talk.server.failed());
    EXPECT_FALSE(talk.client_trouble.empty());
    return talk.server.failed() ? name_of(talk.server.failure()) : "it did not";
  };
  const TlsContext old = client_context();
  SSL_CTX_set_security_level(old.get(), 0);
  SSL_CTX_set_min_proto_version(old.get(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(old.get(), TLS1_1_VERSION);
  SSL_CTX_set_cipher_list(old.get(), "ALL");
  EXPECT_EQ(failure(old), "version");

  const TlsContext chained = client_context(TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(chained.get(), "ECDHE-ECDSA-AES128-SHA256");  // no authenticated encryption
  EXPECT_EQ(failure(chained), "cipher");

  const TlsContext newer = client_context();
  SSL_CTX_set_alpn_protos(newer.get(), reinterpret_cast<const unsigned char*>("\2h2"), 3);
  EXPECT_EQ(failure(newer), "protocol");

  EXPECT_EQ(failure(*TlsContext::for_clients("")), "alert");  // it does not trust
  EXPECT_EQ(failure(client_context(TLS1_2_VERSION), "another.example"), "alert");
}

TEST_F(TlsTest, WhatIsNoTlsOrWasChangedFails) {
  const TlsContext servers = server_context(), clients = client_context();
  std::string plain, alert;
  TlsFilter deaf = TlsFilter::accept(servers);
  EXPECT_FALSE(deaf.receive(std::string(100, '\x01'), plain));
  EXPECT_EQ(deaf.failure(), TlsFailure::malformed);
  EXPECT_FALSE(deaf.receive("more", plain));

  Talk talk{TlsFilter::connect(clients, "localhost"), TlsFilter::accept(servers), {}, {}, {}, {}, {}, {}};
  talk.pass_all();
  ASSERT_TRUE(talk.client.send("whole", talk.to_server));
  ASSERT_TRUE(talk.client.send("changed", talk.to_server));
  talk.to_server.back() = static_cast<char>(talk.to_server.back() ^ 1);
  talk.pass();
  EXPECT_EQ(talk.server_heard, "whole");
  EXPECT_NE(talk.server_trouble, "");
  EXPECT_EQ(talk.server.failure(), TlsFailure::malformed);
  talk.pass_all();
  EXPECT_NE(talk.client_trouble, "");  // it was told
}

// A client of OpenSSL's own.
class RawClient {
 public:
  RawClient(const TlsContext& context, TlsFilter server) : ssl_(SSL_new(context.get())), server_(std::move(server)) {
    SSL_set_bio(ssl_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl_);
    SSL_set1_host(ssl_, "localhost");
    for (int i = 0; i < 4; ++i) {
      SSL_do_handshake(ssl_);
      pass();
    }
  }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  ~RawClient() { SSL_free(ssl_); }

  SSL* ssl() { return ssl_; }
  // Both ways, once; the size of what the server said.
  std::size_t pass() {
    std::string bytes(BIO_ctrl_pending(SSL_get_wbio(ssl_)), '\0');
    if (!bytes.empty()) BIO_read(SSL_get_wbio(ssl_), bytes.data(), static_cast<int>(bytes.size()));
    if (!bytes.empty() && !server_.receive(bytes, heard)) failed = true;
    std::string said;
    (void)server_.send({}, said);
    if (!said.empty()) BIO_write(SSL_get_rbio(ssl_), said.data(), static_cast<int>(said.size()));
    return said.size();
  }
  std::string heard;  // by the server
  bool failed = false;

 private:
  SSL* ssl_;
  TlsFilter server_;
};

TEST_F(TlsTest, Http11IsChosenWhereItIsOffered) {
  const TlsContext clients = client_context(), servers = server_context();
  SSL_CTX_set_alpn_protos(clients.get(), reinterpret_cast<const unsigned char*>("\2h2\010http/1.1"), 12);
  RawClient client(clients, TlsFilter::accept(servers));
  const unsigned char* chosen = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(client.ssl(), &chosen, &size);
  EXPECT_EQ(std::string(chosen, chosen + size), "http/1.1");
}

TEST_F(TlsTest, NobodyRenegotiates) {
  const TlsContext clients = client_context(TLS1_2_VERSION), servers = server_context();
  RawClient client(clients, TlsFilter::accept(servers));
  ASSERT_EQ(SSL_is_init_finished(client.ssl()), 1);
  for (int i = 0; i < 20; ++i) {
    SSL_renegotiate(client.ssl());
    SSL_do_handshake(client.ssl());
    EXPECT_LE(client.pass(), 100U);  // "no", and no handshake
    char answer = 0;
    SSL_read(client.ssl(), &answer, 1);
  }
  EXPECT_EQ(client.heard, "");
}

TEST_F(TlsTest, KeysMayBeRenewedOnTheWay) {
  const TlsContext clients = client_context(TLS1_3_VERSION), servers = server_context();
  RawClient client(clients, TlsFilter::accept(servers));
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(SSL_key_update(client.ssl(), SSL_KEY_UPDATE_REQUESTED), 1);
    ASSERT_EQ(SSL_write(client.ssl(), "x", 1), 1);
    client.pass();
    char answer = 0;
    EXPECT_EQ(SSL_read(client.ssl(), &answer, 1), -1);
    EXPECT_EQ(SSL_get_error(client.ssl(), -1), SSL_ERROR_WANT_READ);
  }
  EXPECT_EQ(client.heard, "xxxxxxxxxx");
  EXPECT_FALSE(client.failed);
}

// ---- A server's files

TEST_F(TlsTest, AFileThatIsNotThereIsNamed) {
  const std::string none = directory_.file("none.pem");
  EXPECT_EQ(refusal(none, pair_.key()).find(none + ": No such file or directory; it is to hold"), 0U)
      << refusal(none, pair_.key());
  EXPECT_EQ(refusal(pair_.certificate(), none).find(none + ": No such file"), 0U);
  EXPECT_EQ(refusal(directory_.path(), pair_.key()).find(directory_.path() + ": is a directory"), 0U);
  if (geteuid() != 0) {  // root reads all
    chmod(pair_.key().c_str(), 0);
    EXPECT_NE(refusal(pair_.certificate(), pair_.key()).find("cannot be read: Permission denied"), std::string::npos);
  }
}

TEST_F(TlsTest, WhatIsMissingInAFileIsSaid) {
  const std::string file = directory_.file("file.pem");
  write(file, "");
  EXPECT_NE(refusal(file, pair_.key()).find(file + ": there is no certificate in it; it is to hold"),
            std::string::npos);
  EXPECT_NE(refusal(pair_.key(), pair_.key()).find("there is no certificate in it"), std::string::npos);
  EXPECT_NE(refusal(pair_.certificate(), file).find(file + ": there is no private key in it"), std::string::npos);
  std::string damaged = read(pair_.certificate());
  damaged[damaged.size() / 2] = '!';
  write(file, damaged);
  EXPECT_NE(refusal(file, pair_.key()).find("its first certificate is damaged"), std::string::npos);
  write(file, read(pair_.certificate()) + damaged);
  EXPECT_NE(refusal(file, pair_.key()).find("a certificate of its chain is damaged"), std::string::npos);
  damaged = read(pair_.key());
  damaged[damaged.size() / 2] = '!';
  write(file, damaged);
  EXPECT_NE(refusal(pair_.certificate(), file).find("its key is damaged"), std::string::npos);
  write(file, std::string(2U << 20U, ' '));
  EXPECT_NE(refusal(file, pair_.key()).find("has over 1 MiB"), std::string::npos);
}

TEST_F(TlsTest, AKeyThatEverybodyMayReadOrThatIsAnothersOrLockedIsRefused) {
  const Certificate other(directory_.file("other.pem"), directory_.file("other-key.pem"));
  EXPECT_NE(refusal(pair_.certificate(), other.key())
                .find("is not the key of the first certificate in " + pair_.certificate()),
            std::string::npos);
  chmod(pair_.key().c_str(), 0640);  // a group may
  EXPECT_TRUE(TlsContext::for_servers(pair_.certificate(), pair_.key()));
  chmod(pair_.key().c_str(), 0644);
  EXPECT_NE(refusal(pair_.certificate(), pair_.key()).find("everybody may read it; chmod o-rwx " + pair_.key()),
            std::string::npos);
  const std::string both = directory_.file("both.pem");
  write(both, read(pair_.key()) + read(pair_.certificate()));
  EXPECT_TRUE(TlsContext::for_servers(both, both));
  chmod(both.c_str(), 0644);
  EXPECT_NE(refusal(both, both).find("everybody may read it"), std::string::npos);

  const std::string locked = directory_.file("locked.pem");
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> out(std::fopen(locked.c_str(), "w"), std::fclose);
  PEM_write_PrivateKey(out.get(), key.get(), EVP_aes_128_cbc(), reinterpret_cast<const unsigned char*>("word"), 4,
                       nullptr, nullptr);
  std::fflush(out.get());
  chmod(locked.c_str(), 0600);
  EXPECT_NE(refusal(pair_.certificate(), locked).find("has a passphrase"), std::string::npos);
}

TEST_F(TlsTest, AWeakKeyIsRefused) {
  CertificateOptions weak;
  weak.rsa_bits = 1024;
  const Certificate pair(directory_.file("weak.pem"), directory_.file("weak-key.pem"), weak);
  EXPECT_NE(refusal(pair.certificate(), pair.key()).find("its certificate cannot be used: ee key too small"),
            std::string::npos)
      << refusal(pair.certificate(), pair.key());
}

TEST_F(TlsTest, AChainIsShownAndItsFirstEndCounts) {
  CertificateOptions shorter;
  shorter.ends_s = 3600;
  const Certificate other(directory_.file("other.pem"), directory_.file("other-key.pem"), shorter);
  const std::string chain = directory_.file("chain.pem");
  write(chain, read(pair_.certificate()) + read(other.certificate()));
  const auto context = TlsContext::for_servers(chain, pair_.key());
  ASSERT_TRUE(context);
  const std::int64_t now_s = std::time(nullptr);
  EXPECT_NEAR(static_cast<double>(context->expires_s() - now_s), 3600, 60);
  EXPECT_EQ(context->warning(now_s), "");
  EXPECT_NE(context->warning(now_s + 7200).find(chain + ": a certificate in it expired at 20"), std::string::npos);
  EXPECT_NE(context->warning(now_s - 7200).find("begins at 20"), std::string::npos);
}

TEST_F(TlsTest, AnExpiredCertificateIsAWarning) {
  CertificateOptions past;
  past.begins_s = -7200;
  past.ends_s = -3600;
  const Certificate pair(directory_.file("past.pem"), directory_.file("past-key.pem"), past);
  const auto context = TlsContext::for_servers(pair.certificate(), pair.key());
  ASSERT_TRUE(context);
  EXPECT_NE(context->warning(std::time(nullptr)).find("browsers refuse it; renew it"), std::string::npos);
}

TEST(TlsFailureNames, AreDifferent) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(TlsFailure::count_); ++i) {
    EXPECT_FALSE(name_of(static_cast<TlsFailure>(i)).empty());
    for (std::size_t j = 0; j < i; ++j)
      EXPECT_NE(name_of(static_cast<TlsFailure>(i)), name_of(static_cast<TlsFailure>(j)));
  }
}

}  // namespace
}  // namespace footfall::base
