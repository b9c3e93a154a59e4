// SPDX-License-Identifier: Apache-2.0
#include "redis_once.h"

#include <boost/asio/io_context.hpp>

#include "base/hash.h"
#include "redis/calls.h"
#include "redis/client.h"
#include "redis/transport.h"

namespace footfall {

std::optional<base::TlsContext> tls_of(const RedisOptions& options) {
  if (!options.target->tls) return std::nullopt;
  return base::TlsContext::for_clients(options.authorities).value();
}

base::Result<redis::Reply> call_once(const RedisOptions& options, const base::Clock& clock,
                                     const std::vector<std::string>& words, std::chrono::milliseconds at_most) {
  boost::asio::io_context context;
  redis::Client::Options limits;
  limits.seed = base::random_u64();
  redis::Client client(*options.target, limits, clock.utc_ms());
  redis::ClientCalls calls(client, clock);
  base::Result<redis::Reply> answer = base::Error{base::Errc::unavailable, "Redis did not answer in time"};
  redis::Transport transport(context.get_executor(), client, clock, tls_of(options), [&] { calls.take_answers(); });
  calls.call(words, [&](base::Result<redis::Reply> reply) {
    answer = std::move(reply);
    context.stop();
  });
  transport.carry_out();
  context.run_for(at_most);
  return answer;
}

}  // namespace footfall
