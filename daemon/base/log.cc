// SPDX-License-Identifier: Apache-2.0
// The log's sink: spdlog's asynchronous logger over standard error, 1024 lines of queue, the oldest dropped when full.
//
// Its thread writes to the descriptor, not by stdio: one that waits there for a pipe that nobody reads holds the lock
// of stderr, and exit() flushes stderr (by the destructor of iostreams, with glibc 2.41 also by itself), so it would
// wait too. Left behind, the thread touches nothing that an exit destroys: the sink is its own.
#include "base/log.h"

#include <poll.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <future>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "base/log_limit.h"
#include "base/thread_name.h"

namespace footfall::base::log {
namespace {

constexpr std::size_t kQueueLines = 1024;

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
    if (!write_all({message.payload.data(), message.payload.size()})) unwritten.fetch_add(1, std::memory_order_relaxed);
  }
  void flush_() override {}
};

// Lines are whole when they are queued: spdlog brings them here and nothing else.
struct Sink {
  explicit Sink(Format format_) : format(format_) {}
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;
  std::atomic<Format> format;
  LogLimit limit;
};

Sink* sink = nullptr;                 // set by start(), cleared by stop(), both while no other thread logs
std::uint64_t dropped_before = 0;     // by the sink that was stopped since the last start
std::uint64_t suppressed_before = 0;  // the same

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

}  // namespace

void start(Level level, Format format, std::uint32_t event_lines_max) {
  stop();
  dropped_before = suppressed_before = 0;
  unwritten = 0;
  auto made = std::make_unique<Sink>(format);
  made->pool = std::make_shared<spdlog::details::thread_pool>(kQueueLines, 1, [] { name_this_thread("log"); });
  made->logger = std::make_shared<spdlog::async_logger>("footfall", std::make_shared<StandardError>(), made->pool,
                                                        spdlog::async_overflow_policy::overrun_oldest);
  made->logger->set_level(to_spdlog(level));
  made->limit.set_lines_max(event_lines_max);
  sink = made.release();
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

void set_format(Format format) {
  if (sink != nullptr) sink->format = format;
}

void set_event_lines_max(std::uint32_t a_minute) {
  if (sink != nullptr) sink->limit.set_lines_max(a_minute);
}

void stop(std::chrono::milliseconds wait) {
  if (sink == nullptr) return;
  Sink* const last = std::exchange(sink, nullptr);
  dropped_before = last->pool->overrun_counter();
  suppressed_before = last->limit.suppressed();
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

void write(Level level, Event event, std::string_view message) {
  if (sink == nullptr || !sink->logger->should_log(to_spdlog(level))) return;
  using namespace std::chrono;
  const std::int64_t now_s = duration_cast<seconds>(steady_clock::now().time_since_epoch()).count();
  const auto suppressed = sink->limit.take(event.name(), now_s);
  if (!suppressed) return;
  const std::int64_t utc_ms = duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
  const std::string line = to_text({utc_ms, level, event.name(), message, *suppressed}, sink->format);
  sink->logger->log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

std::uint64_t dropped() {
  return unwritten.load(std::memory_order_relaxed) + (sink == nullptr ? dropped_before : sink->pool->overrun_counter());
}

std::uint64_t suppressed() {
  return sink == nullptr ? suppressed_before : sink->limit.suppressed();
}

}  // namespace footfall::base::log
