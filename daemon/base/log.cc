// SPDX-License-Identifier: Apache-2.0
// The log's sink: spdlog's asynchronous logger over standard error, 8192 lines of queue, the oldest dropped when full.
//
// Its thread writes to the descriptor, not by stdio: one that waits there for a pipe that nobody reads holds the lock
// of stderr, and exit() flushes stderr (by the destructor of iostreams, with glibc 2.41 also by itself), so it would
// wait too. Left behind, the thread touches nothing that an exit destroys: the sink is its own.
#include "base/log.h"

#include <poll.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <future>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "base/thread_name.h"

namespace footfall::base::log {
namespace {

constexpr std::size_t kQueueLines = 8192;

std::atomic<std::uint64_t> unwritten{0};  // lines that standard error took not, since the last start

bool write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {  // who shares it may have made it so
      pollfd until_there_is_room{STDERR_FILENO, POLLOUT, 0};
      ::poll(&until_there_is_room, 1, -1);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

// Of the pool's one thread.
class StandardError final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    if (!write_all({line.data(), line.size()})) unwritten.fetch_add(1, std::memory_order_relaxed);
  }
  void flush_() override {}
};

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
  unwritten = 0;
  auto made = std::make_unique<Sink>();
  made->pool = std::make_shared<spdlog::details::thread_pool>(kQueueLines, 1, [] { name_this_thread("log"); });
  made->logger = std::make_shared<spdlog::async_logger>("footfall", std::make_shared<StandardError>(), made->pool,
                                                        spdlog::async_overflow_policy::overrun_oldest);
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

void stop(std::chrono::milliseconds wait) {
  if (sink == nullptr) return;
  Sink* const last = std::exchange(sink, nullptr);
  dropped_before = last->pool->overrun_counter();
  const auto written = std::make_shared<std::promise<void>>();
  auto is_written = written->get_future();
  // What waits is a thread of its own, since the pool's destructor may wait for ever. Without one nothing is waited
  // for.
  try {
    std::thread end([last, written] {
      last->pool.reset();  // writes what is queued, then joins: so the logger ends here, and not on that thread
      delete last;
      written->set_value();
    });
    is_written.wait_for(wait) == std::future_status::ready ? end.join() : end.detach();
  } catch (const std::system_error&) {
  }
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
  return unwritten.load(std::memory_order_relaxed) + (sink == nullptr ? dropped_before : sink->pool->overrun_counter());
}

}  // namespace footfall::base::log
