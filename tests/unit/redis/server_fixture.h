// SPDX-License-Identifier: Apache-2.0
// ServerFixture: a redis-server of the test's own and one client of it. Skips where there is no such program.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "redis/calls.h"
#include "redis/transport.h"
#include "support/redis_process.h"

namespace footfall::redis {

class ServerFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string program = testing::find_redis_server();
    if (program.empty()) GTEST_SKIP() << "there is no redis-server here (Debian: redis-server)";
    server_ = std::make_unique<testing::RedisProcess>(program);
    client_ = std::make_unique<Client>(*parse_target("redis://127.0.0.1:" + std::to_string(server_->port())),
                                       Client::Options{}, clock_.utc_ms());
    calls_ = std::make_unique<ClientCalls>(*client_, clock_);
    transport_ = std::make_unique<Transport>(loop_.get_executor(), *client_, clock_, std::nullopt,
                                             [this] { calls_->take_answers(); });
  }

  // False after 60 s, so that nothing hangs.
  template <class Done>
  bool wait_until(const Done& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done() && std::chrono::steady_clock::now() < end) {
      transport_->carry_out();
      loop_.restart();
      loop_.run_one_for(std::chrono::milliseconds(20));
    }
    return done();
  }

  base::SystemClock clock_;
  std::unique_ptr<testing::RedisProcess> server_;
  boost::asio::io_context loop_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<ClientCalls> calls_;
  std::unique_ptr<Transport> transport_;
};

}  // namespace footfall::redis
