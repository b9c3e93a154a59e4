// SPDX-License-Identifier: Apache-2.0
#include "footfall/client.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "cpp/batch_answer.h"
#include "cpp/connection.h"
#include "cpp/daemon_clock.h"
#include "cpp/hit_encoder.h"
#include "cpp/judge.h"

namespace footfall::client {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kHitBytesMax = std::size_t{60} << 10U;  // a line has at most 64 KiB
constexpr std::chrono::seconds kRetryAfterMax{300};
constexpr std::chrono::seconds kUndecidedMax{23 * 3'600};
constexpr milliseconds kTimeoutMax = std::chrono::hours{24 * 365};  // a clock can be added to it

// The batches under one name: of them one is on its way at a time, and the next number settles it.
struct Series {
  std::string name;
  std::uint64_t number = 0;  // of its latest batch

  std::string key(const std::string& node) const { return node + "/" + name + "/" + std::to_string(number); }
};

struct Item {
  std::uint32_t end = 0;  // in the body
  bool stamped = false;   // with the time at which it was given
};

struct Batch {
  std::string body;
  std::vector<Item> items;
  bool local_times = true;       // what was stamped is by this machine's clock; until it is first sent
  std::uint64_t order = 0;       // the how manieth; halves keep that of the whole
  std::optional<Series> series;  // of its key; none until it is first sent
  Standing standing;
  unsigned tries = 0;
  Clock::time_point not_before{};
  Clock::time_point undecided_since{};

  std::size_t bytes() const { return body.size() + items.size() * sizeof(Item); }
};

std::string drawn_name() {
  std::random_device device;
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "cpp-%08x%08x%08x%08x-", device(), device(), device(), device());
  return text.data();
}

Options within_bounds(Options options) {
  options.batch_items_max = std::clamp<std::size_t>(options.batch_items_max, 1, 10'000);
  options.batch_bytes_max =
      std::clamp<std::size_t>(options.batch_bytes_max, std::size_t{64} << 10U, std::size_t{4} << 20U);
  options.items_max = std::max(options.items_max, options.batch_items_max);
  // The body, where each item ends, and one more item.
  options.bytes_max = std::max(options.bytes_max, options.batch_bytes_max + options.batch_items_max * sizeof(Item));
  options.flush_interval = std::max(options.flush_interval, milliseconds{0});
  options.connect_timeout = std::max(options.connect_timeout, milliseconds{1});
  options.answer_timeout = std::max(options.answer_timeout, milliseconds{1});
  options.backoff_first = std::max(options.backoff_first, milliseconds{1});
  options.backoff_longest = std::max(options.backoff_longest, options.backoff_first);
  options.undecided_for = std::clamp(options.undecided_for, std::chrono::seconds{0}, kUndecidedMax);
  return options;
}

Address address_of(const Options& options) {
  Address address;
  const std::string why = parse_address(options.url, address);
  if (!why.empty()) throw std::invalid_argument(why);
  if (address.tls)
    throw std::invalid_argument("\"" + options.url + "\": TLS is not spoken here; use loopback, or a tunnel");
  if (options.token.empty() || options.token.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                               "0123456789-._~+/=") != std::string::npos)
    throw std::invalid_argument("the token is empty, or has bytes that no token has");
  return address;
}

}  // namespace

// The queue and its thread.
class Client::Sender {
 public:
  explicit Sender(Options options)
      : options_(within_bounds(std::move(options))),
        name_(drawn_name()),
        random_(std::random_device{}()),
        connection_(address_of(options_), options_.connect_timeout, options_.answer_timeout),
        thread_([this] { run(); }) {}
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;
  ~Sender() { close(options_.close_timeout); }

  bool add(const Hit& hit);
  bool flush(milliseconds timeout);
  Counts close(milliseconds timeout);
  Counts counts() const;

 private:
  using Lock = std::unique_lock<std::mutex>;

  // What came of sending something once.
  struct Outcome {
    Try tried;
    std::string trouble;  // if it settled nothing
    BatchAnswer answer;   // of a 200
    std::string refusal;  // otherwise: the problem's type
    bool replayed = false;
    std::chrono::seconds retry_after{0};
  };

  // All below REQUIRE the lock.
  void seal();
  bool no_room(std::size_t bytes) const;
  // The batch to be sent now, or none and when to look again.
  Batch* due(Clock::time_point& wake);
  bool until_settled(Lock& lock, std::uint64_t order, milliseconds timeout);
  void correct_times(Batch& batch);
  void take_series(Batch& batch);
  void give_series_back(Batch& batch);
  void settle(Batch& batch);
  void split(Batch& batch);
  void take_outcome(Batch& batch, const Outcome& outcome);
  void pause_all(const Outcome& outcome);
  milliseconds pause_after(unsigned tries);

  // The sender's thread, without the lock.
  void run();
  Outcome send(std::string_view key, std::string_view body);

  const Options options_;
  const std::string name_;
  const LocalClock local_clock_;
  std::mt19937_64 random_;
  Connection connection_;
  DaemonClock daemon_clock_;  // the sender's thread alone

  mutable std::mutex mutex_;
  std::condition_variable work_, room_, settled_;
  Batch open_;
  Clock::time_point opened_{};
  std::deque<Batch> queue_;  // only the sender's thread takes out, so what it looks at stays where it is
  std::size_t items_ = 0, bytes_ = 0;
  std::uint64_t batches_ = 0;
  std::uint64_t names_ = 0;    // of series, drawn so far
  std::vector<Series> spare_;  // of batches that are settled
  Clock::time_point pause_until_{};
  unsigned troubles_ = 0;  // tries in a row that ended in a pause of everything
  std::string node_;       // as the last answer said it
  bool closing_ = false, stopping_ = false, ended_ = false;
  Counts counts_;

  std::thread thread_;  // the last: it uses all of the above
};

bool Client::Sender::add(const Hit& hit) {
  thread_local std::string item;
  item.clear();
  const bool stamped = hit.time_s == Hit::kNow;
  append_hit(item, hit, stamped ? local_clock_.now_ms() / 1000 : hit.time_s);
  const std::size_t bytes = item.size() + sizeof(Item);
  Lock lock(mutex_);
  if (item.size() > kHitBytesMax) {
    ++counts_.dropped_too_large;
    return false;
  }
  while (!closing_ && no_room(bytes)) {
    if (options_.when_full == WhenFull::drop) {
      ++counts_.dropped_full;
      return false;
    }
    if (!open_.items.empty()) {  // room comes only from what is sent
      seal();
      work_.notify_one();
    }
    room_.wait(lock);
  }
  if (closing_) {
    ++counts_.dropped_closed;
    return false;
  }
  if (open_.body.size() + item.size() > options_.batch_bytes_max) seal();
  if (open_.items.empty()) opened_ = Clock::now();
  open_.body += item;
  open_.items.push_back({static_cast<std::uint32_t>(open_.body.size()), stamped});
  ++items_;
  bytes_ += bytes;
  ++counts_.taken;
  const bool first = open_.items.size() == 1;
  const bool full = open_.items.size() >= options_.batch_items_max;
  if (full) seal();
  lock.unlock();
  if (first || full) work_.notify_one();
  return true;
}

bool Client::Sender::no_room(std::size_t bytes) const {
  return items_ + 1 > options_.items_max || bytes_ + bytes > options_.bytes_max;
}

void Client::Sender::seal() {
  if (open_.items.empty()) return;
  open_.order = ++batches_;
  open_.standing.items = open_.items.size();
  open_.body.shrink_to_fit();
  open_.items.shrink_to_fit();
  queue_.push_back(std::exchange(open_, {}));
}

bool Client::Sender::until_settled(Lock& lock, std::uint64_t order, milliseconds timeout) {
  return settled_.wait_until(lock, Clock::now() + std::min(timeout, kTimeoutMax), [&] {
    return std::none_of(queue_.begin(), queue_.end(), [&](const Batch& batch) { return batch.order <= order; });
  });
}

bool Client::Sender::flush(milliseconds timeout) {
  Lock lock(mutex_);
  seal();
  work_.notify_one();
  return until_settled(lock, batches_, timeout);
}

Counts Client::Sender::close(milliseconds timeout) {
  {
    Lock lock(mutex_);
    if (ended_) return counts_;
    closing_ = true;
    room_.notify_all();
    seal();
    work_.notify_one();
    until_settled(lock, batches_, timeout);
    stopping_ = true;
    work_.notify_one();
  }
  connection_.interrupt();
  thread_.join();
  const Lock lock(mutex_);
  ended_ = true;
  counts_.abandoned += items_;
  items_ = bytes_ = 0;
  queue_.clear();
  return counts_;
}

Counts Client::Sender::counts() const {
  const Lock lock(mutex_);
  Counts counts = counts_;
  counts.waiting = items_;
  counts.waiting_bytes = bytes_;
  return counts;
}

Batch* Client::Sender::due(Clock::time_point& wake) {
  const auto now = Clock::now();
  wake = Clock::time_point::max();
  if (pause_until_ > now) {
    wake = pause_until_;
    return nullptr;
  }
  for (Batch& batch : queue_) {
    if (batch.not_before <= now) return &batch;
    wake = std::min(wake, batch.not_before);
  }
  // What is open goes on gathering while something else has to go first.
  if (open_.items.empty()) return nullptr;
  if (opened_ + options_.flush_interval <= now) {
    seal();
    return &queue_.back();
  }
  wake = std::min(wake, opened_ + options_.flush_interval);
  return nullptr;
}

void Client::Sender::run() {
  Lock lock(mutex_);
  while (!stopping_) {
    Clock::time_point wake;
    Batch* const batch = due(wake);
    if (batch == nullptr) {
      if (wake == Clock::time_point::max()) {
        work_.wait(lock);
      } else {
        work_.wait_until(lock, wake);
      }
      continue;
    }
    if (batch->standing.undecided && Clock::now() - batch->undecided_since > options_.undecided_for) {
      counts_.unknown += batch->items.size();
      counts_.last_trouble = "a batch was given up: " + counts_.last_trouble;
      settle(*batch);
      continue;
    }
    if (batch->standing.node.empty()) batch->standing.node = node_;
    std::string key;  // none: whose it is to be, an empty batch tells, which counts nothing
    if (!batch->standing.node.empty()) {
      if (!batch->series) take_series(*batch);
      correct_times(*batch);
      key = batch->series->key(batch->standing.node);
    }
    lock.unlock();
    const Outcome outcome = key.empty() ? send({}, {}) : send(key, batch->body);
    lock.lock();
    if (!outcome.tried.node.empty()) node_ = outcome.tried.node;
    if (!key.empty()) {
      take_outcome(*batch, outcome);
    } else if (outcome.tried.status != 200 || node_.empty()) {
      pause_all(outcome);
    }
  }
}

Client::Sender::Outcome Client::Sender::send(std::string_view key, std::string_view body) {
  const Address& address = connection_.address();
  std::string head = "POST " + address.base + "/v1/hits HTTP/1.1\r\nHost: " + address.host_field() +
                     "\r\nAuthorization: Bearer " + options_.token + "\r\nContent-Type: ";
  head += kBatchContentType;
  head += "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  if (!key.empty()) head.append("Idempotency-Key: ").append(key).append("\r\n");
  head += "\r\n";
  Outcome outcome;
  Answer answer;
  const std::int64_t sent_ms = local_clock_.now_ms();
  const Connection::Exchange exchange = connection_.exchange(head, body, answer);
  outcome.tried.end = exchange.end;
  outcome.trouble = exchange.trouble;
  if (exchange.end != Try::End::answered) return outcome;
  outcome.tried.status = answer.status;
  outcome.tried.node = answer.field("footfall-node");
  if (!outcome.tried.node.empty()) daemon_clock_.learn(sent_ms, local_clock_.now_ms(), answer.field("date"));
  const std::string_view retry_after = answer.field("retry-after");
  unsigned seconds = 0;
  std::from_chars(retry_after.data(), retry_after.data() + retry_after.size(), seconds);
  outcome.retry_after = std::min(std::chrono::seconds{seconds}, kRetryAfterMax);
  outcome.replayed = answer.field("idempotency-replayed") == "true";
  if (answer.status == 200) {
    outcome.trouble = address.text + " answered without Footfall-Node; is that footfalld?";
    if (!read_batch_answer(answer.body, outcome.answer)) {
      outcome.tried.end = Try::End::cut;
      outcome.trouble = address.text + " answered 200 with what is no answer of footfalld";
    }
    return outcome;
  }
  const Problem problem = read_problem(answer.body);
  outcome.trouble = address.text + " answered " + std::to_string(answer.status) +
                    (problem.detail.empty() ? "" : ": " + problem.detail.substr(0, 300));
  outcome.refusal = problem.type.empty() ? "status-" + std::to_string(answer.status) : problem.type;
  return outcome;
}

milliseconds Client::Sender::pause_after(unsigned tries) {
  auto span = options_.backoff_first;
  for (unsigned i = 1; i < tries && span < options_.backoff_longest; ++i) span *= 2;
  span = std::min(span, options_.backoff_longest);
  return milliseconds{std::uniform_int_distribution<milliseconds::rep>(span.count() / 2, span.count())(random_)};
}

void Client::Sender::pause_all(const Outcome& outcome) {
  ++counts_.retries;
  counts_.last_trouble = outcome.trouble;
  pause_until_ = Clock::now() + std::max<milliseconds>(pause_after(++troubles_), outcome.retry_after);
}

void Client::Sender::take_outcome(Batch& batch, const Outcome& outcome) {
  const bool was_undecided = batch.standing.undecided;
  const Next next = judge(outcome.tried, batch.standing);
  if (batch.standing.undecided && !was_undecided) batch.undecided_since = Clock::now();
  if (next == Next::counted) {
    const BatchAnswer& answer = outcome.answer;
    counts_.accepted += answer.accepted;
    counts_.bots += answer.bots;
    counts_.rejected += answer.rejected;
    for (const auto& [reason, hits] : answer.reasons) counts_.rejected_by[reason] += hits;
    if (outcome.replayed) ++counts_.batches_replayed;
    troubles_ = 0;
    return settle(batch);
  }
  if (next == Next::again) return pause_all(outcome);
  ++counts_.retries;
  counts_.last_trouble = outcome.trouble;
  if (next == Next::refused) {
    counts_.rejected += batch.items.size();
    counts_.rejected_by[outcome.refusal] += batch.items.size();
    return settle(batch);
  }
  if (next == Next::split) return split(batch);
  if (next == Next::rekey) batch.standing.node = outcome.tried.node;
  if (next == Next::reconnect) connection_.disconnect();
  batch.not_before = Clock::now() + std::max<milliseconds>(pause_after(++batch.tries), outcome.retry_after);
}

// From here on its bytes stay what they are.
void Client::Sender::correct_times(Batch& batch) {
  if (!std::exchange(batch.local_times, false)) return;
  const std::int64_t by_s = daemon_clock_.difference_s();
  if (by_s == 0) return;
  for (const Item& item : batch.items) {
    if (item.stamped) move_time(batch.body, item.end, by_s);
  }
}

void Client::Sender::take_series(Batch& batch) {
  if (spare_.empty()) spare_.push_back({name_ + std::to_string(++names_)});
  batch.series = std::move(spare_.back());
  spare_.pop_back();
  ++batch.series->number;
}

// It will never be sent again: also not where nobody knows what became of it.
void Client::Sender::give_series_back(Batch& batch) {
  if (batch.series) spare_.push_back(*std::exchange(batch.series, std::nullopt));
}

void Client::Sender::settle(Batch& batch) {
  give_series_back(batch);
  items_ -= batch.items.size();
  bytes_ -= batch.bytes();
  ++counts_.batches_settled;
  queue_.erase(std::find_if(queue_.begin(), queue_.end(), [&](const Batch& other) { return &other == &batch; }));
  room_.notify_all();
  settled_.notify_all();
}

void Client::Sender::split(Batch& batch) {
  give_series_back(batch);
  const std::size_t half = batch.items.size() / 2;
  const std::size_t cut = batch.items[half - 1].end;
  std::array<Batch, 2> halves;
  halves[0].body = batch.body.substr(0, cut);
  halves[1].body = batch.body.substr(cut);
  const auto middle = batch.items.begin() + static_cast<std::ptrdiff_t>(half);
  halves[0].items.assign(batch.items.begin(), middle);
  for (auto item = middle; item != batch.items.end(); ++item)
    halves[1].items.push_back({item->end - static_cast<std::uint32_t>(cut), item->stamped});
  for (Batch& part : halves) {
    part.local_times = false;
    part.order = batch.order;
    part.standing.items = part.items.size();
  }
  auto at = std::find_if(queue_.begin(), queue_.end(), [&](const Batch& other) { return &other == &batch; });
  *at = std::move(halves[0]);
  queue_.insert(at + 1, std::move(halves[1]));
}

Client::Client(Options options) : sender_(std::make_unique<Sender>(std::move(options))) {}
Client::~Client() = default;
bool Client::add(const Hit& hit) {
  return sender_->add(hit);
}
bool Client::flush(milliseconds timeout) {
  return sender_->flush(timeout);
}
Counts Client::close(milliseconds timeout) {
  return sender_->close(timeout);
}
Counts Client::counts() const {
  return sender_->counts();
}

}  // namespace footfall::client
