// SPDX-License-Identifier: Apache-2.0
// BatchReader: the body of POST /v1/hits, decoded as its bytes arrive, into a bounded list of items.
//
//   bytes --> [gunzip] --> lines            --> Item, or why it is none
//                          or HitBatch.hits
//
// However the bytes are split, the items are the same. What is half there is carried over to the next bytes; a whole
// body is never held. It stops at the first thing that makes the batch as a whole unreadable (failure()), and reads no
// further.
//
// Bounds     kBatchItemsMax items; each kBatchItemMax bytes; decoded_max bytes after gunzip.
// Ownership  the items' texts are its own, until clear() or its end. Threading: one thread.
// Cost       no allocation but what grows with the largest batch so far: clear() keeps the capacity.
// Tested by tests/unit/ingest/batch_reader_test.cc; fuzzed by tests/fuzz/batch_fuzz.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/batch_item.h"

namespace footfall::ingest {

inline constexpr std::size_t kBatchItemsMax = 20'000;

enum class BatchFormat : std::uint8_t { ndjson, protobuf };

class BatchReader {
 public:
  // Why a batch is none, as a whole.
  enum class Failure : std::uint8_t { none, malformed, too_large };
  // An item that could not be read. `reason` lives as long as the items.
  struct Unreadable {
    std::size_t index;
    std::string_view reason;
  };

  explicit BatchReader(std::size_t decoded_max = 16U << 20U);
  ~BatchReader();
  BatchReader(const BatchReader&) = delete;
  BatchReader& operator=(const BatchReader&) = delete;

  // For another body. Everything that it gave out is gone.
  void begin(BatchFormat format, bool gzip);
  void take(std::string_view bytes);
  // The body is complete.
  void finish();

  Failure failure() const { return failure_; }
  const std::string& detail() const { return detail_; }
  // In order, each with its index; together with the unreadable ones: count() of them. Blank lines are none.
  std::size_t count() const { return count_; }
  std::size_t good() const { return good_; }
  const Item& item(std::size_t n) const { return items_[n].item; }
  std::size_t index(std::size_t n) const { return items_[n].index; }
  const std::vector<Unreadable>& unreadable() const { return unreadable_; }
  // Bytes that it holds.
  std::size_t memory() const;

 private:
  struct Entry {
    Item item;
    std::uint32_t index = 0;
  };
  class Gunzip;

  void take_decoded(std::string_view bytes);
  void take_lines(std::string_view bytes, bool last);
  void take_line(std::string_view line, std::size_t readable);
  void take_messages(std::string_view bytes);
  // The fields of HitBatch that are there as a whole; moves `next` behind them.
  void take_fields(const char*& next, const char* end);
  template <class Read>
  void take_item(const Read& read);
  bool begin_item();
  void take_overlong();
  void fail(Failure failure, std::string detail);

  const std::size_t decoded_max_;
  Arena arena_;
  std::vector<Entry> items_;  // those beyond good_ are of earlier batches
  std::size_t good_ = 0;
  std::vector<Unreadable> unreadable_;
  std::string carry_;      // what is half there
  std::string_view site_;  // HitBatch.site
  std::unique_ptr<Gunzip> gunzip_;
  bool gzip_ = false;
  bool skipping_ = false;   // the rest of a line that is too long
  std::uint64_t skip_ = 0;  // bytes of a field that is too long
  BatchFormat format_ = BatchFormat::ndjson;
  Failure failure_ = Failure::none;
  std::string detail_;
  std::size_t decoded_ = 0;  // bytes
  std::size_t count_ = 0;
};

}  // namespace footfall::ingest
