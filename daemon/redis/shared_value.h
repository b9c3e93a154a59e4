// SPDX-License-Identifier: Apache-2.0
// SharedValue: one string in Redis that all nodes come to agree on: it is looked at each each_ms, and who looks decides
// what is to be there. Free of I/O, over Calls.
//
//     GET -> decide -> nothing to write
//                   -> nothing was there: SET NX -> done; another was first: GET again at once
//                   -> something was: SET
//
// Ownership  keeps a reference to the calls; after its end nothing is called back.
// Threading  the Calls'. Errors: without an answer it looks again after each_ms.
// Tested by tests/unit/redis/shared_value_test.cc; with salts by tests/unit/ingest/shared_salts_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "redis/calls.h"

namespace footfall::redis {

class SharedValue {
 public:
  // Is called with what Redis has; none: nothing. Answers what it is to have; none: that is left as it is.
  using Decide = std::function<std::optional<std::string>(std::optional<std::string_view>)>;

  SharedValue(Calls& calls, std::string key, std::int64_t each_ms, Decide decide)
      : calls_(calls), key_(std::move(key)), each_ms_(each_ms), decide_(std::move(decide)) {}
  SharedValue(const SharedValue&) = delete;
  SharedValue& operator=(const SharedValue&) = delete;

  // To be called often.
  void tick(std::int64_t now_ms) {
    if (looking_ || now_ms < due_ms_) return;
    due_ms_ = now_ms + each_ms_;
    look();
  }
  // At the next tick: Redis may have forgotten it, or what is to be shared has changed.
  void hurry() { due_ms_ = INT64_MIN; }

 private:
  void look() {
    looking_ = true;
    calls_.call({"GET", key_}, while_alive([this](const base::Result<Reply>& reply) {
                  looking_ = false;
                  if (!reply) return;
                  const bool there = reply->is(Reply::Type::text);
                  const auto value = decide_(there ? std::optional<std::string_view>(reply->text) : std::nullopt);
                  if (value) write(*value, there);
                }));
  }
  void write(const std::string& value, bool over_another) {
    looking_ = true;
    if (over_another) {
      calls_.call({"SET", key_, value}, while_alive([this](const base::Result<Reply>&) { looking_ = false; }));
      return;
    }
    calls_.call({"SET", key_, value, "NX"}, while_alive([this](const base::Result<Reply>& reply) {
                  looking_ = false;
                  if (reply && reply->is(Reply::Type::nil)) hurry();
                }));
  }
  Calls::Done while_alive(Calls::Done done) const {
    return [done = std::move(done), alive = std::weak_ptr<bool>(alive_)](base::Result<Reply> reply) {
      if (!alive.expired()) done(std::move(reply));
    };
  }

  Calls& calls_;
  const std::string key_;
  const std::int64_t each_ms_;
  const Decide decide_;
  std::int64_t due_ms_ = INT64_MIN;
  bool looking_ = false;  // a call is under way
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace footfall::redis
