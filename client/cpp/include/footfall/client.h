// SPDX-License-Identifier: Apache-2.0
// footfall::client: hits that an application counts, sent to footfalld in the background.
//
//   footfall::client::Client footfall({.url = "http://127.0.0.1:8080", .token = token});
//   footfall.add({.site = "example.vn", .path = "/tin-tuc", .address = peer, .agent = agent});   // any thread, at once
//   ...
//   footfall.close(std::chrono::seconds(5));                                                     // sends what is left
//
// Hits gather in a batch, which is sent when it is full or old enough, one after another over one connection by one
// thread of the client's own.
//
//   add() -> [open batch] -> full, old, or flush() -> [batches that wait] -> POST /v1/hits -> settled: counted or
//   refused
//
// Counted once: each batch has an Idempotency-Key, INCARNATION/NAME/NUMBER, of the node that it is first sent to.
// Whatever happens to the connection or the daemon (a kill -9 included), the same bytes go to the same node under the
// same key until it says what became of them, so a restart loses no hit and counts none twice. An address behind which
// there are several nodes works, since a node refuses another's keys and the client connects again; one that leads to
// one node is quicker. The names are drawn at random; when a batch is settled the next number under its name is
// another's, and the node forgets the one before: so at any pace the client takes one place among the keys that a node
// keeps, and one more for each batch that waits apart for its own node.
//
// Every hit that add() took ends in one number of Counts: accepted, rejected by reason, unknown or abandoned. Hits live
// in memory alone: what an application has not sent when it is killed is lost.
//
// No exception leaves it but that of the constructor. TLS is not spoken: use loopback, or a tunnel.
// Tested by tests/unit/client_cpp/ and, with a daemon that is killed again and again, tests/integration/client_test.py.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace footfall::client {

enum class Kind : std::uint8_t { pageview, event, heartbeat };

// One hit; add() copies what it needs. Bytes that are no UTF-8 are sent as their latin-1 characters.
struct Hit {
  static constexpr std::int64_t kNow = std::numeric_limits<std::int64_t>::min();

  std::string_view site = {};      // as it is registered: "example.vn"
  std::string_view path = {};      // "/tin-tuc?x=1"; the daemon drops the query
  std::string_view referrer = {};  // a whole address; empty: none
  Kind kind = Kind::pageview;
  std::string_view name = {};     // of an event
  std::string_view address = {};  // the visitor's: "192.0.2.7"; empty: none. What is no address the daemon rejects
  std::string_view agent = {};    // the visitor's User-Agent; empty: none
  std::string_view visitor = {};  // stands for address and agent where there are none: any text
  // UTC seconds; what is over 5 s ahead of the daemon's clock it rejects. kNow: when add() was called, by the daemon's
  // clock, which its answers tell: this machine's may be wrong.
  std::int64_t time_s = kNow;
};

enum class WhenFull : std::uint8_t {
  drop,  // add() answers false, and the hit is in Counts::dropped_full
  block  // add() waits for room; once the client closes it drops
};

// Bounds below their minimum, or above their maximum, are set to it.
struct Options {
  std::string url = "http://127.0.0.1:8080";  // http://HOST[:PORT][/BASE] or unix:/PATH
  std::string token = {};                     // of scope ingest

  // A batch goes when it has so many items, so many bytes, or when its first hit is so old.
  std::size_t batch_items_max = 1'000;                  // 1 to 10,000
  std::size_t batch_bytes_max = std::size_t{1} << 20U;  // 64 KiB to 4 MiB, as it is sent
  std::chrono::milliseconds flush_interval{1'000};

  // All that was taken and is not settled, what is being sent included.
  std::size_t items_max = 100'000;                 // at least batch_items_max
  std::size_t bytes_max = std::size_t{64} << 20U;  // at least batch_bytes_max; as it is sent, and its bookkeeping
  WhenFull when_full = WhenFull::drop;

  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds answer_timeout{30'000};  // from the first byte sent to the last one received

  // Between tries, doubling from the first to the longest; each wait is drawn between half of it and all of it. A
  // Retry-After is waited for, up to five minutes.
  std::chrono::milliseconds backoff_first{50};
  std::chrono::milliseconds backoff_longest{10'000};

  // How long a batch whose outcome is not known is sent to its node again before its hits are counted as unknown. A
  // node keeps a key for 24 hours; past that the same batch could be counted twice. At most 23 hours.
  std::chrono::seconds undecided_for{23 * 3'600};

  // What the destructor waits for, if close() was not called.
  std::chrono::milliseconds close_timeout{5'000};
};

// From one moment. taken = accepted + rejected + unknown + abandoned + waiting.
struct Counts {
  std::uint64_t taken = 0;     // hits for which add() answered true
  std::uint64_t accepted = 0;  // counted, and kept; crawlers among them
  std::uint64_t bots = 0;      // of those accepted, crawlers that are counted apart
  std::uint64_t rejected = 0;
  std::uint64_t unknown = 0;    // given up after undecided_for: counted or not
  std::uint64_t abandoned = 0;  // not settled when the client was closed: counted or not
  std::uint64_t waiting = 0;    // in memory now
  std::size_t waiting_bytes = 0;
  std::map<std::string, std::uint64_t> rejected_by;  // reason -> hits; "unlisted": the daemon lists the first few alone

  std::uint64_t dropped_full = 0;       // not taken: no room
  std::uint64_t dropped_too_large = 0;  // not taken: over 60 KiB as it would be sent
  std::uint64_t dropped_closed = 0;     // not taken: the client was closing

  std::uint64_t batches_settled = 0;
  std::uint64_t batches_replayed = 0;  // of those, answered as counted before
  std::uint64_t retries = 0;           // tries that settled nothing
  std::string last_trouble = {};       // the latest of those, as a sentence; empty: none yet
};

// Ownership  owns its thread, its connection and what waits.
// Threading  every function may be called by any thread; close() and the destructor when no other call is under way.
// Errors     the constructor throws std::invalid_argument (url, token: bytes that no header may have) and
//            std::system_error (no thread, no descriptor).
class Client {
 public:
  explicit Client(Options options);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  // close(close_timeout)
  ~Client();

  // True: the hit was taken. Waits for nothing but, with WhenFull::block, for room.
  bool add(const Hit& hit);

  // Sends what was taken before, and waits until all of it is settled. False: it is not, after `timeout`.
  bool flush(std::chrono::milliseconds timeout);

  // flush(timeout), then ends. What is not settled is abandoned; a try that is under way is cut. Returns the counts at
  // the end, the same again if it is called again. A name server that does not answer can make it longer.
  Counts close(std::chrono::milliseconds timeout);

  Counts counts() const;

 private:
  class Sender;
  std::unique_ptr<Sender> sender_;
};

}  // namespace footfall::client
