// SPDX-License-Identifier: Apache-2.0
#include "batch_body.h"

#include <new>
#include <utility>

namespace footfall {

BatchBody::BatchBody(std::unique_ptr<ingest::BatchReader> reader, bool keyed) : reader_(std::move(reader)) {
  if (!keyed) return;
  digest_.reset(EVP_MD_CTX_new());
  if (!digest_ || EVP_DigestInit_ex(digest_.get(), EVP_sha256(), nullptr) != 1) throw std::bad_alloc();
}

void BatchBody::take(std::string_view bytes) {
  if (refused_) return;
  if (digest_ && EVP_DigestUpdate(digest_.get(), bytes.data(), bytes.size()) != 1) throw std::bad_alloc();
  reader_->take(bytes);
}

sites::BodyDigest BatchBody::digest() {
  sites::BodyDigest digest{};
  if (EVP_DigestFinal_ex(digest_.get(), digest.data(), nullptr) != 1) throw std::bad_alloc();
  return digest;
}

}  // namespace footfall
