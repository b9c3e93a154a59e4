// SPDX-License-Identifier: Apache-2.0
// Checkpoint: the file. Each site is a chunk of its own, so that a later release may work through them in partitions.
//
// Every chunk's checksum is seeded with the header's, and the last chunk says how many there were: a chunk that is
// damaged, missing or of another file is noticed.
// Cost: reading and writing are one pass with 1 MiB at a time; a site without a hit takes about 100 bytes.
// Tested by tests/unit/store/checkpoint_test.cc.
#include "store/checkpoint.h"

#include <algorithm>
#include <charconv>

#include "base/hash.h"
#include "store/file_header.h"
#include "store/reserve.h"

namespace footfall::store {
namespace {

using base::Errc;
using base::Error;

constexpr FileKind kKind{"checkpoint", "ffckpt\r\n", 1, 4U << 20U, "", "start the release that wrote it"};
constexpr std::size_t kChunkHeaderBytes = 9;  // crc, type, length
constexpr std::size_t kBufferBytes = 1U << 20U;
constexpr std::string_view kSuffix = ".ckpt";

enum class Chunk : std::uint8_t { registry = 1, site = 2, end = 3 };

Error damaged(const std::string& path, std::string_view what) {
  return damaged(kKind, path, what);
}

// Appends to a file through a buffer.
class Output {
 public:
  explicit Output(base::File& file) : file_(file) {}
  base::Result<void> write(std::string_view bytes) {
    buffer_.append(bytes);
    return buffer_.size() < kBufferBytes ? base::Result<void>() : flush();
  }
  base::Result<void> flush() {
    auto written = file_.write_at(offset_, buffer_);
    offset_ += buffer_.size();
    buffer_.clear();
    return written;
  }
  std::uint64_t bytes() const { return offset_; }  // after a flush()

 private:
  base::File& file_;
  std::uint64_t offset_ = 0;
  std::string buffer_;
};

// Reads a file from `offset` to its end through a buffer.
class Input {
 public:
  Input(base::File& file, std::uint64_t offset, std::uint64_t file_size)
      : file_(file), unread_(file_size - offset), offset_(offset) {}
  // Exactly `size` bytes, valid until the next call; fewer at the end of the file. A length that a damaged file gives
  // makes nothing larger than the file.
  base::Result<std::string_view> read(std::size_t size) {
    size = static_cast<std::size_t>(std::min<std::uint64_t>(size, unread_));
    unread_ -= size;
    if (buffer_.size() - at_ < size) {
      buffer_.erase(0, at_);
      at_ = 0;
      auto more = file_.read_at(offset_, std::max(size - buffer_.size(), kBufferBytes));
      if (!more) return more.error();
      offset_ += more->size();
      buffer_ += *more;
    }
    const std::string_view out = std::string_view(buffer_).substr(at_, size);
    at_ += out.size();
    return out;
  }

 private:
  base::File& file_;
  std::uint64_t unread_;
  std::uint64_t offset_;
  std::size_t at_ = 0;
  std::string buffer_;
};

std::string header_of(const DataDirectory& directory, std::uint64_t number, const RecoveredState& state) {
  std::string body;
  base::ByteWriter out(body);
  out.raw(
      std::string_view(reinterpret_cast<const char*>(directory.incarnation().data()), directory.incarnation().size()));
  out.u64(number);
  out.svarint(state.newest_s);
  out.varint(state.earlier_hits);
  out.varint(state.positions.size());
  for (const auto& [stream, position] : state.positions) {
    const auto hits = state.stream_hits.find(stream);
    out.varint(stream.value);
    out.varint(position.segment);
    out.varint(position.sequence);
    out.varint(hits == state.stream_hits.end() ? 0 : hits->second);
  }
  return encode_header(kKind, body);
}

std::string encode_chunk(Chunk type, std::string_view bytes, std::uint32_t seed) {
  std::string covered;
  covered.reserve(bytes.size() + 5);
  base::ByteWriter out(covered);
  out.u8(static_cast<std::uint8_t>(type));
  out.u32(static_cast<std::uint32_t>(bytes.size()));
  out.raw(bytes);
  std::string chunk;
  base::ByteWriter(chunk).u32(base::crc32c(covered, seed));
  return chunk + covered;
}

// The number, and the rest into `state`.
base::Result<std::uint64_t> read_body(std::string_view bytes, const journal::Incarnation& own, const std::string& path,
                                      RecoveredState& state) {
  base::ByteReader body(bytes);
  if (body.raw(own.size()) != std::string_view(reinterpret_cast<const char*>(own.data()), own.size())) {
    return damaged(path, "it belongs to another data directory");
  }
  const std::uint64_t number = body.u64();
  state.newest_s = body.svarint();
  state.earlier_hits = body.varint();
  const std::uint64_t streams = body.varint();
  for (std::uint64_t i = 0; i < streams && body.ok(); ++i) {
    const std::uint64_t stream = body.varint();
    journal::Position position;
    position.segment = body.varint();
    position.sequence = body.varint();
    const std::uint64_t hits = body.varint();
    if (stream > UINT16_MAX) body.fail();
    const journal::StreamId id{static_cast<std::uint16_t>(stream)};
    state.positions[id] = position;
    if (hits > 0) state.stream_hits[id] = hits;
  }
  if (!body.at_end()) return damaged(path, "its header breaks its grammar");
  return number;
}

bool load_site(const sites::Registry& registry, std::string_view bytes) {
  base::ByteReader in(bytes);
  const std::uint64_t id = in.varint();
  if (!in.ok() || id > UINT32_MAX) return false;
  sites::Site* site = registry.find(sites::SiteId{static_cast<std::uint32_t>(id)});
  if (site == nullptr) return false;
  base::MutexLock lock(site->mutex());
  return site->state().load(in) && in.at_end();
}

base::Result<void> load_chunks(Input& in, const std::string& path, std::uint32_t seed, const counting::Limits& limits,
                               RecoveredState& state) {
  for (std::uint64_t chunks = 0;; ++chunks) {
    auto head = in.read(kChunkHeaderBytes);
    if (!head) return head.error();
    if (head->size() < kChunkHeaderBytes) return damaged(path, "it is cut short");
    const std::string covered_head(head->substr(4));
    base::ByteReader fields(*head);
    const std::uint32_t crc = fields.u32();
    const auto type = static_cast<Chunk>(fields.u8());
    const std::uint32_t length = fields.u32();
    auto bytes = in.read(length);
    if (!bytes) return bytes.error();
    if (bytes->size() != length) return damaged(path, "it is cut short");
    if (crc != base::crc32c(*bytes, base::crc32c(covered_head, seed))) {
      return damaged(path, "the checksum of chunk " + std::to_string(chunks) + " does not hold");
    }
    base::ByteReader body(*bytes);
    if (type == Chunk::end) {
      if (body.u64() != chunks || !body.at_end() || state.registry == nullptr)
        return damaged(path, "chunks are missing");
      break;
    }
    bool good = false;
    if (type == Chunk::registry && state.registry == nullptr) {
      state.registry = std::make_unique<sites::Registry>(limits);
      good = state.registry->load(body) && body.at_end();
    } else if (type == Chunk::site && state.registry != nullptr) {
      good = load_site(*state.registry, *bytes);
    }
    if (!good) return damaged(path, "chunk " + std::to_string(chunks) + " breaks its grammar");
  }
  auto behind = in.read(1);
  if (!behind) return behind.error();
  if (!behind->empty()) return damaged(path, "it goes on behind its end");
  return {};
}

base::Result<void> write_chunks(Output& out, std::uint32_t seed, const RecoveredState& state) {
  std::string bytes;
  base::ByteWriter writer(bytes);
  state.registry->save(writer, state.newest_s);
  if (auto written = out.write(encode_chunk(Chunk::registry, bytes, seed)); !written) return written;
  std::uint64_t chunks = 1;
  for (sites::Site* site : state.registry->all_sites()) {
    bytes.clear();
    writer.varint(site->id().value);
    {
      base::MutexLock lock(site->mutex());
      site->state().save(writer, state.newest_s);
    }
    if (bytes.size() > UINT32_MAX) {
      return Error{Errc::too_large, "site " + std::to_string(site->id().value) + " takes over 4 GiB in a checkpoint"};
    }
    if (auto written = out.write(encode_chunk(Chunk::site, bytes, seed)); !written) return written;
    ++chunks;
  }
  bytes.clear();
  writer.u64(chunks);
  if (auto written = out.write(encode_chunk(Chunk::end, bytes, seed)); !written) return written;
  return out.flush();
}

}  // namespace

std::string checkpoint_path(const DataDirectory& directory, std::uint64_t number) {
  return directory.file("checkpoint/" + std::to_string(number) + std::string(kSuffix));
}

base::Result<std::vector<std::uint64_t>> list_checkpoints(const DataDirectory& directory) {
  auto names = directory.files().list(directory.file("checkpoint"));
  if (!names) return names.error();
  std::vector<std::uint64_t> out;
  for (const std::string& name : *names) {
    if (!name.ends_with(kSuffix)) continue;
    std::uint64_t number = 0;
    const char* end = name.data() + name.size() - kSuffix.size();
    const auto parsed = std::from_chars(name.data(), end, number);
    if (parsed.ec == std::errc{} && parsed.ptr == end && number > 0) out.push_back(number);
  }
  std::sort(out.begin(), out.end());
  return out;
}

base::Result<RecoveredState> load_checkpoint(const DataDirectory& directory, std::uint64_t number,
                                             const counting::Limits& limits) {
  return read_checkpoint(directory.files(), checkpoint_path(directory, number), directory.incarnation(), number,
                         limits);
}

base::Result<RecoveredState> read_checkpoint(base::FileSystem& files, const std::string& path,
                                             const journal::Incarnation& incarnation, std::uint64_t number,
                                             const counting::Limits& limits) {
  auto file = files.open(path, base::OpenMode::read);
  if (!file) return file.error();
  auto size = (*file)->size();
  if (!size) return size.error();
  auto header = read_header(kKind, **file, path);
  if (!header) return header.error();
  RecoveredState state;
  auto stated = read_body(header->body, incarnation, path, state);
  if (!stated) return stated.error();
  if (*stated != number) return damaged(path, "it is checkpoint " + std::to_string(*stated));
  Input in(**file, header->bytes, *size);
  if (auto loaded = load_chunks(in, path, header->crc, limits, state); !loaded) return loaded.error();
  state.checkpoint = number;
  state.checkpoint_positions = state.positions;
  return state;
}

namespace {

base::Result<void> write_file(const DataDirectory& directory, const std::string& path, std::uint64_t number,
                              const RecoveredState& state) {
  auto file = directory.files().open(path, base::OpenMode::create);
  if (!file) return file.error();
  Output out(**file);
  const std::string header = header_of(directory, number, state);
  if (auto written = out.write(header); !written) return written;
  const std::uint32_t seed = base::ByteReader(std::string_view(header).substr(header.size() - 4)).u32();
  if (auto written = write_chunks(out, seed, state); !written) return written;
  // What is left of the reserve, or of one that a crash cut off.
  if (auto cut = (*file)->truncate(out.bytes()); !cut) return cut;
  return (*file)->sync();
}

}  // namespace

base::Result<void> write_checkpoint(const DataDirectory& directory, std::uint64_t number, const RecoveredState& state,
                                    Reserve* reserve) {
  base::FileSystem& files = directory.files();
  const std::string path = checkpoint_path(directory, number);
  const std::string tmp = path + ".tmp";
  base::Result<void> written;
  if (reserve != nullptr) written = reserve->lend(tmp);
  if (written) written = write_file(directory, tmp, number, state);
  if (written) written = files.rename(tmp, path);
  if (!written) {
    if (reserve != nullptr) {
      (void)reserve->put_back(tmp);
    } else {
      (void)files.remove(tmp);
    }
    return written;
  }
  return files.sync_directory(directory.file("checkpoint"));
}

base::Result<void> remove_checkpoints_but(const DataDirectory& directory, const std::set<std::uint64_t>& kept) {
  base::FileSystem& files = directory.files();
  auto numbers = list_checkpoints(directory);
  if (!numbers) return numbers.error();
  for (const std::uint64_t number : *numbers) {
    if (kept.contains(number)) continue;
    if (auto removed = files.remove(checkpoint_path(directory, number)); !removed) return removed;
  }
  auto names = files.list(directory.file("checkpoint"));
  if (!names) return names.error();
  for (const std::string& name : *names) {
    if (!name.ends_with(".tmp")) continue;
    if (auto removed = files.remove(directory.file("checkpoint/" + name)); !removed) return removed;
  }
  return {};
}

}  // namespace footfall::store
