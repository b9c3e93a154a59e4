// SPDX-License-Identifier: Apache-2.0
// What a Redis server answers, as a value, and the parser that makes it of bytes: hiredis's reader, which builds our
// values, within bounds.
//
// Bounds     a reply of kReplyBytesMax bytes or kElementsMax elements (of all its arrays together); beyond,
//            `too_large`. Arrays within arrays, seven deep; beyond, `malformed`.
//            They protect this process from a server that is not one, or has been taken over. What may grow for ever is
//            read in pieces (pieces.h).
// Ownership  a Reply owns all it holds. Threading: none. Errors: `malformed`, `too_large`; the parser stays failed.
// Tested by tests/unit/redis/reply_test.cc, with replies cut at every byte.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/errors.h"

namespace footfall::redis {

inline constexpr std::size_t kReplyBytesMax = 64U << 20U;
inline constexpr std::size_t kElementsMax = 1U << 18U;

struct Reply {
  enum class Type { nil, integer, status, text, error, array };

  Type type = Type::nil;
  std::int64_t integer = 0;
  std::string text;  // of a status, a text or an error: without its leading '-'
  std::vector<Reply> elements;

  bool is(Type wanted) const { return type == wanted; }
  bool is_error() const { return type == Type::error; }
};

class ReplyParser {
 public:
  ReplyParser();
  ~ReplyParser();
  ReplyParser(const ReplyParser&) = delete;
  ReplyParser& operator=(const ReplyParser&) = delete;

  void feed(std::string_view bytes);
  // The next complete reply, or none for now.
  base::Result<std::optional<Reply>> next();

 private:
  struct Reader;
  std::unique_ptr<Reader> reader_;
};

}  // namespace footfall::redis
