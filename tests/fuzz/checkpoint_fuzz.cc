// SPDX-License-Identifier: Apache-2.0
// The loader of checkpoints over any bytes, in a file in memory: what it refuses it names, and what it accepts, written
// again, loads as the same content, and from then on is the same bytes.
//
// Input: the first byte says whether the checksums are set right (odd), the rest is the file.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/hash.h"
#include "store/checkpoint.h"
#include "store/content_hash.h"
#include "support/fault_fs.h"

namespace {

using namespace footfall;

constexpr std::size_t kHeaderBytes = 16;  // magic, version, length; the body and its checksum follow
constexpr std::size_t kChunkBytes = 9;    // checksum, type, length

void require(bool holds) {
  if (!holds) std::abort();
}

std::uint32_t number_at(std::string_view file, std::size_t at) {
  return base::ByteReader(file.substr(at, 4)).u32();
}

void set_number(std::string& file, std::size_t at, std::uint32_t value) {
  std::string bytes;
  base::ByteWriter(bytes).u32(value);
  file.replace(at, bytes.size(), bytes);
}

// As far as the lengths lead through the file.
void set_checksums(std::string& file) {
  if (file.size() < kHeaderBytes) return;
  const std::size_t body_end = kHeaderBytes + std::size_t{number_at(file, 12)};
  if (body_end + 4 > file.size()) return;
  const std::uint32_t seed = base::crc32c(std::string_view(file).substr(0, body_end));
  set_number(file, body_end, seed);
  for (std::size_t at = body_end + 4; at + kChunkBytes <= file.size();) {
    const std::size_t length = number_at(file, at + 5);
    if (length > file.size() - at - kChunkBytes) return;
    set_number(file, at, base::crc32c(std::string_view(file).substr(at + 4, 5 + length), seed));
    at += kChunkBytes + length;
  }
}

std::string written(const store::DataDirectory& directory, std::uint64_t number, const store::RecoveredState& state) {
  require(store::write_checkpoint(directory, number, state).has_value());
  return base::read_file(directory.files(), store::checkpoint_path(directory, number), 64U << 20U).value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const void* const bytes = data + 1;
  std::string file(static_cast<const char*>(bytes), size - 1);
  if (data[0] % 2 != 0) set_checksums(file);

  // Whose it is and its number are as the file says, if it says so.
  base::ByteReader body(std::string_view(file).substr(std::min(file.size(), kHeaderBytes)));
  journal::Incarnation incarnation{};
  const std::string_view own = body.raw(incarnation.size());
  std::copy(own.begin(), own.end(), incarnation.begin());
  const std::uint64_t number = body.u64();

  testing::FaultFs files;
  const std::string path = "/a.ckpt";
  require((*files.open(path, base::OpenMode::create))->write_at(0, file).has_value());
  const counting::Limits limits;
  const auto loaded = store::read_checkpoint(files, path, incarnation, number, limits);
  if (!loaded) {
    const base::Errc code = loaded.error().code;
    require(code == base::Errc::corrupt || code == base::Errc::newer_format);
    require(loaded.error().detail.starts_with(path));
    return 0;
  }
  require(loaded->registry != nullptr && loaded->checkpoint == number);

  const auto directory = store::DataDirectory::open(files, "/data").value();
  const std::string first = written(*directory, 1, *loaded);
  const auto again = store::load_checkpoint(*directory, 1, limits);
  require(again.has_value());
  require(again->positions == loaded->positions && again->stream_hits == loaded->stream_hits);
  require(again->newest_s == loaded->newest_s && again->earlier_hits == loaded->earlier_hits);
  require(store::content_hash(*again->registry, again->newest_s) ==
          store::content_hash(*loaded->registry, loaded->newest_s));
  require(written(*directory, 1, *again) == first);
  return 0;
}
