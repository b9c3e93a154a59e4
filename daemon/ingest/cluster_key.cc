// SPDX-License-Identifier: Apache-2.0
#include "ingest/cluster_key.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "base/hash.h"

namespace footfall::ingest {
namespace {

using base::Errc;
using base::Error;

constexpr std::string_view kMagic = "ffseal\r\n";
constexpr char kVersion = 1;
constexpr std::size_t kHeaderBytes = kMagic.size() + 1;
constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kTagBytes = 16;
constexpr std::size_t kFileBytesMax = 4096;

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* cipher) const { EVP_CIPHER_CTX_free(cipher); }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

unsigned char* bytes_of(std::string& text, std::size_t at) {
  void* const bytes = text.data() + at;
  return static_cast<unsigned char*>(bytes);
}
const unsigned char* bytes_of(std::string_view text) {
  const void* const bytes = text.data();
  return static_cast<const unsigned char*>(bytes);
}
int size_of(std::string_view text) {
  return static_cast<int>(text.size());
}

// Sealing has no way to fail but without memory, or without the cipher.
[[noreturn]] void no_cipher() {
  throw base::Failure({Errc::unavailable, "OpenSSL has no AES-256-GCM"});
}

std::optional<std::uint8_t> digit(char c, bool hex) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0' + (hex ? 0 : 52));
  if (hex) {
    if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
    if (c >= 'A' && c <= 'F') return static_cast<std::uint8_t>(c - 'A' + 10);
    return std::nullopt;
  }
  if (c >= 'A' && c <= 'Z') return static_cast<std::uint8_t>(c - 'A');
  if (c >= 'a' && c <= 'z') return static_cast<std::uint8_t>(c - 'a' + 26);
  if (c == '+') return std::uint8_t{62};
  if (c == '/') return std::uint8_t{63};
  return std::nullopt;
}

// 4 or 6 bits a character, the first bits first; what is left over must be zeros.
bool decode(std::string_view text, bool hex, ClusterKey::Bytes& out) {
  const unsigned width = hex ? 4 : 6;
  std::uint32_t bits = 0;
  unsigned held = 0;
  std::size_t filled = 0;
  for (const char c : text) {
    const auto value = digit(c, hex);
    if (!value) return false;
    bits = (bits << width | *value) & 0xffffU;
    held += width;
    if (held < 8) continue;
    held -= 8;
    if (filled == out.size()) return false;
    out[filled++] = static_cast<std::uint8_t>(bits >> held);
  }
  return filled == out.size() && (bits & ((1U << held) - 1)) == 0;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t from = text.find_first_not_of(kSpace);
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(kSpace) - from + 1);
}

}  // namespace

base::Result<ClusterKey> ClusterKey::read(base::FileSystem& files, const std::string& path) {
  struct stat status {};
  // The file system of a test has no such file: then there is nothing to check.
  if (::stat(path.c_str(), &status) == 0 && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return Error{Errc::denied, path + ": others may read the cluster's key; chmod 600 it"};
  }
  auto file = base::read_file(files, path, kFileBytesMax);
  if (!file && file.error().code != Errc::too_large) return file.error();
  Bytes key{};
  bool fine = false;
  if (file) {
    std::string_view text = trimmed(*file);
    if (text.size() == 44 && text.back() == '=') text.remove_suffix(1);
    fine = (text.size() == 64 && decode(text, true, key)) || (text.size() == 43 && decode(text, false, key));
    OPENSSL_cleanse(file->data(), file->size());
  }
  base::Result<ClusterKey> out = ClusterKey(key);
  OPENSSL_cleanse(key.data(), key.size());
  if (fine) return out;
  return Error{
      Errc::malformed,
      path + ": a cluster's key is 32 random bytes in hexadecimal or base64; `openssl rand -hex 32` makes one"};
}

ClusterKey::~ClusterKey() {
  OPENSSL_cleanse(bytes_.data(), bytes_.size());
}

std::string ClusterKey::seal(std::string_view plain, std::string_view purpose) const {
  std::string out(kMagic);
  out.push_back(kVersion);
  out.resize(kHeaderBytes + kNonceBytes + plain.size() + kTagBytes);
  base::random_bytes(out.data() + kHeaderBytes, kNonceBytes);
  unsigned char* const sealed = bytes_of(out, kHeaderBytes + kNonceBytes);
  const Cipher cipher(EVP_CIPHER_CTX_new());
  int size = 0;
  if (cipher == nullptr ||
      EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, bytes_.data(), bytes_of(out, kHeaderBytes)) != 1 ||
      EVP_EncryptUpdate(cipher.get(), nullptr, &size, bytes_of(out, 0), static_cast<int>(kHeaderBytes)) != 1 ||
      EVP_EncryptUpdate(cipher.get(), nullptr, &size, bytes_of(purpose), size_of(purpose)) != 1 ||
      EVP_EncryptUpdate(cipher.get(), sealed, &size, bytes_of(plain), size_of(plain)) != 1 ||
      EVP_EncryptFinal_ex(cipher.get(), sealed + size, &size) != 1 ||
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, static_cast<int>(kTagBytes), sealed + plain.size()) !=
          1) {
    no_cipher();
  }
  return out;
}

base::Result<std::string> ClusterKey::open(std::string_view sealed, std::string_view purpose) const {
  if (sealed.size() < kHeaderBytes || !sealed.starts_with(kMagic)) {
    return Error{Errc::malformed, "it is nothing that a node has sealed"};
  }
  if (sealed[kMagic.size()] != kVersion) {
    return Error{Errc::newer_format, "a later release has sealed it; start that one"};
  }
  if (sealed.size() < kHeaderBytes + kNonceBytes + kTagBytes) return Error{Errc::malformed, "it is cut off"};
  const std::string_view header = sealed.substr(0, kHeaderBytes);
  const std::string_view nonce = sealed.substr(kHeaderBytes, kNonceBytes);
  const std::string_view text =
      sealed.substr(kHeaderBytes + kNonceBytes, sealed.size() - kHeaderBytes - kNonceBytes - kTagBytes);
  std::string tag(sealed.substr(sealed.size() - kTagBytes));
  std::string plain(text.size(), '\0');
  const Cipher cipher(EVP_CIPHER_CTX_new());
  int size = 0;
  if (cipher == nullptr ||
      EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, bytes_.data(), bytes_of(nonce)) != 1) {
    no_cipher();
  }
  const bool fine =
      EVP_DecryptUpdate(cipher.get(), nullptr, &size, bytes_of(header), size_of(header)) == 1 &&
      EVP_DecryptUpdate(cipher.get(), nullptr, &size, bytes_of(purpose), size_of(purpose)) == 1 &&
      EVP_DecryptUpdate(cipher.get(), bytes_of(plain, 0), &size, bytes_of(text), size_of(text)) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, static_cast<int>(kTagBytes), bytes_of(tag, 0)) == 1 &&
      EVP_DecryptFinal_ex(cipher.get(), bytes_of(plain, 0) + plain.size(), &size) == 1;
  if (fine) return plain;
  OPENSSL_cleanse(plain.data(), plain.size());
  return Error{Errc::denied,
               "it does not open: the node that sealed it has another cluster key or another prefix, or it "
               "was changed"};
}

}  // namespace footfall::ingest
