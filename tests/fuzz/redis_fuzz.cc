// SPDX-License-Identifier: Apache-2.0
// What a Redis server answers, of any bytes: none is a crash, and replies are the same however they are cut. The first
// byte says where. The second chooses what else looks at them: a Session, a slot map, a snapshot.
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "redis/reply.h"
#include "redis/session.h"
#include "redis/slot_map.h"
#include "sites/snapshot.h"

namespace {

using footfall::redis::Reply;
using footfall::redis::ReplyParser;

void require(bool holds) {
  if (!holds) std::abort();
}

bool equal(const Reply& a, const Reply& b) {
  if (a.type != b.type || a.integer != b.integer || a.text != b.text || a.elements.size() != b.elements.size())
    return false;
  for (std::size_t i = 0; i < a.elements.size(); ++i) {
    if (!equal(a.elements[i], b.elements[i])) return false;
  }
  return true;
}

// All replies up to the first malformed one; true if there is none.
bool parse(std::string_view first, std::string_view second, std::vector<Reply>& out) {
  ReplyParser parser;
  for (const std::string_view piece : {first, second}) {
    parser.feed(piece);
    for (;;) {
      auto reply = parser.next();
      if (!reply) return false;
      if (!*reply) break;
      out.push_back(std::move(**reply));
    }
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::size_t cut = data[0] % (bytes.size() + 1);
  std::vector<Reply> whole;
  std::vector<Reply> pieces;
  const bool good = parse(bytes, {}, whole);
  require(parse(bytes.substr(0, cut), bytes.substr(cut), pieces) == good);
  require(whole.size() == pieces.size());
  for (std::size_t i = 0; i < whole.size(); ++i) require(equal(whole[i], pieces[i]));

  const footfall::redis::Address asked{"a", 1};
  if (data[1] % 3 == 0) {
    footfall::redis::Session session(asked, {"", "p", 1, 1000}, 0);
    session.receive(bytes.substr(0, cut), 0);
    if (session.ready()) session.submit(1, "x", 0);
    session.receive(bytes.substr(cut), 0);
    while (session.next()) continue;
  } else if (data[1] % 3 == 1) {
    for (const Reply& reply : whole) {
      const auto map = footfall::redis::SlotMap::of_cluster(reply, asked);
      if (map) require(map->masters().size() <= footfall::redis::kSlots);
    }
  } else {
    const auto snapshot = footfall::sites::decode_snapshot(bytes);
    if (snapshot) require(footfall::sites::decode_snapshot(encode(*snapshot)).value() == *snapshot);
  }
  return 0;
}
