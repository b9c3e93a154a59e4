// SPDX-License-Identifier: Apache-2.0
// Connection: one request at a time to one address, over a socket that is kept between them.
//
// A kept socket that the other end has closed meanwhile is noticed before anything is sent, and opened again.
// An answer that comes while the request is still being sent ends it: what was refused early is not sent on.
//
// Units      milliseconds.
// Ownership  owns its socket; an answer's views live until the next call.
// Threading  one thread; interrupt() by any.
// Errors     the constructor throws std::system_error where no descriptor is left; else in the Exchange, as a sentence.
// Tested through the client by tests/unit/client_cpp/client_test.cc.
#pragma once

#include <atomic>
#include <chrono>
#include <string>
#include <string_view>

#include "cpp/address.h"
#include "cpp/answer_reader.h"
#include "cpp/judge.h"

namespace footfall::client {

class Connection {
 public:
  using Clock = std::chrono::steady_clock;

  Connection(Address address, std::chrono::milliseconds connect_timeout, std::chrono::milliseconds answer_timeout);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  struct Exchange {
    Try::End end = Try::End::not_sent;
    std::string trouble;  // empty: answered
  };
  Exchange exchange(std::string_view head, std::string_view body, Answer& answer);
  void disconnect();

  // Ends what is under way, and all that comes after, at once.
  void interrupt();

  const Address& address() const { return address_; }

 private:
  // Empty: connected. Else why not.
  std::string connect();
  std::string connect_to(int family, const void* to, unsigned size);
  // Waits until the socket is ready for `events`. 0: too late, or interrupted.
  short wait_for(short events, Clock::time_point deadline);
  bool closed_meanwhile() const;

  Address address_;
  std::chrono::milliseconds connect_timeout_, answer_timeout_;
  int socket_ = -1;
  int wake_ = -1;  // an eventfd that interrupt() makes readable for good
  std::atomic<bool> interrupted_{false};
  std::string received_;
};

}  // namespace footfall::client
