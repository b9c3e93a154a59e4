// SPDX-License-Identifier: Apache-2.0
// Pieces: hashes and sets of any size, read and written by commands of which each is bounded, and so is its reply: a
// parser takes kElementsMax elements (reply.h), and a client holds 64 MiB of commands. One piece behind another.
//
//     HSCAN key 0 --> fields and values, cursor c --> HSCAN key c --> ... --> cursor 0: that was the last piece
//
// What a scan gives is what SCAN promises: whatever is there from its beginning to its end comes at least once. It may
// come twice, then with two values where it was written between, and what is added or taken out meanwhile comes or does
// not. A small hash comes whole, in one piece, as of one moment.
//
// A cursor has a meaning to one server alone. Where a scan goes on at another (a failover, a slot that moved) it may
// leave out what is there. So of what did not come in a scan of several pieces nobody may say that it is not there:
// write_missing() writes it only if that is so.
//
// Cost       a round trip a piece; of a hash of n fields n / at_once of them.
// Ownership  a `call` is kept until the last piece. Threading: that of the call.
// Errors     where there is no reply, nothing follows: it is the call that says so.
// Source     https://redis.io/docs/latest/commands/scan, "Scan guarantees".
// Tested by tests/unit/redis/pieces_test.cc, with a model and with a real redis-server.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "redis/reply.h"

namespace footfall::redis {

// Sends a command; `done` is called with the reply, if there is one.
using Call = std::function<void(const std::vector<std::string>& words, std::function<void(const Reply&)> done)>;
using Pairs = std::vector<std::pair<std::string, std::string>>;  // field -> value

// Of a command of several fields and values: so that what 256 sites have under way is half of what a client holds.
inline constexpr std::size_t kPieceBytes = 128U << 10U;
// Commands of one field each that are sent together.
inline constexpr std::size_t kPieceCommands = 64;

// `command` is HSCAN or ZSCAN (the elements: field and value, member and score in turn) or SSCAN (members alone).
// `at_once`: about so many fields or members a piece. `more` is to be called for the next piece; empty: it was the last
// one, which may have nothing.
using More = std::function<void()>;
void scan(const Call& call, const std::string& command, const std::string& key, std::size_t at_once,
          std::function<void(const std::vector<Reply>& elements, const More& more)> piece);

// HMGET, at_once of them in a command: `piece` gets fields, and for each its value or nil.
void read_fields(
    const Call& call, const std::string& key, std::vector<std::string> fields, std::size_t at_once,
    std::function<void(std::span<const std::string> fields, const std::vector<Reply>& values, bool last)> piece);

// HEXISTS: `done` gets those that are there.
void which_are_there(const Call& call, const std::string& key, std::vector<std::string> fields,
                     std::function<void(std::vector<std::string> there)> done);

// HSET, as much in a command as kPieceBytes hold, and one pair at least. `done`: all are there.
void write_fields(const Call& call, const std::string& key, Pairs pairs, std::function<void()> done);

// HSETNX: leaves what is there as it is. `done` is told how many were not there.
void write_missing(const Call& call, const std::string& key, Pairs pairs,
                   std::function<void(std::size_t written)> done);

}  // namespace footfall::redis
