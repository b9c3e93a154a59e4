// SPDX-License-Identifier: Apache-2.0
// BackupFile: see backup_file.h.
#include "store/backup_file.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/hash.h"
#include "store/file_header.h"

namespace footfall::store {
namespace {

using base::Errc;
using base::Error;

constexpr FileKind kKind{"backup",
                         "ffbackup",
                         1,
                         4096,
                         "; copy it anew, or take another backup",
                         "restore it with the release that made it"};
constexpr std::size_t kHeadBytes = 9;  // type, number
constexpr std::size_t kSumBytes = 4;
constexpr std::size_t kPieceBytes = 1U << 20U;

std::string_view name_of(BackupMember member) {
  return member == BackupMember::checkpoint ? "checkpoint" : "history";
}

}  // namespace

// --- writing ---

base::Result<BackupWriter> BackupWriter::create(base::FileSystem& files, const std::string& path,
                                                const BackupHeader& header) {
  auto there = files.exists(path);
  if (!there) return there.error();
  if (*there) return Error{Errc::exists, path + " is there already"};
  auto file = files.open(path, base::OpenMode::create);
  if (!file) return file.error();
  BackupWriter writer(files, std::move(*file));
  std::string body;
  base::ByteWriter out(body);
  out.raw(std::string_view(reinterpret_cast<const char*>(header.incarnation.data()), header.incarnation.size()));
  out.u64(header.checkpoint);
  out.svarint(header.made_s);
  out.svarint(header.newest_s);
  out.string(header.hash);
  if (header.slot != header.incarnation) out.raw(base::bytes_of(header.slot));
  const std::string bytes = encode_header(kKind, body);
  if (auto written = writer.file_->write_at(0, bytes); !written) return written.error();
  writer.offset_ = bytes.size();
  writer.sum_ = base::ByteReader(std::string_view(bytes).substr(bytes.size() - kSumBytes)).u32();
  return writer;
}

base::Result<void> BackupWriter::put(std::string_view bytes) {
  auto written = file_->write_at(offset_, bytes);
  offset_ += bytes.size();
  sum_ = base::crc32c(bytes, sum_);
  return written;
}

base::Result<void> BackupWriter::put_checksum() {
  std::string bytes;
  base::ByteWriter(bytes).u32(sum_);
  auto written = file_->write_at(offset_, bytes);
  offset_ += bytes.size();
  return written;
}

base::Result<void> BackupWriter::put_head(BackupMember member, std::uint64_t number) {
  std::string head;
  base::ByteWriter out(head);
  out.u8(static_cast<std::uint8_t>(member));
  out.u64(number);
  auto written = put(head);
  return written ? put_checksum() : written;
}

base::Result<void> BackupWriter::add(BackupMember member, const std::string& from, const std::atomic<bool>& cancelled) {
  auto source = files_.open(from, base::OpenMode::read);
  if (!source) return source.error();
  auto size = (*source)->size();
  if (!size) return size.error();
  if (auto written = put_head(member, *size); !written) return written;
  for (std::uint64_t done = 0; done < *size;) {
    if (cancelled) return Error{Errc::unavailable, "the daemon is being stopped"};
    auto piece = (*source)->read_at(done, std::min<std::uint64_t>(kPieceBytes, *size - done));
    if (!piece) return piece.error();
    if (piece->empty()) return Error{Errc::io, from + " became shorter while it was read"};
    if (auto written = put(*piece); !written) return written;
    done += piece->size();
  }
  ++members_;
  return put_checksum();
}

base::Result<std::uint64_t> BackupWriter::finish() {
  if (auto written = put_head(BackupMember::end, members_); !written) return written.error();
  if (auto synced = file_->sync(); !synced) return synced.error();
  return offset_;
}

// --- reading ---

Error BackupReader::damaged(std::string_view what) const {
  return store::damaged(kKind, path_, what);
}

base::Result<std::string> BackupReader::get(std::size_t size) {
  auto bytes = file_->read_at(offset_, static_cast<std::size_t>(std::min<std::uint64_t>(size, size_ - offset_)));
  if (!bytes) return bytes;
  if (bytes->size() < size) return damaged("it is cut short");
  offset_ += size;
  return bytes;
}

base::Result<void> BackupReader::check_sum(std::string_view of) {
  auto stored = get(kSumBytes);
  if (!stored) return stored.error();
  if (base::ByteReader(*stored).u32() != sum_)
    return damaged("the checksum of its " + std::string(of) + " does not hold");
  return {};
}

base::Result<void> BackupReader::read_header() {
  auto header = store::read_header(kKind, *file_, path_);
  if (!header) return header.error();
  offset_ = header->bytes;
  sum_ = header->crc;
  base::ByteReader in(header->body);
  const std::string_view incarnation = in.raw(header_.incarnation.size());
  std::copy(incarnation.begin(), incarnation.end(), header_.incarnation.begin());
  header_.checkpoint = in.u64();
  header_.made_s = in.svarint();
  header_.newest_s = in.svarint();
  header_.hash = std::string(in.string());
  header_.slot = header_.incarnation;
  if (!in.at_end()) {
    const std::string_view slot = in.raw(header_.slot.size());
    std::copy(slot.begin(), slot.end(), header_.slot.begin());
  }
  if (!in.at_end() || header_.checkpoint == 0) return damaged("its header breaks its grammar");
  return {};
}

base::Result<void> BackupReader::read_members() {
  for (;;) {
    auto head = get(kHeadBytes);
    if (!head) return head.error();
    sum_ = base::crc32c(*head, sum_);
    if (auto good = check_sum("table"); !good) return good;
    base::ByteReader in(*head);
    const auto member = static_cast<BackupMember>(in.u8());
    const std::uint64_t number = in.u64();
    if (member == BackupMember::end) {
      if (number != members_.size() || members_.size() != 2) return damaged("parts of it are missing");
      if (offset_ != size_) return damaged("it goes on behind its end");
      return {};
    }
    if (member != BackupMember::checkpoint && member != BackupMember::history)
      return damaged("it has a part of an unknown kind");
    if (number > size_ - offset_) return damaged("it is cut short");
    if (!members_.emplace(member, Span{offset_, number}).second) return damaged("a part is in it twice");
    for (std::uint64_t left = number; left > 0;) {
      auto piece = get(static_cast<std::size_t>(std::min<std::uint64_t>(kPieceBytes, left)));
      if (!piece) return piece.error();
      sum_ = base::crc32c(*piece, sum_);
      left -= piece->size();
    }
    if (auto good = check_sum(name_of(member)); !good) return good;
  }
}

base::Result<BackupReader> BackupReader::open(base::FileSystem& files, const std::string& path) {
  BackupReader reader(files, path);
  auto file = files.open(path, base::OpenMode::read);
  if (!file) return file.error();
  reader.file_ = std::move(*file);
  auto size = reader.file_->size();
  if (!size) return size.error();
  reader.size_ = *size;
  if (auto good = reader.read_header(); !good) return good.error();
  if (auto good = reader.read_members(); !good) return good.error();
  return reader;
}

base::Result<void> BackupReader::extract(BackupMember member, const std::string& to) {
  const Span span = members_.at(member);
  auto file = files_.open(to, base::OpenMode::create);
  if (!file) return file.error();
  if (auto emptied = (*file)->truncate(0); !emptied) return emptied;
  for (std::uint64_t done = 0; done < span.length;) {
    auto piece = file_->read_at(span.offset + done, std::min<std::uint64_t>(kPieceBytes, span.length - done));
    if (!piece) return piece.error();
    if (piece->empty()) return damaged("it became shorter while it was read");
    if (auto written = (*file)->write_at(done, *piece); !written) return written;
    done += piece->size();
  }
  return (*file)->sync();
}

}  // namespace footfall::store
