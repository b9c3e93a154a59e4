// SPDX-License-Identifier: Apache-2.0
#include "base/ticket_keys.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <mutex>

namespace footfall::base {
namespace {

constexpr std::size_t kNameSize = 16;  // of a key, in each ticket: OpenSSL's

struct TicketKey {
  std::array<unsigned char, kNameSize> name{};
  std::array<unsigned char, 32> cipher{}, mac{};
  std::int64_t made_s = 0;
  bool is(const unsigned char* wanted) const { return std::equal(name.begin(), name.end(), wanted); }
};

class TicketKeys {
 public:
  explicit TicketKeys(const Clock& clock) : clock_(clock) {}
  ~TicketKeys() { OPENSSL_cleanse(keys_.data(), sizeof keys_); }
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  // False: there is no randomness.
  bool newest(TicketKey& out) {
    const std::lock_guard lock(mutex_);
    if (!rotate()) return false;
    out = keys_[0];
    return true;
  }
  enum class Found : std::uint8_t { none, newest, last };
  Found find(const unsigned char* name, TicketKey& out) {
    const std::lock_guard lock(mutex_);
    if (!rotate()) return Found::none;
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      if (!keys_.at(i).is(name)) continue;
      out = keys_.at(i);
      return i == 0 ? Found::newest : Found::last;
    }
    return Found::none;
  }

 private:
  bool rotate() {
    const std::int64_t now_s = clock_.utc_s();
    const std::int64_t age_s = now_s - keys_[0].made_s;
    if (age_s < kTicketKeyLife_s) return true;
    TicketKey fresh;
    if (RAND_bytes(fresh.name.data(), kNameSize) != 1 || RAND_priv_bytes(fresh.cipher.data(), 32) != 1 ||
        RAND_priv_bytes(fresh.mac.data(), 32) != 1)
      return false;
    fresh.made_s = now_s;
    // Where nobody came for a day the last one is too old as well.
    keys_[1] = age_s < 2 * kTicketKeyLife_s ? keys_[0] : fresh;
    keys_[0] = fresh;
    OPENSSL_cleanse(&fresh, sizeof fresh);
    return true;
  }

  const Clock& clock_;
  std::mutex mutex_;
  std::array<TicketKey, 2> keys_{};  // the newest first; made_s 0: none yet
};

void free_keys(void* /*context*/, void* keys, CRYPTO_EX_DATA* /*data*/, int /*index*/, long /*argl*/, void* /*argp*/) {
  delete static_cast<TicketKeys*>(keys);
}
int keys_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, free_keys);
  return index;
}

// SSL_CTX_set_tlsext_ticket_key_evp_cb(3): 0 full handshake, 1 goes on, 2 goes on and gets another ticket.
int on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int sealing) {
  auto* const keys = static_cast<TicketKeys*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), keys_index()));
  TicketKey key;
  auto found = TicketKeys::Found::newest;
  if (sealing != 0) {
    if (!keys->newest(key) || RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
    std::copy(key.name.begin(), key.name.end(), name);
  } else {
    found = keys->find(name, key);
    if (found == TicketKeys::Found::none) return 0;
  }
  std::array<char, 7> digest{"SHA256"};
  const std::array<OSSL_PARAM, 3> parameters{
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac.data(), key.mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0), OSSL_PARAM_construct_end()};
  const bool ready = EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher.data(), iv, sealing) == 1 &&
                     EVP_MAC_CTX_set_params(mac, parameters.data()) == 1;
  OPENSSL_cleanse(&key, sizeof key);
  if (!ready) return -1;
  return found == TicketKeys::Found::last ? 2 : 1;
}

}  // namespace

void rotate_ticket_keys(ssl_ctx_st* context, const Clock& clock) {
  delete static_cast<TicketKeys*>(SSL_CTX_get_ex_data(context, keys_index()));  // those of a clock before
  SSL_CTX_set_ex_data(context, keys_index(), new TicketKeys(clock));
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket);
}

}  // namespace footfall::base
