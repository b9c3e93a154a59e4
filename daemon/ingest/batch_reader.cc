// SPDX-License-Identifier: Apache-2.0
#include "ingest/batch_reader.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "ingest/native.h"
#include "ingest/protobuf_wire.h"

namespace footfall::ingest {
namespace {

constexpr std::size_t kInflated = 64U << 10U;  // bytes that are decoded at once
constexpr std::uint32_t kBatchSite = 1, kBatchHits = 2;

}  // namespace

// One or more gzip members, one behind the other.
class BatchReader::Gunzip {
 public:
  Gunzip() : out_(std::make_unique_for_overwrite<char[]>(kInflated)) {
    if (inflateInit2(&stream_, 15 + 16) != Z_OK) throw std::bad_alloc();
  }
  ~Gunzip() { inflateEnd(&stream_); }
  Gunzip(const Gunzip&) = delete;
  Gunzip& operator=(const Gunzip&) = delete;

  void begin() {
    inflateReset(&stream_);
    begun_ = within_ = false;
  }
  // Hands out what `bytes` unpack to until `use` has enough. False: they are no gzip.
  template <class Use>
  bool take(std::string_view bytes, const Use& use) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // NOLINT: zlib's interface
    stream_.avail_in = static_cast<uInt>(bytes.size());
    bool full = false;
    while (stream_.avail_in != 0 || full) {
      if (!within_ && std::exchange(begun_, true) && inflateReset(&stream_) != Z_OK) return false;
      within_ = true;
      stream_.next_out = reinterpret_cast<Bytef*>(out_.get());  // NOLINT: zlib's interface
      stream_.avail_out = static_cast<uInt>(kInflated);
      const int status = inflate(&stream_, Z_NO_FLUSH);
      full = stream_.avail_out == 0 && status == Z_OK;
      if (status == Z_STREAM_END) within_ = false;
      // What stands before a fault is read first: which of two faults is told must not depend on the pieces.
      if (!use(std::string_view(out_.get(), kInflated - stream_.avail_out))) return true;
      if (status == Z_BUF_ERROR) break;
      if (status != Z_OK && status != Z_STREAM_END) return false;
    }
    return true;
  }
  bool whole() const { return begun_ && !within_; }
  static constexpr std::size_t kMemory = kInflated + (48U << 10U);  // with zlib's window and tables

 private:
  z_stream stream_{};
  std::unique_ptr<char[]> out_;
  bool begun_ = false;   // a member
  bool within_ = false;  // a member
};

BatchReader::BatchReader(std::size_t decoded_max) : decoded_max_(decoded_max) {}
BatchReader::~BatchReader() = default;

void BatchReader::begin(BatchFormat format, bool gzip) {
  arena_.clear();
  good_ = count_ = decoded_ = 0;
  skip_ = 0;
  unreadable_.clear();
  carry_.clear();
  site_ = {};
  skipping_ = false;
  failure_ = Failure::none;
  detail_.clear();
  format_ = format;
  gzip_ = gzip;
  if (!gzip) return;
  if (gunzip_ == nullptr) gunzip_ = std::make_unique<Gunzip>();
  gunzip_->begin();
}

std::size_t BatchReader::memory() const {
  return arena_.bytes() + items_.capacity() * sizeof(Entry) + unreadable_.capacity() * sizeof(Unreadable) +
         carry_.capacity() + (gunzip_ ? Gunzip::kMemory : 0);
}

void BatchReader::fail(Failure failure, std::string detail) {
  if (failure_ != Failure::none) return;
  failure_ = failure;
  detail_ = std::move(detail);
}

void BatchReader::take(std::string_view bytes) {
  if (failure_ != Failure::none || bytes.empty()) return;
  if (!gzip_) return take_decoded(bytes);
  const bool is_gzip = gunzip_->take(bytes, [this](std::string_view decoded) {
    take_decoded(decoded);
    return failure_ == Failure::none;
  });
  if (!is_gzip) fail(Failure::malformed, "Content-Encoding: gzip: the body is none");
}

void BatchReader::take_decoded(std::string_view bytes) {
  decoded_ += bytes.size();
  if (decoded_ > decoded_max_)
    return fail(Failure::too_large,
                "a batch has at most " + std::to_string(decoded_max_) + " bytes, also when it is unpacked; split it");
  if (format_ == BatchFormat::ndjson) {
    take_lines(bytes, false);
  } else {
    take_messages(bytes);
  }
}

void BatchReader::finish() {
  if (failure_ != Failure::none) return;
  if (gzip_ && !gunzip_->whole()) return fail(Failure::malformed, "Content-Encoding: gzip: the body ends within it");
  if (format_ == BatchFormat::ndjson) {
    take_lines({}, true);
  } else if (!carry_.empty() || skip_ != 0) {
    return fail(Failure::malformed, "the body ends within a field of footfall.v1.HitBatch");
  }
  if (failure_ != Failure::none || format_ == BatchFormat::ndjson) return;
  // The site of the batch may have stood behind its hits.
  std::size_t kept = 0;
  for (std::size_t n = 0; n < good_; ++n) {
    Item& item = items_[n].item;
    if (item.ping.site.empty()) item.ping.site = site_;
    if (item.ping.site.empty()) {
      unreadable_.push_back({items_[n].index, arena_.copy(missing_site().detail)});
      continue;
    }
    if (kept != n) items_[kept] = items_[n];
    ++kept;
  }
  if (kept == good_) return;
  good_ = kept;
  std::sort(unreadable_.begin(), unreadable_.end(),
            [](const Unreadable& a, const Unreadable& b) { return a.index < b.index; });
}

// The next item is there. False: it is one too many.
bool BatchReader::begin_item() {
  if (++count_ <= kBatchItemsMax) return true;
  fail(Failure::too_large, "a batch has at most " + std::to_string(kBatchItemsMax) + " items; split it");
  return false;
}

void BatchReader::take_overlong() {
  if (begin_item()) unreadable_.push_back({count_ - 1, "longer than 64 KiB"});
}

template <class Read>
void BatchReader::take_item(const Read& read) {
  if (!begin_item()) return;
  if (good_ == items_.size()) items_.emplace_back();
  Entry& entry = items_[good_];
  entry.item = Item();
  if (const base::Result<void> done = read(entry.item); !done) {
    unreadable_.push_back({count_ - 1, arena_.copy(done.error().detail)});
    return;
  }
  entry.index = static_cast<std::uint32_t>(count_ - 1);
  ++good_;
}

// --- lines ---

void BatchReader::take_lines(std::string_view bytes, bool last) {
  while (!bytes.empty() && failure_ == Failure::none) {
    const auto* const found = static_cast<const char*>(std::memchr(bytes.data(), '\n', bytes.size()));
    const auto size = found == nullptr ? bytes.size() : static_cast<std::size_t>(found - bytes.data());
    const std::string_view part = bytes.substr(0, size);
    const std::size_t readable = bytes.size();  // what follows serves as the parser's padding
    bytes.remove_prefix(found == nullptr ? size : size + 1);
    if (skipping_) {
      skipping_ = found == nullptr;
      continue;
    }
    if (carry_.size() + part.size() > kBatchItemMax) {
      carry_.clear();
      take_overlong();
      skipping_ = found == nullptr;
    } else if (found == nullptr) {
      carry_.append(part);
    } else if (carry_.empty()) {
      take_line(part, readable);
    } else {
      carry_.append(part);
      take_line(carry_, carry_.size());
      carry_.clear();
    }
  }
  if (!last || carry_.empty()) return;
  take_line(carry_, carry_.size());
  carry_.clear();
}

void BatchReader::take_line(std::string_view line, std::size_t readable) {
  if (line.find_first_not_of(" \t\r") == std::string_view::npos) return;
  take_item([&](Item& item) { return read_json_item(line, readable, arena_, item); });
}

// --- messages ---

void BatchReader::take_messages(std::string_view bytes) {
  const auto skip = [&] {
    const auto skipped = static_cast<std::size_t>(std::min<std::uint64_t>(skip_, bytes.size()));
    bytes.remove_prefix(skipped);
    skip_ -= skipped;
  };
  skip();
  // What is carried over is completed first, with no more than it needs.
  WireField field;
  while (!carry_.empty() && !bytes.empty() && failure_ == Failure::none) {
    read_field(carry_.data(), carry_.data() + carry_.size(), field);
    const std::size_t wanted =
        field.header == 0 ? 1 : field.header + static_cast<std::size_t>(field.size) - carry_.size();
    const std::size_t taken = std::min(wanted, bytes.size());
    carry_.append(bytes.substr(0, taken));
    bytes.remove_prefix(taken);
    const char* next = carry_.data();
    take_fields(next, carry_.data() + carry_.size());
    if (next == carry_.data() + carry_.size()) carry_.clear();
    skip();
  }
  if (!carry_.empty() || bytes.empty() || failure_ != Failure::none) return;
  const char* next = bytes.data();
  const char* const end = next + bytes.size();
  take_fields(next, end);
  carry_.assign(next, static_cast<std::size_t>(end - next));
}

void BatchReader::take_fields(const char*& next, const char* end) {
  WireField field;
  while (next != end && failure_ == Failure::none) {
    const WireState state = read_field(next, end, field);
    if (state == WireState::malformed)
      return fail(Failure::malformed, "the body is no message footfall.v1.HitBatch, at hit " + std::to_string(count_));
    if (field.size > kBatchItemMax) {  // its header is there, and that is all that it takes
      if (field.number == kBatchHits && field.type == WireType::bytes) take_overlong();
      const auto here = static_cast<std::size_t>(end - next) - field.header;
      const auto skipped = static_cast<std::size_t>(std::min<std::uint64_t>(field.size, here));
      next += field.header + skipped;
      skip_ = field.size - skipped;
      continue;
    }
    if (state == WireState::partial) return;
    if (field.type == WireType::bytes && field.number == kBatchHits) {
      take_item([&](Item& item) { return read_protobuf_item(field.content, arena_, item); });
    } else if (field.type == WireType::bytes && field.number == kBatchSite) {
      site_ = arena_.copy(field.content);
    }
    next += field.header + field.content.size();
  }
}

}  // namespace footfall::ingest
