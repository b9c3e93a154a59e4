// SPDX-License-Identifier: Apache-2.0
// BatchBody: what is kept of a batch while its body arrives: its items, and under a key the digest of its bytes as
// sent. Or nothing: the batch is refused, and its body only comes to its end so that the connection can go on. Tested
// by tests/unit/server/batch_intake_test.cc.
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <string_view>

#include "http/body_sink.h"
#include "ingest/batch_reader.h"
#include "sites/batch_keys.h"

namespace footfall {

class BatchBody final : public http::BodySink {
 public:
  // What arrives is read into `reader`, which has begun.
  BatchBody(std::unique_ptr<ingest::BatchReader> reader, bool keyed);
  // That of a refused batch.
  BatchBody() : refused_(true) {}
  bool refused() const { return refused_; }

  void take(std::string_view bytes) override;
  std::size_t memory() const override { return reader_ ? reader_->memory() : 0; }

  // Of all that was taken. REQUIRES: it is keyed; once.
  sites::BodyDigest digest();
  // With the items; to be finished. The connection keeps what is left a little longer: it holds nothing.
  std::unique_ptr<ingest::BatchReader> release() { return std::move(reader_); }

 private:
  struct FreeDigest {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  const bool refused_ = false;
  std::unique_ptr<ingest::BatchReader> reader_;
  std::unique_ptr<EVP_MD_CTX, FreeDigest> digest_;  // null: it is not keyed
};

}  // namespace footfall
