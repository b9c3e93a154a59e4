// SPDX-License-Identifier: Apache-2.0
// Content encoding: answers go out gzip'd to who takes it. Assets are compressed once, and JSON, from kCompressedFrom
// bytes on, each time that it is asked for, by whoever makes it outside of a pass.
//
// How short a text gets tells what it repeats (BREACH): who can put words of his own into an answer, and sees its
// length on the way to somebody else, finds out what stands beside them. Visitors can, by the pages that they ask for
// and where they say they come from. So where such texts stand in what a token alone opens, repetition is not looked
// for (Packing::blind); and a secret that was just made goes out as it is (see write() of an AdminAnswer).
//
// Cost   of 100 pages, 8 KB: fast 17 us, to 18 %; blind 36 us, to 59 %. Of 10,000, 770 KB: 2.3 and 4.1 ms.
// Tested by tests/unit/api/content_encoding_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace footfall::api {

// What is shorter fits into a packet with its head as it is.
inline constexpr std::size_t kCompressedFrom = 1024;

enum class Packing : std::uint8_t {
  best,   // once, for many answers
  fast,   // for one answer
  blind,  // for one answer: frequent bytes get short codes, whatever stands before and behind them
};

// Whether an Accept-Encoding value takes gzip: named, or by "*", with a weight that is not 0, nor less than that of
// "identity".
bool accepts_gzip(std::string_view accept_encoding);
// Empty: zlib has no memory.
std::string gzipped(std::string_view bytes, Packing packing);

struct EncodedBody {
  std::string bytes;
  std::string fields;  // complete lines: Vary, Content-Encoding
};
// A body for who sends this Accept-Encoding. `vary`: the complete line that says what else the answer depends on, or
// empty.
EncodedBody encoded(std::string body, Packing packing, std::string_view accept_encoding, std::string_view vary);

}  // namespace footfall::api
