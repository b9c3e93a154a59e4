// SPDX-License-Identifier: Apache-2.0
// The log's sink: spdlog's asynchronous logger over standard error, 1024 lines of queue, the oldest dropped when full.
#include "base/log.h"

#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>

#include "base/thread_name.h"

namespace footfall::base::log {
namespace {

constexpr std::size_t kQueueLines = 1024;

struct Sink {
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;
};

Sink* sink = nullptr;              // set by start(), cleared by stop(), both while no other thread logs
std::uint64_t dropped_before = 0;  // by sinks that were stopped since the last start

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

constexpr std::array<std::string_view, 4> kNames{"debug", "info", "warning", "error"};

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

}  // namespace

void start(Level level) {
  stop();
  dropped_before = 0;
  auto made = std::make_unique<Sink>();
  made->pool = std::make_shared<spdlog::details::thread_pool>(kQueueLines, 1, [] { name_this_thread("log"); });
  made->logger = std::make_shared<spdlog::async_logger>("footfall", std::make_shared<spdlog::sinks::stderr_sink_mt>(),
                                                        made->pool, spdlog::async_overflow_policy::overrun_oldest);
  made->logger->set_formatter(
      std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc));
  made->logger->set_level(to_spdlog(level));
  sink = made.release();
}

std::string_view name_of(Level level) {
  return kNames.at(static_cast<std::size_t>(level));
}

std::optional<Level> level_from(std::string_view name) {
  const auto* const found = std::find(kNames.begin(), kNames.end(), name);
  return found == kNames.end() ? std::nullopt : std::optional(static_cast<Level>(found - kNames.begin()));
}

void set_level(Level level) {
  if (sink != nullptr) sink->logger->set_level(to_spdlog(level));
}

Level level() {
  if (sink == nullptr) return Level::info;
  for (const Level level : {Level::debug, Level::info, Level::warning}) {
    if (sink->logger->should_log(to_spdlog(level))) return level;
  }
  return Level::error;
}

void stop() {
  if (sink == nullptr) return;
  const std::unique_ptr<Sink> last(sink);
  sink = nullptr;
  dropped_before = last->pool->overrun_counter();
  last->pool.reset();  // writes what is queued, then joins: so the logger ends here, and not on that thread
  last->logger.reset();
}

void write(Level level, std::string_view line) {
  if (sink == nullptr || !sink->logger->should_log(to_spdlog(level))) return;
  if (std::none_of(line.begin(), line.end(), is_control)) {
    sink->logger->log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
    return;
  }
  std::string clean(line);
  std::replace_if(clean.begin(), clean.end(), is_control, '?');
  sink->logger->log(to_spdlog(level), spdlog::string_view_t(clean.data(), clean.size()));
}

std::uint64_t dropped() {
  return sink == nullptr ? dropped_before : sink->pool->overrun_counter();
}

}  // namespace footfall::base::log
