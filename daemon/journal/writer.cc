// SPDX-License-Identifier: Apache-2.0
// Writer: see writer.h. The order of what reaches the device is in begin_segment(), recycle() and SyncJob.
#include "journal/writer.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/hash.h"

namespace footfall::journal {
namespace {

using base::Errc;
using base::Error;
using base::OpenMode;
using base::Result;

std::string parent_directory(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Error stopped(const std::string& directory) {
  return {Errc::unavailable, "the journal " + directory + " takes nothing since a write failed"};
}

// Writes what is there over itself. After a sync that failed the kernel takes pages for clean that are not on the
// device, and says so of the next sync too, in the process after a kill as well: only what is written anew reaches the
// device.
Result<void> rewrite(base::File& file) {
  const auto end = file.data_end();
  if (!end) return end.error();
  std::string piece(std::size_t{64} << 10U, '\0');
  for (std::uint64_t offset = 0; offset < *end; offset += piece.size()) {
    const auto read = file.read_into(offset, piece.data(), piece.size());
    if (!read) return read.error();
    const std::string_view bytes(piece.data(), *read);
    if (bytes.empty()) return {};
    if (bytes.find_first_not_of('\0') == std::string_view::npos) continue;
    if (auto r = file.write_at(offset, bytes); !r) return r;
  }
  return {};
}

}  // namespace

Writer::Writer(base::FileSystem& files, WriterOptions options, Position last)
    : files_(files),
      options_(std::move(options)),
      segment_bytes_(options_.segment_bytes),
      last_(last),
      durable_through_(last.sequence) {}

Result<std::unique_ptr<Writer>> Writer::open(base::FileSystem& files, const WriterOptions& options, Position last) {
  std::unique_ptr<Writer> writer(new Writer(files, options, last));
  if (auto r = writer->adopt_directory(); !r) return r.error();
  if (auto r = writer->begin_segment(last.sequence + 1, 0); !r) {
    if (r.error().code != Errc::no_room) return r.error();
    writer->failure_ = r.error();
    return writer;
  }
  if (auto r = writer->sync(); !r) return r.error();
  return writer;
}

Result<void> Writer::make_durable(base::FileSystem& files, const WriterOptions& options, Position last) {
  return Writer(files, options, last).adopt_directory();
}

// Makes the directory, and all that is in it, durable: what recovery read may be in the page cache only. Segments whose
// last block is not beyond the greatest durable_through that a header states are on the device, with their names.
Result<void> Writer::adopt_directory() {
  if (auto r = files_.make_directory(options_.directory); !r) return r;
  if (auto r = files_.sync_directory(parent_directory(options_.directory)); !r) return r;
  auto names = files_.list(options_.directory);
  if (!names) return names.error();
  for (const std::string& name : *names) {
    if (const auto number = parse_segment_name(name)) {
      segments_.push_back({*number, last_.sequence});
    } else if (name.starts_with(kSparePrefix)) {
      // What state a crash left it in is unknown, and a new file costs little.
      if (auto r = files_.remove(path(name)); !r) return r;
    }
  }
  std::sort(segments_.begin(), segments_.end());
  std::vector<std::optional<SegmentHeader>> headers;
  std::uint64_t durable_through = 0;
  for (const Position& segment : segments_) {
    auto file = files_.open(path(segment_name(segment.segment)), OpenMode::read);
    if (!file) return file.error();
    auto bytes = (*file)->read_at(0, kSegmentHeaderBytes);
    if (!bytes) return bytes.error();
    const auto header = decode_segment_header(*bytes);
    headers.push_back(header ? std::optional(*header) : std::nullopt);
    if (header) durable_through = std::max(durable_through, header->durable_through);
  }
  std::uint64_t limit = UINT64_MAX;  // blocks from here on are a later segment's
  for (std::size_t i = segments_.size(); i-- > 0;) {
    if (!headers[i] || limit > durable_through + 1) {
      auto file = files_.open(path(segment_name(segments_[i].segment)), OpenMode::read_write);
      if (!file) return file.error();
      if (auto r = rewrite(**file); !r) return r;
      if (auto r = (*file)->sync(); !r) return r;
    }
    if (headers[i]) limit = std::min(limit, headers[i]->first_sequence);
  }
  // The names too, before a new segment's header says that what they hold is durable.
  if (auto r = files_.sync_directory(options_.directory); !r) return r;
  header_.number = std::max(last_.segment, segments_.empty() ? 0 : segments_.back().segment);
  dirty_ = names_changed_ = true;
  return {};
}

Result<std::uint64_t> Writer::append(std::string_view payload, std::uint32_t count, std::uint64_t control_sequence) {
  if (failed()) return stopped(options_.directory);
  if (payload.size() > kPayloadMax) {
    return Error{Errc::too_large, "a block of " + std::to_string(payload.size()) + " bytes for " + options_.directory};
  }
  const std::size_t size = kBlockHeaderBytes + payload.size();
  if (offset_ + size > capacity_) {
    if (auto r = flush(); !r) return r.error();
    if (auto r = begin_segment(last_.sequence + 1, size); !r) {
      full_ = true;
      failure_ = r.error();
      return r.error();
    }
  }
  const BlockHeader header{last_.sequence + 1, control_sequence, durable_through(), count};
  encode_block(header, payload, seed_, scratch_);
  dirty_ = true;
  if (options_.write_behind) {
    behind_ += scratch_;
    ++blocks_behind_;
  } else if (auto r = write_block(); !r) {
    failure_ = r.error();
    return r.error();
  }
  offset_ += size;
  last_ = {header_.number, header.sequence};
  bytes_written_.store(bytes_written() + size, std::memory_order_relaxed);
  if (behind_.size() >= kWriteBehindMax) (void)flush();  // the block is gathered: it is the next one that is refused
  return header.sequence;
}

// The zeros go first, by a write of their own: one that fails may have reached the file up to any byte, and a block
// that is refused must not be whole.
Result<void> Writer::write_block() {
  static const std::string zeros(kWriteAhead, '\0');
  const std::uint64_t end = offset_ + scratch_.size();
  if (end > written_) {
    written_ = std::min(capacity_, (end + kWriteAhead - 1) / kWriteAhead * kWriteAhead);
    if (written_ > end) {
      auto r = file_->write_at(end, std::string_view(zeros).substr(0, static_cast<std::size_t>(written_ - end)));
      if (!r) return r;
    }
  }
  return file_->write_at(offset_, scratch_);
}

Result<void> Writer::flush() {
  if (failed()) return stopped(options_.directory);
  if (behind_.empty()) return {};
  if (auto r = file_->write_at(offset_ - behind_.size(), behind_); !r) {
    failure_ = r.error();
    return r;
  }
  behind_.clear();
  blocks_behind_ = 0;
  return {};
}

// What a flush could not write is gathered anew for the segment that has begun since: its generation is another.
void Writer::gather_again(std::uint32_t seed_before) {
  const std::string before = std::exchange(behind_, {});
  for (std::string_view rest = before; !rest.empty();) {
    const DecodedBlock block = decode_block(rest, seed_before);
    assert(block.state == BlockState::good);
    encode_block(block.header, block.payload, seed_, scratch_);
    behind_ += scratch_;
    rest.remove_prefix(block.size);
  }
  offset_ += behind_.size();
  last_.segment = header_.number;
}

Result<Position> Writer::roll() {
  if (failed()) return stopped(options_.directory);
  if (offset_ == kSegmentHeaderBytes) return last_;
  const Position closed = last_;
  if (auto r = flush(); !r) return r.error();
  if (auto r = begin_segment(last_.sequence + 1, 0); !r) return r.error();
  return closed;
}

Position Writer::last_closed(std::uint64_t through) const {
  Position closed;
  for (const Position& segment : segments_) {
    const bool current = is_current(segment.segment);
    const Position end{segment.segment, current ? last_.sequence : segment.sequence};
    if ((current && !full_) || end.sequence > through) break;
    closed = end;
  }
  return closed;
}

Result<void> Writer::reopen(std::uint64_t acknowledged) {
  assert(acknowledged <= last_.sequence && acknowledged >= durable_through());
  assert(behind_.empty() || acknowledged == last_.sequence);
  const std::uint32_t seed_before = seed_;
  std::uint64_t first = acknowledged - blocks_behind_ + 1;
  std::vector<Kept> kept;
  std::size_t kept_bytes = 0;
  if (sync_failed_) {
    auto blocks = read_back(first - 1);
    if (!blocks) return blocks.error();
    kept = *std::move(blocks);
    first = lost_from();
    for (const Kept& block : kept) kept_bytes += kBlockHeaderBytes + block.payload.size();
  }
  // What is not acknowledged is in no block of this number from now on.
  const Position before = last_;
  last_.sequence = acknowledged;
  auto begun = begin_segment(first, kept_bytes + behind_.size(), kept);
  // What is on its way to become a spare is room as well.
  while (!begun && begun.error().code == Errc::no_room && !unsynced_spares_.empty()) {
    (void)files_.remove(path(unsynced_spares_.back()));
    unsynced_spares_.pop_back();
    begun = begin_segment(first, kept_bytes + behind_.size(), kept);
  }
  if (!begun) {
    last_ = before;
    return begun;
  }
  if (!kept.empty()) last_.segment = header_.number;
  if (!behind_.empty()) gather_again(seed_before);
  // After a failed sync the kernel may have dropped what it could not write, and would report success the next time.
  // And where all that counts is durable, nothing in those files is waited for.
  if (sync_failed_ || acknowledged == durable_through()) unsynced_.clear();
  sync_failed_ = false;
  failure_.reset();
  return {};
}

// The blocks from lost_from() up to that one: the kernel still shows what it could not write.
Result<std::vector<Writer::Kept>> Writer::read_back(std::uint64_t through) const {
  std::vector<Kept> kept;
  std::uint64_t next = lost_from();
  for (const Position& segment : segments_) {
    const std::uint64_t last = is_current(segment.segment) ? last_.sequence : segment.sequence;
    if (last < next || next > through) continue;
    const std::string name = path(segment_name(segment.segment));
    auto file = files_.open(name, OpenMode::read);
    if (!file) return file.error();
    const auto size = (*file)->size();
    if (!size) return size.error();
    const auto bytes = (*file)->read_at(0, static_cast<std::size_t>(*size));
    if (!bytes) return bytes.error();
    const auto header = decode_segment_header(*bytes);
    if (!header) return header.error();
    const std::uint32_t seed = block_seed(header->generation);
    std::string_view rest = std::string_view(*bytes).substr(kSegmentHeaderBytes);
    for (std::uint64_t sequence = header->first_sequence; sequence <= std::min(last, through); ++sequence) {
      const DecodedBlock block = decode_block(rest, seed);
      if (block.state != BlockState::good || block.header.sequence != sequence) {
        return Error{Errc::io, name + ": block " + std::to_string(sequence) +
                                   ", which was acknowledged and could not be synced, cannot be read back"};
      }
      if (sequence == next) {
        kept.push_back({block.header, std::string(block.payload)});
        ++next;
      }
      rest.remove_prefix(block.size);
    }
  }
  if (next <= through) {
    return Error{Errc::io, options_.directory + ": block " + std::to_string(next) +
                               ", which was acknowledged and could not be synced, is in no segment"};
  }
  return kept;
}

// A spare gets its header, then its name. Neither is on the device before the next sync; until then a crash leaves
// the zeroed header (a segment that holds nothing) or the old name. `kept` comes before the name: from then on the
// segments before it hold nothing beyond its first_sequence.
Result<void> Writer::begin_segment(std::uint64_t first_sequence, std::size_t block_bytes,
                                   const std::vector<Kept>& kept) {
  const std::uint64_t capacity =
      std::max<std::uint64_t>(segment_bytes_, kSegmentHeaderBytes + std::uint64_t{block_bytes});
  std::string spare;
  auto file = take_spare(spare);
  if (!file) return file.error();
  SegmentHeader header;
  header.stream = options_.stream;
  header.incarnation = options_.incarnation;
  header.number = header_.number + 1;
  header.generation = base::random_u64();
  header.first_sequence = first_sequence;
  header.durable_through = durable_through();

  auto made = (*file)->allocate(capacity);
  if (made) made = (*file)->write_at(0, encode(header));
  std::string blocks;
  for (const Kept& block : kept) {
    encode_block(block.header, block.payload, block_seed(header.generation), scratch_);
    blocks += scratch_;
  }
  if (made && !blocks.empty()) made = (*file)->write_at(kSegmentHeaderBytes, blocks);
  if (made) made = files_.rename(path(spare), path(segment_name(header.number)));
  if (!made) {
    (void)files_.remove(path(spare));
    return made;
  }
  if (file_ != nullptr) unsynced_.push_back({header_.number, std::move(file_)});
  file_ = std::move(*file);
  header_ = header;
  seed_ = block_seed(header.generation);
  offset_ = written_ = kSegmentHeaderBytes + blocks.size();
  capacity_ = capacity;
  full_ = false;
  if (!segments_.empty()) segments_.back().sequence = last_.sequence;
  for (Position& segment : segments_) segment.sequence = std::min(segment.sequence, first_sequence - 1);
  segments_.push_back({header.number, 0});
  dirty_ = names_changed_ = true;
  return {};
}

Result<std::unique_ptr<base::File>> Writer::take_spare(std::string& name) {
  if (!spares_.empty()) {
    name = std::move(spares_.back());
    spares_.pop_back();
    return files_.open(path(name), OpenMode::read_write);
  }
  name = std::string(kSparePrefix) + std::to_string(++spare_names_) + ".seg";
  return files_.open(path(name), OpenMode::create);
}

bool Writer::begin_sync(SyncJob& job) {
  if (!flush() || !dirty_) return false;
  job.through = last_.sequence;
  job.files.clear();
  job.closed.clear();
  for (const Unsynced& closed : unsynced_) {
    job.files.push_back(closed.file);
    job.closed.push_back(closed.number);
  }
  job.files.push_back(file_);
  job.spares = unsynced_spares_;
  job.directory = options_.directory;
  job.names_changed = names_changed_;
  dirty_ = names_changed_ = false;
  return true;
}

// Content before names, so that a name that is on the device has its header there. A retired spare is ready when
// both its zeroed header and the loss of its old name are on the device.
Result<void> SyncJob::carry_out(base::FileSystem& files_of) const {
  for (const std::shared_ptr<base::File>& file : files) {
    if (auto r = file->sync(); !r) return r;
  }
  for (const std::string& name : spares) {
    auto file = files_of.open(directory + "/" + name, OpenMode::read_write);
    if (!file) return file.error();
    if (auto r = (*file)->sync(); !r) return r;
  }
  if (!names_changed) return {};
  return files_of.sync_directory(directory);
}

void Writer::finish_sync(const SyncJob& job, const Result<void>& outcome) {
  if (!outcome) {
    failure_ = outcome.error();
    sync_failed_ = true;
    // The same is true of a spare: its zeroed header may never reach the device, though a later sync would say so.
    for (const std::string& name : job.spares) {
      std::erase(unsynced_spares_, name);
      (void)files_.remove(path(name));
    }
    return;
  }
  // Meanwhile more may have been closed and retired.
  std::erase_if(unsynced_, [&](const Unsynced& closed) {
    return std::find(job.closed.begin(), job.closed.end(), closed.number) != job.closed.end();
  });
  for (const std::string& name : job.spares) {
    std::erase(unsynced_spares_, name);
    spares_.push_back(name);
  }
  durable_through_.store(job.through, std::memory_order_relaxed);
}

Result<void> Writer::sync() {
  if (failed()) return stopped(options_.directory);
  if (!begin_sync(own_job_)) return failed() ? Result<void>(stopped(options_.directory)) : Result<void>{};
  Result<void> outcome = own_job_.carry_out(files_);
  finish_sync(own_job_, outcome);
  own_job_.files.clear();
  return outcome;
}

// A writer that has failed may wait for room, and makes no spares. In ascending order, so that what a crash leaves has
// no gap.
Result<std::vector<std::string>> Writer::recycle(std::uint64_t through) {
  std::vector<std::string> surplus;
  while (!segments_.empty() && segments_.front().segment <= through && !is_current(segments_.front().segment)) {
    // Of a failed sync: it is read back, or nothing goes on behind it. A checkpoint may have taken it for a torn tail.
    if (sync_failed_ && segments_.front().sequence > durable_through()) break;
    const std::uint64_t number = segments_.front().segment;
    if (failed() || spares_.size() + unsynced_spares_.size() >= kSparesMax) {
      surplus.push_back(path(segment_name(number)));
    } else if (auto r = retire(number); !r) {
      return r.error();
    }
    recycled_through_ = std::max(recycled_through_, segments_.front().sequence);
    segments_.pop_front();
    unsynced_.erase(std::remove_if(unsynced_.begin(), unsynced_.end(),
                                   [number](const Unsynced& closed) { return closed.number == number; }),
                    unsynced_.end());
  }
  return surplus;
}

Result<void> Writer::retire(std::uint64_t number) {
  const std::string old_path = path(segment_name(number));
  dirty_ = names_changed_ = true;
  const std::string spare = std::string(kSparePrefix) + std::to_string(++spare_names_) + ".seg";
  if (auto r = files_.rename(old_path, path(spare)); !r) {
    return r.error().code == Errc::not_found ? Result<void>{} : r;
  }
  auto file = files_.open(path(spare), OpenMode::read_write);
  if (!file) return file.error();
  if (auto r = (*file)->write_at(0, std::string(kSegmentHeaderBytes, '\0')); !r) return r;
  unsynced_spares_.push_back(spare);
  return {};
}

}  // namespace footfall::journal
