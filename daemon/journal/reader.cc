// SPDX-License-Identifier: Apache-2.0
// Reader: see reader.h. First all headers, which say what each segment may contribute; then the blocks, up to the first
// hole; then, behind the hole, the search for anything that says that it should not be there, and for how much is
// there.
#include "journal/reader.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "journal/damaged_header.h"

namespace footfall::journal {
namespace {

using base::Errc;
using base::Error;
using base::Result;

constexpr std::size_t kReadBytes = 1U << 20U;
// Of the zeros behind the end of what was written: a block's header that was cut there is seen whole.
constexpr std::size_t kZerosRead = 4096;

// Memory for a segment's bytes. The next segment gets it again: new pages cost more than what is read into them.
struct Room {
  std::unique_ptr<char[]> bytes;
  std::size_t size = 0;
};

// A segment's bytes, read from the front as far as anybody looked.
class Bytes {
 public:
  Bytes(std::unique_ptr<base::File> file, std::uint64_t size, std::vector<Room>& spare)
      : file_(std::move(file)), size_(static_cast<std::size_t>(size)), spare_(spare) {
    if (!spare_.empty()) {
      room_ = std::move(spare_.back());
      spare_.pop_back();
    }
    if (room_.size < size_) room_ = {std::make_unique_for_overwrite<char[]>(size_), size_};
  }
  Bytes(Bytes&&) = default;
  Bytes& operator=(Bytes&&) = delete;
  ~Bytes() {
    if (room_.bytes) spare_.push_back(std::move(room_));
  }

  // What is there at `offset`: at least `want` bytes, if the file has them. Valid until the next call.
  Result<std::string_view> at(std::uint64_t offset, std::size_t want) {
    while (loaded_ < offset + want && loaded_ < size_) {
      auto more =
          file_->read_into(loaded_, room_.bytes.get() + loaded_, std::min(std::max(kReadBytes, want), size_ - loaded_));
      if (!more) return more.error();
      if (*more == 0) size_ = loaded_;  // it shrank meanwhile
      loaded_ += *more;
    }
    return std::string_view(room_.bytes.get(), loaded_).substr(std::min<std::size_t>(loaded_, offset));
  }
  Result<std::string_view> rest(std::uint64_t offset) {
    return at(offset, offset < size_ ? static_cast<std::size_t>(size_ - offset) : 0);
  }

 private:
  std::unique_ptr<base::File> file_;
  std::size_t size_, loaded_ = 0;
  std::vector<Room>& spare_;
  Room room_;
};

struct Segment {
  std::uint64_t number = 0;
  std::string path;
  std::uint64_t bytes = 0;              // of the file
  std::optional<SegmentHeader> header;  // absent: its making did not reach the device
  std::optional<Error> damage;          // of the header
  std::optional<std::uint64_t> first;   // first_sequence, if the header tells it, damaged or not
  std::uint64_t limit = UINT64_MAX;     // blocks from here on are a later segment's
};

// What bears its segment's generation behind a hole.
struct Survey {
  std::uint64_t durable_through = 0;             // the greatest that is stated
  std::uint64_t sequence = 0;                    // the greatest that there was, as far as anything tells
  std::uint64_t bytes = 0;                       // from the hole to the end of the last block, of each segment
  std::map<std::uint64_t, std::uint32_t> count;  // sequence -> hits, of the blocks whose header can be read
};

bool all_zeros(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

// Of bytes that begin with eight zeros: at so many offsets from the first on stand eight zeros.
std::size_t zeros_to_skip(std::string_view bytes) {
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  std::size_t end = kWord;  // of the words that are known to be zero
  for (std::uint64_t word = 0; end + kWord <= bytes.size(); end += kWord) {
    std::memcpy(&word, bytes.data() + end, kWord);
    if (word != 0) break;
  }
  return end - kWord + 1;
}

// The header of a segment whose making, or whose retiring, a power cut tore: all that is not zero in a header lies in
// its first sector and in its last, and a file gets the one over zeros, or zeros over the one.
bool header_torn(std::string_view header) {
  constexpr std::size_t kSectorBytes = 512;
  return header.size() < kSegmentHeaderBytes || all_zeros(header.substr(0, kSectorBytes)) ||
         all_zeros(header.substr(kSegmentHeaderBytes - kSectorBytes));
}

// A file that is not this stream's, or not in its place: no loss to be accepted, since what belongs there may be near.
Error foreign(const std::string& what) {
  return {Errc::corrupt,
          what +
              "; put the file that belongs here back, or move this one out of the directory: without it a start says "
              "how many hits are missing, if any, and how to go on without them"};
}

Error in_file(const std::string& path, const Error& error) {
  return {error.code, path + ": " + error.detail};
}

class StreamReader {
 public:
  StreamReader(base::FileSystem& files, StreamId stream, const ReadOptions& options, const Visit& visit)
      : files_(files), stream_(stream), options_(options), visit_(visit) {
    result_.end = options.after;
  }

  Result<ReadResult> read(const std::string& directory) {
    if (auto r = load_headers(directory); !r) return r.error();
    if (auto r = keep_what_is_needed(); !r) return r.error();
    if (!segments_.empty() && segments_.back().bytes < kSegmentBytesMin)
      result_.cut_off = CutOff{segments_.back().path, segments_.back().bytes};
    for (std::size_t i = 0; i < segments_.size() && segments_[i].number <= options_.through_segment; ++i) {
      auto whole = read_segment(i);
      if (!whole) return whole.error();
      if (!*whole) return result_;
    }
    if (broken_) return *segments_[*broken_].damage;  // in a segment that is not to be read yet
    return result_;
  }

 private:
  Result<void> load_headers(const std::string& directory) {
    auto names = files_.list(directory);
    if (!names) return names.error().code == Errc::not_found ? Result<void>{} : names.error();
    for (const std::string& name : *names) {
      const auto number = parse_segment_name(name);
      if (!number) continue;
      Segment segment;
      segment.number = *number;
      segment.path.append(directory).append("/").append(name);
      if (auto r = load_header(segment); !r) {
        if (r.error().code == Errc::not_found) continue;  // recycled since it was listed
        return in_file(segment.path, r.error());
      }
      segments_.push_back(std::move(segment));
    }
    // Names of more than ten digits would sort wrongly.
    std::sort(segments_.begin(), segments_.end(),
              [](const Segment& a, const Segment& b) { return a.number < b.number; });
    for (std::size_t i = segments_.size(); i-- > 1;) {
      const Segment& later = segments_[i];
      segments_[i - 1].limit = std::min(later.limit, later.first.value_or(UINT64_MAX));
    }
    return {};
  }

  Result<void> load_header(Segment& segment) {
    auto file = files_.open(segment.path, base::OpenMode::read);
    if (!file) return file.error();
    auto size = (*file)->size();
    if (!size) return size.error();
    segment.bytes = *size;
    auto bytes = (*file)->read_at(0, kSegmentHeaderBytes);
    if (!bytes) return bytes.error();
    if (header_torn(*bytes)) return {};
    auto header = decode_segment_header(*bytes);
    if (!header) {
      segment.damage = in_file(segment.path, header.error());
      auto block = (*file)->read_at(kSegmentHeaderBytes, kBlockHeaderBytes);
      if (!block) return block.error();
      SegmentHeader known;
      known.stream = stream_;
      known.incarnation = options_.incarnation;
      known.number = segment.number;
      segment.first = first_sequence_of(*bytes, known, *block);
      return {};
    }
    if (header->incarnation != options_.incarnation) {
      return foreign("the segment belongs to another data directory");
    }
    if (header->stream != stream_) {
      return foreign("the segment belongs to the stream " + directory_name(header->stream));
    }
    if (header->number != segment.number) {
      return foreign("the segment was written as " + segment_name(header->number));
    }
    segment.header = *header;
    segment.first = header->first_sequence;
    return {};
  }

  // Drops the segments that lie at or before `after`.
  // A number that is missing between them is a segment whose name did not reach the device: it holds nothing, and what
  // it should have held is a hole. newer_format: no loss, whatever is accepted.
  Result<void> keep_what_is_needed() {
    const std::uint64_t after = options_.after.sequence;
    const auto first = std::find_if(segments_.begin(), segments_.end(),
                                    [after](const Segment& segment) { return segment.limit > after + 1; });
    segments_.erase(segments_.begin(), first);
    for (std::size_t i = 0; i < segments_.size(); ++i) {
      if (!segments_[i].damage) continue;
      if (segments_[i].damage->code != Errc::corrupt) return *segments_[i].damage;
      if (!broken_) broken_ = i;
    }
    expected_ = after + 1;
    if (!segments_.empty() && segments_.front().header) {
      expected_ = std::min(expected_, segments_.front().header->first_sequence);
    }
    return {};
  }

  Result<Bytes> open_bytes(const std::string& path) {
    auto file = files_.open(path, base::OpenMode::read);
    if (!file) return file.error();
    auto size = (*file)->size();
    if (!size) return size.error();
    const auto data_end = (*file)->data_end();
    if (!data_end) return data_end.error();
    return Bytes(std::move(*file), std::min(*size, *data_end + kZerosRead), spare_);
  }

  // False: the stream ends here.
  Result<bool> read_segment(std::size_t index) {
    const Segment& segment = segments_[index];
    if (broken_ == index) return corruption(index, kSegmentHeaderBytes, segment.damage->detail);
    if (!segment.header || segment.header->first_sequence >= segment.limit) return true;
    auto bytes = open_bytes(segment.path);
    if (!bytes) return bytes.error();
    if (segment.header->first_sequence > expected_) return hole(index, kSegmentHeaderBytes);
    const std::uint32_t seed = block_seed(segment.header->generation);
    std::uint64_t offset = kSegmentHeaderBytes;
    while (expected_ < segment.limit) {
      auto block = decode_at(*bytes, offset, seed);
      if (!block) return block.error();
      if (block->state != BlockState::good || block->header.sequence != expected_) {
        // Blocks that the state has already are missed by nobody, and where a segment ends only the next one's header
        // says: then what follows may be in the next segment, and if not, that one has the hole.
        const bool covered = expected_ <= options_.after.sequence;
        if (!covered && broken_ != index + 1) return hole(index, offset);
        Survey rest;
        if (auto r = survey_segment(segment, *bytes, offset, rest); !r) return r.error();
        if (rest.sequence > options_.after.sequence) return hole(index, offset);
        expected_ = std::max(expected_, options_.after.sequence + 1);
        return true;
      }
      if (expected_ > options_.after.sequence) {
        if (options_.trust) {
          if (auto r = options_.trust(block->header); !r) {
            return corruption(index, offset, in_file(segment.path, r.error()).detail);
          }
        }
        if (auto r = visit_(block->header, block->payload); !r) return r.error();
        if (broken_) remember(block->header);
        result_.end = {segment.number, expected_};
        ++result_.blocks;
        result_.hits += block->header.count;
      }
      offset += block->size;
      ++expected_;
    }
    return true;
  }

  // Blocks that no block before the damage calls durable: those that it may have made void.
  void remember(const BlockHeader& block) {
    while (!unstated_.empty() && unstated_.front().sequence <= block.durable_through) unstated_.pop_front();
    unstated_.push_back(block);
  }

  static Result<DecodedBlock> decode_at(Bytes& bytes, std::uint64_t offset, std::uint32_t seed) {
    auto view = bytes.at(offset, kBlockHeaderBytes);
    if (!view) return view.error();
    DecodedBlock block = decode_block(*view, seed);
    if (block.state != BlockState::torn || block.size <= view->size()) return block;
    view = bytes.at(offset, block.size);
    if (!view) return view.error();
    return decode_block(*view, seed);
  }

  // Block `expected_` is not where it should be. Corruption, if anything behind says that it was durable.
  Result<bool> hole(std::size_t index, std::uint64_t offset) {
    const auto found = survey(index, offset);
    if (!found) return found.error();
    if (found->durable_through < expected_ && !broken_) {
      result_.torn_bytes += found->bytes;
      if (found->bytes == 0 && segments_[index].header) {
        // The last block, if it is its header that is damaged.
        auto bytes = open_bytes(segments_[index].path);
        if (!bytes) return bytes.error();
        auto view = bytes->at(offset, kBlockHeaderBytes);
        if (!view) return view.error();
        const std::uint32_t seed = block_seed(segments_[index].header->generation);
        if (is_damaged_header(*view, expected_, seed))
          result_.torn_bytes += std::min<std::size_t>(view->size(), kBlockHeaderBytes);
      }
      return false;
    }
    const Segment& segment = segments_[index];
    std::string what = segment.path;
    if (index + 1 < segments_.size() && segments_[index + 1].number != segment.number + 1) {
      what += " ends before block " + std::to_string(expected_) + ", and " + segment_name(segment.number + 1) +
              " is missing";
    } else if (segment.header && segment.header->first_sequence > expected_) {
      what += ": begins with block " + std::to_string(segment.header->first_sequence) +
              ", but what is before it ends with block " + std::to_string(expected_ - 1);
    } else {
      what +=
          ": at offset " + std::to_string(offset) + " block " + std::to_string(expected_) + " is damaged or missing, ";
      what += found->durable_through < expected_
                  ? "and behind it " + segments_[*broken_].damage->detail
                  : "although blocks up to " + std::to_string(found->durable_through) + " were on the device";
    }
    return corruption(index, *found, std::move(what));
  }

  // Nothing is to be used from this segment's offset on: an error, or the accepted end of the stream.
  Result<bool> corruption(std::size_t index, std::uint64_t offset, std::string what) {
    const auto found = survey(index, offset);
    if (!found) return found.error();
    return corruption(index, *found, std::move(what));
  }
  Result<bool> corruption(std::size_t index, const Survey& found, std::string what) {
    Loss loss;
    loss.what = std::move(what);
    const std::uint64_t first = std::max(expected_, options_.after.sequence + 1);
    if (found.sequence >= first) loss.blocks = found.sequence - first + 1;
    loss.unreadable_blocks = loss.blocks;
    for (auto block = found.count.lower_bound(first); block != found.count.end(); ++block) {
      --loss.unreadable_blocks;
      loss.hits += block->second;
    }
    loss.open_ended = segments_.back().damage.has_value();
    if (broken_ && !segments_[*broken_].first) {
      loss.doubtful_blocks = unstated_.size();
      for (const BlockHeader& block : unstated_) loss.doubtful_hits += block.count;
    }
    for (std::size_t i = index; i < segments_.size(); ++i) {
      if (i == index && segments_[i].header && expected_ > segments_[i].header->first_sequence) {
        loss.begun = segments_[i].number;
      } else {
        loss.segments.push_back(segments_[i].number);
      }
    }
    if (!options_.accept_loss) {
      return Error{Errc::corrupt, loss.what + "; " + describe(loss, stream_) +
                                      "; restore a backup, or start with --accept-loss true to go on without them (the "
                                      "files are then kept in journal/damaged)"};
    }
    result_.loss = std::move(loss);
    return false;
  }

  Result<Survey> survey(std::size_t index, std::uint64_t offset) {
    Survey found;
    for (std::size_t i = index; i < segments_.size(); ++i) {
      const Segment& segment = segments_[i];
      if (!segment.header) continue;
      found.durable_through = std::max(found.durable_through, segment.header->durable_through);
      found.sequence = std::max(found.sequence, segment.header->first_sequence - 1);
      if (segment.number > options_.through_segment) continue;
      auto bytes = open_bytes(segment.path);
      if (!bytes) return bytes.error();
      if (auto r = survey_segment(segment, *bytes, i == index ? offset : kSegmentHeaderBytes, found); !r) {
        return r.error();
      }
    }
    found.sequence = std::max(found.sequence, found.durable_through);
    return found;
  }

  // Looks at every offset for what bears the segment's generation.
  static Result<void> survey_segment(const Segment& segment, Bytes& bytes, std::uint64_t from, Survey& found) {
    auto rest = bytes.rest(from);
    if (!rest) return rest.error();
    const std::uint32_t seed = block_seed(segment.header->generation);
    const std::uint64_t blocks_max = (from + rest->size()) / kBlockHeaderBytes;
    std::size_t end = 0;
    for (std::size_t at = 0; at + kBlockHeaderBytes <= rest->size();) {
      // Most offsets are ruled out by the sequence alone, which cannot be far from the segment's first.
      std::uint64_t sequence = 0;
      std::memcpy(&sequence, rest->data() + at + kSequenceAt, sizeof sequence);
      if (sequence - segment.header->first_sequence > blocks_max) {
        at += sequence == 0 ? zeros_to_skip(rest->substr(at + kSequenceAt)) : 1;
        continue;
      }
      const DecodedBlock block = decode_block(rest->substr(at), seed);
      if (block.state == BlockState::none) {
        ++at;
        continue;
      }
      end = std::max(end, std::min(rest->size(), at + block.size));
      found.durable_through = std::max(found.durable_through, block.header.durable_through);
      if (sequence < segment.limit) {
        found.sequence = std::max(found.sequence, sequence);
        found.count[sequence] = block.header.count;
      }
      at += block.state == BlockState::good ? block.size : 1;
    }
    found.bytes += end;
    return {};
  }

  base::FileSystem& files_;
  const StreamId stream_;
  const ReadOptions& options_;
  const Visit& visit_;
  std::vector<Room> spare_;
  std::vector<Segment> segments_;      // ascending
  std::uint64_t expected_ = 1;         // the next block's sequence
  std::optional<std::size_t> broken_;  // index of the first segment whose header is damaged
  std::deque<BlockHeader> unstated_;   // see remember()
  ReadResult result_;
};

}  // namespace

std::string describe(const CutOff& segment) {
  return segment.path + " is " + std::to_string(segment.bytes) + " bytes long, and no segment is made shorter than " +
         std::to_string(kSegmentBytesMin) +
         ": unless the power was cut while it was made its end is missing, and hits that were acknowledged may be "
         "lost; if there is a copy of the file, put it back before the next start";
}

std::string describe(const Loss& loss, StreamId stream) {
  std::string text = "lost or in doubt are " + std::to_string(loss.blocks);
  if (stream == kControlStream) {
    text += " changes of sites, and the hits that were counted under them";
  } else if (loss.unreadable_blocks == 0) {
    text += " blocks with " + std::to_string(loss.hits) + " hits";
  } else {
    text += " blocks: " + std::to_string(loss.hits) + " hits in the " +
            std::to_string(loss.blocks - loss.unreadable_blocks) +
            " whose headers can be read, and an unknown number in the other " + std::to_string(loss.unreadable_blocks);
  }
  if (loss.open_ended) text += ", and what the last segment held, which nobody can tell";
  if (loss.doubtful_blocks > 0) {
    text += "; the last " + std::to_string(loss.doubtful_blocks) + " blocks that are kept, with " +
            std::to_string(loss.doubtful_hits) + " hits, may have been refused when they were new, and count";
  }
  return text;
}

Result<ReadResult> read_stream(base::FileSystem& files, const std::string& directory, StreamId stream,
                               const ReadOptions& options, const Visit& visit) {
  return StreamReader(files, stream, options, visit).read(directory);
}

Result<std::vector<StreamId>> list_streams(base::FileSystem& files, const std::string& journal_directory) {
  std::vector<StreamId> streams;
  auto names = files.list(journal_directory);
  if (!names) {
    if (names.error().code == Errc::not_found) return streams;
    return names.error();
  }
  for (const std::string& name : *names) {
    if (const auto stream = parse_directory_name(name)) streams.push_back(*stream);
  }
  std::sort(streams.begin(), streams.end());
  return streams;
}

}  // namespace footfall::journal
