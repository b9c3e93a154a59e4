// SPDX-License-Identifier: Apache-2.0
// A certificate that signs itself, for localhost and 127.0.0.1, and its key, as PEM files of a test's directory.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <cstdio>
#include <ctime>
#include <memory>
#include <stdexcept>
#include <string>

namespace footfall::testing {

struct CertificateOptions {
  long begins_s = -3600;  // from now
  long ends_s = 86'400;
  unsigned rsa_bits = 0;  // 0: a key on P-256
};

class Certificate {
 public:
  Certificate(const std::string& certificate, const std::string& key, const CertificateOptions& options = {})
      : certificate_(certificate), key_(key) {
    const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> secret(
        options.rsa_bits != 0 ? EVP_RSA_gen(options.rsa_bits) : EVP_EC_gen("P-256"), EVP_PKEY_free);
    const std::unique_ptr<X509, void (*)(X509*)> made(X509_new(), X509_free);
    if (!secret || !made) throw std::runtime_error("no key");
    X509_set_version(made.get(), X509_VERSION_3);
    static long serial = std::time(nullptr);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), options.begins_s);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), options.ends_s);
    X509_set_pubkey(made.get(), secret.get());
    X509_NAME* name = X509_get_subject_name(made.get());
    const std::string host = "localhost";
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(host.data()),
                               static_cast<int>(host.size()), -1, 0);
    X509_set_issuer_name(made.get(), name);
    X509_EXTENSION* names = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    X509_add_ext(made.get(), names, -1);
    X509_EXTENSION_free(names);
    X509_sign(made.get(), secret.get(), EVP_sha256());
    write(certificate, [&](std::FILE* file) { return PEM_write_X509(file, made.get()); });
    write(key, [&](std::FILE* file) {
      return PEM_write_PrivateKey(file, secret.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
    chmod(key.c_str(), 0600);
  }

  const std::string& certificate() const { return certificate_; }
  const std::string& key() const { return key_; }

 private:
  template <class Write>
  static void write(const std::string& path, const Write& write) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "w"), std::fclose);
    if (!file || write(file.get()) != 1) throw std::runtime_error("cannot write " + path);
  }

  std::string certificate_, key_;
};

}  // namespace footfall::testing
