// SPDX-License-Identifier: Apache-2.0
// History: two tables in SQLite, bound parameters only, statements prepared once.
//
//   rankings  (site, dimension, day, epoch, label, checkpoint) -> count
//   audit     (sequence) -> change; checkpoint
//   progress  one row: the latest checkpoint that wrote here
//
// A late hit of a closed day makes a second row for its label, under a later checkpoint: readers sum.
// Unsigned 64-bit numbers are stored as the signed ones with the same bits; counts stay below 2^63.
// Tested by tests/unit/store/history_test.cc.
#include "store/history.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

namespace footfall::store {
namespace {

using base::Errc;
using base::Error;

constexpr int kFormatVersion = 1;

constexpr const char* kSchema = R"(
  CREATE TABLE IF NOT EXISTS rankings (
    site INTEGER NOT NULL, dimension INTEGER NOT NULL, day INTEGER NOT NULL,
    epoch_number INTEGER NOT NULL, epoch_reset INTEGER NOT NULL, label TEXT NOT NULL,
    checkpoint INTEGER NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (site, dimension, day, epoch_number, epoch_reset, label, checkpoint)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS audit (
    sequence INTEGER PRIMARY KEY, checkpoint INTEGER NOT NULL, id TEXT NOT NULL, at_s INTEGER NOT NULL,
    actor TEXT NOT NULL, action TEXT NOT NULL, site TEXT NOT NULL, reason TEXT NOT NULL,
    before TEXT NOT NULL, after TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS progress (one INTEGER PRIMARY KEY CHECK (one = 1), checkpoint INTEGER NOT NULL);
  INSERT OR IGNORE INTO progress VALUES (1, 0);
)";

// A prepared statement: bind in order, step, read in order.
class Statement {
 public:
  Statement() = default;
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement() { sqlite3_finalize(statement_); }

  int prepare(sqlite3* db, const char* sql) {
    return sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement_, nullptr);
  }
  Statement& begin() {
    sqlite3_reset(statement_);
    bound_ = 0;
    return *this;
  }
  Statement& bind(std::int64_t v) {
    sqlite3_bind_int64(statement_, ++bound_, v);
    return *this;
  }
  Statement& bind_u64(std::uint64_t v) { return bind(static_cast<std::int64_t>(v)); }
  // The text lives until the next begin().
  Statement& bind(std::string_view text) {
    sqlite3_bind_text64(statement_, ++bound_, text.data() == nullptr ? "" : text.data(), text.size(), nullptr,
                        SQLITE_UTF8);
    return *this;
  }
  // SQLITE_ROW, SQLITE_DONE or an error.
  int step() { return sqlite3_step(statement_); }
  // Runs it to its end; SQLITE_OK or an error.
  int run() {
    const int result = step();
    sqlite3_reset(statement_);
    return result == SQLITE_DONE || result == SQLITE_ROW ? SQLITE_OK : result;
  }
  std::int64_t number(int column) { return sqlite3_column_int64(statement_, column); }
  std::string text(int column) {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return bytes == nullptr ? std::string()
                            : std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
  }
  void end() { sqlite3_reset(statement_); }

 private:
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
};

// As [[number, reset id], ...], for json_each().
std::string json_of(const std::vector<counting::Epoch>& epochs) {
  std::string pairs = "[";
  for (const counting::Epoch& epoch : epochs) {
    if (pairs.size() > 1) pairs += ",";
    pairs += "[" + std::to_string(epoch.number) + "," + std::to_string(static_cast<std::int64_t>(epoch.reset_id)) + "]";
  }
  return pairs + "]";
}

}  // namespace

struct History::Impl {
  std::string path;
  sqlite3* db = nullptr;
  Statement begin, commit, rollback, latest, set_latest, delete_rankings, delete_audit, forget_rankings, forget_audit,
      add_ranking, add_audit, top, days_of, audit;

  ~Impl() {
    // Statements go first: their destructors run after this body, so the handle is closed by the deferring call.
    sqlite3_close_v2(db);
  }

  Error error(std::string_view what) const {
    const int code = sqlite3_errcode(db);
    const bool damaged = code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
    const bool full = code == SQLITE_FULL || (code == SQLITE_IOERR && sqlite3_system_errno(db) == ENOSPC);
    return Error{damaged ? Errc::corrupt
                 : full  ? Errc::no_room
                         : Errc::io,
                 path + ": " + std::string(what) + ": " + sqlite3_errmsg(db) +
                     (damaged ? "; move the file away, and a new one is begun (no total is kept in it)" : "")};
  }

  base::Result<void> open(const char* vfs) {
    // SQLite would make it as the umask says, and its log with the same permissions.
    if (vfs == nullptr && path != ":memory:") {
      if (const int made = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600); made >= 0) ::close(made);
    }
    if (sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, vfs) !=
        SQLITE_OK) {
      return error("cannot open");
    }
    sqlite3_busy_timeout(db, 5000);
    if (auto done = execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA trusted_schema=OFF;"); !done)
      return done;
    Statement version;
    if (version.prepare(db, "PRAGMA user_version") != SQLITE_OK || version.step() != SQLITE_ROW)
      return error("cannot read");
    if (const std::int64_t found = version.number(0); found > kFormatVersion) {
      return Error{Errc::newer_format, path + " is of format " + std::to_string(found) +
                                           ", and this release knows formats up to " + std::to_string(kFormatVersion) +
                                           "; start the release that wrote it"};
    } else if (found < kFormatVersion) {
      version.end();
      const std::string all = std::string("BEGIN IMMEDIATE;") + kSchema +
                              "PRAGMA user_version=" + std::to_string(kFormatVersion) + ";COMMIT;";
      if (auto done = execute(all.c_str()); !done) return done;
    }
    return prepare();
  }

  base::Result<void> execute(const char* sql) {
    if (sqlite3_exec(db, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return error("cannot prepare the file");
    return {};
  }

  base::Result<void> prepare() {
    const bool good =
        begin.prepare(db, "BEGIN IMMEDIATE") == SQLITE_OK && commit.prepare(db, "COMMIT") == SQLITE_OK &&
        rollback.prepare(db, "ROLLBACK") == SQLITE_OK &&
        latest.prepare(db, "SELECT checkpoint FROM progress") == SQLITE_OK &&
        set_latest.prepare(db, "UPDATE progress SET checkpoint = ?") == SQLITE_OK &&
        delete_rankings.prepare(db, "DELETE FROM rankings WHERE checkpoint > ?") == SQLITE_OK &&
        delete_audit.prepare(db, "DELETE FROM audit WHERE checkpoint > ?") == SQLITE_OK &&
        forget_rankings.prepare(db, "DELETE FROM rankings WHERE day < ?") == SQLITE_OK &&
        forget_audit.prepare(db, "DELETE FROM audit WHERE at_s < ?") == SQLITE_OK &&
        add_ranking.prepare(
            db,
            "INSERT INTO rankings (site, dimension, day, epoch_number, epoch_reset, label, checkpoint, count)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)") == SQLITE_OK &&
        add_audit.prepare(db,
                          "INSERT INTO audit (checkpoint, id, at_s, actor, action, site, reason, before, after)"
                          " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)") == SQLITE_OK &&
        top.prepare(db,
                    "SELECT label, sum(count) AS total FROM rankings"
                    " WHERE site = ?1 AND dimension = ?2 AND day BETWEEN ?3 AND ?4"
                    " AND (epoch_number, epoch_reset) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?5))"
                    " AND checkpoint <= ?7 GROUP BY label ORDER BY total DESC, label LIMIT ?6") == SQLITE_OK &&
        // CROSS JOIN: in this order, so that each day and epoch is one look into the primary key.
        days_of.prepare(
            db,
            "WITH RECURSIVE days(day) AS (SELECT ?3 UNION ALL SELECT day + 1 FROM days WHERE day < ?4),"
            " epochs(number, reset) AS (SELECT value ->> 0, value ->> 1 FROM json_each(?5))"
            " SELECT r.day, sum(r.count) FROM days CROSS JOIN epochs CROSS JOIN rankings r"
            " WHERE r.site = ?1 AND r.dimension = ?2 AND r.day = days.day AND r.epoch_number = epochs.number"
            " AND r.epoch_reset = epochs.reset AND r.label = ?6 AND r.checkpoint <= ?7"
            " GROUP BY r.day ORDER BY r.day") == SQLITE_OK &&
        audit.prepare(db,
                      "SELECT id, at_s, actor, action, site, reason, before, after FROM audit"
                      " ORDER BY sequence DESC LIMIT ?") == SQLITE_OK;
    return good ? base::Result<void>() : error("cannot prepare a statement");
  }

  base::Result<void> write(std::uint64_t base_checkpoint, std::uint64_t checkpoint, const std::vector<HistoryRow>& rows,
                           const std::vector<AuditEntry>& entries) {
    if (latest.begin().step() != SQLITE_ROW) return error("cannot read");
    const std::int64_t written = latest.number(0);
    latest.end();
    // Only an attempt that did not finish leaves rows beyond the base; else the search for them is saved.
    if (written > static_cast<std::int64_t>(base_checkpoint)) {
      if (delete_rankings.begin().bind_u64(base_checkpoint).run() != SQLITE_OK) return error("cannot delete");
      if (delete_audit.begin().bind_u64(base_checkpoint).run() != SQLITE_OK) return error("cannot delete");
    }
    for (const HistoryRow& row : rows) {
      add_ranking.begin()
          .bind(std::int64_t{row.site.value})
          .bind(static_cast<std::int64_t>(row.dimension))
          .bind(std::int64_t{row.day});
      add_ranking.bind(std::int64_t{row.epoch.number})
          .bind_u64(row.epoch.reset_id)
          .bind(row.label)
          .bind_u64(checkpoint);
      if (add_ranking.bind_u64(row.count).run() != SQLITE_OK) return error("cannot add a ranking");
    }
    for (const AuditEntry& entry : entries) {
      add_audit.begin().bind_u64(checkpoint).bind(entry.id).bind(entry.at_s).bind(entry.actor).bind(entry.action);
      add_audit.bind(entry.site).bind(entry.reason).bind(entry.before);
      if (add_audit.bind(entry.after).run() != SQLITE_OK) return error("cannot add to the audit log");
    }
    if (set_latest.begin().bind_u64(checkpoint).run() != SQLITE_OK) return error("cannot write");
    return {};
  }
};

History::History() : impl_(std::make_unique<Impl>()) {}
History::~History() = default;

base::Result<std::unique_ptr<History>> History::open(const std::string& path, const char* vfs) {
  std::unique_ptr<History> history(new History());
  history->path_ = path;
  history->impl_->path = path;
  if (auto opened = history->impl_->open(vfs); !opened) return opened.error();
  return history;
}

void History::close() {
  impl_.reset();
}

base::Result<void> History::reopen() {
  impl_ = std::make_unique<Impl>();
  impl_->path = path_;
  return impl_->open(nullptr);
}

base::Result<void> History::write_log_anew(base::FileSystem& files, const std::string& path) {
  constexpr std::size_t kStep = 1U << 20U;
  auto log = files.open(path + "-wal", base::OpenMode::read_write);
  if (!log) return log.error().code == Errc::not_found ? base::Result<void>() : log.error();
  for (std::uint64_t at = 0;;) {
    auto bytes = (*log)->read_at(at, kStep);
    if (!bytes) return bytes.error();
    if (bytes->empty()) return (*log)->sync();
    if (auto written = (*log)->write_at(at, *bytes); !written) return written;
    at += bytes->size();
  }
}

base::Result<void> History::record(std::uint64_t base_checkpoint, std::uint64_t checkpoint,
                                   const std::vector<HistoryRow>& rows, const std::vector<AuditEntry>& audit) {
  if (impl_->begin.begin().run() != SQLITE_OK) return impl_->error("cannot begin");
  auto written = impl_->write(base_checkpoint, checkpoint, rows, audit);
  if (written && impl_->commit.begin().run() != SQLITE_OK) written = impl_->error("cannot commit");
  if (!written) impl_->rollback.begin().run();
  return written;
}

base::Result<void> History::forget_before(counting::Day rankings_before, std::int64_t audit_before_s) {
  if (impl_->begin.begin().run() != SQLITE_OK) return impl_->error("cannot begin");
  base::Result<void> done;
  if (impl_->forget_rankings.begin().bind(std::int64_t{rankings_before}).run() != SQLITE_OK ||
      impl_->forget_audit.begin().bind(audit_before_s).run() != SQLITE_OK || impl_->commit.begin().run() != SQLITE_OK) {
    done = impl_->error("cannot forget what is old");
  }
  if (!done) impl_->rollback.begin().run();
  return done;
}

base::Result<std::vector<HistoryRow>> History::top(sites::SiteId site, const std::vector<counting::Epoch>& epochs,
                                                   counting::Dimension dimension, counting::Day from, counting::Day to,
                                                   std::size_t limit, std::uint64_t through) {
  const std::string pairs = json_of(epochs);
  Statement& query = impl_->top;
  query.begin().bind(std::int64_t{site.value}).bind(static_cast<std::int64_t>(dimension)).bind(std::int64_t{from});
  query.bind(std::int64_t{to}).bind(pairs);
  query.bind(static_cast<std::int64_t>(std::min<std::size_t>(limit, std::numeric_limits<std::int64_t>::max())));
  query.bind_u64(through);
  std::vector<HistoryRow> out;
  int result = SQLITE_ROW;
  while ((result = query.step()) == SQLITE_ROW) {
    HistoryRow& row = out.emplace_back();
    row.site = site;
    row.day = to;
    row.dimension = dimension;
    row.label = query.text(0);
    row.count = static_cast<std::uint64_t>(query.number(1));
  }
  query.end();
  if (result != SQLITE_DONE) return impl_->error("cannot read rankings");
  return out;
}

base::Result<std::vector<HistoryRow>> History::days_of(sites::SiteId site, const std::vector<counting::Epoch>& epochs,
                                                       counting::Dimension dimension, std::string_view label,
                                                       counting::Day from, counting::Day to, std::uint64_t through) {
  const std::string pairs = json_of(epochs);
  Statement& query = impl_->days_of;
  query.begin().bind(std::int64_t{site.value}).bind(static_cast<std::int64_t>(dimension)).bind(std::int64_t{from});
  query.bind(std::int64_t{to}).bind(pairs).bind(label).bind_u64(through);
  std::vector<HistoryRow> out;
  int result = SQLITE_ROW;
  while ((result = query.step()) == SQLITE_ROW) {
    out.push_back({site,
                   {},
                   static_cast<counting::Day>(query.number(0)),
                   dimension,
                   std::string(label),
                   static_cast<std::uint64_t>(query.number(1))});
  }
  query.end();
  if (result != SQLITE_DONE) return impl_->error("cannot read rankings");
  return out;
}

base::Result<std::vector<AuditEntry>> History::audit(std::size_t limit) {
  Statement& query = impl_->audit;
  query.begin().bind(static_cast<std::int64_t>(std::min<std::size_t>(limit, std::numeric_limits<std::int64_t>::max())));
  std::vector<AuditEntry> out;
  int result = SQLITE_ROW;
  while ((result = query.step()) == SQLITE_ROW) {
    out.push_back(AuditEntry{query.text(0), query.number(1), query.text(2), query.text(3), query.text(4), query.text(5),
                             query.text(6), query.text(7)});
  }
  query.end();
  if (result != SQLITE_DONE) return impl_->error("cannot read the audit log");
  return out;
}

base::Result<std::uint64_t> History::check() {
  Statement integrity;
  if (integrity.prepare(impl_->db, "PRAGMA integrity_check(1)") != SQLITE_OK || integrity.step() != SQLITE_ROW)
    return impl_->error("cannot be checked");
  if (const std::string found = integrity.text(0); found != "ok") {
    return Error{Errc::corrupt,
                 impl_->path + ": " + found + "; move the file away, and a new one is begun (no total is kept in it)"};
  }
  if (impl_->latest.begin().step() != SQLITE_ROW) return impl_->error("cannot read");
  const auto latest = static_cast<std::uint64_t>(impl_->latest.number(0));
  impl_->latest.end();
  return latest;
}

base::Result<void> History::copy_to(const std::string& path) {
  Statement copy;
  if (copy.prepare(impl_->db, "VACUUM INTO ?") != SQLITE_OK || copy.begin().bind(path).run() != SQLITE_OK)
    return impl_->error("cannot be copied");
  return {};
}

}  // namespace footfall::store
