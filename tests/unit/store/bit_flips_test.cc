// SPDX-License-Identifier: Apache-2.0
// Bit flips: each single bit of a 64 KiB journal and of a checkpoint is turned, and what reading then gives is compared
// with what FORMAT.md says of that byte. The expectation comes from the layout of the whole files, not from the reader:
//
//   segment header        refused
//   block k               refused, if anything behind it states a durable_through of k or more;
//                         else the stream ends with block k - 1, and the torn bytes are told to the byte
//   block taken over by a later segment, zeros behind the last block      as if nothing had happened
//
// All bits are read as a stream; a seeded sample and all of the checkpoint go through recover().
// Cost: about 20 us a flip in a release build; a build with sanitizers takes every 31st.
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <random>
#include <vector>

#include "base/bytes.h"
#include "node.h"
#include "support/fault_fs.h"
#include "support/rng_seed.h"
#include "support/sanitizer.h"
#include "support/sqlite_vfs.h"

namespace footfall::store {
namespace {

using base::Errc;
using testing::FaultFs;
using testing::Node;
using testing::Ping;

// Sanitizers make each flip take ten times as long.
constexpr std::size_t kStride = testing::kSanitized ? 31 : 1;

constexpr std::int64_t kBegin = 1'700'000'000;
constexpr std::uint64_t kSegmentBytes = 16U << 10U;
constexpr journal::StreamId kHits{1};

struct Block {
  std::size_t at = 0, size = 0;
  journal::BlockHeader header;
  std::string payload;
  bool current = false;  // not taken over by a later segment
};

struct Segment {
  std::string path;
  journal::SegmentHeader header;
  std::vector<Block> blocks;
  std::size_t end() const {
    return blocks.empty() ? journal::kSegmentHeaderBytes : blocks.back().at + blocks.back().size;
  }
};

enum class Outcome { refused, torn, ignored };
struct Expectation {
  Outcome outcome = Outcome::ignored;
  std::uint64_t end = 0;  // the last block that is read
  std::uint64_t torn_bytes = 0;
};

class BitFlipsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    node_.files = &disk_;
    node_.segment_bytes = kSegmentBytes;
    node_.history_vfs = vfs_.name();
    node_.limits.pages_max = 1000;
    const auto started = node_.start(1);
    ASSERT_TRUE(started) << to_string(started.error());
    sites::Settings settings;
    settings.name = "a.vn";
    ASSERT_TRUE(node_.change("c1", node_.registry().plan_add(settings, 1).value()));
  }

  // A block of about `pings` times 20 bytes.
  void hit(int pings) {
    std::vector<Ping> block;
    for (int i = 0; i < pings; ++i) {
      block.push_back({"a.vn", "/" + std::to_string(hits_ % 50), hits_ % 8, clock_.utc_s(), "", false});
      ++hits_;
    }
    ASSERT_TRUE(node_.hit(0, block));
  }

  // Four segments of 16 KiB. The second ends in blocks that a failed sync left behind, the last in some that nothing
  // states durable.
  void write_64_kib() {
    node_.ack_after_sync = true;
    const auto fill = [this](std::uint64_t segment, std::size_t bytes) {
      const std::uint64_t until = node_.writer(0).bytes_written() + bytes;
      while (node_.writer(0).position().segment < segment || node_.writer(0).bytes_written() < until) {
        hit(60);
        if (hits_ % 120 == 0) {
          ASSERT_TRUE(node_.commit(0));
        }
      }
    };
    fill(2, 6000);
    ASSERT_TRUE(node_.commit(0));
    hit(30);
    hit(30);
    disk_.fail_syncs();
    ASSERT_FALSE(node_.commit(0));
    disk_.heal();
    ASSERT_TRUE(node_.reopen(0));
    fill(4, 5000);
    ASSERT_TRUE(node_.commit(0));
    for (int i = 0; i < 3; ++i) hit(20);
    node_.crash();
  }

  // ---- The expectation ----

  void lay_out() {
    disk_.load(disk_.cache());
    directory_ = DataDirectory::open_existing(disk_, "/data").value();
    const std::string path = directory_->stream_directory(kHits);
    for (const std::string& name : disk_.list(path).value()) {
      Segment& segment = segments_.emplace_back();
      segment.path.append(path).append("/").append(name);
      const std::string_view bytes = disk_.content(segment.path);
      ASSERT_EQ(bytes.size(), kSegmentBytes);
      segment.header = journal::decode_segment_header(bytes).value();
      const std::uint32_t seed = journal::block_seed(segment.header.generation);
      for (std::size_t at = journal::kSegmentHeaderBytes;;) {
        const auto block = journal::decode_block(bytes.substr(at), seed);
        if (block.state != journal::BlockState::good) break;
        segment.blocks.push_back({at, block.size, block.header, std::string(block.payload), true});
        at += block.size;
      }
      ASSERT_EQ(bytes.find_first_not_of('\0', segment.end()), std::string_view::npos);
    }
    std::uint64_t limit = UINT64_MAX;
    for (auto segment = segments_.rbegin(); segment != segments_.rend(); ++segment) {
      for (Block& block : segment->blocks) {
        block.current = block.header.sequence < limit;
        if (block.current) blocks_[block.header.sequence] = &block;
      }
      limit = std::min(limit, segment->header.first_sequence);
    }
    last_ = blocks_.rbegin()->first;
    ASSERT_EQ(blocks_.size(), last_);
    ASSERT_NE((last_ + 1) & last_, 0U) << "a single bit must not look like the next block's sequence";
  }

  Expectation expect(std::size_t index, std::size_t at) const {
    const Segment& segment = segments_[index];
    if (at < journal::kSegmentHeaderBytes) return {Outcome::refused, 0, 0};
    const auto block =
        std::find_if(segment.blocks.begin(), segment.blocks.end(), [at](const Block& b) { return at < b.at + b.size; });
    if (block == segment.blocks.end() || !block->current) return {Outcome::ignored, last_, 0};
    std::uint64_t durable = 0;
    for (auto later = block + 1; later != segment.blocks.end(); ++later)
      durable = std::max(durable, later->header.durable_through);
    // Its own size is known by the header, if it is the payload, or the checksum over it, that is damaged.
    const bool sized =
        block + 1 != segment.blocks.end() || at < block->at + 4 || at >= block->at + journal::kBlockHeaderBytes;
    std::uint64_t torn = sized ? segment.end() - block->at : journal::kBlockHeaderBytes;
    for (std::size_t i = index + 1; i < segments_.size(); ++i) {
      durable = std::max(durable, segments_[i].header.durable_through);
      for (const Block& later : segments_[i].blocks) durable = std::max(durable, later.header.durable_through);
      torn += segments_[i].end() - journal::kSegmentHeaderBytes;
    }
    if (durable >= block->header.sequence) return {Outcome::refused, 0, 0};
    return {Outcome::torn, block->header.sequence - 1, torn};
  }

  // ---- What reading gives; empty: as expected ----

  std::string read(const Expectation& expected) {
    journal::ReadOptions options;
    options.incarnation = directory_->incarnation();
    std::uint64_t sequence = 0;
    std::uint64_t hits = 0;
    bool same = true;
    const auto result = journal::read_stream(
        disk_, directory_->stream_directory(kHits), kHits, options,
        [&](const journal::BlockHeader& header, std::string_view payload) -> base::Result<void> {
          const auto block = blocks_.find(++sequence);
          same = same && block != blocks_.end() && header.sequence == sequence && payload == block->second->payload &&
                 header.count == block->second->header.count &&
                 header.control_sequence == block->second->header.control_sequence;
          hits += header.count;
          return {};
        });
    if (!result) {
      if (expected.outcome != Outcome::refused) return to_string(result.error());
      return result.error().code == Errc::corrupt ? "" : "another error: " + to_string(result.error());
    }
    if (!same) return "block " + std::to_string(sequence) + " is not what was written";
    if (expected.outcome == Outcome::refused) return "read up to block " + std::to_string(sequence);
    if (sequence != expected.end || result->end.sequence != expected.end || result->hits != hits)
      return "ends with block " + std::to_string(sequence) + ", not " + std::to_string(expected.end);
    if (result->torn_bytes != expected.torn_bytes)
      return std::to_string(result->torn_bytes) + " torn bytes, not " + std::to_string(expected.torn_bytes);
    return {};
  }

  std::string recovered(const Expectation& expected) {
    const auto state = recover(*directory_, node_.limits);
    if (!state) {
      if (expected.outcome != Outcome::refused) return to_string(state.error());
      return state.error().code == Errc::corrupt ? "" : "another error: " + to_string(state.error());
    }
    if (expected.outcome == Outcome::refused) return "recovered";
    if (state->warnings.empty() != (expected.outcome == Outcome::ignored)) return "warnings where none belong, or none";
    if (content_hash(*state->registry, clock_.utc_s()) != hash_through(expected.end)) return "another content";
    return {};
  }

  // REQUIRES: the files are whole, or the hash was asked for while they were.
  const std::string& hash_through(std::uint64_t sequence) {
    std::string& hash = hashes_[sequence];
    if (!hash.empty()) return hash;
    ReplayBounds bounds;
    bounds.through_sequence.emplace();
    (*bounds.through_sequence)[journal::kControlStream] = 1;
    (*bounds.through_sequence)[kHits] = sequence;
    const auto state = recover(*directory_, node_.limits, nullptr, nullptr, bounds);
    EXPECT_TRUE(state) << to_string(state.error());
    return hash = content_hash(*state->registry, clock_.utc_s());
  }

  void turn(const std::string& path, std::size_t bit) {
    char& byte = disk_.content(path)[bit / 8];
    byte = static_cast<char>(static_cast<unsigned char>(byte) ^ (1U << bit % 8));
  }

  base::ManualClock clock_{kBegin * 1000};
  FaultFs disk_;
  testing::SqliteVfs vfs_{disk_};
  Node node_{"/data", clock_};
  std::uint64_t hits_ = 0;
  std::unique_ptr<DataDirectory> directory_;
  std::vector<Segment> segments_;
  std::map<std::uint64_t, const Block*> blocks_;  // sequence -> block
  std::map<std::uint64_t, std::string> hashes_;   // sequence -> hash of the content through it
  std::uint64_t last_ = 0;
};

TEST_F(BitFlipsTest, EachBitOfAJournalIsRefusedOrCutOrOneThatNobodyReads) {
  ASSERT_NO_FATAL_FAILURE(write_64_kib());
  ASSERT_NO_FATAL_FAILURE(lay_out());
  ASSERT_EQ(segments_.size(), 4U);
  std::map<Outcome, std::size_t> seen;
  for (std::size_t index = 0; index < segments_.size(); ++index) {
    const std::string& path = segments_[index].path;
    for (std::size_t bit = 0; bit < 8 * kSegmentBytes; bit += kStride) {
      const Expectation expected = expect(index, bit / 8);
      ++seen[expected.outcome];
      turn(path, bit);
      const std::string wrong = read(expected);
      turn(path, bit);
      ASSERT_EQ(wrong, "") << path << ", byte " << bit / 8 << ", bit " << bit % 8;
    }
  }
  std::cout << "refused=" << seen[Outcome::refused] << " cut=" << seen[Outcome::torn]
            << " unread=" << seen[Outcome::ignored] << '\n';
  EXPECT_GT(seen[Outcome::refused], 250'000 / kStride);
  EXPECT_GT(seen[Outcome::torn], 4'000 / kStride);
  EXPECT_EQ(read({Outcome::ignored, last_, 0}), "") << "as it was, it is read";
}

TEST_F(BitFlipsTest, RecoveryGivesAnExactPrefixOrRefuses) {
  ASSERT_NO_FATAL_FAILURE(write_64_kib());
  ASSERT_NO_FATAL_FAILURE(lay_out());
  for (std::uint64_t sequence = 0; sequence <= last_; ++sequence) hash_through(sequence);
  std::mt19937_64 random(testing::rng_seed());
  for (int i = 0; i < 4000; ++i) {
    // Half of them where something may be cut.
    const std::size_t index = i % 2 == 0 ? segments_.size() - 1 : random() % segments_.size();
    const std::size_t bit = random() % (8 * segments_[index].end());
    turn(segments_[index].path, bit);
    const std::string wrong = recovered(expect(index, bit / 8));
    turn(segments_[index].path, bit);
    ASSERT_EQ(wrong, "") << segments_[index].path << ", byte " << bit / 8 << ", bit " << bit % 8;
  }
}

TEST_F(BitFlipsTest, EachBitOfTheNewestCheckpointLeadsToTheOneBefore) {
  for (int checkpoint = 0; checkpoint < 2; ++checkpoint) {
    hit(5);
    ASSERT_TRUE(node_.checkpoint());
  }
  hit(5);
  const std::string hash = node_.hash();
  node_.crash();
  disk_.load(disk_.cache());
  directory_ = DataDirectory::open_existing(disk_, "/data").value();
  const std::string path = "/data/checkpoint/2.ckpt";
  const std::size_t size = disk_.content(path).size();
  ASSERT_LT(size, 8000U) << "small enough to try each";
  for (std::size_t bit = 0; bit < 8 * size; bit += kStride) {
    turn(path, bit);
    const auto state = recover(*directory_, node_.limits);
    turn(path, bit);
    ASSERT_TRUE(state) << to_string(state.error()) << " at bit " << bit;
    ASSERT_EQ(state->checkpoint, 1U) << "bit " << bit;
    ASSERT_EQ(state->warnings.size(), 1U) << "bit " << bit;
    ASSERT_NE(state->warnings.front().find(path), std::string::npos) << state->warnings.front();
    ASSERT_EQ(content_hash(*state->registry, clock_.utc_s()), hash) << "bit " << bit;
  }
  std::cout << "bits=" << 8 * size << '\n';
  EXPECT_EQ(recover(*directory_, node_.limits)->checkpoint, 2U) << "as it was, it is read";
}

TEST_F(BitFlipsTest, EachBitOfTheControlStreamIsRefused) {
  hit(5);
  node_.crash();
  disk_.load(disk_.cache());
  directory_ = DataDirectory::open_existing(disk_, "/data").value();
  const std::string path = directory_->stream_directory(journal::kControlStream) + "/" + journal::segment_name(1);
  const std::string_view bytes = disk_.content(path);
  const std::size_t end = bytes.find_last_not_of('\0') + 1;
  ASSERT_GT(end, journal::kSegmentHeaderBytes + journal::kBlockHeaderBytes);
  for (std::size_t bit = 0; bit < 8 * end; bit += kStride) {
    turn(path, bit);
    const auto state = recover(*directory_, node_.limits);
    turn(path, bit);
    ASSERT_FALSE(state) << "bit " << bit << ": a hit refers to the change";
    ASSERT_EQ(state.error().code, Errc::corrupt) << "bit " << bit;
  }
  EXPECT_TRUE(recover(*directory_, node_.limits)) << "as it was, it is read";
}

}  // namespace
}  // namespace footfall::store
