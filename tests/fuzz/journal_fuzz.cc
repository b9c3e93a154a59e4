// SPDX-License-Identifier: Apache-2.0
// The journal's reader over segments of any bytes, in files in memory: what it visits is without a hole and adds up;
// who does not accept a loss gets all or an error; what was read, written again, reads the same; and from any block on
// it is the rest.
//
// Input: the first byte says behind which block is read, then steps that make the files, as make() has them: random
// bytes would never hold a checksum.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "journal/reader.h"
#include "journal/writer.h"
#include "support/fault_fs.h"

namespace {

using namespace footfall;
using journal::BlockHeader;

constexpr journal::Incarnation kOwn{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
constexpr journal::StreamId kStream{1};
const std::string kDirectory = "/hits-000";

void require(bool holds) {
  if (!holds) std::abort();
}

struct Input {
  const std::uint8_t* at;
  const std::uint8_t* end;

  std::size_t left() const { return static_cast<std::size_t>(end - at); }
  std::uint8_t byte() { return at == end ? std::uint8_t{0} : *at++; }
  std::size_t place(std::size_t size) {  // in a file of this size
    const std::size_t high = byte();
    return (high << 8U | byte()) % (size + 1);
  }
  std::string_view bytes(std::size_t size) {
    const std::string_view out(reinterpret_cast<const char*>(at), std::min(size, left()));
    at += out.size();
    return out;
  }
};

struct Stream {
  journal::Incarnation incarnation = kOwn;
  journal::StreamId id = kStream;
  std::map<std::uint64_t, std::string> segments;  // number -> bytes
};

Stream make(Input& in) {
  Stream stream;
  std::uint64_t number = 0;
  std::uint64_t next = 1;  // sequence
  std::uint32_t seed = 0;
  std::string block;
  while (in.left() > 0) {
    const std::uint8_t step = in.byte() % 8;
    if (number == 0 && step > 1) continue;
    std::string& segment = stream.segments[std::max<std::uint64_t>(number, 1)];
    switch (step) {
      case 0: {  // a segment, perhaps not the next one
        journal::SegmentHeader header;
        const std::uint8_t how = in.byte();
        number += 1 + how % 2;
        header.stream = (how & 2U) != 0 ? journal::StreamId{2} : kStream;
        header.incarnation = kOwn;
        if ((how & 4U) != 0) header.incarnation[3] ^= 1U;
        header.version = (how & 8U) != 0 ? 2 : 1;
        header.number = number + (how >> 4U & 1U);
        header.generation = number * 1'000'003;
        header.first_sequence = next - std::min<std::uint64_t>(next - 1, in.byte() % 4);
        next = header.first_sequence;
        header.durable_through = next - 1 - std::min<std::uint64_t>(next - 1, in.byte() % 4);
        seed = journal::block_seed(header.generation);
        stream.segments[number] = encode(header);
        break;
      }
      case 1: {  // a file as it is
        const std::string_view whole = in.bytes(in.place(UINT16_MAX - 1));
        number += 1;
        stream.segments[number] = whole;
        const auto header = journal::decode_segment_header(whole.substr(0, journal::kSegmentHeaderBytes));
        if (!header) break;
        if (stream.segments.size() == 1) stream.incarnation = header->incarnation, stream.id = header->stream;
        next = header->first_sequence;
        seed = journal::block_seed(header->generation);
        break;
      }
      case 2: {  // a block
        BlockHeader header;
        header.sequence = next++;
        const std::string payload(in.byte(), static_cast<char>('a' + header.sequence % 26));
        header.count = in.byte();
        header.control_sequence = in.byte();
        header.durable_through = header.sequence - 1 - std::min<std::uint64_t>(header.sequence - 1, in.byte() % 8);
        encode_block(header, payload, seed, block);
        segment += block;
        break;
      }
      case 3:  // the next block is not the next
        next = std::max<std::uint64_t>(1, next + in.byte() % 8 - 3);
        break;
      case 4:
        segment += in.bytes(in.byte());
        break;
      case 5:
        if (const std::size_t at = in.place(segment.size()); at < segment.size())
          segment[at] = static_cast<char>(segment[at] ^ in.byte());
        break;
      case 6:
        segment.resize(in.place(segment.size()));
        break;
      default:
        segment.append(in.byte() * std::size_t{8}, '\0');
        break;
    }
  }
  return stream;
}

void put(base::FileSystem& files, const Stream& stream) {
  require(files.make_directory(kDirectory).has_value());
  for (const auto& [number, bytes] : stream.segments) {
    const auto file = files.open(kDirectory + "/" + journal::segment_name(number), base::OpenMode::create);
    require(file.has_value() && (*file)->write_at(0, bytes).has_value());
  }
}

struct Block {
  BlockHeader header;
  std::string payload;
  // Not durable_through, which is told anew when it is written again.
  friend bool operator==(const Block& a, const Block& b) {
    return a.header.sequence == b.header.sequence && a.header.control_sequence == b.header.control_sequence &&
           a.header.count == b.header.count && a.payload == b.payload;
  }
};

struct Reading {
  base::Result<journal::ReadResult> result;
  std::vector<Block> blocks;
};

Reading read(base::FileSystem& files, const Stream& stream, std::uint64_t after, bool accept_loss) {
  journal::ReadOptions options;
  options.incarnation = stream.incarnation;
  options.after = {0, after};
  options.accept_loss = accept_loss;
  std::vector<Block> blocks;
  std::uint64_t hits = 0;
  auto result = journal::read_stream(files, kDirectory, stream.id, options,
                                     [&](const BlockHeader& header, std::string_view payload) {
                                       require(header.sequence == after + blocks.size() + 1);
                                       require(header.durable_through < header.sequence);
                                       hits += header.count;
                                       blocks.push_back({header, std::string(payload)});
                                       return base::Result<void>();
                                     });
  if (result) {
    require(result->blocks == blocks.size() && result->hits == hits);
    require(result->end.sequence == after + blocks.size());
    require(result->loss.has_value() <= accept_loss);
    if (result->loss) require(!result->loss->what.empty() && !describe(*result->loss, stream.id).empty());
  } else {
    const base::Errc code = result.error().code;
    require(code == base::Errc::corrupt || code == base::Errc::newer_format);
    require(result.error().detail.find(kDirectory) != std::string::npos);  // says where
  }
  return {std::move(result), std::move(blocks)};
}

bool one_begins_the_other(const std::vector<Block>& a, const std::vector<Block>& b) {
  return std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(std::min(a.size(), b.size())), b.begin());
}

void written_again(const Stream& stream, std::uint64_t after, const std::vector<Block>& blocks) {
  testing::FaultFs files;
  journal::WriterOptions options;
  options.directory = kDirectory;
  options.stream = stream.id;
  options.incarnation = stream.incarnation;
  options.segment_bytes = journal::kSegmentBytesMin;
  auto writer = journal::Writer::open(files, options, {after == 0 ? 0U : 1U, after});
  require(writer.has_value());
  for (const Block& block : blocks) {
    const auto sequence = (*writer)->append(block.payload, block.header.count, block.header.control_sequence);
    require(sequence.has_value() && *sequence == block.header.sequence);
  }
  require((*writer)->sync().has_value());
  const Reading again = read(files, stream, after, false);
  require(again.result.has_value() && again.result->torn_bytes == 0 && again.blocks == blocks);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input in{data, data + size};
  const std::uint64_t after = in.byte() % 8;
  const Stream stream = make(in);
  testing::FaultFs files;
  put(files, stream);

  const Reading strict = read(files, stream, after, false);
  const Reading lenient = read(files, stream, after, true);
  require(one_begins_the_other(strict.blocks, lenient.blocks));
  if (strict.result) {
    require(lenient.result.has_value() && !lenient.result->loss && lenient.blocks == strict.blocks);
    const std::uint64_t skipped = strict.blocks.size() / 2;
    const Reading rest = read(files, stream, after + skipped, false);
    require(rest.result.has_value());
    require(std::equal(rest.blocks.begin(), rest.blocks.end(),
                       strict.blocks.begin() + static_cast<std::ptrdiff_t>(skipped), strict.blocks.end()));
  } else if (lenient.result) {
    require(lenient.result->loss.has_value());
  }
  if (lenient.result) written_again(stream, after, lenient.blocks);
  return 0;
}
