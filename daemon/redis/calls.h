// SPDX-License-Identifier: Apache-2.0
// Calls: commands with what is to be done with their replies. ClientCalls makes them over a Client, without I/O.
//
// Units      milliseconds, of the clock that the Client's transport has.
// Ownership  ClientCalls keeps a reference to the Client and the clock. A call that is not answered when it ends is
//            forgotten.
// Threading  the Client's. `done` is called from take_answers(), never from within call().
// Errors     `unavailable`; an error reply is handed on as `unavailable` too, with Redis's own words; `too_large`: the
//            reply was beyond the bounds of reply.h, and would be again.
// Tested by tests/unit/redis/snapshots_test.cc.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "redis/client.h"
#include "redis/command.h"

namespace footfall::redis {

class Calls {
 public:
  using Done = std::function<void(base::Result<Reply>)>;

  Calls() = default;
  Calls(const Calls&) = delete;
  Calls& operator=(const Calls&) = delete;
  virtual ~Calls() = default;

  // The command's second word is its key; one that has none goes to the master of slot 0.
  virtual void call(std::span<const std::string_view> words, Done done) = 0;
  // Numbers N by which each master that is known has a key with the tag {index.N}, and each but one.
  virtual std::vector<unsigned> index_tags() const { return {0}; }
  void call(std::initializer_list<std::string_view> words, Done done) {
    call(std::span(words.begin(), words.size()), std::move(done));
  }
  void call(const std::vector<std::string>& words, Done done) {
    call(std::vector<std::string_view>(words.begin(), words.end()), std::move(done));
  }
};

class ClientCalls final : public Calls {
 public:
  ClientCalls(Client& client, const base::Clock& clock) : client_(client), clock_(clock) {}

  using Calls::call;
  void call(std::span<const std::string_view> words, Done done) override {
    std::string bytes;
    append_command(bytes, words);
    const Client::Tag tag = ++last_;
    const auto slot = words.size() > 1 ? std::optional(slot_of(words[1])) : std::nullopt;
    if (client_.submit(tag, slot, std::move(bytes), clock_.utc_ms())) {
      waiting_.emplace(tag, std::move(done));
    } else {
      refused_.emplace_back(std::move(done));
    }
  }
  std::vector<unsigned> index_tags() const override { return client_.numbers_of_tag("index."); }
  // Some were refused at once: take_answers() is to be called although the client may have no answers.
  bool refused() const { return !refused_.empty(); }
  // To be called when the client has answers.
  void take_answers() {
    for (Done& done : std::exchange(refused_, {})) {
      done(base::Error{base::Errc::unavailable, "too much waits for Redis already: " + client_.problem()});
    }
    while (auto answer = client_.take_answer()) {
      auto waiting = waiting_.extract(answer->tag);
      if (waiting.empty()) continue;
      if (answer->reply && answer->reply->is_error()) {
        waiting.mapped()(base::Error{base::Errc::unavailable, "Redis: " + answer->reply->text});
      } else {
        waiting.mapped()(std::move(answer->reply));
      }
    }
  }

 private:
  Client& client_;
  const base::Clock& clock_;
  std::unordered_map<Client::Tag, Done> waiting_;  // tag -> what is to be done
  std::vector<Done> refused_;
  Client::Tag last_ = 0;
};

}  // namespace footfall::redis
