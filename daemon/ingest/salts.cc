// SPDX-License-Identifier: Apache-2.0
#include "ingest/salts.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>

#include "base/bytes.h"

namespace footfall::ingest {
namespace {

constexpr std::string_view kMagic = "FFSALT1\n";
constexpr std::string_view kStep = "footfall salt";
constexpr std::int64_t kEarliestZone_s = 50'400, kLatestZone_s = 43'200;  // UTC+14, UTC-12
constexpr std::int64_t kWindowAndSlack_s = 3600 + 60;
constexpr std::size_t kFileSize = 8 + 8 + 32 + 4;

Salts::Key sha256(std::string_view bytes) {
  Salts::Key out{};
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), out.data(), &size, EVP_sha256(), nullptr) != 1 || size != out.size()) {
    // Without SHA-256 no visitor can be told from another: there is no way to go on, and it cannot happen halfway.
    throw base::Failure({base::Errc::unavailable, "OpenSSL has no SHA-256"});
  }
  return out;
}

std::string_view view(const Salts::Key& key) {
  const void* const bytes = key.data();
  return {static_cast<const char*>(bytes), key.size()};
}

// K(d) to K(d+1), in place.
void step(Salts::Key& key) {
  std::array<char, kStep.size() + 32> input{};
  std::memcpy(input.data(), kStep.data(), kStep.size());
  std::memcpy(input.data() + kStep.size(), key.data(), key.size());
  key = sha256({input.data(), input.size()});
  OPENSSL_cleanse(input.data(), input.size());
}

base::SipKey sip_key(const Salts::Key& key) {
  Salts::Key digest = sha256(view(key));
  base::SipKey out;
  std::memcpy(&out.k0, digest.data(), 8);
  std::memcpy(&out.k1, digest.data() + 8, 8);
  OPENSSL_cleanse(digest.data(), digest.size());
  return out;
}

counting::Day oldest_needed(std::int64_t now_s) {
  return static_cast<counting::Day>(counting::floor_div(now_s - kLatestZone_s - kWindowAndSlack_s, 86'400));
}
counting::Day latest_needed(std::int64_t now_s) {  // and one day to spare, for a rotation that comes late
  return static_cast<counting::Day>(counting::floor_div(now_s + kEarliestZone_s, 86'400) + 1);
}

base::Result<void> refuse_if_others_may_read(const std::string& path) {
  struct stat status {};
  // The file system of a test has no such file: then there is nothing to check.
  if (::stat(path.c_str(), &status) != 0 || (status.st_mode & (S_IRWXG | S_IRWXO)) == 0) return {};
  return base::Error{base::Errc::denied, path + ": others may read the salt; chmod 600 it"};
}

}  // namespace

SaltKeys::~SaltKeys() {
  for (auto& [day, key] : by_day) OPENSSL_cleanse(&key, sizeof key);
}

Salts::~Salts() {
  OPENSSL_cleanse(oldest_key_.data(), oldest_key_.size());
}

base::Result<std::unique_ptr<Salts>> Salts::open(base::FileSystem& files, const std::string& path, std::int64_t now_s) {
  std::unique_ptr<Salts> salts(new Salts(files, path));
  const auto there = files.exists(path);
  if (!there) return there.error();
  if (there.value()) {
    if (const auto fine = refuse_if_others_may_read(path); !fine) return fine.error();
    auto bytes = base::read_file(files, path, kFileSize);
    if (!bytes && bytes.error().code != base::Errc::too_large) return bytes.error();
    base::ByteReader in(bytes ? std::string_view(bytes.value()) : std::string_view());
    const bool magic_is_right = in.raw(kMagic.size()) == kMagic;
    const auto day = static_cast<std::int64_t>(in.u64());
    const std::string_view key = in.raw(salts->oldest_key_.size());
    const std::uint32_t sum = in.u32();
    if (!in.at_end() || !magic_is_right ||
        sum != base::crc32c(std::string_view(bytes.value()).substr(0, kFileSize - 4)) || day < INT32_MIN ||
        day > INT32_MAX) {
      return base::Error{base::Errc::corrupt,
                         path + ": not a salt file, or damaged; restore it, or remove it, and visitors are new ones"};
    }
    std::memcpy(salts->oldest_key_.data(), key.data(), key.size());
    OPENSSL_cleanse(bytes.value().data(), bytes.value().size());
    salts->oldest_day_ = static_cast<counting::Day>(day);
    salts->written_ = true;
  }
  // One day ahead is a clock set back by seconds around a rotation; more leaves days without a key.
  if (!there.value() || salts->oldest_day_ > oldest_needed(now_s) + 1) {
    base::random_bytes(salts->oldest_key_.data(), salts->oldest_key_.size());
    salts->oldest_day_ = oldest_needed(now_s);
    salts->is_new_ = true;
    salts->written_ = false;
  }
  if (const auto rotated = salts->rotate(now_s); !rotated) return rotated.error();
  return salts;
}

base::Result<bool> Salts::rotate(std::int64_t now_s) {
  for (; oldest_day_ < oldest_needed(now_s); ++oldest_day_) {
    step(oldest_key_);
    written_ = false;
  }
  const counting::Day latest = std::max(latest_needed(now_s), oldest_day_);
  const bool changed =
      keys_ == nullptr || keys_->by_day.begin()->first != oldest_day_ || keys_->by_day.rbegin()->first < latest;
  if (changed) derive_keys(latest);
  if (!written_) {
    if (const auto wrote = write(); !wrote) return wrote.error();
    written_ = true;
  }
  return changed;
}

base::Result<void> Salts::write() {
  std::string bytes;
  base::ByteWriter out(bytes);
  out.raw(kMagic);
  out.u64(static_cast<std::uint64_t>(std::int64_t{oldest_day_}));
  out.raw(view(oldest_key_));
  out.u32(base::crc32c(bytes));
  auto wrote = base::replace_file(files_, path_, bytes);
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return wrote;
}

void Salts::derive_keys(counting::Day latest_day) {
  const auto keys = std::make_shared<SaltKeys>();
  Key key = oldest_key_;
  for (counting::Day day = oldest_day_; day <= latest_day; ++day) {
    keys->by_day.emplace(day, sip_key(key));
    step(key);
  }
  OPENSSL_cleanse(key.data(), key.size());
  keys_ = keys;
}

}  // namespace footfall::ingest
